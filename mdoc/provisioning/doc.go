// Package provisioning is the set of messages by which a credential reaches a secure element and leaves it again: the
// issuer's [Order], the element's [Attestation], the sealed credential ([Seal], [Open]), the element's [Receipt], and
// the [HandoverReceipt] that a holder shows to the buyer of a phone. No standard defines these; the CDDL stands at each
// structure, docs/provisioning.md has the conversation.
//
// Every signed message is an untagged COSE_Sign1 (RFC 9052, 4.2) whose protected header carries, beside alg, a type
// (label 16, RFC 9596) of its own. Parsing refuses any other type, so an order cannot be taken for a receipt although
// one key might sign both. A message changes only by a new type name; members that a reader does not know are ignored.
//
// What each message proves rests on what it repeats: the order's id, its challenge, the secure element's id and the
// slot. [Attestation.Answers] and [Receipt.Answers] compare them. The service that carries the messages (the TSM) is
// trusted with none of them: it can read no credential, and replaying a message gets it refused at the end that
// issued the order.
//
// What is not checked here: whether an order id or a receipt counter was seen before, which takes a store, and whether
// an attested try limit suits the issuer's policy.
//
// Start at [SignOrder].
package provisioning
