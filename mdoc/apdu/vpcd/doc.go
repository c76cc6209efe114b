// Package vpcd puts a card of software into a real PC/SC reader: the card's end of the protocol of vpcd, the virtual reader of the
// vsmartcard project, which pcscd loads as a driver. Any program that uses PC/SC then meets the card.
//
// No standard describes the protocol; it is that of vsmartcard's src/vpcd: over TCP, each message is a length of two bytes, big
// end first, and so many bytes. A message of one byte is a control: 0 power off, 1 power on, 2 reset, 4 asks for the ATR, the
// only one that is answered. Anything else is a command APDU, answered with a response APDU.
//
// Trusted: whoever listens at the address. There is no authentication and no encryption: loopback only.
//
// Not checked: what the card answers, so that readers can be shown anything. The misbehaviours Slow, Flaky and RemoveAfter are
// for that.
//
// Start with Serve and a Card.
package vpcd
