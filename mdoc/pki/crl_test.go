package pki_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mobileid/mdoc/pki"
)

var oidNumber, oidReason = asn1.ObjectIdentifier{2, 5, 29, 20}, asn1.ObjectIdentifier{2, 5, 29, 21}

// crlTBS is RFC 5280, 5.1 TBSCertList with its parts open, to write what the Go library refuses to write.
type crlTBS struct {
	Version    int `asn1:"optional,default:0"`
	Signature  pkix.AlgorithmIdentifier
	Issuer     asn1.RawValue
	ThisUpdate time.Time
	NextUpdate time.Time        `asn1:"optional"`
	Revoked    asn1.RawValue    `asn1:"optional"`
	Extensions []pkix.Extension `asn1:"optional,explicit,tag:0"`
}

type crlEntry struct {
	Serial     *big.Int
	Date       time.Time
	Extensions []pkix.Extension `asn1:"optional"`
}

func entries(e ...crlEntry) asn1.RawValue { return asn1.RawValue{FullBytes: mustMarshal(e)} }

func entry(n int64, x ...pkix.Extension) crlEntry {
	return crlEntry{Serial: big.NewInt(n), Date: now.AddDate(0, 0, -2), Extensions: x}
}

// forgedCRL gives a list of the IACA with changes, signed with its key.
func (w *world) forgedCRL(change func(t *crlTBS)) []byte {
	w.tb.Helper()
	t := crlTBS{Version: 1, Signature: pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}},
		Issuer: asn1.RawValue{FullBytes: w.iaca.RawSubject}, ThisUpdate: now.AddDate(0, 0, -1), NextUpdate: now.AddDate(0, 0, 29),
		Revoked: entries(entry(41), entry(42)),
		Extensions: []pkix.Extension{ext(oidNumber, false, 7),
			ext(asn1.ObjectIdentifier{2, 5, 29, 35}, false, struct {
				ID []byte `asn1:"tag:0"`
			}{w.iaca.SubjectKeyId})}}
	change(&t)
	return w.seal(mustMarshal(t), t.Signature)
}

// crl makes a list as an authority would.
func (w *world) crl(number int64, revoked ...pki.Revocation) []byte {
	w.tb.Helper()
	return w.crlAt(now.AddDate(0, 0, -1), number, revoked...)
}

func (w *world) crlAt(at time.Time, number int64, revoked ...pki.Revocation) []byte {
	w.tb.Helper()
	der, err := pki.CreateCRL(pki.CRLTemplate{Profile: pki.CRLWithReasons, Number: big.NewInt(number), ThisUpdate: at,
		NextUpdate: at.AddDate(0, 0, 30), Revoked: revoked}, w.iaca, w.iacaKey)
	if err != nil {
		w.tb.Fatal(err)
	}
	return der
}

func TestCRLMadeHere(t *testing.T) {
	w := newWorld(t)
	days := now.AddDate(0, 0, -3)
	want := []pki.Revocation{{Serial: big.NewInt(5), Date: days, Reason: pki.CertificateHold}, {Serial: big.NewInt(9), Date: days},
		{Serial: new(big.Int).Lsh(big.NewInt(1), 158), Date: days, Reason: pki.CessationOfOperation}}
	der := w.crl(12, want[2], want[0], want[1])
	c, err := pki.ParseCRL(der)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, c.Revoked(), cmp.Comparer(func(a, b *big.Int) bool { return a.Cmp(b) == 0 })); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	if c.Number().Int64() != 12 || !bytes.Equal(c.Issuer(), w.iaca.RawSubject) || !c.ThisUpdate().Equal(now.AddDate(0, 0, -1)) ||
		!c.NextUpdate().Equal(now.AddDate(0, 0, 29)) || !bytes.Equal(c.Raw(), der) {
		t.Error("another number, issuer or period")
	}
	if v := c.Verify(w.iaca, now); !v.OK() {
		t.Error(v)
	}
	// The Go library reads it and agrees.
	list, err := x509.ParseRevocationList(der)
	if err != nil || list.CheckSignatureFrom(w.iaca) != nil || len(list.RevokedCertificateEntries) != 3 {
		t.Errorf("%v", err)
	}
}

func TestCreateCRLRefuses(t *testing.T) {
	w := newWorld(t)
	good := pki.CRLTemplate{Profile: pki.CRLAnnexB, Number: big.NewInt(1), ThisUpdate: now, NextUpdate: now.AddDate(0, 0, 90),
		Revoked: []pki.Revocation{{Serial: big.NewInt(5), Date: now}}}
	if _, err := pki.CreateCRL(good, w.iaca, w.iacaKey); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(t *pki.CRLTemplate){
		"no profile":                  func(t *pki.CRLTemplate) { t.Profile = 0 },
		"no number":                   func(t *pki.CRLTemplate) { t.Number = nil },
		"a number of 21 octets":       func(t *pki.CRLTemplate) { t.Number = new(big.Int).Lsh(big.NewInt(1), 160) },
		"91 days":                     func(t *pki.CRLTemplate) { t.NextUpdate = t.ThisUpdate.AddDate(0, 0, 91) },
		"an end before its beginning": func(t *pki.CRLTemplate) { t.NextUpdate = t.ThisUpdate.AddDate(0, 0, -1) },
		"a reason under Table B.10":   func(t *pki.CRLTemplate) { t.Revoked[0].Reason = pki.Superseded },
		"a reason that is not ours":   func(t *pki.CRLTemplate) { t.Profile = pki.CRLWithReasons; t.Revoked[0].Reason = pki.KeyCompromise },
		"a serial number twice":       func(t *pki.CRLTemplate) { t.Revoked = append(t.Revoked, t.Revoked[0]) },
		"a serial number of no one":   func(t *pki.CRLTemplate) { t.Revoked[0].Serial = big.NewInt(-1) },
		"a revocation after the list": func(t *pki.CRLTemplate) { t.Revoked[0].Date = now.Add(time.Hour) },
		"removal from a list of all":  func(t *pki.CRLTemplate) { t.Profile = pki.CRLWithReasons; t.Revoked[0].Reason = pki.RemoveFromCRL },
	} {
		t.Run(name, func(t *testing.T) {
			bad := good
			bad.Revoked = []pki.Revocation{good.Revoked[0]}
			change(&bad)
			if der, err := pki.CreateCRL(bad, w.iaca, w.iacaKey); err == nil || der != nil {
				t.Error("made all the same")
			}
		})
	}
	if _, err := pki.CreateCRL(good, w.iaca, w.dsKey); err == nil {
		t.Error("made with another's key")
	}
	if _, err := pki.CreateCRL(good, mustParse(t, w.create(pki.DocumentSigner, w.iaca)), w.dsKey); err == nil {
		t.Error("made by a document signer")
	}
}

// TestCRLFaults: each fault of a list, well signed, fails one check of Verify and those of LintCRL.
func TestCRLFaults(t *testing.T) {
	w := newWorld(t)
	with := func(x pkix.Extension) func(t *crlTBS) {
		return func(t *crlTBS) { t.Extensions = append(t.Extensions, x) }
	}
	listed := func(e ...crlEntry) func(t *crlTBS) { return func(t *crlTBS) { t.Revoked = entries(e...) } }
	reason := func(n int) pkix.Extension { return ext(oidReason, false, asn1.Enumerated(n)) }
	for name, c := range map[string]struct {
		change       func(t *crlTBS)
		verify, lint []string
	}{
		"nothing":            {func(*crlTBS) {}, nil, nil},
		"no entries":         {func(t *crlTBS) { t.Revoked = asn1.RawValue{} }, nil, nil},
		"another's name":     {func(t *crlTBS) { t.Issuer.FullBytes = name("TEST other") }, []string{"crl.issuer"}, []string{"crl.issuer"}},
		"name in other case": {func(t *crlTBS) { t.Issuer.FullBytes = name("TEST iaca") }, []string{"crl.issuer"}, []string{"crl.issuer"}},
		"another's key identifier": {func(t *crlTBS) {
			t.Extensions[1] = ext(asn1.ObjectIdentifier{2, 5, 29, 35}, false, struct {
				ID []byte `asn1:"tag:0"`
			}{[]byte{1}})
		}, []string{"crl.authority_key_id"}, []string{"crl.authority_key_id"}},
		"no key identifier": {func(t *crlTBS) { t.Extensions = t.Extensions[:1] }, nil, []string{"crl.extensions"}},
		"signed with SHA-1": {func(t *crlTBS) { t.Signature.Algorithm = ecdsaSHA1 }, []string{"crl.signature_algorithm"}, []string{"crl.signature_algorithm"}},
		"no number":         {func(t *crlTBS) { t.Extensions = t.Extensions[1:] }, []string{"crl.number"}, []string{"crl.number"}},
		"negative number":   {func(t *crlTBS) { t.Extensions[0] = ext(oidNumber, false, -7) }, []string{"crl.number"}, []string{"crl.number"}},
		"number of 21 octets": {func(t *crlTBS) { t.Extensions[0] = ext(oidNumber, false, new(big.Int).Lsh(big.NewInt(1), 160)) },
			[]string{"crl.number"}, []string{"crl.number"}},
		"number twice": {func(t *crlTBS) { t.Extensions = append(t.Extensions, t.Extensions[0]) }, []string{"crl.scope"}, []string{"crl.scope"}},
		"delta list": {with(ext(asn1.ObjectIdentifier{2, 5, 29, 27}, true, 6)), []string{"crl.scope"},
			[]string{"crl.extensions", "crl.scope"}},
		"issuing distribution point": {with(ext(asn1.ObjectIdentifier{2, 5, 29, 28}, false, []int{})), []string{"crl.scope"},
			[]string{"crl.extensions", "crl.scope"}},
		"unknown critical extension": {with(ext([]int{1, 2, 3}, true, 1)), []string{"crl.scope"}, []string{"crl.extensions", "crl.scope"}},
		"unknown extension":          {with(ext([]int{1, 2, 3}, false, 1)), nil, []string{"crl.extensions"}},
		"number critical":            {func(t *crlTBS) { t.Extensions[0].Critical = true }, []string{"crl.scope"}, []string{"crl.extensions", "crl.scope"}},
		"no next update":             {func(t *crlTBS) { t.NextUpdate = time.Time{} }, []string{"crl.validity"}, []string{"crl.period"}},
		"expired":                    {func(t *crlTBS) { t.NextUpdate = now.Add(-time.Second) }, []string{"crl.validity"}, nil},
		"from the future":            {func(t *crlTBS) { t.ThisUpdate = now.Add(time.Second) }, []string{"crl.validity"}, nil},
		"lives over 90 days":         {func(t *crlTBS) { t.NextUpdate = t.ThisUpdate.AddDate(0, 0, 91) }, nil, []string{"crl.period"}},
		"empty list":                 {func(t *crlTBS) { t.Revoked.FullBytes = []byte{0x30, 0} }, nil, []string{"crl.empty"}},
		"serial number twice":        {listed(entry(5), entry(5)), []string{"crl.entries"}, []string{"crl.entries"}},
		"serial number zero":         {listed(entry(0)), []string{"crl.entries"}, []string{"crl.entries"}},
		"serial of 21 octets":        {listed(crlEntry{Serial: new(big.Int).Lsh(big.NewInt(1), 161), Date: now.AddDate(0, 0, -2)}), []string{"crl.entries"}, []string{"crl.entries"}},
		"removed from list":          {listed(entry(5, reason(8))), []string{"crl.entries"}, []string{"crl.entries", "crl.entry_extensions"}},
		"another's certificate": {listed(entry(5, ext(asn1.ObjectIdentifier{2, 5, 29, 29}, true, []int{}))), []string{"crl.entries"},
			[]string{"crl.entries", "crl.entry_extensions"}},
		"another's certificate, not critical": {listed(entry(5, ext(asn1.ObjectIdentifier{2, 5, 29, 29}, false, []int{}))), []string{"crl.entries"},
			[]string{"crl.entries", "crl.entry_extensions"}},
		"entry with unknown critical": {listed(entry(5, ext([]int{1, 2, 3}, true, 1))), []string{"crl.entries"}, []string{"crl.entries", "crl.entry_extensions"}},
		"reason keyCompromise":        {listed(entry(5, reason(1))), nil, []string{"crl.entry_extensions"}},
		"reason superseded":           {listed(entry(5, reason(4))), nil, []string{"crl.entry_extensions"}},
		"entry after the list":        {func(t *crlTBS) { t.Revoked = entries(crlEntry{Serial: big.NewInt(5), Date: now}) }, nil, []string{"crl.entry_dates"}},
	} {
		t.Run(name, func(t *testing.T) {
			der := w.forgedCRL(c.change)
			list, err := pki.ParseCRL(der)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.verify, failedIDs(list.Verify(w.iaca, now))); diff != "" {
				t.Errorf("failed checks (-want +got):\n%s%s", diff, list.Verify(w.iaca, now))
			}
			if diff := cmp.Diff(c.lint, failedIDs(pki.LintCRL(der, w.iaca, pki.CRLAnnexB))); diff != "" {
				t.Errorf("failed lint (-want +got):\n%s", diff)
			}
		})
	}
	if v := pki.LintCRL(w.forgedCRL(listed(entry(5, reason(4)))), w.iaca, pki.CRLWithReasons); !v.OK() {
		t.Errorf("a reason under the profile with reasons: %s", v)
	}
	for _, reasons := range [][]pkix.Extension{{reason(1)}, {reason(0)}, {ext([]int{1, 2, 3}, false, 1)}} {
		if v := pki.LintCRL(w.forgedCRL(listed(entry(5, reasons...))), w.iaca, pki.CRLWithReasons); !cmp.Equal(failedIDs(v), []string{"crl.entry_extensions"}) {
			t.Errorf("%v: %s", reasons, v)
		}
	}
	if v := pki.LintCRL(w.forgedCRL(listed(entry(5, reason(4)))), w.iaca, 0); !cmp.Equal(failedIDs(v), []string{"crl.entry_extensions"}) {
		t.Errorf("a reason under no profile: %s", v)
	}
	if v := pki.LintCRL([]byte{1}, w.iaca, pki.CRLAnnexB); !cmp.Equal(failedIDs(v), []string{"crl.der"}) {
		t.Error(v)
	}
}

// TestCRLOfAnotherIssuer: the key, the name and the right to sign lists must all be the issuer's.
func TestCRLOfAnotherIssuer(t *testing.T) {
	w, other := newWorld(t), newWorld(t)
	list, err := pki.ParseCRL(w.crl(1))
	if err != nil {
		t.Fatal(err)
	}
	if v := list.Verify(other.iaca, now); !cmp.Equal(failedIDs(v), []string{"crl.authority_key_id", "crl.signature"}) {
		t.Errorf("another authority of the same name: %s", v)
	}
	signer := mustParse(t, w.sign(&x509.Certificate{SerialNumber: big.NewInt(9), RawSubject: w.iaca.RawSubject, NotAfter: now.AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, SubjectKeyId: w.iaca.SubjectKeyId}, w.iaca, w.iacaKey.Public()))
	if v := list.Verify(signer, now); !cmp.Equal(failedIDs(v), []string{"crl.issuer_usage"}) {
		t.Errorf("an issuer that may not: %s", v)
	}
}

func TestParseCRLRefuses(t *testing.T) {
	w := newWorld(t)
	good := w.crl(1)
	for name, der := range map[string][]byte{
		"empty": nil, "a certificate": w.iaca.Raw, "trailing byte": append(bytes.Clone(good), 0), "cut": good[:len(good)-1],
		"version 1": w.forgedCRL(func(t *crlTBS) { t.Version, t.Extensions = 0, nil }), "too large": make([]byte, 512<<10+1),
	} {
		t.Run(name, func(t *testing.T) {
			if c, err := pki.ParseCRL(der); err == nil || c != nil {
				t.Error("accepted")
			}
		})
	}
}

func TestReasonNames(t *testing.T) {
	for r := pki.Unspecified; r <= pki.AACompromise; r++ {
		back, err := pki.ParseReason(r.String())
		if err != nil || back != r {
			t.Errorf("%d reads back as %d: %v", r, back, err)
		}
	}
	if _, err := pki.ParseReason("because"); err == nil || pki.Reason(99).String() != "reason 99" {
		t.Error("a reason that is none")
	}
}

// largestCRL is a list of the most bytes that are read, or nearly.
func largestCRL(tb testing.TB, w *world) []byte {
	tb.Helper()
	many := make([]crlEntry, 0, 12000)
	for i := range cap(many) {
		many = append(many, entry(int64(1<<60+i)))
	}
	der := w.forgedCRL(func(t *crlTBS) { t.Revoked = entries(many...) })
	if len(der) > pki.MaxCRL {
		tb.Fatalf("%d bytes", len(der))
	}
	return der
}

func TestLargestCRL(t *testing.T) {
	w := newWorld(t)
	c, err := pki.ParseCRL(largestCRL(t, w))
	if err != nil {
		t.Fatal(err)
	}
	if v := c.Verify(w.iaca, now); !v.OK() || len(c.Revoked()) != 12000 {
		t.Errorf("%d entries: %s", len(c.Revoked()), v)
	}
}

// BenchmarkLargestCRL shows our reading beside the Go library's alone.
func BenchmarkLargestCRL(b *testing.B) {
	w := newWorld(b)
	der := largestCRL(b, w)
	b.Run("ours", func(b *testing.B) {
		for b.Loop() {
			if c, err := pki.ParseCRL(der); err != nil || !c.Verify(w.iaca, now).OK() {
				b.Fatal("refused")
			}
		}
	})
	b.Run("library", func(b *testing.B) {
		for b.Loop() {
			if list, err := x509.ParseRevocationList(der); err != nil || list.CheckSignatureFrom(w.iaca) != nil {
				b.Fatal("refused")
			}
		}
	})
}

// FuzzParseCRL looks for panics, and for a list that verifies though the authority never signed it.
func FuzzParseCRL(f *testing.F) {
	w := newWorld(f)
	genuine := w.crl(3, pki.Revocation{Serial: big.NewInt(5), Date: now.AddDate(0, 0, -3), Reason: pki.CertificateHold})
	f.Add(genuine)
	f.Add(w.forgedCRL(func(*crlTBS) {})[:60])
	f.Add(w.forgedCRL(func(t *crlTBS) { t.Revoked.FullBytes = []byte{0x30, 0} })[:200])
	lists := pki.NewRevocationLists(mustAnchors(f, w.iaca))
	signed := mustCRL(f, genuine)
	f.Fuzz(func(t *testing.T, der []byte) {
		c, err := pki.ParseCRL(der)
		if within, failed := pki.ParseCRLWithin(der, pki.MaxCRL); (failed == nil) != (err == nil) {
			t.Error("another bound, another list")
		} else if failed == nil && within.VerifyPart(w.iaca, now).OK() {
			_ = within.Covers(w.iaca)
		}
		_ = pki.LintCRL(der, w.iaca, pki.CRLWithReasons).OK()
		if err != nil {
			if c != nil || lists.Put(der, now) == nil {
				t.Error("an error and a result")
			}
			return
		}
		if !bytes.Equal(c.Raw(), der) {
			t.Error("other bytes kept")
		}
		if c.Verify(w.iaca, now).OK() && (c.Number().Cmp(signed.Number()) != 0 || len(c.Revoked()) != 1) {
			t.Error("verified, though the authority never signed it")
		}
	})
}

func mustCRL(tb testing.TB, der []byte) *pki.CRL {
	tb.Helper()
	c, err := pki.ParseCRL(der)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func mustAnchors(tb testing.TB, roots ...*x509.Certificate) *pki.Anchors {
	tb.Helper()
	var ders [][]byte
	for _, r := range roots {
		ders = append(ders, r.Raw)
	}
	a, err := pki.NewAnchors(ders...)
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

// TestRevocationLists: what a set says of a certificate after each list it was shown.
func TestRevocationLists(t *testing.T) {
	w, stranger := newWorld(t), newWorld(t)
	leaf := mustParse(t, w.create(pki.DocumentSigner, w.iaca))
	revoked := pki.Revocation{Serial: leaf.SerialNumber, Date: now.AddDate(0, 0, -3), Reason: pki.Superseded}
	held := revoked
	held.Reason = pki.CertificateHold
	for name, c := range map[string]struct {
		lists    [][]byte
		refused  error // the last list's
		at       time.Time
		state    pki.RevocationState
		measured string
	}{
		"none":                   {state: pki.RevocationUnknown, measured: "no CRL"},
		"good":                   {lists: [][]byte{w.crl(1)}, state: pki.NotRevoked, measured: "CRL 1"},
		"at its last second":     {lists: [][]byte{w.crl(1)}, at: now.AddDate(0, 0, 29), state: pki.NotRevoked, measured: "CRL 1"},
		"expired":                {lists: [][]byte{w.crl(1)}, at: now.AddDate(0, 0, 29).Add(time.Second), state: pki.RevocationUnknown, measured: "expired"},
		"before it":              {lists: [][]byte{w.crl(1)}, at: now.AddDate(0, 0, -2), state: pki.RevocationUnknown, measured: "from the future"},
		"expired when put":       {lists: [][]byte{w.crlAt(now.AddDate(0, -2, 0), 1)}, state: pki.RevocationUnknown, measured: "expired"},
		"revoked":                {lists: [][]byte{w.crl(1, revoked)}, state: pki.Revoked, measured: "superseded"},
		"on hold":                {lists: [][]byte{w.crl(1, held)}, state: pki.Revoked, measured: "on hold"},
		"revoked, expired":       {lists: [][]byte{w.crl(1, revoked)}, at: now.AddDate(1, 0, 0), state: pki.Revoked, measured: "revoked"},
		"returned":               {lists: [][]byte{w.crl(1, held), w.crl(2)}, state: pki.NotRevoked, measured: "CRL 2"},
		"newer revokes":          {lists: [][]byte{w.crl(1), w.crl(2, revoked)}, state: pki.Revoked, measured: "CRL 2"},
		"older than seen":        {lists: [][]byte{w.crl(2, revoked), w.crl(1)}, refused: pki.ErrCRLOlder, state: pki.Revoked, measured: "CRL 2"},
		"same number":            {lists: [][]byte{w.crl(2, revoked), w.crl(2)}, refused: pki.ErrCRLOlder, state: pki.Revoked, measured: "CRL 2"},
		"higher number, earlier": {lists: [][]byte{w.crl(2, revoked), w.crlAt(now.AddDate(0, 0, -4), 3)}, refused: pki.ErrCRLOlder, state: pki.Revoked, measured: "CRL 2"},
		"another CA's":           {lists: [][]byte{stranger.crl(1)}, refused: pki.ErrCRLNotTrusted, state: pki.RevocationUnknown, measured: "no CRL"},
		"without number":         {lists: [][]byte{w.forgedCRL(func(t *crlTBS) { t.Extensions = t.Extensions[1:] })}, refused: pki.ErrCRLNotTrusted, state: pki.RevocationUnknown, measured: "no CRL"},
		"from the future":        {lists: [][]byte{w.crlAt(now.Add(time.Hour), 1)}, refused: pki.ErrCRLNotTrusted, state: pki.RevocationUnknown, measured: "no CRL"},
		"malformed":              {lists: [][]byte{{1, 2}}, refused: pki.ErrCRLNotTrusted, state: pki.RevocationUnknown, measured: "no CRL"},
	} {
		t.Run(name, func(t *testing.T) {
			set := pki.NewRevocationLists(mustAnchors(t, w.iaca), mustAnchors(t, w.readerRoot))
			var err error
			for _, der := range c.lists {
				if err = set.Put(der, now); err != nil && c.refused == nil {
					t.Fatal(err)
				}
			}
			if c.refused != nil && !errors.Is(err, c.refused) {
				t.Errorf("error %v, expected %v", err, c.refused)
			}
			if c.at.IsZero() {
				c.at = now
			}
			got := set.Revocation(leaf, w.iaca, c.at)
			if got.State != c.state || !strings.Contains(got.Measured, c.measured) {
				t.Errorf("answer %+v, expected state %d with %q", got, c.state, c.measured)
			}
			if got.State == pki.Revoked && (!got.Date.Equal(revoked.Date) || got.Reason == pki.Unspecified) {
				t.Errorf("revoked %s, reason %s", got.Date, got.Reason)
			}
			wantOutcome := map[pki.RevocationState]string{pki.NotRevoked: "pass", pki.Revoked: "fail", pki.RevocationUnknown: "not_run"}[c.state]
			if string(got.Outcome()) != wantOutcome {
				t.Errorf("outcome %s", got.Outcome())
			}
		})
	}
}

// TestRevocationOfNoNumber asks for a certificate without a serial number, which no list can name.
func TestRevocationOfNoNumber(t *testing.T) {
	w := newWorld(t)
	set := pki.NewRevocationLists(mustAnchors(t, w.iaca))
	if err := set.Put(w.crl(1), now); err != nil {
		t.Fatal(err)
	}
	if got := set.Revocation(&x509.Certificate{}, w.iaca, now); got.State == pki.Revoked {
		t.Errorf("answer %+v", got)
	}
}

// TestRevocationListsOfGenerations: two keys under one name have a list each, and no other certificate is answered for.
func TestRevocationListsOfGenerations(t *testing.T) {
	w, next := newWorld(t), newWorld(t)
	set := pki.NewRevocationLists(mustAnchors(t, w.iaca, next.iaca))
	leaf := mustParse(t, w.create(pki.DocumentSigner, w.iaca))
	if err := set.Put(w.crl(9, pki.Revocation{Serial: leaf.SerialNumber, Date: now.AddDate(0, 0, -3)}), now); err != nil {
		t.Fatal(err)
	}
	if err := set.Put(next.crl(1), now); err != nil {
		t.Fatal(err)
	}
	if got := len(set.Lists()); got != 2 {
		t.Errorf("%d lists held, expected 2", got)
	}
	if got := set.Revocation(leaf, w.iaca, now); got.State != pki.Revoked {
		t.Errorf("%+v", got)
	}
	if got := set.Revocation(leaf, next.iaca, now); got.State != pki.NotRevoked {
		t.Errorf("%+v", got)
	}
	if got := set.Revocation(leaf, nil, now); got.State != pki.RevocationUnknown {
		t.Errorf("%+v", got)
	}
	if got := set.Revocation(leaf, w.readerRoot, now); got.State != pki.RevocationUnknown {
		t.Errorf("%+v", got)
	}
}

func BenchmarkRevocation(b *testing.B) {
	w := newWorld(b)
	set := pki.NewRevocationLists(mustAnchors(b, w.iaca))
	leaf := mustParse(b, w.create(pki.DocumentSigner, w.iaca))
	if err := set.Put(w.crl(1), now); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if set.Revocation(leaf, w.iaca, now).State != pki.NotRevoked {
			b.Fatal("revoked")
		}
	}
}

// TestCRLOfAnRSAIssuer: the lists of Japan's JPKI are signed with RSA-2048 and SHA-256.
func TestCRLOfAnRSAIssuer(t *testing.T) {
	for name, c := range map[string]struct {
		bits      int
		algorithm x509.SignatureAlgorithm
		want      bool
	}{
		"RSA-2048, SHA-256": {2048, x509.SHA256WithRSA, true},
		"RSA-2048, SHA-384": {2048, x509.SHA384WithRSA, false},
		"RSA-1024, SHA-256": {1024, x509.SHA256WithRSA, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("GODEBUG", "rsa1024min=0")
			key, err := rsa.GenerateKey(rand.Reader, c.bits)
			if err != nil {
				t.Fatal(err)
			}
			template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(1, 0, 0),
				IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCRLSign | x509.KeyUsageCertSign, SubjectKeyId: []byte{1}}
			der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
			if err != nil {
				t.Fatal(err)
			}
			ca := mustParse(t, der)
			der, err = x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: now,
				NextUpdate: now.AddDate(0, 0, 1), SignatureAlgorithm: c.algorithm}, ca, key)
			if err != nil {
				t.Fatal(err)
			}
			list := mustCRL(t, der)
			if v := list.Verify(ca, now); v.OK() != c.want {
				t.Error(v)
			}
			// The set never takes it: its anchors have no RSA keys.
			if pki.NewRevocationLists(mustAnchors(t, newWorld(t).iaca)).Put(der, now) == nil {
				t.Error("taken")
			}
		})
	}
}

// TestCRLOfAPoint: a list of one distribution point is in scope for VerifyPart alone, and covers who names the point.
func TestCRLOfAPoint(t *testing.T) {
	w := newWorld(t)
	uri := func(s string) asn1.RawValue { return asn1.RawValue{Class: 2, Tag: 6, Bytes: []byte(s)} }
	type pointName struct {
		Full []asn1.RawValue `asn1:"tag:0"`
	}
	type issuing struct {
		Point   pointName      `asn1:"tag:0"`
		Users   bool           `asn1:"tag:1,optional"`
		CAs     bool           `asn1:"tag:2,optional"`
		Reasons asn1.BitString `asn1:"tag:3,optional"`
	}
	type distribution struct {
		Point   pointName      `asn1:"tag:0"`
		Reasons asn1.BitString `asn1:"tag:1,optional"`
	}
	at := func(s string) pointName { return pointName{[]asn1.RawValue{uri("https://x.example"), uri(s)}} }
	const here, there = "https://issuer.example/crl", "https://issuer.example/other"
	some := asn1.BitString{Bytes: []byte{0x40}, BitLength: 2}
	oidPoint, oidPoints := asn1.ObjectIdentifier{2, 5, 29, 28}, asn1.ObjectIdentifier{2, 5, 29, 31}
	named := &x509.Certificate{SerialNumber: big.NewInt(5), Extensions: []pkix.Extension{ext(oidPoints, false, []distribution{{Point: at(there)}, {Point: at(here)}})}}
	partly := &x509.Certificate{Extensions: []pkix.Extension{ext(oidPoints, false, []distribution{{Point: at(here), Reasons: some}})}}
	brokenPoints := &x509.Certificate{Extensions: []pkix.Extension{{Id: oidPoints, Value: []byte{0x30, 2, 4, 0}}}}
	brokenName := &x509.Certificate{Extensions: []pkix.Extension{{Id: oidPoints, Value: []byte{0x30, 6, 0x30, 4, 0xA0, 2, 0xA1, 0}}}}
	for name, c := range map[string]struct {
		point  any
		inPart bool
		covers []*x509.Certificate
	}{
		"named":        {issuing{Point: pointName{[]asn1.RawValue{uri(here)}}}, true, []*x509.Certificate{named}},
		"users alone":  {issuing{Point: pointName{[]asn1.RawValue{uri(here)}}, Users: true}, true, []*x509.Certificate{named}},
		"elsewhere":    {issuing{Point: pointName{[]asn1.RawValue{uri("https://y.example")}}}, true, nil},
		"CAs":          {issuing{Point: pointName{[]asn1.RawValue{uri(here)}}, CAs: true}, false, nil},
		"some reasons": {issuing{Point: pointName{[]asn1.RawValue{uri(here)}}, Reasons: some}, false, nil},
		"no sequence":  {5, false, nil},
		"no full name": {struct {
			A asn1.RawValue
		}{asn1.RawValue{Class: 2, Tag: 0, IsCompound: true, Bytes: []byte{0xA1, 0}}}, false, nil},
		"everyone": {struct{}{}, true, []*x509.Certificate{named, partly, brokenPoints, brokenName, {}}},
	} {
		t.Run(name, func(t *testing.T) {
			list := mustCRL(t, w.forgedCRL(func(t *crlTBS) { t.Extensions = append(t.Extensions, ext(oidPoint, true, c.point)) }))
			if v := list.Verify(w.iaca, now); v.OK() {
				t.Error("a full list")
			}
			if v := list.VerifyPart(w.iaca, now); v.OK() != c.inPart {
				t.Error(v)
			}
			var covered []*x509.Certificate
			for _, leaf := range []*x509.Certificate{named, partly, brokenPoints, brokenName, {}} {
				if list.Covers(leaf) {
					covered = append(covered, leaf)
				}
			}
			if len(covered) != len(c.covers) || len(covered) > 0 && covered[0] != c.covers[0] {
				t.Errorf("covers %d certificates, want %d", len(covered), len(c.covers))
			}
			if list.Covers(&x509.Certificate{IsCA: true, Extensions: named.Extensions}) {
				t.Error("covers a CA")
			}
		})
	}
	full := mustCRL(t, w.crl(4, pki.Revocation{Serial: big.NewInt(5), Date: now.AddDate(0, 0, -3), Reason: pki.Superseded}))
	if !full.Covers(&x509.Certificate{IsCA: true}) {
		t.Error("a full list does not cover a CA")
	}
	if e, found := full.Lookup(named.SerialNumber); !full.Covers(brokenPoints) || !found || e.Reason != pki.Superseded {
		t.Error("a full list does not cover all")
	}
	if _, found := full.Lookup(big.NewInt(6)); found {
		t.Error("another serial number is found")
	}
	if v := full.VerifyPart(w.iaca, now); !v.OK() {
		t.Error(v)
	}
	if c, err := pki.ParseCRLWithin(full.Raw(), len(full.Raw())-1); err == nil || c != nil {
		t.Error("no bound")
	}
}
