// Package jpki finds out whether a certificate of 公的個人認証サービス is revoked: from certificate revocation lists (RFC 5280, 5) and from
// an OCSP responder (RFC 6960), at the places that are configured.
//
// The certificates name their distribution points as directory names and one of the two kinds a responder by URL; neither is
// followed, because the service is open to approved verifiers only and each of them reaches it in its own way. Every place is
// fetched with a bound on time and size, without redirects, and what it gave is kept for as long as it speaks, never longer.
//
// The answer is the worst that any place gives: revoked, on hold, in force, not known. In force needs one place that says so and is
// itself in force. When no place does, the state is not known, which an issuer refuses. One exception can be configured: for a
// period of grace after its nextUpdate the last good list still counts, for certificates that were found in force before and
// for no others. There is no setting that leaves the question out.
//
// Trusted: the CA certificates of [Config], and what they signed. Lists must verify under the CA, be full or of one distribution point
// that the certificate names, and rise in number. A responder is the CA itself, or holds a certificate that the CA issued for that
// (id-kp-OCSPSigning), in force, and marked id-pkix-ocsp-nocheck or known not to be revoked from the CA's list.
//
// Not checked: delta lists and indirect lists are refused; requests carry no nonce (RFC 5019), so that an answer may be as old as
// Config.MaxAge. Serial numbers stay in memory, as digests; they go to the responder in a POST body and into no log.
//
// Start at [New]. The authority for tests and trials is in jpkisim.
package jpki
