package issuertest

import (
	"context"
	"crypto"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"sync"
	"testing"
	"time"

	"mobileid/issuer"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/provisioning"
)

// TSM is a service manager that verifies each order, counts how often it came, and keeps it.
type TSM struct {
	Key crypto.PublicKey
	Now func() time.Time

	mu     sync.Mutex // guards the rest
	orders []provisioning.Order
	times  map[string]int
	down   error
}

// Submit takes an order once, however often it comes.
func (m *TSM) Submit(_ context.Context, signed []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return m.down
	}
	o, err := provisioning.VerifyOrder(signed, m.Key, m.Now())
	if err != nil {
		return err
	}
	id := hex.EncodeToString(o.ID)
	if m.times == nil {
		m.times = make(map[string]int)
	}
	if m.times[id]++; m.times[id] == 1 {
		m.orders = append(m.orders, *o)
	}
	return nil
}

// Fail makes every Submit fail until it is called with nil.
func (m *TSM) Fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = err
}

// Order finds a taken order by id in hex.
func (m *TSM) Order(id string) (provisioning.Order, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, o := range m.orders {
		if hex.EncodeToString(o.ID) == id {
			return o, true
		}
	}
	return provisioning.Order{}, false
}

// Wipes are the wipe orders taken.
func (m *TSM) Wipes() []provisioning.Order { return m.Taken(provisioning.OrderWipe) }

// Taken are the orders of a kind, in the order they came.
func (m *TSM) Taken(kind provisioning.OrderKind) []provisioning.Order {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []provisioning.Order
	for _, o := range m.orders {
		if o.Kind == kind {
			out = append(out, o)
		}
	}
	return out
}

// SE is a secure element with an attestation key under the world's root.
type SE struct {
	ID      []byte
	Pair    Pair
	mu      sync.Mutex // guards counter
	counter uint64
}

// SE makes one with the given id of 10 bytes.
func (w *World) SE(t testing.TB, id string) *SE {
	t.Helper()
	return &SE{ID: []byte(id), Pair: w.Issue(t, w.SERoot, pki.Template{Profile: pki.SEAttestation, CommonName: "SE TEST",
		SEID: []byte(id), NotBefore: Instant().AddDate(0, 0, -7), NotAfter: Instant().AddDate(5, 0, 0)})}
}

// Image is a copy of the SE as it is now: what a backup holds.
func (e *SE) Image() *SE {
	e.mu.Lock()
	defer e.mu.Unlock()
	return &SE{ID: e.ID, Pair: e.Pair, counter: e.counter}
}

// Keys are what an SE made for one order.
type Keys struct {
	Attestation provisioning.Attestation
	Signed      []byte
	sealing     *ecdh.PrivateKey
}

// Attest makes device key and sealing key for an order; alter may change the attestation before it is signed.
func (e *SE) Attest(t testing.TB, o provisioning.Order, alter func(*provisioning.Attestation)) Keys {
	t.Helper()
	sealing, err := ecdh.P256().GenerateKey(rand.Reader)
	must(t, err)
	sealingKey, err := cose.NewKey(sealing.PublicKey())
	must(t, err)
	deviceKey, err := cose.NewKey(&key(t).PublicKey)
	must(t, err)
	k := Keys{sealing: sealing, Attestation: provisioning.Attestation{OrderID: o.ID, Challenge: o.Challenge, SEID: e.ID,
		Slot: o.Slot, Purpose: o.Purpose, DeviceKey: deviceKey, SealingKey: sealingKey, AppletVersion: "1.0", UserPresence: true, TryLimit: 3}}
	if alter != nil {
		alter(&k.Attestation)
	}
	k.Signed = e.Sign(t, k.Attestation)
	return k
}

// Sign signs an attestation; each call gives other bytes.
func (e *SE) Sign(t testing.TB, a provisioning.Attestation) []byte {
	t.Helper()
	signed, err := provisioning.SignAttestation(e.Pair.Key, [][]byte{e.Pair.Cert}, a)
	must(t, err)
	return signed
}

// Open opens what was sealed to the keys.
func (e *SE) Open(t testing.TB, k Keys, sealed []byte) []byte {
	t.Helper()
	a := k.Attestation
	b, err := provisioning.Open(k.sealing, a.OrderID, a.SEID, a.Slot, sealed)
	must(t, err)
	return b
}

// Receipt signs that the credential was committed.
func (e *SE) Receipt(t testing.TB, k Keys, issuerSigned []byte) []byte {
	t.Helper()
	digest := sha256.Sum256(issuerSigned)
	return e.SignReceipt(t, provisioning.Receipt{Kind: provisioning.ReceiptCommitted, OrderID: k.Attestation.OrderID, SEID: e.ID,
		Slot: k.Attestation.Slot, Digest: digest[:], Counter: e.Next()})
}

// Wiped signs that one place of the element was emptied.
func (e *SE) Wiped(t testing.TB, o provisioning.Order, application provisioning.Application, slot uint64) []byte {
	t.Helper()
	return e.SignReceipt(t, provisioning.Receipt{Kind: provisioning.ReceiptWiped, OrderID: o.ID, SEID: e.ID, Slot: slot, Counter: e.Next(),
		Application: application})
}

// SignReceipt signs any receipt.
func (e *SE) SignReceipt(t testing.TB, r provisioning.Receipt) []byte {
	t.Helper()
	signed, err := provisioning.SignReceipt(e.Pair.Key, r)
	must(t, err)
	return signed
}

// Next draws the next receipt counter.
func (e *SE) Next() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.counter++
	return e.counter
}

// Evidence encodes what a wallet sends.
func Evidence(t testing.TB, e issuer.Evidence) []byte {
	t.Helper()
	raw, err := cbor.Marshal(e)
	must(t, err)
	return raw
}
