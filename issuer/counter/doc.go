// Package counter is the page of a municipal counter: the clerk's PC reads the card, the holder agrees, and the credential goes
// to the phone that scanned the QR code on the screen.
//
// A Counter is a web application for one browser on the same machine. It opens a session at the issuer, shows the invitation
// (package pairing), takes the code that the phone shows, reads the card through a Reader, and sends the evidence, bound to the
// phone's secure element. PINs come by POST from the page over loopback, go to the card, and are dropped; they reach neither
// the issuer nor a URL, a log or a page. What was read is held until it was sent, and shown once for the holder to agree.
// Nothing is written to disk. A visit ends with the holder, after the idle time, or with the process, and takes all it held
// with it. The flow and its threats are in docs/counter.md.
//
// Trusted: the machine and its operating system; the issuer behind Config.Issuer. Not trusted: other web pages in the same
// browser (Host, Origin, a token in each form, a strict Content-Security-Policy), other names for the loopback address,
// the card, and the phone.
//
// Not checked here: whether what was read is genuine. That is the issuer's judgement.
//
// Start at New; the server in front must listen on loopback only (Loopback).
package counter
