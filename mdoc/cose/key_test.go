package cose_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/mdoctest"
)

func TestAnnexDKey(t *testing.T) {
	d := mdoctest.LoadAnnexD(t)
	e, err := cbor.ParseEmbedded[cose.Key](d.Bytes(t, "e_device_key_bytes"))
	if err != nil {
		t.Fatal(err)
	}
	pub, err := e.Value.ECDH()
	if err != nil {
		t.Fatal(err)
	}
	priv, err := ecdh.P256().NewPrivateKey(d.Bytes(t, "e_device_key_d"))
	if err != nil || !priv.PublicKey().Equal(pub) {
		t.Errorf("not the printed key: %v", err)
	}
	again, err := cose.NewKey(pub)
	if err != nil || !bytes.Equal(again.Bytes(), e.Content()) {
		t.Errorf("our encoding differs from the printed one: %v", err)
	}
	if !again.Equal(e.Value) {
		t.Error("equal keys compare unequal")
	}
}

// TestWycheproofPoints feeds every uncompressed P-256 and P-384 point of the ECDH vectors through a COSE_Key.
func TestWycheproofPoints(t *testing.T) {
	for _, c := range []struct {
		file  string
		crv   int64
		curve ecdh.Curve
		size  int
	}{{"ecdh_secp256r1_ecpoint_test", 1, ecdh.P256(), 32}, {"ecdh_secp384r1_ecpoint_test", 2, ecdh.P384(), 48}} {
		ran := 0
		for _, g := range mdoctest.LoadWycheproof(t, c.file) {
			for _, tc := range g.Tests {
				p := mdoctest.Hex(t, tc.Public)
				if len(p) != 1+2*c.size || p[0] != 4 {
					continue // no such COSE_Key can be written: other lengths are in TestKeyRefusals
				}
				ran++
				var k cose.Key
				if err := cbor.Unmarshal(ec2(c.crv, p[1:1+c.size], p[1+c.size:]), &k); err != nil {
					t.Fatal(err)
				}
				pub, err := k.ECDH()
				if _, perr := k.Public(); (perr == nil) != (err == nil) {
					t.Errorf("%s %d: Public says %v, ECDH says %v", c.file, tc.TcID, perr, err)
				}
				if (err == nil) != (tc.Result != "invalid") {
					t.Errorf("%s %d: %s, error %v", c.file, tc.TcID, tc.Result, err)
					continue
				}
				if err != nil {
					continue
				}
				d := mdoctest.Hex(t, tc.Private)
				d = append(make([]byte, max(0, c.size-len(d))), d[max(0, len(d)-c.size):]...)
				priv, err := c.curve.NewPrivateKey(d)
				if err != nil {
					t.Fatal(err)
				}
				z, err := priv.ECDH(pub)
				if err != nil || !bytes.Equal(z, mdoctest.Hex(t, tc.Shared)) {
					t.Errorf("%s %d: another secret, %v", c.file, tc.TcID, err)
				}
			}
		}
		if ran < 300 {
			t.Errorf("%s: only %d points ran", c.file, ran)
		}
	}
}

func ec2(crv int64, x, y []byte) []byte {
	b := cbor.AppendMapHead(nil, 4)
	b = cbor.AppendInt(cbor.AppendInt(b, 1), 2)
	b = cbor.AppendInt(cbor.AppendInt(b, -1), crv)
	b = cbor.AppendBytes(cbor.AppendInt(b, -2), x)
	return cbor.AppendBytes(cbor.AppendInt(b, -3), y)
}

func TestCompressedKey(t *testing.T) {
	for range 8 {
		priv, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		full, err := cose.NewKey(priv.Public())
		if err != nil {
			t.Fatal(err)
		}
		sec1 := elliptic.MarshalCompressed(elliptic.P256(), priv.X, priv.Y)
		b := cbor.AppendMapHead(nil, 4)
		b = cbor.AppendInt(cbor.AppendInt(b, 1), 2)
		b = cbor.AppendInt(cbor.AppendInt(b, -1), 1)
		b = cbor.AppendBytes(cbor.AppendInt(b, -2), sec1[1:])
		b = cbor.AppendBool(cbor.AppendInt(b, -3), sec1[0] == 3)
		var k cose.Key
		if err := cbor.Unmarshal(b, &k); err != nil {
			t.Fatal(err)
		}
		if !k.Compressed() || full.Compressed() || !k.Equal(full) {
			t.Error("the compressed key is another key")
		}
	}
}

func TestKeyRefusals(t *testing.T) {
	x := bytes.Repeat([]byte{1}, 32)
	okp := func(crv int64, x []byte) []byte {
		b := cbor.AppendMapHead(nil, 3)
		b = cbor.AppendInt(cbor.AppendInt(b, 1), 1)
		b = cbor.AppendInt(cbor.AppendInt(b, -1), crv)
		return cbor.AppendBytes(cbor.AppendInt(b, -2), x)
	}
	cases := []struct {
		name string
		raw  []byte
		err  string
	}{
		{"x too short", ec2(1, x[:31], x), "x of 31 bytes"},
		{"x too long", ec2(1, append([]byte{0}, x...), x), "x of 33 bytes"},
		{"y too short", ec2(1, x, x[:31]), "y is not"},
		{"off the curve", ec2(1, x, x), "not on P-256"},
		{"all zero", ec2(1, make([]byte, 32), make([]byte, 32)), "not on P-256"},
		{"brainpool", ec2(256, x, x), "brainpoolP256r1"},
		{"Ed448", okp(7, make([]byte, 57)), "Ed448"},
		{"X448", okp(5, make([]byte, 56)), "X448"},
		{"Ed25519 of 31 bytes", okp(6, x[:31]), "wrong coordinates"},
		{"unknown curve", ec2(99, x, x), "curve 99"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var k cose.Key
			if err := cbor.Unmarshal(c.raw, &k); err != nil {
				t.Fatal(err)
			}
			_, perr := k.Public()
			_, eerr := k.ECDH()
			if perr == nil || eerr == nil || !strings.Contains(perr.Error(), c.err) {
				t.Errorf("Public: %v, ECDH: %v", perr, eerr)
			}
			if k.Equal(k) {
				t.Error("a refused key equals itself")
			}
		})
	}
	var k cose.Key
	if err := cbor.Unmarshal(ec2(256, x, x), &k); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Public(); !errors.Is(err, cose.ErrCurve) {
		t.Errorf("brainpool: %v", err)
	}
	if err := cbor.Unmarshal([]byte{0xa0}, &k); err == nil {
		t.Error("an empty map is no key")
	}
}
