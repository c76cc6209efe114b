package inspect_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"mobileid/cmd/mobileid/internal/inspect"
	"mobileid/cmd/mobileid/internal/inspect/annotate"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/mdoctest"
	"mobileid/mdoc/verdict"
)

// TestRecognition: what the published vectors hold is recognised from its bytes alone.
func TestRecognition(t *testing.T) {
	d := mdoctest.LoadAnnexD(t)
	cases := map[string]string{
		"device_response": "DeviceResponse", "device_request": "DeviceRequest", "device_request_extended_v1_1": "DeviceRequest",
		"session_establishment": "SessionEstablishment", "session_data": "SessionData", "session_termination": "SessionData",
		"session_transcript_bytes": "SessionTranscriptBytes", "issuer_auth": "IssuerAuth", "reader_auth": "COSE_Sign1",
		"iaca_root_certificate": "Certificate", "ds_certificate": "Certificate", "device_engagement_qr": "DeviceEngagement",
		"nfc_handover_select_message": "NDEF", "nfc_handover_request_message": "NDEF", "mobile_security_object_bytes": "MobileSecurityObjectBytes",
	}
	for entry, want := range cases {
		t.Run(entry, func(t *testing.T) {
			data := d.Bytes(t, entry)
			r := inspect.Inspect(data, "", inspect.Given{})
			if r.Fault != nil || r.Type != want || r.Encoding != "binary" || r.Length != len(data) {
				t.Errorf("%s, %s, %d bytes, %v", r.Type, r.Encoding, r.Length, r.Fault)
			}
			// What we sign must end with its signer's certificate, and need no tolerance; the standard's example breaks both.
			if slices.ContainsFunc(r.Checks, func(c verdict.Check) bool {
				return c.Outcome == verdict.Fail && c.ID != "mso.validity.until" && c.ID != "issuer_auth.strict"
			}) {
				t.Errorf("a check of the standard's own example failed: %+v", r.Checks)
			}
		})
	}
}

// field is what a published file may hold at any depth.
func hexOf(t *testing.T, v any) []byte {
	t.Helper()
	s, ok := v.(string)
	if !ok {
		t.Fatalf("%T in a vector", v)
	}
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestRecognitionInTheField: structures of other makers, online presentations and the live VICAL.
func TestRecognitionInTheField(t *testing.T) {
	var vical, apple map[string]any
	mdoctest.ReadJSON(t, "iso18013-5/vical-aamva-2025-11-18.json", &vical)
	mdoctest.ReadJSON(t, "openid4vp/apple-passkit-sample.json", &apple)
	var revocation struct {
		StatusList struct {
			CWT struct{ Hex string } `json:"status_list_cwt"`
		} `json:"status_list"`
	}
	mdoctest.ReadJSON(t, "iso18013-5/revocation.json", &revocation)
	var wallets, transcripts, legacy struct{ Cases []map[string]any }
	mdoctest.ReadJSON(t, "openid4vp/wallet-responses.json", &wallets)
	mdoctest.ReadJSON(t, "openid4vp/openid4vp-1.0-transcripts.json", &transcripts)
	mdoctest.ReadJSON(t, "openid4vp/legacy-transcripts.json", &legacy)
	type one struct {
		name, want string
		data       []byte
	}
	cases := []one{
		{"VICAL", "VICAL", hexOf(t, vical["vical"])},
		{"Apple's plaintext", "IdentityEnvelope", hexOf(t, apple["plaintext"])},
		{"Apple's envelope", "AppleEnvelope", hexOf(t, apple["envelope"])},
		{"Apple's response", "DeviceResponse", hexOf(t, apple["device_response"])},
		{"status list token", "StatusListToken", mdoctest.Hex(t, revocation.StatusList.CWT.Hex)},
	}
	for i, c := range wallets.Cases {
		cases = append(cases, one{fmt.Sprintf("wallet %d", i), "DeviceResponse", hexOf(t, c["device_response"])})
	}
	for i, c := range append(transcripts.Cases, legacy.Cases...) {
		cases = append(cases, one{fmt.Sprintf("transcript %d", i), "SessionTranscript", hexOf(t, c["session_transcript"])})
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := inspect.Inspect(c.data, "", inspect.Given{})
			if r.Fault != nil || r.Type != c.want {
				t.Errorf("%s, %v", r.Type, r.Fault)
			}
		})
	}
	if len(cases) < 12 {
		t.Errorf("%d cases", len(cases))
	}
}

// TestEncodings: one structure in every encoding gives the same tree.
func TestEncodings(t *testing.T) {
	data := mdoctest.LoadAnnexD(t).Bytes(t, "device_engagement_qr")
	digits := hex.EncodeToString(data)
	var colons, lines []string
	for i := 0; i < len(digits); i += 2 {
		colons = append(colons, digits[i:i+2])
		lines = append(lines, "0x"+strings.ToUpper(digits[i:i+2]))
	}
	url, std := base64.RawURLEncoding.EncodeToString(data), base64.StdEncoding.EncodeToString(data)
	cases := []struct{ name, text, encoding string }{
		{"hex", digits, "hex"},
		{"hex, line break", digits + "\n", "hex"},
		{"hex, upper case, spaces, CRLF", strings.ToUpper(digits[:8]) + " \r\n\t" + digits[8:], "hex"},
		{"hex with 0x", "0x" + digits, "hex"},
		{"hex with colons", strings.Join(colons, ":"), "hex"},
		{"hex of a C array", strings.Join(lines, ", "), "hex"},
		{"base64url", url, "base64url"},
		{"base64url, padded", base64.URLEncoding.EncodeToString(data), "base64url"},
		{"base64url in lines", url[:20] + "\n" + url[20:] + "\n", "base64url"},
		{"base64", std, "base64"},
		{"base64, not padded", strings.TrimRight(std, "="), "base64"},
		{"in quotes", `"` + url + `"`, "base64url in quotes"},
		{"mdoc URI", "mdoc:" + url, "mdoc: URI"},
		{"mdoc URI, upper case scheme", "MDOC:" + url, "mdoc: URI"},
	}
	want := inspect.Inspect(data, "", inspect.Given{})
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := inspect.Inspect([]byte(c.text), "", inspect.Given{})
			if r.Fault != nil {
				t.Fatal(r.Fault)
			}
			same, err := json.Marshal(r.Tree)
			due, dueErr := json.Marshal(want.Tree)
			if errors.Join(err, dueErr) != nil || !bytes.Equal(same, due) {
				t.Error("another tree")
			}
			// base64 and base64url look alike where neither - _ + / stand
			if r.Encoding != c.encoding && !(strings.HasPrefix(c.encoding, "base64") && strings.HasPrefix(r.Encoding, "base64")) {
				t.Errorf("encoding %q, want %q", r.Encoding, c.encoding)
			}
		})
	}
}

func TestReaderEngagementLink(t *testing.T) {
	key := mdoctest.LoadAnnexD(t).Bytes(t, "e_reader_key_bytes")
	b := cbor.AppendText(cbor.AppendUint(cbor.AppendMapHead(nil, 3), 0), "1.1")
	b = append(cbor.AppendUint(cbor.AppendArrayHead(cbor.AppendUint(b, 1), 2), 1), key...)
	b = cbor.AppendUint(cbor.AppendUint(cbor.AppendArrayHead(cbor.AppendArrayHead(cbor.AppendUint(b, 2), 1), 3), 4), 1)
	b = cbor.AppendText(cbor.AppendUint(cbor.AppendMapHead(b, 1), 0), "https://reader.example/post")
	for _, in := range []string{"mdoc://" + base64.RawURLEncoding.EncodeToString(b), hex.EncodeToString(b)} {
		r := inspect.Inspect([]byte(in), "", inspect.Given{})
		var out strings.Builder
		if err := r.WriteText(&out, false); err != nil {
			t.Fatal(err)
		}
		if r.Fault != nil || r.Type != "ReaderEngagement" || !strings.Contains(out.String(), "WebsiteOptions") {
			t.Errorf("%v\n%s", r.Fault, out.String())
		}
	}
}

// TestJSONDocuments: encoded structures are found among the strings of a document.
func TestJSONDocuments(t *testing.T) {
	d := mdoctest.LoadAnnexD(t)
	response := base64.RawURLEncoding.EncodeToString(d.Bytes(t, "device_response"))
	cases := []struct{ name, in, want string }{
		{"vp_token", `{"vp_token": {"mdl": ["` + response + `"]}, "state": "abc"}`, "vp_token.mdl[0]"},
		{"answer of the Digital Credentials API", `{"protocol": "org-iso-mdoc", "data": {"response": "` + response + `"}}`, "data.response"},
		{"list", `["` + response + `"]`, "[0]"},
		{"hex", `{"a": "` + hex.EncodeToString(d.Bytes(t, "device_response")) + `"}`, "a"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := inspect.Inspect([]byte(c.in), "", inspect.Given{})
			if r.Fault != nil || r.Type != "JSON" || len(r.Checks) < 20 {
				t.Fatalf("%s, %d checks, %v", r.Type, len(r.Checks), r.Fault)
			}
			if r.Tree.Children[0].Name != c.want {
				t.Errorf("found at %q, want %q", r.Tree.Children[0].Name, c.want)
			}
		})
	}
}

// listing gives the lines of a JSON document's list: path, type and length.
func listing(t *testing.T, in string) []string {
	t.Helper()
	r := inspect.Inspect([]byte(in), "", inspect.Given{})
	if r.Fault != nil || r.Encoding != "JSON" || r.Tree == nil || len(r.Checks) > 0 || !strings.Contains(r.Tree.Meaning, "--pick PATH") {
		t.Fatalf("%s, fault %v, %d checks", r.Encoding, r.Fault, len(r.Checks))
	}
	var out []string
	for _, c := range r.Tree.Children {
		if len(c.Children) > 0 {
			t.Errorf("%s is opened", c.Name)
		}
		out = append(out, fmt.Sprintf("%s %s %d %s", c.Name, c.Type, c.Length, c.Meaning))
	}
	return out
}

// TestJSONLists: several structures are listed by path in every encoding, PEM among them, and one is picked.
func TestJSONLists(t *testing.T) {
	d := mdoctest.LoadAnnexD(t)
	engagement, certificate := d.Bytes(t, "device_engagement_qr"), d.Bytes(t, "ds_certificate")
	text, err := json.Marshal(map[string]any{
		"title": "no structure", "short": "a0", "n": 1,
		"pem":     string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})),
		"private": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: certificate})),
		"der":     base64.StdEncoding.EncodeToString(certificate),
		"a":       []any{map[string]string{"hex": hex.EncodeToString(engagement)}, "mdoc:" + base64.RawURLEncoding.EncodeToString(engagement)},
		"cut":     hex.EncodeToString(engagement[:len(engagement)-1]),
		"key":     map[string]string{"kty": "EC", "crv": "P-256", "x": "AA"},
	})
	if err != nil {
		t.Fatal(err)
	}
	e, c := len(engagement), len(certificate)
	want := []string{
		fmt.Sprintf("a[0].hex DeviceEngagement %d %d bytes", e, e), fmt.Sprintf("a[1] DeviceEngagement %d %d bytes", e, e),
		fmt.Sprintf("cut DeviceEngagement %d %d bytes; ", e-1, e-1), fmt.Sprintf("der Certificate %d %d bytes", c, c),
		"key JWK 0 public key", "pem Certificate", "private PEM",
	}
	got := listing(t, string(text))
	for i, line := range want {
		if len(got) != len(want) || !strings.HasPrefix(got[i], line) {
			t.Fatalf("%q, want %q", got, want)
		}
	}
	if !strings.Contains(got[len(got)-1], "a private key: it is neither read nor printed") {
		t.Error(got[len(got)-1])
	}
	if _, err := inspect.Find(text); err == nil || !strings.Contains(err.Error(), "of which 15 are here") {
		t.Errorf("the first fault: %v", err)
	}
	cases := []struct {
		name, in, as, pick, out, fault string
	}{
		{"hex", string(text), "", "a[0].hex", "BleOptions", ""},
		{"PEM", string(text), "", "pem", "document signer", ""},
		{"JWK", string(text), "", "key", "RFC 7517", ""},
		{"a string that is not told apart", string(text), "", "short", "map, 1 bytes", ""},
		{"a type forced", string(text), "DeviceEngagement", "a[0].hex", "DeviceEngagement", ""},
		{"private key", string(text), "", "private", "", "a private key"},
		{"cut off", string(text), "", "cut", "DeviceEngagement", "of which 15 are here"},
		{"no such path", string(text), "", "a[2]", "", "at the path of --pick"},
		{"not JSON", hex.EncodeToString(engagement), "", "a", "", "this is hex"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var out strings.Builder
			err := inspect.Run([]byte(c.in), &out, inspect.Options{As: c.as, Pick: c.pick})
			if _, bad := errors.AsType[*inspect.Problem](err); bad != (c.fault != "") || bad && !strings.Contains(err.Error(), c.fault) {
				t.Errorf("%v, want %q", err, c.fault)
			}
			if !strings.Contains(out.String(), c.out) {
				t.Errorf("without %q:\n%s", c.out, out.String())
			}
		})
	}
}

// TestBrackets: what begins with a bracket and is no JSON may still be a log.
func TestBrackets(t *testing.T) {
	if r := inspect.Inspect([]byte("[09:00:00] card > 00a40400\n[09:00:01] card < 9000\n"), "", inspect.Given{}); r.Fault != nil || r.Type != "APDULog" {
		t.Errorf("%s, %v", r.Type, r.Fault)
	}
}

// TestJSONBounds: what is beyond the bounds is said to be there.
func TestJSONBounds(t *testing.T) {
	engagement := `"` + hex.EncodeToString(mdoctest.LoadAnnexD(t).Bytes(t, "device_engagement_qr")) + `"`
	many := "[" + strings.Repeat(engagement+",", 256) + engagement + "]"
	deep := "[" + engagement + "," + engagement + "," + strings.Repeat("[", 65) + engagement + strings.Repeat("]", 65) + "]"
	for in, n := range map[string]int{many: 256, deep: 2} {
		if got := listing(t, in); len(got) != n {
			t.Errorf("%d listed, want %d", len(got), n)
		}
		r := inspect.Inspect([]byte(in), "", inspect.Given{})
		if !strings.Contains(r.Tree.Meaning, "there are more") {
			t.Error(r.Tree.Meaning)
		}
	}
}

// TestPublishedJSON: the published vectors can be given as they are.
func TestPublishedJSON(t *testing.T) {
	for name, path := range map[string]string{
		"openid4vp/wallet-responses.json":        "cases[0].device_response DeviceResponse 1652 1652 bytes",
		"iso18013-5/annex-d.json":                "entries.device_auth.hex DeviceAuth 52 52 bytes",
		"iso18013-5/vical-aamva-2025-11-18.json": "vical VICAL 21141 21141 bytes",
	} {
		t.Run(name, func(t *testing.T) {
			var text json.RawMessage
			mdoctest.ReadJSON(t, name, &text)
			if got := listing(t, string(text)); !slices.Contains(got, path) {
				t.Errorf("%q", got)
			}
		})
	}
}

// TestHints: the hint does not speak of what was printed before an offset when nothing was.
func TestHints(t *testing.T) {
	for in, want := range map[string]string{"ffffffff": "--as TYPE forces", "a1667374617475731400": "is printed above", `{"a": "hello"}`: "strings of hex"} {
		p, ok := errors.AsType[*inspect.Problem](inspect.Run([]byte(in), io.Discard, inspect.Options{}))
		if !ok || !strings.Contains(p.Hint, want) {
			t.Errorf("%s: %+v", in, p)
		}
	}
}

// TestBadInput: each kind of bad input is told apart, with its place, and nothing of it is repeated.
func TestBadInput(t *testing.T) {
	d := mdoctest.LoadAnnexD(t)
	certificate := d.Bytes(t, "ds_certificate")
	hs := d.Bytes(t, "nfc_handover_select_message")
	cases := []struct {
		name, in, as, reason string
		offset               int
	}{
		{"nothing", "", "", "empty", 0},
		{"white space", " \n", "", "empty", 0},
		{"odd hex", "a1617", "", "odd number", 2},
		{"prose", "this is no mdoc!", "", "none of hex", 0},
		{"JWT", "eyJh.eyJi.c2ln", "", "JWT", 0},
		{"URI with a stray character", "mdoc:owBj MS4w", "", "not base64url", 9},
		{"URI without content", "mdoc:", "", "no base64url", 5},
		{"JSON cut off", `{"a": `, "", "cannot be read", 5},
		{"JSON without a structure", `{"a": "hello"}`, "", "without an encoded structure", 0},
		{"PEM broken", "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----", "", "cannot be decoded", 0},
		{"PEM of something else", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("no certificate")})), "", "DER that is no certificate", 0},
		{"DER cut off", string(certificate[:len(certificate)-1]), "", "DER that is no certificate", 0},
		{"CBOR with bytes after", "a1667374617475731400", "", "1 bytes follow", 9},
		{"not CBOR", "ffffffff", "", "a break", 0},
		{"log: not a line of one", ">> 00a40400\nhello\n", "", "line 2", 12},
		{"log: odd hex", ">> 00a4040\n", "", "odd number", 0},
		{"log: lengths", ">> 00a4040005aa\n", "", "lengths disagree", 0},
		{"log: no status word", ">> 00a40400\n<< 12\n", "", "without a status word", 12},
		{"NDEF cut off", string(hs[:len(hs)-1]), "", "cut off", 0x45},
		{"NDEF with bytes after", string(hs) + "\x00", "", "1 bytes follow the last NDEF record", len(hs)},
		{"another type forced", "f6", "NDEF", "cut off", 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			err := inspect.Run([]byte(c.in), &out, inspect.Options{As: c.as})
			p, ok := errors.AsType[*inspect.Problem](err)
			if !ok {
				t.Fatalf("%v, %s", err, out.String())
			}
			f, ok := errors.AsType[*annotate.Fault](err)
			if !ok || f.Offset != c.offset || !strings.Contains(f.Reason, c.reason) || p.Hint == "" {
				t.Errorf("%v, hint %q; want offset %d and %q", err, p.Hint, c.offset, c.reason)
			}
		})
	}
}

// TestTruncatedAtEveryLength: a document cut off anywhere is printed up to the cut and refused with the place.
func TestTruncatedAtEveryLength(t *testing.T) {
	d := mdoctest.LoadAnnexD(t)
	for _, entry := range []string{"issuer_auth", "items_request_bytes", "device_engagement_qr", "nfc_handover_select_message"} {
		data := d.Bytes(t, entry)
		printed := 0
		for n := range data {
			var out bytes.Buffer
			err := inspect.Run(data[:n], &out, inspect.Options{})
			f, ok := errors.AsType[*annotate.Fault](err)
			if !ok || f.Offset < 0 || f.Offset > n {
				t.Fatalf("%s cut to %d: %v", entry, n, err)
			}
			if out.Len() > 0 {
				printed++
			}
			if strings.Contains(err.Error(), hex.EncodeToString(data[:min(n, 4)])) && n > 3 {
				t.Fatalf("%s cut to %d: the error repeats the input", entry, n)
			}
		}
		if printed < len(data)*9/10 {
			t.Errorf("%s: printed %d of %d", entry, printed, len(data))
		}
	}
}

// TestPrivateKeysAreRefused: in whatever form, and no part of one is printed.
func TestPrivateKeysAreRefused(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	scalar, err := ec.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	coseKey := cbor.AppendInt(cbor.AppendUint(cbor.AppendMapHead(nil, 3), 1), 2)
	coseKey = cbor.AppendInt(cbor.AppendInt(coseKey, -1), 1)
	coseKey = cbor.AppendBytes(cbor.AppendInt(coseKey, -4), scalar)
	jwk := `{"kty":"EC","crv":"P-256","d":"` + base64.RawURLEncoding.EncodeToString(scalar) + `"}`
	cases := map[string][]byte{
		"PKCS #8 PEM":      pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}),
		"SEC 1 PEM":        pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1}),
		"encrypted PEM":    pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: pkcs8}),
		"broken PEM":       []byte("-----BEGIN PRIVATE KEY-----\n!" + base64.StdEncoding.EncodeToString(pkcs8)),
		"PKCS #8 DER":      pkcs8,
		"SEC 1 DER":        sec1,
		"PKCS #1 DER":      x509.MarshalPKCS1PrivateKey(rs),
		"PKCS #8 hex":      []byte(hex.EncodeToString(pkcs8)),
		"PKCS #8 base64":   []byte(base64.StdEncoding.EncodeToString(pkcs8)),
		"COSE_Key":         coseKey,
		"COSE_Key hex":     []byte(hex.EncodeToString(coseKey)),
		"COSE_Key in 24":   cbor.AppendEmbedded(nil, coseKey),
		"JWK":              []byte(jwk),
		"JWK in a JWK set": []byte(`{"keys":[` + jwk + `]}`),
	}
	secrets := []string{hex.EncodeToString(scalar), base64.StdEncoding.EncodeToString(scalar), base64.RawURLEncoding.EncodeToString(scalar), hex.EncodeToString(rs.D.Bytes())}
	for name, in := range cases {
		for _, asJSON := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, JSON %v", name, asJSON), func(t *testing.T) {
				var out strings.Builder
				err := inspect.Run(in, &out, inspect.Options{JSON: asJSON, Full: true})
				if err == nil || !strings.Contains(err.Error(), "private key") {
					t.Errorf("%v", err)
				}
				for _, s := range secrets {
					if strings.Contains(strings.ToLower(out.String()+err.Error()), strings.ToLower(s)) {
						t.Error("the key was printed")
					}
				}
			})
		}
	}
	t.Run("inside a message", func(t *testing.T) {
		var out strings.Builder
		in := append(cbor.AppendText(cbor.AppendMapHead(nil, 2), "eReaderKey"), cbor.AppendEmbedded(nil, coseKey)...)
		in = cbor.AppendBytes(cbor.AppendText(in, "data"), []byte("x"))
		_ = inspect.Run(in, &out, inspect.Options{Full: true})
		if !strings.Contains(out.String(), "not shown") || strings.Contains(out.String(), hex.EncodeToString(scalar)) {
			t.Error(out.String())
		}
	})
}

// TestForcedType: --as shows what differs, and the check says so.
func TestForcedType(t *testing.T) {
	r := inspect.Inspect([]byte("80"), "DeviceResponse", inspect.Given{})
	if r.Fault != nil || !r.Failed() {
		t.Errorf("%+v", r.Checks)
	}
	if !inspect.Known("DeviceResponse") || !inspect.Known("NDEF") || inspect.Known("nothing") {
		t.Error("types")
	}
}

func FuzzInspect(f *testing.F) {
	d := mdoctest.LoadAnnexD(f)
	for _, b := range d {
		f.Add(b)
	}
	f.Add([]byte("mdoc:owBjMS4w"))
	f.Add([]byte("se > 00A4040007D2760000850101\nse < 9000\n"))
	f.Add([]byte(`{"vp_token":{"a":["owBjMS4w"]}}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		for _, asJSON := range []bool{false, true} {
			var out bytes.Buffer
			err := inspect.Run(in, &out, inspect.Options{JSON: asJSON})
			_, bad := errors.AsType[*inspect.Problem](err)
			if err != nil && !bad && !errors.Is(err, inspect.ErrChecks) {
				t.Fatalf("an error of another kind: %v", err)
			}
			if asJSON && !json.Valid(out.Bytes()) {
				t.Fatal("not JSON")
			}
		}
	})
}
