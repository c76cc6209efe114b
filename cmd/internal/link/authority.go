package link

import (
	"crypto"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"mobileid/cmd/internal/serve"
	"mobileid/issuer/keys"
	"mobileid/mdoc/pki"
)

// The two ends of a TEST installation, by the names of their files, and the names in their certificates.
const (
	IssuerEnd = "issuer"
	TSMEnd    = "tsm"

	domain = ".test" // RFC 6761, 6.2: never a real name
)

const (
	rootFile = "ca.pem"
	rootKey  = "service-ca.key"
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

// In gives the settings of one end whose files [Certify] made in dir.
func In(dir, end, listen string) Settings {
	peer := map[string]string{IssuerEnd: TSMEnd, TSMEnd: IssuerEnd}[end]
	return Settings{Listen: listen, Certificate: filepath.Join(dir, end+".pem"), Key: "file:" + filepath.Join(dir, end+".key"),
		Authorities: filepath.Join(dir, rootFile), Peer: peer + domain}
}

// Certify makes a key and a certificate for each end in dir, in place of those that are there:
//
//	ca.pem  issuer.key  issuer.pem  tsm.key  tsm.pem
//
// If there is no authority yet, it makes dir and the authority too, with its key in offline. Running services take what is
// new at their next connection.
func Certify(dir, offline string, at time.Time) error {
	a, err := authorityIn(dir, offline, at)
	if err != nil {
		return err
	}
	for _, end := range []string{IssuerEnd, TSMEnd} {
		if err := a.install(dir, end, at); err != nil {
			return fmt.Errorf("certifying %s: %w", end, err)
		}
	}
	return nil
}

// authorityIn opens the authority of a folder, or makes it.
func authorityIn(dir, offline string, at time.Time) (*Authority, error) {
	uri := "file:" + filepath.Join(offline, rootKey)
	text, err := serve.ReadFile(filepath.Join(dir, rootFile), maxPEM)
	if errors.Is(err, fs.ErrNotExist) {
		return newAuthorityIn(dir, uri, at)
	}
	if err != nil {
		return nil, err
	}
	key, err := keys.Open(uri)
	if err != nil {
		return nil, err
	}
	ders, err := pki.DecodePEM(text)
	if err != nil || len(ders) != 1 {
		return nil, errors.Join(fmt.Errorf("%s is not one certificate", filepath.Join(dir, rootFile)), err)
	}
	return OpenAuthority(key, ders[0])
}

func newAuthorityIn(dir, uri string, at time.Time) (*Authority, error) {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	key, err := keys.Generate(uri, elliptic.P256())
	if err != nil {
		return nil, err
	}
	a, err := NewAuthority(key, at)
	if err != nil {
		return nil, err
	}
	return a, os.WriteFile(filepath.Join(dir, rootFile), pki.EncodePEM(a.Certificate), 0o644) //nolint:gosec // a certificate is for everybody
}

// install puts one end's new key and certificate into place, each in one step.
func (a *Authority) install(dir, end string, at time.Time) (err error) {
	path := filepath.Join(dir, end)
	if err := os.Remove(path + ".key.new"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err // left over from a run that was cut
	}
	key, err := keys.Generate("file:"+path+".key.new", elliptic.P256())
	if err != nil {
		return err
	}
	der, err := a.Issue(end+domain, key.Public(), at)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".pem.new", pki.EncodePEM(der), 0o644); err != nil { //nolint:gosec // a certificate is for everybody
		return err
	}
	return errors.Join(os.Rename(path+".key.new", path+".key"), os.Rename(path+".pem.new", path+".pem"))
}
