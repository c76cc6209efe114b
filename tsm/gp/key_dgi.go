package gp

import (
	"errors"
	"fmt"

	"mobileid/mdoc/apdu"
)

// Data groups of keys, GlobalPlatform Card Specification 2.3.1, 11.11.4.1 with Amendment A 1.1, 4.14.
const (
	dgiKeyControl   uint16 = 0x00B9
	dgiSymmetricKey uint16 = 0x8113

	tagKeyAttributes = 0xB7
	tagKeyEntry      = 0xB9
)

// KeyAccess tells who may use a key, Card Specification 2.3.1, table 11-18.
type KeyAccess byte

// The accesses.
const (
	AccessAll          KeyAccess = 0x00 // the security domain and its applications
	AccessDomain       KeyAccess = 0x01
	AccessApplications KeyAccess = 0x02
)

// Purposes of keys in KeyGroup, as hosts name them.
const (
	PurposeSCP03   uint16 = 0x0003
	PurposeToken   uint16 = 0x7000
	PurposeReceipt uint16 = 0x7001
	PurposeDAP     uint16 = 0x7003
	PurposeCASD    uint16 = 0x7004
)

// A KeyGroup is keys by STORE DATA instead of PUT KEY, one control data group and one for each key:
//
//	00B9 { B7 { 80 type, 81 size, 83 version, 96 access, 97 purpose (2) }, B9 { 82 id, 84 check value } … }
//	8113 { key under Key-DEK as in PUT KEY } …
type KeyGroup struct {
	Version byte
	Access  KeyAccess
	Purpose uint16
	IDs     []byte
	// Keys are of one type and size, in the order of the ids.
	Keys []WrappedKey
}

// NewKeyGroup wraps AES keys of one size under the domain's Key-DEK, with ids from 1.
func NewKeyGroup(dek []byte, version byte, access KeyAccess, purpose uint16, keys ...[]byte) (KeyGroup, error) {
	g := KeyGroup{Version: version, Access: access, Purpose: purpose}
	for i, key := range keys {
		w, err := WrapKey(dek, key)
		if err != nil {
			return KeyGroup{}, fmt.Errorf("building key data groups: key %d: %w", i+1, err)
		}
		w.Prefixed = true // the size stands in 00B9
		g.IDs, g.Keys = append(g.IDs, byte(i+1)), append(g.Keys, w)
	}
	if err := g.check(); err != nil {
		return KeyGroup{}, fmt.Errorf("building key data groups: %w", err)
	}
	return g, nil
}

func (g KeyGroup) check() error {
	if n := len(g.Keys); n == 0 || n > maxKeys || n != len(g.IDs) || g.Version == 0 || g.Version > maxKeyNumber {
		return fmt.Errorf("%d keys of version %02X", n, g.Version)
	}
	for i, k := range g.Keys {
		if err := k.check(); err != nil {
			return err
		}
		if k.Type != g.Keys[0].Type || k.Size != g.Keys[0].Size || g.IDs[i] == 0 || g.IDs[i] > maxKeyNumber {
			return errors.New("keys of different kinds")
		}
	}
	return nil
}

// Bytes encodes the data groups: a stream for StoreDGIs.
func (g KeyGroup) Bytes() ([]byte, error) {
	if err := g.check(); err != nil {
		return nil, fmt.Errorf("encoding key data groups: %w", err)
	}
	attributes := apdu.AppendTLV(nil, 0x80, []byte{g.Keys[0].Type})
	attributes = apdu.AppendTLV(attributes, 0x81, []byte{byte(g.Keys[0].Size)})
	attributes = apdu.AppendTLV(attributes, 0x83, []byte{g.Version})
	attributes = apdu.AppendTLV(attributes, 0x96, []byte{byte(g.Access)})
	attributes = apdu.AppendTLV(attributes, 0x97, []byte{byte(g.Purpose >> 8), byte(g.Purpose)})
	control := apdu.AppendTLV(nil, tagKeyAttributes, attributes)
	var values []byte
	for i, k := range g.Keys {
		entry := apdu.AppendTLV(apdu.AppendTLV(nil, 0x82, g.IDs[i:i+1]), 0x84, k.KCV)
		control = apdu.AppendTLV(control, tagKeyEntry, entry)
		values = AppendDGI(values, DGI{Tag: dgiSymmetricKey, Value: k.Encrypted})
	}
	return append(AppendDGI(nil, DGI{Tag: dgiKeyControl, Value: control}), values...), nil
}

// ParseKeyGroup reads, on the card, the data groups of one set of keys; Unwrap of each key checks its check value.
func ParseKeyGroup(dgis []DGI) (KeyGroup, error) {
	if len(dgis) == 0 || dgis[0].Tag != dgiKeyControl {
		return KeyGroup{}, errors.New("parsing key data groups: no control data group (00B9) in front")
	}
	var g KeyGroup
	control, err := apdu.ParseTLVs(dgis[0].Value)
	if err != nil {
		return KeyGroup{}, fmt.Errorf("parsing key data groups: %w", err)
	}
	if len(control) != len(dgis) || len(control) > maxKeys+1 || control[0].Tag != tagKeyAttributes {
		return KeyGroup{}, fmt.Errorf("parsing key data groups: %d objects for %d groups", len(control), len(dgis))
	}
	kind, err := g.attributes(control[0].Value)
	if err != nil {
		return KeyGroup{}, fmt.Errorf("parsing key data groups: %w", err)
	}
	for i, d := range dgis[1:] {
		if err := g.add(kind, control[i+1], d); err != nil {
			return KeyGroup{}, fmt.Errorf("parsing key data groups: key %d: %w", i+1, err)
		}
	}
	if err := g.check(); err != nil {
		return KeyGroup{}, fmt.Errorf("parsing key data groups: %w", err)
	}
	return g, nil
}

// attributes reads B7.
func (g *KeyGroup) attributes(b []byte) (kind WrappedKey, err error) {
	objects, err := apdu.ParseTLVs(b)
	if err != nil {
		return kind, err
	}
	for _, o := range objects {
		n := len(o.Value)
		switch {
		case o.Tag == 0x80 && n == 1:
			kind.Type = o.Value[0]
		case o.Tag == 0x81 && n == 1:
			kind.Size = int(o.Value[0])
		case o.Tag == 0x83 && n == 1:
			g.Version = o.Value[0]
		case o.Tag == 0x96 && n == 1:
			g.Access = KeyAccess(o.Value[0])
		case o.Tag == 0x97 && n == 2:
			g.Purpose = uint16(o.Value[0])<<8 | uint16(o.Value[1])
		default:
			return kind, fmt.Errorf("object %X of %d bytes", o.Tag, n)
		}
	}
	return kind, nil
}

// add takes the entry and the value of one key.
func (g *KeyGroup) add(kind WrappedKey, entry apdu.TLV, value DGI) error {
	objects, err := apdu.ParseTLVs(entry.Value)
	if err != nil {
		return err
	}
	id, hasID := apdu.Find(objects, 0x82)
	kcv, hasKCV := apdu.Find(objects, 0x84)
	if entry.Tag != tagKeyEntry || value.Tag != dgiSymmetricKey || !hasID || len(id) != 1 || !hasKCV {
		return errors.New("want B9 with id and check value, and 8113")
	}
	kind.Encrypted, kind.KCV, kind.Prefixed = value.Value, kcv, true
	g.IDs, g.Keys = append(g.IDs, id[0]), append(g.Keys, kind)
	return nil
}
