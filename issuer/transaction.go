package issuer

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"mobileid/issuer/store"
)

const (
	idSize        = 16
	challengeSize = 32
	tokenSize     = 32
)

// Token is the bearer token of one transaction, base64url. It is given to the wallet once; the store has its hash.
// Formatting one gives [redacted]; Reveal is for the answer to the wallet.
type Token struct{ text string }

// Reveal gives the token itself.
func (t Token) Reveal() string { return t.text }

// Format keeps the token out of formatted text.
func (Token) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("[redacted]")) }

// LogValue keeps the token out of logs.
func (Token) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// Started is the answer to Start.
type Started struct {
	TransactionID string
	Token         Token
	Challenge     []byte // 32 bytes, for one use by the card's signature key
	ExpiresAt     time.Time
}

// Progress tells a wallet how far its transaction is.
type Progress struct {
	TransactionID string
	State         string // a state of store.TransactionState, then of store.State; "expired" when it cannot go on
	OrderID       string // hex; empty before the order
	ExpiresAt     time.Time
	ValidUntil    time.Time // of the credential; zero before its row
}

// Expired is the state of a transaction that can go no further because its time is over, or because the process that
// held the evidence has gone.
const Expired = "expired"

// Start opens a transaction: a challenge for one use within TransactionLife.
func (s *Service) Start(ctx context.Context) (Started, error) {
	random, err := s.random(idSize + tokenSize + challengeSize)
	if err != nil {
		return Started{}, fmt.Errorf("starting transaction: %w", err)
	}
	id, token, challenge := random[:idSize], random[idSize:idSize+tokenSize], random[idSize+tokenSize:]
	started := Started{TransactionID: hex.EncodeToString(id), Token: Token{base64.RawURLEncoding.EncodeToString(token)},
		Challenge: challenge, ExpiresAt: s.now().Add(s.config.TransactionLife).Truncate(time.Second)}
	hash := sha256.Sum256([]byte(started.Token.text))
	err = s.config.Store.Begin(ctx, store.Transaction{ID: started.TransactionID, TokenHash: hash[:], Challenge: challenge,
		ExpiresAt: started.ExpiresAt}, s.config.MaxTransactions)
	if errors.Is(err, store.ErrFull) {
		return Started{}, fmt.Errorf("starting transaction: %w", ErrBusy)
	}
	if err != nil {
		return Started{}, fmt.Errorf("starting transaction: %w", err)
	}
	return started, nil
}

// State tells how far a transaction is.
func (s *Service) State(ctx context.Context, id, token string) (Progress, error) {
	t, err := s.authenticate(ctx, id, token)
	if err != nil {
		return Progress{}, fmt.Errorf("reading state: %w", err)
	}
	p := Progress{TransactionID: t.ID, State: string(t.State), OrderID: t.OrderID, ExpiresAt: t.ExpiresAt}
	now := s.now()
	if t.State != store.Ordered {
		if t.State != store.Failed && !now.Before(t.ExpiresAt) {
			p.State = Expired
		}
		return p, nil
	}
	row, err := s.config.Store.OfOrder(ctx, t.OrderID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		if s.vault.find(t.OrderID, now) == nil {
			p.State = Expired
		}
	case err != nil:
		return Progress{}, fmt.Errorf("reading state: %w", err)
	default:
		p.State, p.ValidUntil = string(row.State), row.ValidUntil
	}
	return p, nil
}

// authenticate finds a transaction by id and token.
func (s *Service) authenticate(ctx context.Context, id, token string) (store.Transaction, error) {
	if len(id) != 2*idSize || token == "" {
		return store.Transaction{}, ErrToken
	}
	t, err := s.config.Store.Transaction(ctx, id)
	hash := sha256.Sum256([]byte(token))
	switch {
	case errors.Is(err, store.ErrNotFound):
		return store.Transaction{}, ErrToken
	case err != nil:
		return store.Transaction{}, err
	case subtle.ConstantTimeCompare(hash[:], t.TokenHash) != 1:
		return store.Transaction{}, ErrToken
	}
	return t, nil
}
