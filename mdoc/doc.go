// Package mdoc is the document model of ISO/IEC 18013-5: what an issuer signs (IssuerSigned, MobileSecurityObject), what a
// reader asks (DeviceRequest), what a holder answers (DeviceResponse), and the checks that decide whether an answer may
// be believed. Editions: 2021, and of the second edition's draft the status member of the MSO.
//
// Three entry points:
//
//   - [Prepare] and [Prepared.Issue] make an IssuerSigned, in two steps so that what is about to be signed can be recorded
//     before it is signed;
//   - [Verify] judges a DeviceResponse: every check has a stable id, its clause, what was measured and one of three outcomes
//     (package verdict); nothing is skipped silently, and there is no option that leaves a check out;
//   - [IssuerSigned.CheckIssuerSigned] is the issuer-signed part of the same judgement, run by an issuer on what it is
//     about to release and by a secure element on what it is about to keep. It is the same code.
//
// Whatever was hashed or signed is kept as received and never encoded again. Parsed values keep slices of the input, which
// the caller must not change afterwards.
//
// Not decided here: which elements a shop accepts (verifier/policy), whether a status list is fresh enough (the StatusSource
// answers that), and whom to trust (the caller's anchors).
package mdoc
