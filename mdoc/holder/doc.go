// Package holder is the wallet's side of a presentation: what it holds, what it asks the holder's consent for, and what it
// answers (ISO/IEC 18013-5:2021, 8.3.2.1.2.2 and 9.1.3).
//
// An answer holds only elements that the request named and the holder agreed to, once for all documents. An age attestation is
// chosen by the nearest-attestation rule (7.2.5); alternatives, use cases and document sets, issuers and the reader's signature over
// the whole are those of the second edition (10.2, 12.5). Elements under a restriction, such as the individual number, are offered
// for consent only to a reader whose verified certificate carries the purpose named by the restriction.
//
// The package holds no private key: a [DeviceKey] proves presence and signs, in the secure element. It trusts its own
// transcript, and of the reader only what reader authentication proved.
//
// Start at [Holder.Present]; [Holder.Answer] is the same without a session.
package holder
