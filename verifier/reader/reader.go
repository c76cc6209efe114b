package reader

import (
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"mobileid/mdoc"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/engagement"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/session"
	"mobileid/mdoc/transcript"
	"mobileid/verifier/policy"
)

// Config is what a reader is made of. Every field is needed but Rand, Now and Skew.
type Config struct {
	// Profile is what is asked for.
	Profile policy.Profile
	// Key and Chain sign the request; Chain is leaf first, without the root.
	Key   crypto.Signer
	Chain [][]byte
	// Anchors are the issuers' roots.
	Anchors *pki.Anchors
	// Status answers for the status lists without a network.
	Status mdoc.StatusSource
	// Revocation answers for the document signers' certificates without a network.
	Revocation pki.RevocationSource
	// Rand is the source of ephemeral keys; nil means crypto/rand.
	Rand io.Reader
	// Now gives the time of the check; nil means the clock.
	Now func() time.Time
	// Skew is the tolerance for clocks; at most mdoc.MaxSkew, zero means none.
	Skew time.Duration
}

func (c Config) validate() error {
	switch {
	case c.Key == nil || len(c.Chain) == 0:
		return errors.New("no reader key or certificate")
	case c.Anchors == nil:
		return errors.New("no trust anchors")
	case c.Status == nil:
		return errors.New("no status source")
	case c.Revocation == nil:
		return errors.New("no revocation source")
	case c.Skew < 0 || c.Skew > mdoc.MaxSkew:
		return fmt.Errorf("clock tolerance %s, at most %s", c.Skew, mdoc.MaxSkew)
	}
	return c.Profile.Validate()
}

// Reader makes exchanges. It holds no state between them and may be used from several goroutines.
type Reader struct {
	config Config
	items  mdoc.ItemsRequest
}

// New makes a reader.
func New(c Config) (*Reader, error) {
	if err := c.validate(); err != nil {
		return nil, fmt.Errorf("making reader: %w", err)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	return &Reader{config: c, items: itemsRequest(c.Profile)}, nil
}

// Profile is what the reader asks for.
func (r *Reader) Profile() policy.Profile { return r.config.Profile }

// itemsRequest is the profile as the one document request; nothing is retained.
func itemsRequest(p policy.Profile) mdoc.ItemsRequest {
	const intentToRetain = false
	items := mdoc.ItemsRequest{DocType: p.DocType}
	place := make(map[string]int)
	for _, e := range p.Requested() {
		i, ok := place[e.NameSpace]
		if !ok {
			i = len(items.NameSpaces)
			place[e.NameSpace] = i
			items.NameSpaces = append(items.NameSpaces, cbor.Entry[string, cbor.Map[string, bool]]{Key: e.NameSpace})
		}
		items.NameSpaces[i].Value = append(items.NameSpaces[i].Value, cbor.Entry[string, bool]{Key: e.Identifier, Value: intentToRetain})
	}
	return items
}

// Begin reads a QR code's text and makes the SessionEstablishment message that asks for the profile's elements. An error
// that wraps [engagement.ErrMalformed] is the QR code's fault.
func (r *Reader) Begin(uri string) (*Exchange, []byte, error) {
	eng, err := engagement.ParseURI(uri)
	if err != nil {
		return nil, nil, fmt.Errorf("beginning check: %w", err)
	}
	s, err := session.NewReader(eng, r.config.Rand)
	if err != nil { // never: ParseURI refuses a key that it could not use
		return nil, nil, fmt.Errorf("beginning check: %w", err)
	}
	request, err := r.request(s.Transcript())
	if err != nil {
		return nil, nil, fmt.Errorf("beginning check: %w", err)
	}
	message, established, err := s.Establish(request.Raw())
	if err != nil { // never: the session is fresh
		return nil, nil, fmt.Errorf("beginning check: %w", err)
	}
	return &Exchange{
		reader: r, request: request, transcript: s.Transcript(), session: established,
		started: r.config.Now(), key: s.EReaderKey(),
	}, message, nil
}

// request makes the signed request and reads it back: the response is judged against what was sent, as it was sent.
func (r *Reader) request(t transcript.Transcript) (*mdoc.DeviceRequest, error) {
	raw, err := mdoc.BuildRequest(mdoc.RequestDraft{Items: []mdoc.ItemsRequest{r.items},
		ReaderAuth: &mdoc.ReaderSigner{Key: r.config.Key, Chain: r.config.Chain}}, t)
	if err != nil {
		return nil, err
	}
	return mdoc.ParseDeviceRequest(raw)
}
