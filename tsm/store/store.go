// Package store keeps the jobs of the trusted service manager: which order was
// taken, how far it got, and what must survive until the issuer has its
// receipt.
//
// The record formats are this project's own; no standard is involved. A record
// holds cipher text and signed messages only (an attestation, sealed bytes,
// receipts), never an element value or a key. The package trusts its caller to
// have verified an order before it is enqueued, and checks nothing about its
// content. It does check revisions, so that of two writers one is told.
//
// Start with Store; Open gives the embedded one (a bbolt file, synced before
// each answer, refused to a second process). Package storetest is the suite
// every implementation must pass.
package store

import (
	"context"
	"errors"
	"time"
)

// What callers branch on.
var (
	// ErrNotFound says that there is no such job, or none to run.
	ErrNotFound = errors.New("no such job")
	// ErrOrderConflict says that the order id is taken by other bytes.
	ErrOrderConflict = errors.New("order id already taken by another order")
	// ErrRevision says that the job moved since it was read. The caller drops
	// what it was doing; it never repeats the write with a newer revision.
	ErrRevision = errors.New("job changed since it was read")
	// ErrLocked says that another process has the store open.
	ErrLocked = errors.New("store is open in another process")
	// ErrClosed says that the store was closed.
	ErrClosed = errors.New("store is closed")
)

// A Store keeps jobs. Every implementation MUST
//
//   - have a write on disk (or on a majority) before the call returns nil;
//   - apply a call wholly or not at all, also over a power cut;
//   - after an error leave the caller unsure: the write may have happened, and
//     repeating the same call must be harmless;
//   - return copies: a caller may change what it gets;
//   - be safe for concurrent use.
type Store interface {
	// Enqueue takes a job in: State, Cursor, Position and Revision are set here.
	// The same OrderID with the same Digest returns the job as it stands now;
	// with another Digest, ErrOrderConflict. A wipe cancels, in the same write,
	// each open job of the secure element that fills, locks or unlocks what it
	// covers (its own slot, all when Slot is 0) and is not settled; a lock or an
	// unlock cancels in the same way the locks and unlocks before it, a rekey the
	// rekeys before it.
	Enqueue(ctx context.Context, job Job) (Job, error)

	// Job returns the job of an order id, or ErrNotFound.
	Job(ctx context.Context, orderID string) (Job, error)

	// Next returns the job to run on a secure element: of those queued and not
	// settled, wipes, locks and unlocks first, then in the order they were
	// enqueued. Jobs of the order ids in except are passed over. ErrNotFound when
	// there is none.
	Next(ctx context.Context, seID string, except ...string) (Job, error)

	// Advance replaces a job by what the caller made of it and returns it with
	// the new revision. ErrRevision when job.Revision is not the stored one. A
	// job that is no longer open loses Attestation and Sealed. The identity of
	// the job (order id, digest, element, slot, kind, key version, position) is not
	// changed.
	Advance(ctx context.Context, job Job) (Job, error)

	// Owing returns up to limit jobs, of any state but Refused, with receipts the
	// issuer has neither taken nor refused yet, starting after the order id given ("" for the
	// first).
	Owing(ctx context.Context, after string, limit int) ([]Job, error)

	// Expire closes up to limit jobs that are open, not settled and due before
	// at, and says how many.
	Expire(ctx context.Context, at time.Time, limit int) (int, error)

	// Prune forgets up to limit closed jobs that owe nothing, are not contested, and whose
	// NotAfter is before the time given, and says how many. A caller must not prune an order that would
	// still verify: its id could then be used again.
	Prune(ctx context.Context, before time.Time, limit int) (int, error)

	// FailedAuth returns the failed authentications in a row of an element.
	FailedAuth(ctx context.Context, seID string) (int, error)
	// CountFailedAuth adds one and returns the new count.
	CountFailedAuth(ctx context.Context, seID string) (int, error)
	// ClearFailedAuth sets the count back to 0.
	ClearFailedAuth(ctx context.Context, seID string) error
	// Release clears the count, puts the parked jobs of the element back into
	// the queue with no attempts counted, and says how many there were. The contested
	// ones are among them: their refused receipts are owed again, and those that were
	// closed as Refused are queued again, others stay closed.
	Release(ctx context.Context, seID string) (int, error)

	// KeyVersion returns the version of the key set under which the secure element
	// was last spoken to, 0 when none was noted.
	KeyVersion(ctx context.Context, seID string) (byte, error)
	// SetKeyVersion notes it.
	SetKeyVersion(ctx context.Context, seID string, version byte) error

	// Ready fails when the store cannot be used.
	Ready(ctx context.Context) error
	// Close frees the store. Calls after it fail with ErrClosed.
	Close() error
}
