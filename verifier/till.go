package verifier

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"time"

	"mobileid/mdoc/pki"
	"mobileid/mdoc/transport"
	"mobileid/verifier/policy"
	"mobileid/verifier/reader"
	"mobileid/verifier/trust"
)

const (
	// DefaultTimeout is how long a check may take when Config leaves it open: the standard gives the holder at least 300 s.
	DefaultTimeout = 300 * time.Second
	// DefaultSkew is the tolerance for clocks when Config leaves it open.
	DefaultSkew = time.Minute
)

// Config is what a till is made of.
type Config struct {
	// Anchors are the issuers' roots; needed.
	Anchors *pki.Anchors
	// Lists is the cache of status lists; needed, and may still be empty.
	Lists *trust.Cache
	// CRLs are the certificate revocation lists of the roots; needed, and may still be empty.
	CRLs *trust.CRLs
	// Profile is what the till asks for and accepts; needed.
	Profile policy.Profile
	// ReaderKey and ReaderChain sign requests; needed. The chain is leaf first, without the root.
	ReaderKey   crypto.Signer
	ReaderChain [][]byte
	// Timeout bounds one check; 0 means DefaultTimeout.
	Timeout time.Duration
	// Skew is the tolerance for clocks, at most mdoc.MaxSkew; 0 means DefaultSkew.
	Skew time.Duration
	// Now gives the time of checks; nil means the clock.
	Now func() time.Time
	// Rand is the source of ephemeral keys; nil means crypto/rand.
	Rand io.Reader
}

// Till checks what phones show. It may be used from several goroutines; checks do not share anything that changes but the
// status lists.
type Till struct {
	config Config
	reader *reader.Reader
}

// New makes a till.
func New(c Config) (*Till, error) {
	if c.Lists == nil {
		return nil, errors.New("making till: no cache of status lists")
	}
	if c.CRLs == nil {
		return nil, errors.New("making till: no set of CRLs")
	}
	if c.Timeout < 0 {
		return nil, errors.New("making till: a negative time-out")
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.Skew == 0 {
		c.Skew = DefaultSkew
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	r, err := reader.New(reader.Config{
		Profile: c.Profile, Key: c.ReaderKey, Chain: c.ReaderChain, Anchors: c.Anchors,
		Status: c.Lists, Revocation: c.CRLs, Rand: c.Rand, Now: c.Now, Skew: c.Skew,
	})
	if err != nil {
		return nil, fmt.Errorf("making till: %w", err)
	}
	return &Till{config: c, reader: r}, nil
}

// Profile is what the till asks for and accepts.
func (t *Till) Profile() policy.Profile { return t.config.Profile }

// Check reads the engagement of a QR code, asks over conn, and decides. It closes conn. An error means that no check took
// place: the engagement could not be read, the connection was lost, or ctx or the time-out ended; whoever asked is to be
// treated as not checked.
func (t *Till) Check(ctx context.Context, conn transport.Conn, engagementURI string) (*Result, error) {
	ctx, cancel := context.WithTimeout(ctx, t.config.Timeout)
	defer cancel()
	report, err := t.reader.Run(ctx, conn, engagementURI)
	if err != nil {
		return nil, fmt.Errorf("checking: %w", err)
	}
	return newResult(t.config.Profile, report), nil
}

// Open is a check whose messages the caller carries itself, as a till behind an API does.
type Open struct {
	exchange *reader.Exchange
	profile  policy.Profile
	// Expires is when the till stops waiting for the response.
	Expires time.Time
}

// Begin reads the engagement of a QR code and returns the SessionEstablishment message for the device.
func (t *Till) Begin(engagementURI string) (*Open, []byte, error) {
	x, message, err := t.reader.Begin(engagementURI)
	if err != nil {
		return nil, nil, fmt.Errorf("checking: %w", err)
	}
	return &Open{exchange: x, profile: t.config.Profile, Expires: t.config.Now().Add(t.config.Timeout)}, message, nil
}

// Finish judges the device's message and decides. end is the message that ends the session, nil when the device has ended
// it. A second call is an error.
func (o *Open) Finish(message []byte) (result *Result, end []byte, err error) {
	report, end, err := o.exchange.Finish(message)
	if err != nil {
		return nil, nil, fmt.Errorf("checking: %w", err)
	}
	return newResult(o.profile, report), end, nil
}

// Abandon forgets the keys of a check that will get no response.
func (o *Open) Abandon() { o.exchange.Abandon() }
