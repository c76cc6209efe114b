package issuer

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"mobileid/issuer/card"
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

	row       string // of the sealed credential
	sealed    []byte
	deviceKey cose.Key
	sealing   cose.Key
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

// keep holds an identity until expires. It refuses when the vault is full of others that have not expired.
func (v *vault) keep(order string, id *card.Identity, expires, now time.Time) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.sweep(now)
	if len(v.held) >= v.limit {
		return ErrBusy
	}
	v.held[order] = &holding{identity: id, expires: expires}
	return nil
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
