// Package session is the encrypted session of a proximity presentation: cipher suite 1 of ISO/IEC 18013-5:2021, 9.1.1,
// both ends (second edition draft, 12.2).
//
// Each phase is a type, so that a wrong call does not compile: a [Reader] has read an engagement and can only establish,
// which gives a [ReaderSession]; a [Device] shows an engagement and can only accept, which gives a [DeviceSession].
// Sessions hold the keys until they end; every ending (a status code, a message that does not open, Terminate) forgets
// them, and nothing can be sent or read afterwards.
//
// Rules enforced here: each direction has its own key, identifier and counter; a counter starts at 1, rises by one with
// each message, is never used twice and ends the session before it would wrap; the reader's key is a fresh uncompressed
// point on the curve of the device's key. A message that was reflected, replayed, reordered, skipped or made by the wrong
// role does not open under the next counter and ends the session.
//
// The package trusts only the engagement the caller read. It does not judge who the other side is: that is reader
// authentication and mdoc authentication, computed over [transcript.Transcript]. It does not wait: time-outs are the
// caller's. Keys are dropped and our copies overwritten, but Go's runtime may have copied them; memory protection is the
// platform's.
package session
