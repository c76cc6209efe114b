package vical

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/pki"
)

// ProfileIACA is the URN of an IACA root in certificateProfile (ISO/IEC 18013-5:2021, Annex C).
const ProfileIACA = "urn:oid:1.0.18013.5.1.7"

// Draft is a list about to be signed.
type Draft struct {
	// Provider is the provider's name, the same in every list.
	Provider string
	// IssueID must grow with each list.
	IssueID uint64
	// Date is when the list is made, NextUpdate when the next is due, NotAfter when this one ends. Whole seconds are
	// written. A zero NotAfter leaves it out.
	Date, NextUpdate, NotAfter time.Time
	// URL is where the newest list is found; empty leaves it out.
	URL     string
	Entries []Entry
}

// Entry is a certificate about to be listed. What the list says of it is taken from it.
type Entry struct {
	// Certificate is the DER of an IACA root.
	Certificate []byte
	// DocTypes are the document types that the authority issues.
	DocTypes []string
	// IssuingAuthority is the authority's name for people; empty leaves it out.
	IssuingAuthority string
}

// Sign makes a VICAL. chain begins with the signer's certificate and leaves the root out; it goes into the unprotected
// header. The certificate must fit its profile and each listed one must be usable as an anchor.
//
// What was made is read again and linted before it is given out.
func Sign(signer crypto.Signer, chain [][]byte, d Draft) ([]byte, error) {
	const op = "signing VICAL"
	if err := checkSigner(signer, chain); err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	content, err := d.content()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	payload, err := cbor.Marshal(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	m, err := cose.NewSign1(signer, cose.Headers{X5Chain: chain}, payload)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	made, err := Parse(m.Bytes())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	if v := Lint(made); !v.OK() {
		return nil, fmt.Errorf("%s: own lint failed: %s", op, v)
	}
	if err := m.Verify(signer.Public()); err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	return m.Bytes(), nil
}

func checkSigner(signer crypto.Signer, chain [][]byte) error {
	if len(chain) == 0 {
		return errors.New("no certificate")
	}
	if v := pki.Lint(chain[0], pki.VICALSigner); !v.OK() {
		return fmt.Errorf("the certificate is no VICAL signer's: %s", v)
	}
	c, err := x509.ParseCertificate(chain[0])
	if err != nil {
		return err
	}
	if k, ok := c.PublicKey.(interface{ Equal(crypto.PublicKey) bool }); !ok || !k.Equal(signer.Public()) {
		return errors.New("the certificate is another key's")
	}
	return nil
}

func (d Draft) content() (Content, error) {
	if d.Provider == "" || d.NextUpdate.IsZero() {
		return Content{}, errors.New("provider and nextUpdate are needed")
	}
	next := cbor.NewTDate(d.NextUpdate)
	c := Content{Version: "1.0", Provider: d.Provider, Date: cbor.NewTDate(d.Date), IssueID: &d.IssueID, NextUpdate: &next, URL: d.URL,
		Certificates: []CertificateInfo{}}
	if d.URL != "" && !strings.HasPrefix(d.URL, "https://") {
		return Content{}, errors.New("vicalURL is not an https URL")
	}
	if !d.NotAfter.IsZero() {
		end := cbor.NewTDate(d.NotAfter)
		c.NotAfter = &end
	}
	for i, e := range d.Entries {
		info, err := e.info()
		if err != nil {
			return Content{}, fmt.Errorf("entry %d: %w", i, err)
		}
		for _, other := range c.Certificates {
			if bytes.Equal(other.Certificate, info.Certificate) {
				return Content{}, fmt.Errorf("entry %d: listed twice", i)
			}
		}
		c.Certificates = append(c.Certificates, info)
	}
	return c, nil
}

// info describes the certificate from its own fields.
func (e Entry) info() (CertificateInfo, error) {
	if _, err := pki.NewAnchorsFor(pki.IACA, e.Certificate); err != nil {
		return CertificateInfo{}, err
	}
	cert, err := x509.ParseCertificate(e.Certificate)
	if err != nil {
		return CertificateInfo{}, err
	}
	from, until := cbor.NewTDate(cert.NotBefore), cbor.NewTDate(cert.NotAfter)
	info := CertificateInfo{
		Certificate: e.Certificate, SerialNumber: cert.SerialNumber, SKI: cert.SubjectKeyId, DocTypes: e.DocTypes,
		CertificateProfiles: []string{ProfileIACA}, IssuingAuthority: e.IssuingAuthority, IssuingCountry: cert.Subject.Country[0],
		Issuer: cert.RawIssuer, Subject: cert.RawSubject, NotBefore: &from, NotAfter: &until,
	}
	if len(cert.Subject.Province) == 1 {
		info.StateOrProvinceName = cert.Subject.Province[0]
	}
	if len(info.SKI) == 0 {
		return CertificateInfo{}, errors.New("the certificate has no key identifier")
	}
	return info, info.check()
}
