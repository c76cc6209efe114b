package vical

import (
	"errors"
	"fmt"
	"strings"

	"mobileid/mdoc/cose"
)

// Signed is a well-formed VICAL that nobody has verified yet: untagged COSE_Sign1 over the encoded [Content], which is not
// wrapped in tag 24 (ISO/IEC 18013-5:2021, Annex C).
type Signed struct {
	message *cose.Sign1
	content Content
}

// Parse reads a VICAL of at most [MaxSize] bytes with at most [MaxCertificates] entries; the result keeps slices of raw.
// Certificates are not parsed; a detached list has no members and is refused as such. Errors wrap [ErrMalformed].
func Parse(raw []byte) (*Signed, error) {
	const op = "parsing VICAL"
	if len(raw) > MaxSize {
		return nil, fmt.Errorf("%s: %d bytes, limit %d: %w", op, len(raw), MaxSize, ErrMalformed)
	}
	m, err := cose.ParseSign1(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", op, ErrMalformed, err)
	}
	s := &Signed{message: m}
	if s.content, err = parseContent(m.Payload()); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", op, ErrMalformed, err)
	}
	return s, nil
}

func (c *Content) check() error {
	switch {
	case !strings.HasPrefix(c.Version, "1."):
		return errors.New("not of version 1")
	case c.Provider == "" || len(c.Provider) > maxText:
		return fmt.Errorf("a provider's name of %d bytes", len(c.Provider))
	case len(c.URL) > maxText:
		return fmt.Errorf("a URL of %d bytes", len(c.URL))
	}
	return nil
}

// Bytes gives the VICAL as received. The caller must not change it.
func (s *Signed) Bytes() []byte { return s.message.Bytes() }

// Content gives what the list says, verified or not. The caller must not change it.
func (s *Signed) Content() *Content { return &s.content }
