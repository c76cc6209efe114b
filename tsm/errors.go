package tsm

import "errors"

// What the doors tell apart. Each comes wrapped.
var (
	// Orders.
	ErrOrderMalformed = errors.New("order malformed")
	ErrOrderSignature = errors.New("order not signed by the issuer's order key")
	ErrOrderExpired   = errors.New("order is past its end")
	ErrOrderConflict  = errors.New("order id was used for another order")

	// Phones.
	ErrNoElement       = errors.New("no secure element of a known form named")
	ErrOtherElement    = errors.New("session is bound to another secure element")
	ErrUnknownSession  = errors.New("no such session")
	ErrTooManySessions = errors.New("too many sessions")
	ErrBusy            = errors.New("a request for this secure element is under way")
	ErrNoCommon        = errors.New("no common protocol, format or version")
	ErrPhase           = errors.New("request out of order")
	ErrReport          = errors.New("report does not fit what was ordered")

	// ErrUnavailable says that the store or a key could not be used; the request
	// may be repeated.
	ErrUnavailable = errors.New("service not available")

	// ErrIssuerRefused is for an IssuerPort: the issuer itself says no to the message,
	// and repeating the request will not change it. Any other error is taken as
	// temporary.
	ErrIssuerRefused = errors.New("refused by the issuer")
)

// RefusedError is an ErrIssuerRefused with the issuer's reason.
type RefusedError struct {
	Word string // one of a closed list
}

func (e *RefusedError) Error() string { return ErrIssuerRefused.Error() + ": " + e.Word }

// Unwrap gives ErrIssuerRefused.
func (e *RefusedError) Unwrap() error { return ErrIssuerRefused }
