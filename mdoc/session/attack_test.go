package session

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"errors"
	"math"
	"testing"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/engagement"
	"mobileid/mdoc/transcript"
)

// open establishes a session between fresh ends and returns both, with what went over the air.
func open(t *testing.T) (*ReaderSession, *DeviceSession, []byte) {
	t.Helper()
	d := newDevice(t)
	r, err := NewReader(d.Engagement(), nil)
	if err != nil {
		t.Fatal(err)
	}
	message, rs, err := r.Establish([]byte("request"))
	if err != nil {
		t.Fatal(err)
	}
	request, ds, err := d.Accept(message)
	if err != nil || string(request) != "request" {
		t.Fatalf("request %q, error %v", request, err)
	}
	if !r.Transcript().Equal(ds.Transcript()) {
		t.Fatal("the ends hold different transcripts")
	}
	return rs, ds, message
}

func newDevice(t *testing.T) *Device {
	t.Helper()
	method, err := engagement.CentralClient(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	d, err := NewDevice(nil, []engagement.RetrievalMethod{method})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func respond(t *testing.T, s *DeviceSession, response string, end bool) []byte {
	t.Helper()
	m, err := s.Encrypt([]byte(response), end)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestSeveralRequestsInOneSession(t *testing.T) {
	rs, ds, _ := open(t)
	for range MaxMessages - 1 {
		data, _, err := rs.Decrypt(respond(t, ds, "response", false))
		if err != nil || string(data) != "response" {
			t.Fatalf("data %q, error %v", data, err)
		}
		m, err := rs.Encrypt([]byte("more"))
		if err != nil {
			t.Fatal(err)
		}
		if request, _, err := ds.Decrypt(m); err != nil || string(request) != "more" {
			t.Fatalf("request %q, error %v", request, err)
		}
	}
	data, status, err := rs.Decrypt(respond(t, ds, "last", true))
	if err != nil || string(data) != "last" || status == nil || *status != StatusTermination {
		t.Fatalf("data %q, status %v, error %v", data, status, err)
	}
	if _, err := rs.Encrypt([]byte("after the end")); !errors.Is(err, ErrEnded) {
		t.Errorf("reader after the end: error %v, want ErrEnded", err)
	}
	if _, err := ds.Encrypt([]byte("after the end"), false); !errors.Is(err, ErrEnded) {
		t.Errorf("device after the end: error %v, want ErrEnded", err)
	}
}

func TestMessageCountIsBounded(t *testing.T) {
	rs, ds, _ := open(t)
	var err error
	for n := 0; err == nil; n++ {
		if n > MaxMessages {
			t.Fatal("no bound")
		}
		if _, _, err = rs.Decrypt(respond(t, ds, "r", false)); err != nil {
			break
		}
		var m []byte
		if m, err = rs.Encrypt([]byte("q")); err != nil {
			break
		}
		_, _, err = ds.Decrypt(m)
	}
	if !errors.Is(err, ErrLimit) {
		t.Errorf("error %v, want ErrLimit", err)
	}
	if _, err := rs.Encrypt([]byte("q")); !errors.Is(err, ErrEnded) {
		t.Errorf("after the limit: error %v, want ErrEnded", err)
	}
}

// TestWrongMessagesEndTheSession sends the reader what it must not open: every entry refuses, and the genuine message
// that follows is refused too, because the session has ended.
func TestWrongMessagesEndTheSession(t *testing.T) {
	foreign := func(t *testing.T) []byte {
		_, ds, _ := open(t)
		return respond(t, ds, "response", false)
	}
	flip := func(m []byte) []byte {
		m = bytes.Clone(m)
		m[len(m)-1] ^= 1
		return m
	}
	tests := map[string]struct {
		message func(t *testing.T, rs *ReaderSession, ds *DeviceSession, establishment []byte) []byte
		status  Status
		is      error
	}{
		"reflected own message": {func(t *testing.T, _ *ReaderSession, _ *DeviceSession, e []byte) []byte {
			parsed, err := parseEstablishment(e)
			if err != nil {
				t.Fatal(err)
			}
			return dataMessage(parsed.Data)
		}, StatusEncryptionError, ErrDecrypt},
		"session establishment sent back": {func(_ *testing.T, _ *ReaderSession, _ *DeviceSession, e []byte) []byte {
			return e
		}, StatusEncryptionError, ErrDecrypt},
		"message of another session": {func(t *testing.T, _ *ReaderSession, _ *DeviceSession, _ []byte) []byte {
			return foreign(t)
		}, StatusEncryptionError, ErrDecrypt},
		"flipped bit": {func(t *testing.T, _ *ReaderSession, ds *DeviceSession, _ []byte) []byte {
			return flip(respond(t, ds, "response", false))
		}, StatusEncryptionError, ErrDecrypt},
		"first message skipped": {func(t *testing.T, _ *ReaderSession, ds *DeviceSession, _ []byte) []byte {
			respond(t, ds, "lost", false)
			ds.link.mySend = true // a device that speaks twice
			return respond(t, ds, "second", false)
		}, StatusEncryptionError, ErrDecrypt},
		"replayed at once": {func(t *testing.T, rs *ReaderSession, ds *DeviceSession, _ []byte) []byte {
			m := respond(t, ds, "response", false)
			if _, _, err := rs.Decrypt(m); err != nil {
				t.Fatal(err)
			}
			return m
		}, StatusEncryptionError, ErrTurn},
		"replayed after the next request": {func(t *testing.T, rs *ReaderSession, ds *DeviceSession, _ []byte) []byte {
			m := respond(t, ds, "response", false)
			if _, _, err := rs.Decrypt(m); err != nil {
				t.Fatal(err)
			}
			if _, err := rs.Encrypt([]byte("more")); err != nil {
				t.Fatal(err)
			}
			return m
		}, StatusEncryptionError, ErrDecrypt},
		"not CBOR":                 {fixed(0xff), StatusDecodingError, ErrMalformed},
		"empty":                    {fixed(), StatusDecodingError, ErrMalformed},
		"empty map":                {fixed(0xa0), StatusDecodingError, ErrMalformed},
		"data null":                {fixed(0xa1, 0x64, 'd', 'a', 't', 'a', 0xf6), StatusDecodingError, ErrMalformed},
		"data empty":               {fixed(0xa1, 0x64, 'd', 'a', 't', 'a', 0x40), StatusDecodingError, ErrMalformed},
		"data shorter than a tag":  {fixed(0xa1, 0x64, 'd', 'a', 't', 'a', 0x41, 0), StatusEncryptionError, ErrDecrypt},
		"status null":              {fixed(0xa1, 0x66, 's', 't', 'a', 't', 'u', 's', 0xf6), StatusDecodingError, ErrMalformed},
		"data with decoding error": {fixed(0xa2, 0x64, 'd', 'a', 't', 'a', 0x41, 0, 0x66, 's', 't', 'a', 't', 'u', 's', 11), StatusDecodingError, ErrMalformed},
		"too large":                {fixed(make([]byte, MaxMessage+1)...), StatusDecodingError, ErrMalformed},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			rs, ds, e := open(t)
			m := tc.message(t, rs, ds, e)
			data, _, err := rs.Decrypt(m)
			refusal, ok := errors.AsType[*Error](err)
			if !ok || !errors.Is(err, tc.is) || refusal.Status != tc.status {
				t.Fatalf("error %v, want %v with status %s", err, tc.is, tc.status)
			}
			if data != nil {
				t.Error("a refused message gave data")
			}
			ds.link.mySend = true
			if late, err := ds.Encrypt([]byte("genuine"), false); err == nil {
				if _, _, err := rs.Decrypt(late); !errors.Is(err, ErrEnded) {
					t.Errorf("after a refusal: error %v, want ErrEnded", err)
				}
			}
			if rs.link.in.aead != nil || rs.link.out.aead != nil {
				t.Error("keys outlive the session")
			}
		})
	}
}

func fixed(b ...byte) func(*testing.T, *ReaderSession, *DeviceSession, []byte) []byte {
	return func(*testing.T, *ReaderSession, *DeviceSession, []byte) []byte { return b }
}

func TestStatusEndsTheSession(t *testing.T) {
	for _, s := range []Status{StatusEncryptionError, StatusDecodingError, StatusTermination, 99} {
		t.Run(s.String(), func(t *testing.T) {
			rs, _, _ := open(t)
			m, err := StatusMessage(s)
			if err != nil {
				t.Fatal(err)
			}
			data, status, err := rs.Decrypt(m)
			if err != nil || data != nil || status == nil || *status != s {
				t.Fatalf("data %x, status %v, error %v", data, status, err)
			}
			if _, err := rs.Terminate(); !errors.Is(err, ErrEnded) {
				t.Errorf("after a status: error %v, want ErrEnded", err)
			}
		})
	}
}

func TestTurns(t *testing.T) {
	rs, ds, _ := open(t)
	if _, err := rs.Encrypt([]byte("q")); !errors.Is(err, ErrTurn) {
		t.Errorf("second request before a response: error %v, want ErrTurn", err)
	}
	respond(t, ds, "response", false)
	if _, err := ds.Encrypt([]byte("again"), false); !errors.Is(err, ErrTurn) {
		t.Errorf("second response: error %v, want ErrTurn", err)
	}
}

func TestCounterIsNeverReused(t *testing.T) {
	_, ds, _ := open(t)
	ds.link.out.used = math.MaxUint32 - 1
	respond(t, ds, "last counter", false)
	ds.link.mySend = true
	if _, err := ds.Encrypt([]byte("one too many"), false); !errors.Is(err, ErrCounter) {
		t.Errorf("error %v, want ErrCounter", err)
	}
	if _, err := ds.Encrypt([]byte("and again"), false); !errors.Is(err, ErrEnded) {
		t.Errorf("error %v, want ErrEnded", err)
	}
}

func TestOversizedPayloadIsRefusedAndTheSessionGoesOn(t *testing.T) {
	r, err := NewReader(newDevice(t).Engagement(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.Establish(make([]byte, MaxMessage)); !errors.Is(err, ErrLimit) {
		t.Fatalf("first request: error %v, want ErrLimit", err)
	}
	if _, _, err := r.Establish([]byte("request")); err != nil {
		t.Errorf("after a request that was too large: %v", err)
	}
	_, ds, _ := open(t)
	if _, err := ds.Encrypt(make([]byte, MaxMessage), false); !errors.Is(err, ErrLimit) {
		t.Fatalf("error %v, want ErrLimit", err)
	}
	if m := respond(t, ds, string(make([]byte, MaxMessage-overhead)), false); len(m) > MaxMessage {
		t.Errorf("message of %d bytes", len(m))
	}
}

func TestAnEngagementIsUsedOnce(t *testing.T) {
	d := newDevice(t)
	r, err := NewReader(d.Engagement(), nil)
	if err != nil {
		t.Fatal(err)
	}
	message, _, err := r.Establish([]byte("request"))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.Establish([]byte("again")); !errors.Is(err, ErrEnded) {
		t.Errorf("second Establish: error %v, want ErrEnded", err)
	}
	if _, _, err := d.Accept([]byte{0xff}); !errors.Is(err, ErrMalformed) {
		t.Errorf("garbage: error %v, want ErrMalformed", err)
	}
	if _, _, err := d.Accept(message); !errors.Is(err, ErrEnded) {
		t.Errorf("genuine message after garbage: error %v, want ErrEnded", err)
	}
}

func TestReplayedEstablishment(t *testing.T) {
	_, _, message := open(t)
	if _, _, err := newDevice(t).Accept(message); !errors.Is(err, ErrDecrypt) {
		t.Errorf("another device: error %v, want ErrDecrypt", err)
	}
}

func TestAnotherHandoverGivesOtherKeys(t *testing.T) {
	d := newDevice(t)
	r, err := NewReaderNFC(d.Engagement(), []byte("hs"), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	message, _, err := r.Establish([]byte("request"))
	if err != nil {
		t.Fatal(err)
	}
	twin := &Device{engagement: d.engagement, key: d.key, handover: d.handover}
	if _, _, err := twin.Accept(message); !errors.Is(err, ErrDecrypt) {
		t.Errorf("QR device, NFC reader: error %v, want ErrDecrypt", err)
	}
	d.UseNFC([]byte("hs"), nil)
	if _, _, err := d.Accept(message); err != nil {
		t.Errorf("both over NFC: %v", err)
	}
}

// TestReaderKeyIsCheckedBeforeDecryption replaces EReaderKey in a genuine message. The data is one that could never
// open, so a refusal that names decryption would show that it was tried.
func TestReaderKeyIsCheckedBeforeDecryption(t *testing.T) {
	priv, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point := priv.PublicKey().Bytes()[1:]
	x, y := point[:32], point[32:]
	offCurve := bytes.Clone(y)
	offCurve[31] ^= 1
	zero := make([]byte, 32)
	p384, err := ecdh.P384().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, err := cose.NewKey(p384.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	x25519, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	okp, err := cose.NewKey(x25519.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string][]byte{
		"off the curve":          ec2(1, x, cbor.AppendBytes(nil, offCurve)),
		"at infinity":            ec2(1, zero, cbor.AppendBytes(nil, zero)),
		"compressed":             ec2(1, x, cbor.AppendBool(nil, y[31]&1 == 1)),
		"y missing":              ec2(1, x, nil),
		"y null":                 ec2(1, x, []byte{0xf6}),
		"P-384":                  other.Bytes(),
		"P-256 point, named 384": ec2(2, x, cbor.AppendBytes(nil, y)),
		"X25519":                 okp.Bytes(),
		"empty map":              {0xa0},
	} {
		t.Run(name, func(t *testing.T) {
			message := forge(key)
			request, s, err := newDevice(t).Accept(message)
			refusal, ok := errors.AsType[*Error](err)
			if !ok || !errors.Is(err, ErrMalformed) || errors.Is(err, ErrDecrypt) {
				t.Fatalf("error %v, want ErrMalformed before any decryption", err)
			}
			if request != nil || s != nil {
				t.Error("a refused message gave a session")
			}
			if refusal.Status != StatusEncryptionError && refusal.Status != StatusDecodingError {
				t.Errorf("status %s", refusal.Status)
			}
		})
	}
	if _, _, err := newDevice(t).Accept(forge(ec2(1, x, cbor.AppendBytes(nil, y)))); !errors.Is(err, ErrDecrypt) {
		t.Errorf("with a valid key: error %v, want ErrDecrypt", err)
	}
}

// ec2 encodes a COSE_Key of type EC2; y is an encoded item, or nil to leave it out.
func ec2(curve int64, x, y []byte) []byte {
	n := 3
	if y != nil {
		n = 4
	}
	b := cbor.AppendMapHead(nil, n)
	b = cbor.AppendUint(cbor.AppendUint(b, 1), 2)
	b = cbor.AppendInt(cbor.AppendInt(b, -1), curve)
	b = cbor.AppendBytes(cbor.AppendInt(b, -2), x)
	if y != nil {
		b = append(cbor.AppendInt(b, -3), y...)
	}
	return b
}

func forge(key []byte) []byte {
	b := cbor.AppendMapHead(nil, 2)
	b = cbor.AppendEmbedded(cbor.AppendText(b, "eReaderKey"), key)
	return cbor.AppendBytes(cbor.AppendText(b, "data"), make([]byte, 32))
}

func TestEMacKeyRefusals(t *testing.T) {
	p256, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdh.P384().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tr, err := transcript.Online([]byte{0xf6})
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]func() ([]byte, error){
		"two curves":    func() ([]byte, error) { return EMacKey(p256, p384.PublicKey(), tr) },
		"no key":        func() ([]byte, error) { return EMacKey(nil, p256.PublicKey(), tr) },
		"no peer":       func() ([]byte, error) { return EMacKey(p256, nil, tr) },
		"no transcript": func() ([]byte, error) { return EMacKey(p256, p256.PublicKey(), transcript.Transcript{}) },
		"short salt":    func() ([]byte, error) { return transcript.EMacKeyFromSalt(p256, p256.PublicKey(), make([]byte, 31)) },
	} {
		t.Run(name, func(t *testing.T) {
			if key, err := f(); err == nil || key != nil {
				t.Errorf("key of %d bytes, error %v", len(key), err)
			}
		})
	}
}

func FuzzSessionMessages(f *testing.F) {
	p := annexD(f)
	seeds := 0
	for _, name := range []string{"session_establishment", "session_data", "session_termination"} {
		f.Add(p.entries.Bytes(f, name))
		seeds++
	}
	if seeds == 0 {
		f.Fatal("no seeds")
	}
	genuine := p.entries.Bytes(f, "session_data")
	establishment := p.entries.Bytes(f, "session_establishment")
	f.Fuzz(func(t *testing.T, message []byte) {
		readersAgree(t, message)
		reader := p.printedReader(t, "device_engagement_nfc", p.nfc(t))
		_, rs, err := reader.Establish([]byte("request"))
		if err != nil {
			t.Fatal(err)
		}
		data, _, err := rs.Decrypt(message)
		if data != nil && (err != nil || !bytes.Contains(message, genuine[len(genuine)-16:])) {
			t.Error("a message that the device did not make was opened")
		}
		request, ds, err := p.printedDevice(t, "device_engagement_nfc", p.nfc(t)).Accept(message)
		if err != nil && (request != nil || ds != nil) {
			t.Error("a refused message gave a session")
		}
		if err == nil && !bytes.Contains(message, establishment[len(establishment)-16:]) {
			t.Error("a message that the reader did not make was accepted")
		}
	})
}
