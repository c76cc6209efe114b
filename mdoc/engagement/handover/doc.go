// Package handover is NFC engagement: the mdoc hands over to another radio, or to NFC itself, by the connection handover of
// the NFC Forum (ISO/IEC 18013-5:2021, 8.2.2.1; second edition draft, 9.2; Connection Handover 1.5, Tag NDEF Exchange
// Protocol 1.0, Type 4 Tag 1.2).
//
// [Tag] is the mdoc, a command processor for the platform's card emulation; [Reader] reads it. Both take static and
// negotiated handover and end with a [Handover]: the messages for the session transcript, the device engagement and the
// ways to reach the mdoc. No radio is driven here and no data is transferred; packages transport/ble and transport/nfc are
// for that.
//
// Nothing here is authenticated. Every byte of the other end is parsed strictly and bounded, and the number of times a
// reader asks a tag that is not ready is too; that the messages were not changed on the way shows in the session, whose
// keys depend on them. The bytes of messages and engagement are kept as received and never encoded again.
package handover
