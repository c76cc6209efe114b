// Package issuer turns a checked card reading into a signed mdoc (docType org.iso.23220.1.jp.mnc, ISO/IEC 18013-5) in a
// secure element.
//
// The way of a credential: Start gives a wallet a challenge. Evidence takes what the tap gave, uses the challenge up,
// checks the reading and orders the TSM to make keys in the secure element. Attested takes the SE's attestation of those
// keys and answers with the credential, sealed to the SE. Receipt takes the SE's word that it holds it. State tells the
// wallet how far it is. Handover, Suspend and Resume are the revocation desk's.
//
// # Order of things
//
// Row first, signature second, delivery third. A credential is recorded with its status index, synced to disk, before it
// is signed; what is signed is checked with the verifier's own code; it is released only if the device's revocation epoch
// has not moved since the order. A crash between row and signature burns the index. After the signature, the same
// attestation for the same order gets the same sealed bytes, or, when the outcome could not be recorded, a clean signature
// under a new row and a new index. There are never two signatures for a row, never an index twice, and nothing is signed
// without a row.
//
// # Personal data
//
// The checked identity lives in memory only, bound to its order, bounded in number and in time, and is dropped when the
// credential is signed and sealed. Nothing personal is written to disk: a process that dies before signing has forgotten the
// person, and the wallet starts again with a new tap. The individual number is issued only when the reading holds it and
// its own consent was given, and is dropped with the identity. In rows, a person is a keyed hash of the signature
// certificate's issuer and serial number, a device a keyed hash of its SE id. Errors and logs carry none of it.
//
// # Trust
//
// Trusted: the card roots, the SE roots and the issuing authority's own anchors of Config; the clock; the store. Not
// trusted: the wallet, the TSM, and everything either sends. Who talks to the desk's methods proves it with an operator's
// token. Rates are not limited here beyond the bounds on open transactions and held identities.
//
// Start at New, then Service.Start.
package issuer
