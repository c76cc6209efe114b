// Package cbor is the one place where this module meets CBOR (RFC 8949, ISO/IEC 18013-5:2021, 9.1.1 and second edition
// 8.3). Everything else encodes and decodes through it, so that strictness is a property of the types and not of
// the care of each caller.
//
// Unmarshal accepts exactly one item and walks it once against the Go type before it decodes: no indefinite
// lengths, no duplicate keys at any level (also in places that are skipped), valid UTF-8 only, nesting and counts
// bounded, text only into string, byte strings only into []byte, no null where a value is needed, every field
// present that is not marked omitempty, no bignums, and no tag but where the
// type asks for one. Members of a map that the type does not name are ignored, as the standard demands at its reserved
// points, but are checked for well-formedness.
//
// Heads that are longer than needed are tolerated, as deployed wallets send them. Because of that, and because map
// order is free, whatever was hashed or signed is kept as received: see [RawMessage] and [Embedded]. Decoded values keep
// slices of the input; the caller must not change the input afterwards.
//
// Marshal writes preferred serialization: shortest heads, definite lengths, struct fields in the order of their
// declaration. Go maps have no order and are refused; use [Map].
package cbor
