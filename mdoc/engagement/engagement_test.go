package engagement_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/engagement"
	"mobileid/mdoc/mdoctest"
)

type derived struct {
	QRURI string `json:"qr_uri"`
}

type nfcFile struct {
	Apple struct {
		DeviceEngagement string `json:"device_engagement"`
	} `json:"apple_wallet"`
}

func qrURI(t testing.TB) string {
	t.Helper()
	var d derived
	mdoctest.ReadJSON(t, "iso18013-5/annex-d-derived.json", &d)
	return d.QRURI
}

func appleEngagement(t testing.TB) []byte {
	t.Helper()
	var f nfcFile
	mdoctest.ReadJSON(t, "iso18013-5/nfc-engagement.json", &f)
	return mdoctest.Hex(t, f.Apple.DeviceEngagement)
}

func TestAnnexDQR(t *testing.T) {
	d := mdoctest.LoadAnnexD(t)
	raw := d.Bytes(t, "device_engagement_qr")
	e, err := engagement.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	if e.Version() != "1.0" {
		t.Errorf("version %q", e.Version())
	}
	checkKey(t, e, d)
	if !bytes.Equal(e.EDeviceKeyBytes(), d.Bytes(t, "e_device_key_bytes")) {
		t.Error("EDeviceKeyBytes differs from the printed one")
	}
	methods := e.RetrievalMethods()
	if len(methods) != 1 || methods[0].BLE == nil {
		t.Fatalf("methods %+v, want one BLE method", methods)
	}
	ble := methods[0].BLE
	if ble.PeripheralServer || !ble.CentralClient || hex.EncodeToString(ble.CentralClientUUID) != "45efef742b2c4837a9a3b0e1d05a6917" {
		t.Errorf("BLE options %+v", *ble)
	}
	if e.URI() != qrURI(t) {
		t.Error("URI differs from the derived one")
	}
	encoded, err := cbor.Marshal(methods[0])
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasSuffix(raw, encoded) {
		t.Errorf("method encodes to %x, which is not what was received", encoded)
	}
}

func TestAnnexDURI(t *testing.T) {
	d := mdoctest.LoadAnnexD(t)
	e, err := engagement.ParseURI(qrURI(t))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(e.Bytes(), d.Bytes(t, "device_engagement_qr")) {
		t.Error("URI does not hold the printed engagement")
	}
	if _, err := engagement.ParseURI("MDOC:" + strings.TrimPrefix(qrURI(t), "mdoc:")); err != nil {
		t.Errorf("scheme in capitals: %v", err)
	}
}

func TestAnnexDNFCHasNoMethods(t *testing.T) {
	d := mdoctest.LoadAnnexD(t)
	e, err := engagement.Parse(d.Bytes(t, "device_engagement_nfc"))
	if err != nil {
		t.Fatal(err)
	}
	checkKey(t, e, d)
	if len(e.RetrievalMethods()) != 0 {
		t.Error("methods where there are none")
	}
	if _, err := engagement.ParseURI(e.URI()); !errors.Is(err, engagement.ErrMalformed) {
		t.Errorf("a QR code without retrieval method: error %v, want ErrMalformed", err)
	}
}

func TestVersion11OfAnotherMakerIsKept(t *testing.T) {
	raw := appleEngagement(t)
	e, err := engagement.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	if e.Version() != "1.1" {
		t.Errorf("version %q, want 1.1", e.Version())
	}
	if !bytes.Equal(e.Bytes(), raw) {
		t.Error("bytes with keys 5 and 6 were not kept")
	}
}

func TestNewIsReadByParseURI(t *testing.T) {
	method, err := engagement.CentralClient(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, curve := range map[string]ecdh.Curve{"P-256": ecdh.P256(), "P-384": ecdh.P384(), "P-521": ecdh.P521()} {
		t.Run(name, func(t *testing.T) {
			priv, err := curve.GenerateKey(rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			e, err := engagement.New(priv.PublicKey(), []engagement.RetrievalMethod{method, {
				Type: engagement.MethodNFC, Version: 1, NFC: &engagement.NFCOptions{MaxCommandData: 255, MaxResponseData: 65536},
			}})
			if err != nil {
				t.Fatal(err)
			}
			got, err := engagement.ParseURI(e.URI())
			if err != nil {
				t.Fatal(err)
			}
			key, err := got.EDeviceKey()
			if err != nil || !key.Equal(priv.PublicKey()) {
				t.Errorf("key differs (%v)", err)
			}
			if m := got.RetrievalMethods(); len(m) != 2 || m[1].NFC == nil || m[1].NFC.MaxResponseData != 65536 {
				t.Errorf("methods %+v", m)
			}
		})
	}
}

func TestCentralClientUUID(t *testing.T) {
	a, err := engagement.CentralClient(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	b, err := engagement.CentralClient(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(a.BLE.CentralClientUUID, b.BLE.CentralClientUUID) {
		t.Error("one UUID twice")
	}
	if u := a.BLE.CentralClientUUID; u[6]>>4 != 4 || u[8]>>6 != 2 {
		t.Errorf("UUID %x is not of version 4, variant 10", u)
	}
	if _, err := engagement.CentralClient(bytes.NewReader(make([]byte, 15))); err == nil {
		t.Error("a short source gave a UUID")
	}
}

func TestCompressedDeviceKeyIsAccepted(t *testing.T) {
	d := mdoctest.LoadAnnexD(t)
	x, y := d.Bytes(t, "e_device_key_x"), d.Bytes(t, "e_device_key_y")
	key := ec2(1, x, cbor.AppendBool(nil, y[len(y)-1]&1 == 1))
	e, err := engagement.Parse(build("1.0", 1, key, nil))
	if err != nil {
		t.Fatal(err)
	}
	checkKey(t, e, d)
}

func TestRefusals(t *testing.T) {
	d := mdoctest.LoadAnnexD(t)
	x, y := d.Bytes(t, "e_device_key_x"), d.Bytes(t, "e_device_key_y")
	good := ec2(1, x, cbor.AppendBytes(nil, y))
	if _, err := engagement.Parse(build("1.0", 1, good, nil)); err != nil {
		t.Fatalf("the valid form is refused: %v", err)
	}
	offCurve := bytes.Clone(y)
	offCurve[31] ^= 1
	ble := func(options ...byte) []byte { return append([]byte{0x81, 0x83, 0x02, 0x01}, options...) }
	uuid := append([]byte{0x50}, make([]byte, 16)...)
	withUUID := func(head ...byte) []byte { return ble(append(head, uuid...)...) }
	tests := map[string][]byte{
		"empty":                      nil,
		"version 2.0":                build("2.0", 1, good, nil),
		"version empty":              build("", 1, good, nil),
		"cipher suite 2":             build("1.0", 2, good, nil),
		"key off the curve":          build("1.0", 1, ec2(1, x, cbor.AppendBytes(nil, offCurve)), nil),
		"key on another curve":       build("1.0", 1, ec2(2, x, cbor.AppendBytes(nil, y)), nil),
		"key all zero":               build("1.0", 1, ec2(1, make([]byte, 32), cbor.AppendBytes(nil, make([]byte, 32))), nil),
		"key too short":              build("1.0", 1, ec2(1, x[1:], cbor.AppendBytes(nil, y)), nil),
		"unknown curve":              build("1.0", 1, ec2(99, x, cbor.AppendBytes(nil, y)), nil),
		"tail":                       append(build("1.0", 1, good, nil), 0),
		"methods empty map":          build("1.0", 1, good, []byte{0xa0}),
		"method of two elements":     build("1.0", 1, good, []byte{0x81, 0x82, 0x01, 0x01}),
		"one method twice":           build("1.0", 1, good, []byte{0x82, 0x83, 9, 1, 0xa0, 0x83, 9, 1, 0xa0}),
		"BLE without any mode":       build("1.0", 1, good, ble(0xa2, 0x00, 0xf4, 0x01, 0xf4)),
		"BLE mode without UUID":      build("1.0", 1, good, ble(0xa2, 0x00, 0xf4, 0x01, 0xf5)),
		"BLE UUID without mode":      build("1.0", 1, good, withUUID(0xa3, 0x00, 0xf4, 0x01, 0xf5, 0x0a)),
		"BLE modes missing":          build("1.0", 1, good, ble(0xa0)),
		"BLE mode as integer":        build("1.0", 1, good, withUUID(0xa3, 0x00, 0x00, 0x01, 0x01, 0x0b)),
		"NFC command data too small": build("1.0", 1, good, []byte{0x81, 0x83, 1, 1, 0xa2, 0, 0x18, 254, 1, 0x19, 1, 0}),
		"too large":                  build("1.0", 1, good, append([]byte{0x81, 0x83, 9, 1}, cbor.AppendBytes(nil, make([]byte, engagement.MaxSize))...)),
		"too many methods":           build("1.0", 1, good, manyMethods()),
	}
	for name, raw := range tests {
		t.Run(name, func(t *testing.T) {
			e, err := engagement.Parse(raw)
			if !errors.Is(err, engagement.ErrMalformed) {
				t.Errorf("error %v, want ErrMalformed", err)
			}
			if e != nil {
				t.Error("a failed parse returned something")
			}
		})
	}
}

func TestURIRefusals(t *testing.T) {
	good := qrURI(t)
	body := strings.TrimPrefix(good, "mdoc:")
	for name, uri := range map[string]string{
		"empty":             "",
		"other scheme":      "mdl:" + body,
		"reader engagement": "mdoc://" + body,
		"padding":           good + "=",
		"plain base64":      strings.NewReplacer("-", "+", "_", "/").Replace(good),
		"line break":        good[:50] + "\n" + good[50:],
		"space":             good + " ",
		"cut":               good[:len(good)-1],
		"too long":          "mdoc:" + strings.Repeat("A", 6000),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := engagement.ParseURI(uri); !errors.Is(err, engagement.ErrMalformed) {
				t.Errorf("error %v, want ErrMalformed", err)
			}
		})
	}
}

func TestMethodsThatCannotBeEncoded(t *testing.T) {
	for name, m := range map[string]engagement.RetrievalMethod{
		"no options":         {Type: engagement.MethodBLE, Version: 1},
		"options of another": {Type: engagement.MethodNFC, Version: 1, BLE: &engagement.BLEOptions{CentralClient: true, CentralClientUUID: make([]byte, 16)}},
		"two kinds":          {Type: engagement.MethodBLE, Version: 1, BLE: &engagement.BLEOptions{}, NFC: &engagement.NFCOptions{}},
		"BLE without UUID":   {Type: engagement.MethodBLE, Version: 1, BLE: &engagement.BLEOptions{CentralClient: true}},
	} {
		t.Run(name, func(t *testing.T) {
			if b, err := cbor.Marshal(m); err == nil {
				t.Errorf("encoded to %x", b)
			}
		})
	}
}

func TestNewWithoutKey(t *testing.T) {
	if _, err := engagement.New(nil, nil); err == nil {
		t.Error("an engagement without key was made")
	}
}

func FuzzParse(f *testing.F) {
	d := mdoctest.LoadAnnexD(f)
	f.Add(d.Bytes(f, "device_engagement_qr"))
	f.Add(d.Bytes(f, "device_engagement_nfc"))
	f.Add(appleEngagement(f))
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := engagement.Parse(raw)
		if err != nil {
			if e != nil {
				t.Error("a failed parse returned something")
			}
			return
		}
		if !bytes.Equal(e.Bytes(), raw) {
			t.Error("bytes were not kept")
		}
		if _, err := e.EDeviceKey(); err != nil {
			t.Errorf("accepted without a usable key: %v", err)
		}
	})
}

func FuzzParseURI(f *testing.F) {
	f.Add(qrURI(f))
	f.Add("mdoc:")
	f.Fuzz(func(t *testing.T, uri string) {
		e, err := engagement.ParseURI(uri)
		if err != nil {
			return
		}
		if e.URI()[5:] != uri[5:] {
			t.Error("accepted a URI that is not the one form of its engagement")
		}
	})
}

func checkKey(t *testing.T, e *engagement.DeviceEngagement, d mdoctest.AnnexD) {
	t.Helper()
	key, err := e.EDeviceKey()
	if err != nil {
		t.Fatal(err)
	}
	want := append([]byte{4}, d.Bytes(t, "e_device_key_x")...)
	want = append(want, d.Bytes(t, "e_device_key_y")...)
	if !bytes.Equal(key.Bytes(), want) {
		t.Error("the ephemeral key is not the printed one")
	}
}

// ec2 encodes a COSE_Key of type EC2; y is an encoded item.
func ec2(curve int64, x, y []byte) []byte {
	b := cbor.AppendMapHead(nil, 4)
	b = cbor.AppendUint(cbor.AppendUint(b, 1), 2)
	b = cbor.AppendInt(cbor.AppendInt(b, -1), curve)
	b = cbor.AppendBytes(cbor.AppendInt(b, -2), x)
	return append(cbor.AppendInt(b, -3), y...)
}

// build encodes a DeviceEngagement; methods is the encoded value of key 2 or nil.
func build(version string, suite int64, key, methods []byte) []byte {
	n := 2
	if methods != nil {
		n = 3
	}
	b := cbor.AppendMapHead(nil, n)
	b = cbor.AppendText(cbor.AppendUint(b, 0), version)
	b = cbor.AppendInt(cbor.AppendArrayHead(cbor.AppendUint(b, 1), 2), suite)
	b = cbor.AppendEmbedded(b, key)
	if methods != nil {
		b = append(cbor.AppendUint(b, 2), methods...)
	}
	return b
}

func manyMethods() []byte {
	b := cbor.AppendArrayHead(nil, engagement.MaxRetrievalMethods+1)
	for i := range engagement.MaxRetrievalMethods + 1 {
		b = cbor.AppendUint(cbor.AppendArrayHead(b, 3), uint64(100+i)) //nolint:gosec // small
		b = append(cbor.AppendUint(b, 1), 0xa0)
	}
	return b
}
