// Package engagement reads and writes DeviceEngagement, the first thing a holder's device shows a reader: its ephemeral
// key and the radios it can be reached by (ISO/IEC 18013-5:2021, 8.2.1 and 9.1.1; second edition draft, 9.1 and 9.3).
//
// Version 1.0 is written, and 1.1 where an engagement has origin infos or capabilities. Versions 1.x are read: members this
// package does not know are kept with the bytes and have no effect. The bytes are never encoded again, because the session
// keys depend on them. The reader engagement of a website (ISO/IEC TS 18013-7, Annex A) is here too; packages ndef and
// handover carry an engagement over NFC.
//
// Nothing here is authenticated: an engagement is whatever stood in the QR code. The package checks its form, that the
// ephemeral key lies on its curve, and sizes. It opens no radio.
//
// Start at [ParseURI] on the reader's side, [New] on the device's side, and [ParseReaderURI] for a website.
package engagement
