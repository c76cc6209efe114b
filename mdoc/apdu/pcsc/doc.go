// Package pcsc reaches smart cards in real readers through pcscd, the PC/SC daemon of Linux and the BSDs: an apdu.Transmitter
// over its Unix socket, in Go alone.
//
// It speaks the daemon's own message protocol, which pcsc-lite's client library hides and no standard describes. The layouts are
// those of pcsc-lite's src/winscard_msg.h, versions 4.3 to 4.6 (pcscd 1.8.9 to 2.5); the calls behind them are those of PC/SC
// Workgroup, Interoperability Specification for ICCs and Personal Computer Systems, part 5.
//
// Trusted: the daemon, to pass bytes on unchanged and to keep other programs out of a transaction. Not trusted: what it sends;
// every size is bounded before memory is taken, and an answer that cannot be is an error, never a panic.
//
// Not checked: which card answers, and what its ATR says: a contactless ATR is written by the reader. SELECT tells.
//
// No call waits longer than its context or Options.Timeout. After a time-out the connection is gone, because the answer might
// still come and be taken for that of the next command; a new Connect is a new connection.
//
// Start with New, then Client.WaitCard and Client.Connect.
package pcsc
