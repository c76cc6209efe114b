package revocation

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"mobileid/issuer/store"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/provisioning"
)

// ErrReason means that a reason is not one of the four of 公的個人認証サービス.
var ErrReason = errors.New("not one of the four reasons of the service")

// RevokePhone changes the status of the phone certificates on a secure element and of nothing else: affiliationChanged, superseded and
// cessationOfOperation are final and order the element's application to be emptied, certificateHold is until ReleasePhone and orders it to be locked.
// A set that is revoked already but was never ordered to be emptied, because it followed the card or was superseded, is ordered to be now. It tells
// how many sets that changed. The lists show it from the next request on.
func (d *Desk) RevokePhone(ctx context.Context, token string, seID []byte, reason store.Reason) (int, error) {
	operator, _, err := d.admit(token, seID)
	if err != nil {
		return 0, fmt.Errorf("revoking phone certificates: %w", err)
	}
	d.config.Log.InfoContext(ctx, "change of phone certificates asked", "operator", operator)
	n, err := d.ChangePhones(ctx, seID, reason)
	if err != nil {
		return n, fmt.Errorf("revoking phone certificates: %w", err)
	}
	d.config.Log.InfoContext(ctx, "change of phone certificates done", "operator", operator, "sets", n)
	return n, nil
}

// ChangePhones is RevokePhone for who has proved otherwise that he may: the holder on the phone.
func (d *Desk) ChangePhones(ctx context.Context, seID []byte, reason store.Reason) (int, error) {
	switch reason {
	case store.AffiliationChanged, store.Superseded, store.CessationOfOperation, store.CertificateHold:
	default:
		return 0, ErrReason
	}
	rows, err := d.config.Store.PhonesOf(ctx, d.config.Pseudonym(seID))
	if err != nil {
		return 0, err
	}
	var standing, gone []store.Credential
	for _, row := range rows {
		if row.State == store.Revoked {
			gone = append(gone, row)
		} else {
			standing = append(standing, row)
		}
	}
	changed, ordered, err := d.changeRows(ctx, seID, standing, reason)
	if err == nil && !ordered && reason != store.CertificateHold {
		var late int
		late, _, err = d.changeRows(ctx, seID, gone, reason)
		changed += late
	}
	if changed > 0 && d.config.Queued != nil {
		d.config.Queued()
	}
	return changed, err
}

// changeRows changes sets of one element and tells how many changed, and whether one had an order. One order empties the application of all.
func (d *Desk) changeRows(ctx context.Context, seID []byte, rows []store.Credential, reason store.Reason) (changed int, ordered bool, err error) {
	wipe := ""
	for _, row := range rows {
		change, err := d.phoneChange(seID, row, reason)
		if err != nil {
			return changed, ordered, err
		}
		if wipe != "" && change.Order.OrderID != "" {
			change.Order = store.Message{OrderID: wipe} // it waits already
		}
		did, err := d.config.Store.ChangePhone(ctx, row.ID, change)
		if err != nil {
			return changed, ordered, err
		}
		if !did {
			continue
		}
		changed++
		ordered = ordered || change.Order.OrderID != ""
		if reason != store.CertificateHold {
			wipe = cmp.Or(wipe, change.Order.OrderID)
		}
	}
	return changed, ordered, nil
}

// phoneChange has the application locked with a hold and emptied with a final change, if the element may hold the certificates.
func (d *Desk) phoneChange(seID []byte, row store.Credential, reason store.Reason) (c store.PhoneChange, err error) {
	c = store.PhoneChange{Reason: reason, By: store.HoldDesk, At: d.now()}
	kind := provisioning.OrderWipe
	switch {
	case row.State == store.Reserved || row.State == store.Signed:
		return c, nil
	case reason == store.CertificateHold:
		kind = provisioning.OrderLock
	}
	c.Order, err = d.phoneOrder(kind, seID)
	return c, err
}

// phoneOrder signs an order about the phone certificates of an SE, fit for the outbox.
func (d *Desk) phoneOrder(kind provisioning.OrderKind, seID []byte) (store.Message, error) {
	id, err := d.random(16)
	if err != nil {
		return store.Message{}, err
	}
	until := d.now().Add(orderLife)
	signed, err := provisioning.SignOrder(d.config.OrderKey, provisioning.Order{ID: id, Kind: kind, SEID: seID, Slot: 1,
		Application: provisioning.ApplicationPhoneCertificates, NotAfter: cbor.NewTDate(until)})
	return store.Message{OrderID: hex.EncodeToString(id), Body: signed, NotAfter: until}, err
}

// ReleasePhone ends the desk's hold on the phone certificates of a secure element, and has the application unlocked. A hold for the card's sake
// stays. It tells on how many sets there was one.
func (d *Desk) ReleasePhone(ctx context.Context, token string, seID []byte) (int, error) {
	operator, device, err := d.admit(token, seID)
	if err != nil {
		return 0, fmt.Errorf("releasing phone certificates: %w", err)
	}
	changed, err := d.releasePhones(ctx, seID, device)
	if err != nil {
		return changed, fmt.Errorf("releasing phone certificates: %w", err)
	}
	if changed > 0 && d.config.Queued != nil {
		d.config.Queued()
	}
	d.config.Log.InfoContext(ctx, "phone certificates released", "operator", operator, "sets", changed)
	return changed, nil
}

func (d *Desk) releasePhones(ctx context.Context, seID []byte, device string) (changed int, err error) {
	rows, err := d.config.Store.PhonesOf(ctx, device)
	if err != nil {
		return 0, err
	}
	for _, row := range rows {
		if row.State != store.Suspended {
			continue
		}
		unlock, err := d.phoneOrder(provisioning.OrderUnlock, seID)
		if err != nil {
			return changed, err
		}
		did, err := d.config.Store.ReleasePhone(ctx, row.ID, store.HoldDesk, d.now(), unlock)
		if err != nil {
			return changed, err
		}
		if did {
			changed++
		}
	}
	return changed, nil
}
