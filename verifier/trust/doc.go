// Package trust is what a till knows without asking anybody: the roots it was given, and the last status list it saw for
// each address, with its age (ISO/IEC 18013-5 second edition draft, 12.3.6; draft-ietf-oauth-status-list).
//
// Two things are kept apart. [Cache] answers during a check, from what it holds, and never touches a network. [Refresher]
// fetches lists between checks, from the addresses the till was configured with and from no others.
//
// What is trusted: the anchors handed to [NewCache]. A list enters the cache only after its signature, its signer's chain,
// its address and its time were checked; one that was not signed after the one held is refused, so that a revocation cannot be
// undone by playing an old list back. A list that the issuer signed later may lift an entry: a suspended document returns. The folder a
// cache is kept in is trusted as the till's own disk is; a list read back from it is verified again.
//
// [CRLs] and [CRLRefresher] do the same for the roots' certificate revocation lists, by which a document signer is known to be
// revoked.
//
// An answer says whether it is known: no list, a list older than the policy allows or past its own expiry, and an index
// beyond its end are all "not known", never "valid".
package trust
