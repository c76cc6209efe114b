// Package apdu is the language smart cards and secure elements speak:
// ISO/IEC 7816-4:2020 command and response pairs in short and extended length,
// the class byte, status words, and BER-TLV data objects.
//
// It is used at both ends. A host builds a [Command], hands its bytes to a
// [Transmitter] through [Exchange] and reads the [Response]; a card parses the
// command with [ParseCommand] and answers with [Response.Bytes].
//
// Nothing here is trusted and nothing is authenticated: every parser takes
// bytes from a stranger, refuses what is not exactly well-formed, and bounds
// what it reads by the sizes the standard allows. Secure messaging is the
// business of the packages above.
//
// Not checked: whether the instruction and the data fit each other, and whether
// a TLV tag has the meaning the caller wants. Command chaining (class bit 10) is
// shown by [Command.Chained] and not joined here.
package apdu
