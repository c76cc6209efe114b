package issuertest

import (
	"context"
	"testing"

	"mobileid/issuer"
	"mobileid/issuer/card/cardsim"
	"mobileid/mdoc/provisioning"
)

// Wallet is a phone with a card at hand and a secure element inside.
type Wallet struct {
	Card    *cardsim.Card
	SE      *SE
	Slot    uint64
	Purpose provisioning.Purpose
	Number  bool // read the individual number, and consent to it
}

// Attempt is a wallet's way through one transaction, as far as it has come.
type Attempt struct {
	Wallet  Wallet
	Started issuer.Started
	Order   provisioning.Order
	Keys    Keys
	Sealed  []byte
	Issued  []byte // what was sealed
	Receipt []byte
}

// Body taps the card for a challenge and encodes the evidence.
func (wallet Wallet) Body(ctx context.Context, t testing.TB, challenge []byte) []byte {
	t.Helper()
	return Evidence(t, issuer.Evidence{Reading: Tap(ctx, t, wallet.Card, challenge, wallet.SE.ID, wallet.Number), SEID: wallet.SE.ID,
		Slot: wallet.Slot, Purpose: uint64(wallet.Purpose), Consent: issuer.Consent{IndividualNumber: wallet.Number}})
}

// Ordered goes from the start to the order in the hands of the TSM.
func (w *World) Ordered(ctx context.Context, t testing.TB, s *issuer.Service, wallet Wallet) *Attempt {
	t.Helper()
	started, err := s.Start(ctx)
	must(t, err)
	p, err := s.Evidence(ctx, started.TransactionID, started.Token.Reveal(), wallet.Body(ctx, t, started.Challenge))
	must(t, err)
	order, ok := w.TSM.Order(p.OrderID)
	if !ok {
		t.Fatal("the TSM has not got the order")
	}
	return &Attempt{Wallet: wallet, Started: started, Order: order}
}

// Attested goes on from Ordered to the opened credential.
func (a *Attempt) Attested(ctx context.Context, t testing.TB, s *issuer.Service) *Attempt {
	t.Helper()
	a.Keys = a.Wallet.SE.Attest(t, a.Order, nil)
	var err error
	a.Sealed, err = s.Attested(ctx, a.Keys.Signed)
	must(t, err)
	a.Issued = a.Wallet.SE.Open(t, a.Keys, a.Sealed)
	return a
}

// Committed goes on from Attested to the receipt.
func (a *Attempt) Committed(ctx context.Context, t testing.TB, s *issuer.Service) *Attempt {
	t.Helper()
	a.Receipt = a.Wallet.SE.Receipt(t, a.Keys, a.Issued)
	must(t, s.Receipt(ctx, a.Receipt))
	return a
}

// State asks how far the transaction is.
func (a *Attempt) State(ctx context.Context, t testing.TB, s *issuer.Service) string {
	t.Helper()
	p, err := s.State(ctx, a.Started.TransactionID, a.Started.Token.Reveal())
	must(t, err)
	return p.State
}
