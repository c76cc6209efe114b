package inspect_test

import (
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mobileid/cmd/mobileid/internal/inspect"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/mdoctest"
	"mobileid/mdoc/mdoctest/world"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/verdict"
)

// TestSmallThings: pieces that stand alone are explained, and their own decoder judges them.
func TestSmallThings(t *testing.T) {
	d := mdoctest.LoadAnnexD(t)
	w := world.New(t)
	spki, err := x509.MarshalPKIXPublicKey(w.SignerKey.Public())
	if err != nil {
		t.Fatal(err)
	}
	key := d.Bytes(t, "e_reader_key_bytes")[4:]
	offCurve := append([]byte{}, key...)
	offCurve[len(offCurve)-1] ^= 1
	crl, err := pki.CreateCRL(pki.CRLTemplate{Profile: pki.CRLWithReasons, Number: big.NewInt(3), ThisUpdate: w.Now, NextUpdate: w.Now.AddDate(0, 0, 30),
		Revoked: []pki.Revocation{{Serial: big.NewInt(0x4711), Date: w.Now.Add(-time.Hour), Reason: pki.Superseded}}}, w.IACA, w.IACAKey)
	if err != nil {
		t.Fatal(err)
	}
	mac := d.Bytes(t, "device_auth")[11:]
	raw := func(s string) []byte { return mdoctest.Hex(t, strings.ReplaceAll(s, " ", "")) }
	cases := []struct {
		name, typ string
		in        []byte
		words     []string
		fails     bool
	}{
		{"public key", "SubjectPublicKeyInfo", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}), []string{"EC on P-256"}, false},
		{"CRL", "CertificateList", crl, []string{"serial 4711", "superseded", "1 certificate", "crl.signature"}, false},
		{"COSE_Key", "COSE_Key", key, []string{"EC2", "P-256"}, false},
		{"COSE_Key off its curve", "COSE_Key", offCurve, []string{"not on P-256"}, true},
		{"COSE_Mac0", "COSE_Mac0", mac, []string{"HMAC 256/256"}, false},
		{"MSO", "MobileSecurityObject", d.Bytes(t, "mobile_security_object"), []string{"validUntil"}, false},
		{"error of a document", "DeviceResponse", raw("a3 6776657273696f6e 63312e30 6e646f63756d656e744572726f7273 81a1 6161 00 66737461747573 0a"),
			[]string{"general error", "no reason given"}, true},
		{"sign of y", "COSE_Key", raw("a4 0102 2001 215820 60e3392385041f51403051f2415531cb56dd3f999c71687013aac6768bc8187e 22f4"), []string{"compressed"}, false},
		{"identifier list", "CWTClaims", raw("a2 02 6161 19fffa a1 6b6964656e74696669657273 a1 4101 a0"), []string{"revoked identifier"}, false},
		{"reader engagement of NFC", "ReaderEngagement", raw("a1 00 63312e30"), nil, false},
		{"posted engagement", "PostedEngagement", append(cbor.AppendText(cbor.AppendMapHead(nil, 1), "deviceEngagementBytes"),
			cbor.AppendEmbedded(nil, d.Bytes(t, "device_engagement_qr"))...), []string{"BleOptions"}, false},
		{"old transcript of OpenID4VP", "SessionTranscript", raw("83f6f683 4101 4102 6163"), []string{"draft 18"}, false},
		{"website transcript", "SessionTranscript", raw("83f6f6 4101"), []string{"reader engagement, tag 24 included"}, false},
		{"unknown handover", "SessionTranscript", raw("83f6f6 8101"), nil, false},
		{"sealed documents", "EncryptionParameters", append(cbor.AppendText(cbor.AppendMapHead(nil, 1), "recipientPublicKey"), key...), []string{"sealed to"}, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := inspect.Inspect(c.in, "", inspect.Given{})
			var out strings.Builder
			if err := r.WriteText(&out, false); err != nil {
				t.Fatal(err)
			}
			if r.Fault != nil || r.Type != c.typ || r.Failed() != c.fails {
				t.Errorf("%s, fault %v, failed %v\n%s", r.Type, r.Fault, r.Failed(), out.String())
			}
			for _, words := range c.words {
				if !strings.Contains(out.String(), words) {
					t.Errorf("without %q:\n%s", words, out.String())
				}
			}
		})
	}
	t.Run("CRL with its issuer", func(t *testing.T) {
		given := inspect.Given{Roots: [][]byte{w.IACA.Raw}, At: w.Now.Add(time.Hour)}
		want(t, inspect.Inspect(crl, "", given), map[string]verdict.Outcome{"crl.signature": verdict.Pass, "crl.validity": verdict.Pass})
		want(t, inspect.Inspect(crl, "", inspect.Given{Roots: [][]byte{w.IACA.Raw}}), map[string]verdict.Outcome{"crl.validity": verdict.NotRun})
	})
}

// TestCarriers: the fields of handover records, whole and broken.
func TestCarriers(t *testing.T) {
	record := func(tnf byte, typ, id string, payload []byte, first, last bool) []byte {
		flags := tnf | 0x10
		if id != "" {
			flags |= 8
		}
		if first {
			flags |= 0x80
		}
		if last {
			flags |= 0x40
		}
		b := []byte{flags, byte(len(typ)), byte(len(payload))}
		if id != "" {
			b = append(b, byte(len(id)))
		}
		return append(append(append(b, typ...), id...), payload...)
	}
	hs := func(rest ...[]byte) []byte {
		b := record(1, "Hs", "", append([]byte{0x15}, record(1, "ac", "", []byte{1, 1, '0', 1, 4, 'm', 'd', 'o', 'c'}, true, true)...), true, len(rest) == 0)
		for _, r := range rest {
			b = append(b, r...)
		}
		return b
	}
	const oob = "application/vnd.bluetooth.le.oob"
	uuid := append([]byte{0x11, 0x07}, mdoctest.Hex(t, "000102030405060708090a0b0c0d0e0f")...)
	cases := []struct {
		name  string
		in    []byte
		words []string
		fault string
	}{
		{"BLE", hs(record(2, oob, "0", append(append(uuid, 2, 0x1c, 2, 7, 0x1b, 1, 2, 3, 4, 5, 6, 3, 0x77, 0x81, 0), 2, 0x16, 1, 2, 9, 'n', 2, 0xfe, 0), false, true)),
			[]string{"0f0e0d0c-0b0a-0908-0706-050403020100", "both, peripheral preferred", "device address", "L2CAP PSM", "service data", "local name", "type FE"}, ""},
		{"BLE, field cut off", hs(record(2, oob, "0", []byte{9, 0x1c, 1}, false, true)), []string{"Bluetooth"}, ""},
		{"NFC", hs(record(4, "iso.org:18013:nfc", "nfc", []byte{1, 3, 1, 0xff, 0xff, 4, 2, 1, 0, 0, 2, 9, 1}, false, true)),
			[]string{"65535 bytes", "65536 bytes", "field 9"}, ""},
		{"NFC, empty", hs(record(4, "iso.org:18013:nfc", "nfc", nil, false, true)), []string{"empty"}, ""},
		{"Wi-Fi Aware", hs(record(2, "application/vnd.wfa.nan", "W", []byte{1}, false, true)), []string{"Wi-Fi Aware"}, ""},
		{"unknown record", hs(record(4, "example.com:x", "", []byte{1}, false, true)), []string{"does not define"}, ""},
		{"unknown well-known record", hs(record(1, "T", "", []byte{1}, false, true)), []string{"a well-known record that handover does not define"}, ""},
		{"Te with an error", record(1, "Te", "", []byte{0x81}, true, true), []string{"error 0x81"}, ""},
		{"Ts broken", record(1, "Ts", "", []byte{0x81}, true, true), []string{"payload"}, ""},
		{"ac broken", record(1, "Hs", "", append([]byte{0x15}, record(1, "ac", "", []byte{1, 9}, true, true)...), true, true), []string{"cut off"}, ""},
		{"Hs without a version", record(1, "Hs", "", nil, true, true), nil, "without a version"},
		{"Hs with a broken record inside", record(1, "Hs", "", []byte{0x15, 0xd1, 2}, true, true), nil, "cut off"},
		{"no last record", record(1, "Te", "", []byte{0}, true, false), nil, "another follows"},
		{"chunked", append(hs()[:len(hs()):len(hs())], 0x31, 0, 0), nil, "3 bytes follow"},
		{"chunked first", []byte{0xb1, 2, 0, 'H', 's'}, nil, "in chunks"},
		{"engagement broken", hs(record(4, "iso.org:18013:deviceengagement", "mdoc", []byte{0xa1}, false, true)), nil, "1 elements announced"},
		{"long record", append([]byte{0xc1, 2, 0, 0, 0, 1}, 'T', 'e', 0), []string{"success"}, ""},
		{"long record cut off", []byte{0xc1, 2, 0, 0, 'T', 'e'}, nil, "cut off"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := inspect.Inspect(c.in, "NDEF", inspect.Given{})
			var out strings.Builder
			if err := r.WriteText(&out, false); err != nil {
				t.Fatal(err)
			}
			switch {
			case c.fault == "" && r.Fault != nil, c.fault != "" && (r.Fault == nil || !strings.Contains(r.Fault.Reason, c.fault)):
				t.Errorf("fault %v, want %q", r.Fault, c.fault)
			}
			for _, words := range c.words {
				if !strings.Contains(out.String(), words) {
					t.Errorf("without %q:\n%s", words, out.String())
				}
			}
		})
	}
}

// TestSources: files for the checks, good and bad; no error holds what a file holds.
func TestSources(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	d := mdoctest.LoadAnnexD(t)
	w := world.New(t)
	bare, wrapped := hex.EncodeToString(d.Bytes(t, "session_transcript")), hex.EncodeToString(d.Bytes(t, "session_transcript_bytes"))
	for _, text := range []string{bare, wrapped} {
		tr, err := inspect.ReadTranscript(file("t", text), nil)
		if err != nil || hex.EncodeToString(tr.Array()) != bare {
			t.Errorf("%v", err)
		}
	}
	sec1, err := x509.MarshalECPrivateKey(w.SignerKey)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(w.SignerKey)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range []*pem.Block{{Type: "EC PRIVATE KEY", Bytes: sec1}, {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if _, err := inspect.ReadReaderKey(file("k", string(pem.EncodeToMemory(b)))); err != nil {
			t.Errorf("%s: %v", b.Type, err)
		}
	}
	secret := "c0ffee5ec2e7"
	bad := map[string]func() error{
		"no key": func() error { _, err := inspect.ReadReaderKey(file("k", secret)); return err },
		"broken key": func() error {
			_, err := inspect.ReadReaderKey(file("k", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte(secret)}))))
			return err
		},
		"no file":       func() error { _, err := inspect.ReadRoots(filepath.Join(dir, "nothing")); return err },
		"no root":       func() error { _, err := inspect.ReadRoots(file("r", bare)); return err },
		"no CRL":        func() error { _, err := inspect.ReadCRLs(file("c", bare), nil); return err },
		"no transcript": func() error { _, err := inspect.ReadTranscript(file("t", "a0"), nil); return err },
		"PEM transcript": func() error {
			_, err := inspect.ReadTranscript(file("t", string(pki.EncodePEM(w.IACA.Raw))), nil)
			return err
		},
		"no time": func() error { _, err := inspect.ParseTime(secret, time.Now); return err },
	}
	for name, f := range bad {
		if err := f(); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if at, err := inspect.ParseTime("now", func() time.Time { return w.Now }); err != nil || !at.Equal(w.Now) {
		t.Errorf("%v, %v", at, err)
	}
	if roots, err := inspect.ReadRoots(file("r", string(pki.EncodePEM(w.IACA.Raw, w.SignerChain[0])))); err != nil || len(roots) != 2 {
		t.Errorf("%d, %v", len(roots), err)
	}
}
