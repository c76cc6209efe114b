package encryption

import (
	"crypto/ecdh"
	"crypto/x509"
	"errors"
	"fmt"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/transcript"
)

// Bounds of recipientCertificate, those of an x5chain.
const (
	maxChain       = 6
	maxCertificate = 16 << 10
)

// Parameters are the EncryptionParameters a reader puts into docResponseEncryption, ISO/IEC 18013-5 second edition, 10.2 and
// 12.6; they travel as #6.24(bstr), which is also the second member of the transcript.
//
//	EncryptionParameters = {"recipientPublicKey": COSE_Key, ? "nonce": bstr, ? "recipientCertificate": [+ bstr], * tstr => any}
type Parameters struct {
	RecipientPublicKey cose.Key `cbor:"recipientPublicKey"`
	Nonce              []byte   `cbor:"nonce,omitempty"`
	// RecipientCertificate is a chain for the key, first the key's own certificate. Whether to trust it is the caller's matter.
	RecipientCertificate [][]byte `cbor:"recipientCertificate,omitempty"`
}

// ParametersBytes are Parameters with the bytes received or sent.
type ParametersBytes = cbor.Embedded[Parameters]

// NewParameters makes them for a key that must be fresh for each request; nonce, 16 bytes or more, and chain may be nil.
func NewParameters(recipient *ecdh.PublicKey, nonce []byte, chain [][]byte) (ParametersBytes, error) {
	if recipient == nil {
		return ParametersBytes{}, errors.New("making EncryptionParameters: no key")
	}
	key, err := cose.NewKey(recipient)
	if err != nil {
		return ParametersBytes{}, fmt.Errorf("making EncryptionParameters: %w", err)
	}
	if nonce != nil && len(nonce) < minNonce {
		return ParametersBytes{}, fmt.Errorf("making EncryptionParameters: a nonce of %d bytes, %d are due", len(nonce), minNonce)
	}
	p := Parameters{RecipientPublicKey: key, Nonce: nonce, RecipientCertificate: chain}
	if err := p.Check(); err != nil {
		return ParametersBytes{}, fmt.Errorf("making EncryptionParameters: %w", err)
	}
	return cbor.NewEmbedded(p)
}

// ParseParameters decodes a whole tag 24 item and checks it; the result keeps slices of raw.
func ParseParameters(raw []byte) (ParametersBytes, error) {
	p, err := cbor.ParseEmbedded[Parameters](raw)
	if err != nil {
		return ParametersBytes{}, fmt.Errorf("decoding EncryptionParameters: %w: %w", ErrMalformed, err)
	}
	if err := p.Value.Check(); err != nil {
		return ParametersBytes{}, fmt.Errorf("decoding EncryptionParameters: %w", err)
	}
	return p, nil
}

// Check refuses a key that is not a point on P-256, a nonce over 256 bytes (the text names no least length), and a
// chain with more or larger certificates than an x5chain may have, or whose first certificate is for another key.
func (p Parameters) Check() error {
	_, err := p.recipient()
	return err
}

// recipient gives the key of parameters that hold.
func (p Parameters) recipient() (*ecdh.PublicKey, error) {
	pub, err := p256(p.RecipientPublicKey)
	if err != nil {
		return nil, err
	}
	if n := len(p.Nonce); n > maxNonce {
		return nil, fmt.Errorf("a nonce of %d bytes: %w", n, ErrMalformed)
	}
	if p.RecipientCertificate == nil {
		return pub, nil
	}
	if n := len(p.RecipientCertificate); n == 0 || n > maxChain {
		return nil, fmt.Errorf("a recipientCertificate of %d certificates: %w", n, ErrMalformed)
	}
	for _, c := range p.RecipientCertificate {
		if len(c) == 0 || len(c) > maxCertificate {
			return nil, fmt.Errorf("a certificate of %d bytes in recipientCertificate: %w", len(c), ErrMalformed)
		}
	}
	return pub, certifies(p.RecipientCertificate[0], pub)
}

func p256(k cose.Key) (*ecdh.PublicKey, error) {
	pub, err := k.ECDH()
	if err != nil {
		return nil, fmt.Errorf("recipientPublicKey: %w: %w", ErrMalformed, err)
	}
	if pub.Curve() != ecdh.P256() {
		return nil, fmt.Errorf("recipientPublicKey is on %s, the suite is for P-256: %w", k.Curve(), ErrMalformed)
	}
	return pub, nil
}

func certifies(der []byte, pub *ecdh.PublicKey) error {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return fmt.Errorf("recipientCertificate: %w: %w", ErrMalformed, err)
	}
	if key, ok := c.PublicKey.(interface {
		ECDH() (*ecdh.PublicKey, error)
	}); ok {
		if certified, err := key.ECDH(); err == nil && certified.Equal(pub) {
			return nil
		}
	}
	return fmt.Errorf("recipientCertificate is for another key: %w", ErrMalformed)
}

// EncryptedDocuments is one member of encryptedDocuments in a DeviceResponse, ISO/IEC 18013-5 second edition, 10.3.
//
//	EncryptedDocuments = {"enc": bstr, "cipherText": bstr, "docRequestID": uint, * tstr => any}
type EncryptedDocuments struct {
	Enc        []byte `cbor:"enc"`
	CipherText []byte `cbor:"cipherText"`
	// DocRequestID is the place, from zero, of the DocRequest that these documents answer.
	DocRequestID uint64 `cbor:"docRequestID"`
}

// Plaintext is what is encrypted, ISO/IEC 18013-5 second edition, 12.6; at least one member is there, and none is empty.
//
//	EncryptedDocumentsPlaintext = {? "documents": [+ Document], ? "zkDocuments": [+ ZkDocument]}
type Plaintext struct {
	Documents   []cbor.RawMessage `cbor:"documents,omitempty"`
	ZKDocuments []cbor.RawMessage `cbor:"zkDocuments,omitempty"`
}

// ParsePlaintext decodes an opened plaintext. The documents keep slices of raw and are not decoded further than being
// well-formed.
func ParsePlaintext(raw []byte) (*Plaintext, error) {
	if len(raw) > MaxPlaintext {
		return nil, fmt.Errorf("decoding encrypted documents: %d bytes, at most %d are taken: %w", len(raw), MaxPlaintext, ErrMalformed)
	}
	var p Plaintext
	if err := cbor.Unmarshal(raw, &p); err != nil {
		return nil, fmt.Errorf("decoding encrypted documents: %w: %w", ErrMalformed, err)
	}
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("decoding encrypted documents: %w", err)
	}
	return &p, nil
}

func (p Plaintext) check() error {
	if p.Documents == nil && p.ZKDocuments == nil || p.Documents != nil && len(p.Documents) == 0 || p.ZKDocuments != nil && len(p.ZKDocuments) == 0 {
		return fmt.Errorf("no documents, or an empty list of them: %w", ErrMalformed)
	}
	return nil
}

// SealDocuments encrypts the answer to the DocRequest number docRequestID to the key of its EncryptionParameters. channel is
// the session's own transcript. The documents must have been proved over [transcript.Transcript.ForDocumentEncryption].
func SealDocuments(p ParametersBytes, channel transcript.Transcript, docRequestID uint64, documents Plaintext) (EncryptedDocuments, error) {
	t, pub, err := documentSession(p, channel)
	if err != nil {
		return EncryptedDocuments{}, fmt.Errorf("sealing documents: %w", err)
	}
	if err := documents.check(); err != nil {
		return EncryptedDocuments{}, fmt.Errorf("sealing documents: %w", err)
	}
	raw, err := cbor.Marshal(documents)
	if err != nil {
		return EncryptedDocuments{}, fmt.Errorf("sealing documents: %w", err)
	}
	s, err := Seal(pub, t, raw)
	if err != nil {
		return EncryptedDocuments{}, fmt.Errorf("sealing documents: %w", err)
	}
	return EncryptedDocuments{Enc: s.Enc, CipherText: s.CipherText, DocRequestID: docRequestID}, nil
}

// OpenDocuments decrypts with the private half of the key in p, the parameters as they were sent. The transcript it gives is
// the one the documents inside have to be verified over.
func OpenDocuments(priv ecdh.KeyExchanger, p ParametersBytes, channel transcript.Transcript, e EncryptedDocuments) (*Plaintext, transcript.Transcript, error) {
	t, pub, err := documentSession(p, channel)
	if err != nil {
		return nil, transcript.Transcript{}, fmt.Errorf("opening documents: %w", err)
	}
	if priv == nil || !pub.Equal(priv.PublicKey()) {
		return nil, transcript.Transcript{}, errors.New("opening documents: the key is not that of the EncryptionParameters")
	}
	raw, err := Open(priv, t, Sealed{Enc: e.Enc, CipherText: e.CipherText})
	if err != nil {
		return nil, transcript.Transcript{}, fmt.Errorf("opening documents: %w", err)
	}
	out, err := ParsePlaintext(raw)
	if err != nil {
		return nil, transcript.Transcript{}, fmt.Errorf("opening documents: %w", err)
	}
	return out, t, nil
}

func documentSession(p ParametersBytes, channel transcript.Transcript) (transcript.Transcript, *ecdh.PublicKey, error) {
	pub, err := p.Value.recipient()
	if err != nil {
		return transcript.Transcript{}, nil, err
	}
	t, err := channel.ForDocumentEncryption(p.Bytes())
	return t, pub, err
}
