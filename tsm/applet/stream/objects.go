package stream

import (
	"encoding/binary"
	"errors"
	"fmt"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/cbor"
)

// Tags of the stream's data objects.
const (
	TagGenerate uint32 = 0xDF01
	TagPage     uint32 = 0xDF02
	TagBegin    uint32 = 0xDF10
	TagSealed   uint32 = 0xDF15
	TagCommit   uint32 = 0xDF1F
	TagWipe     uint32 = 0xDF2F
)

const (
	// OrderIDSize, DigestSize and ChallengeSize are the exact sizes of those values.
	OrderIDSize   = 16
	DigestSize    = 32
	ChallengeSize = 32
	// PageSize is the largest attestation page: what fits one short answer at level 33 in S8 mode.
	PageSize = 239
	// MaxCredential bounds the IssuerSigned bytes of a credential.
	MaxCredential = 64 << 10
	// SealOverhead is what sealing adds: an uncompressed P-256 point and a GCM tag (RFC 9180, 7.1 and 7.3).
	SealOverhead = 65 + 16
	// MaxSealed bounds the sealed bytes of a credential.
	MaxSealed = MaxCredential + SealOverhead
	// MaxControl bounds every object but DF15.
	MaxControl = 256
)

// ErrObject says that the value of a data object is not of the shape its tag demands.
var ErrObject = errors.New("malformed personalization object")

// Generate asks for a device key and a sealing key, and for their attestation. Value of DF01, own profile:
//
//	{"orderID": bstr .size 16, "slot": 1..15, "purpose": 1 (sign) / 2 (mac), "challenge": bstr .size 32}
//
// The structure is closed at both ends by the applet version in the attestation; unknown keys are ignored.
type Generate struct {
	OrderID   []byte `cbor:"orderID"`
	Slot      uint64 `cbor:"slot"`
	Purpose   uint64 `cbor:"purpose"`
	Challenge []byte `cbor:"challenge"`
}

// Begin announces the sealed bytes of an order. Value of DF10, own profile:
//
//	{"orderID": bstr .size 16, "length": 1..MaxSealed, "sha256": bstr .size 32}     digest of the sealed bytes
type Begin struct {
	OrderID []byte `cbor:"orderID"`
	Length  uint64 `cbor:"length"`
	SHA256  []byte `cbor:"sha256"`
}

// Commit makes what was delivered the live credential. Value of DF1F, own profile:
//
//	{"orderID": bstr .size 16, "sha256": bstr .size 32}                             the digest of Begin again
type Commit struct {
	OrderID []byte `cbor:"orderID"`
	SHA256  []byte `cbor:"sha256"`
}

// Wipe erases credential, keys and PIN of the instance. Value of DF2F, own profile:
//
//	{"orderID": bstr .size 16}
type Wipe struct {
	OrderID []byte `cbor:"orderID"`
}

// Object gives the data object DF01.
func (g Generate) Object() ([]byte, error) { return object(TagGenerate, g, g.check()) }

// Object gives the data object DF10.
func (b Begin) Object() ([]byte, error) { return object(TagBegin, b, b.check()) }

// Object gives the data object DF1F.
func (c Commit) Object() ([]byte, error) { return object(TagCommit, c, c.check()) }

// Object gives the data object DF2F.
func (w Wipe) Object() ([]byte, error) { return object(TagWipe, w, w.check()) }

// Page gives the data object DF02 that asks for the attestation page at an offset.
func Page(offset uint16) []byte {
	return apdu.AppendTLV(nil, TagPage, binary.BigEndian.AppendUint16(nil, offset))
}

// Deliver gives the whole stream that commits sealed bytes for an order: DF10, DF15, DF1F.
func Deliver(orderID, sealed, sha256 []byte) ([]byte, error) {
	begin, err := Begin{OrderID: orderID, Length: uint64(len(sealed)), SHA256: sha256}.Object()
	if err != nil {
		return nil, err
	}
	commit, err := Commit{OrderID: orderID, SHA256: sha256}.Object()
	if err != nil {
		return nil, err
	}
	return append(apdu.AppendTLV(begin, TagSealed, sealed), commit...), nil
}

// ParseGenerate reads the value of DF01. The result keeps slices of value, as all of these do.
func ParseGenerate(value []byte) (Generate, error) {
	var g Generate
	err := parse(value, &g)
	if err == nil {
		err = g.check()
	}
	return g, err
}

// ParsePage reads the value of DF02; next is true when it names no offset.
func ParsePage(value []byte) (offset int, next bool, err error) {
	switch len(value) {
	case 0:
		return 0, true, nil
	case 2:
		return int(binary.BigEndian.Uint16(value)), false, nil
	}
	return 0, false, fmt.Errorf("page offset of %d bytes: %w", len(value), ErrObject)
}

// ParseBegin reads the value of DF10.
func ParseBegin(value []byte) (Begin, error) {
	var b Begin
	err := parse(value, &b)
	if err == nil {
		err = b.check()
	}
	return b, err
}

// ParseCommit reads the value of DF1F.
func ParseCommit(value []byte) (Commit, error) {
	var c Commit
	err := parse(value, &c)
	if err == nil {
		err = c.check()
	}
	return c, err
}

// ParseWipe reads the value of DF2F.
func ParseWipe(value []byte) (Wipe, error) {
	var w Wipe
	err := parse(value, &w)
	if err == nil {
		err = w.check()
	}
	return w, err
}

func (g Generate) check() error {
	switch {
	case len(g.OrderID) != OrderIDSize, len(g.Challenge) != ChallengeSize:
		return fmt.Errorf("generate: order id of %d, challenge of %d bytes: %w", len(g.OrderID), len(g.Challenge), ErrObject)
	case g.Slot < 1 || g.Slot > MaxSlot:
		return fmt.Errorf("generate: slot %d: %w", g.Slot, ErrObject)
	case g.Purpose != 1 && g.Purpose != 2:
		return fmt.Errorf("generate: purpose %d: %w", g.Purpose, ErrObject)
	}
	return nil
}

func (b Begin) check() error {
	switch {
	case len(b.OrderID) != OrderIDSize, len(b.SHA256) != DigestSize:
		return fmt.Errorf("begin: order id of %d, digest of %d bytes: %w", len(b.OrderID), len(b.SHA256), ErrObject)
	case b.Length < 1 || b.Length > MaxSealed:
		return fmt.Errorf("begin: %d sealed bytes: %w", b.Length, ErrObject)
	}
	return nil
}

func (c Commit) check() error {
	if len(c.OrderID) != OrderIDSize || len(c.SHA256) != DigestSize {
		return fmt.Errorf("commit: order id of %d, digest of %d bytes: %w", len(c.OrderID), len(c.SHA256), ErrObject)
	}
	return nil
}

func (w Wipe) check() error {
	if len(w.OrderID) != OrderIDSize {
		return fmt.Errorf("wipe: order id of %d bytes: %w", len(w.OrderID), ErrObject)
	}
	return nil
}

func object(tag uint32, v any, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	value, err := cbor.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encoding object %X: %w", tag, err)
	}
	return apdu.AppendTLV(nil, tag, value), nil
}

func parse(value []byte, v any) error {
	if len(value) > MaxControl {
		return fmt.Errorf("object of %d bytes: %w", len(value), ErrObject)
	}
	if err := cbor.Unmarshal(value, v); err != nil {
		return fmt.Errorf("%w: %w", ErrObject, err)
	}
	return nil
}
