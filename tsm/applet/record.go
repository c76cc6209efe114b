package applet

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/binary"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm/se"
)

// Names of the objects of an instance.
const (
	objLive       = "live"
	objLiveKey    = "live.key"
	objCredential = "live.credential"
	objUses       = "live.uses"
	objPending    = "pending"
	objPendingKey = "pending.key"
	objSealingKey = "pending.sealing"
	objDone       = "done"
	objPIN        = "pin"
	objTries      = "pin.tries"
	objPINVersion = "pin.version"
)

// live describes the credential in force. Own profile, inside the element only:
//
//	{"purpose": 1 / 2, "docType": tstr}
type live struct {
	Purpose provisioning.Purpose `cbor:"purpose"`
	DocType string               `cbor:"docType"`
}

// pending is the order whose keys were born and whose credential has not come. Own profile, inside the element only:
//
//	{"orderID": bstr, "purpose": 1 / 2, "challenge": bstr}
type pending struct {
	OrderID   []byte               `cbor:"orderID"`
	Purpose   provisioning.Purpose `cbor:"purpose"`
	Challenge []byte               `cbor:"challenge"`
}

// done is the order carried out last, with its receipt for whoever lost the answer. Own profile, inside the element only:
//
//	{"orderID": bstr, "kind": 1 / 2, ? "sealed": bstr, "receipt": bstr}      sealed: SHA-256 of the sealed bytes
type done struct {
	OrderID []byte                   `cbor:"orderID"`
	Kind    provisioning.ReceiptKind `cbor:"kind"`
	Sealed  []byte                   `cbor:"sealed,omitempty"`
	Receipt []byte                   `cbor:"receipt"`
}

// is tells whether the order was carried out as this kind.
func (d *done) is(orderID []byte, kind provisioning.ReceiptKind) bool {
	return d != nil && d.Kind == kind && bytes.Equal(d.OrderID, orderID)
}

// record reads an object made by store; nil when there is none.
func record[T any](p *se.Platform, name string) *T {
	raw, ok := p.Load(name)
	if !ok {
		return nil
	}
	v := new(T)
	if err := cbor.Unmarshal(raw, v); err != nil {
		return nil
	}
	return v
}

// privateKey reads a P-256 key; nil when there is none.
func privateKey(p *se.Platform, name string) *ecdsa.PrivateKey {
	raw, ok := p.Load(name)
	if !ok {
		return nil
	}
	defer clear(raw)
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), raw)
	if err != nil {
		return nil
	}
	return key
}

// agreementKey reads a P-256 key for key agreement; nil when there is none.
func agreementKey(p *se.Platform, name string) *ecdh.PrivateKey {
	raw, ok := p.Load(name)
	if !ok {
		return nil
	}
	defer clear(raw)
	key, err := ecdh.P256().NewPrivateKey(raw)
	if err != nil {
		return nil
	}
	return key
}

// uses is how often the live key was used.
func uses(p *se.Platform) uint64 { return number(p, objUses) }

// pinVersion is 0 without a PIN, 1 for the first, and rises with every change.
func pinVersion(p *se.Platform) uint64 { return number(p, objPINVersion) }

// number reads a counter; 0 when there is none.
func number(p *se.Platform, name string) uint64 {
	raw, ok := p.Load(name)
	if !ok || len(raw) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(raw)
}

func encodeNumber(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
