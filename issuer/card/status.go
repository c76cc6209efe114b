package card

import (
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"time"

	"mobileid/mdoc/pki"
)

// CertificateState is what is known of a certificate's revocation (RFC 5280, 5; RFC 6960).
type CertificateState int

// The states. The zero value is not known.
const (
	StateUnknown CertificateState = iota // nobody in force could be asked
	StateInForce
	StateOnHold // stopped for now, as after a report of loss
	StateRevoked
)

// StatusAnswer is what a StatusSource found. Formatting one tells its state alone: a reason can be personal data, such as a
// death, and is for nobody but the caller.
type StatusAnswer struct {
	State CertificateState
	// Reason is meant when State is StateOnHold or StateRevoked.
	Reason pki.Reason
	// Measured says what was asked and found, without the reason.
	Measured string
}

// Format writes the text of Measured.
func (a StatusAnswer) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(a.Measured)) }

// LogValue is the text of Measured.
func (a StatusAnswer) LogValue() slog.Value { return slog.StringValue(a.Measured) }

// A StatusSource tells whether a certificate is revoked. It may go over a network, within bounds of its own; what it cannot
// find out is StateUnknown.
type StatusSource interface {
	// Status is asked about a certificate that issuer is proved to have issued.
	Status(ctx context.Context, certificate, issuer *x509.Certificate, at time.Time) StatusAnswer
}

// status asks about both certificates once everything else held: a reading that is refused anyway makes no traffic.
func (k *checker) status() {
	ground := k.v.OK()
	for _, c := range []struct {
		status, hold rule
		certificate  *x509.Certificate
		issuer       *x509.Certificate
	}{
		{ruleCertStatus, ruleCertHold, k.cert, k.certRoot},
		{ruleAuthStatus, ruleAuthHold, k.auth, k.authRoot},
	} {
		if !ground {
			k.v.NotRun(c.status.id, c.status.clause, "asked when all else holds")
			k.v.NotRun(c.hold.id, c.hold.clause, "asked when all else holds")
			continue
		}
		answer := k.c.Status(c.certificate, c.issuer)
		switch answer.State {
		case StateInForce, StateOnHold, StateRevoked:
			k.v.Record(c.status.id, c.status.clause, answer.State != StateRevoked, answer.Measured)
			k.v.Record(c.hold.id, c.hold.clause, answer.State != StateOnHold, answer.Measured)
		default:
			k.v.NotRun(c.status.id, c.status.clause, answer.Measured)
			k.v.NotRun(c.hold.id, c.hold.clause, answer.Measured)
		}
	}
}
