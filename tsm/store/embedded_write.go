package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
)

// Enqueue takes a job in, or finds it there.
func (s *Embedded) Enqueue(ctx context.Context, job Job) (taken Job, err error) {
	err = s.update(ctx, "enqueuing job", func(tx *bbolt.Tx) error {
		taken, err = enqueue(tx, job)
		return err
	})
	if err != nil {
		return Job{}, err
	}
	return taken, nil
}

func enqueue(tx *bbolt.Tx, job Job) (Job, error) {
	switch old, err := load(tx, []byte(job.OrderID)); {
	case err == nil && old.Digest == job.Digest:
		return withCipherText(tx, old), nil
	case err == nil:
		return Job{}, ErrOrderConflict
	case !errors.Is(err, ErrNotFound):
		return Job{}, err
	}
	position, err := tx.Bucket(bucketJobs).NextSequence()
	if err != nil {
		return Job{}, err
	}
	job.State, job.Cursor, job.Position, job.Revision = Queued, Ordered, position, 0
	job.Challenge, job.Places = bytes.Clone(job.Challenge), bytes.Clone(job.Places)
	if err := cancelOvertaken(tx, job); err != nil {
		return Job{}, err
	}
	return save(tx, job)
}

// cancelOvertaken closes what a new job makes void.
func cancelOvertaken(tx *bbolt.Tx, by Job) error {
	if by.Kind == Provision {
		return nil
	}
	return eachOpen(tx, by.SEID, func(job Job) (bool, error) {
		if !by.overtakes(job) {
			return true, nil
		}
		job.State, job.Reason = Cancelled, "overtaken"
		if by.Kind == Wipe {
			job.Reason = "wiped"
		}
		_, err := save(tx, job)
		return true, err
	})
}

// Advance replaces a job whose revision is the stored one.
func (s *Embedded) Advance(ctx context.Context, job Job) (moved Job, err error) {
	err = s.update(ctx, "advancing job", func(tx *bbolt.Tx) error {
		old, err := load(tx, []byte(job.OrderID))
		if err != nil {
			return err
		}
		if old.Revision != job.Revision {
			return ErrRevision
		}
		next := job
		next.Digest, next.Kind, next.SEID, next.Slot = old.Digest, old.Kind, old.SEID, old.Slot
		next.NotAfter, next.Position, next.KeyVersion, next.Places = old.NotAfter, old.Position, old.KeyVersion, old.Places
		moved, err = save(tx, next)
		return err
	})
	if err != nil {
		return Job{}, err
	}
	return moved, nil
}

// Expire closes what is overdue.
func (s *Embedded) Expire(ctx context.Context, at time.Time, limit int) (n int, err error) {
	err = s.update(ctx, "expiring jobs", func(tx *bbolt.Tx) error {
		n = 0
		for _, id := range oldest(tx.Bucket(bucketDue), at, limit) {
			job, err := load(tx, id)
			if err != nil {
				return err
			}
			job.State = Expired // save drops the cipher text
			if _, err := save(tx, job); err != nil {
				return err
			}
			n++
		}
		return nil
	})
	return n, err
}

// Prune forgets what is closed and long overdue.
func (s *Embedded) Prune(ctx context.Context, before time.Time, limit int) (n int, err error) {
	err = s.update(ctx, "pruning jobs", func(tx *bbolt.Tx) error {
		n = 0
		for _, id := range oldest(tx.Bucket(bucketClosed), before, limit) {
			job, err := load(tx, id)
			if err != nil {
				return err
			}
			if err := tx.Bucket(bucketClosed).Delete(timeKey(job)); err != nil {
				return err
			}
			if err := tx.Bucket(bucketJobs).Delete(id); err != nil {
				return err
			}
			n++
		}
		return nil
	})
	return n, err
}

// oldest returns the order ids of up to limit keys dated before t.
func oldest(b *bbolt.Bucket, t time.Time, limit int) (ids [][]byte) {
	end := timePrefix(t)
	c := b.Cursor()
	for k, _ := c.First(); k != nil && len(ids) < limit && bytes.Compare(k[:8], end) < 0; k, _ = c.Next() {
		ids = append(ids, append([]byte(nil), k[8:]...))
	}
	return ids
}

// FailedAuth reads the count.
func (s *Embedded) FailedAuth(ctx context.Context, seID string) (n int, err error) {
	err = s.view(ctx, "reading failed authentications", func(tx *bbolt.Tx) error {
		n = failedAuth(tx, seID)
		return nil
	})
	return n, err
}

// CountFailedAuth adds one.
func (s *Embedded) CountFailedAuth(ctx context.Context, seID string) (n int, err error) {
	err = s.update(ctx, "counting failed authentication", func(tx *bbolt.Tx) error {
		n = failedAuth(tx, seID) + 1
		return tx.Bucket(bucketFailed).Put([]byte(seID), binary.BigEndian.AppendUint64(nil, uint64(n)))
	})
	return n, err
}

// ClearFailedAuth writes only when there is something to clear.
func (s *Embedded) ClearFailedAuth(ctx context.Context, seID string) error {
	if n, err := s.FailedAuth(ctx, seID); err != nil || n == 0 {
		return err
	}
	return s.update(ctx, "clearing failed authentications", func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketFailed).Delete([]byte(seID))
	})
}

// Release puts parked jobs back, and refused receipts of wipes where they are owed.
func (s *Embedded) Release(ctx context.Context, seID string) (n int, err error) {
	err = s.update(ctx, "releasing jobs", func(tx *bbolt.Tx) error {
		n = 0
		if err := tx.Bucket(bucketFailed).Delete([]byte(seID)); err != nil {
			return err
		}
		again := func(job Job) (bool, error) {
			if job.State != Parked && !job.Contested() {
				return true, nil
			}
			n++
			_, err := save(tx, withCipherText(tx, job).released())
			return true, err
		}
		if err := eachOpen(tx, seID, again); err != nil {
			return err
		}
		return eachContested(tx, seID, again) // those that are closed: one that is open is contested no more
	})
	return n, err
}

func failedAuth(tx *bbolt.Tx, seID string) int {
	if raw := tx.Bucket(bucketFailed).Get([]byte(seID)); len(raw) == 8 {
		return int(binary.BigEndian.Uint64(raw))
	}
	return 0
}

// KeyVersion reads the version noted last.
func (s *Embedded) KeyVersion(ctx context.Context, seID string) (version byte, err error) {
	err = s.view(ctx, "reading key version", func(tx *bbolt.Tx) error {
		version = 0
		if raw := tx.Bucket(bucketKeySet).Get([]byte(seID)); len(raw) == 1 {
			version = raw[0]
		}
		return nil
	})
	return version, err
}

// SetKeyVersion writes only what is new.
func (s *Embedded) SetKeyVersion(ctx context.Context, seID string, version byte) error {
	if old, err := s.KeyVersion(ctx, seID); err != nil || old == version {
		return err
	}
	return s.update(ctx, "noting key version", func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketKeySet).Put([]byte(seID), []byte{version})
	})
}

// save writes the job with the next revision and sets its indexes.
func save(tx *bbolt.Tx, job Job) (Job, error) {
	job.Revision++
	if !job.State.Open() {
		job.Attestation, job.Sealed = nil, nil
	}
	id := []byte(job.OrderID)
	if err := errors.Join(saveBeside(tx, bucketAttest, id, job.Attestation), saveBeside(tx, bucketSealed, id, job.Sealed)); err != nil {
		return Job{}, err
	}
	record := job
	record.Attestation, record.Sealed = nil, nil
	raw, err := json.Marshal(record)
	if err != nil {
		return Job{}, fmt.Errorf("encoding job record: %w", err)
	}
	if err := tx.Bucket(bucketJobs).Put(id, raw); err != nil {
		return Job{}, err
	}
	open, owes := job.State.Open(), job.Owes() && job.State != Refused
	indexes := []struct {
		bucket, key, value []byte
		in                 bool
	}{
		{bucketQueue, queueKey(job), id, open},
		{bucketOwing, id, nil, owes},
		{bucketDue, timeKey(job), nil, open && !job.Settled()},
		{bucketClosed, timeKey(job), nil, !open && !owes && !job.Contested()},
		{bucketRefuse, contestedKey(job), id, job.Contested()},
	}
	for _, x := range indexes {
		b := tx.Bucket(x.bucket)
		if x.in {
			err = b.Put(x.key, x.value)
		} else {
			err = b.Delete(x.key)
		}
		if err != nil {
			return Job{}, err
		}
	}
	return job, nil
}

// saveBeside writes cipher text of a job that changed; none deletes it.
func saveBeside(tx *bbolt.Tx, bucket, id, value []byte) error {
	b := tx.Bucket(bucket)
	switch {
	case len(value) == 0:
		return b.Delete(id)
	case bytes.Equal(b.Get(id), value):
		return nil
	default:
		return b.Put(id, value)
	}
}
