package pki_test

import (
	"bytes"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mobileid/mdoc/mdoctest"
	"mobileid/mdoc/pki"
)

// annexDTime lies inside the validity of all four certificates of ISO/IEC 18013-5 Annex D.
var annexDTime = time.Date(2020, 10, 2, 0, 0, 0, 0, time.UTC)

func TestAnnexDChains(t *testing.T) {
	d := mdoctest.LoadAnnexD(t)
	iaca, readerRoot := d.Bytes(t, "iaca_root_certificate"), d.Bytes(t, "reader_root_certificate")
	anchors, err := pki.NewAnchors(iaca, readerRoot)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		entry   string
		profile pki.Profile
		root    []byte
	}{
		{"ds_certificate", pki.DocumentSigner, iaca},
		{"reader_certificate", pki.ReaderAuth, readerRoot},
	} {
		t.Run(c.entry, func(t *testing.T) {
			leaf := d.Bytes(t, c.entry)
			for range 2 {
				chain, v, err := anchors.Check(one(leaf), c.profile, annexDTime)
				if err != nil || !v.OK() {
					t.Fatalf("%v: %s", err, v)
				}
				if !bytes.Equal(chain.Anchor.Raw, c.root) || !bytes.Equal(chain.Leaf.Raw, leaf) {
					t.Error("another leaf or anchor")
				}
			}
			if _, v, _ := anchors.Check(one(leaf), c.profile, annexDTime.AddDate(5, 0, 0)); v.OK() {
				t.Error("still trusted five years later")
			}
		})
	}
}

// TestAnnexDLint shows what the standard's own certificates break: the address of the revocation list is a dNSName.
func TestAnnexDLint(t *testing.T) {
	d := mdoctest.LoadAnnexD(t)
	for entry, profile := range map[string]pki.Profile{
		"iaca_root_certificate":   pki.IACA,
		"ds_certificate":          pki.DocumentSigner,
		"reader_root_certificate": pki.ReaderRoot,
		"reader_certificate":      pki.ReaderAuth,
	} {
		t.Run(entry, func(t *testing.T) {
			v := pki.Lint(d.Bytes(t, entry), profile)
			if diff := cmp.Diff([]string{"cert.crl_distribution_points"}, failedIDs(v)); diff != "" {
				t.Errorf("failed checks (-want +got):\n%s%s", diff, v)
			}
		})
	}
}

// TestFieldRoots takes the roots of a published trust list: every issuing authority's root must be usable, and the
// trust list provider's own, which is built on another profile, must not.
func TestFieldRoots(t *testing.T) {
	var file struct {
		VICAL    string `json:"vical"`
		Root     string `json:"trust_anchor_der"`
		Expected struct {
			Entries []struct{} `json:"entries"`
		} `json:"expected"`
	}
	mdoctest.ReadJSON(t, "iso18013-5/vical-aamva-2025-11-18.json", &file)
	provider := mdoctest.Hex(t, file.Root)
	roots := selfIssuedWithin(mdoctest.Hex(t, file.VICAL))
	authorities := 0
	for _, c := range roots {
		_, err := pki.NewAnchors(c.Raw)
		if bytes.Equal(c.Raw, provider) {
			if err == nil {
				t.Error("the provider's root, without path length, passed for an issuing authority's")
			}
			continue
		}
		authorities++
		if err != nil {
			t.Errorf("%s: %v", c.Subject.CommonName, err)
		}
	}
	if authorities == 0 || authorities != len(file.Expected.Entries) {
		t.Errorf("found %d issuing authorities' roots, the list has %d entries", authorities, len(file.Expected.Entries))
	}
}

// selfIssuedWithin finds the DER certificates inside other data.
func selfIssuedWithin(data []byte) []*x509.Certificate {
	var out []*x509.Certificate
	for i := 0; i+4 < len(data); i++ {
		if data[i] != 0x30 || data[i+1] != 0x82 {
			continue
		}
		end := i + 4 + int(data[i+2])<<8 + int(data[i+3])
		if end > len(data) {
			continue
		}
		if c, err := x509.ParseCertificate(data[i:end]); err == nil && bytes.Equal(c.RawIssuer, c.RawSubject) {
			out = append(out, c)
			i = end - 1
		}
	}
	return out
}

func TestStatusVectorRoot(t *testing.T) {
	root, err := os.ReadFile(filepath.Join(mdoctest.Vectors(t), "status-list", "mdoc-iaca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	signer, err := os.ReadFile(filepath.Join(mdoctest.Vectors(t), "status-list", "mdoc-revocation-signer.pem"))
	if err != nil {
		t.Fatal(err)
	}
	anchors, err := pki.ParseAnchorsPEM(root)
	if err != nil {
		t.Fatal(err)
	}
	chain, err := pki.DecodePEM(signer)
	if err != nil {
		t.Fatal(err)
	}
	_, v, err := anchors.Check(chain, pki.StatusSigner, now)
	if err != nil || !v.OK() {
		t.Errorf("%v: %s", err, v)
	}
	if v := pki.Lint(chain[0], pki.StatusSigner); !v.OK() {
		t.Errorf("lint: %s", v)
	}
}
