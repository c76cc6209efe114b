package tsm

import (
	"context"
	"errors"
	"fmt"

	"mobileid/tsm/store"
)

// ServiceState is what an order leads an instance to, in the numbers of BSI TR-03165, service instance states.
type ServiceState int

// The states that occur here.
const (
	NotDeployed  ServiceState = 1
	Installed    ServiceState = 11
	Personalized ServiceState = 12
	Operational  ServiceState = 21
	Suspended    ServiceState = 22
	InError      ServiceState = 25
)

// ErrorType says why an order came to nothing, in the numbers of BSI TR-03165, error types; 0 is none.
type ErrorType int

// The error types that occur here.
const (
	ErrorInterrupted     ErrorType = 6  // a later order overtook it
	ErrorSecureComponent ErrorType = 7  // the element refused, or its keys are not the ones expected
	ErrorInaccessible    ErrorType = 9  // its phone did not come by in time
	ErrorIssuer          ErrorType = 16 // the issuer refused
	ErrorNotFound        ErrorType = 17 // the element lists nothing it is about
)

// OrderState is how far an order has come.
type OrderState struct {
	OrderID, Kind, State, Cursor, Reason string
	Attempts                             int
	Service                              ServiceState
	Error                                ErrorType
	Refused                              []RefusedReceipt
}

// RefusedReceipt is one that the issuer will not have. That of a wipe is kept until it is taken, and offered again after a
// [Service.Release].
type RefusedReceipt struct {
	Place  int    // 1 to 15, 16 for the phone certificates
	Reason string // the issuer's word, or receipt_refused if it said none
}

// ErrUnknownOrder says that there is no such order, or that it was forgotten.
var ErrUnknownOrder = errors.New("no such order")

// OrderState tells how far an order has come.
func (s *Service) OrderState(ctx context.Context, orderID string) (OrderState, error) {
	job, err := s.cfg.Store.Job(ctx, orderID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return OrderState{}, fmt.Errorf("reading order: %w", ErrUnknownOrder)
	case err != nil:
		return OrderState{}, fmt.Errorf("reading order: %w: %w", ErrUnavailable, err)
	}
	var refused []RefusedReceipt
	for _, r := range job.Receipts {
		if r.Refused != "" {
			refused = append(refused, RefusedReceipt{Place: int(r.Slot), Reason: r.Refused})
		}
	}
	return OrderState{
		OrderID: job.OrderID, Kind: job.Kind.String(), State: job.State.String(), Cursor: job.Cursor.String(), Reason: job.Reason,
		Attempts: job.Attempts, Service: serviceState(job), Error: errorType(job), Refused: refused,
	}, nil
}

// serviceState is the state the job shows its instance in. A job that ended before
// it changed anything leaves the state; one that ended later leaves an error.
func serviceState(j store.Job) ServiceState {
	failed := j.State != store.Queued && j.State != store.Done && !j.Settled()
	switch {
	case failed && j.Cursor != store.Ordered:
		return InError
	case j.Cursor == store.Cleared:
		return NotDeployed
	case j.Cursor == store.Applied && j.Kind == store.Lock:
		return Suspended
	case j.Kind == store.Provision && j.Cursor == store.Ordered:
		return NotDeployed
	case j.Cursor == store.Attested:
		return Installed
	case j.Cursor == store.Sealed:
		return Personalized
	default:
		return Operational
	}
}

func errorType(j store.Job) ErrorType {
	switch {
	case j.State == store.Expired:
		return ErrorInaccessible
	case j.State == store.Cancelled:
		return ErrorInterrupted
	case j.State == store.Refused || j.Contested():
		return ErrorIssuer
	case j.State.Open() && j.Reason == nothingFound:
		return ErrorNotFound
	case j.State == store.Parked:
		return ErrorSecureComponent
	default:
		return 0
	}
}
