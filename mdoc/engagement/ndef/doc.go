// Package ndef reads and writes NDEF messages (NFC Forum, NFC Data Exchange Format 1.0), the form in which an engagement
// goes over NFC (ISO/IEC 18013-5:2021, 8.2.2.1).
//
// Every byte may come from a stranger's radio. Lengths are checked before anything is read, messages and the number of
// records are bounded, flags must be exactly those of a whole message, and records in chunks are refused: nothing that
// fits an engagement needs them. Nothing is authenticated here. Whether a type names what the payload holds is the
// business of package handover.
//
// Start at [Parse] and [Append].
package ndef
