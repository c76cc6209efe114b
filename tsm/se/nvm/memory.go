package nvm

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

const (
	// DefaultLimit is the size of the memory when Config.Limit is 0.
	DefaultLimit = 256 << 10
	// MaxLimit is the largest Config.Limit: a compaction writes all that lives as one frame.
	MaxLimit = maxFrame
	// PageSize is the size of one physical write where Config.Tear is asked.
	PageSize = 128
	// A bank is compacted when it is more than growth times what lives, and slack.
	growth = 2
	slack  = 64 << 10
	// maxKey bounds the name of an object: its length is one byte in the file.
	maxKey = 255
)

var (
	// ErrFull says that a transaction would pass the limit. Nothing was changed.
	ErrFull = errors.New("non-volatile memory is full")
	// ErrForeign says that a file is not a memory of this format.
	ErrForeign = errors.New("not a secure element state file")
	// ErrDamaged says that a file begins as ours and cannot be what a power cut leaves.
	ErrDamaged = errors.New("secure element state file is damaged")
	// ErrInUse says that another process, or another Memory, has the file open.
	ErrInUse = errors.New("secure element state file is in use")
	// ErrPowerCut says that the power was cut through Config.Tear, or that a write failed: the memory is dead.
	ErrPowerCut = errors.New("secure element has no power")
	// ErrExists says that there is a file already where one was to be created.
	ErrExists = errors.New("state file exists")
	// ErrLimit says that Config.Limit is none a memory can have.
	ErrLimit = errors.New("limit of the memory out of range")
)

// Config is what a memory is opened with. The zero value is usable.
type Config struct {
	// Limit bounds the live objects in bytes, up to MaxLimit; 0 means DefaultLimit.
	Limit int
	// Tear, if set, is asked before, in the middle of and after every physical write, and after each sync. It gets a number that rises
	// by one with each question since Open. True cuts the power: what was written so far stays in the file, and the memory is dead. With a hook set
	// the file is written in pages of PageSize, and nothing is synced to the medium: a real cut is not survived.
	Tear func(point int) bool
	// Rand gives the salts of the file; it must not be nil.
	Rand io.Reader

	medium medium // nil means the disk
}

func (c Config) limit() int {
	if c.Limit == 0 {
		return DefaultLimit
	}
	return c.Limit
}

func (c Config) check() error {
	if c.Limit < 0 || c.Limit > MaxLimit {
		return fmt.Errorf("%d bytes of %d: %w", c.Limit, MaxLimit, ErrLimit)
	}
	return nil
}

// A Change is one part of a transaction.
type Change struct {
	Key string
	// Value is stored; nil erases the object. An empty value that is not nil is a value.
	Value []byte
	// Scrub destroys the former value: Commit returns after no file of ours holds it.
	Scrub bool
}

// A Memory is an open state file. Its methods must not be called concurrently; the element above serializes them.
type Memory struct {
	cfg      Config
	file     *file
	objects  map[string][]byte
	live     int
	sequence uint32
	dead     bool
}

// Load gives a copy of an object.
func (m *Memory) Load(key string) ([]byte, bool) {
	v, ok := m.objects[key]
	if !ok {
		return nil, false
	}
	return append([]byte{}, v...), true
}

// Keys lists the names that begin with prefix, sorted.
func (m *Memory) Keys(prefix string) []string {
	var out []string
	for k := range m.objects {
		if strings.HasPrefix(k, prefix) {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return out
}

// Free tells how many bytes objects may still take.
func (m *Memory) Free() int { return max(m.cfg.limit()-m.live, 0) }

// Alive tells whether the memory can still be used.
func (m *Memory) Alive() bool { return !m.dead }

// Commit carries out the changes in their order, all or none. It fails with ErrFull and changes nothing when the
// result would be too large, or the changes for one frame; every other failure leaves the memory dead, with the transaction in the file or not.
func (m *Memory) Commit(changes ...Change) error {
	if m.dead {
		return ErrPowerCut
	}
	size, scrub := m.live, false
	content := make([]byte, 0, contentSize(changes))
	after := map[string]int{} // sizes of the objects touched, 0 when erased
	for _, c := range changes {
		if c.Key == "" || len(c.Key) > maxKey {
			return fmt.Errorf("committing: internal error: key of %d bytes", len(c.Key))
		}
		before, touched := after[c.Key]
		if !touched {
			before = m.sizeOf(c.Key)
		}
		now, kind := 0, byte(kindErase)
		if c.Value != nil {
			now, kind = objectSize(c.Key, c.Value), kindStore
		}
		if c.Scrub && (m.sizeOf(c.Key) > 0 || touched) {
			scrub = true
		}
		size += now - before
		after[c.Key] = now
		content = appendObject(content, kind, c.Key, c.Value)
	}
	if size > m.cfg.limit() && size > m.live || len(content) > maxFrame {
		return fmt.Errorf("committing %d bytes with %d free: %w", size-m.live, m.Free(), ErrFull)
	}
	return m.write(content, scrub, size)
}

// write makes the transaction hold. One that destroys something is not written behind that: it holds from the moment a bank without
// it is whole.
func (m *Memory) write(content []byte, scrub bool, size int) error {
	if err := m.file.named(); err != nil {
		return m.die("committing", err)
	}
	if !scrub {
		f := frame{sequence: m.sequence + 1, content: content}
		if err := m.file.append(f.appendTo(nil, m.file.salt)); err != nil {
			return m.die("committing", err)
		}
		m.sequence = f.sequence
	}
	if err := m.apply(content); err != nil {
		return m.die("committing", err)
	}
	if m.live != size {
		return m.die("committing", fmt.Errorf("internal error: %d live bytes, expected %d", m.live, size))
	}
	if scrub || m.overgrown() {
		return m.compact()
	}
	return nil
}

// apply carries out the content of a frame on the objects.
func (m *Memory) apply(content []byte) error {
	for len(content) > 0 {
		kind, key, value, rest, ok := readObject(content)
		if !ok {
			return ErrDamaged
		}
		if kind == kindStore {
			m.store(key, value)
		} else {
			m.erase(key)
		}
		content = rest
	}
	return nil
}

func (m *Memory) erase(key string) {
	m.live -= m.sizeOf(key)
	clear(m.objects[key])
	delete(m.objects, key)
}

func (m *Memory) store(key string, value []byte) {
	m.erase(key)
	m.objects[key] = append([]byte{}, value...)
	m.live += objectSize(key, value)
}

// base is the next frame, with all objects.
func (m *Memory) base() frame {
	f := frame{flags: flagBase, sequence: m.sequence + 1, content: make([]byte, 0, m.live)}
	for _, key := range m.Keys("") {
		f.content = appendObject(f.content, kindStore, key, m.objects[key])
	}
	return f
}

// overgrown tells whether replaced content outweighs what lives.
func (m *Memory) overgrown() bool { return m.file.size > growth*int64(m.live)+slack }

// compact writes the live objects to the other bank and destroys this one.
func (m *Memory) compact() error {
	f := m.base()
	if err := m.file.replace(f, m.cfg.Rand); err != nil {
		return m.die("compacting", err)
	}
	m.sequence = f.sequence
	return nil
}

// Close releases the file. The memory is dead afterwards.
func (m *Memory) Close() error {
	if m.dead {
		return nil
	}
	m.dead = true
	m.forget()
	if err := m.file.f.Close(); err != nil {
		return fmt.Errorf("closing state file: %w", err)
	}
	return nil
}

// die releases the file after a failure; the error says that the power is gone and why.
func (m *Memory) die(operation string, err error) error {
	m.dead = true
	m.forget()
	cause := fmt.Errorf("%s: %w", operation, err)
	if !errors.Is(err, ErrPowerCut) {
		cause = fmt.Errorf("%s: %w: %w", operation, ErrPowerCut, err)
	}
	return errors.Join(cause, m.file.f.Close())
}

func (m *Memory) forget() {
	for _, v := range m.objects {
		clear(v)
	}
	clear(m.objects)
}

func (m *Memory) sizeOf(key string) int {
	v, ok := m.objects[key]
	if !ok {
		return 0
	}
	return objectSize(key, v)
}

// contentSize is what the changes take in a frame.
func contentSize(changes []Change) (n int) {
	for _, c := range changes {
		n += objectSize(c.Key, c.Value)
	}
	return n
}

func objectSize(key string, value []byte) int { return objectOverhead + len(key) + len(value) }
