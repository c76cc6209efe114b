// Package statuslist is the Token Status List (draft-ietf-oauth-status-list-20) as an mdoc uses it (ISO/IEC 18013-5
// second edition, 12.3.6): a bit array with one entry a credential, and the signed token (a CWT) that publishes it. The second
// edition's identifier list, the set of revoked ids, travels in the same token under another type.
//
// The reader's order is that of the draft: signer and signature, type, subject, issue time, expiry, and only then the
// list is inflated, under a cap, so that a stranger's compressed bytes are never opened. Each step is a check with an id
// "status.token.*". Any failure means that nothing was said about the credential; it never means that it is valid.
//
// What is trusted: the anchors given to [SignedToken.Verify], under which the signer's certificate must stand (profile
// StatusSigner), and, for each credential, that this anchor is the one its document signer leads to, or the trust point that
// its MSO names ([Token.Status], [Token.Revoked]): one authority cannot speak about another's credentials.
//
// What is not checked here: whether the token is fresh enough beyond its expiry, whether an older one was put in its
// place, and how it was fetched. Those are the policy of whoever keeps the lists.
//
// Two readings of the second edition, whose text is not public, are held as policy: a token with x5chain in the
// unprotected header, and a list with more than one bit an entry, are refused for an mdoc.
//
// Start at [New] and [Sign], or at [Parse].
package statuslist
