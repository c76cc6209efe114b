// Package mobileid is the root of a module that carries one identity from a
// My Number card to a till: it reads the card, proves to an issuer that it was
// read, brings a signed mobile document (ISO/IEC 18013-5:2021) into a secure
// element over SCP03, presents it offline, and takes it away again when the
// phone changes hands.
//
// The root holds no code, only tests of the whole: the import rules and house
// rules (arch_test.go). Read docs/architecture.md first, then the package
// comments from the bottom up:
//
//   - mdoc and the packages under it: the language all parties speak, with no
//     network and no clock of its own
//   - issuer: a verified card reading in, a signed document out
//   - tsm: brings sealed documents into a secure element it cannot read; the
//     modelled secure element and its applet lie beside it
//   - verifier: a response and a policy in, a verdict out, offline
//   - cmd: the binaries, wiring only
//
// The card, the secure element and the TSM's reach to it are models. The card
// PKI says JPKI-TEST and every certificate made here says TEST: nothing issued
// by this module is a government record, and no real card data belongs in it.
package mobileid
