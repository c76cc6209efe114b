package pki_test

import (
	"bytes"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mobileid/mdoc/mdoctest"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/verdict"
)

// TestAAMVAProvider checks the signer of the published VICAL: a CA stands between it and the root, and both come along.
func TestAAMVAProvider(t *testing.T) {
	var file struct {
		VICAL        string `json:"vical"`
		Root         string `json:"trust_anchor_der"`
		Intermediate string `json:"intermediate_der"`
	}
	mdoctest.ReadJSON(t, "iso18013-5/vical-aamva-2025-11-18.json", &file)
	root, between := mdoctest.Hex(t, file.Root), mdoctest.Hex(t, file.Intermediate)
	signer := certificateAt(t, mdoctest.Hex(t, file.VICAL), 12)
	anchors, err := pki.NewAnchorsFor(pki.VICALRoot, root)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2025, 11, 18, 18, 38, 12, 0, time.UTC)
	for name, c := range map[string]struct {
		chain     [][]byte
		at        time.Time
		fails     []string
		tolerated []string
	}{
		"as sent": {chain: [][]byte{signer, between, root}, at: at, tolerated: []string{
			"tolerance.crl_distribution_points", "tolerance.x5chain_intermediate", "tolerance.x5chain_root"}},
		"without the root": {chain: [][]byte{signer, between}, at: at, tolerated: []string{
			"tolerance.crl_distribution_points", "tolerance.x5chain_intermediate"}},
		"alone":           {chain: one(signer), at: at, fails: []string{"chain.path"}},
		"wrong order":     {chain: [][]byte{signer, root, between}, at: at, fails: []string{"chain.path"}},
		"three above":     {chain: [][]byte{signer, between, between, root}, at: at, fails: []string{"chain.path"}},
		"after its end":   {chain: [][]byte{signer, between, root}, at: at.AddDate(1, 0, 0), fails: []string{"chain.validity"}},
		"before all that": {chain: [][]byte{signer, between, root}, at: at.AddDate(-9, 0, 0), fails: []string{"chain.validity"}},
	} {
		t.Run(name, func(t *testing.T) {
			// A good chain first: what it left behind must not make another one good.
			if _, v, err := anchors.Check([][]byte{signer, between, root}, pki.VICALSigner, at); err != nil || !v.OK() {
				t.Fatalf("%v: %s", err, v)
			}
			chain, v, err := anchors.Check(c.chain, pki.VICALSigner, c.at)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.fails, failedIDs(v)); diff != "" {
				t.Errorf("failed checks (-want +got):\n%s%s", diff, v)
			}
			if len(c.fails) > 0 {
				return
			}
			if diff := cmp.Diff(c.tolerated, tolerated(v)); diff != "" {
				t.Errorf("tolerances (-want +got):\n%s", diff)
			}
			if !chain.Trusted() || !bytes.Equal(chain.Leaf.Raw, signer) || !bytes.Equal(chain.Anchor.Raw, root) {
				t.Error("not trusted, or another leaf or anchor")
			}
		})
	}
}

func certificateAt(tb testing.TB, data []byte, offset int) []byte {
	tb.Helper()
	end := offset + 4 + int(data[offset+2])<<8 + int(data[offset+3])
	return mustParse(tb, data[offset:end]).Raw
}

// tolerated lists the tolerances a verdict names, which must all have passed.
func tolerated(v verdict.Verdict) []string {
	var ids []string
	for _, c := range v.Checks {
		if len(c.ID) > 10 && c.ID[:10] == "tolerance." && c.Outcome == verdict.Pass && c.Measured != "" {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

// between makes a CA under the VICAL root and a signer under it.
func (w *world) between(change func(ca *x509.Certificate)) [][]byte {
	w.tb.Helper()
	key := newKey(w.tb, elliptic.P256())
	ca := &x509.Certificate{SerialNumber: big.NewInt(1 << 60), Subject: pkix.Name{Country: []string{"JP"}, CommonName: "TEST between"},
		NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(2, 0, 0), KeyUsage: x509.KeyUsageCertSign, BasicConstraintsValid: true, IsCA: true,
		SubjectKeyId: []byte{9}}
	change(ca)
	der := w.sign(ca, w.vicalRoot, key.Public())
	signer := w.dsTemplate()
	signer.KeyUsage = x509.KeyUsageContentCommitment
	signer.Subject.Organization = []string{"TEST provider"}
	signer.ExtraExtensions[0] = eku(true, []int{1, 0, 18013, 5, 1, 8})
	return [][]byte{w.signWith(signer, mustParse(w.tb, der), w.dsKey.Public(), key), der}
}

// TestCABetween: what stands between a VICAL signer and its root must be a CA in every line, and the root must allow it.
func TestCABetween(t *testing.T) {
	w := newWorld(t)
	open := w.openRoot()
	w.vicalRoot = open
	anchors, err := pki.NewAnchorsFor(pki.VICALRoot, open.Raw)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(ca *x509.Certificate)
		want   []string
	}{
		"a CA":           {func(*x509.Certificate) {}, nil},
		"no CA":          {func(ca *x509.Certificate) { ca.IsCA = false }, []string{"chain.intermediate"}},
		"no constraints": {func(ca *x509.Certificate) { ca.BasicConstraintsValid = false }, []string{"chain.intermediate"}},
		"signs no more":  {func(ca *x509.Certificate) { ca.KeyUsage = x509.KeyUsageCRLSign }, []string{"chain.intermediate"}},
		"no key usage":   {func(ca *x509.Certificate) { ca.KeyUsage = 0 }, []string{"chain.intermediate"}},
		"a purpose":      {func(ca *x509.Certificate) { ca.ExtraExtensions = append(ca.ExtraExtensions, eku(true, oidDS)) }, []string{"chain.intermediate"}},
		"unknown critical": {func(ca *x509.Certificate) {
			ca.ExtraExtensions = append(ca.ExtraExtensions, ext([]int{1, 2, 3}, true, 1))
		}, []string{"chain.intermediate"}},
		"constraints not critical": {func(ca *x509.Certificate) {
			ca.ExtraExtensions = append(ca.ExtraExtensions, ext([]int{2, 5, 29, 19}, false, struct{ CA bool }{true}))
		}, []string{"chain.intermediate"}},
		"key identifier of no root": {func(ca *x509.Certificate) {
			ca.ExtraExtensions = append(ca.ExtraExtensions, ext([]int{2, 5, 29, 35}, false, struct {
				ID []byte `asn1:"tag:0"`
			}{[]byte{6}}))
		}, []string{"chain.authority_key_id"}},
		"usage not critical": {func(ca *x509.Certificate) {
			ca.ExtraExtensions = append(ca.ExtraExtensions, ext([]int{2, 5, 29, 15}, false, asn1.BitString{Bytes: []byte{0x06}, BitLength: 7}))
		}, []string{"chain.intermediate"}},
		"expired":        {func(ca *x509.Certificate) { ca.NotAfter = now.AddDate(0, 0, -1) }, []string{"chain.validity"}},
		"its own issuer": {func(ca *x509.Certificate) { ca.Subject = w.vicalRoot.Subject }, []string{"chain.path"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, v, err := anchors.Check(w.between(c.change), pki.VICALSigner, now)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, failedIDs(v)); diff != "" {
				t.Errorf("failed checks (-want +got):\n%s%s", diff, v)
			}
		})
	}
	good, other := w.between(func(*x509.Certificate) {}), w.between(func(*x509.Certificate) {})
	if _, v, _ := anchors.Check([][]byte{good[0], other[1]}, pki.VICALSigner, now); !cmp.Equal(failedIDs(v), []string{"chain.signature"}) {
		t.Errorf("signed by another CA of that name: %s", v)
	}
	if _, v, _ := anchors.Check([][]byte{good[0], {1}}, pki.VICALSigner, now); !cmp.Equal(failedIDs(v), []string{"chain.path"}) {
		t.Errorf("malformed CA: %s", v)
	}
}

// openRoot is a VICAL root without a path length.
func (w *world) openRoot() *x509.Certificate {
	t := rootTemplate()
	t.MaxPathLenZero = false
	t.KeyUsage |= x509.KeyUsageDigitalSignature
	self := &x509.Certificate{RawSubject: mustMarshal(t.Subject.ToRDNSequence())}
	return mustParse(w.tb, w.sign(t, self, w.iacaKey.Public()))
}

// TestVICALAnchors: a provider's root anchors a VICAL's signer only, and no other root does.
func TestVICALAnchors(t *testing.T) {
	w := newWorld(t)
	self := w.signWith(w.dsTemplate(), &x509.Certificate{RawSubject: name("TEST forged")}, w.dsKey.Public(), w.dsKey)
	for p, c := range map[pki.Profile]struct {
		der  []byte
		want string
	}{
		pki.VICALSigner:    {w.vicalRoot.Raw, "no root profile"},
		pki.DocumentSigner: {self, "no root profile"}, // it fits that profile, and has signed itself
		pki.IACALink:       {w.iaca.Raw, "no root profile"},
		0:                  {w.vicalRoot.Raw, "unknown certificate profile"},
	} {
		if _, err := pki.NewAnchorsFor(p, c.der); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s makes anchors, or not for %q: %v", p, c.want, err)
		}
	}
	if _, err := pki.NewAnchorsFor(pki.VICALRoot, w.seRoot.Raw); err == nil {
		t.Error("a secure element root makes a VICAL anchor")
	}
	provider, err := pki.NewAnchorsFor(pki.VICALRoot, w.vicalRoot.Raw)
	if err != nil {
		t.Fatal(err)
	}
	everyone, err := pki.NewAnchors(w.iaca.Raw, w.vicalRoot.Raw)
	if err != nil {
		t.Fatal(err)
	}
	checkAnimal(t, provider, animal{chain: one(w.create(pki.VICALSigner, w.vicalRoot)), profile: pki.VICALSigner})
	checkAnimal(t, provider, animal{chain: one(w.sign(w.dsTemplate(), w.vicalRoot, w.dsKey.Public())), fails: []string{"chain.path"}})
	checkAnimal(t, everyone, animal{chain: one(w.create(pki.VICALSigner, w.vicalRoot)), profile: pki.VICALSigner, fails: []string{"chain.path"}})
	closed := w.between(func(*x509.Certificate) {})
	checkAnimal(t, provider, animal{chain: closed, profile: pki.VICALSigner, fails: []string{"chain.path"}})
}
