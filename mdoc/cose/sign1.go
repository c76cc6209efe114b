package cose

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"mobileid/mdoc/cbor"

	gocose "github.com/veraison/go-cose"
)

// ErrSignature is returned when a signature or MAC does not verify.
var ErrSignature = errors.New("cose: the signature does not verify")

const tagSign1 = 0xd2 // tag 18, one byte

// Sign1 is COSE_Sign1, RFC 9052, 4.2, with the bytes it was parsed from or made as.
//
//	COSE_Sign1 = [protected: bstr, unprotected: map, payload: bstr / null, signature: bstr]
type Sign1 struct{ message }

// ParseSign1 reads an untagged message, as ISO/IEC 18013-5 uses it everywhere but in status list tokens. The result
// keeps slices of raw. A parsed message is well-formed and not yet verified.
func ParseSign1(raw []byte) (*Sign1, error) {
	m, err := parseMessage(raw)
	if err != nil {
		return nil, fmt.Errorf("cose: decoding COSE_Sign1: %w", err)
	}
	return &Sign1{m}, nil
}

// ParseTaggedSign1 reads a message with tag 18.
func ParseTaggedSign1(raw []byte) (*Sign1, error) {
	if len(raw) == 0 || raw[0] != tagSign1 {
		return nil, errors.New("cose: decoding COSE_Sign1: tag 18 is missing")
	}
	return ParseSign1(raw[1:])
}

// UnmarshalCBOR reads an untagged message.
func (s *Sign1) UnmarshalCBOR(data []byte) error {
	p, err := ParseSign1(data)
	if err != nil {
		return err
	}
	*s = *p
	return nil
}

// MarshalCBOR gives the untagged message as received or made.
func (s Sign1) MarshalCBOR() ([]byte, error) {
	if len(s.raw) == 0 {
		return nil, errors.New("cose: an empty COSE_Sign1")
	}
	return s.raw, nil
}

// TaggedBytes gives the message with tag 18 in a new slice.
func (s *Sign1) TaggedBytes() []byte { return append([]byte{tagSign1}, s.raw...) }

// Signature gives the signature bytes, r and s side by side for ECDSA.
func (s *Sign1) Signature() []byte { return s.proof }

// NewSign1 signs an attached payload with the one algorithm that fits the signer's curve.
func NewSign1(signer crypto.Signer, h Headers, payload []byte) (*Sign1, error) {
	return sign(signer, h, payload, false)
}

// NewSign1Detached signs a payload that the message does not carry.
func NewSign1Detached(signer crypto.Signer, h Headers, payload []byte) (*Sign1, error) {
	return sign(signer, h, payload, true)
}

func sign(signer crypto.Signer, h Headers, payload []byte, detached bool) (*Sign1, error) {
	raw, err := appendSign1(nil, signer, h, payload, detached)
	if err != nil {
		return nil, err
	}
	return ParseSign1(raw)
}

// AppendSign1 is [NewSign1] that appends the untagged message to b.
func AppendSign1(b []byte, signer crypto.Signer, h Headers, payload []byte) ([]byte, error) {
	return appendSign1(b, signer, h, payload, false)
}

func appendSign1(b []byte, signer crypto.Signer, h Headers, payload []byte, detached bool) ([]byte, error) {
	alg, err := AlgorithmFor(signer.Public())
	if err != nil {
		return nil, err
	}
	s, err := gocose.NewSigner(gocose.Algorithm(alg), signer)
	if err != nil {
		return nil, fmt.Errorf("cose: signing: %w", err)
	}
	protected, unprotected, err := h.encode(alg)
	if err != nil {
		return nil, fmt.Errorf("cose: signing: %w", err)
	}
	var signature []byte
	if d, ok := s.(gocose.DigestSigner); ok {
		signature, err = d.SignDigest(rand.Reader, digest(nil, alg.hash(), protected, payload))
	} else {
		signature, err = s.Sign(rand.Reader, structure("Signature1", protected, payload))
	}
	if err != nil {
		return nil, fmt.Errorf("cose: signing: %w", err)
	}
	return assemble(b, protected, unprotected, payload, detached, signature), nil
}

// NewSign1From makes a message whose signature comes from elsewhere, such as a secure element: sign is given the whole
// Sig_structure and returns r and s side by side.
func NewSign1From(h Headers, alg Algorithm, payload []byte, detached bool, sign func(sigStructure []byte) ([]byte, error)) (*Sign1, error) {
	protected, unprotected, err := h.encode(alg)
	if err != nil {
		return nil, fmt.Errorf("cose: signing: %w", err)
	}
	signature, err := sign(structure("Signature1", protected, payload))
	if err != nil {
		return nil, fmt.Errorf("cose: signing: %w", err)
	}
	return ParseSign1(assemble(nil, protected, unprotected, payload, detached, signature))
}

// assemble appends the message to b.
func assemble(b, protected, unprotected, payload []byte, detached bool, proof []byte) []byte {
	b = slices.Grow(b, len(protected)+len(unprotected)+len(payload)+len(proof)+16)
	b = append(cbor.AppendBytes(cbor.AppendArrayHead(b, 4), protected), unprotected...)
	if detached {
		b = cbor.AppendNull(b)
	} else {
		b = cbor.AppendBytes(b, payload)
	}
	return cbor.AppendBytes(b, proof)
}

// structure is Sig_structure and MAC_structure with empty external data: [context, protected, h”, payload].
func structure(context string, protected, payload []byte) []byte {
	out := make([]byte, 0, len(context)+len(protected)+len(payload)+16)
	return append(appendStructureHead(out, context, protected, len(payload)), payload...)
}

// appendStructureHead appends all of a Sig_structure or MAC_structure that comes before the bytes of its payload.
func appendStructureHead(b []byte, context string, protected []byte, payloadSize int) []byte {
	b = cbor.AppendText(cbor.AppendArrayHead(b, 4), context)
	b = cbor.AppendBytes(cbor.AppendBytes(b, protected), nil)
	return cbor.AppendBytesHead(b, payloadSize)
}

// digest hashes the Sig_structure without putting it together, and appends the hash to b.
func digest(b []byte, hash crypto.Hash, protected, payload []byte) []byte {
	if hash == crypto.SHA256 { // the commonest one, with as little memory as can be
		h := sha256.New()
		h.Write(appendStructureHead(make([]byte, 0, 64), "Signature1", protected, len(payload)))
		h.Write(payload)
		return h.Sum(b)
	}
	h := hash.New()
	h.Write(appendStructureHead(make([]byte, 0, 64), "Signature1", protected, len(payload)))
	h.Write(payload)
	return h.Sum(b)
}

// SigStructure gives the Sig_structure over the received protected header and the payload.
func (s *Sign1) SigStructure(payload []byte) []byte {
	return structure("Signature1", s.protected, payload)
}

// Verify checks the signature over the attached payload. A detached message is refused.
func (s *Sign1) Verify(pub crypto.PublicKey) error {
	if s.payload == nil {
		return errors.New("cose: the payload is detached")
	}
	return s.verify(pub, s.payload)
}

// VerifyDetached checks the signature over a payload that the message does not carry. A message that carries one is
// refused, even if it is the same.
func (s *Sign1) VerifyDetached(pub crypto.PublicKey, payload []byte) error {
	if s.payload != nil {
		return errors.New("cose: the payload must be detached")
	}
	return s.verify(pub, payload)
}

func (s *Sign1) verify(pub crypto.PublicKey, payload []byte) error {
	alg, err := s.Algorithm()
	if err != nil {
		return err
	}
	due, err := AlgorithmFor(pub)
	if err != nil {
		return err
	}
	if alg != due {
		return fmt.Errorf("cose: %s where the key demands %s", alg, due)
	}
	if key, ok := pub.(*ecdsa.PublicKey); ok {
		var sum [64]byte
		if !verifyECDSA(key, digest(sum[:0], alg.hash(), s.protected, payload), s.proof) {
			return ErrSignature
		}
		return nil
	}
	v, err := gocose.NewVerifier(gocose.Algorithm(alg), pub)
	if err == nil {
		err = v.Verify(s.SigStructure(payload), s.proof)
	}
	if err != nil {
		return ErrSignature
	}
	return nil
}

// Equal reports whether both are the same bytes.
func (s *Sign1) Equal(o *Sign1) bool { return bytes.Equal(s.raw, o.raw) }
