// Package pki makes, lints and judges the X.509 certificates and certificate revocation lists behind an mdoc: the profiles
// of ISO/IEC 18013-5:2021 Annex B and C (with the second edition's changes), and profiles of our own for secure elements and
// for the roots that the standard leaves open.
//
// Judgements are kept apart on purpose:
//
//   - [Lint] holds one certificate against every line of its profile. It is what an issuer runs before it releases a
//     certificate; a certificate in the field may fail it and still be genuine (the standard's own example
//     certificates write the CRL address as a dNSName).
//   - [Anchors.Check] decides trust: does this certificate lead to an anchor that was given, for this purpose, at this
//     time. It fails on everything an attacker could profit from and on nothing else; what it lets pass it names.
//   - [RevocationLists] tells whether a certificate is known to be revoked, from the CRLs at hand: revoked, not revoked, and
//     not known are three answers. It never fetches.
//
// What is trusted: the anchors handed to [NewAnchors], and nothing found inside a message. A path has exactly one
// link (path length 0 under the anchor), and the anchor itself is never part of the chain in a message; a chain that
// carries it fails, because a reader that skips certificates it was not meant to see can be made to skip others. A VICAL
// signer is the one exception: one CA and the root may come along. A new root is trusted when whoever keeps the trust list
// follows a link to it ([Anchors.Follow]), never because a message holds one.
//
// What is not checked: OCSP, delta and indirect CRLs (refused), and the revocation of roots, which leave the trust list
// instead. Revocation of what a certificate signed is the status list's task (package statuslist). Keys on X25519, which
// sign nothing, and on X448, Ed448 and the brainpool curves, which the Go library does not have, are refused by name.
//
// Every certificate made here has "TEST" in its common name, so that none passes for a government record.
//
// Start at [Create], [NewAnchors] and [Anchors.Check]; for revocation at [CreateCRL] and [RevocationLists].
package pki
