package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mobileid/mdoc"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/mdoctest"
	"mobileid/mdoc/pki"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// call runs the program.
func call(stdin string, args ...string) (code int, stdout, stderr string) {
	var out, errOut strings.Builder
	code = run(context.Background(), args, strings.NewReader(stdin), &out, &errOut)
	return code, out.String(), errOut.String()
}

// golden compares with a file of testdata, which -update writes.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "inspect", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	due, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(due), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s (-want +got; -update rewrites it):\n%s", path, diff)
	}
}

// TestInspectGolden shows what a person reads: long values are shortened, so that no vector is copied.
func TestInspectGolden(t *testing.T) {
	d := mdoctest.LoadAnnexD(t)
	var vical struct{ Vical string }
	mdoctest.ReadJSON(t, "iso18013-5/vical-aamva-2025-11-18.json", &vical)
	dir := t.TempDir()
	file := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	annexRoot := file("annexd.pem", pki.EncodePEM(d.Bytes(t, "iaca_root_certificate")))
	readerKey := file("reader.pem", readerKeyPEM(t, d))
	issued, root := ourCredential(t)
	cases := []struct {
		golden, stdin string
		args          []string
		code          int
	}{
		{"annexd-response.txt", hex.EncodeToString(d.Bytes(t, "device_response")), []string{"--roots", annexRoot, "--at", "2021-03-01",
			"--transcript", file("transcript.hex", []byte(hex.EncodeToString(d.Bytes(t, "session_transcript_bytes")))), "--reader-key", readerKey}, exitOK},
		{"handover-select.txt", hex.EncodeToString(d.Bytes(t, "nfc_handover_select_message")), nil, exitOK},
		{"credential.json", string(issued), []string{"--json"}, exitOK},
		{"vical.txt", vical.Vical, nil, exitOK},
		{"credential.txt", string(issued), []string{"--roots", file("root.pem", pki.EncodePEM(root)), "--at", "2026-11-01T03:00:00Z"}, exitOK},
	}
	for _, c := range cases {
		t.Run(c.golden, func(t *testing.T) {
			code, out, errOut := call(c.stdin, append([]string{"inspect"}, c.args...)...)
			if code != c.code || errOut != "" {
				t.Errorf("exit %d, %s", code, errOut)
			}
			golden(t, c.golden, out)
		})
	}
}

func readerKeyPEM(t *testing.T, d mdoctest.AnnexD) []byte {
	t.Helper()
	k, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), d.Bytes(t, "e_reader_key_d"))
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
}

// counter is a reader of known bytes: salts and serial numbers of a golden file must not change.
type counter struct{ n byte }

func (c *counter) Read(b []byte) (int, error) {
	for i := range b {
		c.n = c.n*5 + 101
		b[i] = c.n
	}
	return len(b), nil
}

// fixedKey is a key of a known scalar; it signs after RFC 6979.
func fixedKey(t *testing.T, last byte) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), append(make([]byte, 31), last))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// ourCredential issues a document of which every byte is fixed.
func ourCredential(t *testing.T) (issued, root []byte) {
	t.Helper()
	now := time.Date(2026, 11, 1, 3, 0, 0, 0, time.UTC)
	rootKey, signerKey, deviceKey := fixedKey(t, 1), fixedKey(t, 2), fixedKey(t, 3)
	rnd := &counter{}
	certify := func(template pki.Template, key *ecdsa.PrivateKey, parent *x509.Certificate) *x509.Certificate {
		template.Country, template.NotBefore, template.IssuerAltURI = "JP", now.AddDate(0, -1, 0), "https://issuer.example"
		der, err := pki.Create(template, key.Public(), parent, cose.Deterministic(rootKey), rnd)
		if err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	iaca := certify(pki.Template{Profile: pki.IACA, CommonName: "TEST IACA", NotAfter: now.AddDate(9, 0, 0)}, rootKey, nil)
	signer := certify(pki.Template{Profile: pki.DocumentSigner, CommonName: "TEST document signer", NotAfter: now.AddDate(1, 0, 0),
		CRLURI: "https://issuer.example/crl"}, signerKey, iaca)
	key, err := cose.NewKey(deviceKey.Public())
	if err != nil {
		t.Fatal(err)
	}
	encode := func(v any) []byte {
		b, err := cbor.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	const iso, jp = "org.iso.23220.1", "org.iso.23220.1.jp"
	p, err := mdoc.Prepare(mdoc.Draft{
		DocType: "org.iso.23220.1.jp.mnc", DeviceKey: key, Signed: now, ValidFrom: now, ValidUntil: now.AddDate(0, 0, 30),
		Elements: []mdoc.Element{
			{NameSpace: iso, Identifier: "age_over_20", Value: encode(true)},
			{NameSpace: iso, Identifier: "birth_date", Value: encode(cbor.FullDate{Year: 1990, Month: 1, Day: 2})},
			{NameSpace: iso, Identifier: "sex", Value: encode(uint64(2))},
			{NameSpace: jp, Identifier: "full_name_unicode", Value: encode("試験　花子")},
			{NameSpace: jp, Identifier: "portrait", Value: encode(append([]byte{0xff, 0x4f, 0xff, 0x51}, make([]byte, 60)...))},
		},
		Status: mdoc.StatusListRef{Index: 4711, URI: "https://issuer.example/v1/status-lists/1"},
	}, rnd)
	if err != nil {
		t.Fatal(err)
	}
	if issued, err = p.Issue(cose.Deterministic(signerKey), [][]byte{signer.Raw}); err != nil {
		t.Fatal(err)
	}
	return issued, iaca.Raw
}

func TestInspectExits(t *testing.T) {
	cases := []struct {
		name, stdin, out, errOut string
		args                     []string
		code                     int
	}{
		{"from standard input", "a16673746174757314", "session termination", "", []string{"inspect"}, exitOK},
		{"dash", "a16673746174757314", "session termination", "", []string{"inspect", "-"}, exitOK},
		{"cut off", "a166737461747573", "SessionData", "offset 0x8 (8): the input ends", []string{"inspect"}, exitFailed},
		{"hint", "a166737461747573", "", "hint: the input ends after 8 bytes", []string{"inspect"}, exitFailed},
		{"check failed", "80", "here a map is due", "a check failed: inspect.structure", []string{"inspect", "--as", "SessionData"}, exitFailed},
		{"no such file", "", "", "reading input", []string{"inspect", "no-such-file"}, exitFailed},
		{"no such type", "80", "", "no type known here", []string{"inspect", "--as", "Nothing"}, exitMisuse},
		{"bad time", "80", "", "--at wants a time", []string{"inspect", "--at", "yesterday"}, exitMisuse},
		{"two files", "80", "", "one argument too many", []string{"inspect", "a", "b"}, exitMisuse},
		{"unknown flag", "80", "", "unknown flag", []string{"inspect", "--nothing"}, exitMisuse},
		{"help", "", "Types for --as", "", []string{"inspect", "--help"}, exitOK},
		{"roots that are none", "80", "", "reading roots", []string{"inspect", "--roots", "testdata/inspect/handover-select.txt"}, exitFailed},
		{"transcript that is none", "80", "", "reading session transcript", []string{"inspect", "--transcript", "testdata/inspect/handover-select.txt"}, exitFailed},
		{"key that is none", "80", "", "reading reader key", []string{"inspect", "--reader-key", "testdata/inspect/handover-select.txt"}, exitFailed},
		{"lint without a file", "", "", "a file is missing", []string{"lint"}, exitMisuse},
		{"lint of no profile", "", "", "no profile known here", []string{"lint", "--profile", "x", "-"}, exitMisuse},
		{"lint of what has no profile", "a16673746174757314", "", "has no profile", []string{"lint", "-"}, exitFailed},
		{"verify without files", "", "", "--response is needed", []string{"verify"}, exitMisuse},
		{"verify without a request", "", "", "--request is needed: whether", []string{"verify", "--response", "x", "--transcript", "x", "--roots", "x"}, exitMisuse},
		{"batch of one", "", "", "a file is missing", []string{"lint", "--batch", "x"}, exitMisuse},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			code, out, errOut := call(c.stdin, c.args...)
			if code != c.code || !strings.Contains(out, c.out) || !strings.Contains(errOut, c.errOut) {
				t.Errorf("exit %d, out %q, err %q", code, out, errOut)
			}
		})
	}
}

// TestVerifyOfTheDemonstration: what the demonstration writes down is accepted, and each missing or changed file is noticed.
func TestVerifyOfTheDemonstration(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "crossed")
	if code, _, errOut := call("", "demo", "--out", dir); code != exitOK {
		t.Fatal(errOut)
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	base := []string{"verify", "--request", at("device_request.cbor"), "--transcript", at("session_transcript.cbor"), "--roots", at("iaca.pem"), "--crl", at("iaca.crl")}
	with := func(more ...string) []string { return append(append([]string{}, base...), more...) }
	signed, mac := []string{"--response", at("device_response.cbor")}, []string{"--response", at("device_response_mac.cbor")}
	status, key := []string{"--status", at("status_list.cwt")}, []string{"--reader-key", at("reader_ephemeral_key.pem")}
	join := func(parts ...[]string) []string {
		var all []string
		for _, p := range parts {
			all = append(all, p...)
		}
		return with(all...)
	}
	cases := []struct {
		name, out, errOut string
		args              []string
		code              int
	}{
		{"signed", "accepted at", "", join(signed, status), exitOK},
		{"MAC", "accepted at", "", join(mac, status, key), exitOK},
		{"without a revocation list", "not accepted", "--crl with the revocation list", append(append([]string{}, base[:len(base)-2]...), append(signed, status...)...), exitFailed},
		{"without status", "not accepted", "--status with the status list", join(signed), exitFailed},
		{"MAC without the key", "not accepted", "--reader-key: the device's proof is a MAC", join(mac, status), exitFailed},
		{"revoked", "not accepted", "docs/verdicts.md", join(signed, []string{"--status", at("status_list_revoked.cwt")}), exitFailed},
		{"a year later", "not accepted", "not accepted", join(signed, []string{"--at", "2099-01-01"}), exitFailed},
		{"status that is none", "", "reading status list token", join(signed, []string{"--status", at("device_request.cbor")}), exitFailed},
		{"request that is none", "", "DeviceRequest", join(signed, []string{"--request", at("device_response.cbor")}), exitFailed},
		{"list of revoked that is none", "", "reading revocation list", join(signed, status, []string{"--crl", at("iaca.pem")}), exitFailed},
		{"PEM for a response", "", "PEM where one CBOR structure is due", join([]string{"--response", at("iaca.pem")}), exitFailed},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			code, out, errOut := call("", c.args...)
			if code != c.code || !strings.Contains(out, c.out) || !strings.Contains(errOut, c.errOut) {
				t.Errorf("exit %d, out %q, err %q", code, out[max(0, len(out)-200):], errOut)
			}
		})
	}
	t.Run("JSON", func(t *testing.T) {
		_, out, _ := call("", append(join(signed, status), "--json")...)
		var v struct {
			Accepted bool
			At       time.Time
			Checks   []struct{ ID, Clause, Outcome, Measured string }

			Documents []struct {
				DocType  string `json:"doc_type"`
				Complete bool
				Missing  []struct{ Namespace, Identifier string }
			}
		}
		d := json.NewDecoder(strings.NewReader(out))
		d.DisallowUnknownFields()
		if err := d.Decode(&v); err != nil || !v.Accepted || len(v.Checks) < 30 || v.At.IsZero() || len(v.Documents) != 1 || !v.Documents[0].Complete {
			t.Errorf("%v: %+v", err, v)
		}
	})
	t.Run("everything that crossed can be inspected", func(t *testing.T) {
		files, err := os.ReadDir(dir)
		if err != nil || len(files) < 10 {
			t.Fatal(err, len(files))
		}
		for _, f := range files {
			code, out, errOut := call("", "inspect", at(f.Name()))
			private := f.Name() == "reader_ephemeral_key.pem"
			if private != (code != exitOK) || out == "" && !private || private && !strings.Contains(errOut, "a private key") {
				t.Errorf("%s: exit %d, %s", f.Name(), code, errOut)
			}
		}
	})
	t.Run("lint", func(t *testing.T) {
		code, out, errOut := call("", "lint", at("ds.pem"), at("iaca.pem"), at("issuer_signed.cbor"), at("device_request.cbor"), at("status_list.cwt"))
		if code != exitOK || !strings.Contains(out, "document signer certificate (guessed)") || !strings.Contains(out, "cert.serial.entropy") {
			t.Errorf("exit %d, %s", code, errOut)
		}
		if code, out, _ = call("", "lint", "--profile", "IACA", "--json", at("ds.pem")); code != exitFailed || !json.Valid([]byte(out)) {
			t.Errorf("a document signer passed as a root: exit %d", code)
		}
	})
}

// TestBatch: two documents with one device key are linked; a file that is no document is refused.
func TestBatch(t *testing.T) {
	issued, _ := ourCredential(t)
	path := filepath.Join(t.TempDir(), "a.cbor")
	if err := os.WriteFile(path, issued, 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errOut := call("", "lint", "--batch", path, path)
	if code != exitFailed || !strings.Contains(out, "batch of one holder") || !strings.Contains(errOut, "linkability.device_keys") {
		t.Errorf("exit %d, %s\n%s", code, errOut, out)
	}
	if code, _, errOut := call("a16673746174757314", "lint", "--batch", "-", path); code != exitFailed || !strings.Contains(errOut, "a batch is of IssuerSigned") {
		t.Errorf("exit %d, %s", code, errOut)
	}
}
