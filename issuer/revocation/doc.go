// Package revocation takes credentials back: the change-of-phone flow, suspension, and the status list that tells the
// world. The list is the Token Status List of ISO/IEC 18013-5 second edition 12.3.6 (CWT form, one bit an entry).
//
// Three parts: Desk is what an operator may ask for, and who is one; Publisher builds and signs the list; Permutation
// gives each credential a position that tells nothing about when it was issued.
//
// A revocation is durable before it is answered, and so is the order to empty the secure element. The list that shows
// it is signed in the same call. The published list tells valid or not; why a credential ended is kept inside, since
// "dead or abroad" is personal data. A suspended credential reads as not valid and later as valid again, because the
// mdoc profile has one bit.
//
// Trusted: the store, the clock, and whoever holds an operator's token. Not done here: deciding whether the person
// before the operator may ask; that is the desk's own procedure. Verifiers that are offline learn of a revocation at
// their next refresh, at the latest when the list they hold expires.
//
// Start at Desk.Handover.
package revocation
