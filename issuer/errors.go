package issuer

import (
	"errors"
	"strings"
)

// The answers callers branch on, beside those of packages store and revocation.
var (
	// ErrToken means that a transaction does not exist or the token is not its own; the two are not told apart.
	ErrToken = errors.New("transaction unknown or token wrong")
	// ErrUsed means that the challenge of the transaction was used up.
	ErrUsed = errors.New("challenge was used already")
	// ErrExpired means that a transaction or an order is past its time.
	ErrExpired = errors.New("past its time")
	// ErrBusy means that as many identities are held as may be; the wallet tries again later.
	ErrBusy = errors.New("too many issuances in progress")
	// ErrGone means that the identity behind an order is no longer held; the wallet starts again with a new tap.
	ErrGone = errors.New("evidence is no longer held")
	// ErrOrder means that an attestation or receipt answers no order of this issuer.
	ErrOrder = errors.New("answers no order of this issuer")
	// ErrConflict means that the order was answered in another way already.
	ErrConflict = errors.New("order was answered already")
	// ErrDuplicate means that the same person is being issued the same kind of document in another place at this moment.
	ErrDuplicate = errors.New("an issuance for the person is in progress elsewhere")
	// ErrValidity means that card, certificate or document signer end too soon for a credential to be worth making.
	ErrValidity = errors.New("no validity is left for a credential")
)

// FieldError names the field of a message that is wrong. It never holds the value.
type FieldError struct {
	Field  string
	Reason string
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Reason }

// RefusedError says which checks a piece of evidence did not pass, by their stable ids. What names the thing refused:
// card reading, attestation, receipt, credential.
type RefusedError struct {
	What   string
	Checks []string
	// Code is the stable code of a refused card reading, which package refusal explains; empty for other things.
	Code string
}

func (e *RefusedError) Error() string {
	return e.What + " refused: " + strings.Join(e.Checks, ", ")
}
