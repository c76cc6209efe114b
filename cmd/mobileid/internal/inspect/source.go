package inspect

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"mobileid/cmd/mobileid/internal/inspect/annotate"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/transcript"
)

// MaxInput bounds what is read from a file or a pipe: the largest status list token, in hex.
const MaxInput = 40 << 20

// Problem is an error with advice. The command prints both and ends with 1.
type Problem struct {
	Err  error
	Hint string
}

func (p *Problem) Error() string { return p.Err.Error() }

// Unwrap gives the cause.
func (p *Problem) Unwrap() error { return p.Err }

// ReadInput reads a file, or in when the name is "-". The name is part of the error, the content never.
func ReadInput(name string, in io.Reader) ([]byte, error) {
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("reading input: %w", err)
		}
		defer func() { _ = f.Close() }() // it was only read
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, MaxInput+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading input: %w", err)
	case len(b) > MaxInput:
		return nil, fmt.Errorf("reading input: more than %d bytes", MaxInput)
	}
	return b, nil
}

// ReadBinary reads a file and takes its text encoding off.
func ReadBinary(name string, in io.Reader) ([]byte, error) {
	raw, err := ReadInput(name, in)
	if err != nil {
		return nil, err
	}
	return Binary(raw)
}

// Binary takes the text encoding off; PEM, JSON and logs hold no single structure and are refused.
func Binary(raw []byte) ([]byte, error) {
	m, f := unwrap(raw)
	switch {
	case f != nil:
		return nil, f
	case m.kind != kindBinary:
		return nil, fmt.Errorf("%s where one CBOR structure is due", m.encoding)
	}
	return m.data, nil
}

// ReadRoots reads trust anchors from PEM, or one from DER in any encoding.
func ReadRoots(name string) ([][]byte, error) {
	raw, err := ReadInput(name, nil)
	if err != nil {
		return nil, err
	}
	found, err := Find(raw)
	if err != nil {
		return nil, fmt.Errorf("reading roots: %w", err)
	}
	var out [][]byte
	for _, f := range found {
		if f.Type != "Certificate" {
			return nil, fmt.Errorf("reading roots: the file holds a %s", f.Type)
		}
		out = append(out, f.Data)
	}
	return out, nil
}

// ReadTranscript reads a SessionTranscript, with or without tag 24 around it.
func ReadTranscript(name string, in io.Reader) (transcript.Transcript, error) {
	raw, err := ReadBinary(name, in)
	if err != nil {
		return transcript.Transcript{}, fmt.Errorf("reading session transcript: %w", err)
	}
	if annotate.Recognise(raw) == "SessionTranscriptBytes" {
		e, err := cbor.ParseEmbedded[cbor.RawMessage](raw)
		if err != nil {
			return transcript.Transcript{}, fmt.Errorf("reading session transcript: %w", err)
		}
		raw = e.Content()
	}
	return transcript.Parse(raw)
}

// ReadCRLs reads revocation lists from PEM or DER.
func ReadCRLs(name string, in io.Reader) ([][]byte, error) {
	raw, err := ReadInput(name, in)
	if err != nil {
		return nil, err
	}
	found, err := Find(raw)
	if err != nil {
		return nil, fmt.Errorf("reading revocation list: %w", err)
	}
	var out [][]byte
	for _, f := range found {
		if f.Type != "CertificateList" {
			return nil, fmt.Errorf("reading revocation list: the file holds a %s", f.Type)
		}
		out = append(out, f.Data)
	}
	return out, nil
}

// ReadReaderKey reads the reader's ephemeral private key from PEM. Nothing of it gets into an error.
func ReadReaderKey(name string) (*ecdh.PrivateKey, error) {
	raw, err := ReadInput(name, nil)
	if err != nil {
		return nil, err
	}
	unusable := errors.New("reading reader key: no PEM with a private key for key agreement")
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil, unusable
	}
	if k, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
		return k.ECDH()
	}
	k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, unusable
	}
	switch k := k.(type) {
	case *ecdh.PrivateKey:
		return k, nil
	case *ecdsa.PrivateKey:
		return k.ECDH()
	}
	return nil, unusable
}

// ParseTime reads the argument of --at: a time of RFC 3339, a day (its first moment, UTC), or "now".
func ParseTime(s string, now func() time.Time) (time.Time, error) {
	switch {
	case s == "":
		return time.Time{}, nil
	case s == "now":
		return now(), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(layout, s); err == nil {
			return at, nil
		}
	}
	return time.Time{}, errors.New("--at wants a time such as 2026-11-01T09:00:00Z, a day, or now")
}
