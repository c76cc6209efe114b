package session

import (
	"crypto/ecdh"
	"crypto/rand"
	"errors"
	"math"
	"strings"
	"testing"

	"mobileid/mdoc/engagement"
	"mobileid/mdoc/transcript"
)

// TestPreparingRefuses makes ends of what no session can come of.
func TestPreparingRefuses(t *testing.T) {
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keyless := new(engagement.DeviceEngagement)
	for name, prepare := range map[string]func() error{
		"no engagement":                 func() error { _, err := NewReader(nil, nil); return err },
		"engagement without a key":      func() error { _, err := NewReader(keyless, nil); return err },
		"given key, engagement without": func() error { _, err := ReaderWithKey(keyless, key); return err },
		"device, engagement without":    func() error { _, err := DeviceWithKey(keyless, key); return err },
	} {
		t.Run(name, func(t *testing.T) {
			if prepare() == nil {
				t.Error("accepted")
			}
		})
	}
	if _, err := NewReaderNFC(newDevice(t).Engagement(), nil, nil, nil); !errors.Is(err, transcript.ErrMalformed) {
		t.Errorf("a reader without handover messages: %v", err)
	}
}

// TestHandoverWithoutMessages gives a device an NFC handover of nothing: there is no transcript to open the message with.
func TestHandoverWithoutMessages(t *testing.T) {
	d := newDevice(t)
	r, err := NewReader(d.Engagement(), nil)
	if err != nil {
		t.Fatal(err)
	}
	message, _, err := r.Establish([]byte("request"))
	if err != nil {
		t.Fatal(err)
	}
	d.UseNFC(nil, nil)
	if _, _, err := d.Accept(message); !errors.Is(err, transcript.ErrMalformed) {
		t.Errorf("error %v, want that of the transcript", err)
	}
}

// TestNoKeysOfTwoCurves asks for channels between keys that agree on nothing, and for keys of the wrong size.
func TestNoKeysOfTwoCurves(t *testing.T) {
	mine, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	wide, err := ecdh.P384().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	session, err := transcript.Online([]byte{0xf6})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := channels(mine, wide.PublicKey(), session); err == nil {
		t.Error("channels between two curves")
	}
	r := &Reader{device: wide.PublicKey(), key: mine, transcript: session}
	if message, s, err := r.Establish([]byte("request")); err == nil || message != nil || s != nil {
		t.Error("a session between two curves")
	}
	if _, err := newChannel(make([]byte, 32), make([]byte, 31), infoSKReader, fromReader); err == nil || !strings.Contains(err.Error(), "salt has 31 bytes") {
		t.Errorf("a short salt: %v", err)
	}
	if _, err := newCipher(make([]byte, 31)); err == nil {
		t.Error("a key of 31 bytes")
	}
}

// TestChannelEnds shows that a channel gives no IV after its last counter or once its key is forgotten, whatever asks.
func TestChannelEnds(t *testing.T) {
	aead, err := newCipher(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		channel channel
		want    error
	}{
		"last counter used": {channel{aead: aead, used: math.MaxUint32}, ErrCounter},
		"key forgotten":     {channel{}, ErrEnded},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := c.channel.open(make([]byte, tagSize)); !errors.Is(err, c.want) {
				t.Errorf("open: error %v, want %v", err, c.want)
			}
			for _, last := range []bool{false, true} {
				if _, err := sealed(&c.channel, []byte("x"), last); !errors.Is(err, c.want) {
					t.Errorf("seal, last %v: error %v, want %v", last, err, c.want)
				}
			}
			if _, err := establish(nil, &c.channel, []byte("x")); !errors.Is(err, c.want) {
				t.Errorf("establish: error %v, want %v", err, c.want)
			}
		})
	}
}
