// Package httpapi is the issuer's REST API, described in schemas/issuer-openapi.yaml.
//
//	POST /v1/transactions                wallet: a challenge              -> 201 JSON
//	POST /v1/transactions/{id}/evidence  wallet: CBOR, transaction token  -> 202 JSON
//	GET  /v1/transactions/{id}           wallet: transaction token        -> 200 JSON
//	POST /v1/attestations                TSM: COSE                        -> 200 sealed credential
//	POST /v1/receipts                    TSM: COSE                        -> 204
//	POST /v1/handovers                   desk: JSON, operator token       -> 200 COSE handover receipt
//	POST /v1/suspensions, /resumptions   desk: JSON, operator token       -> 200 JSON
//	GET  /v1/status-lists/{n}            anyone: CWT                      -> 200
//	GET  /v1/trust/iaca.pem              anyone                           -> 200 PEM
//	GET  /v1/trust/iaca.crl              anyone                           -> 200 CRL, 404 if none is published
//	GET  /livez, /readyz
//
// The doors of the TSM are served at an address of their own, where only it gets to: package cmd/internal/link, mutual TLS.
// They ask for no credential besides: an attestation or a receipt is signed by a secure element, answers one order, and
// what goes back can be opened by that element only.
//
// Every failure is a problem document (RFC 9457) with a stable code. It names the field or the checks, never a received
// value. What went wrong inside is logged under the request's id, without bodies, path values or headers. Bodies are bounded
// and compressed ones refused. The package limits no rates and terminates no TLS; package cmd/internal/serve is the server
// around it.
//
// Start at Public and TSM; New is both on one address.
package httpapi
