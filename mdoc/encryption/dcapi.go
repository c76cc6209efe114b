package encryption

import (
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/transcript"
)

const (
	// ProtocolDCAPI is the name of the protocol in the Digital Credentials API. ISO/IEC TS 18013-7 prints org.iso.mdoc; browsers
	// and wallets that are deployed use this one.
	ProtocolDCAPI = "org-iso-mdoc"

	labelDCAPI = "dcapi"
	nonceSize  = 32
	maxInfo    = 4 << 10
)

// encryptionInfo is EncryptionInfo, ISO/IEC TS 18013-7, Annex C:
//
//	EncryptionInfo = ["dcapi", EncryptionParameters]
type encryptionInfo struct {
	_          struct{} `cbor:",toarray"`
	Label      string
	Parameters dcapiParameters
}

// dcapiParameters are the parameters of ISO/IEC TS 18013-7, Annex C:
//
//	EncryptionParameters = {"nonce": bstr, "recipientPublicKey": COSE_Key, * tstr => any}      ; nonce: 16 random bytes or more
type dcapiParameters struct {
	Nonce              []byte   `cbor:"nonce"`
	RecipientPublicKey cose.Key `cbor:"recipientPublicKey"`
}

// EncryptionInfo is what an Annex C request carries beside the DeviceRequest, with the base64url text it stood in: the
// transcript hashes the text.
type EncryptionInfo struct {
	text      string
	nonce     []byte
	recipient *ecdh.PublicKey
}

// NewEncryptionInfo makes one for a P-256 key, fresh for each request, with a nonce of 32 bytes from random (nil means
// crypto/rand).
func NewEncryptionInfo(recipient *ecdh.PublicKey, random io.Reader) (*EncryptionInfo, error) {
	if recipient == nil || recipient.Curve() != ecdh.P256() {
		return nil, errors.New("making EncryptionInfo: the key is not on P-256")
	}
	if random == nil {
		random = rand.Reader
	}
	nonce := make([]byte, nonceSize)
	if _, err := io.ReadFull(random, nonce); err != nil {
		return nil, fmt.Errorf("making EncryptionInfo: %w", err)
	}
	key, err := cose.NewKey(recipient)
	if err != nil {
		return nil, fmt.Errorf("making EncryptionInfo: %w", err)
	}
	raw, err := cbor.Marshal(encryptionInfo{Label: labelDCAPI, Parameters: dcapiParameters{Nonce: nonce, RecipientPublicKey: key}})
	if err != nil {
		return nil, fmt.Errorf("making EncryptionInfo: %w", err)
	}
	return &EncryptionInfo{text: encode(raw), nonce: nonce, recipient: recipient}, nil
}

// ParseEncryptionInfo reads the base64url text of a request, without padding. A nonce under 16 bytes and a key that is not on
// P-256 are refused.
func ParseEncryptionInfo(text string) (*EncryptionInfo, error) {
	raw, err := decode(text, maxInfo)
	if err != nil {
		return nil, fmt.Errorf("decoding EncryptionInfo: %w", err)
	}
	var e encryptionInfo
	if err := cbor.Unmarshal(raw, &e); err != nil {
		return nil, fmt.Errorf("decoding EncryptionInfo: %w: %w", ErrMalformed, err)
	}
	if e.Label != labelDCAPI {
		return nil, fmt.Errorf("decoding EncryptionInfo: another label than %s: %w", labelDCAPI, ErrMalformed)
	}
	if n := len(e.Parameters.Nonce); n < minNonce || n > maxNonce {
		return nil, fmt.Errorf("decoding EncryptionInfo: a nonce of %d bytes: %w", n, ErrMalformed)
	}
	pub, err := p256(e.Parameters.RecipientPublicKey)
	if err != nil {
		return nil, fmt.Errorf("decoding EncryptionInfo: %w", err)
	}
	return &EncryptionInfo{text: text, nonce: e.Parameters.Nonce, recipient: pub}, nil
}

// Text gives the base64url text as received or made.
func (i *EncryptionInfo) Text() string { return i.text }

// Nonce gives a copy of the nonce.
func (i *EncryptionInfo) Nonce() []byte { return append([]byte(nil), i.nonce...) }

// RecipientPublicKey is the key the answer is sealed to.
func (i *EncryptionInfo) RecipientPublicKey() *ecdh.PublicKey { return i.recipient }

// Transcript is the session transcript for this request at the origin that sent it, as the platform serializes it.
func (i *EncryptionInfo) Transcript(origin string) (transcript.Transcript, error) {
	return transcript.AnnexC(transcript.DCAPIInfo{EncryptionInfo: i.text, Origin: origin})
}

// encryptedResponse is EncryptedResponse, ISO/IEC TS 18013-7, Annex C:
//
//	EncryptedResponse = ["dcapi", {"enc": bstr, "cipherText": bstr, * tstr => any}]
type encryptedResponse struct {
	_      struct{} `cbor:",toarray"`
	Label  string
	Sealed Sealed
}

// EncryptedResponse is the answer of ISO/IEC TS 18013-7, Annex C, with its bytes.
type EncryptedResponse struct {
	raw    []byte
	sealed Sealed
}

// ParseEncryptedResponse decodes the CBOR of an answer, which it keeps slices of. What it holds has not been opened.
func ParseEncryptedResponse(raw []byte) (*EncryptedResponse, error) {
	if len(raw) > MaxPlaintext+1024 {
		return nil, fmt.Errorf("decoding EncryptedResponse: %d bytes: %w", len(raw), ErrMalformed)
	}
	var e encryptedResponse
	if err := cbor.Unmarshal(raw, &e); err != nil {
		return nil, fmt.Errorf("decoding EncryptedResponse: %w: %w", ErrMalformed, err)
	}
	if e.Label != labelDCAPI {
		return nil, fmt.Errorf("decoding EncryptedResponse: another label than %s: %w", labelDCAPI, ErrMalformed)
	}
	if err := e.Sealed.check(); err != nil {
		return nil, fmt.Errorf("decoding EncryptedResponse: %w", err)
	}
	return &EncryptedResponse{raw: raw, sealed: e.Sealed}, nil
}

// Bytes gives the CBOR as received or made. The caller must not change it.
func (r *EncryptedResponse) Bytes() []byte { return r.raw }

// SealResponse encrypts an encoded DeviceResponse to the key of the request. The documents in it must have been proved over
// [EncryptionInfo.Transcript] of the same origin.
func SealResponse(i *EncryptionInfo, origin string, deviceResponse []byte) (*EncryptedResponse, error) {
	t, err := i.Transcript(origin)
	if err != nil {
		return nil, fmt.Errorf("sealing response: %w", err)
	}
	s, err := Seal(i.recipient, t, deviceResponse)
	if err != nil {
		return nil, fmt.Errorf("sealing response: %w", err)
	}
	raw, err := cbor.Marshal(encryptedResponse{Label: labelDCAPI, Sealed: s})
	if err != nil {
		return nil, fmt.Errorf("sealing response: %w", err)
	}
	return &EncryptedResponse{raw: raw, sealed: s}, nil
}

// OpenResponse decrypts an answer to the request that carried i, with the private half of its key, and gives the encoded
// DeviceResponse.
func OpenResponse(priv ecdh.KeyExchanger, i *EncryptionInfo, origin string, r *EncryptedResponse) ([]byte, error) {
	if priv == nil || !i.recipient.Equal(priv.PublicKey()) {
		return nil, errors.New("opening response: the key is not that of the EncryptionInfo")
	}
	t, err := i.Transcript(origin)
	if err != nil {
		return nil, fmt.Errorf("opening response: %w", err)
	}
	out, err := Open(priv, t, r.sealed)
	if err != nil {
		return nil, fmt.Errorf("opening response: %w", err)
	}
	return out, nil
}

func encode(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }

// decode reads base64url in its one canonical form: no padding, no line breaks, no spare bits.
func decode(text string, limit int) ([]byte, error) {
	if base64.RawURLEncoding.DecodedLen(len(text)) > limit {
		return nil, fmt.Errorf("base64url of %d characters: %w", len(text), ErrMalformed)
	}
	raw, _ := base64.RawURLEncoding.DecodeString(text) // as far as it can be read
	if encode(raw) != text {
		return nil, fmt.Errorf("not base64url without padding: %w", ErrMalformed)
	}
	return raw, nil
}
