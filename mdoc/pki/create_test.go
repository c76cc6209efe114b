package pki_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"mobileid/mdoc/mdoctest"
	"mobileid/mdoc/pki"
)

func TestCreateGivesItsProfile(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		profile pki.Profile
		parent  *x509.Certificate
	}{
		{pki.DocumentSigner, w.iaca}, {pki.StatusSigner, w.iaca}, {pki.ReaderAuth, w.readerRoot}, {pki.ReaderAuth, w.iaca},
		{pki.SEAttestation, w.seRoot}, {pki.VICALSigner, w.vicalRoot}, {pki.OCSPSigner, w.iaca}, {pki.JWSSigner, w.iaca},
		{pki.TLSServer, w.iaca}, {pki.TLSClient, w.readerRoot},
	} {
		t.Run(c.profile.String(), func(t *testing.T) {
			der := w.create(c.profile, c.parent)
			if v := pki.Lint(der, c.profile); !v.OK() {
				t.Errorf("lint: %s", v)
			}
			got := mustParse(t, der)
			if bits := got.SerialNumber.BitLen(); bits < 71 || bits > 159 {
				t.Errorf("serial number of %d bits", bits)
			}
			if len(got.SubjectKeyId) != 20 || !bytes.Equal(got.AuthorityKeyId, c.parent.SubjectKeyId) {
				t.Error("key identifiers do not follow the keys")
			}
			// The Go library's own path building must agree.
			roots := x509.NewCertPool()
			roots.AddCert(c.parent)
			if _, err := got.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestCreateRefuses(t *testing.T) {
	w := newWorld(t)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	good := pki.Template{Profile: pki.DocumentSigner, Country: "JP", CommonName: "TEST signer", CRLURI: "https://issuer.example/crl",
		IssuerAltURI: "https://issuer.example/", NotBefore: now, NotAfter: now.AddDate(1, 0, 0)}
	if _, err := pki.Create(good, w.dsKey.Public(), w.iaca, w.iacaKey, nil); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(t *pki.Template){
		"a name that does not say TEST": func(t *pki.Template) { t.CommonName = "Digital Agency" },
		"another country":               func(t *pki.Template) { t.Country = "KR" },
		"no country":                    func(t *pki.Template) { t.Country = "" },
		"no revocation list":            func(t *pki.Template) { t.CRLURI = "" },
		"no issuer contact":             func(t *pki.Template) { t.IssuerAltURI = "" },
		"a contact that is no URI":      func(t *pki.Template) { t.IssuerAltURI = "issuer" },
		"a contact that is no address":  func(t *pki.Template) { t.IssuerAltEmail = "Issuer <a@example.com>" },
		"458 days":                      func(t *pki.Template) { t.NotAfter = t.NotBefore.AddDate(0, 0, 458) },
		"a life that ends at its start": func(t *pki.Template) { t.NotAfter = t.NotBefore },
		"outliving its issuer":          func(t *pki.Template) { t.NotBefore, t.NotAfter = w.iaca.NotAfter, w.iaca.NotAfter.AddDate(0, 0, 1) },
		"older than its issuer": func(t *pki.Template) {
			t.NotBefore, t.NotAfter = w.iaca.NotBefore.AddDate(0, 0, -1), w.iaca.NotBefore.AddDate(0, 0, 9)
		},
		"a secure element's id":     func(t *pki.Template) { t.SEID = make([]byte, 10) },
		"a root's profile":          func(t *pki.Template) { t.Profile = pki.IACA },
		"no profile":                func(t *pki.Template) { t.Profile = 0 },
		"a profile of another root": func(t *pki.Template) { t.Profile = pki.SEAttestation; t.SEID = make([]byte, 10) },
	} {
		t.Run(name, func(t *testing.T) {
			bad := good
			change(&bad)
			if der, err := pki.Create(bad, w.dsKey.Public(), w.iaca, w.iacaKey, nil); err == nil || der != nil {
				t.Error("made all the same")
			}
		})
	}
	for name, create := range map[string]func() ([]byte, error){
		"RSA key": func() ([]byte, error) { return pki.Create(good, rsaKey.Public(), w.iaca, w.iacaKey, nil) },
		"P-224 key": func() ([]byte, error) {
			return pki.Create(good, newKey(t, elliptic.P224()).Public(), w.iaca, w.iacaKey, nil)
		},
		"key of no issuer": func() ([]byte, error) { return pki.Create(good, w.dsKey.Public(), w.iaca, w.dsKey, nil) },
		"no randomness": func() ([]byte, error) {
			return pki.Create(good, w.dsKey.Public(), w.iaca, w.iacaKey, iotest.ErrReader(asn1.SyntaxError{}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			if der, err := create(); err == nil || der != nil {
				t.Error("made all the same")
			}
		})
	}
}

// TestCreateEdwards: end entities may have an Ed25519 key, roots may not.
func TestCreateEdwards(t *testing.T) {
	w := newWorld(t)
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	leaf := pki.Template{Profile: pki.StatusSigner, Country: "JP", CommonName: "TEST status", NotBefore: now, NotAfter: now.AddDate(1, 0, 0)}
	if _, err := pki.Create(leaf, pub, w.iaca, w.iacaKey, nil); err != nil {
		t.Error(err)
	}
	root := pki.Template{Profile: pki.ReaderRoot, CommonName: "TEST root", NotBefore: now, NotAfter: now.AddDate(1, 0, 0)}
	if _, err := pki.Create(root, pub, nil, key, nil); err == nil {
		t.Error("a root with an Edwards key was made")
	}
}

func TestLintNamesEachFault(t *testing.T) {
	w := newWorld(t)
	withExt := func(id asn1.ObjectIdentifier, value any) func(t *x509.Certificate) {
		return func(t *x509.Certificate) { t.ExtraExtensions = append(t.ExtraExtensions, ext(id, false, value)) }
	}
	ski := func(t *x509.Certificate) {
		t.SubjectKeyId = mustParse(w.tb, w.create(pki.DocumentSigner, w.iaca)).SubjectKeyId
	}
	for name, c := range map[string]struct {
		change func(t *x509.Certificate)
		want   []string
	}{
		"nothing":                  {func(*x509.Certificate) {}, nil},
		"key identifier by choice": {func(t *x509.Certificate) { t.SubjectKeyId = []byte{1} }, []string{"cert.subject_key_id"}},
		"no issuer contact":        {func(t *x509.Certificate) { t.ExtraExtensions = t.ExtraExtensions[:1] }, []string{"cert.issuer_alt_name"}},
		"no revocation list":       {func(t *x509.Certificate) { t.CRLDistributionPoints = nil }, []string{"cert.crl_distribution_points"}},
		"critical issuer contact": {func(t *x509.Certificate) { t.ExtraExtensions[1].Critical = true },
			[]string{"cert.critical_extensions", "cert.issuer_alt_name"}},
		"critical address of the list": {func(t *x509.Certificate) {
			list := mustParse(w.tb, w.forged(func(*x509.Certificate) {})).Extensions
			at := slices.IndexFunc(list, func(e pkix.Extension) bool { return e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 31}) })
			t.CRLDistributionPoints = nil
			t.ExtraExtensions = append(t.ExtraExtensions, pkix.Extension{Id: list[at].Id, Critical: true, Value: list[at].Value})
		}, []string{"cert.critical_extensions", "cert.crl_distribution_points"}},
		"freshest CRL":        {withExt(asn1.ObjectIdentifier{2, 5, 29, 46}, []int{1}), []string{"cert.forbidden_extensions"}},
		"inhibit any policy":  {withExt(asn1.ObjectIdentifier{2, 5, 29, 54}, 1), []string{"cert.forbidden_extensions"}},
		"small serial number": {func(t *x509.Certificate) { t.SerialNumber.SetInt64(7) }, []string{"cert.serial.entropy"}},
		"no common name":      {func(t *x509.Certificate) { t.Subject.CommonName = "" }, []string{"cert.subject.common_name"}},
		"name in IA5String": {func(t *x509.Certificate) {
			t.Subject.ExtraNames = []pkix.AttributeTypeAndValue{{Type: asn1.ObjectIdentifier{2, 5, 4, 10}, Value: asn1.RawValue{Tag: asn1.TagIA5String, Bytes: []byte("x")}}}
		}, []string{"cert.subject.strings"}},
	} {
		t.Run(name, func(t *testing.T) {
			v := pki.Lint(w.forged(func(t *x509.Certificate) { ski(t); c.change(t) }), pki.DocumentSigner)
			if diff := cmp.Diff(c.want, failedIDs(v)); diff != "" {
				t.Errorf("failed checks (-want +got):\n%s%s", diff, v)
			}
		})
	}
	server := w.dsTemplate()
	ski(server)
	server.ExtraExtensions[0] = eku(true, []int{1, 3, 6, 1, 5, 5, 7, 3, 1})
	if v := pki.Lint(w.sign(server, w.iaca, w.dsKey.Public()), pki.TLSServer); !cmp.Equal(failedIDs(v), []string{"cert.dns_name"}) {
		t.Errorf("a server without a name: %s", v)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	root := rootTemplate()
	if v := pki.Lint(w.signWith(root, &x509.Certificate{RawSubject: mustMarshal(root.Subject.ToRDNSequence())}, edwards.Public(), edwards), pki.ReaderRoot); !slices.Contains(failedIDs(v), "cert.self_signature") {
		t.Errorf("a root that signed itself with Ed25519: %s", v)
	}
	if v := pki.Lint(nil, pki.IACA); v.OK() || len(failedIDs(v)) != 1 {
		t.Error("an empty certificate passes")
	}
	if v := pki.Lint(w.iaca.Raw, 0); !cmp.Equal(failedIDs(v), []string{"cert.profile"}) {
		t.Errorf("an unknown profile: %s", v)
	}
}

func TestPEM(t *testing.T) {
	w := newWorld(t)
	ders := [][]byte{w.iaca.Raw, w.readerRoot.Raw}
	got, err := pki.DecodePEM(pki.EncodePEM(ders...))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(ders, got); diff != "" {
		t.Error(diff)
	}
	if _, err := pki.ParseAnchorsPEM(pki.EncodePEM(ders...)); err != nil {
		t.Error(err)
	}
	for name, data := range map[string]string{
		"empty":       "",
		"text":        "-----BEGIN",
		"private key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
		"too large":   strings.Repeat("x", 1<<20+1),
		"too many":    strings.Repeat("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", 513),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := pki.DecodePEM([]byte(data)); err == nil {
				t.Error("accepted")
			}
		})
	}
}

// FuzzCheck looks for panics, and for a chain that is trusted though its bytes were never signed by the anchor.
func FuzzCheck(f *testing.F) {
	d := mdoctest.LoadAnnexD(f)
	ds := d.Bytes(f, "ds_certificate")
	for _, entry := range []string{"ds_certificate", "reader_certificate", "iaca_root_certificate", "reader_root_certificate"} {
		f.Add(d.Bytes(f, entry))
	}
	anchors, err := pki.NewAnchors(d.Bytes(f, "iaca_root_certificate"))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		for p := pki.IACA; p <= pki.SEAttestation; p++ {
			_ = pki.Lint(der, p).OK()
		}
		_, v, err := anchors.Check([][]byte{der}, pki.DocumentSigner, annexDTime)
		if err != nil {
			t.Fatal(err)
		}
		if !v.OK() {
			return
		}
		// ECDSA signatures can be rewritten by anyone who has one; what was signed cannot.
		if !bytes.Equal(mustParse(t, der).RawTBSCertificate, mustParse(t, ds).RawTBSCertificate) {
			t.Error("trusted, though the anchor never signed it")
		}
	})
}

// FuzzDecodePEM checks that what is accepted survives a round trip.
func FuzzDecodePEM(f *testing.F) {
	d := mdoctest.LoadAnnexD(f)
	f.Add(pki.EncodePEM(d.Bytes(f, "ds_certificate"), d.Bytes(f, "iaca_root_certificate")))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		ders, err := pki.DecodePEM(data)
		if err != nil {
			if ders != nil {
				t.Error("an error and a result")
			}
			return
		}
		again, err := pki.DecodePEM(pki.EncodePEM(ders...))
		if err != nil || len(again) != len(ders) {
			t.Fatalf("round trip: %v", err)
		}
		for i := range ders {
			if !bytes.Equal(ders[i], again[i]) {
				t.Error("round trip changed a certificate")
			}
		}
	})
}
