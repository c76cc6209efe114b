package se

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"mobileid/mdoc/cbor"
	"mobileid/tsm/gp"
	"mobileid/tsm/scp03"
	"mobileid/tsm/se/nvm"
)

// idSize is the size of an element's identity, which is its key diversification data.
const idSize = 10

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
