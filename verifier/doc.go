// Package verifier is a till that checks age or identity from a phone's mdoc: what was shown goes in, a decision with its
// reasons comes out (ISO/IEC 18013-5:2021 for the exchange; package policy for what a shop accepts).
//
// A [Till] is made of the roots it trusts, the status lists and CRLs it holds, a reader key and one policy profile. It
// needs no network during a check: lists are fetched by trust.Refresher and trust.CRLRefresher between checks.
//
// It says yes only when every check of the document and of the profile has passed. What failed is a refusal, what could not
// be known is "not confirmed", and both name their checks. An error means that no check took place. No option leaves a
// check out. What the phone sent is overwritten after the check; only a portrait that staff are to compare is passed on,
// and [Result.Wipe] removes it.
//
// What a till cannot know: whether the person holding the phone is the person in the document, and whether the exchange is
// relayed from a phone elsewhere. Where that matters, the profile asks for the portrait.
//
// Start at [New] and [Till.Check].
package verifier
