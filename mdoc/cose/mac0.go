package cose

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
)

// Mac0 is COSE_Mac0, RFC 9052, 6.2, with HMAC 256/256 and the full 32-byte tag, as ISO/IEC 18013-5:2021, 9.1.3.5 wants.
//
//	COSE_Mac0 = [protected: bstr, unprotected: map, payload: bstr / null, tag: bstr]
type Mac0 struct{ message }

// ParseMac0 reads an untagged message; the result keeps slices of raw. A parsed message is not yet verified.
func ParseMac0(raw []byte) (*Mac0, error) {
	m, err := parseMessage(raw)
	if err != nil {
		return nil, fmt.Errorf("cose: decoding COSE_Mac0: %w", err)
	}
	return &Mac0{m}, nil
}

// UnmarshalCBOR reads an untagged message.
func (m *Mac0) UnmarshalCBOR(data []byte) error {
	p, err := ParseMac0(data)
	if err != nil {
		return err
	}
	*m = *p
	return nil
}

// MarshalCBOR gives the untagged message as received or made.
func (m Mac0) MarshalCBOR() ([]byte, error) {
	if len(m.raw) == 0 {
		return nil, errors.New("cose: an empty COSE_Mac0")
	}
	return m.raw, nil
}

// Tag gives the MAC.
func (m *Mac0) Tag() []byte { return m.proof }

// NewMac0Detached makes a message with alg HMAC 256/256 over a payload it does not carry.
func NewMac0Detached(key, payload []byte) (*Mac0, error) {
	return NewMac0From(payload, func(toMAC []byte) ([]byte, error) { return tag(key, toMAC), nil })
}

// NewMac0From makes a detached message whose tag comes from elsewhere, such as a secure element: mac is given the whole
// MAC_structure.
func NewMac0From(payload []byte, mac func(macStructure []byte) ([]byte, error)) (*Mac0, error) {
	protected, unprotected, err := Headers{}.encode(HMAC256)
	if err != nil {
		return nil, fmt.Errorf("cose: making a MAC: %w", err)
	}
	t, err := mac(structure("MAC0", protected, payload))
	if err != nil {
		return nil, fmt.Errorf("cose: making a MAC: %w", err)
	}
	return ParseMac0(assemble(nil, protected, unprotected, payload, true, t))
}

func tag(key, toMAC []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(toMAC)
	return h.Sum(nil)
}

// MACStructure gives the MAC_structure over the received protected header and the payload.
func (m *Mac0) MACStructure(payload []byte) []byte { return structure("MAC0", m.protected, payload) }

// VerifyDetached checks the tag in constant time. A message that carries a payload, another algorithm than HMAC 256/256
// and a shortened tag are refused.
func (m *Mac0) VerifyDetached(key, payload []byte) error {
	alg, err := m.Algorithm()
	if err != nil {
		return err
	}
	if alg != HMAC256 {
		return fmt.Errorf("cose: %s where %s is due", alg, HMAC256)
	}
	if m.payload != nil {
		return errors.New("cose: the payload must be detached")
	}
	if !hmac.Equal(m.proof, tag(key, m.MACStructure(payload))) {
		return ErrSignature
	}
	return nil
}
