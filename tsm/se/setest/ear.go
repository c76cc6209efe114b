package setest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/se"
)

// An Ear hears every answer of an element, on the wire and out of sessions, and knows what must not be in them.
type Ear struct {
	Answers int // heard
	heard   bytes.Buffer

	names []string
	forms [][]byte
}

// Listen adds a secret. It is looked for as bytes, backwards, in hex and in base64.
func (e *Ear) Listen(name string, value []byte) {
	backwards := bytes.Clone(value)
	slices.Reverse(backwards)
	for _, form := range [][]byte{value, backwards, []byte(hex.EncodeToString(value)), []byte(base64.RawStdEncoding.EncodeToString(value))} {
		e.names, e.forms = append(e.names, name), append(e.forms, form)
	}
}

// ListenToFactory adds the secrets an element is made with.
func (e *Ear) ListenToFactory(tb testing.TB, f se.Factory) {
	tb.Helper()
	attestation, err := f.AttestationKey.Bytes()
	if err != nil {
		tb.Fatal(err)
	}
	e.Listen("attestation key", attestation)
	e.Listen("Key-ENC", f.Keys.ENC)
	e.Listen("Key-MAC", f.Keys.MAC)
	e.Listen("Key-DEK", f.Keys.DEK)
}

// Another listens to the same secrets and has heard nothing.
func (e *Ear) Another() *Ear { return &Ear{names: slices.Clone(e.names), forms: slices.Clone(e.forms)} }

// Tap is a way to the element on which all answers are heard.
func (e *Ear) Tap(t apdu.Transmitter) apdu.Transmitter {
	return apdu.Tap{Transmitter: t, Seen: func(_, response []byte, _ error) { e.Hear(response) }}
}

// Hear takes an answer.
func (e *Ear) Hear(answer []byte) {
	e.Answers++
	e.heard.WriteByte(0) // no secret is made of two answers
	e.heard.Write(answer)
}

// Bytes is how much was heard.
func (e *Ear) Bytes() int { return e.heard.Len() }

// Forms is how many forms of secrets are listened for.
func (e *Ear) Forms() int { return len(e.forms) }

// Hit names a secret that was heard.
func (e *Ear) Hit() string {
	for i, form := range e.forms {
		if bytes.Contains(e.heard.Bytes(), form) {
			return e.names[i]
		}
	}
	return ""
}

// Proves checks that it would have heard each form of each secret.
func (e *Ear) Proves(tb testing.TB) {
	tb.Helper()
	for i, form := range e.forms {
		if fresh := e.Another(); len(form) == 0 || fresh.hitBy(append([]byte{1}, form...)) == "" {
			tb.Errorf("deaf to %s", e.names[i])
		}
	}
}

func (e *Ear) hitBy(answer []byte) string {
	e.Hear(answer)
	return e.Hit()
}
