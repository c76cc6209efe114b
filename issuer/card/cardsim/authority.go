package cardsim

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"io"
	"math/big"
	"sync"
	"time"

	"mobileid/issuer/card"
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
	name    string // OU of the issuer
	altName string // OU of the Japanese name
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
		signature:      certificateAuthority{name: "JPKI for digital signature", altName: "公的個人認証サービス署名用"},
		authentication: certificateAuthority{name: "JPKI for user authentication", altName: "公的個人認証サービス利用者証明用"},
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
			return nil, fmt.Errorf("making the CA %q: %w", ca.name, err)
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

const organization = "JPKI-TEST"

func (ca *certificateAuthority) subject() []byte {
	return distinguishedName(rdn{attributeC, "JP"}, rdn{attributeO, organization}, rdn{attributeOU, ca.name},
		rdn{attributeOU, "Japan Agency for Local Authority Information Systems"})
}

func (ca *certificateAuthority) japaneseName() []byte {
	return distinguishedName(rdn{attributeC, "JP"}, rdn{attributeO, "公的個人認証サービス（試験用）"}, rdn{attributeOU, ca.altName},
		rdn{attributeOU, "地方公共団体情報システム機構"})
}

// establish makes key and self-signed certificate: keyUsage, basicConstraints, subjectAltName, own CRLDP, SKI, no AKI.
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
	template := &x509.Certificate{
		SerialNumber: serial, RawSubject: ca.subject(),
		NotBefore: card.StartOfDay(shift(day, -2, 0, 0)).UTC(), NotAfter: card.EndOfDay(shift(day, 8, 0, -1)).UTC(),
		SignatureAlgorithm: x509.SHA256WithRSA,
	}
	template.ExtraExtensions = append(template.ExtraExtensions, keyUsage(usageCA), basicConstraintsCA(),
		subjectAltName(directoryNames(0x30, ca.japaneseName())), distributionPoints(ca.subject()), subjectKeyIdentifier(&ca.key.PublicKey))
	// Go derives issuer and key identifier from the parent; the template is its own.
	template.SubjectKeyId = keyIdentifier(&ca.key.PublicKey)
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
		var b [4]byte
		if _, err := io.ReadFull(a.rand, b[:]); err != nil {
			return nil, err
		}
		b[0] = b[0]&0x3F | 0x40 // four bytes, positive
		n := new(big.Int).SetBytes(b[:])
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

// Policies of the arc 1.2.392.200149.8.5.
func policySignature() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{1, 2, 392, 200149, 8, 5, 1, 1, 20}
}

func policyAuthentication() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{1, 2, 392, 200149, 8, 5, 1, 3, 30}
}

// The real service's URLs are not borrowed.
const (
	cpsURI  = "http://jpki-test.invalid/cps.html"
	ocspURI = "http://ocspauthnorm.jpki-test.invalid"
)
