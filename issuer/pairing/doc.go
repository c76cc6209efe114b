// Package pairing joins a phone to the visit of its holder at a municipal counter before the card is tapped.
//
// The counter opens a session and shows an Invitation as a QR code. The phone that reads it takes the session up with the
// id of its secure element, and gets a code of six digits to show. The clerk types the code that the holder's phone shows;
// only then is there a challenge for the card, bound to that element. An invitation is taken up once and lives minutes; a
// second phone gets nothing, and a phone that took up a photographed invitation has a code that nobody at the counter
// reads out. The format of the invitation is this project's own, docs/counter.md.
//
// Sessions live in memory, bounded in number and in time: a process that ends has forgotten them, and the clerk starts again.
// They hold no personal data but the element's id.
//
// Not checked here: who may open a session (the issuer asks for an operator's token), and whether the phone has the element it
// names; the element's attestation proves that later.
//
// Start at NewBoard.
package pairing
