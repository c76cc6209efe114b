# One image for each binary: docker build --target issuer .
# The final images hold one static binary, root certificates and an empty
# folder for state; no shell, no keys, no settings. Mount settings at /config
# and state at /state. Both secrets and state stay out of the build context
# (.dockerignore).

FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags=-buildid= -o /out/ ./cmd/... \
 && mkdir -p /out/state

FROM scratch AS base
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build --chown=65532:65532 /out/state /state
WORKDIR /state
USER 65532:65532

FROM base AS issuer
COPY --from=build /out/mobileid-issuer /mobileid-issuer
EXPOSE 8080
ENTRYPOINT ["/mobileid-issuer"]
CMD ["-config", "/config/settings.json"]

FROM base AS tsm
COPY --from=build /out/mobileid-tsm /mobileid-tsm
EXPOSE 8080
ENTRYPOINT ["/mobileid-tsm"]
CMD ["-config", "/config/settings.json"]

FROM base AS verifier
COPY --from=build /out/mobileid-verifier /mobileid-verifier
EXPOSE 8080
ENTRYPOINT ["/mobileid-verifier"]
CMD ["-config", "/config/settings.json"]

FROM base AS wallet
COPY --from=build /out/mobileid-wallet /mobileid-wallet
ENTRYPOINT ["/mobileid-wallet"]

FROM base AS mobileid
COPY --from=build /out/mobileid /mobileid
ENTRYPOINT ["/mobileid"]
CMD ["demo"]
