package link

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// Lives of what an authority makes.
const (
	lifeAuthority = 9 * 365 * 24 * time.Hour
	lifeService   = 397 * 24 * time.Hour
)

// Authority certifies the two ends of a TEST installation.
type Authority struct {
	// Certificate is the root in DER.
	Certificate []byte

	key    crypto.Signer
	parsed *x509.Certificate
}

// NewAuthority makes the root of a key; its name says TEST.
func NewAuthority(key crypto.Signer, at time.Time) (*Authority, error) {
	template, err := template("TEST service CA", at, lifeAuthority)
	if err != nil {
		return nil, err
	}
	template.IsCA, template.BasicConstraintsValid, template.MaxPathLenZero = true, true, true
	template.KeyUsage = x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("making service authority: %w", err)
	}
	return OpenAuthority(key, der)
}

// OpenAuthority takes a root that was made before, and its key.
func OpenAuthority(key crypto.Signer, der []byte) (*Authority, error) {
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("opening service authority: %w", err)
	}
	if public, ok := parsed.PublicKey.(interface{ Equal(crypto.PublicKey) bool }); !ok || !public.Equal(key.Public()) || !parsed.IsCA {
		return nil, errors.New("opening service authority: the certificate is not this key's, or no authority's")
	}
	return &Authority{Certificate: der, key: key, parsed: parsed}, nil
}

// Issue certifies one end under its DNS name, for 397 days from the day before.
func (a *Authority) Issue(name string, public crypto.PublicKey, at time.Time) ([]byte, error) {
	template, err := template("TEST service "+name, at, lifeService)
	if err != nil {
		return nil, err
	}
	if template.NotAfter.After(a.parsed.NotAfter) {
		template.NotAfter = a.parsed.NotAfter
	}
	template.DNSNames = []string{name}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	der, err := x509.CreateCertificate(rand.Reader, template, a.parsed, public, a.key)
	if err != nil {
		return nil, fmt.Errorf("certifying service: %w", err)
	}
	return der, nil
}

func template(name string, at time.Time, life time.Duration) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("drawing serial number: %w", err)
	}
	from := at.UTC().Truncate(24*time.Hour).AddDate(0, 0, -1) // clocks may differ
	return &x509.Certificate{SerialNumber: serial.Add(serial, big.NewInt(1)), Subject: pkix.Name{Country: []string{"JP"}, Organization: []string{"TEST authority"}, CommonName: name},
		NotBefore: from, NotAfter: from.Add(life)}, nil
}
