package jpkiapplet

import (
	"crypto/rsa"
	"crypto/x509"

	"mobileid/mdoc/provisioning"
	"mobileid/tsm/applet/ledger"
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

// underWay is the id of the order whose keys were born; nil when there is none.
func (a *instance) underWay() []byte {
	if under := ledger.Record[pending](a.p, objPending); under != nil {
		return under.OrderID
	}
	return nil
}

func (a *instance) certificates() *provisioning.CertificateSet {
	return ledger.Record[provisioning.CertificateSet](a.p, objLive)
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
