package se

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"mobileid/mdoc/cbor"
	"mobileid/tsm/scp03"
	"mobileid/tsm/se/nvm"
)

// idSize is the size of an element's identity, which is its key diversification data.
const idSize = 10

// Factory is what the maker of an element puts into it. Nothing of it can be changed later.
type Factory struct {
	// ID is the identity of the element and the key diversification data of its keys, 10 bytes, unique.
	ID []byte
	// Keys is the ISD's SCP03 key set; its version must be 30 to 3F.
	Keys scp03.Keys
	// AttestationKey (P-256) vouches for device keys, AttestationChain for it: the element's certificate first, DER, the
	// root left out.
	AttestationKey   *ecdsa.PrivateKey
	AttestationChain [][]byte
	// IssuerAnchors are the IACA certificates under which applets accept a credential, DER. At least one.
	IssuerAnchors [][]byte
	// CertificateAnchors are the CA certificates under which applets accept phone certificates, DER. Without any, none is accepted.
	CertificateAnchors [][]byte
	// Rand is the source for the state file; nil means crypto/rand.Reader.
	Rand io.Reader
}

func (f Factory) validate() error {
	switch {
	case len(f.ID) != idSize:
		return fmt.Errorf("identity of %d bytes, expected %d", len(f.ID), idSize)
	case f.Keys.Version < 0x30 || f.Keys.Version > 0x3F:
		return fmt.Errorf("key version %02X is not one of SCP03 (30 to 3F)", f.Keys.Version)
	case f.AttestationKey == nil || f.AttestationKey.Curve != elliptic.P256():
		return errors.New("attestation key is not of P-256")
	case len(f.AttestationChain) == 0:
		return errors.New("no certificate for the attestation key")
	case len(f.IssuerAnchors) == 0:
		return errors.New("no issuer anchors")
	}
	if err := f.Keys.Validate(); err != nil {
		return err
	}
	leaf, err := x509.ParseCertificate(f.AttestationChain[0])
	if err != nil {
		return fmt.Errorf("attestation certificate: %w", err)
	}
	if !f.AttestationKey.PublicKey.Equal(leaf.PublicKey) {
		return errors.New("attestation certificate is for another key")
	}
	return nil
}

// Manufacture makes the state file of a new element at path, mode 0600. It fails with [ErrExists] when there is a file.
func Manufacture(path string, f Factory) error {
	if err := f.validate(); err != nil {
		return fmt.Errorf("manufacturing secure element: %w", err)
	}
	objects, err := f.objects()
	if err != nil {
		return fmt.Errorf("manufacturing secure element: %w", err)
	}
	random := f.Rand
	if random == nil {
		random = rand.Reader
	}
	if err := nvm.Create(path, objects, nvm.Config{Rand: random}); err != nil {
		return fmt.Errorf("manufacturing secure element: %w", err)
	}
	return nil
}

func (f Factory) objects() ([]nvm.Change, error) {
	key, err := x509.MarshalECPrivateKey(f.AttestationKey)
	if err != nil {
		return nil, err
	}
	chain, err := cbor.Marshal(f.AttestationChain)
	if err != nil {
		return nil, err
	}
	anchors, err := cbor.Marshal(f.IssuerAnchors)
	if err != nil {
		return nil, err
	}
	certificates, err := cbor.Marshal(append([][]byte{}, f.CertificateAnchors...))
	if err != nil {
		return nil, err
	}
	set := append(append(append([]byte{}, f.Keys.ENC...), f.Keys.MAC...), f.Keys.DEK...)
	return []nvm.Change{
		{Key: keyID, Value: f.ID},
		{Key: versionKey(prefixKeySet, f.Keys.Version), Value: set},
		{Key: keyAttestation, Value: key},
		{Key: keyChain, Value: chain},
		{Key: keyAnchors, Value: anchors},
		{Key: keyCertificateAnchors, Value: certificates},
		{Key: keyReceipts, Value: binary.BigEndian.AppendUint64(nil, 0)},
	}, nil
}

// load reads the factory content back.
func (s *SE) load() error {
	id, _ := s.mem.Load(keyID)
	key, _ := s.mem.Load(keyAttestation)
	chain, _ := s.mem.Load(keyChain)
	anchors, _ := s.mem.Load(keyAnchors)
	if len(id) != idSize || len(s.keys.versions()) == 0 {
		return fmt.Errorf("no identity or no keys: %w", ErrDamaged)
	}
	parsed, err := x509.ParseECPrivateKey(key)
	clear(key)
	if err != nil {
		return fmt.Errorf("attestation key: %w", ErrDamaged)
	}
	if cbor.Unmarshal(chain, &s.chain) != nil || cbor.Unmarshal(anchors, &s.anchors) != nil {
		return fmt.Errorf("certificates: %w", ErrDamaged)
	}
	// An element made before there were phone certificates has no such object.
	if raw, found := s.mem.Load(keyCertificateAnchors); found && cbor.Unmarshal(raw, &s.certificateAnchors) != nil {
		return fmt.Errorf("certificates: %w", ErrDamaged)
	}
	s.id, s.attestation = id, parsed
	return nil
}

// receiptCounter is the number of the last receipt of this element.
func (s *SE) receiptCounter() uint64 {
	v, ok := s.mem.Load(keyReceipts)
	if !ok || len(v) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(v)
}
