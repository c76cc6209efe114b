// Package judge is `mobileid verify` and `mobileid lint`: the library's own judgements over files, every check printed, none
// left out. verify decides as a reader would and accepts only what mdoc.Verify accepts; lint holds a certificate, a document, a request or an
// engagement against the profile its maker should have kept.
//
// It trusts the files it is given as roots and keys, and nothing else. No option leaves a check out.
//
// Start at [Verify] and [Lint].
package judge
