// Package linkability is the lint of a batch: several mdocs issued to one holder, of which each is shown once or to one
// reader, so that readers who compare notes cannot tell that two answers came from one person (ISO/IEC 18013-5 second edition,
// 12.3; docs/profile.md). Copies of a batch share their content, which is what the holder shows; [Lint] looks for everything
// else that they share and other holders' documents do not: times, orders, digest ids, salts, lengths, keys, status references,
// and members that the standard does not know.
//
// It judges form and not truth: no signature, digest or certificate is verified (see mdoc.IssuerSigned.CheckIssuerSigned), and
// content that is itself unique, such as a document number, links by intention.
//
// Start at [Lint].
package linkability
