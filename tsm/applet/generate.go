package applet

import (
	"bytes"
	"crypto/ecdsa"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm/applet/ledger"
	"mobileid/tsm/applet/stream"
	"mobileid/tsm/se"
)

// Generate makes the keys of an order and attests them; for the order already under way it attests the keys it made. The
// live credential and its key are not touched.
func (a *instance) Generate(g stream.Generate) ([]byte, apdu.SW) {
	if g.Slot != uint64(a.slot) {
		return nil, apdu.WrongData
	}
	if a.CarriedOut(g.OrderID) {
		return nil, apdu.Conditions
	}
	order := pending{OrderID: g.OrderID, Purpose: provisioning.Purpose(g.Purpose), Challenge: g.Challenge}
	under := ledger.Record[pending](a.p, objPending)
	var device, sealing *ecdsa.PrivateKey
	switch {
	case under == nil || !bytes.Equal(under.OrderID, g.OrderID):
		var sw apdu.SW
		if device, sealing, sw = a.bear(order); sw != apdu.OK {
			return nil, sw
		}
	case under.Purpose != order.Purpose || !bytes.Equal(under.Challenge, order.Challenge):
		return nil, apdu.Conditions
	default:
		device, sealing = ledger.SigningKey(a.p, objPendingKey), ledger.SigningKey(a.p, objSealingKey)
	}
	signed, err := a.attest(order, device, sealing)
	if err != nil {
		return nil, apdu.ExecutionError
	}
	return signed, apdu.OK
}

// bear makes device key and sealing key in one transaction; uncommitted keys of another order are destroyed by it.
func (a *instance) bear(order pending) (device, sealing *ecdsa.PrivateKey, sw apdu.SW) {
	raw, err := cbor.Marshal(order)
	if err != nil {
		return nil, nil, apdu.ExecutionError
	}
	tx := a.p.Begin()
	tx.Store(objPending, raw)
	device, err = ledger.Born(a.p, tx, objPendingKey)
	if err == nil {
		sealing, err = ledger.Born(a.p, tx, objSealingKey)
	}
	if err != nil {
		return nil, nil, apdu.ExecutionError
	}
	return device, sealing, se.StatusOf(tx.Commit())
}

// attest signs what was born for the order.
func (a *instance) attest(order pending, deviceKey, sealingKey *ecdsa.PrivateKey) ([]byte, error) {
	device, err := publicKey(deviceKey)
	if err != nil {
		return nil, err
	}
	sealing, err := publicKey(sealingKey)
	if err != nil {
		return nil, err
	}
	return provisioning.SignAttestation(a.p.Attestor(), a.p.AttestationChain(), provisioning.Attestation{
		OrderID: order.OrderID, Challenge: order.Challenge, SEID: a.p.SEID(), Slot: uint64(a.slot), Purpose: order.Purpose,
		DeviceKey: device, SealingKey: sealing, AppletVersion: Version, UserPresence: true, TryLimit: tryLimit,
	})
}

func publicKey(key *ecdsa.PrivateKey) (cose.Key, error) {
	if key == nil {
		return cose.Key{}, errNoKey
	}
	return cose.NewKey(&key.PublicKey)
}
