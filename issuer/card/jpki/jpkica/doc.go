// Package jpkica makes what the certification authorities of 公的個人認証サービス make: certificates of holders on card and phone, revocation
// lists and OCSP answers, in the profile of the real ones with O=JPKI-TEST. The profile document is not public; what stands here was
// taken from certificates and from what readers parse, and for phones completed by a choice (docs/conformance.md).
//
// It knows no holder and keeps no state: serial numbers, validity, who is revoked and since when are the caller's. Keys are crypto.Signer with
// RSA keys. Lists are full lists with reasons (RFC 5280, 5); a responder signs with a key that the CA delegated (RFC 6960, 4.2.2.2).
//
// Start at [Profile], [CA] and [Responder].
package jpkica
