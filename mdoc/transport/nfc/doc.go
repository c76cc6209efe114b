// Package nfc carries the messages of a proximity session as APDUs (ISO/IEC 18013-5:2021, 8.3.3.1.2; second edition draft,
// 11.2): the reader sends a message as a chain of ENVELOPE commands, and the answer comes in the response to the last of
// them and in those to GET RESPONSE.
//
// [Connect] is the reader's end, over an [apdu.Transmitter]. [Mdoc] is the other: its Transmit takes the commands that the
// platform's card emulation hands over, its Send and Receive are for the wallet. Both ends are a [transport.Conn] with one
// restriction that lies in NFC: the mdoc speaks once for each message of the reader.
//
// Nothing that comes over the radio is trusted: commands and responses are parsed strictly, messages are bounded, and what
// is out of order is answered with a status word or ends the connection. Nothing here authenticates; that is the session's
// business. NFC engagement and handover are not here.
package nfc
