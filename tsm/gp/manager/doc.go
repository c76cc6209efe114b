// Package manager is a host that manages the content of a card after GlobalPlatform Card Specification 2.3.1 over SCP03
// (Amendment D), exchange by exchange: for people at a reader and for tests. The TSM, which sends scripts through a
// phone, has its own way of sending the same commands.
//
// Start at [Look], which needs no keys, and [Connect]; then [Session.List], [Session.Load], [Session.Install],
// [Session.Delete], [Session.PutKeys], [Session.Lock].
//
// It copes with what cards of the field do: pages of GET STATUS cut inside an entry, 61xx and 6Cxx, a card that answers
// SELECT with 6283 because it is locked, one that does not tell the size of its blocks, INSTALL, LOAD and DELETE answered with
// nothing, 00 or a receipt, GET DATA objects that are missing.
//
// Trusted: the caller's keys. What a card says before its cryptogram is proved, and all of Look, is its word only.
//
// Not checked: whether a loaded file is what it says; receipts, whose key the caller has.
//
// A failed authentication is never tried again: cards block after some.
package manager
