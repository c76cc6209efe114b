package pki_test

import (
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"strings"
	"sync"
	"testing"

	"mobileid/mdoc/pki"
)

// rootTemplate is an IACA built without this package's Create.
func rootTemplate() *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(1 << 60), Subject: pkix.Name{Country: []string{"JP"}, CommonName: "TEST root"},
		NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(8, 0, 0),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: true,
	}
}

func TestNewAnchorsRefuses(t *testing.T) {
	w := newWorld(t)
	self := &x509.Certificate{RawSubject: mustMarshal(rootTemplate().Subject.ToRDNSequence())}
	root := func(change func(t *x509.Certificate)) []byte {
		r := rootTemplate()
		change(r)
		return w.sign(r, self, w.iacaKey.Public())
	}
	if _, err := pki.NewAnchors(root(func(*x509.Certificate) {})); err != nil {
		t.Fatalf("the unchanged root is refused: %v", err)
	}
	p224 := newKey(t, elliptic.P224())
	for name, c := range map[string]struct {
		der  []byte
		want string
	}{
		"document signer":           {w.create(pki.DocumentSigner, w.iaca), "issuer is not the subject"},
		"self-signed signer":        {w.signWith(w.dsTemplate(), &x509.Certificate{RawSubject: name("TEST forged")}, w.dsKey.Public(), w.dsKey), "basic constraints"},
		"CA flag missing":           {root(func(r *x509.Certificate) { r.IsCA, r.MaxPathLenZero = false, false }), "not a CA"},
		"no basic constraints":      {root(func(r *x509.Certificate) { r.BasicConstraintsValid = false }), "basic constraints: absent"},
		"no path length":            {root(func(r *x509.Certificate) { r.MaxPathLenZero = false }), "path length"},
		"path length 1":             {root(func(r *x509.Certificate) { r.MaxPathLen, r.MaxPathLenZero = 1, false }), "path length"},
		"key usage too wide":        {root(func(r *x509.Certificate) { r.KeyUsage |= x509.KeyUsageDigitalSignature }), "key usage"},
		"purpose of a signer":       {root(func(r *x509.Certificate) { r.ExtraExtensions = []pkix.Extension{eku(true, oidDS)} }), "extended key usage"},
		"unknown critical":          {root(func(r *x509.Certificate) { r.ExtraExtensions = []pkix.Extension{ext([]int{1, 2, 3, 4}, true, 1)} }), "critical extension"},
		"P-224":                     {w.signWith(rootTemplate(), self, p224.Public(), p224), "curve P-224"},
		"signed with another's key": {w.signWith(rootTemplate(), self, w.iacaKey.Public(), w.dsKey), "not self-signed"},
		"empty":                     {nil, "empty"},
		"too large":                 {make([]byte, 5000), "more than the limit"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := pki.NewAnchors(c.der); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, expected one with %q", err, c.want)
			}
		})
	}
	if _, err := pki.NewAnchors(); err == nil {
		t.Error("no anchors at all are accepted")
	}
	if _, err := pki.ParseAnchorsPEM([]byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")); err == nil ||
		!strings.Contains(err.Error(), "not a certificate") {
		t.Errorf("a private key: %v", err)
	}
	var generations [][]byte
	for i := range 9 {
		generations = append(generations, root(func(r *x509.Certificate) { r.SerialNumber = big.NewInt(1<<60 + int64(i)) }))
	}
	if _, err := pki.NewAnchors(generations[:8]...); err != nil {
		t.Errorf("eight roots of one name: %v", err)
	}
	if _, err := pki.NewAnchors(generations...); err == nil {
		t.Error("nine roots of one name are accepted")
	}
}

// TestRollover has two generations of one authority under one name: each signer leads to its own.
func TestRollover(t *testing.T) {
	w := newWorld(t)
	next := newKey(t, elliptic.P256())
	der, err := pki.Create(pki.Template{Profile: pki.IACA, Country: "JP", CommonName: "TEST IACA", IssuerAltURI: "https://issuer.example/",
		NotBefore: now.AddDate(0, -1, 0), NotAfter: now.AddDate(9, 0, 0)}, next.Public(), nil, next, nil)
	if err != nil {
		t.Fatal(err)
	}
	second := mustParse(t, der)
	anchors, err := pki.NewAnchors(w.iaca.Raw, second.Raw, w.iaca.Raw)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(anchors.Certificates()); got != 2 {
		t.Errorf("%d anchors, expected 2 after dropping the double", got)
	}
	for name, c := range map[string]struct {
		leaf []byte
		want *x509.Certificate
	}{
		"first":                         {w.create(pki.DocumentSigner, w.iaca), w.iaca},
		"second":                        {w.signWith(w.dsTemplate(), second, w.dsKey.Public(), next), second},
		"second without key identifier": {w.signWith(w.dsTemplate(), &x509.Certificate{RawSubject: second.RawSubject}, w.dsKey.Public(), next), second},
	} {
		t.Run(name, func(t *testing.T) {
			chain, v, err := anchors.Check(one(c.leaf), pki.DocumentSigner, now)
			if err != nil || !v.OK() || !chain.Anchor.Equal(c.want) {
				t.Errorf("%v: %s", err, v)
			}
		})
	}
}

func TestCheckIsACallersMistake(t *testing.T) {
	w := newWorld(t)
	anchors, err := pki.NewAnchors(w.iaca.Raw)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []pki.Profile{0, pki.IACA, pki.SERoot, 99} {
		if _, v, err := anchors.Check(one(w.iaca.Raw), p, now); err == nil || v.OK() {
			t.Errorf("%s: no error", p)
		}
	}
	var none *pki.Anchors
	if _, v, err := none.Check(one(w.iaca.Raw), pki.DocumentSigner, now); err == nil || v.OK() {
		t.Error("no anchors: no error")
	}
	var chain *pki.Chain
	if chain.LeafPublicKey() != nil || chain.Trusted() {
		t.Error("a chain that is not there has a key")
	}
}

// TestCacheForgetsNothingThatMatters checks more links than are remembered, from several goroutines, with the time
// before and after, so that a remembered link must still judge validity.
func TestCacheForgetsNothingThatMatters(t *testing.T) {
	w := newWorld(t)
	anchors, err := pki.NewAnchors(w.iaca.Raw)
	if err != nil {
		t.Fatal(err)
	}
	leaves := make([][]byte, 1100)
	for i := range leaves {
		leaves[i] = w.forged(func(t *x509.Certificate) { t.SerialNumber = big.NewInt(int64(1<<60 + i)) })
	}
	var group sync.WaitGroup
	for worker := range 4 {
		group.Go(func() {
			for i := range leaves {
				leaf := leaves[(i+worker*250)%len(leaves)]
				if _, v, err := anchors.Check(one(leaf), pki.DocumentSigner, now); err != nil || !v.OK() {
					t.Errorf("%v: %s", err, v)
					return
				}
				if _, v, _ := anchors.Check(one(leaf), pki.DocumentSigner, now.AddDate(2, 0, 0)); v.OK() {
					t.Error("an expired certificate came good out of the cache")
					return
				}
				if _, v, _ := anchors.Check(one(leaf), pki.StatusSigner, now); v.OK() {
					t.Error("a document signer came out of the cache as a status signer")
					return
				}
			}
		})
	}
	group.Wait()
}

// TestVerdictIsTheCallersOwn appends to a verdict and changes it: the next caller must not see that.
func TestVerdictIsTheCallersOwn(t *testing.T) {
	w := newWorld(t)
	anchors, err := pki.NewAnchors(w.iaca.Raw)
	if err != nil {
		t.Fatal(err)
	}
	leaf := w.create(pki.DocumentSigner, w.iaca)
	for range 3 {
		_, v, err := anchors.Check(one(leaf), pki.DocumentSigner, now)
		if err != nil || !v.OK() {
			t.Fatalf("%v: %s", err, v)
		}
		for i := range v.Checks {
			v.Checks[i].Outcome = "fail"
		}
		v.Fail("other", "", "")
	}
}

// TestCallersBytes changes the DER after the check: the remembered link must not follow.
func TestCallersBytes(t *testing.T) {
	w := newWorld(t)
	anchors, err := pki.NewAnchors(w.iaca.Raw)
	if err != nil {
		t.Fatal(err)
	}
	leaf := w.create(pki.DocumentSigner, w.iaca)
	if _, v, _ := anchors.Check(one(leaf), pki.DocumentSigner, now); !v.OK() {
		t.Fatal(v)
	}
	leaf[len(leaf)-1] ^= 1
	if _, v, _ := anchors.Check(one(leaf), pki.DocumentSigner, now); v.OK() {
		t.Error("changed bytes are still trusted")
	}
}

func BenchmarkCheckRemembered(b *testing.B) {
	w := newWorld(b)
	anchors, err := pki.NewAnchors(w.iaca.Raw)
	if err != nil {
		b.Fatal(err)
	}
	chain := one(w.create(pki.DocumentSigner, w.iaca))
	b.ReportAllocs()
	for b.Loop() {
		if _, v, _ := anchors.Check(chain, pki.DocumentSigner, now); !v.OK() {
			b.Fatal(v)
		}
	}
}

func BenchmarkCheckFirst(b *testing.B) {
	w := newWorld(b)
	chain := one(w.create(pki.DocumentSigner, w.iaca))
	b.ReportAllocs()
	for b.Loop() {
		anchors, err := pki.NewAnchors(w.iaca.Raw)
		if err != nil {
			b.Fatal(err)
		}
		if _, v, _ := anchors.Check(chain, pki.DocumentSigner, now); !v.OK() {
			b.Fatal(v)
		}
	}
}

// BenchmarkCheckUncached shows more certificates than are remembered: one parse and one signature each.
func BenchmarkCheckUncached(b *testing.B) {
	w := newWorld(b)
	anchors := mustAnchors(b, w.iaca)
	leaves := make([][]byte, 1100)
	for i := range leaves {
		leaves[i] = w.forged(func(t *x509.Certificate) { t.SerialNumber = big.NewInt(int64(1<<60 + i)) })
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, v, _ := anchors.Check(one(leaves[i%len(leaves)]), pki.DocumentSigner, now); !v.OK() {
			b.Fatal(v)
		}
	}
}

// BenchmarkParseAndVerify is the floor of the one above.
func BenchmarkParseAndVerify(b *testing.B) {
	w := newWorld(b)
	der := w.forged(func(*x509.Certificate) {})
	b.ReportAllocs()
	for b.Loop() {
		c, err := x509.ParseCertificate(der)
		if err != nil || w.iaca.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) != nil {
			b.Fatal(err)
		}
	}
}
