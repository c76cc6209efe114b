package card

import (
	"bytes"
	"errors"
	"fmt"

	"mobileid/mdoc/cbor"
)

// Bounds of a Reading. A real card's largest file is the card face with some 10 kB.
const (
	MaxFile      = 64 << 10 // content of one file
	MaxReading   = 1 << 20  // encoded Reading
	MaxChallenge = 64       // challenge, and binding
	MinChallenge = 16

	readingVersion  = 1
	signatureLength = 256 // RSA-2048
)

// ErrReading says that bytes are no Reading.
var ErrReading = errors.New("not a card reading")

// A File is the content of one elementary file as the card gave it, without the filler behind its data object. NumberFile
// keeps its filler, because the card's digest of it covers that.
type File struct {
	ID      FileID
	Content []byte
}

// A Reading is what one tap gave: files, two proofs that the card was there, and a statement signed by the card. It
// holds personal data; formatting it gives [redacted].
type Reading struct {
	// Challenge and Binding are what the reading side says it was given. Check compares them.
	Challenge, Binding []byte
	// Files are in rising order of ID, each once.
	Files []File
	// AttributesProof and FaceProof are the signatures of 補助AP and 券面AP over SHA-256(Challenge).
	AttributesProof, FaceProof []byte
	// Signature is the signature of the card's signature key over SHA-256 of the Statement.
	Signature []byte
}

// File gives the content of a file and whether it was read. The bytes belong to the Reading.
func (r *Reading) File(id FileID) ([]byte, bool) {
	for _, f := range r.Files {
		if f.ID == id {
			return f.Content, true
		}
	}
	return nil, false
}

// SignatureCertificate is the signature certificate in DER, nil when it was not read: what a revocation service is asked
// about.
func (r *Reading) SignatureCertificate() []byte {
	der, _ := r.File(SignatureCertificate)
	return der
}

// wireReading is the form of a Reading between phone and issuer, version 1 of this project (docs/profile.md; no standard
// covers it), in the encoding of RFC 8949, 4.1 with definite lengths:
//
//	reading = [
//	  version: 1,
//	  challenge: bstr .size (16..64),
//	  binding: bstr .size (1..64),
//	  files: [+ file],                  ; rising id
//	  attributes-proof: bstr .size 256,
//	  face-proof: bstr .size 256,
//	  signature: bstr .size 256
//	]
type wireReading struct {
	_               struct{} `cbor:",toarray"`
	Version         uint64
	Challenge       []byte
	Binding         []byte
	Files           []wireFile
	AttributesProof []byte
	FaceProof       []byte
	Signature       []byte
}

// wireFile is one file of the reading above (docs/profile.md):
//
//	file = [id: uint, content: bstr .size (1..65536)]   ; id = application * 65536 + EF
type wireFile struct {
	_       struct{} `cbor:",toarray"`
	ID      uint64
	Content []byte
}

// Bytes encodes the Reading.
func (r *Reading) Bytes() ([]byte, error) {
	if err := r.wellFormed(); err != nil {
		return nil, fmt.Errorf("encoding card reading: %w", err)
	}
	w := wireReading{
		Version: readingVersion, Challenge: r.Challenge, Binding: r.Binding,
		AttributesProof: r.AttributesProof, FaceProof: r.FaceProof, Signature: r.Signature,
	}
	for _, f := range r.Files {
		w.Files = append(w.Files, wireFile{ID: uint64(f.ID), Content: f.Content})
	}
	return cbor.Marshal(w)
}

// ParseReading decodes a Reading of at most MaxReading bytes. It accepts only the one encoding that Bytes writes; it does
// not judge the content, and knows every file by its ID only. The result aliases raw.
func ParseReading(raw []byte) (*Reading, error) {
	if len(raw) > MaxReading {
		return nil, fmt.Errorf("parsing card reading: %d bytes: %w", len(raw), ErrReading)
	}
	var w wireReading
	if err := cbor.Unmarshal(raw, &w); err != nil {
		return nil, fmt.Errorf("parsing card reading: %w: %w", ErrReading, err)
	}
	if w.Version != readingVersion {
		return nil, fmt.Errorf("parsing card reading: version %d: %w", w.Version, ErrReading)
	}
	r := &Reading{
		Challenge: w.Challenge, Binding: w.Binding,
		AttributesProof: w.AttributesProof, FaceProof: w.FaceProof, Signature: w.Signature,
	}
	for _, f := range w.Files {
		if f.ID > 0xFFFFFF {
			return nil, fmt.Errorf("parsing card reading: unknown file: %w", ErrReading)
		}
		r.Files = append(r.Files, File{ID: FileID(f.ID), Content: f.Content})
	}
	if err := r.wellFormed(); err != nil {
		return nil, fmt.Errorf("parsing card reading: %w", err)
	}
	again, err := cbor.Marshal(w)
	if err != nil || !bytes.Equal(again, raw) {
		return nil, fmt.Errorf("parsing card reading: not in preferred encoding: %w", ErrReading)
	}
	return r, nil
}

// wellFormed holds a Reading to the bounds of its encoding.
func (r *Reading) wellFormed() error {
	if err := checkChallenge(r.Challenge, r.Binding); err != nil {
		return fmt.Errorf("%w: %w", ErrReading, err)
	}
	if len(r.AttributesProof) != signatureLength || len(r.FaceProof) != signatureLength || len(r.Signature) != signatureLength {
		return fmt.Errorf("a signature is not %d bytes: %w", signatureLength, ErrReading)
	}
	if len(r.Files) == 0 {
		return fmt.Errorf("no files: %w", ErrReading)
	}
	var last FileID
	for _, f := range r.Files {
		if known, _ := f.ID.mayBeRead(); !known || f.ID <= last {
			return fmt.Errorf("a file unknown or out of order: %w", ErrReading)
		}
		if len(f.Content) == 0 || len(f.Content) > MaxFile {
			return fmt.Errorf("%v has %d bytes: %w", f.ID, len(f.Content), ErrReading)
		}
		last = f.ID
	}
	return nil
}

func checkChallenge(challenge, binding []byte) error {
	if len(challenge) < MinChallenge || len(challenge) > MaxChallenge {
		return fmt.Errorf("challenge of %d bytes, want %d to %d", len(challenge), MinChallenge, MaxChallenge)
	}
	if len(binding) == 0 || len(binding) > MaxChallenge {
		return fmt.Errorf("binding of %d bytes, want 1 to %d", len(binding), MaxChallenge)
	}
	return nil
}
