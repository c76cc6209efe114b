package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// The buckets. A key of queue is SEID, priority and position, so that the first
// key of an element names its next job; a key of due and closed begins with
// NotAfter, so that the oldest come first. What is long stands beside the jobs,
// so that looking through them is cheap.
var (
	bucketJobs   = []byte("jobs")   // order id -> Job without Attestation and Sealed
	bucketAttest = []byte("attest") // order id -> Attestation
	bucketSealed = []byte("sealed") // order id -> Sealed
	bucketQueue  = []byte("queue")  // SEID 00 priority position -> order id; open jobs
	bucketOwing  = []byte("owing")  // order id -> nothing; jobs that owe a receipt and are not refused
	bucketDue    = []byte("due")    // NotAfter order id -> nothing; open jobs not settled
	bucketClosed = []byte("closed") // NotAfter order id -> nothing; final jobs that owe nothing and are not contested
	bucketRefuse = []byte("refuse") // SEID 00 order id -> order id; contested jobs
	bucketFailed = []byte("failed") // SEID -> count of failed authentications
	bucketKeySet = []byte("keyset") // SEID -> version of the key set last used
)

// buckets are all of them.
func buckets() [][]byte {
	return [][]byte{bucketJobs, bucketAttest, bucketSealed, bucketQueue, bucketOwing, bucketDue, bucketClosed, bucketRefuse, bucketFailed, bucketKeySet}
}

// Embedded is the Store in one bbolt file. Each write is synced before its call
// returns; writes that wait at the same time are synced together.
type Embedded struct {
	db     *bbolt.DB
	writes group
}

var _ Store = (*Embedded)(nil)

// lockWait bounds how long Open waits for a process that is just stopping.
const lockWait = time.Second

// Open opens the file, making it with mode 0600 if it is missing. ErrLocked
// when another process has it.
func Open(path string) (*Embedded, error) {
	return open(path, &bbolt.Options{})
}

// OpenExisting is Open for a file that must be there: a wrong path is an error
// that wraps os.ErrNotExist, and not a manager without orders.
func OpenExisting(path string) (*Embedded, error) {
	return open(path, &bbolt.Options{OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
		return os.OpenFile(name, flag&^os.O_CREATE, mode)
	}})
}

func open(path string, options *bbolt.Options) (*Embedded, error) {
	options.Timeout, options.NoFreelistSync = lockWait, true // the list of free pages is made again at the next Open
	db, err := bbolt.Open(path, 0o600, options)
	if errors.Is(err, berrors.ErrTimeout) {
		return nil, fmt.Errorf("opening job store: %w", ErrLocked)
	}
	if err != nil {
		return nil, fmt.Errorf("opening job store: %w", err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range buckets() {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("preparing job store: %w", err), db.Close())
	}
	return &Embedded{db: db, writes: group{commit: db.Update}}, nil
}

// Close waits for transactions under way.
func (s *Embedded) Close() error { return s.db.Close() }

// Ready reads one page, so that a closed or unreadable file is noticed.
func (s *Embedded) Ready(ctx context.Context) error {
	return s.view(ctx, "probing job store", func(tx *bbolt.Tx) error {
		if tx.Bucket(bucketJobs) == nil {
			return errors.New("a bucket is missing")
		}
		return nil
	})
}

func (s *Embedded) view(ctx context.Context, doing string, fn func(*bbolt.Tx) error) error {
	return s.run(ctx, doing, s.db.View, fn)
}

// update may run fn more than once: fn changes nothing outside tx but what it sets
// anew each time.
func (s *Embedded) update(ctx context.Context, doing string, fn func(*bbolt.Tx) error) error {
	return s.run(ctx, doing, s.writes.do, fn)
}

func (s *Embedded) run(ctx context.Context, doing string, in func(func(*bbolt.Tx) error) error, fn func(*bbolt.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	err := in(fn)
	if errors.Is(err, berrors.ErrDatabaseNotOpen) {
		err = ErrClosed
	}
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

// Job reads one job.
func (s *Embedded) Job(ctx context.Context, orderID string) (job Job, err error) {
	err = s.view(ctx, "reading job", func(tx *bbolt.Tx) error {
		if job, err = load(tx, []byte(orderID)); err != nil {
			return err
		}
		job = withCipherText(tx, job)
		return nil
	})
	return job, err
}

// Next walks the element's part of the queue, which is in the right order.
func (s *Embedded) Next(ctx context.Context, seID string, except ...string) (Job, error) {
	var next Job
	err := s.view(ctx, "choosing job", func(tx *bbolt.Tx) error {
		return eachOpen(tx, seID, func(job Job) (bool, error) {
			if job.State != Queued || job.Settled() || slices.Contains(except, job.OrderID) {
				return true, nil
			}
			next = withCipherText(tx, job)
			return false, nil
		})
	})
	if err == nil && next.OrderID == "" {
		err = fmt.Errorf("choosing job: %w", ErrNotFound)
	}
	return next, err
}

// Owing walks the index of jobs that owe a receipt.
func (s *Embedded) Owing(ctx context.Context, after string, limit int) (jobs []Job, err error) {
	err = s.view(ctx, "listing receipts owed", func(tx *bbolt.Tx) error {
		c := tx.Bucket(bucketOwing).Cursor()
		k, _ := c.Seek([]byte(after))
		if k != nil && string(k) == after {
			k, _ = c.Next()
		}
		for ; k != nil && len(jobs) < limit; k, _ = c.Next() {
			job, err := load(tx, k)
			if err != nil {
				return err
			}
			jobs = append(jobs, withCipherText(tx, job))
		}
		return nil
	})
	return jobs, err
}

// load reads a job inside a transaction, without Attestation and Sealed.
func load(tx *bbolt.Tx, orderID []byte) (Job, error) {
	raw := tx.Bucket(bucketJobs).Get(orderID)
	if raw == nil {
		return Job{}, ErrNotFound
	}
	var job Job
	if err := json.Unmarshal(raw, &job); err != nil {
		return Job{}, errors.New("decoding job record: not in the form written")
	}
	return job, nil
}

// withCipherText adds what load leaves out. A record of an earlier form holds it
// itself.
func withCipherText(tx *bbolt.Tx, job Job) Job {
	if v := tx.Bucket(bucketAttest).Get([]byte(job.OrderID)); v != nil {
		job.Attestation = bytes.Clone(v)
	}
	if v := tx.Bucket(bucketSealed).Get([]byte(job.OrderID)); v != nil {
		job.Sealed = bytes.Clone(v)
	}
	return job
}

// eachOpen calls fn with the open jobs of an element in the order of the queue
// until fn returns false. fn may save the job it is given.
func eachOpen(tx *bbolt.Tx, seID string, fn func(Job) (more bool, err error)) error {
	return each(tx, bucketQueue, seID, 9, fn)
}

// eachContested is eachOpen for the contested jobs, closed or not, in no order.
func eachContested(tx *bbolt.Tx, seID string, fn func(Job) (more bool, err error)) error {
	return each(tx, bucketRefuse, seID, orderIDLength, fn)
}

// orderIDLength is that of an order id in hex.
const orderIDLength = 32

// each goes through an element's part of an index; length is that of a key behind the element.
func each(tx *bbolt.Tx, index []byte, seID string, length int, fn func(Job) (more bool, err error)) error {
	prefix := append([]byte(seID), 0)
	var ids [][]byte
	c := tx.Bucket(index).Cursor()
	for k, v := c.Seek(prefix); k != nil && len(k) == len(prefix)+length && string(k[:len(prefix)]) == string(prefix); k, v = c.Next() {
		ids = append(ids, append([]byte(nil), v...))
	}
	for _, id := range ids {
		job, err := load(tx, id)
		if err != nil {
			return err
		}
		more, err := fn(job)
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// queueKey sorts an element's jobs: the urgent first, then by position.
func queueKey(job Job) []byte {
	priority := byte(1)
	if job.Kind.Urgent() {
		priority = 0
	}
	k := append([]byte(job.SEID), 0, priority)
	return binary.BigEndian.AppendUint64(k, job.Position)
}

// contestedKey keeps an element's contested jobs together.
func contestedKey(job Job) []byte {
	return append(append([]byte(job.SEID), 0), job.OrderID...)
}

// timeKey sorts by NotAfter. Times before 1970 sort as 1970.
func timeKey(job Job) []byte {
	return append(timePrefix(job.NotAfter), job.OrderID...)
}

func timePrefix(t time.Time) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(max(t.Unix(), 0)))
}
