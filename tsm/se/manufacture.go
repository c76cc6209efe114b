package se

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"mobileid/mdoc/cbor"
	"mobileid/tsm/gp"
	"mobileid/tsm/scp03"
	"mobileid/tsm/se/nvm"
)

// idSize is the size of an element's identity, which is its key diversification data.
const idSize = 10

// Factory is what the maker of an element puts into it. Identity, option, attestation and anchors never change.
type Factory struct {
	// ID is the identity of the element and the key diversification data of its keys, 10 bytes, unique.
	ID []byte
	// Keys is the ISD's SCP03 key set; its version must be 30 to 3F.
	Keys scp03.Keys
	// TestKeys takes the place of Keys in an element for a bench, which keeps in mind that it is one: PUT KEY takes weak
	// keys there. Published keys come into an element in no other way.
	TestKeys scp03.TestSet
	// Option is the SCP03 parameter "i" of the element; 0 means 70.
	Option scp03.Option
	// State is where the card's life cycle begins; 0 means SECURED.
	State gp.CardState
	// Unloaded leaves the load files of built-in applets out of the registry: each has to be loaded first.
	Unloaded bool
	// Objects are data objects of the ISD by tag, without their tag: issuer number (0042), card number (0045), recognition
	// data (0066), URL of the manager (5F50), production data (9F7F). They go before what the element tells itself.
	Objects map[uint16][]byte
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
	switch keys := f.keys(); {
	case len(f.ID) != idSize:
		return fmt.Errorf("identity of %d bytes, expected %d", len(f.ID), idSize)
	case keys.Version < firstVersion || keys.Version > lastVersion:
		return fmt.Errorf("key version %02X is not one of SCP03 (30 to 3F)", keys.Version)
	case f.AttestationKey == nil || f.AttestationKey.Curve != elliptic.P256():
		return errors.New("attestation key is not of P-256")
	case len(f.AttestationChain) == 0:
		return errors.New("no certificate for the attestation key")
	case len(f.IssuerAnchors) == 0:
		return errors.New("no issuer anchors")
	}
	if err := errors.Join(f.validateKeys(), f.option().Check(), f.checkObjects()); err != nil {
		return err
	}
	switch f.state() {
	case gp.OPReady, gp.CardInitialized, gp.CardSecured:
	default:
		return fmt.Errorf("card state %v at the factory", f.State)
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

func (f Factory) checkObjects() error {
	for tag, v := range f.Objects {
		if !storable(gp.ISD, uint32(tag)) && tag != gp.DataCPLC || len(v) == 0 || len(v) > maxObject {
			return fmt.Errorf("data object %04X of %d bytes", tag, len(v))
		}
		if _, err := gp.ParseCPLC(gp.AppendObject(nil, tag, v)); tag == gp.DataCPLC && err != nil {
			return err
		}
		if _, err := gp.ParseRecognition(gp.AppendObject(nil, tag, v)); tag == gp.DataCardRecognition && err != nil {
			return err
		}
	}
	return nil
}

func (f Factory) option() scp03.Option { return cmp.Or(f.Option, scp03.OptionPseudoRandom) }

func (f Factory) state() gp.CardState { return cmp.Or(f.State, gp.CardSecured) }

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
	keys, isd := f.keys(), keySets{prefix: prefixISD}
	out := []nvm.Change{
		{Key: keyID, Value: f.ID},
		{Key: keyOption, Value: []byte{byte(f.option())}},
		{Key: keyCardState, Value: []byte{byte(f.state())}},
		{Key: keyTestElement, Value: f.testElement()},
		{Key: isd.name(setName, keys.Version), Value: slices.Concat(keys.ENC, keys.MAC, keys.DEK)},
		{Key: keyAttestation, Value: key},
		{Key: keyChain, Value: chain},
		{Key: keyAnchors, Value: anchors},
		{Key: keyCertificateAnchors, Value: certificates},
		{Key: keyReceipts, Value: binary.BigEndian.AppendUint64(nil, 0)},
	}
	if f.Unloaded {
		out = append(out, nvm.Change{Key: keyUnloaded, Value: []byte{1}})
	}
	for _, tag := range slices.Sorted(maps.Keys(f.Objects)) {
		out = append(out, nvm.Change{Key: dataKey(gp.ISD, tag), Value: f.Objects[tag]})
	}
	return out, nil
}

// load reads the factory content back.
func (s *SE) load() error {
	id, _ := s.mem.Load(keyID)
	key, _ := s.mem.Load(keyAttestation)
	chain, _ := s.mem.Load(keyChain)
	anchors, _ := s.mem.Load(keyAnchors)
	option, _ := s.mem.Load(keyOption)
	state, _ := s.mem.Load(keyCardState)
	if len(id) != idSize || len(s.keySets(gp.ISD).versions()) == 0 {
		return fmt.Errorf("no identity or no keys: %w", ErrDamaged)
	}
	// An element made before there were options and states has none stored.
	s.option, s.cardState = scp03.OptionPseudoRandom, gp.CardSecured
	if len(option) == 1 {
		s.option = scp03.Option(option[0])
	}
	if len(state) == 1 {
		s.cardState = gp.CardState(state[0])
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
