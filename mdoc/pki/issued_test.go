package pki_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mobileid/mdoc/pki"
)

// TestLintIssued: what a certificate owes to the one that issued it.
func TestLintIssued(t *testing.T) {
	w := newWorld(t)
	state := w.root(pki.IACA, "JP", "JP-13")
	leaf := func(change func(t *pki.Template), p pki.Profile, parent *x509.Certificate) []byte {
		tpl := w.template(p)
		tpl.State = "JP-13"
		change(&tpl)
		der, err := pki.Create(tpl, w.dsKey.Public(), parent, w.iacaKey, nil)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	ds := leaf(func(*pki.Template) {}, pki.DocumentSigner, state)
	stranger := newWorld(t)
	for name, c := range map[string]struct {
		der    []byte
		p      pki.Profile
		issuer *x509.Certificate
		want   []string
	}{
		"as it should be":          {ds, pki.DocumentSigner, state, nil},
		"issuer without the state": {w.create(pki.DocumentSigner, w.iaca), pki.DocumentSigner, w.iaca, nil},
		"state missing":            {w.create(pki.DocumentSigner, w.iaca), pki.DocumentSigner, state, []string{"cert.issuer.name", "cert.issuer.state"}},
		"another state": {leaf(func(t *pki.Template) { t.State = "JP-27" }, pki.DocumentSigner, w.iaca), pki.DocumentSigner, state,
			[]string{"cert.issuer.name", "cert.issuer.state"}},
		"another issuer": {ds, pki.DocumentSigner, w.readerRoot, []string{"cert.issuer.name"}},
		"another key":    {w.create(pki.DocumentSigner, w.iaca), pki.DocumentSigner, stranger.iaca, []string{"cert.issuer.key_id", "cert.issuer.signature"}},
	} {
		t.Run(name, func(t *testing.T) {
			v := pki.LintIssued(c.der, c.p, c.issuer)
			got := failedIDs(v)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("failed checks (-want +got):\n%s%s", diff, v)
			}
		})
	}
	for name, c := range map[string]struct {
		der    []byte
		p      pki.Profile
		issuer *x509.Certificate
		id     string
	}{
		"begins before its issuer": {w.forged(func(t *x509.Certificate) { t.NotBefore = w.iaca.NotBefore.Add(-time.Second) }), pki.DocumentSigner, w.iaca, "cert.issuer.validity"},
		"outlives its issuer":      {w.forged(func(t *x509.Certificate) { t.NotAfter = w.iaca.NotAfter.Add(time.Second) }), pki.DocumentSigner, w.iaca, "cert.issuer.validity"},
		"another country":          {w.forged(func(t *x509.Certificate) { t.Subject.Country = []string{"KR"} }), pki.DocumentSigner, w.iaca, "cert.issuer.country"},
		"neither has a country":    {w.forged(func(t *x509.Certificate) { t.Subject.Country = nil }), pki.DocumentSigner, w.seRoot, "cert.issuer.country"},
	} {
		t.Run(name, func(t *testing.T) {
			if v := pki.LintIssued(c.der, c.p, c.issuer); !slices.Contains(failedIDs(v), c.id) {
				t.Errorf("%s does not fail: %s", c.id, v)
			}
		})
	}
	edwardsPublic, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	self := rootTemplate()
	edRoot := mustParse(t, w.signWith(self, &x509.Certificate{RawSubject: mustMarshal(self.Subject.ToRDNSequence())}, edwardsPublic, edwards))
	if v := pki.LintIssued(w.signWith(w.dsTemplate(), edRoot, w.dsKey.Public(), edwards), pki.DocumentSigner, edRoot); !slices.Contains(failedIDs(v), "cert.issuer.signature") {
		t.Errorf("signed with Ed25519: %s", v)
	}
	s := succeed(t, "TEST IACA second")
	for name, c := range map[string]struct {
		names []pkix.Extension
		want  []string
	}{
		"absent":   {nil, []string{"cert.subject_alt_name"}},
		"another":  {[]pkix.Extension{formerName(false, s.next.RawSubject)}, []string{"cert.subject_alt_name"}},
		"critical": {[]pkix.Extension{formerName(true, s.iaca.RawSubject)}, []string{"cert.critical_extensions", "cert.subject_alt_name"}},
		"its own":  {[]pkix.Extension{formerName(false, s.iaca.RawSubject)}, nil},
	} {
		t.Run("former name "+name, func(t *testing.T) {
			link := mustParse(t, s.link())
			template := &x509.Certificate{SerialNumber: link.SerialNumber, RawSubject: link.RawSubject, NotBefore: link.NotBefore, NotAfter: link.NotAfter,
				KeyUsage: link.KeyUsage, BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: true, SubjectKeyId: link.SubjectKeyId,
				CRLDistributionPoints: link.CRLDistributionPoints, ExtraExtensions: append(c.names, w.dsTemplate().ExtraExtensions[1])}
			v := pki.LintIssued(s.sign(template, s.iaca, s.nextKey.Public()), pki.IACALink, s.iaca)
			if diff := cmp.Diff(c.want, failedIDs(v)); diff != "" {
				t.Errorf("failed checks (-want +got):\n%s%s", diff, v)
			}
		})
	}
	if v := pki.LintIssued(nil, pki.DocumentSigner, state); v.OK() {
		t.Error("an empty certificate passes")
	}
	if v := pki.LintIssued(ds, 0, state); v.OK() {
		t.Error("no profile passes")
	}
}

// formerName is a subject alternative name that holds one name.
func formerName(critical bool, name []byte) pkix.Extension {
	return ext([]int{2, 5, 29, 17}, critical, []asn1.RawValue{{Class: asn1.ClassContextSpecific, Tag: 4, IsCompound: true, Bytes: name}})
}

// TestReaderUnderIACA: a reader certificate under an IACA owes its contact and country, one under a reader root does not.
func TestReaderUnderIACA(t *testing.T) {
	w := newWorld(t)
	bare := w.template(pki.ReaderAuth)
	bare.IssuerAltURI, bare.Country = "", ""
	if _, err := pki.Create(bare, w.dsKey.Public(), w.readerRoot, w.iacaKey, nil); err != nil {
		t.Errorf("under a reader root: %v", err)
	}
	if _, err := pki.Create(bare, w.dsKey.Public(), w.iaca, w.iacaKey, nil); err == nil {
		t.Error("under an IACA it is made without contact and country")
	}
	der, err := pki.Create(bare, w.dsKey.Public(), w.readerRoot, w.iacaKey, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"cert.issuer.alt_name", "cert.issuer.country", "cert.issuer.name"}
	if diff := cmp.Diff(want, failedIDs(pki.LintIssued(der, pki.ReaderAuth, w.iaca))); diff != "" {
		t.Errorf("failed checks (-want +got):\n%s", diff)
	}
}

// TestProfileRules makes a certificate of every profile with one thing missing or too much, which Create must refuse.
func TestProfileRules(t *testing.T) {
	w := newWorld(t)
	days := func(n int) func(t *pki.Template) {
		return func(t *pki.Template) { t.NotBefore, t.NotAfter = now, now.AddDate(0, 0, n) }
	}
	for _, c := range []struct {
		name    string
		profile pki.Profile
		parent  *x509.Certificate
		change  func(t *pki.Template)
		good    bool
	}{
		{"VICAL signer of 1187 days", pki.VICALSigner, w.vicalRoot, days(1187), true},
		{"VICAL signer of 1188 days", pki.VICALSigner, w.vicalRoot, days(1188), false},
		{"VICAL signer without organization", pki.VICALSigner, w.vicalRoot, func(t *pki.Template) { t.Organization = "" }, false},
		{"VICAL signer without country", pki.VICALSigner, w.vicalRoot, func(t *pki.Template) { t.Country = "" }, false},
		{"VICAL signer without list", pki.VICALSigner, w.vicalRoot, func(t *pki.Template) { t.CRLURI = "" }, false},
		{"VICAL signer under a secure element root", pki.VICALSigner, w.seRoot, func(*pki.Template) {}, false},
		{"reader of 1187 days", pki.ReaderAuth, w.readerRoot, days(1187), true},
		{"reader of 1188 days", pki.ReaderAuth, w.readerRoot, days(1188), false},
		{"reader with responder", pki.ReaderAuth, w.readerRoot, func(t *pki.Template) { t.OCSPURI = "http://ocsp.example/" }, true},
		{"status signer of 1188 days", pki.StatusSigner, w.iaca, days(1188), false},
		{"OCSP signer of 457 days", pki.OCSPSigner, w.iaca, days(457), true},
		{"OCSP signer of 458 days", pki.OCSPSigner, w.iaca, days(458), false},
		{"OCSP signer without check", pki.OCSPSigner, w.iaca, func(t *pki.Template) { days(90)(t); t.CRLURI, t.OCSPNoCheck = "", true }, true},
		{"OCSP signer without check, 91 days", pki.OCSPSigner, w.iaca, func(t *pki.Template) { days(91)(t); t.CRLURI, t.OCSPNoCheck = "", true }, false},
		{"OCSP signer with neither", pki.OCSPSigner, w.iaca, func(t *pki.Template) { t.CRLURI = "" }, false},
		{"document signer without check", pki.DocumentSigner, w.iaca, func(t *pki.Template) { t.OCSPNoCheck = true }, false},
		{"JWS signer of 458 days", pki.JWSSigner, w.iaca, days(458), false},
		{"JWS signer without contact", pki.JWSSigner, w.iaca, func(t *pki.Template) { t.IssuerAltURI = "" }, false},
		{"TLS server of 822 days", pki.TLSServer, w.iaca, days(822), true},
		{"TLS server of 823 days", pki.TLSServer, w.iaca, days(823), false},
		{"TLS server without name", pki.TLSServer, w.iaca, func(t *pki.Template) { t.DNSNames = nil }, false},
		{"TLS client of 1187 days", pki.TLSClient, w.readerRoot, days(1187), true},
		{"TLS client of 1188 days", pki.TLSClient, w.readerRoot, days(1188), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			tpl := w.template(c.profile)
			c.change(&tpl)
			der, err := pki.Create(tpl, w.dsKey.Public(), c.parent, w.iacaKey, nil)
			if (err == nil) != c.good || (der != nil) != c.good {
				t.Errorf("made: %v, %v", der != nil, err)
			}
		})
	}
	if got := len(pki.Profiles()); got != 14 || pki.Profiles()[0] != pki.IACA || pki.Profiles()[13] != pki.TLSClient {
		t.Errorf("%d profiles", got)
	}
}

// TestPurposesWritten reads the purposes of each profile back: the mobile documents' own, and the generic one beside it.
func TestPurposesWritten(t *testing.T) {
	w := newWorld(t)
	for p, want := range map[pki.Profile][]string{
		pki.DocumentSigner: {"1.0.18013.5.1.2", "1.0.23220.4.1.2"},
		pki.ReaderAuth:     {"1.0.18013.5.1.6", "1.0.23220.4.1.6"},
		pki.VICALSigner:    {"1.0.18013.5.1.8", "1.0.23220.4.1.8"},
		pki.JWSSigner:      {"1.0.18013.5.1.3"},
		pki.TLSClient:      {"1.0.18013.5.1.9", "client"},
		pki.TLSServer:      {"server"},
		pki.OCSPSigner:     {"ocsp"},
		pki.StatusSigner:   nil,
	} {
		t.Run(p.String(), func(t *testing.T) {
			parent := map[pki.Profile]*x509.Certificate{pki.ReaderAuth: w.readerRoot, pki.TLSClient: w.readerRoot, pki.VICALSigner: w.vicalRoot}[p]
			if parent == nil {
				parent = w.iaca
			}
			c := mustParse(t, w.create(p, parent))
			var got []string
			for _, oid := range c.UnknownExtKeyUsage {
				got = append(got, oid.String())
			}
			for _, u := range c.ExtKeyUsage {
				got = append(got, map[x509.ExtKeyUsage]string{x509.ExtKeyUsageServerAuth: "server", x509.ExtKeyUsageClientAuth: "client",
					x509.ExtKeyUsageOCSPSigning: "ocsp"}[u])
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("purposes (-want +got):\n%s", diff)
			}
			usage := x509.KeyUsageDigitalSignature
			if p == pki.VICALSigner {
				usage = x509.KeyUsageContentCommitment
			}
			if c.KeyUsage != usage {
				t.Errorf("key usage %#x", int(c.KeyUsage))
			}
		})
	}
}

// TestTolerances: each deviation that decides no trust is named, alone, by the path check, and fails the lint.
func TestTolerances(t *testing.T) {
	w := newWorld(t)
	anchors := mustAnchors(t, w.iaca)
	ski := mustParse(t, w.create(pki.DocumentSigner, w.iaca)).SubjectKeyId
	state := mustAnchors(t, w.root(pki.IACA, "JP", "JP-13"))
	for name, c := range map[string]struct {
		change  func(t *x509.Certificate)
		anchors *pki.Anchors
		want    []string
		lint    string
	}{
		"nothing":             {func(*x509.Certificate) {}, anchors, nil, ""},
		"no contact":          {func(t *x509.Certificate) { t.ExtraExtensions = t.ExtraExtensions[:1] }, anchors, []string{"tolerance.issuer_alt_name"}, "cert.issuer_alt_name"},
		"no list":             {func(t *x509.Certificate) { t.CRLDistributionPoints = nil }, anchors, []string{"tolerance.crl_distribution_points"}, "cert.crl_distribution_points"},
		"key id by choice":    {func(t *x509.Certificate) { t.SubjectKeyId = []byte{1} }, anchors, []string{"tolerance.subject_key_id"}, "cert.subject_key_id"},
		"small serial number": {func(t *x509.Certificate) { t.SerialNumber = big.NewInt(7) }, anchors, []string{"tolerance.serial_entropy"}, "cert.serial.entropy"},
		"no common name":      {func(t *x509.Certificate) { t.Subject.CommonName = "" }, anchors, []string{"tolerance.common_name"}, "cert.subject.common_name"},
		"freshest CRL": {func(t *x509.Certificate) {
			t.ExtraExtensions = append(t.ExtraExtensions, ext([]int{2, 5, 29, 46}, false, []int{1}))
		}, anchors, []string{"tolerance.forbidden_extensions"}, "cert.forbidden_extensions"},
		"state of nobody": {func(t *x509.Certificate) { t.Subject.Province = []string{"JP-13"} }, anchors, []string{"tolerance.state"}, ""},
		"state left out":  {func(*x509.Certificate) {}, state, []string{"tolerance.state"}, ""},
		"name in IA5String": {func(t *x509.Certificate) {
			t.Subject.ExtraNames = []pkix.AttributeTypeAndValue{{Type: []int{2, 5, 4, 10}, Value: asn1.RawValue{Tag: asn1.TagIA5String, Bytes: []byte("x")}}}
		}, anchors, []string{"tolerance.name_strings"}, "cert.subject.strings"},
	} {
		t.Run(name, func(t *testing.T) {
			tpl := w.dsTemplate()
			tpl.SubjectKeyId = ski
			c.change(tpl)
			der := w.sign(tpl, c.anchors.Certificates()[0], w.dsKey.Public())
			_, v, err := c.anchors.Check(one(der), pki.DocumentSigner, now)
			if err != nil || !v.OK() {
				t.Fatalf("%v: %s", err, v)
			}
			if diff := cmp.Diff(c.want, tolerated(v)); diff != "" {
				t.Errorf("tolerances (-want +got):\n%s", diff)
			}
			want := []string{c.lint}
			if c.lint == "" {
				want = nil
			}
			if diff := cmp.Diff(want, failedIDs(pki.Lint(der, pki.DocumentSigner))); diff != "" {
				t.Errorf("lint (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("no key identifier of the issuer", func(t *testing.T) {
		tpl := w.dsTemplate()
		tpl.SubjectKeyId = ski
		der := w.sign(tpl, &x509.Certificate{RawSubject: w.iaca.RawSubject}, w.dsKey.Public())
		_, v, _ := anchors.Check(one(der), pki.DocumentSigner, now)
		if diff := cmp.Diff([]string{"tolerance.authority_key_id"}, tolerated(v)); diff != "" || !v.OK() {
			t.Errorf("%s%s", diff, v)
		}
	})
	t.Run("VICAL signer without organization", func(t *testing.T) {
		tpl := w.dsTemplate()
		tpl.SubjectKeyId, tpl.KeyUsage = ski, x509.KeyUsageContentCommitment
		tpl.ExtraExtensions = []pkix.Extension{eku(true, []int{1, 0, 18013, 5, 1, 8})}
		provider, err := pki.NewAnchorsFor(pki.VICALRoot, w.vicalRoot.Raw)
		if err != nil {
			t.Fatal(err)
		}
		_, v, _ := provider.Check(one(w.sign(tpl, w.vicalRoot, w.dsKey.Public())), pki.VICALSigner, now)
		if diff := cmp.Diff([]string{"tolerance.organization"}, tolerated(v)); diff != "" || !v.OK() {
			t.Errorf("%s%s", diff, v)
		}
	})
}

// TestCheckOfServers: what decides the trust in a TLS server is checked, not tolerated.
func TestCheckOfServers(t *testing.T) {
	w := newWorld(t)
	anchors := mustAnchors(t, w.iaca, w.readerRoot)
	server := w.dsTemplate()
	server.ExtraExtensions[0] = eku(true, []int{1, 3, 6, 1, 5, 5, 7, 3, 1})
	checkAnimal(t, anchors, animal{chain: one(w.create(pki.TLSServer, w.iaca)), profile: pki.TLSServer})
	checkAnimal(t, anchors, animal{chain: one(w.sign(server, w.iaca, w.dsKey.Public())), profile: pki.TLSServer, fails: []string{"chain.profile.dns_name"}})
	checkAnimal(t, anchors, animal{chain: one(w.create(pki.TLSClient, w.readerRoot)), profile: pki.TLSClient})
	half := w.dsTemplate()
	half.ExtraExtensions[0] = eku(true, []int{1, 0, 18013, 5, 1, 9})
	checkAnimal(t, anchors, animal{chain: one(w.sign(half, w.readerRoot, w.dsKey.Public())), profile: pki.TLSClient, fails: []string{"chain.profile.eku"}})
	old := w.dsTemplate()
	old.NotAfter = old.NotBefore.Add(91 * 24 * time.Hour)
	old.ExtraExtensions = append(old.ExtraExtensions, pkix.Extension{Id: []int{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}, Value: []byte{5, 0}})
	old.ExtraExtensions[0] = eku(true, []int{1, 3, 6, 1, 5, 5, 7, 3, 9})
	checkAnimal(t, anchors, animal{chain: one(w.sign(old, w.iaca, w.dsKey.Public())), profile: pki.OCSPSigner, fails: []string{"chain.profile.period"}})
}
