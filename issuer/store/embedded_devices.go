package store

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"
)

// device returns the record of a secure element; one that was never seen is the zero record.
func device(tx *bolt.Tx, id string) (d Device, err error) {
	if err = load(tx, bucketDevices, []byte(id), &d); errors.Is(err, ErrNotFound) {
		return Device{}, nil
	}
	return d, err
}

// Device returns one record.
func (s *Embedded) Device(ctx context.Context, id string) (d Device, err error) {
	err = s.read(ctx, "reading device", func(tx *bolt.Tx) error { return load(tx, bucketDevices, []byte(id), &d) })
	return d, err
}

// BindSE records the key for receipts, and where keys are.
func (s *Embedded) BindSE(ctx context.Context, id string, key []byte, p Place) error {
	return s.write(ctx, "recording SE key", func(tx *bolt.Tx) error {
		var d Device
		if err := load(tx, bucketDevices, []byte(id), &d); err != nil {
			return err
		}
		// An element that waits to be emptied may have signed for this place already, and signs once.
		filled := d.WipeID == "" && d.fill(p)
		if !filled && bytes.Equal(d.SEKey, key) {
			return nil
		}
		d.SEKey = key
		return put(tx, bucketDevices, []byte(id), d)
	})
}

// RevokeDevice records a handover.
func (s *Embedded) RevokeDevice(ctx context.Context, h Handover, wipe WipeOrder) (out Handover, again bool, err error) {
	err = s.write(ctx, "revoking device", func(tx *bolt.Tx) error {
		var d Device
		if err := load(tx, bucketDevices, []byte(h.Device), &d); err != nil {
			return err
		}
		if d.Handover != nil && !d.Ordered {
			out, again = *d.Handover, true
			return nil
		}
		for _, p := range d.Places {
			if !slices.Contains(wipe.Places, p) {
				return ErrPlaces
			}
		}
		all, err := rows(tx, bucketByDevice, prefix(h.Device))
		if err != nil {
			return err
		}
		h.Credentials = 0
		for _, c := range all {
			changed, err := revoke(tx, c, h.Reason, h.At)
			if err != nil {
				return err
			}
			if changed {
				h.Credentials++
			}
		}
		if len(d.Places) == 0 {
			h.WipeOrderID = ""
		} else if err := enqueue(tx, h.Device, Message{OrderID: h.WipeOrderID, Body: wipe.Body, NotAfter: h.WipeUntil}); err != nil {
			return err
		}
		d.Epoch, d.Ordered, d.WipeID, d.Handover = d.Epoch+1, false, h.WipeOrderID, &h
		out = h
		return errors.Join(put(tx, bucketDevices, []byte(h.Device), d), seen(tx, h.At))
	})
	return out, again, err
}

// AttachReceipt keeps the signed receipt.
func (s *Embedded) AttachReceipt(ctx context.Context, id, handoverID string, receipt []byte) error {
	return s.write(ctx, "keeping handover receipt", func(tx *bolt.Tx) error {
		var d Device
		if err := load(tx, bucketDevices, []byte(id), &d); err != nil {
			return err
		}
		if d.Handover == nil || d.Handover.ID != handoverID || d.Handover.Receipt != nil {
			return ErrState
		}
		d.Handover.Receipt = receipt
		return put(tx, bucketDevices, []byte(id), d)
	})
}

// SuspendDevice stops what may come back.
func (s *Embedded) SuspendDevice(ctx context.Context, id string, at time.Time, lock Message) (changed int, err error) {
	err = s.write(ctx, "suspending device", func(tx *bolt.Tx) error {
		var d Device
		if err := load(tx, bucketDevices, []byte(id), &d); err != nil {
			return err
		}
		all, err := rows(tx, bucketByDevice, prefix(id))
		if err != nil {
			return err
		}
		changed = 0
		held := false
		for _, c := range all {
			var did bool
			if c.State == Active || c.State == Suspended {
				did, err = suspend(tx, c, HoldDesk, at)
				held = held || did
			} else {
				did, err = revoke(tx, c, CertificateHold, at)
			}
			if err != nil {
				return err
			}
			if did {
				changed++
			}
		}
		if held {
			err = enqueue(tx, id, lock)
		}
		d.Epoch++
		return errors.Join(err, put(tx, bucketDevices, []byte(id), d), seen(tx, at))
	})
	return changed, err
}

// ResumeDevice brings back what was suspended.
func (s *Embedded) ResumeDevice(ctx context.Context, id string, at time.Time, unlock Message) (changed int, err error) {
	err = s.write(ctx, "resuming device", func(tx *bolt.Tx) error {
		var d Device
		if err := load(tx, bucketDevices, []byte(id), &d); err != nil {
			return err
		}
		all, err := rows(tx, bucketByDevice, prefix(id))
		if err != nil {
			return err
		}
		changed = 0
		for _, c := range all {
			back, err := release(tx, c, HoldDesk, at)
			if err != nil {
				return err
			}
			if back {
				changed++
			}
		}
		if changed > 0 {
			err = enqueue(tx, id, unlock)
		}
		return errors.Join(err, seen(tx, at))
	})
	return changed, err
}

// suspend stops a row that is active, and notes who holds it. It tells whether by did not hold it before: the element is locked for the desk's
// hold, whoever holds the row beside it.
func suspend(tx *bolt.Tx, c Credential, by Hold, at time.Time) (bool, error) {
	if c.State == Suspended && c.Hold&by == by {
		return false, nil
	}
	was := c.State
	if c.Hold |= by; was == Suspended {
		return true, put(tx, bucketCredentials, []byte(c.ID), c)
	}
	c.State, c.Reason, c.ChangedAt = Suspended, CertificateHold, at
	return true, errors.Join(put(tx, bucketCredentials, []byte(c.ID), c), show(tx, c))
}

// release ends one holder's hold and tells whether there was one. The row is back when it was the last; rows from before holds were told apart
// have none.
func release(tx *bolt.Tx, c Credential, by Hold, at time.Time) (bool, error) {
	if c.State != Suspended || c.Hold != 0 && c.Hold&by == 0 {
		return false, nil
	}
	if c.Hold &^= by; c.Hold != 0 {
		return true, put(tx, bucketCredentials, []byte(c.ID), c)
	}
	c.State, c.Reason, c.ChangedAt = Active, "", at
	return true, errors.Join(put(tx, bucketCredentials, []byte(c.ID), c), show(tx, c))
}

// maxErased bounds the receipts filed, which are those of the handover's own order: an SE has 15 slots, and the phone certificates beside them.
const maxErased = 16

// file keeps a receipt once.
func (h *Handover) file(w Wipe) {
	known := slices.ContainsFunc(h.Erased, func(r []byte) bool { return bytes.Equal(r, w.Receipt) })
	if len(w.Receipt) > 0 && !known && len(h.Erased) < maxErased {
		h.Erased = append(h.Erased, w.Receipt)
	}
}

// fill notes that the SE may hold something in a place, and tells whether that was not known.
func (d *Device) fill(p Place) bool {
	if slices.Contains(d.Places, p) {
		return false
	}
	d.Places = append(d.Places, p)
	return true
}

// emptied takes the SE's word about a place. With the last one the SE is empty, and a handover that waits for that is done.
func (d *Device) emptied(w Wipe) {
	d.Places = slices.DeleteFunc(d.Places, func(p Place) bool { return p == w.Place })
	if len(d.Places) == 0 && d.WipeID != "" {
		d.WipeID, d.Handover.ErasedAt = "", w.At
	}
}

// fill is Device.fill on disk.
func fill(tx *bolt.Tx, c Credential) error {
	d, err := device(tx, c.Device)
	if err != nil {
		return err
	}
	if !d.fill(c.Place()) {
		return nil
	}
	return put(tx, bucketDevices, []byte(c.Device), d)
}

// Wiped records that a secure element was emptied.
func (s *Embedded) Wiped(ctx context.Context, w Wipe) error {
	return s.write(ctx, "recording wipe", func(tx *bolt.Tx) error {
		var d Device
		if err := load(tx, bucketDevices, []byte(w.Device), &d); err != nil {
			return err
		}
		if w.OrderID == "" { // so is the order of rows and handovers that have none
			return ErrMismatch
		}
		owner := tx.Bucket(bucketCounters).Get(key(w.Counter, w.Device))
		if owner != nil && string(owner) != w.OrderID {
			return ErrRollback
		}
		if d.Handover == nil || d.Handover.WipeOrderID != w.OrderID {
			return phoneWiped(tx, d, w)
		}
		d.Handover.file(w)
		if d.WipeID == w.OrderID { // else it is the receipt of a former owner again
			d.emptied(w)
		}
		return errors.Join(
			put(tx, bucketDevices, []byte(w.Device), d),
			putRaw(tx, bucketCounters, key(w.Counter, w.Device), []byte(w.OrderID)),
			seen(tx, w.At))
	})
}
