package session_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"testing"

	"mobileid/mdoc/engagement"
	"mobileid/mdoc/session"
)

func TestKeysMadeElsewhere(t *testing.T) {
	key := func(c ecdh.Curve) *ecdh.PrivateKey {
		k, err := c.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	mine, other, wide := key(ecdh.P256()), key(ecdh.P256()), key(ecdh.P384())
	eng, err := engagement.New(mine.PublicKey(), nil)
	if err != nil {
		t.Fatal(err)
	}
	device, err := session.DeviceWithKey(eng, mine)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := session.ReaderWithKey(eng, other)
	if err != nil {
		t.Fatal(err)
	}
	message, _, err := reader.Establish([]byte("request"))
	if err != nil {
		t.Fatal(err)
	}
	if request, _, err := device.Accept(message); err != nil || !bytes.Equal(request, []byte("request")) {
		t.Errorf("the two ends do not meet: %v", err)
	}
	if _, err := session.DeviceWithKey(eng, other); err == nil {
		t.Error("a key that is not the engagement's")
	}
	if _, err := session.ReaderWithKey(eng, wide); err == nil {
		t.Error("a reader's key on another curve")
	}
	if _, err := session.DeviceWithKey(nil, mine); err == nil {
		t.Error("no engagement at the device")
	}
	if _, err := session.DeviceWithKey(eng, nil); err == nil {
		t.Error("no key at the device")
	}
	if _, err := session.ReaderWithKey(nil, other); err == nil {
		t.Error("no engagement at the reader")
	}
	if _, err := session.ReaderWithKey(eng, nil); err == nil {
		t.Error("no key at the reader")
	}
}
