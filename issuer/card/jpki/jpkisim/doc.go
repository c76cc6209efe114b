// Package jpkisim is JPKI-TEST: the authority behind modelled cards as those see it who ask whether a certificate is revoked. It
// revokes for the four reasons that 公的個人認証サービス publishes, holds and releases, publishes a revocation list for each of its two CAs
// (RFC 5280, 5, entries with reasons) and answers OCSP requests (RFC 6960) through a responder that each CA delegated.
//
// The CA pair is a cardsim.Authority's, in the profile of the real one with O=JPKI-TEST, so that nothing here passes for real. It
// trusts whoever calls it, and checks of a request that it is well-formed and about its own CA. Its lists are full lists.
//
// Start at New, Pair.Handler and Pair.Places.
package jpkisim
