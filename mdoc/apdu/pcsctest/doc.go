// Package pcsctest gives tests and benchmarks a PC/SC daemon of their own: Debian's pcscd on a private socket, with one virtual
// reader on a free port, and cards of software to put into it.
//
// The daemon is started as systemd would do it, with a listening socket handed over, so that several run side by side and beside
// the machine's own. A client that comes before the daemon is ready waits in the socket: nothing is polled and nobody sleeps. It
// ends with the test; should the test be killed, a shell that waits for that ends the daemon and removes its folder.
//
// Needed: Debian's pcscd and vsmartcard-vpcd, which `make packages` installs. pcscd wants the folder /run/pcscd for a file with
// its process number; only root can make it.
//
// Trusted: the programs started. Not for production: the virtual reader of Debian listens on all addresses.
//
// Start with Run in a test, Start elsewhere.
package pcsctest
