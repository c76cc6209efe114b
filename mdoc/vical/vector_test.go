package vical_test

import (
	"bytes"
	"crypto/x509"
	"math/big"
	"slices"
	"testing"
	"time"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/mdoctest"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/verdict"
	"mobileid/mdoc/vical"

	"github.com/google/go-cmp/cmp"
)

// sample is AAMVA's VICAL of 2025-11-18 with what its fields decode to.
type sample struct {
	VICAL        string `json:"vical"`
	Anchor       string `json:"trust_anchor_der"`
	Intermediate string `json:"intermediate_der"`
	Expected     struct {
		Version    string `json:"version"`
		Provider   string `json:"vicalProvider"`
		Date       string `json:"date"`
		IssueID    uint64 `json:"vicalIssueID"`
		NextUpdate string `json:"nextUpdate"`
		Entries    []struct {
			Country  string   `json:"issuingCountry"`
			State    string   `json:"stateOrProvinceName"`
			DocTypes []string `json:"docType"`
			Serial   string   `json:"serialNumber"`
			SKI      string   `json:"ski_field"`
			CertSKI  string   `json:"ski_of_certificate"`
			Keys     []string `json:"keys"`
		} `json:"entries"`
	} `json:"expected"`
}

func load(tb testing.TB) sample {
	tb.Helper()
	var s sample
	mdoctest.ReadJSON(tb, "iso18013-5/vical-aamva-2025-11-18.json", &s)
	if len(s.Expected.Entries) == 0 {
		tb.Fatal("the sample expects nothing")
	}
	return s
}

func (s sample) anchors(tb testing.TB) *pki.Anchors {
	tb.Helper()
	a, err := pki.NewAnchorsFor(pki.VICALRoot, mdoctest.Hex(tb, s.Anchor))
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

// own is a moment at which the sample is in force.
func (s sample) own(tb testing.TB) time.Time {
	tb.Helper()
	at, err := time.Parse(time.RFC3339, s.Expected.Date)
	if err != nil {
		tb.Fatal(err)
	}
	return at.Add(time.Hour)
}

func TestAAMVADecodes(t *testing.T) {
	s := load(t)
	raw := mdoctest.Hex(t, s.VICAL)
	signed, err := vical.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(signed.Bytes(), raw) {
		t.Error("the bytes were not kept")
	}
	c := signed.Content()
	if c.Version != s.Expected.Version || c.Provider != s.Expected.Provider || c.Date.String() != s.Expected.Date ||
		c.IssueID == nil || *c.IssueID != s.Expected.IssueID || c.NextUpdate == nil || c.NextUpdate.String() != s.Expected.NextUpdate {
		t.Errorf("decoded %s %s %s %v %v", c.Version, c.Provider, c.Date, c.IssueID, c.NextUpdate)
	}
	if len(c.Certificates) != len(s.Expected.Entries) {
		t.Fatalf("%d entries, want %d", len(c.Certificates), len(s.Expected.Entries))
	}
	for i, want := range s.Expected.Entries {
		got := c.Certificates[i]
		cert, err := x509.ParseCertificate(got.Certificate)
		if err != nil {
			t.Fatal(err)
		}
		serial, ok := new(big.Int).SetString(want.Serial, 0)
		if !ok || got.SerialNumber.Cmp(serial) != 0 || cert.SerialNumber.Cmp(serial) != 0 {
			t.Errorf("entry %d: serial number %x, want %s", i, got.SerialNumber, want.Serial)
		}
		keys := slices.Sorted(slices.Values(got.Members))
		if got.IssuingCountry != want.Country || got.StateOrProvinceName != want.State || !slices.Equal(got.DocTypes, want.DocTypes) ||
			!bytes.Equal(got.SKI, mdoctest.Hex(t, want.SKI)) || !bytes.Equal(cert.SubjectKeyId, mdoctest.Hex(t, want.CertSKI)) || !slices.Equal(keys, want.Keys) {
			t.Errorf("entry %d: %q %q %q %x, members %q; want %+v", i, got.IssuingCountry, got.StateOrProvinceName, got.DocTypes, got.SKI, keys, want)
		}
	}
	again, err := cbor.Marshal(c)
	m, err2 := cose.ParseSign1(raw)
	if err != nil || err2 != nil || !bytes.Equal(again, m.Payload()) {
		t.Errorf("encodes back to %d bytes of %d: %v, %v", len(again), len(m.Payload()), err, err2)
	}
}

// The sample verifies at its own clock, and its verdict names what it breaks.
func TestAAMVAVerifies(t *testing.T) {
	s := load(t)
	signed, err := vical.Parse(mdoctest.Hex(t, s.VICAL))
	if err != nil {
		t.Fatal(err)
	}
	list, v, err := signed.Verify(s.anchors(t), s.own(t))
	if err != nil || !v.OK() || list == nil {
		t.Fatalf("error %v, verdict %s", err, v)
	}
	want := map[string]string{
		"tolerance.x5chain_root":              "the anchor itself closes the chain",
		"tolerance.vical_ski":                 "key identifier wrapped in an OCTET STRING in 14 of 14 entries",
		"tolerance.vical_members":             "members in another case in 14 of 14 entries",
		"tolerance.vical_certificate_profile": "no certificateProfile in 14 of 14 entries",
		// Six authorities whose hours lie after noon have them on the twelve-hour clock.
		"tolerance.vical_description": "not as in the certificate: notAfter, notBefore in 6 of 14 entries",
	}
	for id, measured := range want {
		if got := measuredBy(v, id); got != measured {
			t.Errorf("%s says %q, want %q", id, got, measured)
		}
	}
	for _, id := range []string{"tolerance.vical_overdue", "tolerance.vical_certificate", "tolerance.vical_serial_number"} {
		if got := measuredBy(v, id); got != "" {
			t.Errorf("%s says %q where there is nothing to tolerate", id, got)
		}
	}
	lint := vical.Lint(signed)
	for _, id := range []string{"vical.form.ski", "vical.form.members", "vical.form.certificate_profile", "vical.form.description", "vical.form.x5chain"} {
		if o, _ := lint.Outcome(id); o != verdict.Fail {
			t.Errorf("lint: %s is %q, want fail", id, o)
		}
	}
	const mDL = "org.iso.18013.5.1.mDL"
	for i, c := range list.Content().Certificates {
		if !list.Lists(c.Certificate, mDL, s.own(t)) || list.Lists(c.Certificate, "org.iso.23220.photoid.1", s.own(t)) {
			t.Errorf("entry %d is not listed for the mDL alone", i)
		}
	}
	anchors, leftOut, err := list.Anchors(mDL, s.own(t))
	if err != nil || len(anchors.Certificates())+leftOut != len(s.Expected.Entries) || leftOut > 2 {
		t.Errorf("%v anchors, %d left out, error %v", anchors, leftOut, err)
	}
}

// The sample's chain is the one the file prints.
func TestAAMVAChain(t *testing.T) {
	s := load(t)
	m, err := cose.ParseSign1(mdoctest.Hex(t, s.VICAL))
	if err != nil {
		t.Fatal(err)
	}
	chain, err := m.X5Chain()
	if err != nil || len(chain) != 3 || !bytes.Equal(chain[1], mdoctest.Hex(t, s.Intermediate)) || !bytes.Equal(chain[2], mdoctest.Hex(t, s.Anchor)) {
		t.Errorf("a chain of %d, %v: not the printed one", len(chain), err)
	}
}

// One moment, one bit, or one root changed, and one check fails.
func TestAAMVARefused(t *testing.T) {
	s := load(t)
	raw := mdoctest.Hex(t, s.VICAL)
	flipped := bytes.Clone(raw)
	flipped[len(flipped)-1] ^= 1 // in the signature
	name := bytes.Clone(raw)
	name[bytes.Index(name, []byte("AAMVA\x64date"))] ^= 0x20 // in the provider's name
	stranger := newWorld(t).anchors
	for label, tc := range map[string]struct {
		raw     []byte
		anchors *pki.Anchors
		at      time.Time
		want    []string
	}{
		"changed signature":     {flipped, s.anchors(t), s.own(t), []string{"vical.signature"}},
		"changed content":       {name, s.anchors(t), s.own(t), []string{"vical.signature"}},
		"before its date":       {raw, s.anchors(t), s.own(t).Add(-2 * time.Hour), []string{"vical.date"}},
		"another root":          {raw, stranger, s.own(t), []string{"chain.path"}},
		"after the certificate": {raw, s.anchors(t), s.own(t).AddDate(20, 0, 0), []string{"chain.validity"}},
	} {
		t.Run(label, func(t *testing.T) {
			signed, err := vical.Parse(tc.raw)
			if err != nil {
				t.Fatal(err)
			}
			list, v, err := signed.Verify(tc.anchors, tc.at)
			if err != nil || list != nil {
				t.Fatalf("list %v, error %v", list, err)
			}
			if d := cmp.Diff(tc.want, failed(v)); d != "" {
				t.Errorf("%s\n%s", d, v)
			}
		})
	}
}

func measuredBy(v verdict.Verdict, id string) string {
	for _, c := range v.Checks {
		if c.ID == id {
			return c.Measured
		}
	}
	return ""
}

func failed(v verdict.Verdict) []string {
	var out []string
	for _, c := range v.Failed() {
		out = append(out, c.ID)
	}
	return out
}

// A list that parses keeps its bytes; one that does not gives nothing; no change of the sample verifies.
func FuzzParse(f *testing.F) {
	s := load(f)
	raw := mdoctest.Hex(f, s.VICAL)
	anchors, at := s.anchors(f), s.own(f)
	f.Add(raw)
	f.Add(newWorld(f).sign(f, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		signed, err := vical.Parse(b)
		if err != nil {
			if signed != nil {
				t.Fatal("a refused VICAL left something behind")
			}
			return
		}
		if !bytes.Equal(signed.Bytes(), b) {
			t.Fatal("the bytes were not kept")
		}
		vical.Lint(signed)
		list, _, err := signed.Verify(anchors, at)
		if err != nil {
			t.Fatal(err)
		}
		// Only the unprotected header is not signed, and x5chain alone decides nothing there.
		if list != nil && !bytes.Contains(b, raw[len(raw)-64:]) {
			t.Fatal("another list than the sample verifies")
		}
	})
}
