package issuer

import (
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"mobileid/issuer/card"
	"mobileid/issuer/store"
	"mobileid/mdoc/cose"
)

// vault holds checked identities between evidence and signature, and sealed credentials between signature and receipt.
// It is the only place of this package where a person is known, and it is never written anywhere.
type vault struct {
	mu    sync.Mutex // guards held
	held  map[string]*holding
	limit int
}

// holding is what is kept for one order. Formatting one gives [redacted].
type holding struct {
	mu       sync.Mutex // guards the rest; held through a whole issuance, so that one order is answered by one at a time
	identity *card.Identity
	expires  time.Time
	claim    claim // never changes
	place    place // never changes

	row       string // of the sealed credential
	sealed    []byte
	deviceKey cose.Key
	sealing   cose.Key

	// Of phone certificates: the digest of their keys, and the card's signature certificate that they rest on.
	born [sha256.Size]byte
	card *x509.Certificate
}

// claim is what a person can have once: see store.Credentials, Activate. place is where it goes.
type (
	claim struct {
		subject, docType string
		purpose          uint64
	}
	place struct {
		device string
		slot   uint64
	}
)

// open reports whether nothing was released yet. One that is being answered at this moment is.
func (h *holding) open() bool {
	if !h.mu.TryLock() {
		return true
	}
	defer h.mu.Unlock()
	return h.identity != nil
}

// Format keeps the holder out of formatted text.
func (*holding) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("[redacted]")) }

// LogValue keeps the holder out of logs.
func (*holding) LogValue() slog.Value { return slog.StringValue("[redacted]") }

func newVault(limit int) *vault { return &vault{held: make(map[string]*holding), limit: limit} }

// room tells whether another identity could be held, so that a challenge is not used up in vain.
func (v *vault) room(now time.Time) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.sweep(now)
	return len(v.held) < v.limit
}

// keep holds an identity until the order expires. It refuses when the vault is full of others that have not expired, and when
// the same person is being issued the same kind of document elsewhere (ErrDuplicate): of two at once only one could stay. Of
// several for the same place, as after a phone that started again, the youngest stays: see store.Credentials, Activate.
func (v *vault) keep(o store.Order, id *card.Identity, now time.Time) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.sweep(now)
	mine := claim{subject: o.Subject, docType: o.DocType, purpose: o.Purpose}
	where := place{device: o.Device, slot: o.Slot}
	for _, h := range v.held {
		if h.claim == mine && h.place != where && h.open() {
			return ErrDuplicate
		}
	}
	if len(v.held) >= v.limit {
		return ErrBusy
	}
	v.held[o.ID] = &holding{identity: id, expires: o.NotAfter, claim: mine, place: where}
	return nil
}

// rests notes the card's signature certificate on which the phone certificates of an order rest.
func (v *vault) rests(order string, c *x509.Certificate) {
	v.mu.Lock()
	h := v.held[order]
	v.mu.Unlock()
	if h != nil {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.card = c
	}
}

// find returns the holding of an order, nil when there is none or its time is over.
func (v *vault) find(order string, now time.Time) *holding {
	v.mu.Lock()
	defer v.mu.Unlock()
	h := v.held[order]
	if h == nil || !now.Before(h.expires) {
		return nil
	}
	return h
}

func (v *vault) drop(order string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.held, order)
}

// sweep forgets what has expired. The caller holds mu.
func (v *vault) sweep(now time.Time) {
	for order, h := range v.held {
		if !now.Before(h.expires) {
			delete(v.held, order)
		}
	}
}

// forget is sweep for callers outside.
func (v *vault) forget(now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.sweep(now)
}
