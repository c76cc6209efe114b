package vical

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"mobileid/mdoc/pki"
)

// Errors of a List.
var (
	// ErrExpired says that the list's notAfter has passed: it says nothing any more.
	ErrExpired = errors.New("the VICAL has expired")
	// ErrNone says that the list has no usable certificate for the document type. Another list may.
	ErrNone = errors.New("the VICAL has no certificate for the document type")
)

// List is a verified VICAL. Only [Signed.Verify] and [Store] give one. It never changes and is safe for concurrent use.
type List struct {
	signed  *Signed
	byBytes map[string][]string // certificate to document types
}

func newList(s *Signed) *List {
	l := &List{signed: s, byBytes: make(map[string][]string, len(s.content.Certificates))}
	for _, c := range s.content.Certificates {
		l.byBytes[string(c.Certificate)] = append(l.byBytes[string(c.Certificate)], c.DocTypes...)
	}
	return l
}

// Content gives what the list says. The caller must not change it.
func (l *List) Content() *Content { return &l.signed.content }

// Bytes gives the VICAL as received, for keeping. The caller must not change it.
func (l *List) Bytes() []byte { return l.signed.Bytes() }

// Due tells whether a newer list should be fetched: nextUpdate is there and has passed.
func (l *List) Due(at time.Time) bool {
	next := l.signed.content.NextUpdate
	return next != nil && at.After(next.Time())
}

func (l *List) expired(at time.Time) bool {
	end := l.signed.content.NotAfter
	return end != nil && at.After(end.Time())
}

// Lists tells whether the certificate is listed for the document type. It is known by its bytes: another certificate of the
// same name, serial number or key identifier is another one.
func (l *List) Lists(certificate []byte, docType string, at time.Time) bool {
	return !l.expired(at) && slices.Contains(l.byBytes[string(certificate)], docType)
}

// Anchors gives the certificates listed for the document type as trust anchors for document signers, and how many more were
// listed that fit no IACA profile or cannot be read, which are left out. A document is to be judged with the anchors of its
// own type, for which mdoc.Verification has AnchorsFor: that an authority is listed for one type says nothing of another.
//
// It fails with [ErrExpired] or [ErrNone].
func (l *List) Anchors(docType string, at time.Time) (anchors *pki.Anchors, leftOut int, err error) {
	const op = "taking anchors from VICAL"
	if l.expired(at) {
		return nil, 0, fmt.Errorf("%s: %w", op, ErrExpired)
	}
	var ders [][]byte
	for _, c := range l.signed.content.Certificates {
		if !slices.Contains(c.DocTypes, docType) {
			continue
		}
		if _, err := pki.NewAnchorsFor(pki.IACA, c.Certificate); err != nil {
			leftOut++
			continue
		}
		ders = append(ders, c.Certificate)
	}
	if len(ders) == 0 {
		return nil, leftOut, fmt.Errorf("%s: %w", op, ErrNone)
	}
	if anchors, err = pki.NewAnchorsFor(pki.IACA, ders...); err != nil {
		return nil, leftOut, fmt.Errorf("%s: %w", op, err)
	}
	return anchors, leftOut, nil
}
