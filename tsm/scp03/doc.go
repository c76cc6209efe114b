// Package scp03 is the GlobalPlatform secure channel between a server and a
// secure element, both ends: GlobalPlatform Card Technology, Secure Channel
// Protocol 03, Card Specification Amendment D 1.1.2 (GPC_SPE_014).
//
// Spoken here: challenges, cryptograms and MACs of 8 bytes ("S8"), AES-128, 192
// and 256, the card's challenge pseudo-random with a sequence counter (i = 70) or
// random (i = 60), and security level 33 alone: every command carries a MAC and is
// encrypted, every answer is too. A server that could be talked into less would
// show personal data on the bus, so the other levels are refused at both ends.
//
// Start at [NewHost] for the server: InitializeUpdate, Authenticate, Opened, then
// Wrap and Unwrap. Each Wrap gives a [Ticket] for its answer, so a whole script can
// be wrapped before the first answer is there. Start at [NewCard] for the card.
//
// Trusted: the three static keys of the set, the randomness given, and on the card
// side the storage behind [KeySource], which holds the sequence counter and the
// count of failed authentications and must have them on disk before it returns.
// Nothing that arrives is trusted. The MAC is compared in constant time, before
// anything is decrypted or parsed; any fault ends the session and drops its keys.
//
// Not checked: an error status word from a card carries no MAC in this protocol, so
// whoever relays the messages can turn an answer into an error (and only into
// that). The binding of a session to one logical channel and to one selected
// application is the business of whoever holds the [CardSession]. The sessions are
// not safe for concurrent use.
package scp03
