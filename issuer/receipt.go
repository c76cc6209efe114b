package issuer

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"mobileid/issuer/store"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/provisioning"
)

// Receipt takes a secure element's signed word that it committed a credential or that it was emptied. The same receipt
// again is answered as the first time. store.ErrRevoked means that the element holds a credential that is revoked
// already, by a handover or by a younger credential.
func (s *Service) Receipt(ctx context.Context, receipt []byte) error {
	if err := s.receipt(ctx, receipt); err != nil {
		return fmt.Errorf("taking receipt: %w", err)
	}
	return nil
}

func (s *Service) receipt(ctx context.Context, raw []byte) error {
	signed, err := provisioning.ParseReceipt(raw)
	if err != nil {
		return &FieldError{Field: "receipt", Reason: "not a receipt"}
	}
	// The key is the one the same element attested with; a receipt for another element's order does not verify.
	claimed := signed.Claimed()
	device := s.device(claimed.SEID)
	d, err := s.config.Store.Device(ctx, device)
	if errors.Is(err, store.ErrNotFound) || err == nil && len(d.SEKey) == 0 {
		return ErrOrder
	}
	if err != nil {
		return err
	}
	var key cose.Key
	if err := cbor.Unmarshal(d.SEKey, &key); err != nil {
		return err
	}
	public, err := key.Public()
	if err != nil {
		return err
	}
	r, err := signed.Verify(public)
	if err != nil {
		return &RefusedError{What: "receipt", Checks: []string{"receipt.signature"}}
	}
	if r.Kind == provisioning.ReceiptWiped {
		return s.wiped(ctx, device, r, raw)
	}
	return s.committed(ctx, device, r)
}

func (s *Service) committed(ctx context.Context, device string, r *provisioning.Receipt) error {
	order := hex.EncodeToString(r.OrderID)
	if row, err := s.config.Store.OfOrder(ctx, order); err == nil && (row.Phone != nil) != (r.Application == provisioning.ApplicationPhoneCertificates) {
		return ErrOrder
	}
	c, superseded, err := s.config.Store.Activate(ctx, store.Activation{OrderID: order, Device: device, Slot: r.Slot,
		Digest: r.Digest, Counter: r.Counter, At: s.now()})
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrMismatch) {
		return ErrOrder
	}
	if err != nil {
		return err
	}
	s.vault.drop(order)
	s.log.InfoContext(ctx, "credential active", "credential", c.ID, "superseded", superseded)
	if superseded > 0 { // the list that shows it; should it fail now, the next round signs it
		return s.publisher.Publish(ctx)
	}
	return nil
}

func (s *Service) wiped(ctx context.Context, device string, r *provisioning.Receipt, raw []byte) error {
	order := hex.EncodeToString(r.OrderID)
	place := store.Place{Phone: r.Application == provisioning.ApplicationPhoneCertificates, Slot: r.Slot}
	err := s.config.Store.Wiped(ctx, store.Wipe{OrderID: order, Device: device, Place: place, Counter: r.Counter, At: s.now(), Receipt: raw})
	if errors.Is(err, store.ErrMismatch) {
		return ErrOrder
	}
	if err != nil {
		return err
	}
	s.log.InfoContext(ctx, "part of the secure element emptied", "order", order, "slot", r.Slot)
	return nil
}
