package store

import (
	"context"
	"encoding/binary"
	"encoding/json"

	bolt "go.etcd.io/bbolt"
)

func enqueue(tx *bolt.Tx, m Message) error {
	n, err := tx.Bucket(bucketOutbox).NextSequence()
	if err != nil {
		return medium(err)
	}
	return put(tx, bucketOutbox, be(n), m)
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
				return medium(c.Delete())
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
