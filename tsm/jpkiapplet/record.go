package jpkiapplet

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm/se"
)

// Names of the objects of the instance.
const (
	objLive    = "live" // a provisioning.CertificateSet
	objAuthKey = "live.authentication"
	objSignKey = "live.signature"

	objPending     = "pending"
	objPendingAuth = "pending.authentication"
	objPendingSign = "pending.signature"
	objSealingKey  = "pending.sealing"

	objDone = "done"

	objPIN           = "pin"
	objPINTries      = "pin.tries"
	objPassword      = "password"
	objPasswordTries = "password.tries"
)

// pending is the order whose keys were born and whose certificates have not come, docs/provisioning.md, phone certificates; inside the element
// only:
//
//	{"orderID": bstr, "challenge": bstr, "authentication": bstr, "signature": bstr}      the public keys, RSAPublicKey in DER
type pending struct {
	OrderID        []byte `cbor:"orderID"`
	Challenge      []byte `cbor:"challenge"`
	Authentication []byte `cbor:"authentication"`
	Signature      []byte `cbor:"signature"`
}

// done is the order carried out last, with its receipt for whoever lost the answer, docs/provisioning.md, phone certificates; inside the element
// only:
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

// record reads an object; nil when there is none.
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

func (a *instance) certificates() *provisioning.CertificateSet {
	return record[provisioning.CertificateSet](a.p, objLive)
}

// rsaKey reads an RSA key; nil when there is none.
func rsaKey(p *se.Platform, name string) *rsa.PrivateKey {
	raw, ok := p.Load(name)
	if !ok {
		return nil
	}
	defer clear(raw)
	key, err := x509.ParsePKCS1PrivateKey(raw)
	if err != nil {
		return nil
	}
	return key
}

// sealingKey reads the key to which the certificates are sealed; nil when there is none.
func sealingKey(p *se.Platform) *ecdsa.PrivateKey {
	raw, ok := p.Load(objSealingKey)
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
