package statuslist

import (
	"bytes"
	"errors"
	"fmt"
)

// Values of an entry, draft-ietf-oauth-status-list-20, section on status types. An mdoc's list has one bit and so only
// the first two.
const (
	Valid     uint8 = 0
	Invalid   uint8 = 1
	Suspended uint8 = 2
)

// MaxBytes bounds the inflated byte array: 2^27 entries of one bit. It is also what a reader is prepared to hold.
const MaxBytes = 16 << 20

// ErrIndex says that an index lies outside the list. The credential must then be refused.
var ErrIndex = errors.New("index outside the status list")

// List is the byte array of a status list: entry i stands in byte i/(8/bits), least significant bits first. It is not
// safe for concurrent use while it is written to.
type List struct {
	bits uint8
	raw  []byte
}

// New makes a one-bit list with every entry Valid. The size is rounded up to whole bytes; it is a programmer's mistake,
// and panics, outside 1 to 8*MaxBytes.
func New(size int) *List {
	if size < 1 || size > 8*MaxBytes {
		panic(fmt.Sprintf("statuslist: internal error: a list of %d entries", size))
	}
	return &List{bits: 1, raw: make([]byte, (size+7)/8)}
}

// FromBytes makes a list of an uncompressed byte array, which it keeps. bits is 1, 2, 4 or 8.
func FromBytes(bits int, raw []byte) (*List, error) {
	switch {
	case bits != 1 && bits != 2 && bits != 4 && bits != 8:
		return nil, fmt.Errorf("reading status list: %d bits an entry", bits)
	case len(raw) == 0 || len(raw) > MaxBytes:
		return nil, fmt.Errorf("reading status list: %d bytes, expected 1 to %d", len(raw), MaxBytes)
	}
	return &List{bits: uint8(bits), raw: raw}, nil //nolint:gosec // at most 8
}

// Bits gives the bits of an entry.
func (l *List) Bits() int { return int(l.bits) }

// Len gives the number of entries.
func (l *List) Len() uint64 { return uint64(len(l.raw)) * l.per() }

// Bytes gives the uncompressed byte array. It is the list's own; the caller must not change it.
func (l *List) Bytes() []byte { return l.raw }

// Clone gives a list of its own bytes.
func (l *List) Clone() *List { return &List{bits: l.bits, raw: bytes.Clone(l.raw)} }

// At gives the value of entry i, or [ErrIndex].
func (l *List) At(i uint64) (uint8, error) {
	if i >= l.Len() {
		return 0, ErrIndex
	}
	return l.raw[i/l.per()] >> l.shift(i) & l.mask(), nil
}

// Set writes entry i. An index outside gives [ErrIndex]; a value that does not fit the bits is an error.
func (l *List) Set(i uint64, v uint8) error {
	if i >= l.Len() {
		return ErrIndex
	}
	if v&^l.mask() != 0 {
		return fmt.Errorf("writing status list: value %d does not fit %d bits", v, l.bits)
	}
	at, shift := i/l.per(), l.shift(i)
	l.raw[at] = l.raw[at]&^(l.mask()<<shift) | v<<shift
	return nil
}

func (l *List) per() uint64          { return 8 / uint64(l.bits) }
func (l *List) shift(i uint64) uint8 { return uint8(i%l.per()) * l.bits } //nolint:gosec // below 8
func (l *List) mask() uint8          { return uint8(1<<l.bits - 1) }      //nolint:gosec // at most 255
