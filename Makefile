# Few targets, each one obvious. `make` alone lists them.

GO              ?= go
FUZZTIME        ?= 10s
TEST_TIMEOUT    ?= 8m
IMAGE_TARGETS   ?= issuer tsm verifier wallet mobileid
# The command that builds an image; empty takes buildah or docker, whichever is there.
IMAGE_BUILD     ?=
TOOL            := $(GO) tool -modfile=tools.mod

# Debian packages the tests need besides Go: a C compiler for -race; the PC/SC daemon, its virtual reader and other people's card tools; a
# browser and a JPEG 2000 decoder for the counter's page; a hardware security module of software.
DEBIAN_PACKAGES ?= gcc libc6-dev pcscd vsmartcard-vpcd opensc openssl chromium libopenjp2-tools softhsm2 python3-pyscard python3-cryptography
# What is built a second time with the tag pkcs11, which needs cgo: the services that may keep their keys in a module, and their tests.
PKCS11_SERVICES ?= issuer tsm
PKCS11_PACKAGES ?= $(PKCS11_SERVICES:%=./cmd/mobileid-%)
# Folders whose package-lock.json names npm packages that tests run.
NPM_FOLDERS     ?= mdoc/mdoctest/npm/testdata
# Tests that count, and the packages they are in.
NUMBERS         ?= Torn|Kill|Tamper|Secrets|Foreign|Canaries|EveryPerson|E[1-9]|Recorded|HostTraces|Guess|RandomCommands|HostileAnswers|CrossElement|DuplicateDelivery|TwoManagers|PulledAt|ReaderPulled|KeysStay|EvidenceAttacks|EveryAnswerLength|CardPulled|RestoredImage
NUMBERED        ?= ./mdoc ./tsm ./tsm/applet ./tsm/gp/manager ./tsm/jpkiapplet ./tsm/scp03 ./tsm/se ./issuer ./issuer/card ./cmd/mobileid-tsm ./cmd/mobileid-wallet ./cmd/mobileid/internal/demo

.DEFAULT_GOAL := help
.PHONY: help build build-pkcs11 demo test numbers lint bench vectors fuzz mutate cover image clean packages

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' Makefile

build: ## all binaries, static, into bin/
	@mkdir -p bin
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/ ./cmd/...

build-pkcs11: ## mobileid-issuer-pkcs11 and mobileid-tsm-pkcs11, whose keys may be in a PKCS#11 module; needs a C compiler
	@mkdir -p bin
	@for service in $(PKCS11_SERVICES); do \
	  CGO_ENABLED=1 $(GO) build -tags pkcs11 -trimpath -o bin/mobileid-$$service-pkcs11 ./cmd/mobileid-$$service || exit 1; \
	done

demo: ## card to till in one process, over loopback; CARD=pcsc reads the card through pcscd
	@mkdir -p bin
	@$(if $(filter pcsc,$(CARD)),.ci/packages pcscd vsmartcard-vpcd)
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/mobileid ./cmd/mobileid
	bin/mobileid demo $(if $(CARD),--card $(CARD))

test: packages ## everything that must hold: vet, then all tests with the race detector
	$(GO) vet ./...
	CGO_ENABLED=1 $(GO) vet -tags pkcs11 ./cmd/internal/hsm $(PKCS11_PACKAGES)
	CGO_ENABLED=1 $(GO) test -race -timeout $(TEST_TIMEOUT) ./...
	CGO_ENABLED=1 $(GO) test -race -tags pkcs11 ./cmd/internal/hsm
	CGO_ENABLED=1 $(GO) test -race -tags pkcs11 -run Module $(PKCS11_PACKAGES)
	@$(MAKE) --no-print-directory numbers

numbers: ## what the tear, kill, tamper and canary tests counted
	@mkdir -p bin
	@$(GO) test -v -run '$(NUMBERS)' $(NUMBERED) >bin/numbers.txt 2>&1 || { cat bin/numbers.txt; exit 1; }
	@grep -E '^(kill test| +[a-z0-9_]+_test\.go:[0-9]+:).*[0-9]' bin/numbers.txt
	@for attack in E1 E2 E3 E4 E5 E6 E7 E8 E9; do \
	  grep -Eq "_test\.go:[0-9]+: $$attack: .*[0-9]" bin/numbers.txt || { echo "no line of $$attack in bin/numbers.txt: which test counts it?"; exit 1; }; \
	done

packages:
	@.ci/packages $(DEBIAN_PACKAGES)
	@.ci/npm $(NPM_FOLDERS)

lint: ## gofmt, vet, staticcheck, golangci-lint
	@unformatted="$$(gofmt -l .)"; test -z "$$unformatted" || { echo "gofmt would change:"; echo "$$unformatted"; exit 1; }
	$(GO) vet ./...
	$(TOOL) staticcheck ./...
	$(TOOL) golangci-lint run ./...
	CGO_ENABLED=1 $(TOOL) golangci-lint run --build-tags pkcs11 ./cmd/internal/hsm/... $(PKCS11_PACKAGES)

bench: ## print figures, one "figure NAME VALUE" a line
	@mkdir -p bin
	@.ci/packages pcscd vsmartcard-vpcd
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/mobileid ./cmd/mobileid
	bin/mobileid bench

vectors: ## change values of the published vectors, one by one; a test must notice each
	@$(GO) run ./mdoc/mdoctest/vectorcheck

fuzz: ## every fuzz target for FUZZTIME (10s)
	@.ci/fuzz $(FUZZTIME)

mutate: ## take each check of the verifier away in turn: a test must notice
	$(GO) run ./mdoc/mdoctest/mutate

cover: ## statement coverage, by package and in all
	$(GO) test -coverprofile=coverage.out ./...
	@$(GO) tool cover -func=coverage.out | tail -n 1

image: ## one image for each service, with buildah or docker
	@if [ -n "$(IMAGE_BUILD)" ]; then build="$(IMAGE_BUILD)"; \
	elif command -v buildah >/dev/null; then build="buildah bud"; \
	elif command -v docker >/dev/null; then build="docker build"; \
	else echo "make image: needs buildah or docker" >&2; exit 1; fi; \
	for target in $(IMAGE_TARGETS); do \
	  echo "$$build $$target"; $$build --target $$target --tag mobileid-$$target:local . || exit 1; \
	done

clean: ## remove what make wrote
	rm -rf bin coverage.out
