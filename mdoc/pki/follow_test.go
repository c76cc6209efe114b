package pki_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mobileid/mdoc/pki"
)

// succession is an old root, a new one, and the link between them.
type succession struct {
	*world
	nextKey *ecdsa.PrivateKey
	next    *x509.Certificate
}

// succeed makes a new root of that name.
func succeed(t *testing.T, commonName string) *succession {
	t.Helper()
	s := &succession{world: newWorld(t), nextKey: newKey(t, elliptic.P384())}
	der, err := pki.Create(pki.Template{Profile: pki.IACA, Country: "JP", CommonName: commonName, IssuerAltURI: "https://issuer.example/",
		NotBefore: now.AddDate(0, -1, 0), NotAfter: now.AddDate(9, 0, 0)}, s.nextKey.Public(), nil, s.nextKey, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.next = mustParse(t, der)
	return s
}

func (s *succession) linkTemplate() pki.Template {
	return pki.Template{Profile: pki.IACALink, LinkTo: s.next, IssuerAltURI: "https://issuer.example/", CRLURI: "https://issuer.example/crl",
		NotBefore: now.AddDate(0, -1, 0), NotAfter: s.iaca.NotAfter}
}

func (s *succession) link() []byte {
	s.tb.Helper()
	der, err := pki.Create(s.linkTemplate(), s.nextKey.Public(), s.iaca, s.iacaKey, nil)
	if err != nil {
		s.tb.Fatal(err)
	}
	return der
}

// TestFollow: by a link the old root's trust reaches the new one, and what the new one issues; without it, it does not.
func TestFollow(t *testing.T) {
	for name, commonName := range map[string]string{"same name": "TEST IACA", "new name": "TEST IACA second"} {
		t.Run(name, func(t *testing.T) {
			s := succeed(t, commonName)
			der := s.link()
			if v := pki.LintIssued(der, pki.IACALink, s.iaca); !v.OK() {
				t.Errorf("lint: %s", v)
			}
			anchors := mustAnchors(t, s.iaca, s.readerRoot)
			before := s.signWith(s.dsTemplate(), s.next, s.dsKey.Public(), s.nextKey)
			if _, v, _ := anchors.Check(one(before), pki.DocumentSigner, now); v.OK() {
				t.Fatal("trusted without the link")
			}
			after, v, err := anchors.Follow(der, s.next.Raw, now)
			if err != nil || !v.OK() {
				t.Fatalf("%v: %s", err, v)
			}
			if got := len(after.Certificates()); got != 3 || len(anchors.Certificates()) != 2 {
				t.Errorf("%d anchors after, %d before", got, len(anchors.Certificates()))
			}
			for what, leaf := range map[string][]byte{"new": before, "old": s.create(pki.DocumentSigner, s.iaca)} {
				chain, v, err := after.Check(one(leaf), pki.DocumentSigner, now)
				if err != nil || !v.OK() || !chain.Trusted() {
					t.Errorf("%s signer: %v: %s", what, err, v)
				}
			}
			// A link inside a message extends nothing.
			if _, v, _ := anchors.Check([][]byte{before, der}, pki.DocumentSigner, now); v.OK() {
				t.Error("a link inside a chain is followed")
			}
			// Following it again changes nothing.
			if again, v, err := after.Follow(der, s.next.Raw, now); err != nil || !v.OK() || len(again.Certificates()) != 3 {
				t.Errorf("again: %v: %s", err, v)
			}
			// The old root ends; the new one stands by itself.
			late := s.iaca.NotAfter.AddDate(0, 1, 0)
			young := s.dsTemplate()
			young.NotBefore, young.NotAfter = late.AddDate(0, -1, 0), late.AddDate(0, 6, 0)
			if _, v, _ := after.Check(one(s.signWith(young, s.next, s.dsKey.Public(), s.nextKey)), pki.DocumentSigner, late); !v.OK() {
				t.Errorf("after the old root's end: %s", v)
			}
		})
	}
}

func TestFollowRefuses(t *testing.T) {
	s, other := succeed(t, "TEST IACA second"), succeed(t, "TEST IACA second")
	anchors := mustAnchors(t, s.iaca)
	// linked is a link made without Create, with a change.
	linked := func(change func(c *x509.Certificate)) []byte {
		c := &x509.Certificate{SerialNumber: big.NewInt(1 << 60), RawSubject: s.next.RawSubject, NotBefore: now.AddDate(0, -1, 0),
			NotAfter: now.AddDate(2, 0, 0), KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, BasicConstraintsValid: true, IsCA: true,
			MaxPathLenZero: true, SubjectKeyId: s.next.SubjectKeyId}
		change(c)
		return s.sign(c, s.iaca, s.nextKey.Public())
	}
	late := s.iaca.NotAfter
	for name, c := range map[string]struct {
		link, root []byte
		want       []string
	}{
		"as it should be":      {linked(func(*x509.Certificate) {}), s.next.Raw, nil},
		"another new root":     {s.link(), other.next.Raw, []string{"link.key"}},
		"root of another name": {linked(func(c *x509.Certificate) { c.RawSubject = name("TEST third") }), s.next.Raw, []string{"link.subject"}},
		"no root":              {s.link(), s.create(pki.DocumentSigner, s.iaca), []string{"link.root"}},
		"a reader root":        {s.link(), s.seRoot.Raw, []string{"link.root"}},
		"outlives the old":     {linked(func(c *x509.Certificate) { c.NotAfter = late.AddDate(0, 0, 1) }), s.next.Raw, []string{"link.end"}},
		"expired":              {linked(func(c *x509.Certificate) { c.NotAfter = now.AddDate(0, 0, -1) }), s.next.Raw, []string{"chain.validity"}},
		"no CA":                {linked(func(c *x509.Certificate) { c.IsCA, c.MaxPathLenZero = false, false }), s.next.Raw, []string{"chain.profile.basic_constraints"}},
		"path length 1":        {linked(func(c *x509.Certificate) { c.MaxPathLen, c.MaxPathLenZero = 1, false }), s.next.Raw, []string{"chain.profile.basic_constraints"}},
		"with a purpose": {linked(func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{eku(true, asn1.ObjectIdentifier{1, 0, 18013, 5, 1, 4})}
		}), s.next.Raw, []string{"chain.profile.eku"}},
		"another country": {linked(func(c *x509.Certificate) {
			c.RawSubject = mustMarshal(pkix.Name{Country: []string{"KR"}, CommonName: "TEST IACA second"}.ToRDNSequence())
		}), s.next.Raw, []string{"chain.country"}},
		"link of a stranger":   {other.link(), other.next.Raw, []string{"chain.authority_key_id", "chain.signature"}},
		"the new root as link": {s.next.Raw, s.next.Raw, []string{"chain.path"}},
		"a signer as link":     {s.create(pki.DocumentSigner, s.iaca), s.next.Raw, []string{"chain.profile.basic_constraints", "chain.profile.eku", "chain.profile.key_usage"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, v, err := anchors.Follow(c.link, c.root, now)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, failedIDs(v)); diff != "" {
				t.Errorf("failed checks (-want +got):\n%s%s", diff, v)
			}
			if (got != nil) != (c.want == nil) {
				t.Errorf("anchors: %v", got != nil)
			}
		})
	}
	if got, v, _ := anchors.Follow(s.link(), s.next.Raw, s.next.NotBefore.AddDate(0, 0, -1)); got != nil || v.OK() {
		t.Errorf("before the new root: %s", v)
	}
	again := func(from, to time.Time, serial int64) []byte {
		r := rootTemplate()
		r.SerialNumber, r.RawSubject, r.NotBefore, r.NotAfter = big.NewInt(1<<60+serial), s.next.RawSubject, from, to
		return s.signWith(r, s.next, s.nextKey.Public(), s.nextKey)
	}
	for name, root := range map[string][]byte{"future": again(now.Add(time.Second), s.next.NotAfter, 0), "past": again(s.next.NotBefore, now.Add(-time.Second), 0)} {
		if got, v, err := anchors.Follow(s.link(), root, now); err != nil || got != nil || !cmp.Equal(failedIDs(v), []string{"link.validity"}) {
			t.Errorf("a new root of the %s: %v, %s", name, err, v)
		}
	}
	full := [][]byte{s.iaca.Raw}
	for i := range 8 {
		full = append(full, again(s.next.NotBefore, s.next.NotAfter, int64(i)))
	}
	eight, err := pki.NewAnchors(full...)
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err := eight.Follow(s.link(), s.next.Raw, now); err == nil || got != nil {
		t.Error("a ninth root of one name")
	}
	var none *pki.Anchors
	if _, _, err := none.Follow(s.link(), s.next.Raw, now); err == nil {
		t.Error("no anchors: no error")
	}
}

// TestLinkTemplate: a link is made for the new root's own key and name only.
func TestLinkTemplate(t *testing.T) {
	s := succeed(t, "TEST IACA second")
	for name, change := range map[string]func(t *pki.Template){
		"outlives the old root": func(t *pki.Template) { t.NotAfter = s.iaca.NotAfter.AddDate(0, 0, 1) },
		"names no root":         func(t *pki.Template) { t.LinkTo = nil },
		"another profile":       func(t *pki.Template) { t.Profile = pki.DocumentSigner; t.CommonName = "TEST" },
		"no list":               func(t *pki.Template) { t.CRLURI = "" },
		"no contact":            func(t *pki.Template) { t.IssuerAltURI = "" },
		"another root's key":    func(t *pki.Template) { t.LinkTo = s.iaca },
	} {
		t.Run(name, func(t *testing.T) {
			bad := s.linkTemplate()
			change(&bad)
			if der, err := pki.Create(bad, s.nextKey.Public(), s.iaca, s.iacaKey, nil); err == nil || der != nil {
				t.Error("made all the same")
			}
		})
	}
	link := mustParse(t, s.link())
	if len(link.RawSubject) == 0 || string(link.RawSubject) != string(s.next.RawSubject) || string(link.RawIssuer) != string(s.iaca.RawSubject) {
		t.Error("issuer and subject are not the old and the new root")
	}
}
