package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"

	bolt "go.etcd.io/bbolt"
)

// enqueue puts an order about a device behind all that wait.
func enqueue(tx *bolt.Tx, device string, m Message) error {
	n, err := tx.Bucket(bucketOutbox).NextSequence()
	if err != nil {
		return medium(err)
	}
	m.Device = device
	return errors.Join(put(tx, bucketOutbox, be(n), m), putRaw(tx, bucketWaiting, key(n, device), nil))
}

// Pending returns the oldest messages.
func (s *Embedded) Pending(ctx context.Context, after uint64, limit int) (out []Message, err error) {
	err = s.read(ctx, "reading outbox", func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketOutbox).Cursor()
		for k, v := c.Seek(be(after + 1)); k != nil && len(out) < limit; k, v = c.Next() {
			m := Message{Sequence: binary.BigEndian.Uint64(k)}
			if err := json.Unmarshal(v, &m); err != nil {
				return err
			}
			out = append(out, m)
		}
		return nil
	})
	return out, err
}

// PendingFor returns the oldest messages of a device.
func (s *Embedded) PendingFor(ctx context.Context, device string, limit int) (out []Message, err error) {
	err = s.read(ctx, "reading outbox of device", func(tx *bolt.Tx) error {
		under := prefix(device)
		c := tx.Bucket(bucketWaiting).Cursor()
		for k, _ := c.Seek(under); bytes.HasPrefix(k, under) && len(out) < limit; k, _ = c.Next() {
			place := k[len(under):]
			m := Message{Sequence: binary.BigEndian.Uint64(place)}
			if err := load(tx, bucketOutbox, place, &m); err != nil {
				return medium(err)
			}
			out = append(out, m)
		}
		return nil
	})
	return out, err
}

// Delivered removes a message.
func (s *Embedded) Delivered(ctx context.Context, orderID string) error {
	return s.write(ctx, "clearing outbox", func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketOutbox).Cursor()
		for k, v := c.First(); k != nil; k, v = c.Next() {
			var m Message
			if err := json.Unmarshal(v, &m); err != nil {
				return medium(err)
			}
			if m.OrderID == orderID {
				return errors.Join(remove(tx, bucketWaiting, key(binary.BigEndian.Uint64(k), m.Device)), medium(c.Delete()))
			}
		}
		return nil
	})
}

// Status lists every position that must not read as valid.
func (s *Embedded) Status(ctx context.Context) (out StatusSnapshot, err error) {
	err = s.read(ctx, "reading status", func(tx *bolt.Tx) error {
		out.Version = number(tx, metaStatusVersion)
		return tx.Bucket(bucketSet).ForEach(func(k, _ []byte) error {
			if len(k) == 8 {
				out.Set = append(out.Set, binary.BigEndian.Uint64(k))
			}
			return nil
		})
	})
	return out, err
}

// StatusVersion reads the version alone.
func (s *Embedded) StatusVersion(ctx context.Context) (n uint64, err error) {
	err = s.read(ctx, "reading status version", func(tx *bolt.Tx) error {
		n = number(tx, metaStatusVersion)
		return nil
	})
	return n, err
}
