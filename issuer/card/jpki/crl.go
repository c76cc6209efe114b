package jpki

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"mobileid/issuer/card"
	"mobileid/mdoc/pki"
)

// list is one place of revocation lists and the newest good one it gave.
type list struct {
	place string

	mu   sync.Mutex // held through a fetch, so that one asks and the others wait; guards the rest
	pace pace
	held *pki.CRL
}

// askLists takes the word of the first list that covers the certificate and can speak.
func (s *Source) askLists(ctx context.Context, a *authority, certificate *x509.Certificate, id key, at time.Time) card.StatusAnswer {
	result := unknown("no CRL at hand")
	for _, l := range a.lists {
		crl := s.current(ctx, a, l, at)
		if crl == nil || !crl.Covers(certificate) {
			continue
		}
		if result = s.read(crl, certificate, id, at); result.State != card.StateUnknown {
			return result
		}
	}
	return result
}

// read looks a certificate up. An entry counts whatever the age of the list: it stands until a newer list says otherwise.
func (s *Source) read(crl *pki.CRL, certificate *x509.Certificate, id key, at time.Time) card.StatusAnswer {
	name := "CRL " + crl.Number().String()
	if entry, found := crl.Lookup(certificate.SerialNumber); found {
		return revoked(entry.Reason, name)
	}
	late := at.Sub(crl.NextUpdate())
	switch {
	case at.Before(crl.ThisUpdate()):
		return unknown("%s is from the future", name)
	case late <= 0:
		return card.StatusAnswer{State: card.StateInForce, Measured: "in force, " + name}
	case late > s.config.Grace:
		return unknown("%s is past its nextUpdate", name)
	case !s.knows(id):
		return unknown("%s is past its nextUpdate, and the certificate was not judged before", name)
	default:
		return card.StatusAnswer{State: card.StateInForce, Measured: "in force before, " + name + " within the period of grace"}
	}
}

// current gives the list to go by, after fetching a newer one when that is due. nil means that there never was one.
func (s *Source) current(ctx context.Context, a *authority, l *list, at time.Time) *pki.CRL {
	l.mu.Lock()
	defer l.mu.Unlock()
	refresh := s.config.Refresh
	if l.held != nil && at.After(l.held.NextUpdate()) {
		refresh = min(refresh, s.config.Retry)
	}
	if !l.pace.due(at, refresh, s.config.Retry) {
		return l.held
	}
	err := s.renew(ctx, a, l, at)
	if ctx.Err() != nil { // the caller went away; that says nothing of the place
		return l.held
	}
	l.pace = pace{asked: at, failed: err != nil}
	if err != nil {
		s.config.Log.WarnContext(ctx, "no new CRL", slog.String("place", l.place), slog.String("error", err.Error()))
	}
	return l.held
}

// renew fetches a list and takes it if it is good and no older than the one held (RFC 5280, 5.2.3: numbers rise).
func (s *Source) renew(ctx context.Context, a *authority, l *list, at time.Time) error {
	der, err := s.fetch(ctx, l.place, nil, MaxList)
	if err != nil {
		return err
	}
	crl, err := pki.ParseCRLWithin(der, MaxList)
	if err != nil {
		return errors.New("not a CRL")
	}
	if v := crl.VerifyPart(a.ca, at); !v.OK() {
		return fmt.Errorf("refused: %s", v)
	}
	if l.held != nil && !bytes.Equal(l.held.Raw(), crl.Raw()) && (crl.Number().Cmp(l.held.Number()) <= 0 || crl.ThisUpdate().Before(l.held.ThisUpdate())) {
		return fmt.Errorf("refused: number %s is not newer than %s", crl.Number(), l.held.Number())
	}
	l.held = crl
	return nil
}
