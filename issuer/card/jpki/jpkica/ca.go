package jpkica

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"math/big"
	"time"

	"mobileid/mdoc/pki"
)

// A CA is a certification authority of one profile with its key. It is safe for concurrent use if the key is.
type CA struct {
	Profile Profile
	cert    *x509.Certificate
	key     crypto.Signer
}

// ErrProfile says that a certificate is not a CA's of the profile, or a key is not its.
var ErrProfile = errors.New("not the CA of this profile")

// NewCA makes a CA with a self-signed certificate for a key that exists.
func NewCA(p Profile, key crypto.Signer, serial *big.Int, from, until time.Time) (*CA, error) {
	public := keyOf(key)
	if public == nil {
		return nil, fmt.Errorf("making CA: no RSA key: %w", ErrProfile)
	}
	template := p.CATemplate(serial, public, from, until)
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, key)
	if err != nil {
		return nil, fmt.Errorf("making CA: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("making CA: %w", err)
	}
	return OpenCA(p, cert, key)
}

// OpenCA joins the certificate of a CA with its key. Both must fit the profile.
func OpenCA(p Profile, cert *x509.Certificate, key crypto.Signer) (*CA, error) {
	public := keyOf(key)
	switch {
	case public == nil || !public.Equal(cert.PublicKey):
		return nil, fmt.Errorf("opening CA: certificate of another key: %w", ErrProfile)
	case !cert.IsCA || !bytes.Equal(cert.RawSubject, p.CAName()) || cert.CheckSignatureFrom(cert) != nil:
		return nil, fmt.Errorf("opening CA: certificate of another name, or not self-signed: %w", ErrProfile)
	}
	return &CA{Profile: p, cert: cert, key: key}, nil
}

// Certificate is the CA's own.
func (c *CA) Certificate() *x509.Certificate { return c.cert }

// Issue signs a certificate of a holder and looks at what came out as a relying party would.
func (c *CA) Issue(l Leaf) (*x509.Certificate, error) {
	if l.NotAfter.After(c.cert.NotAfter) || l.NotBefore.Before(c.cert.NotBefore) || !l.NotBefore.Before(l.NotAfter) {
		return nil, errors.New("issuing certificate: validity is empty or beyond the CA's")
	}
	der, err := x509.CreateCertificate(rand.Reader, c.Profile.Template(l, c.cert), c.cert, l.Key, c.key)
	if err != nil {
		return nil, fmt.Errorf("issuing certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("issuing certificate: %w", err)
	}
	_, usage := c.Profile.usage()
	if cert.CheckSignatureFrom(c.cert) != nil || cert.KeyUsage != usage || !l.Key.Equal(cert.PublicKey) || cert.SerialNumber.Cmp(l.Serial) != 0 {
		return nil, errors.New("issuing certificate: own check failed")
	}
	return cert, nil
}

// Issued tells whether a certificate is one of this CA.
func (c *CA) Issued(cert *x509.Certificate) bool {
	return bytes.Equal(cert.RawIssuer, c.cert.RawSubject) && cert.CheckSignatureFrom(c.cert) == nil
}

// List signs a revocation list with reasons (RFC 5280, 5) in DER.
func (c *CA) List(number *big.Int, from, until time.Time, entries []pki.Revocation) ([]byte, error) {
	return pki.CreateCRL(pki.CRLTemplate{Profile: pki.CRLWithReasons, Number: number, ThisUpdate: from, NextUpdate: until, Revoked: entries},
		c.cert, c.key)
}

// Serial draws a positive four-byte serial number (発行番号). Whether it is free is the caller's to find out.
func Serial(random io.Reader) (*big.Int, error) {
	var b [4]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return nil, fmt.Errorf("drawing serial number: %w", err)
	}
	b[0] = b[0]&0x3F | 0x40
	return new(big.Int).SetBytes(b[:]), nil
}

// AuthenticationSubject is the subject of a user authentication certificate, a number and no name: 14 letters or digits, the municipality code,
// three digits, a letter.
func AuthenticationSubject(random io.Reader, municipality string) ([]byte, error) {
	unique := make([]byte, 8)
	if _, err := io.ReadFull(random, unique); err != nil {
		return nil, fmt.Errorf("drawing subject: %w", err)
	}
	cn := "TEST" + base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(unique)[:10] + municipality + "003A"
	return Name(RDN{AttributeC, "JP"}, RDN{AttributeCN, cn}), nil
}
