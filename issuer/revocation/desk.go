package revocation

import (
	"context"
	"crypto"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"mobileid/issuer/store"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/provisioning"
)

// SEIDSize is the length of a secure element's id (the key diversification data of SCP03).
const SEIDSize = 10

// orderLife is how long an order to wipe, lock or unlock holds: longer than any phone, since the SE is emptied at its next
// contact, whenever that is.
const orderLife = 10 * 365 * 24 * time.Hour

// defaultPatience is how long the emptying of an SE may take before it is called unreachable: as long as a document is
// usually valid, after which nobody takes it any more, list or no list.
const defaultPatience = 30 * 24 * time.Hour

// ErrSEID means that an id is not of the right length.
var ErrSEID = errors.New("secure element id is not 10 bytes")

// DeskConfig says who may ask, and with which keys the answers are signed. Every field without a default is required.
type DeskConfig struct {
	Store     DeskStore
	Publisher *Publisher
	// Operators may revoke, suspend and resume; empty means that nobody may.
	Operators []Operator
	// Counters may open sessions at municipal counters, as operators may, and nothing else.
	Counters []Operator
	// OrderKey signs orders to the TSM.
	OrderKey crypto.Signer
	// ReceiptKey signs handover receipts; ReceiptChain is its certificate, root left out.
	ReceiptKey   crypto.Signer
	ReceiptChain [][]byte
	// Pseudonym is the keyed hash under which the store knows a secure element.
	Pseudonym func(seID []byte) string
	// Queued is called after an order was put into the outbox, so that it is sent soon. It must not wait: a revocation
	// does not depend on the TSM. nil means that only the regular round sends it.
	Queued func()
	// Patience is how long after a handover an SE that has not been emptied is called unreachable; 0 means 30 days.
	Patience time.Duration
	Now      func() time.Time // nil means the clock
	Rand     io.Reader        // nil means crypto/rand
	Log      *slog.Logger     // nil means no log
}

// DeskStore is what the desk asks of the issuer's store.
type DeskStore interface {
	Device(ctx context.Context, device string) (store.Device, error)
	RevokeDevice(ctx context.Context, h store.Handover, wipe store.WipeOrder) (store.Handover, bool, error)
	AttachReceipt(ctx context.Context, device, handoverID string, receipt []byte) error
	SuspendDevice(ctx context.Context, device string, at time.Time, lock store.Message) (int, error)
	ResumeDevice(ctx context.Context, device string, at time.Time, unlock store.Message) (int, error)
	PhonesOf(ctx context.Context, device string) ([]store.Credential, error)
	ChangePhone(ctx context.Context, id string, c store.PhoneChange) (bool, error)
	ReleasePhone(ctx context.Context, id string, by store.Hold, at time.Time, unlock store.Message) (bool, error)
}

// Desk carries out what operators ask. It is safe for concurrent use.
type Desk struct {
	config    DeskConfig
	operators operators
	counters  operators
}

// NewDesk makes a desk.
func NewDesk(c DeskConfig) (*Desk, error) {
	if c.Store == nil || c.Publisher == nil || c.OrderKey == nil || c.ReceiptKey == nil || len(c.ReceiptChain) == 0 || c.Pseudonym == nil {
		return nil, errors.New("making revocation desk: a required field is missing")
	}
	who, err := newOperators(c.Operators)
	if err != nil {
		return nil, fmt.Errorf("making revocation desk: %w", err)
	}
	counters, err := newOperators(c.Counters)
	if err != nil {
		return nil, fmt.Errorf("making revocation desk: counters: %w", err)
	}
	if c.Patience < 0 {
		return nil, errors.New("making revocation desk: negative patience")
	}
	if c.Patience == 0 {
		c.Patience = defaultPatience
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Desk{config: c, operators: who, counters: counters}, nil
}

// Handover takes note that the phone with this secure element changes hands: every credential bound to it is revoked
// and no issuance in flight can be released any more; the list that shows it is signed; the order to empty the SE is
// queued, if the SE ever answered an order since it was last emptied. The answer is a signed HandoverReceipt. Asked again with nothing new in between, it gives the same bytes.
//
// The receipt is given only after the list is out. If signing the list fails, the revocation stands all the same, and
// asking again ends what was begun.
func (d *Desk) Handover(ctx context.Context, token string, seID []byte) ([]byte, error) {
	operator, device, err := d.admit(token, seID)
	if err != nil {
		return nil, fmt.Errorf("handing over device: %w", err)
	}
	d.config.Log.InfoContext(ctx, "handover asked", "operator", operator)
	h, again, err := d.revokeDevice(ctx, operator, device, seID)
	for tries := 1; errors.Is(err, store.ErrPlaces) && tries < placeTries; tries++ {
		h, again, err = d.revokeDevice(ctx, operator, device, seID)
	}
	if err != nil {
		return nil, fmt.Errorf("handing over device: %w", err)
	}
	if d.config.Queued != nil && !again {
		d.config.Queued()
	}
	if err := d.config.Publisher.Publish(ctx); err != nil {
		return nil, fmt.Errorf("handing over device: %w", err)
	}
	receipt, err := d.receipt(ctx, h)
	if err != nil {
		return nil, fmt.Errorf("handing over device: %w", err)
	}
	d.config.Log.InfoContext(ctx, "handover done", "operator", operator, "handover", h.ID, "credentials", h.Credentials, "again", again)
	return receipt, nil
}

// placeTries bounds how often an order is signed anew because the SE came to hold something more meanwhile: there are 16 places.
const placeTries = 17

// revokeDevice signs an order that names every place on record, so that none is waited for that was found empty, and revokes.
func (d *Desk) revokeDevice(ctx context.Context, operator, device string, seID []byte) (h store.Handover, again bool, err error) {
	row, err := d.config.Store.Device(ctx, device)
	if err != nil {
		return h, false, err
	}
	order, err := d.order(provisioning.OrderWipe, seID, row.Places...)
	if err != nil {
		return h, false, err
	}
	id, err := d.random(16)
	if err != nil {
		return h, false, err
	}
	return d.config.Store.RevokeDevice(ctx, store.Handover{ID: hex.EncodeToString(id), Device: device,
		At: d.now(), Operator: operator, Reason: store.CessationOfOperation, WipeOrderID: order.OrderID,
		WipeUntil: order.NotAfter}, store.WipeOrder{Body: order.Body, Places: row.Places})
}

// Suspend stops every credential bound to the secure element until Resume or Handover; rows still in flight end for
// good. It tells how many rows changed. The order to lock the SE is queued with the change; the status does not wait for it,
// and stands in the list whether the phone ever comes by or not.
func (d *Desk) Suspend(ctx context.Context, token string, seID []byte) (int, error) {
	return d.change(ctx, "suspending device", token, seID, provisioning.OrderLock, d.config.Store.SuspendDevice)
}

// Resume brings back what Suspend stopped, and queues the order to unlock the SE. What is revoked stays revoked.
func (d *Desk) Resume(ctx context.Context, token string, seID []byte) (int, error) {
	return d.change(ctx, "resuming device", token, seID, provisioning.OrderUnlock, d.config.Store.ResumeDevice)
}

func (d *Desk) change(ctx context.Context, what, token string, seID []byte, kind provisioning.OrderKind,
	change func(context.Context, string, time.Time, store.Message) (int, error)) (int, error) {
	operator, device, err := d.admit(token, seID)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", what, err)
	}
	d.config.Log.InfoContext(ctx, "change of status asked", "operation", what, "operator", operator)
	order, err := d.order(kind, seID)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", what, err)
	}
	n, err := change(ctx, device, d.now(), order)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", what, err)
	}
	if d.config.Queued != nil && n > 0 {
		d.config.Queued()
	}
	if err := d.config.Publisher.Publish(ctx); err != nil {
		return n, fmt.Errorf("%s: %w", what, err)
	}
	d.config.Log.InfoContext(ctx, "change of status done", "operation", what, "operator", operator, "credentials", n)
	return n, nil
}

// admit looks at the token first, so that a stranger learns nothing about ids.
func (d *Desk) admit(token string, seID []byte) (operator, device string, err error) {
	if operator, err = d.operators.authorize(token); err != nil {
		return "", "", err
	}
	if len(seID) != SEIDSize {
		return "", "", ErrSEID
	}
	return operator, d.config.Pseudonym(seID), nil
}

// order signs an order about all slots of an SE, fit for the outbox. It names the places that are to have a receipt.
func (d *Desk) order(kind provisioning.OrderKind, seID []byte, places ...store.Place) (store.Message, error) {
	id, err := d.random(16)
	if err != nil {
		return store.Message{}, err
	}
	until := d.now().Add(orderLife)
	o := provisioning.Order{ID: id, Kind: kind, SEID: seID, NotAfter: cbor.NewTDate(until)}
	for _, p := range places {
		named := provisioning.Place{Application: provisioning.ApplicationCredential, Slot: p.Slot}
		if p.Phone {
			named.Application = provisioning.ApplicationPhoneCertificates
		}
		o.Places = append(o.Places, named)
	}
	signed, err := provisioning.SignOrder(d.config.OrderKey, o)
	return store.Message{OrderID: hex.EncodeToString(id), Body: signed, NotAfter: until}, err
}

// receipt returns the signed receipt of a handover, the one made before if there is one.
func (d *Desk) receipt(ctx context.Context, h store.Handover) ([]byte, error) {
	if h.Receipt != nil {
		return h.Receipt, nil
	}
	id, err := hex.DecodeString(h.ID)
	if err != nil {
		return nil, err
	}
	wipe, err := hex.DecodeString(h.WipeOrderID) // empty when nothing was ever put into the SE
	if err != nil {
		return nil, err
	}
	signed, err := provisioning.SignHandoverReceipt(d.config.ReceiptKey, d.config.ReceiptChain, provisioning.HandoverReceipt{
		ID: id, Device: h.Device, At: cbor.NewTDate(h.At), Credentials: h.Credentials,
		StatusURIs: []string{d.config.Publisher.URI()}, WipeOrderID: wipe})
	if err != nil {
		return nil, err
	}
	err = d.config.Store.AttachReceipt(ctx, h.Device, h.ID, signed)
	if errors.Is(err, store.ErrState) { // another call was first: give out what it kept
		kept, err := d.config.Store.Device(ctx, h.Device)
		if err != nil {
			return nil, err
		}
		if kept.Handover == nil || kept.Handover.ID != h.ID || kept.Handover.Receipt == nil {
			return nil, store.ErrState
		}
		return kept.Handover.Receipt, nil
	}
	return signed, err
}

func (d *Desk) now() time.Time { return d.config.Now().UTC().Truncate(time.Second) }

func (d *Desk) random(n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(d.config.Rand, b); err != nil {
		return nil, fmt.Errorf("drawing random bytes: %w", err)
	}
	return b, nil
}
