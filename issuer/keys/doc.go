// Package keys holds the issuing authority's keys: opened by URI as crypto.Signer, document signers in rotation, and
// the ceremony that makes a whole TEST authority.
//
// A key is named "file:PATH": PKCS#8 in PEM (RFC 7468, 10), a regular file of mode 0600. Reading never creates one; only
// [Generate] does, and it never overwrites. Signatures are deterministic (RFC 6979, RFC 9053, 2.1), so a weak random
// source cannot give a key away. Keys never show themselves: every type that holds one prints as [redacted].
//
// What is trusted: the file system's owner and mode. Keys in hardware take the same interface, crypto.Signer, and a
// certificate chain by [WithChain]; the commands open them (package cmd/internal/hsm), this package knows files alone.
//
// Start at [Open], [NewRing] or [NewTestAuthority].
package keys
