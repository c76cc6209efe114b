package revocation

import (
	"context"
	"fmt"
	"time"

	"mobileid/issuer/store"
)

// Erasure is how far the second half of a handover has come, the emptying of the secure element. The first half, the status,
// never waits for it.
type Erasure string

// The states of an erasure.
const (
	// ErasureNone: the SE never answered an order, so there is nothing in it.
	ErasureNone Erasure = "none"
	// ErasureQueued: the order waits for the TSM, or the TSM for the phone.
	ErasureQueued Erasure = "queued"
	// ErasureDone: the SE signed for every place that was ordered for that it is empty, and the receipts were verified and filed.
	ErasureDone Erasure = "erased"
	// ErasureUnreachable: the phone did not come by in time. The order stands; until a receipt comes, the list and the end of
	// the documents' validity are what protects.
	ErasureUnreachable Erasure = "unreachable"
)

// HandoverState is the record of the last handover of a secure element.
type HandoverState struct {
	ID          string // of the handover, in hex
	RevokedAt   time.Time
	Credentials uint64 // revoked by it
	Erasure     Erasure
	Since       time.Time // when Erasure became what it is
	WipeOrderID string    // in hex; empty with ErasureNone
	Receipts    int       // verified receipts of the SE on file, one for each place
}

// HandoverState tells how far the last handover of this secure element has come. store.ErrNotFound when there was none.
func (d *Desk) HandoverState(ctx context.Context, token string, seID []byte) (HandoverState, error) {
	_, device, err := d.admit(token, seID)
	if err != nil {
		return HandoverState{}, fmt.Errorf("reading handover: %w", err)
	}
	record, err := d.config.Store.Device(ctx, device)
	if err != nil {
		return HandoverState{}, fmt.Errorf("reading handover: %w", err)
	}
	if record.Handover == nil {
		return HandoverState{}, fmt.Errorf("reading handover: %w", store.ErrNotFound)
	}
	return d.stateOf(*record.Handover), nil
}

func (d *Desk) stateOf(h store.Handover) HandoverState {
	s := HandoverState{ID: h.ID, RevokedAt: h.At, Credentials: h.Credentials, WipeOrderID: h.WipeOrderID, Receipts: len(h.Erased)}
	until := h.At.Add(d.config.Patience)
	switch {
	case h.WipeOrderID == "":
		s.Erasure, s.Since = ErasureNone, h.At
	case !h.ErasedAt.IsZero():
		s.Erasure, s.Since = ErasureDone, h.ErasedAt
	case d.now().Before(until):
		s.Erasure, s.Since = ErasureQueued, h.At
	default:
		s.Erasure, s.Since = ErasureUnreachable, until
	}
	return s
}
