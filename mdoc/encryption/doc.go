// Package encryption seals answers to a key of the reader by HPKE (RFC 9180): the encrypted documents of ISO/IEC 18013-5
// second edition, 12.6, and the request and answer of ISO/IEC TS 18013-7, Annex C (the protocol org-iso-mdoc of the Digital
// Credentials API).
//
// One suite is used everywhere: base mode, DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-128-GCM, one message for each
// key agreement, no aad. The info is the encoded SessionTranscript, so an answer opens only in the session it was made for.
//
// The package trusts the key it is told to seal to: who stands behind it is for reader authentication to say. Base mode
// does not authenticate the sender either: what was opened is proved by issuer and device authentication, which package
// mdoc checks over the same transcript. Documents inside stay as received, undecoded.
//
// Start at [SealDocuments] and [OpenDocuments], for Annex C at [NewEncryptionInfo], [SealResponse] and [OpenResponse].
package encryption
