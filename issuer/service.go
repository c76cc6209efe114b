package issuer

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"mobileid/issuer/keys"
	"mobileid/issuer/pairing"
	"mobileid/issuer/revocation"
	"mobileid/mdoc/doctype"
	"mobileid/mdoc/pki"
)

// Service is the issuer. It is safe for concurrent use.
type Service struct {
	config    Config
	secrets   secrets
	table     *doctype.Table
	index     *revocation.Permutation
	publisher *revocation.Publisher
	desk      *revocation.Desk
	vault     *vault
	outbox    *outbox
	phones    *phones // nil when no phone certificates are issued here
	sessions  *pairing.Board
	wake      chan struct{} // holds one token when Run should not wait for its next round
	log       *slog.Logger
}

// New makes an issuer over a store: it burns what died with the last process and signs the first status list, so that
// nothing is served before both are done.
func New(ctx context.Context, c Config) (*Service, error) {
	if err := c.validate(); err != nil {
		return nil, fmt.Errorf("making issuer: %w", err)
	}
	c.defaults()
	derived, err := deriveSecrets(c.Secret)
	if err != nil {
		return nil, fmt.Errorf("making issuer: %w", err)
	}
	s := &Service{config: c, secrets: derived, table: doctype.MNC(), vault: newVault(c.MaxHeld), wake: make(chan struct{}, 1),
		log: c.Log}
	s.outbox = &outbox{store: c.Store, orders: c.Orders, now: s.now, log: c.Log, turn: make(chan struct{}, 1)}
	s.sessions = pairing.NewBoard(pairing.Config{Now: c.Now, Rand: c.Rand, Max: c.MaxTransactions})
	if s.index, err = revocation.NewPermutation(derived.index); err != nil {
		return nil, fmt.Errorf("making issuer: %w", err)
	}
	s.publisher, err = revocation.NewPublisher(revocation.PublisherConfig{Store: c.Store, Signer: c.StatusKey,
		Chain: c.StatusChain, URI: c.StatusURI, TTL: c.StatusTTL, Life: c.StatusLife, Now: c.Now, Log: c.Log})
	if err != nil {
		return nil, fmt.Errorf("making issuer: %w", err)
	}
	s.desk, err = revocation.NewDesk(revocation.DeskConfig{Store: c.Store, Publisher: s.publisher, Operators: c.Operators,
		Counters: c.Counters,
		OrderKey: c.OrderKey, ReceiptKey: c.StatusKey, ReceiptChain: c.StatusChain, Pseudonym: s.device,
		Queued: s.queued, Patience: c.Life, Now: c.Now, Rand: c.Rand, Log: c.Log})
	if err != nil {
		return nil, fmt.Errorf("making issuer: %w", err)
	}
	if s.phones, err = newPhones(c.Phone, derived.card); err != nil {
		return nil, fmt.Errorf("making issuer: %w", err)
	}
	if _, _, err := s.signer(s.now()); err != nil {
		return nil, fmt.Errorf("making issuer: %w", err)
	}
	burnt, err := c.Store.Recover(ctx, s.now())
	if err != nil {
		return nil, fmt.Errorf("making issuer: %w", err)
	}
	s.log.InfoContext(ctx, "store recovered", "burnt", burnt)
	if err := s.publisher.Publish(ctx); err != nil {
		return nil, fmt.Errorf("making issuer: %w", err)
	}
	return s, nil
}

// Run does what has to happen without being asked, until ctx ends: orders that the TSM has not taken are sent again,
// expired transactions and identities are forgotten, and the status list is signed anew at half its life. Errors are
// logged and met by the next round. Beside the rounds, which wait for no card's CA, phone certificates follow the cards; see FollowCards.
func (s *Service) Run(ctx context.Context) error {
	var follower sync.WaitGroup
	follower.Go(func() { s.followRounds(ctx) })
	defer follower.Wait()
	ticker := time.NewTicker(s.config.Round)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		case <-s.wake:
		}
		s.round(ctx)
	}
}

// Dispatch sends the orders that the TSM has not taken. What it does not take stays queued.
func (s *Service) Dispatch(ctx context.Context) { s.outbox.round(ctx) }

// queued tells Run that an order waits.
func (s *Service) queued() {
	select {
	case s.wake <- struct{}{}:
	default: // told already
	}
}

func (s *Service) round(ctx context.Context) {
	s.vault.forget(s.now())
	s.sessions.Forget()
	s.outbox.round(ctx)
	if _, err := s.config.Store.Purge(ctx, s.now()); err != nil {
		s.log.ErrorContext(ctx, "purge failed", "error", err)
	}
	if err := s.publisher.Publish(ctx); err != nil {
		s.log.ErrorContext(ctx, "publication failed", "error", err)
	}
}

// Ready tells whether the issuer can do its work: the store takes writes, a document signer is in force, and the
// published list has not expired.
func (s *Service) Ready(ctx context.Context) error {
	if _, _, err := s.signer(s.now()); err != nil {
		return err
	}
	if _, ok := s.publisher.Current(); !ok {
		return errors.New("status list has expired")
	}
	return s.config.Store.Ready(ctx, s.now())
}

// PublishStatus signs the status list if anything changed or half its life is over.
func (s *Service) PublishStatus(ctx context.Context) error { return s.publisher.Publish(ctx) }

// StatusList is the current list; ok is false when it has expired, which must then be answered as a failure.
func (s *Service) StatusList() (revocation.Published, bool) { return s.publisher.Current() }

// TrustAnchors are the issuing authority's roots as PEM. A verifier that trusts them because it got them from here
// trusts whoever answered it; it should have them from elsewhere.
func (s *Service) TrustAnchors() []byte {
	var ders [][]byte
	for _, c := range s.config.Anchors.Certificates() {
		ders = append(ders, c.Raw)
	}
	return pki.EncodePEM(ders...)
}

// RevocationList is the IACA's certificate revocation list in DER, or nothing when none is published here. The authority
// signed it elsewhere; whoever reads it checks that.
func (s *Service) RevocationList() ([]byte, error) {
	if s.config.CRL == nil {
		return nil, nil
	}
	return s.config.CRL()
}

// Handover takes note that the phone with this secure element changes hands and gives the signed receipt of it; see
// revocation.Desk.
func (s *Service) Handover(ctx context.Context, operatorToken string, seID []byte) ([]byte, error) {
	return s.desk.Handover(ctx, operatorToken, seID)
}

// HandoverState tells how far the last handover of a secure element has come; see revocation.Desk.
func (s *Service) HandoverState(ctx context.Context, operatorToken string, seID []byte) (revocation.HandoverState, error) {
	return s.desk.HandoverState(ctx, operatorToken, seID)
}

// Suspend stops what is bound to a secure element until Resume; see revocation.Desk.
func (s *Service) Suspend(ctx context.Context, operatorToken string, seID []byte) (int, error) {
	return s.desk.Suspend(ctx, operatorToken, seID)
}

// Resume ends a suspension; see revocation.Desk.
func (s *Service) Resume(ctx context.Context, operatorToken string, seID []byte) (int, error) {
	return s.desk.Resume(ctx, operatorToken, seID)
}

// signer gives the document signer in use, after checking it against the authority's own roots: a signer that no
// verifier would trust is found before a row is spent on it.
func (s *Service) signer(at time.Time) (keys.DocumentSigner, *x509.Certificate, error) {
	ds, err := s.config.Signers.At(at, s.config.Life)
	if err != nil {
		return keys.DocumentSigner{}, nil, fmt.Errorf("finding document signer: %w", err)
	}
	if ds.Key == nil || len(ds.Chain) == 0 {
		return keys.DocumentSigner{}, nil, errors.New("finding document signer: no key or no chain")
	}
	chain, v, err := s.config.Anchors.Check(ds.Chain, pki.DocumentSigner, at)
	if err != nil {
		return keys.DocumentSigner{}, nil, fmt.Errorf("checking document signer: %w", err)
	}
	if !v.OK() {
		return keys.DocumentSigner{}, nil, fmt.Errorf("checking document signer: %w", refused("document signer", v))
	}
	return ds, chain.Leaf, nil
}

// device is the pseudonym of a secure element.
func (s *Service) device(seID []byte) string { return pseudonym(s.secrets.device, seID) }

func (s *Service) now() time.Time { return s.config.Now().UTC() }

func (s *Service) random(n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(s.config.Rand, b); err != nil {
		return nil, fmt.Errorf("drawing random bytes: %w", err)
	}
	return b, nil
}

// StatusURI is the address of the status list as it stands in every MSO.
func (s *Service) StatusURI() string { return s.config.StatusURI }
