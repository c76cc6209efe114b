// Package reader is the proximity reader: from the text of a QR code to a judged response (ISO/IEC 18013-5:2021, 8.3.1,
// 9.1.1 and 9.1.4). It needs no network.
//
// One check is one [Exchange]: a fresh ephemeral key, one request signed with the reader's key, one response. The response
// is judged by package mdoc and by the policy profile over the transcript of what this reader itself sent and received, so
// a response recorded elsewhere or earlier cannot pass. When the response has been judged, the session is ended with status
// 20 and the decrypted bytes are overwritten; what remains are the verdict and, when the profile has staff compare faces
// and everything passed, the portrait.
//
// Trusted: the anchors and the status source given, and the clock. Not checked: who holds the phone. [Reader.Run] drives an
// exchange over a connection; [Reader.Begin] and [Exchange.Finish] are for callers that carry the two messages themselves.
package reader
