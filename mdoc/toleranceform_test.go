package mdoc_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"mobileid/mdoc"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/holder"
	"mobileid/mdoc/mdoctest/world"
	"mobileid/mdoc/verdict"
)

// replaceMSO changes the bytes of the MSO and signs it again.
func (s *scene) replaceMSO(old, changed string, times int) {
	s.t.Helper()
	e, err := cbor.ParseEmbedded[cbor.RawMessage](s.payload())
	if err != nil {
		s.t.Fatal(err)
	}
	if n := bytes.Count(e.Content(), []byte(old)); n != times {
		s.t.Fatalf("%q stands %d times in the MSO, expected %d", old, n, times)
	}
	content := bytes.ReplaceAll(e.Content(), []byte(old), []byte(changed))
	s.sign(cbor.AppendEmbedded(nil, content), cose.Headers{X5Chain: s.SignerChain})
}

var kid = cbor.Map[int64, cbor.RawMessage]{{Key: 4, Value: cbor.RawMessage{0x41, 0x01}}}

// TestTolerances makes each thing the field does in a document of our own: Verify accepts it and names it, CheckIssuerSigned
// refuses it by issuer_auth.strict.
func TestTolerances(t *testing.T) {
	cases := []struct {
		name, id string
		spoil    func(*scene)
		strict   string // the check of CheckIssuerSigned that fails
	}{
		{"fraction of a second", "tolerance.mso_date_fraction", func(s *scene) {
			s.replaceMSO("\x74"+cbor.NewTDate(s.Now.Add(-time.Hour)).String(), "\x78\x1b2026-11-01T02:00:00.123456Z", 2)
		}, "issuer_auth.strict"},
		{"long head in the MSO", "tolerance.preferred_serialization", func(s *scene) {
			s.replaceMSO("\x67version", "\x78\x07version", 1)
		}, "issuer_auth.strict"},
		{"long head in an item", "tolerance.preferred_serialization", func(s *scene) {
			s.item(world.NameJP, "portrait", true, func(i *mdoc.IssuerSignedItem) { i.ElementValue = cbor.RawMessage{0x58, 0x01, 0xff} })
		}, "issuer_auth.strict"},
		{"kid in issuerAuth", "tolerance.unprotected_header", func(s *scene) {
			s.sign(s.payload(), cose.Headers{X5Chain: s.SignerChain, Unprotected: kid})
		}, "issuer_auth.strict"},
		{"array of one certificate", "tolerance.x5chain_array", func(s *scene) {
			one := cbor.AppendBytes(cbor.AppendArrayHead(nil, 1), s.SignerChain[0])
			s.sign(s.payload(), cose.Headers{Unprotected: cbor.Map[int64, cbor.RawMessage]{{Key: 33, Value: one}}})
		}, "issuer_auth.strict"},
		{"valid beyond the signer", "tolerance.validity_until", func(s *scene) {
			s.resign(func(m *mdoc.MobileSecurityObject) { m.ValidityInfo.ValidUntil = cbor.NewTDate(s.Now.AddDate(5, 0, 0)) })
		}, "mso.validity.until"},
		{"kid in the device signature", "tolerance.unprotected_header", func(s *scene) {
			content := mdoc.DeviceAuthenticationBytes(s.in.Transcript, s.doc().DocType, s.doc().DeviceSigned.NameSpaces.Bytes())
			d, err := cose.NewSign1Detached(s.DeviceKey, cose.Headers{Unprotected: kid}, content)
			if err != nil {
				s.t.Fatal(err)
			}
			s.doc().DeviceSigned.DeviceAuth.DeviceSignature = d.Bytes()
		}, ""},
		{"empty documentErrors", "tolerance.document_errors_empty", func(s *scene) {
			s.answer.DocumentErrors = []cbor.Map[string, int64]{}
		}, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t, holder.BySignature)
			c.spoil(s)
			r := s.verify()
			var named []string
			for _, check := range r.Checks {
				if strings.HasPrefix(check.ID, "tolerance.") {
					named = append(named, check.ID)
				}
			}
			// A head inside the issuer-signed part counts there and in the response around it.
			same(t, "tolerated", slices.Compact(named), []string{c.id})
			if !r.OK() || len(r.Documents) != 1 {
				t.Errorf("refused: %s", r.Verdict)
			}
			v, err := s.doc().IssuerSigned.CheckIssuerSigned(s.Anchors, s.Now)
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			if c.strict != "" {
				want = []string{c.strict}
			}
			var failed []string
			for _, check := range v.Checks {
				if check.Outcome != verdict.Pass {
					failed = append(failed, check.ID)
				}
			}
			same(t, "refused in what we make", failed, want)
			for _, check := range v.Failed() {
				if check.ID == "issuer_auth.strict" && !strings.HasPrefix(check.Measured, c.id) {
					t.Errorf("the strict check names %s", check.Measured)
				}
			}
		})
	}
}

func TestKIDBesideAMAC(t *testing.T) {
	s := newScene(t, holder.ByMAC)
	m, err := cose.ParseMac0(s.doc().DeviceSigned.DeviceAuth.DeviceMac)
	if err != nil {
		t.Fatal(err)
	}
	raw := cbor.AppendBytes(cbor.AppendArrayHead(nil, 4), []byte{0xa1, 0x01, 0x05})
	raw = append(raw, 0xa1, 0x04, 0x41, 0x01, 0xf6)
	s.doc().DeviceSigned.DeviceAuth.DeviceMac = cbor.AppendBytes(raw, m.Tag())
	r := s.verify()
	if o, listed := r.Outcome("tolerance.unprotected_header"); !r.OK() || !listed || o != verdict.Pass {
		t.Errorf("%s", r.Verdict)
	}
}

// TestNothingToTolerate: our own answer needs no tolerance, and where nothing could be read, strictness was not shown.
func TestNothingToTolerate(t *testing.T) {
	s := newScene(t, holder.BySignature)
	for _, c := range s.verify().Checks {
		if strings.HasPrefix(c.ID, "tolerance.") {
			t.Errorf("%s: %s", c.ID, c.Measured)
		}
	}
	for auth, want := range map[string]verdict.Outcome{string(s.doc().IssuerSigned.IssuerAuth): verdict.Pass, "\xa0": verdict.NotRun} {
		s.doc().IssuerSigned.IssuerAuth = cbor.RawMessage(auth)
		v, err := s.doc().IssuerSigned.CheckIssuerSigned(s.Anchors, s.Now)
		if err != nil {
			t.Fatal(err)
		}
		if o, listed := v.Outcome("issuer_auth.strict"); !listed || o != want {
			t.Errorf("issuer_auth.strict %s, expected %s", o, want)
		}
	}
}

// TestFractionsAreExact: an instant with a fraction is not cut before it is compared.
func TestFractionsAreExact(t *testing.T) {
	s := newScene(t, holder.BySignature)
	old := "\x6avalidUntil\xc0\x74" + cbor.NewTDate(s.Now.AddDate(0, 0, 30)).String()
	s.replaceMSO(old, "\x6avalidUntil\xc0\x76"+"2026-11-01T03:00:00.5Z", 1)
	for millis, ok := range map[int]bool{500: true, 501: false} {
		s.in.At = s.Now.Add(time.Duration(millis) * time.Millisecond)
		if o, _ := s.verify().Outcome("mso.validity.window"); (o == verdict.Pass) != ok {
			t.Errorf("%d ms: %s", millis, o)
		}
	}
	mso, err := s.doc().IssuerSigned.MSO()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := cbor.Marshal(*mso)
	if err != nil || bytes.Contains(raw, []byte("00.5Z")) || !bytes.Contains(raw, []byte("2026-11-01T03:00:00Z")) {
		t.Errorf("a fraction was written: %v", err)
	}
}

// TestForeignDatesRefused: other forms of a date are no tolerance.
func TestForeignDatesRefused(t *testing.T) {
	for _, date := range []string{"\x78\x192026-11-01T02:00:00+00:00", "\x742026-11-01t02:00:00Z", "\x742026-11-01T02:00:00z",
		"\x752026-11-01T02:00:00.Z", "\x76" + "2026-11-01T02:00:00,5Z"} {
		s := newScene(t, holder.BySignature)
		s.replaceMSO("\x74"+cbor.NewTDate(s.Now.Add(-time.Hour)).String(), date, 2)
		if o, _ := s.verify().Outcome("mso.shape"); o != verdict.Fail {
			t.Errorf("%q: mso.shape %s", date, o)
		}
	}
}
