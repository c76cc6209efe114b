package provisioning

import (
	"crypto/ecdh"
	"crypto/hpke"
	"errors"
	"fmt"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
)

// maxSealed bounds a sealed credential; one with a portrait has about 30 KiB.
const maxSealed = 1 << 20

// sealedLabel is the first member of the info string, and changes with the suite or the form.
const sealedLabel = "mobileid-sealed-1"

// Seal encrypts a credential (the bytes of an IssuerSigned) to the sealing key of an attestation: HPKE (RFC 9180) in
// base mode, single shot, DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM, no aad. The result is enc (65 bytes) and
// the ciphertext, one after the other.
//
//	info = ["mobileid-sealed-1", order-id: bstr .size 16, se-id: bstr .size 10, slot: 1..15]
func Seal(sealingKey cose.Key, orderID, seID []byte, slot uint64, issuerSigned []byte) ([]byte, error) {
	info, err := sealInfo(orderID, seID, slot)
	if err != nil {
		return nil, fmt.Errorf("sealing credential: %w", err)
	}
	if len(issuerSigned) == 0 || len(issuerSigned) > maxSealed {
		return nil, fmt.Errorf("sealing credential: %d bytes, expected 1 to %d", len(issuerSigned), maxSealed)
	}
	pub, err := sealingKey.ECDH()
	if err != nil {
		return nil, fmt.Errorf("sealing credential: %w", err)
	}
	if pub.Curve() != ecdh.P256() {
		return nil, errors.New("sealing credential: the key is not on P-256")
	}
	recipient, err := hpke.NewDHKEMPublicKey(pub)
	if err != nil {
		return nil, fmt.Errorf("sealing credential: %w", err)
	}
	sealed, err := hpke.Seal(recipient, hpke.HKDFSHA256(), hpke.AES256GCM(), info, issuerSigned)
	if err != nil {
		return nil, fmt.Errorf("sealing credential: %w", err)
	}
	return sealed, nil
}

// Open decrypts what Seal made for this order, secure element and slot. Anything else fails without saying which of
// them differed. priv is the sealing key; *ecdh.PrivateKey is one.
func Open(priv ecdh.KeyExchanger, orderID, seID []byte, slot uint64, sealed []byte) ([]byte, error) {
	info, err := sealInfo(orderID, seID, slot)
	if err != nil {
		return nil, fmt.Errorf("opening credential: %w", err)
	}
	if len(sealed) > maxSealed+1024 {
		return nil, fmt.Errorf("opening credential: %d bytes, more than the limit", len(sealed))
	}
	if priv.Curve() != ecdh.P256() {
		return nil, errors.New("opening credential: the key is not on P-256")
	}
	recipient, err := hpke.NewDHKEMPrivateKey(priv)
	if err != nil {
		return nil, fmt.Errorf("opening credential: %w", err)
	}
	opened, err := hpke.Open(recipient, hpke.HKDFSHA256(), hpke.AES256GCM(), info, sealed)
	if err != nil {
		return nil, fmt.Errorf("opening credential: %w", err)
	}
	return opened, nil
}

func sealInfo(orderID, seID []byte, slot uint64) ([]byte, error) {
	if err := checkLengths(length{"order id", orderID, orderIDLength}, length{"secure element id", seID, seIDLength}); err != nil {
		return nil, err
	}
	if slot < 1 || slot > maxSlot {
		return nil, fmt.Errorf("slot %d, expected 1 to %d", slot, maxSlot)
	}
	info := cbor.AppendText(cbor.AppendArrayHead(nil, 4), sealedLabel)
	info = cbor.AppendBytes(cbor.AppendBytes(info, orderID), seID)
	return cbor.AppendUint(info, slot), nil
}
