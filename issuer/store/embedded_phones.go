package store

import (
	"bytes"
	"context"
	"errors"
	"math"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"
)

// takeSerials gives out the serial numbers of a reservation, once for ever.
func takeSerials(tx *bolt.Tx, r Reservation) error {
	if r.Phone == nil {
		return nil
	}
	for _, k := range serialKeys(*r.Phone) {
		if tx.Bucket(bucketSerials).Get(k) != nil {
			return ErrSerial
		}
	}
	for _, k := range serialKeys(*r.Phone) {
		if err := putRaw(tx, bucketSerials, k, []byte(r.ID)); err != nil {
			return err
		}
	}
	return nil
}

func serialKeys(p PhoneSet) [][]byte {
	return [][]byte{key(p.Signature, string(SignatureCertificate)), key(p.Authentication, string(AuthenticationCertificate))}
}

// enterPhone lists a row that became active among those that live.
func enterPhone(tx *bolt.Tx, c Credential) error {
	if c.Phone == nil {
		return nil
	}
	return putRaw(tx, bucketPhones, be(c.Sequence), []byte(c.ID))
}

// showPhone has the lists follow the state of a row.
func showPhone(tx *bolt.Tx, c Credential) error {
	var err error
	switch c.State {
	case Revoked:
		err = errors.Join(putRaw(tx, bucketListed, []byte(c.ID), nil), remove(tx, bucketPhones, be(c.Sequence)))
	case Suspended:
		err = putRaw(tx, bucketListed, []byte(c.ID), nil)
	default:
		err = remove(tx, bucketListed, []byte(c.ID))
	}
	return errors.Join(err, putNumber(tx, metaPhoneVersion, number(tx, metaPhoneVersion)+1))
}

// OfSerial returns the row of a certificate.
func (s *Embedded) OfSerial(ctx context.Context, kind CertificateKind, serial uint64) (c Credential, err error) {
	err = s.read(ctx, "reading certificate", func(tx *bolt.Tx) error {
		id := tx.Bucket(bucketSerials).Get(key(serial, string(kind)))
		if id == nil {
			return ErrNotFound
		}
		return load(tx, bucketCredentials, id, &c)
	})
	return c, err
}

// PhonesOf returns the rows of a device.
func (s *Embedded) PhonesOf(ctx context.Context, device string) (out []Credential, err error) {
	err = s.read(ctx, "reading certificates of device", func(tx *bolt.Tx) error {
		out, err = phonesOf(tx, device)
		return err
	})
	return out, err
}

func phonesOf(tx *bolt.Tx, device string) ([]Credential, error) {
	all, err := rows(tx, bucketByDevice, prefix(device))
	if err != nil {
		return nil, err
	}
	var out []Credential
	for _, c := range all {
		if c.Phone != nil {
			out = append(out, c)
		}
	}
	return out, nil
}

// Listed returns what the lists must show.
func (s *Embedded) Listed(ctx context.Context) (version uint64, out []Credential, err error) {
	err = s.read(ctx, "reading revoked certificates", func(tx *bolt.Tx) error {
		version = number(tx, metaPhoneVersion)
		return tx.Bucket(bucketListed).ForEach(func(id, _ []byte) error {
			var c Credential
			if err := load(tx, bucketCredentials, id, &c); err != nil {
				return medium(err)
			}
			out = append(out, c)
			return nil
		})
	})
	return version, out, err
}

// ListedVersion reads the version alone.
func (s *Embedded) ListedVersion(ctx context.Context) (n uint64, err error) {
	err = s.read(ctx, "reading version of revoked certificates", func(tx *bolt.Tx) error {
		n = number(tx, metaPhoneVersion)
		return nil
	})
	return n, err
}

// ListNumber counts on.
func (s *Embedded) ListNumber(ctx context.Context, least uint64) (n uint64, err error) {
	err = s.write(ctx, "numbering revocation list", func(tx *bolt.Tx) error {
		n = max(number(tx, metaListNumber)+1, least)
		return putNumber(tx, metaListNumber, n)
	})
	return n, err
}

// Retire forgets what has ended. It reads beside the writers; the end of a row never changes.
func (s *Embedded) Retire(ctx context.Context, at time.Time) (n int, err error) {
	var live, listed [][]byte
	err = s.read(ctx, "reading ended certificates", func(tx *bolt.Tx) error {
		ended := func(id []byte) (bool, error) {
			var c Credential
			err := load(tx, bucketCredentials, id, &c)
			return c.ValidUntil.Before(at), medium(err)
		}
		return errors.Join(
			tx.Bucket(bucketPhones).ForEach(func(k, id []byte) error {
				is, err := ended(id)
				if is && err == nil {
					live = append(live, bytes.Clone(k))
				}
				return err
			}),
			tx.Bucket(bucketListed).ForEach(func(id, _ []byte) error {
				is, err := ended(id)
				if is && err == nil {
					listed = append(listed, bytes.Clone(id))
				}
				return err
			}))
	})
	if n = len(live) + len(listed); err != nil || n == 0 {
		return 0, err
	}
	return n, s.write(ctx, "retiring certificates", func(tx *bolt.Tx) error {
		for bucket, keys := range map[string][][]byte{string(bucketPhones): live, string(bucketListed): listed} {
			for _, k := range keys {
				if err := remove(tx, []byte(bucket), k); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// Live returns rows that are active or suspended.
func (s *Embedded) Live(ctx context.Context, after uint64, limit int) (out []Credential, err error) {
	err = s.read(ctx, "reading live certificates", func(tx *bolt.Tx) error {
		cursor := tx.Bucket(bucketPhones).Cursor()
		for k, id := cursor.Seek(be(after + 1)); k != nil && len(out) < limit; k, id = cursor.Next() {
			var c Credential
			if err := load(tx, bucketCredentials, bytes.Clone(id), &c); err != nil {
				return medium(err)
			}
			out = append(out, c)
		}
		return nil
	})
	return out, err
}

// ChangePhone changes the status of a row.
func (s *Embedded) ChangePhone(ctx context.Context, id string, change PhoneChange) (changed bool, err error) {
	err = s.write(ctx, "changing certificates", func(tx *bolt.Tx) error {
		var c Credential
		if err := load(tx, bucketCredentials, []byte(id), &c); err != nil {
			return err
		}
		switch {
		case c.Phone == nil:
			return ErrState
		case c.State == Revoked:
			changed, err = emptyLate(tx, c, change)
			return err
		}
		held := change.Reason == CertificateHold && (c.State == Active || c.State == Suspended)
		if held {
			changed, err = suspend(tx, c, change.By, change.At)
			return errors.Join(err, enqueueIf(tx, changed, c.Device, change.Order), seen(tx, change.At))
		}
		if change.Reason != CertificateHold {
			c.Phone.emptiedBy(tx, change.Order)
		} else {
			change.Order = Message{} // nothing is held that was not active
		}
		if changed, err = revoke(tx, c, change.Reason, change.At); err != nil {
			return err
		}
		return errors.Join(enqueueIf(tx, changed, c.Device, change.Order), seen(tx, change.At))
	})
	return changed, err
}

// emptiedBy names the order that empties the application.
func (p *PhoneSet) emptiedBy(tx *bolt.Tx, order Message) {
	p.WipeID, p.WipeUpTo = order.OrderID, number(tx, metaSequence)
}

// emptyLate has certificates emptied that were revoked without an order for it: those that the SE came to hold last, while it may hold them still.
func emptyLate(tx *bolt.Tx, c Credential, change PhoneChange) (bool, error) {
	d, err := device(tx, c.Device)
	if err != nil {
		return false, err
	}
	all, err := phonesOf(tx, c.Device)
	if err != nil {
		return false, err
	}
	var last Credential
	for _, row := range all {
		if row.Digest != nil {
			last = row
		}
	}
	if change.Reason == CertificateHold || len(change.Order.Body) == 0 || last.ID != c.ID || c.Phone.WipeID != "" ||
		d.WipeID != "" || !slices.Contains(d.Places, c.Place()) {
		return false, nil
	}
	c.Phone.emptiedBy(tx, change.Order)
	return true, errors.Join(put(tx, bucketCredentials, []byte(c.ID), c), enqueue(tx, c.Device, change.Order), seen(tx, change.At))
}

// ReleasePhone ends a hold.
func (s *Embedded) ReleasePhone(ctx context.Context, id string, by Hold, at time.Time, unlock Message) (changed bool, err error) {
	err = s.write(ctx, "releasing certificates", func(tx *bolt.Tx) error {
		var c Credential
		if err := load(tx, bucketCredentials, []byte(id), &c); err != nil {
			return err
		}
		if c.Phone == nil {
			return ErrState
		}
		changed, err = release(tx, c, by, at)
		return errors.Join(err, enqueueIf(tx, changed, c.Device, unlock), seen(tx, at))
	})
	return changed, err
}

// enqueueIf puts an order into the outbox if there is one and it is due.
func enqueueIf(tx *bolt.Tx, due bool, device string, m Message) error {
	if !due || len(m.Body) == 0 {
		return nil
	}
	return enqueue(tx, device, m)
}

// phoneWiped records the receipt of an order that emptied the phone certificates alone.
func phoneWiped(tx *bolt.Tx, d Device, w Wipe) error {
	all, err := phonesOf(tx, w.Device)
	if err != nil {
		return err
	}
	if w.Place != (Place{Phone: true, Slot: 1}) {
		return ErrMismatch
	}
	found, upTo := false, uint64(math.MaxUint64)
	for _, c := range all {
		if c.Phone.WipeID != w.OrderID {
			continue
		}
		if found = true; !c.Phone.WipedAt.IsZero() {
			return nil // the same receipt again
		}
		upTo = min(upTo, c.Phone.WipeUpTo) // an order that empties several rows was made for the first of them
		c.Phone.WipedAt = w.At
		if err := put(tx, bucketCredentials, []byte(c.ID), c); err != nil {
			return err
		}
	}
	if !found {
		return ErrMismatch
	}
	// A device that waits for its handover's wipe is emptied by that one's receipts alone: were it ordered for before that wipe is carried out,
	// the wipe would take what the next owner has by then.
	if d.WipeID == "" && !slices.ContainsFunc(all, func(c Credential) bool { return outlasts(c, w, upTo) }) {
		d.emptied(w)
	}
	return errors.Join(put(tx, bucketDevices, []byte(w.Device), d),
		putRaw(tx, bucketCounters, key(w.Counter, w.Device), []byte(w.OrderID)), seen(tx, w.At))
}

// outlasts tells whether the SE may hold a set although it carried out an order that was made when upTo was the youngest row. Of a set that it
// committed, the counters tell which came first; of another nobody knows when its keys were made, unless it was before the order.
func outlasts(c Credential, w Wipe, upTo uint64) bool {
	return c.Counter > w.Counter || c.Counter == 0 && c.Sequence > upTo
}
