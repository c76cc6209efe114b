package jpkiapplet

import (
	"bytes"
	"crypto/x509"
	"errors"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/jpkiap"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm/applet/ledger"
	"mobileid/tsm/applet/stream"
	"mobileid/tsm/se"
)

// slot is the one there is, as orders number it.
const slot = 1

// errNoKey says that a key that has to be there is not; it becomes a status word.
var errNoKey = errors.New("no such key")

// program is the instance as the stream sees it.
type program struct{ *instance }

// Refuses tells that the instance is locked.
func (a program) Refuses() bool { return a.p.Locked() }

// Generate makes the keys of an order and attests them; for the order already under way it attests the keys it made. The live keys and
// certificates are not touched.
func (a program) Generate(g stream.Generate) ([]byte, apdu.SW) {
	if g.Slot != slot || g.Purpose != uint64(provisioning.PurposeSign) {
		return nil, apdu.WrongData
	}
	if a.CarriedOut(g.OrderID) {
		return nil, apdu.Conditions
	}
	under := ledger.Record[pending](a.p, objPending)
	switch {
	case under == nil || !bytes.Equal(under.OrderID, g.OrderID):
		under = &pending{OrderID: g.OrderID, Challenge: g.Challenge}
		if sw := a.bear(under); sw != apdu.OK {
			return nil, sw
		}
	case !bytes.Equal(under.Challenge, g.Challenge):
		return nil, apdu.Conditions
	}
	signed, err := a.attest(*under)
	if err != nil {
		return nil, apdu.ExecutionError
	}
	return signed, apdu.OK
}

// bear makes the two RSA keys and the sealing key in one transaction, and notes the public ones in order; uncommitted keys of another order are
// destroyed by it.
func (a *instance) bear(order *pending) apdu.SW {
	tx := a.p.Begin()
	for _, k := range []struct {
		name   string
		public *[]byte
	}{{objPendingAuth, &order.Authentication}, {objPendingSign, &order.Signature}} {
		key, err := a.newKey(a.p.Rand())
		if err != nil {
			return apdu.ExecutionError
		}
		der := x509.MarshalPKCS1PrivateKey(key)
		tx.Replace(k.name, der)
		clear(der)
		*k.public = x509.MarshalPKCS1PublicKey(&key.PublicKey)
	}
	raw, err := cbor.Marshal(*order)
	if err != nil {
		return apdu.ExecutionError
	}
	tx.Store(objPending, raw)
	if _, err := ledger.Born(a.p, tx, objSealingKey); err != nil {
		return apdu.ExecutionError
	}
	return se.StatusOf(tx.Commit())
}

// attest signs what was born for the order.
func (a *instance) attest(order pending) ([]byte, error) {
	sealing := ledger.AgreementKey(a.p, objSealingKey)
	if sealing == nil {
		return nil, errNoKey
	}
	public, err := cose.NewKey(sealing.PublicKey())
	if err != nil {
		return nil, err
	}
	return provisioning.SignPhoneAttestation(a.p.Attestor(), a.p.AttestationChain(), provisioning.PhoneAttestation{
		OrderID: order.OrderID, Challenge: order.Challenge, SEID: a.p.SEID(),
		AuthenticationKey: order.Authentication, SignatureKey: order.Signature, SealingKey: public, AppletVersion: Version, PINTries: jpkiap.PINTries, PasswordTries: jpkiap.PasswordTries,
	})
}
