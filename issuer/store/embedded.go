package store

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"
)

// The buckets. Keys are ids unless said otherwise; values are JSON unless said otherwise.
var (
	bucketMeta         = []byte("meta")         // counters, 8 bytes big-endian
	bucketTransactions = []byte("transactions") //
	bucketExpiry       = []byte("expiry")       // time ‖ id of a transaction, empty value
	bucketOrders       = []byte("orders")       //
	bucketCredentials  = []byte("credentials")  //
	bucketByOrder      = []byte("by-order")     // order ‖ 0 ‖ sequence, value the credential's id
	bucketBySubject    = []byte("by-subject")   // subject ‖ 0 ‖ docType ‖ 0 ‖ purpose ‖ sequence, value the id
	bucketByDevice     = []byte("by-device")    // device ‖ 0 ‖ sequence, value the id
	bucketOpen         = []byte("open")         // id of a row that is Reserved or Signed, empty value
	bucketIndexes      = []byte("indexes")      // index, value the id; never deleted
	bucketSet          = []byte("set")          // index that must not read as valid, empty value
	bucketDevices      = []byte("devices")      //
	bucketDeviceKeys   = []byte("device-keys")  // digest of a device key, value the order's id
	bucketCounters     = []byte("counters")     // device ‖ 0 ‖ receipt counter, value the order's id
	bucketOutbox       = []byte("outbox")       // sequence; a Message
	bucketWaiting      = []byte("waiting")      // device ‖ 0 ‖ sequence of a Message, empty value
	bucketSerials      = []byte("serials")      // kind ‖ 0 ‖ serial number, value the id; never deleted
	bucketPhones       = []byte("phones")       // sequence of a row of phone certificates that is active or suspended, value the id
	bucketListed       = []byte("listed")       // id of a row of phone certificates that a revocation list shows, empty value
	allBuckets         = [][]byte{bucketMeta, bucketTransactions, bucketExpiry, bucketOrders, bucketCredentials,
		bucketByOrder, bucketBySubject, bucketByDevice, bucketOpen, bucketIndexes, bucketSet, bucketDevices,
		bucketDeviceKeys, bucketCounters, bucketOutbox, bucketWaiting, bucketSerials, bucketPhones, bucketListed}
)

// The counters in bucketMeta.
var (
	metaFormat        = []byte("format")
	metaCounter       = []byte("index-counter")
	metaSequence      = []byte("sequence")
	metaStatusVersion = []byte("status-version")
	metaPhoneVersion  = []byte("phone-version")
	metaListNumber    = []byte("list-number")
	metaLatest        = []byte("latest-time") // Unix seconds
	metaTransactions  = []byte("transactions")
)

const (
	format      = 2
	openTimeout = time.Second
)

// Embedded is the Store in one file (bbolt). A second process that opens the file is refused. Every write is synced
// before its call returns; writes that wait for one another's sync are committed together.
type Embedded struct {
	db *bolt.DB

	queueMu sync.Mutex // guards queue
	queue   []*job
	writeMu sync.Mutex // held by the goroutine that commits for all in the queue
}

var _ Store = (*Embedded)(nil)

var errNotCommitted = errors.New("change was not committed")

// job is one caller's change. apply checks everything before it writes anything and returns a refusal; when it
// refuses, the transaction it shares with others goes on.
type job struct {
	apply func(*bolt.Tx) error
	err   error
	done  bool
}

// Open opens the file at path, which it creates with mode 0600 if create says so; otherwise a missing file is an
// error, so that a wrong path is not taken for an issuer that has issued nothing.
func Open(path string, create bool) (*Embedded, error) {
	options := &bolt.Options{Timeout: openTimeout, FreelistType: bolt.FreelistMapType}
	if !create {
		options.OpenFile = openExisting
	}
	db, err := bolt.Open(path, 0o600, options)
	if err != nil {
		return nil, fmt.Errorf("opening issuer store: %w", err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		for _, name := range allBuckets {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		return checkFormat(tx)
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening issuer store: %w", err), db.Close())
	}
	return &Embedded{db: db}, nil
}

// checkFormat refuses a file that means something else by its records, and marks a new one.
func checkFormat(tx *bolt.Tx) error {
	switch n := number(tx, metaFormat); {
	case n == format:
		return nil
	case n == 0:
		return putNumber(tx, metaFormat, format)
	case n < format:
		return fmt.Errorf("format %d is of an earlier version, and cannot be taken over into format %d: go on with that version, "+
			"or set the file aside and make a new store, which knows of nothing that was issued and of no revocation: "+
			"what is revoked or suspended today reads as valid again", n, format)
	default:
		return fmt.Errorf("format %d is of a later version than this, which has format %d: go on with that version", n, format)
	}
}

// openExisting is the file opener for a store that must exist already.
func openExisting(name string, flag int, mode os.FileMode) (*os.File, error) {
	return os.OpenFile(name, flag&^os.O_CREATE, mode)
}

// Close waits for open transactions and closes the file.
func (s *Embedded) Close() error { return s.db.Close() }

// Ready writes the time, and so tells whether the disk takes writes.
func (s *Embedded) Ready(ctx context.Context, at time.Time) error {
	return s.write(ctx, "checking store", func(tx *bolt.Tx) error { return seen(tx, at) })
}

// write commits apply, together with the changes of whoever waits at the same time. One goroutine at a time commits;
// the others find their work done when their turn comes.
func (s *Embedded) write(ctx context.Context, operation string, apply func(*bolt.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	j := &job{apply: apply}
	s.queueMu.Lock()
	s.queue = append(s.queue, j)
	s.queueMu.Unlock()

	s.writeMu.Lock()
	defer s.writeMu.Unlock()
	if !j.done {
		s.commit()
	}
	if !j.done { // the goroutine that took the queue did not come back from it
		return fmt.Errorf("%s: %w", operation, errNotCommitted)
	}
	if j.err != nil {
		return fmt.Errorf("%s: %w", operation, j.err)
	}
	return nil
}

// commit takes the queue and commits it as one transaction. The caller holds writeMu.
func (s *Embedded) commit() {
	s.queueMu.Lock()
	jobs := s.queue
	s.queue = nil
	s.queueMu.Unlock()

	err := s.db.Update(func(tx *bolt.Tx) error {
		for _, j := range jobs {
			j.err = j.apply(tx)
			if medium := (*mediumError)(nil); errors.As(j.err, &medium) {
				return j.err // half a change may stand in tx: give up all of it
			}
		}
		return nil
	})
	for _, j := range jobs {
		if err != nil {
			j.err = err
		}
		j.done = true
	}
}

func (s *Embedded) read(ctx context.Context, operation string, view func(*bolt.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	if err := s.db.View(view); err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	return nil
}

// mediumError is a failure of the file, as against a refusal.
type mediumError struct{ cause error }

func (e *mediumError) Error() string { return e.cause.Error() }
func (e *mediumError) Unwrap() error { return e.cause }

func medium(err error) error {
	if err == nil {
		return nil
	}
	return &mediumError{cause: err}
}

func put(tx *bolt.Tx, bucket, key []byte, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return medium(err)
	}
	return medium(tx.Bucket(bucket).Put(key, b))
}

func putRaw(tx *bolt.Tx, bucket, key, value []byte) error {
	return medium(tx.Bucket(bucket).Put(key, value))
}

func remove(tx *bolt.Tx, bucket, key []byte) error { return medium(tx.Bucket(bucket).Delete(key)) }

// load reads one record; ErrNotFound when there is none.
func load(tx *bolt.Tx, bucket, key []byte, v any) error {
	b := tx.Bucket(bucket).Get(key)
	if b == nil {
		return ErrNotFound
	}
	return medium(json.Unmarshal(b, v))
}

func number(tx *bolt.Tx, key []byte) uint64 {
	b := tx.Bucket(bucketMeta).Get(key)
	if len(b) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}

func putNumber(tx *bolt.Tx, key []byte, n uint64) error {
	return putRaw(tx, bucketMeta, key, be(n))
}

func be(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// key joins text parts with a zero byte, and puts the numbers after.
func key(n uint64, parts ...string) []byte {
	return binary.BigEndian.AppendUint64(prefix(parts...), n)
}

func prefix(parts ...string) []byte {
	var b []byte
	for _, p := range parts {
		b = append(append(b, p...), 0)
	}
	return b
}

// seen keeps the latest time that was recorded.
func seen(tx *bolt.Tx, at time.Time) error {
	if now := at.Unix(); now > 0 && uint64(now) > number(tx, metaLatest) {
		return putNumber(tx, metaLatest, uint64(now))
	}
	return nil
}
