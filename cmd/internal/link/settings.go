package link

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"mobileid/cmd/internal/serve"
	"mobileid/issuer/keys"
	"mobileid/mdoc/pki"
)

// maxPEM bounds a file of certificates.
const maxPEM = 256 << 10

// Settings are one end of the line. All of it is required.
type Settings struct {
	// Listen is where the other end calls, host:port.
	Listen string `json:"listen"`
	// Certificate is the PEM file of this end's chain, leaf first, and Key names the leaf's key, file:PATH. The leaf is for
	// servers and clients both (RFC 5280, 4.2.1.12).
	Certificate string `json:"certificate"`
	Key         string `json:"key"`
	// Authorities is the PEM file of the roots of the other end's certificate.
	Authorities string `json:"authorities"`
	// Peer is the DNS name that must be in the other end's certificate (RFC 9525), whether it calls or is called.
	Peer string `json:"peer"`
}

// Check says what is wrong with the values.
func (s Settings) Check() error {
	err := serve.Required(map[string]string{"link.certificate": s.Certificate, "link.key": s.Key, "link.authorities": s.Authorities, "link.peer": s.Peer})
	if _, _, bad := net.SplitHostPort(s.Listen); bad != nil {
		err = errors.Join(err, errors.New("link.listen is not host:port"))
	}
	if net.ParseIP(s.Peer) != nil {
		err = errors.Join(err, errors.New("link.peer is an address, not a name"))
	}
	return err
}

// material is what the files hold at one time.
type material struct {
	own   tls.Certificate
	roots *x509.CertPool
	peer  string
}

// load reads the files and judges this end's own certificate.
func (s Settings) load(at time.Time) (*material, error) {
	key, err := keys.Open(s.Key)
	if err != nil {
		return nil, err
	}
	chain, err := certificates(s.Certificate)
	if err != nil {
		return nil, err
	}
	if err := usable(chain[0], key, at); err != nil {
		return nil, fmt.Errorf("%s: %w", s.Certificate, err)
	}
	roots, err := certificates(s.Authorities)
	if err != nil {
		return nil, err
	}
	m := &material{own: tls.Certificate{PrivateKey: key, Leaf: chain[0]}, roots: x509.NewCertPool(), peer: s.Peer}
	for _, c := range chain {
		m.own.Certificate = append(m.own.Certificate, c.Raw)
	}
	for _, c := range roots {
		if !c.IsCA || !c.BasicConstraintsValid {
			return nil, fmt.Errorf("%s: a certificate that is no authority's", s.Authorities)
		}
		m.roots.AddCert(c)
	}
	return m, nil
}

func certificates(path string) (list []*x509.Certificate, err error) {
	text, err := serve.ReadFile(path, maxPEM)
	if err != nil {
		return nil, err
	}
	ders, err := pki.DecodePEM(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, der := range ders {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		list = append(list, c)
	}
	return list, nil
}

// usable judges this end's own leaf, so that what the other end would refuse is found at the start.
func usable(leaf *x509.Certificate, key crypto.Signer, at time.Time) error {
	public, ok := leaf.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	switch {
	case !ok || !public.Equal(key.Public()):
		return errors.New("the certificate is of another key")
	case at.Before(leaf.NotBefore) || at.After(leaf.NotAfter):
		return fmt.Errorf("the certificate is in force from %s to %s", leaf.NotBefore.Format(time.DateOnly), leaf.NotAfter.Format(time.DateOnly))
	case !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageServerAuth) || !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageClientAuth):
		return errors.New("the certificate is not for servers and clients both")
	case len(leaf.DNSNames) == 0:
		return errors.New("the certificate has no DNS name")
	}
	return nil
}
