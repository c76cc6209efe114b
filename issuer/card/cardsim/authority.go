package cardsim

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"sync"
	"time"

	"mobileid/issuer/card"
	"mobileid/issuer/card/jpki/jpkica"
)

// AuthorityConfig says how an Authority is made.
type AuthorityConfig struct {
	// Now dates the CA certificates, which run from two years before to eight years after; nil is the clock.
	Now func() time.Time
	// Keys gives the keys; nil is NewKeys(Rand).
	Keys KeySource
	// Rand gives serial numbers and salts; nil is crypto/rand.
	Rand io.Reader
}

// An Authority is the test hierarchy behind the modelled cards: the signature CA and the user authentication CA (O=JPKI-TEST), and the
// two CA keys under which municipalities certify the keys of card records. It is safe for concurrent use.
type Authority struct {
	signature, authentication certificateAuthority
	municipal                 map[string]cvAuthority // by role
	keys                      KeySource
	rand                      io.Reader

	mu      sync.Mutex           // guards signers and serials
	signers map[string]*cvSigner // by role and municipality
	serials map[int64]bool
}

// certificateAuthority is one of the two X.509 CAs, with the names that differ between them.
type certificateAuthority struct {
	profile jpkica.Profile
	key     *rsa.PrivateKey
	cert    *x509.Certificate
}

// blankAuthority has the names and sources of randomness, and no keys yet.
func blankAuthority(c AuthorityConfig) *Authority {
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.Keys == nil {
		c.Keys = NewKeys(c.Rand)
	}
	return &Authority{
		signature:      certificateAuthority{profile: jpkica.Profile{Kind: jpkica.Signature}},
		authentication: certificateAuthority{profile: jpkica.Profile{Kind: jpkica.Authentication}},
		municipal:      map[string]cvAuthority{},
		keys:           c.Keys, rand: c.Rand,
		signers: map[string]*cvSigner{}, serials: map[int64]bool{},
	}
}

// NewAuthority makes five CA keys and the two CA certificates.
func NewAuthority(c AuthorityConfig) (*Authority, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	a := blankAuthority(c)
	for _, ca := range []*certificateAuthority{&a.signature, &a.authentication} {
		if err := a.establish(ca, c.Now()); err != nil {
			return nil, fmt.Errorf("making the CA %q: %w", ca.profile.Unit(), err)
		}
	}
	for _, role := range []string{roleFace, roleAttributes, roleRoot} {
		key, err := a.keys()
		if err != nil {
			return nil, fmt.Errorf("making a municipal CA key: %w", err)
		}
		a.municipal[role] = cvAuthority{id: caKeyID("90000" + role), key: key}
	}
	return a, nil
}

// establish makes key and self-signed certificate.
func (a *Authority) establish(ca *certificateAuthority, now time.Time) error {
	var err error
	if ca.key, err = a.keys(); err != nil {
		return err
	}
	serial, err := a.serial()
	if err != nil {
		return err
	}
	day := card.DayInJapan(now)
	template := ca.profile.CATemplate(serial, &ca.key.PublicKey, card.StartOfDay(shift(day, -2, 0, 0)), card.EndOfDay(shift(day, 8, 0, -1)))
	der, err := x509.CreateCertificate(rand.Reader, template, template, &ca.key.PublicKey, ca.key)
	if err != nil {
		return err
	}
	ca.cert, err = x509.ParseCertificate(der)
	return err
}

// serial draws an unused positive four-byte serial number (発行番号).
func (a *Authority) serial() (*big.Int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for range 64 {
		n, err := jpkica.Serial(a.rand)
		if err != nil {
			return nil, err
		}
		if !a.serials[n.Int64()] {
			a.serials[n.Int64()] = true
			return n, nil
		}
	}
	return nil, fmt.Errorf("no free serial number in 64 draws")
}

// SignatureRoots are the CA certificates an issuer configures to check signature certificates.
func (a *Authority) SignatureRoots() []*x509.Certificate {
	return []*x509.Certificate{a.signature.cert}
}

// AuthenticationRoots are the CA certificates for user authentication certificates.
func (a *Authority) AuthenticationRoots() []*x509.Certificate {
	return []*x509.Certificate{a.authentication.cert}
}

// SignatureCA gives certificate and key of the signature CA, for who publishes its revocation lists (package jpkisim).
func (a *Authority) SignatureCA() (*x509.Certificate, crypto.Signer) {
	return a.signature.cert, a.signature.key
}

// AuthenticationCA is SignatureCA for the user authentication CA.
func (a *Authority) AuthenticationCA() (*x509.Certificate, crypto.Signer) {
	return a.authentication.cert, a.authentication.key
}

// MunicipalRoots are the CA keys for card records, 9000023 (券面AP) and 9000033 (補助AP).
func (a *Authority) MunicipalRoots() map[card.KeyID]*rsa.PublicKey {
	roots := map[card.KeyID]*rsa.PublicKey{}
	for _, role := range []string{roleFace, roleAttributes} {
		ca := a.municipal[role]
		roots[ca.id] = &ca.key.PublicKey
	}
	return roots
}

// DomainRoot is the CA key 9000020, under which GET DATA of the Issuer Security Domain tells two certificates. No record needs it.
func (a *Authority) DomainRoot() (card.KeyID, *rsa.PublicKey) {
	ca := a.municipal[roleRoot]
	return ca.id, &ca.key.PublicKey
}

// ocspURI is what the certificates say; the real service's address is not borrowed.
const ocspURI = "http://ocspauthnorm.jpki-test.invalid"
