// Package hsm opens the keys that settings name by a URI: file:PATH, a key in a file of its owner alone, and pkcs11:…
// (RFC 7512), a key in a hardware security module that never gives it away.
//
//	pkcs11:token=tsm;object=scp03-48?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/etc/mobileid/pin
//
// A master key of the TSM is an AES-256 secret key; the derivation of an element's key set is AES-CMAC inside the module
// ([Opener.CMAC], miekg/pkcs11). A signing key is an ECDSA key pair ([Opener.Signer], crypto11). Both must be sensitive
// and not extractable, or they are refused. The PIN comes from a file of its owner alone, stands in no URI, no error and
// no log, and is never tried when the token says that one try is left, nor twice when it was wrong.
//
// PKCS #11 modules are C libraries: the code that reaches them needs cgo and is built with the tag pkcs11 only (make
// build-pkcs11). A binary without it takes file: alone and says which one to run.
//
// What is trusted: the module at module-path, which runs inside the process. What is not checked: how the module keeps
// its keys.
//
// Start at [Opener].
package hsm
