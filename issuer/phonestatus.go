package issuer

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"sync"
	"time"

	"mobileid/issuer/card"
	"mobileid/issuer/card/jpki/jpkica"
	"mobileid/issuer/store"
	"mobileid/mdoc/pki"
)

const (
	// listLife is how long a revocation list of phone certificates speaks; it is made anew at half of it, and with each change.
	listLife = 24 * time.Hour
	// backdated lets an asker's clock lie a little behind.
	backdated = time.Minute
)

// ErrNoPhones says that this issuer issues no phone certificates.
var ErrNoPhones = errors.New("no phone certificates are issued here")

// publishedList is the newest list of one CA.
type publishedList struct {
	mu      sync.Mutex // held through a signature; guards the rest
	der     []byte
	version uint64
	from    time.Time
}

// PhoneList is the revocation list of one of the CAs of phone certificates, in DER, as things stand.
func (s *Service) PhoneList(ctx context.Context, kind store.CertificateKind) ([]byte, error) {
	a, err := s.phoneAuthority(kind)
	if err != nil {
		return nil, fmt.Errorf("listing phone certificates: %w", err)
	}
	a.list.mu.Lock()
	defer a.list.mu.Unlock()
	version, err := s.config.Store.ListedVersion(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing phone certificates: %w", err)
	}
	now := s.now()
	if l := &a.list; l.der != nil && l.version == version && now.Before(l.from.Add(listLife/2)) {
		return l.der, nil
	}
	if err := s.makeList(ctx, a, kind, now); err != nil {
		return nil, fmt.Errorf("listing phone certificates: %w", err)
	}
	return a.list.der, nil
}

// makeList makes the list anew. The caller holds the list's mutex.
func (s *Service) makeList(ctx context.Context, a *phoneAuthority, kind store.CertificateKind, now time.Time) error {
	version, rows, err := s.config.Store.Listed(ctx)
	if err != nil {
		return err
	}
	// At least the time: above what was numbered by it before numbers were kept.
	number, err := s.config.Store.ListNumber(ctx, uint64(max(now.Unix(), 0)))
	if err != nil {
		return err
	}
	from := now.Add(-backdated)
	var entries []pki.Revocation
	for _, row := range rows {
		if row.ValidUntil.Before(from) {
			continue // RFC 5280, 3.3: an entry may go once the certificate has ended
		}
		entries = append(entries, entryOf(kind, row, from))
	}
	der, err := a.ca.List(new(big.Int).SetUint64(number), from, from.Add(listLife), entries)
	if err != nil {
		return err
	}
	a.list.der, a.list.version, a.list.from = der, version, from
	return nil
}

func (s *Service) phoneAuthority(kind store.CertificateKind) (*phoneAuthority, error) {
	if s.phones == nil || s.phones.authority[kind] == nil {
		return nil, ErrNoPhones
	}
	return s.phones.authority[kind], nil
}

// entryOf is the entry of a listed row. Its date does not lie after the list.
func entryOf(kind store.CertificateKind, row store.Credential, from time.Time) pki.Revocation {
	serial := row.Phone.Signature
	if kind == store.AuthenticationCertificate {
		serial = row.Phone.Authentication
	}
	date := row.ChangedAt.UTC().Truncate(time.Second)
	if date.After(from) {
		date = from
	}
	return pki.Revocation{Serial: serialNumber(serial), Date: date, Reason: crlReason(row)}
}

// crlReason gives one of the four reasons. What was revoked while it was held, or before it was released, has no reason of its own to tell.
func crlReason(row store.Credential) pki.Reason {
	if row.State == store.Suspended {
		return pki.CertificateHold
	}
	switch row.Reason {
	case store.AffiliationChanged:
		return pki.AffiliationChanged
	case store.Superseded:
		return pki.Superseded
	default:
		return pki.CessationOfOperation
	}
}

// PhoneOCSP answers a request (RFC 6960) about a certificate of one of the CAs of phone certificates.
func (s *Service) PhoneOCSP(ctx context.Context, kind store.CertificateKind, request []byte) ([]byte, error) {
	a, err := s.phoneAuthority(kind)
	if err != nil {
		return nil, fmt.Errorf("answering OCSP: %w", err)
	}
	now := s.now()
	return a.responder.Answer(request, now, func(serial *big.Int) (jpkica.Status, error) {
		if !serial.IsUint64() {
			return jpkica.Status{}, nil
		}
		row, err := s.config.Store.OfSerial(ctx, kind, serial.Uint64())
		if errors.Is(err, store.ErrNotFound) {
			return jpkica.Status{}, nil
		}
		if err != nil {
			return jpkica.Status{}, err
		}
		status := jpkica.Status{Known: row.State != store.Reserved}
		if row.State == store.Revoked || row.State == store.Suspended {
			e := entryOf(kind, row, now)
			status.Revoked = &e
		}
		return status, nil
	}), nil
}

const (
	followStep  = 16               // rows read at once
	followPause = 10 * time.Minute // between two passes
	followLimit = 30 * time.Second // for the status of one card
)

// followRounds makes a pass of FollowCards, and the next one followPause after it has ended, until ctx ends.
func (s *Service) followRounds(ctx context.Context) {
	if s.phones == nil {
		return
	}
	for {
		s.FollowCards(ctx)
		select {
		case <-ctx.Done():
			return
		case <-time.After(followPause):
		}
	}
}

// FollowCards has the phone certificates in force follow the card's signature certificate: revoked with it, for its reason, and held while it is
// held. What cannot be found out changes nothing. Those that have ended are asked about no more. Errors are logged and met by a later pass.
func (s *Service) FollowCards(ctx context.Context) {
	if s.phones == nil {
		return
	}
	s.phones.following.Lock()
	defer s.phones.following.Unlock()
	if _, err := s.config.Store.Retire(ctx, s.now().Add(-2*backdated)); err != nil {
		s.log.ErrorContext(ctx, "ended phone certificates not retired", "error", err)
	}
	for after := uint64(0); ctx.Err() == nil; {
		rows, err := s.config.Store.Live(ctx, after, followStep)
		if err != nil {
			s.log.ErrorContext(ctx, "phone certificates not readable", "error", err)
			return
		}
		for _, row := range rows {
			if err := s.followCard(ctx, row); err != nil && ctx.Err() == nil {
				s.log.ErrorContext(ctx, "phone certificates do not follow the card", "credential", row.ID, "error", err)
			}
			after = row.Sequence
		}
		if len(rows) < followStep {
			return
		}
	}
}

func (s *Service) followCard(ctx context.Context, row store.Credential) error {
	name, err := s.phones.sealer.open(row.Phone.Card)
	if err != nil {
		return err
	}
	certificate, issuer := name.certificate(s.config.CardSignatureRoots)
	if certificate == nil {
		return errors.New("the CA of the card's certificate is not configured any more")
	}
	now := s.now()
	asking, cancel := context.WithTimeout(ctx, followLimit)
	answer := s.config.CardStatus.Status(asking, certificate, issuer, now)
	cancel()
	var changed bool
	switch answer.State {
	case card.StateRevoked:
		changed, err = s.config.Store.ChangePhone(ctx, row.ID, store.PhoneChange{Reason: storeReason(answer.Reason), At: now})
	case card.StateOnHold:
		changed, err = s.config.Store.ChangePhone(ctx, row.ID, store.PhoneChange{Reason: store.CertificateHold, By: store.HoldCard, At: now})
	case card.StateInForce:
		if row.Hold&store.HoldCard == 0 {
			return nil
		}
		changed, err = s.config.Store.ReleasePhone(ctx, row.ID, store.HoldCard, now, store.Message{})
	default:
		return nil
	}
	if changed {
		s.log.InfoContext(ctx, "phone certificates followed the card", "credential", row.ID)
	}
	return err
}

func storeReason(r pki.Reason) store.Reason {
	switch r {
	case pki.AffiliationChanged:
		return store.AffiliationChanged
	case pki.Superseded:
		return store.Superseded
	default:
		return store.CessationOfOperation
	}
}
