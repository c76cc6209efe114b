// Package scp03 is the GlobalPlatform secure channel between a server and a
// secure element, both ends: GlobalPlatform Card Technology, Secure Channel
// Protocol 03, Card Specification Amendment D 1.1.2 and 1.2 (GPC_SPE_014).
//
// Spoken here is all of it: AES-128, 192 and 256; challenges, cryptograms and MACs of 8 bytes (S8) and of 16 (S16); every
// "i" there is, with the card's challenge random or pseudo-random; security levels 01, 03, 11, 13 and 33. Level 00, which
// protects nothing, is refused by both ends. A host that names no level asks for 33: every command and every answer with
// MAC and encrypted. Whether a lower one is enough for a command is the application's to say, by [CardSession.Level].
//
// Start at [NewHost] for the server: InitializeUpdate, Authenticate, Opened, then
// Wrap and Unwrap, or Exchange. Each Wrap gives a [Ticket] for its answer, so a whole script can
// be wrapped before the first answer is there. Start at [NewCard] for the card. AppendWrap and AppendUnwrap of both ends do
// the same in buffers of the caller and allocate nothing.
//
// Trusted: the three static keys of the set, the randomness given, and on the card
// side the storage behind [KeySource], which holds the sequence counter and the
// count of failed authentications and must have them on disk before it returns.
// Nothing that arrives is trusted. The MAC is compared in constant time, before
// anything is decrypted or parsed; any fault ends the session and drops its keys. A command whose MAC is wrong costs the
// card the decryption it is spared, on bytes of its own, so that it takes as long as one with wrong padding behind a right
// MAC; and that one nobody without the keys can make. Published and patterned keys are refused by both ends; see [TestSet].
//
// Not checked: an error status word from a card carries no MAC in this protocol, so whoever relays the messages can turn an
// answer into an error: the host is told that a command was refused which the card carried out. That is all, since no command
// that changes anything is sent a second time for such a word: after 6Cxx [HostSession.Exchange] repeats what reads, and
// nothing else. Under levels without R-MAC no answer proves anything. The binding of a session to one logical channel and to one
// selected application is the business of whoever holds the [CardSession], as is joining a chained command. The sessions are
// not safe for concurrent use.
package scp03
