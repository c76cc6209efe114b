package cose_test

import (
	"crypto/ed25519"
	"crypto/elliptic"
	"strings"
	"testing"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
)

// TestKeyEquality compares points, not encodings, and never takes a key that is refused for equal.
func TestKeyEquality(t *testing.T) {
	read := func(raw []byte) cose.Key {
		var k cose.Key
		if err := cbor.Unmarshal(raw, &k); err != nil {
			t.Fatal(err)
		}
		return k
	}
	okp := func(kty, crv int64, x []byte) cose.Key {
		b := cbor.AppendMapHead(nil, 3)
		b = cbor.AppendInt(cbor.AppendInt(b, 1), kty)
		b = cbor.AppendInt(cbor.AppendInt(b, -1), crv)
		return read(cbor.AppendBytes(cbor.AppendInt(b, -2), x))
	}
	one, err := cose.NewKey(newKey(t, elliptic.P256()).Public())
	if err != nil {
		t.Fatal(err)
	}
	other, err := cose.NewKey(newKey(t, elliptic.P256()).Public())
	if err != nil {
		t.Fatal(err)
	}
	x := make([]byte, ed25519.PublicKeySize)
	x[0] = 9
	offCurve := read(ec2(1, x, x))
	cases := []struct {
		name string
		a, b cose.Key
		want bool
	}{
		{"itself", one, one, true},
		{"decoded again", one, read(one.Bytes()), true},
		{"another point", one, other, false},
		{"Ed25519", okp(1, 6, x), okp(1, 6, x), true},
		{"Ed25519 and X25519", okp(1, 6, x), okp(1, 4, x), false},
		{"another type of key", one, okp(1, 1, x), false},
		{"off its curve, first", offCurve, one, false},
		{"off its curve, second", one, offCurve, false},
		{"both off their curve", offCurve, offCurve, false},
	}
	for _, c := range cases {
		if got := c.a.Equal(c.b); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
		if got := c.b.Equal(c.a); got != c.want {
			t.Errorf("%s, turned round: %v", c.name, got)
		}
	}
}

// TestAlgorithmOfBrokenHeaders: a header that names none, or none by number, has no algorithm.
func TestAlgorithmOfBrokenHeaders(t *testing.T) {
	for name, c := range map[string]struct{ protected, want string }{
		"none":         {"\xa0", "no algorithm"},
		"as text":      {"\xa1\x01\x65ES256", "not an integer"},
		"null":         {"\xa1\x01\xf6", "not an integer"},
		"empty header": {"", "no algorithm"},
	} {
		raw := cbor.AppendBytes(cbor.AppendArrayHead(nil, 4), []byte(c.protected))
		raw = cbor.AppendBytes(cbor.AppendBytes(append(raw, 0xa0), []byte("x")), make([]byte, 64))
		s, err := cose.ParseSign1(raw)
		if err != nil {
			t.Fatal(err)
		}
		if alg, err := s.Algorithm(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, %v", name, alg, err)
		}
	}
}

// TestRefusalsSayWhy: what is missing is named, and not the consequence of it.
func TestRefusalsSayWhy(t *testing.T) {
	header := func(protected string) []byte {
		raw := cbor.AppendBytes(cbor.AppendArrayHead(nil, 4), []byte(protected))
		return cbor.AppendBytes(append(raw, 0xa0, 0xf6), make([]byte, 32))
	}
	s, err := cose.ParseSign1(header("\xa1\x01\x26"))
	if err != nil {
		t.Fatal(err)
	}
	if s.X5ChainIsArray() || s.X5ChainProtected() {
		t.Error("an x5chain that is not there")
	}
	if _, err := s.X5Chain(); err == nil || !strings.Contains(err.Error(), "no x5chain") {
		t.Errorf("no x5chain: %v", err)
	}
	if err := s.VerifyDetached(newKey(t, elliptic.P224()).Public(), nil); err == nil || !strings.Contains(err.Error(), "signs no mdoc") {
		t.Errorf("a key on P-224: %v", err)
	}
	none, err := cose.ParseSign1(header("\xa0"))
	if err != nil {
		t.Fatal(err)
	}
	if err := none.VerifyDetached(newKey(t, elliptic.P256()).Public(), nil); err == nil || !strings.Contains(err.Error(), "no algorithm") {
		t.Errorf("no alg in a COSE_Sign1: %v", err)
	}
	if none.Equal(s) || !none.Equal(none) {
		t.Error("messages are compared by their bytes")
	}
	key := newKey(t, elliptic.P256())
	detached, err := cose.NewSign1Detached(key, cose.Headers{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := detached.Verify(key.Public()); err == nil || !strings.Contains(err.Error(), "detached") {
		t.Errorf("a signature over nothing, detached: %v", err)
	}
	m, err := cose.ParseMac0(header("\xa0"))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.VerifyDetached(make([]byte, 32), nil); err == nil || !strings.Contains(err.Error(), "no algorithm") {
		t.Errorf("no alg: %v", err)
	}
	var short cose.Key
	if err := cbor.Unmarshal(ec2(1, make([]byte, 31), make([]byte, 32)), &short); err != nil {
		t.Fatal(err)
	}
	if _, err := short.ECDH(); err == nil || !strings.Contains(err.Error(), "x of 31 bytes") {
		t.Errorf("a short x: %v", err)
	}
	// One byte of y under an OKP key is no sign of y.
	b := cbor.AppendMapHead(nil, 4)
	b = cbor.AppendInt(cbor.AppendInt(b, 1), 1)
	b = cbor.AppendInt(cbor.AppendInt(b, -1), 6)
	b = cbor.AppendBool(cbor.AppendInt(cbor.AppendBytes(cbor.AppendInt(b, -2), make([]byte, 32)), -3), true)
	var edwards cose.Key
	if err := cbor.Unmarshal(b, &edwards); err != nil {
		t.Fatal(err)
	}
	if edwards.Compressed() {
		t.Error("an OKP key is compressed")
	}
}

// TestMessagesDecodeAlone: the decoding methods refuse what the parsers refuse, headers included, and leave the value alone.
func TestMessagesDecodeAlone(t *testing.T) {
	good, err := cose.NewMac0Detached(make([]byte, 32), []byte("payload"))
	if err != nil {
		t.Fatal(err)
	}
	crit := append([]byte{0x84, 0x4c}, "\xa3\x01\x05\x02\x81\x19\x12\x34\x19\x12\x34\x00"...)
	crit = cbor.AppendBytes(append(crit, 0xa0, 0xf6), make([]byte, 32))
	for name, raw := range map[string][]byte{"nothing": {}, "an array of three": {0x83, 0x40, 0xa0, 0xf6}, "a critical header": crit} {
		m := *good
		if err := m.UnmarshalCBOR(raw); err == nil || len(m.Bytes()) != len(good.Bytes()) {
			t.Errorf("COSE_Mac0, %s: %v", name, err)
		}
		if m, err := cose.ParseMac0(raw); err == nil || m != nil {
			t.Errorf("COSE_Mac0, %s, parsed: %v", name, err)
		}
		var s cose.Sign1
		if err := s.UnmarshalCBOR(raw); err == nil || len(s.Bytes()) != 0 {
			t.Errorf("COSE_Sign1, %s: %v", name, err)
		}
	}
}
