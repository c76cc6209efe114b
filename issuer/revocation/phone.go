package revocation

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"mobileid/issuer/store"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/provisioning"
)

// ErrReason means that a reason is not one of the four of 公的個人認証サービス.
var ErrReason = errors.New("not one of the four reasons of the service")

// RevokePhone changes the status of the phone certificates on a secure element and of nothing else: affiliationChanged, superseded and
// cessationOfOperation are final and order the element's application to be emptied, certificateHold is until ReleasePhone. It tells how many
// sets changed. The lists show it from the next request on.
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
	changed := 0
	for _, row := range rows {
		if row.State == store.Revoked {
			continue
		}
		change, err := d.phoneChange(seID, row, reason)
		if err != nil {
			return changed, err
		}
		did, err := d.config.Store.ChangePhone(ctx, row.ID, change)
		if err != nil {
			return changed, err
		}
		if did {
			changed++
		}
	}
	if changed > 0 && d.config.Queued != nil {
		d.config.Queued()
	}
	return changed, nil
}

// phoneChange has the application emptied with a final change, if the element may hold the certificates.
func (d *Desk) phoneChange(seID []byte, row store.Credential, reason store.Reason) (store.PhoneChange, error) {
	c := store.PhoneChange{Reason: reason, By: store.HoldDesk, At: d.now()}
	if reason == store.CertificateHold || row.State == store.Reserved || row.State == store.Signed {
		return c, nil
	}
	id, err := d.random(16)
	if err != nil {
		return c, err
	}
	c.WipeID, c.WipeUntil = hex.EncodeToString(id), d.now().Add(wipeLife)
	c.Wipe, err = provisioning.SignOrder(d.config.OrderKey, provisioning.Order{ID: id, Kind: provisioning.OrderWipe, SEID: seID, Slot: 1,
		Application: provisioning.ApplicationPhoneCertificates, NotAfter: cbor.NewTDate(c.WipeUntil)})
	return c, err
}

// ReleasePhone ends the desk's hold on the phone certificates of a secure element. A hold for the card's sake stays.
func (d *Desk) ReleasePhone(ctx context.Context, token string, seID []byte) (int, error) {
	return d.change(ctx, "releasing phone certificates", token, seID, func(ctx context.Context, device string, at time.Time) (int, error) {
		rows, err := d.config.Store.PhonesOf(ctx, device)
		changed := 0
		for _, row := range rows {
			did, err := d.config.Store.ReleasePhone(ctx, row.ID, store.HoldDesk, at)
			if err != nil {
				return changed, err
			}
			if did {
				changed++
			}
		}
		return changed, err
	})
}
