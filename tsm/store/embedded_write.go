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
func (s *Embedded) Enqueue(ctx context.Context, job Job) (Job, error) {
	err := s.update(ctx, "enqueuing job", func(tx *bbolt.Tx) error {
		switch old, err := load(tx, []byte(job.OrderID)); {
		case err == nil && old.Digest == job.Digest:
			job = old
			return nil
		case err == nil:
			return ErrOrderConflict
		case !errors.Is(err, ErrNotFound):
			return err
		}
		position, err := tx.Bucket(bucketJobs).NextSequence()
		if err != nil {
			return err
		}
		job.State, job.Cursor, job.Position, job.Revision = Queued, Ordered, position, 0
		if err := cancelCovered(tx, job); err != nil {
			return err
		}
		job, err = save(tx, job)
		return err
	})
	if err != nil {
		return Job{}, err
	}
	return job, nil
}

// cancelCovered closes what a new wipe overtakes.
func cancelCovered(tx *bbolt.Tx, wipe Job) error {
	if wipe.Kind != Wipe {
		return nil
	}
	return eachOpen(tx, wipe.SEID, func(job Job) (bool, error) {
		if !wipe.covers(job) || job.Settled() {
			return true, nil
		}
		job.State, job.Reason = Cancelled, "wiped"
		_, err := save(tx, job)
		return true, err
	})
}

// Advance replaces a job whose revision is the stored one.
func (s *Embedded) Advance(ctx context.Context, job Job) (Job, error) {
	err := s.update(ctx, "advancing job", func(tx *bbolt.Tx) error {
		old, err := load(tx, []byte(job.OrderID))
		if err != nil {
			return err
		}
		if old.Revision != job.Revision {
			return ErrRevision
		}
		job.Digest, job.Kind, job.SEID, job.Slot = old.Digest, old.Kind, old.SEID, old.Slot
		job.NotAfter, job.Position = old.NotAfter, old.Position
		job, err = save(tx, job)
		return err
	})
	if err != nil {
		return Job{}, err
	}
	return job, nil
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
			job.State = Expired
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

// Release puts parked jobs back.
func (s *Embedded) Release(ctx context.Context, seID string) (n int, err error) {
	err = s.update(ctx, "releasing jobs", func(tx *bbolt.Tx) error {
		n = 0
		if err := tx.Bucket(bucketFailed).Delete([]byte(seID)); err != nil {
			return err
		}
		return eachOpen(tx, seID, func(job Job) (bool, error) {
			if job.State != Parked {
				return true, nil
			}
			n++
			job.State, job.Reason, job.Attempts = Queued, "", 0
			_, err := save(tx, job)
			return true, err
		})
	})
	return n, err
}

func failedAuth(tx *bbolt.Tx, seID string) int {
	if raw := tx.Bucket(bucketFailed).Get([]byte(seID)); len(raw) == 8 {
		return int(binary.BigEndian.Uint64(raw))
	}
	return 0
}

// save writes the job with the next revision and sets its indexes.
func save(tx *bbolt.Tx, job Job) (Job, error) {
	job.Revision++
	if !job.State.Open() {
		job.Attestation, job.Sealed = nil, nil
	}
	raw, err := json.Marshal(job)
	if err != nil {
		return Job{}, fmt.Errorf("encoding job record: %w", err)
	}
	id := []byte(job.OrderID)
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
		{bucketClosed, timeKey(job), nil, !open && !owes},
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
