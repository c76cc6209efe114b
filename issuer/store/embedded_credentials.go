package store

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	bolt "go.etcd.io/bbolt"
)

// Reserve makes a row with its index.
func (s *Embedded) Reserve(ctx context.Context, r Reservation) (c Credential, err error) {
	err = s.write(ctx, "reserving row", func(tx *bolt.Tx) error {
		var o Order
		if err := load(tx, bucketOrders, []byte(r.OrderID), &o); err != nil {
			return err
		}
		earlier, err := s.mayReserve(tx, o, r)
		if err != nil {
			return err
		}
		index, counter, err := nextIndex(tx, r)
		if err != nil {
			return err
		}
		if err := takeSerials(tx, r); err != nil {
			return err
		}
		for _, e := range earlier {
			if _, err := revoke(tx, e, Abandoned, r.At); err != nil {
				return err
			}
		}
		sequence := number(tx, metaSequence) + 1
		c = Credential{ID: r.ID, Sequence: sequence, OrderID: o.ID, Subject: o.Subject, Device: o.Device, DocType: o.DocType,
			Slot: o.Slot, Purpose: o.Purpose, Index: index, Epoch: o.Epoch, DeviceKey: r.DeviceKey, State: Reserved,
			Signed: r.Signed, ValidUntil: r.ValidUntil, Substituted: r.Substituted, ChangedAt: r.At, Phone: r.Phone}
		if err := errors.Join(insert(tx, c, counter), fill(tx, c)); err != nil { // its keys were attested
			return err
		}
		return seen(tx, r.At)
	})
	return c, err
}

// mayReserve makes every check of Reserve and returns the rows of the order that the new one replaces.
func (s *Embedded) mayReserve(tx *bolt.Tx, o Order, r Reservation) ([]Credential, error) {
	if latest := time.Unix(int64(number(tx, metaLatest)), 0); r.At.Before(latest.Add(-ClockTolerance)) {
		return nil, ErrClock
	}
	if !r.At.Before(o.NotAfter) {
		return nil, ErrExpired
	}
	d, err := device(tx, o.Device)
	if err != nil {
		return nil, err
	}
	if d.Epoch != o.Epoch {
		return nil, ErrEpoch
	}
	if owner := tx.Bucket(bucketDeviceKeys).Get(r.DeviceKey); owner != nil && string(owner) != o.ID {
		return nil, ErrKeyReused
	}
	if tx.Bucket(bucketCredentials).Get([]byte(r.ID)) != nil {
		return nil, ErrExists
	}
	rows, err := rows(tx, bucketByOrder, prefix(o.ID))
	if err != nil {
		return nil, err
	}
	earlier := rows[:0]
	for _, e := range rows {
		switch {
		case e.State == Active, e.State == Suspended, e.State == Revoked && e.Counter != 0:
			return nil, ErrState
		case e.State != Revoked:
			earlier = append(earlier, e)
		}
	}
	return earlier, nil
}

// nextIndex draws the next position that was never given. More than one step is needed only when the key of the
// permutation was changed.
func nextIndex(tx *bolt.Tx, r Reservation) (index, counter uint64, err error) {
	if r.Phone != nil {
		return 0, number(tx, metaCounter), nil
	}
	for counter = number(tx, metaCounter); counter < r.Limit; counter++ {
		index = r.Index(counter)
		if index < r.Limit && tx.Bucket(bucketIndexes).Get(be(index)) == nil {
			return index, counter + 1, nil
		}
	}
	return 0, 0, ErrListFull
}

func insert(tx *bolt.Tx, c Credential, counter uint64) error {
	id := []byte(c.ID)
	indexed := func() error { return putRaw(tx, bucketIndexes, be(c.Index), id) }
	if c.Phone != nil {
		indexed = func() error { return nil }
	}
	return errors.Join(
		putNumber(tx, metaCounter, counter),
		putNumber(tx, metaSequence, c.Sequence),
		indexed(),
		putRaw(tx, bucketByOrder, key(c.Sequence, c.OrderID), id),
		putRaw(tx, bucketBySubject, key(c.Sequence, subjectParts(c)...), id),
		putRaw(tx, bucketByDevice, key(c.Sequence, c.Device), id),
		putRaw(tx, bucketDeviceKeys, c.DeviceKey, []byte(c.OrderID)),
		putRaw(tx, bucketOpen, id, nil),
		put(tx, bucketCredentials, id, c))
}

func subjectParts(c Credential) []string {
	return []string{c.Subject, c.DocType, strconv.FormatUint(c.Purpose, 10)}
}

// rows loads the credentials an index bucket names under a prefix, oldest first.
func rows(tx *bolt.Tx, bucket, under []byte) ([]Credential, error) {
	var out []Credential
	cursor := tx.Bucket(bucket).Cursor()
	for k, id := cursor.Seek(under); k != nil && bytes.HasPrefix(k, under); k, id = cursor.Next() {
		var c Credential
		if err := load(tx, bucketCredentials, id, &c); err != nil {
			return nil, medium(err)
		}
		out = append(out, c)
	}
	return out, nil
}

// revoke makes a row final and tells whether that changed it.
func revoke(tx *bolt.Tx, c Credential, why Reason, at time.Time) (bool, error) {
	if c.State == Revoked {
		return false, nil
	}
	c.State, c.Reason, c.ChangedAt, c.Hold = Revoked, why, at, 0
	return true, errors.Join(
		put(tx, bucketCredentials, []byte(c.ID), c),
		remove(tx, bucketOpen, []byte(c.ID)),
		show(tx, c))
}

// show has the published status of a row follow its state: an index of the status list, or for phone certificates the revocation lists.
func show(tx *bolt.Tx, c Credential) error {
	if c.Phone != nil {
		return showPhone(tx, c)
	}
	set := remove
	if c.State == Revoked || c.State == Suspended {
		set = func(tx *bolt.Tx, bucket, key []byte) error { return putRaw(tx, bucket, key, nil) }
	}
	return errors.Join(set(tx, bucketSet, be(c.Index)), bumpStatus(tx))
}

func bumpStatus(tx *bolt.Tx) error {
	return putNumber(tx, metaStatusVersion, number(tx, metaStatusVersion)+1)
}

// MarkSigned records the outcome of the signature.
func (s *Embedded) MarkSigned(ctx context.Context, id string, digest []byte, at time.Time) error {
	return s.write(ctx, "recording signature", func(tx *bolt.Tx) error {
		var c Credential
		if err := load(tx, bucketCredentials, []byte(id), &c); err != nil {
			return err
		}
		if c.State == Revoked {
			return ErrRevoked
		}
		if c.State != Reserved {
			return ErrState
		}
		c.State, c.Digest, c.ChangedAt = Signed, digest, at
		return put(tx, bucketCredentials, []byte(id), c)
	})
}

// Release is the gate before delivery.
func (s *Embedded) Release(ctx context.Context, id string, at time.Time) error {
	var moved bool
	err := s.write(ctx, "releasing credential", func(tx *bolt.Tx) error {
		var c Credential
		if err := load(tx, bucketCredentials, []byte(id), &c); err != nil {
			return err
		}
		if c.State == Revoked {
			return ErrRevoked
		}
		if c.State != Signed && c.State != Delivered {
			return ErrState
		}
		d, err := device(tx, c.Device)
		if err != nil {
			return err
		}
		if moved = d.Epoch != c.Epoch; moved {
			_, err := revoke(tx, c, CessationOfOperation, at)
			return err
		}
		if c.State == Delivered {
			return nil
		}
		c.State, c.ChangedAt = Delivered, at
		return errors.Join(put(tx, bucketCredentials, []byte(id), c), remove(tx, bucketOpen, []byte(id)))
	})
	if err == nil && moved {
		return ErrEpoch
	}
	return err
}

// Activate records a receipt.
func (s *Embedded) Activate(ctx context.Context, a Activation) (c Credential, superseded int, err error) {
	err = s.write(ctx, "activating credential", func(tx *bolt.Tx) error {
		var done bool
		if c, done, err = mayActivate(tx, a); err != nil || done {
			return err
		}
		if superseded, err = supersede(tx, c, a.At); err != nil {
			return err
		}
		c.Counter, c.ChangedAt = a.Counter, a.At
		// The SE holds it, whatever its place was taken for.
		if err := errors.Join(putRaw(tx, bucketCounters, key(a.Counter, a.Device), []byte(a.OrderID)), fill(tx, c)); err != nil {
			return err
		}
		c.State = Active
		return errors.Join(put(tx, bucketCredentials, []byte(c.ID), c), enterPhone(tx, c))
	})
	return c, superseded, err
}

// mayActivate finds the row a receipt speaks of; done means that the receipt was recorded before.
func mayActivate(tx *bolt.Tx, a Activation) (c Credential, done bool, err error) {
	all, err := rows(tx, bucketByOrder, prefix(a.OrderID))
	if err != nil {
		return c, false, err
	}
	if len(all) == 0 {
		return c, false, ErrNotFound
	}
	found := false
	for _, row := range all {
		if row.Digest != nil && bytes.Equal(row.Digest, a.Digest) {
			c, found = row, true
		}
	}
	if !found || c.Device != a.Device || c.Slot != a.Slot {
		return c, false, ErrMismatch
	}
	if owner := tx.Bucket(bucketCounters).Get(key(a.Counter, a.Device)); owner != nil && string(owner) != a.OrderID {
		return c, false, ErrRollback
	}
	switch c.State {
	case Delivered:
		return c, false, nil
	case Active, Suspended:
		return c, true, nil
	case Revoked:
		return c, false, ErrRevoked
	case Reserved, Signed: // not released, so nobody can hold it
	}
	return c, false, ErrState
}

// replaced gives the rows that c may take the place of, with c itself: of the same person, and whosever were in the same place of the same
// element, where the SE destroyed the keys.
func replaced(tx *bolt.Tx, c Credential) ([]Credential, error) {
	own, err := rows(tx, bucketBySubject, prefix(subjectParts(c)...))
	if err != nil {
		return nil, err
	}
	there, err := rows(tx, bucketByDevice, prefix(c.Device))
	if err != nil {
		return nil, err
	}
	out := slices.DeleteFunc(own, func(o Credential) bool { return o.Device == c.Device })
	for _, o := range there {
		if o.Place() == c.Place() {
			out = append(out, o)
		}
	}
	return out, nil
}

// supersede revokes what c replaces. A younger one that is active has revoked c when it became so.
func supersede(tx *bolt.Tx, c Credential, at time.Time) (n int, err error) {
	others, err := replaced(tx, c)
	if err != nil {
		return 0, err
	}
	for _, o := range others {
		if o.Sequence >= c.Sequence {
			continue
		}
		changed, err := revoke(tx, o, Superseded, at)
		if err != nil {
			return n, err
		}
		if changed {
			n++
		}
	}
	return n, nil
}

// Credential returns one row.
func (s *Embedded) Credential(ctx context.Context, id string) (c Credential, err error) {
	err = s.read(ctx, "reading credential", func(tx *bolt.Tx) error {
		return load(tx, bucketCredentials, []byte(id), &c)
	})
	return c, err
}

// OfOrder returns the youngest row of an order.
func (s *Embedded) OfOrder(ctx context.Context, orderID string) (c Credential, err error) {
	err = s.read(ctx, "reading credential of order", func(tx *bolt.Tx) error {
		all, err := rows(tx, bucketByOrder, prefix(orderID))
		if err != nil {
			return err
		}
		if len(all) == 0 {
			return ErrNotFound
		}
		c = all[len(all)-1]
		return nil
	})
	return c, err
}

// Recover burns what died with the last process.
func (s *Embedded) Recover(ctx context.Context, at time.Time) (burnt int, err error) {
	err = s.write(ctx, "recovering store", func(tx *bolt.Tx) error {
		var ids [][]byte
		cursor := tx.Bucket(bucketOpen).Cursor()
		for k, _ := cursor.First(); k != nil; k, _ = cursor.Next() {
			ids = append(ids, bytes.Clone(k))
		}
		for _, id := range ids {
			var c Credential
			if err := load(tx, bucketCredentials, id, &c); err != nil {
				return medium(err)
			}
			if _, err := revoke(tx, c, Abandoned, at); err != nil {
				return err
			}
		}
		burnt = len(ids)
		return nil
	})
	return burnt, err
}
