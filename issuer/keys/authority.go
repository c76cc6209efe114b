package keys

import (
	"crypto"
	"crypto/elliptic"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"mobileid/mdoc/pki"
)

// Lives of what a ceremony makes; Annex B allows 20 years, 457, 1187 and 1187 days.
const (
	lifeRoot   = 9 * 365 * 24 * time.Hour
	lifeSigner = 400 * 24 * time.Hour
	lifeStatus = 3 * 365 * 24 * time.Hour
	lifeReader = 3 * 365 * 24 * time.Hour
	// lifeSE stays within its root's.
	lifeSE = 8 * 365 * 24 * time.Hour
)

// Ceremony says what a TEST authority is called and where it is reached. The zero value makes a Japanese one under
// example addresses.
type Ceremony struct {
	// Country is the alpha-2 code in every name; empty means JP.
	Country string
	// State is stateOrProvinceName; empty leaves it out.
	State string
	// Organization is organizationName; empty means "TEST authority". It must contain TEST.
	Organization string
	// IssuerURI says how to reach the authority; empty means https://issuer.example/.
	IssuerURI string
	// CRLURI is the address of the IACA's revocation list in what it certifies; empty means IssuerURI + "crl". ReaderCRLURI
	// is that of the reader root's; empty means IssuerURI + "reader-crl". Whoever publishes puts [Root.CRL] there.
	CRLURI, ReaderCRLURI string
	// Now gives the day of the ceremony; nil means the clock. Certificates begin at the start of the day before, so that
	// clocks may differ.
	Now func() time.Time
	// Rand draws serial numbers; nil means crypto/rand. Keys always come from crypto/rand.
	Rand io.Reader
}

// Root is a self-signed root and its key. In operation the key stays offline.
type Root struct {
	Key         crypto.Signer
	Certificate []byte // DER
	// CRL is the root's revocation list in DER; a secure element root has none.
	CRL []byte
}

// LogValue hides the key.
func (Root) LogValue() slog.Value { return slog.StringValue(redacted) }

// Format hides the key under every verb.
func (Root) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// Authority is a whole TEST authority: the issuer's side, a reader's, and the maker of secure elements. In operation
// these are three parties; each loads only what is its own.
type Authority struct {
	IACA, ReaderRoot, SERoot Root
	// DocumentSigner and StatusSigner stand under IACA, Reader under ReaderRoot.
	DocumentSigner, StatusSigner, Reader DocumentSigner
	// OrderKey signs the issuer's orders; the TSM is given its public half. It has no certificate.
	OrderKey crypto.Signer

	ceremony Ceremony
}

// LogValue hides the keys.
func (*Authority) LogValue() slog.Value { return slog.StringValue(redacted) }

// Format hides the keys under every verb.
func (*Authority) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// NewTestAuthority holds the ceremony in memory: P-256 keys, every certificate linted and checked as it is made, every
// common name with TEST. [Authority.Save] writes it down.
func NewTestAuthority(c Ceremony) (*Authority, error) {
	if err := c.defaults(); err != nil {
		return nil, fmt.Errorf("key ceremony: %w", err)
	}
	a := &Authority{ceremony: c}
	for _, r := range []struct {
		into    *Root
		profile pki.Profile
		name    string
	}{{&a.IACA, pki.IACA, "TEST IACA"}, {&a.ReaderRoot, pki.ReaderRoot, "TEST reader root"}, {&a.SERoot, pki.SERoot, "TEST secure element root"}} {
		var err error
		if *r.into, err = c.root(r.profile, r.name); err != nil {
			return nil, fmt.Errorf("key ceremony: %w", err)
		}
	}
	for _, l := range []struct {
		into    *DocumentSigner
		profile pki.Profile
		name    string
		life    time.Duration
		root    Root
	}{
		{&a.DocumentSigner, pki.DocumentSigner, "TEST document signer 1", lifeSigner, a.IACA},
		{&a.StatusSigner, pki.StatusSigner, "TEST status list signer 1", lifeStatus, a.IACA},
		{&a.Reader, pki.ReaderAuth, "TEST reader 1", lifeReader, a.ReaderRoot},
	} {
		var err error
		if *l.into, err = c.leaf(l.profile, l.name, l.life, l.root); err != nil {
			return nil, fmt.Errorf("key ceremony: %w", err)
		}
	}
	for _, r := range []*Root{&a.IACA, &a.ReaderRoot} {
		var err error
		if r.CRL, err = r.firstCRL(c.begin()); err != nil {
			return nil, fmt.Errorf("key ceremony: %w", err)
		}
	}
	order, err := generate(elliptic.P256())
	if err != nil {
		return nil, fmt.Errorf("key ceremony: %w", err)
	}
	a.OrderKey = order
	return a, nil
}

func (c *Ceremony) defaults() error {
	if c.Country == "" {
		c.Country = "JP"
	}
	if c.Organization == "" {
		c.Organization = "TEST authority"
	}
	if !strings.Contains(c.Organization, "TEST") {
		return errors.New("organization without TEST")
	}
	if c.IssuerURI == "" {
		c.IssuerURI = "https://issuer.example/"
	}
	if c.CRLURI == "" {
		c.CRLURI = strings.TrimSuffix(c.IssuerURI, "/") + "/crl"
	}
	if c.ReaderCRLURI == "" {
		c.ReaderCRLURI = strings.TrimSuffix(c.IssuerURI, "/") + "/reader-crl"
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return nil
}

// template fills in what all certificates share.
func (c *Ceremony) template(p pki.Profile, name string, life time.Duration) pki.Template {
	from := c.begin()
	t := pki.Template{Profile: p, Country: c.Country, State: c.State, Organization: c.Organization, CommonName: name,
		NotBefore: from, NotAfter: from.Add(life), CRLURI: c.CRLURI, IssuerAltURI: c.IssuerURI}
	if p == pki.ReaderAuth {
		t.CRLURI = c.ReaderCRLURI
	}
	return t
}

// begin is the start of the day before the ceremony, so that clocks may differ.
func (c *Ceremony) begin() time.Time { return c.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -1) }

func (c *Ceremony) root(p pki.Profile, name string) (Root, error) {
	key, err := generate(elliptic.P256())
	if err != nil {
		return Root{}, err
	}
	t := c.template(p, name, lifeRoot)
	t.CRLURI = "" // a root revokes itself by leaving the trust lists
	der, err := pki.Create(t, key.Public(), nil, key, c.Rand)
	if err != nil {
		return Root{}, err
	}
	return Root{Key: key, Certificate: der}, nil
}

func (c *Ceremony) leaf(p pki.Profile, name string, life time.Duration, root Root) (DocumentSigner, error) {
	key, err := generate(elliptic.P256())
	if err != nil {
		return DocumentSigner{}, err
	}
	der, err := root.issue(c.template(p, name, life), key.Public(), c.Rand)
	if err != nil {
		return DocumentSigner{}, err
	}
	return DocumentSigner{Key: key, Chain: [][]byte{der}}, nil
}

// issue makes a certificate under the root, whose life it does not outlast.
func (r Root) issue(t pki.Template, pub crypto.PublicKey, random io.Reader) ([]byte, error) {
	parent, err := x509.ParseCertificate(r.Certificate)
	if err != nil {
		return nil, fmt.Errorf("reading root: %w", err)
	}
	if r.Key == nil {
		return nil, errors.New("the root's key is offline")
	}
	if t.NotAfter.After(parent.NotAfter) {
		t.NotAfter = parent.NotAfter
	}
	return pki.Create(t, pub, parent, r.Key, random)
}

// NextDocumentSigner makes a further document signer that begins on the day of the ceremony's clock, for a [Ring] in
// which it overlaps the ones before. It needs the IACA's key.
func (a *Authority) NextDocumentSigner(name string) (DocumentSigner, error) {
	d, err := a.ceremony.leaf(pki.DocumentSigner, name, lifeSigner, a.IACA)
	if err != nil {
		return DocumentSigner{}, fmt.Errorf("making document signer: %w", err)
	}
	return d, nil
}

// CertifyDocumentSigner certifies a document signer whose key is elsewhere, as in a hardware security module, and gives its
// chain. It needs the IACA's key.
func (a *Authority) CertifyDocumentSigner(name string, pub crypto.PublicKey) ([][]byte, error) {
	der, err := a.IACA.issue(a.ceremony.template(pki.DocumentSigner, name, lifeSigner), pub, a.ceremony.Rand)
	if err != nil {
		return nil, fmt.Errorf("certifying document signer: %w", err)
	}
	return [][]byte{der}, nil
}

// SecureElement certifies the attestation key of a secure element for its id of 10 bytes, and gives the chain to put in
// it. It needs the key of the secure elements' root.
func (a *Authority) SecureElement(id []byte, pub crypto.PublicKey) ([][]byte, error) {
	t := a.ceremony.template(pki.SEAttestation, "TEST secure element", lifeSE)
	t.SEID, t.CRLURI, t.IssuerAltURI = id, "", ""
	der, err := a.SERoot.issue(t, pub, a.ceremony.Rand)
	if err != nil {
		return nil, fmt.Errorf("certifying secure element: %w", err)
	}
	return [][]byte{der}, nil
}

// Anchors gives the trust anchors made of the root's certificate.
func (r Root) Anchors() (*pki.Anchors, error) { return pki.NewAnchors(r.Certificate) }
