package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"time"

	bolt "go.etcd.io/bbolt"
)

// purgeStep bounds what one Purge deletes, so that it never holds up issuance for long.
const purgeStep = 1000

// Begin records an open transaction.
func (s *Embedded) Begin(ctx context.Context, t Transaction, limit int) error {
	return s.write(ctx, "beginning transaction", func(tx *bolt.Tx) error {
		open := number(tx, metaTransactions)
		if limit > 0 && open >= uint64(limit) {
			return ErrFull
		}
		if tx.Bucket(bucketTransactions).Get([]byte(t.ID)) != nil {
			return ErrExists
		}
		t.State = Begun
		if err := putNumber(tx, metaTransactions, open+1); err != nil {
			return err
		}
		if err := putRaw(tx, bucketExpiry, expiryKey(t), nil); err != nil {
			return err
		}
		return put(tx, bucketTransactions, []byte(t.ID), t)
	})
}

// expiryKey sorts by time.
func expiryKey(t Transaction) []byte {
	return append(be(uint64(max(t.ExpiresAt.Unix(), 0))), t.ID...)
}

// Transaction returns one record.
func (s *Embedded) Transaction(ctx context.Context, id string) (t Transaction, err error) {
	err = s.read(ctx, "reading transaction", func(tx *bolt.Tx) error {
		return load(tx, bucketTransactions, []byte(id), &t)
	})
	return t, err
}

// Redeem uses up the challenge.
func (s *Embedded) Redeem(ctx context.Context, id string, at time.Time) (t Transaction, err error) {
	err = s.write(ctx, "redeeming challenge", func(tx *bolt.Tx) error {
		if err := load(tx, bucketTransactions, []byte(id), &t); err != nil {
			return err
		}
		if t.State != Begun {
			return ErrRedeemed
		}
		if !at.Before(t.ExpiresAt) {
			return ErrExpired
		}
		t.State = Redeemed
		return put(tx, bucketTransactions, []byte(id), t)
	})
	return t, err
}

// Fail ends a redeemed transaction.
func (s *Embedded) Fail(ctx context.Context, id string) error {
	return s.judged(ctx, "failing transaction", id, Failed)
}

// Reopen gives a redeemed transaction its challenge back.
func (s *Embedded) Reopen(ctx context.Context, id string) error {
	return s.judged(ctx, "reopening transaction", id, Begun)
}

// judged moves a redeemed transaction on.
func (s *Embedded) judged(ctx context.Context, operation, id string, to TransactionState) error {
	return s.write(ctx, operation, func(tx *bolt.Tx) error {
		var t Transaction
		if err := load(tx, bucketTransactions, []byte(id), &t); err != nil {
			return err
		}
		if t.State != Redeemed {
			return ErrState
		}
		t.State = to
		return put(tx, bucketTransactions, []byte(id), t)
	})
}

// PlaceOrder records an order and queues it for the TSM.
func (s *Embedded) PlaceOrder(ctx context.Context, o Order, signed []byte) (Order, error) {
	err := s.write(ctx, "placing order", func(tx *bolt.Tx) error {
		var t Transaction
		if err := load(tx, bucketTransactions, []byte(o.TransactionID), &t); err != nil {
			return err
		}
		if t.State != Redeemed {
			return ErrState
		}
		if tx.Bucket(bucketOrders).Get([]byte(o.ID)) != nil {
			return ErrExists
		}
		d, err := device(tx, o.Device)
		if err != nil {
			return err
		}
		if d.WipeID != "" {
			return ErrWipePending
		}
		o.Epoch, d.Ordered = d.Epoch, true
		t.State, t.OrderID = Ordered, o.ID
		if err := put(tx, bucketDevices, []byte(o.Device), d); err != nil {
			return err
		}
		if err := put(tx, bucketOrders, []byte(o.ID), o); err != nil {
			return err
		}
		if err := enqueue(tx, o.Device, Message{OrderID: o.ID, Body: signed, NotAfter: o.NotAfter}); err != nil {
			return err
		}
		return put(tx, bucketTransactions, []byte(t.ID), t)
	})
	return o, err
}

// Order returns one record.
func (s *Embedded) Order(ctx context.Context, id string) (o Order, err error) {
	err = s.read(ctx, "reading order", func(tx *bolt.Tx) error { return load(tx, bucketOrders, []byte(id), &o) })
	return o, err
}

// Purge deletes expired transactions.
func (s *Embedded) Purge(ctx context.Context, at time.Time) (deleted int, err error) {
	err = s.write(ctx, "purging transactions", func(tx *bolt.Tx) error {
		var old [][]byte
		c := tx.Bucket(bucketExpiry).Cursor()
		for k, _ := c.First(); k != nil && len(old) < purgeStep; k, _ = c.Next() {
			if len(k) < 8 || binary.BigEndian.Uint64(k) >= uint64(max(at.Unix(), 0)) {
				break
			}
			old = append(old, bytes.Clone(k))
		}
		for _, k := range old {
			if err := purge(tx, k); err != nil {
				return err
			}
		}
		deleted = len(old)
		return putNumber(tx, metaTransactions, number(tx, metaTransactions)-uint64(len(old)))
	})
	return deleted, err
}

func purge(tx *bolt.Tx, expiry []byte) error {
	id := bytes.Clone(expiry[8:])
	var t Transaction
	if err := load(tx, bucketTransactions, id, &t); err != nil {
		return medium(err)
	}
	if t.OrderID != "" {
		if first, _ := tx.Bucket(bucketByOrder).Cursor().Seek(prefix(t.OrderID)); !bytes.HasPrefix(first, prefix(t.OrderID)) {
			if err := remove(tx, bucketOrders, []byte(t.OrderID)); err != nil {
				return err
			}
		}
	}
	if err := remove(tx, bucketTransactions, id); err != nil {
		return err
	}
	return remove(tx, bucketExpiry, expiry)
}
