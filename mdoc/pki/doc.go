// Package pki makes, lints and judges the X.509 certificates behind an mdoc: the certificate profiles of
// ISO/IEC 18013-5:2021 Annex B (with the second edition's changes), and two profiles of our own for secure elements.
//
// Two judgements are kept apart on purpose:
//
//   - [Lint] holds one certificate against every line of its profile. It is what an issuer runs before it releases a
//     certificate; a certificate in the field may fail it and still be genuine (the standard's own example
//     certificates write the CRL address as a dNSName).
//   - [Anchors.Check] decides trust: does this certificate lead to an anchor that was given, for this purpose, at this
//     time. It fails on everything an attacker could profit from and on nothing else.
//
// What is trusted: the anchors handed to [NewAnchors], and nothing found inside a message. A path has exactly one
// link (path length 0 under the anchor), and the anchor itself is never part of the chain in a message; a chain that
// carries it fails, because a reader that skips certificates it was not meant to see can be made to skip others.
//
// What is not checked: certificate revocation lists. No check id claims it. Revocation of what a certificate signed is
// the status list's task (package statuslist); a document signer is taken out of use by taking it from the trust list.
// X25519, X448, Ed448 and the brainpool curves are refused by name, since the Go library has none of them.
//
// Every certificate made here has "TEST" in its common name, so that none passes for a government record.
//
// Start at [Create], [NewAnchors] and [Anchors.Check].
package pki
