// Package store keeps what the issuer must not forget: one row for each credential, the status indexes given out, the
// orders to the TSM, the revocation epoch of each device, and which challenges were redeemed.
//
// What it must never hold is personal data: no element value, no card serial, no individual number, no secure element
// id in a row. A subject and a device appear only as keyed hashes made by the caller. The one exception is bounded:
// the outbox holds signed orders until the TSM has taken them, and an order names its secure element.
//
// # What every implementation MUST do
//
// A method that returns nil has made its change durable: it survives a kill and a power cut. A method that returns an
// error has either changed nothing or, when the medium failed, may have changed everything it was to change; a caller
// that repeats it gets a clean answer. Each method is one transaction: others see all of it or nothing.
//
// An index is given once in the life of the store, whatever becomes of its row, also across processes. A challenge is
// redeemed once, and again only after Reopen; it leads to one order at most. Revoked is final. A row leaves Reserved only through MarkSigned, with the digest of what was signed,
// or through revocation; bytes may leave the issuer only after Release has said so, and Release refuses when the
// revocation epoch of the device has moved since the order was recorded. At most one row is Active for a subject,
// document type and purpose.
//
// Time is given by the caller. Reserve refuses a time that lies more than ClockTolerance before the latest one the
// store has seen, since validity must not be computed from a clock that went back.
//
// Start at Store; Open makes the embedded implementation (bbolt); package storetest is the suite that any
// implementation must pass.
package store
