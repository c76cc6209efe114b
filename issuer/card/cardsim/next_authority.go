package cardsim

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"strconv"
	"time"

	"mobileid/issuer/card"
	"mobileid/issuer/card/jpki/jpkica"
)

// A NextAuthority issues to cards of the proposed next generation: two CAs (O=JPKI-TEST) and a key that signs records, certified by the
// signature CA. All are P-384; none is kept, each authority is made anew. It is safe for concurrent use.
type NextAuthority struct {
	signature, authentication, records nextKey
}

// nextKey is a P-384 key with its certificate.
type nextKey struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

// NewNextAuthority makes the keys and certificates. Of the configuration, Now counts: the CAs run from two years before to thirteen after.
func NewNextAuthority(c AuthorityConfig) (*NextAuthority, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	day := card.DayInJapan(c.Now())
	from, until := card.StartOfDay(shift(day, -2, 0, 0)).UTC(), card.EndOfDay(shift(day, 13, 0, -1)).UTC()
	ca := func(name string) *x509.Certificate {
		return &x509.Certificate{Subject: nextName(name), NotBefore: from, NotAfter: until, IsCA: true, BasicConstraintsValid: true,
			KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, SignatureAlgorithm: x509.ECDSAWithSHA384}
	}
	var (
		a   NextAuthority
		err error
	)
	if a.signature, err = nextKeyFor(ca("proposed next card, digital signature"), nextKey{}); err != nil {
		return nil, fmt.Errorf("making the signature CA: %w", err)
	}
	if a.authentication, err = nextKeyFor(ca("proposed next card, user authentication"), nextKey{}); err != nil {
		return nil, fmt.Errorf("making the user authentication CA: %w", err)
	}
	records := &x509.Certificate{Subject: nextName("proposed next card, records"), NotBefore: from, NotAfter: until,
		KeyUsage: x509.KeyUsageDigitalSignature, SignatureAlgorithm: x509.ECDSAWithSHA384}
	if a.records, err = nextKeyFor(records, a.signature); err != nil {
		return nil, fmt.Errorf("making the key of records: %w", err)
	}
	return &a, nil
}

func nextName(unit string) pkix.Name {
	return pkix.Name{Country: []string{"JP"}, Organization: []string{jpkica.Organization}, OrganizationalUnit: []string{unit}}
}

func newP384() (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P384(), rand.Reader) }

// nextKeyFor makes a key and has its certificate issued, by itself when there is no issuer.
func nextKeyFor(template *x509.Certificate, issuer nextKey) (nextKey, error) {
	key, err := newP384()
	if err != nil {
		return nextKey{}, err
	}
	if issuer.key == nil {
		issuer = nextKey{key, template}
	}
	der, err := issuer.issue(template, key)
	if err != nil {
		return nextKey{}, err
	}
	cert, err := x509.ParseCertificate(der)
	return nextKey{key, cert}, err
}

func (n nextKey) issue(template *x509.Certificate, key *ecdsa.PrivateKey) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 62))
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial.Add(serial, big.NewInt(1))
	return x509.CreateCertificate(rand.Reader, template, n.cert, &key.PublicKey, n.key)
}

// Roots are the signature CA, which also certifies the key of records, and the user authentication CA.
func (a *NextAuthority) Roots() []*x509.Certificate {
	return []*x509.Certificate{a.signature.cert, a.authentication.cert}
}

// certificates issues both of the holder's, with the extension of the four attributes as the current generation has it.
func (a *NextAuthority) certificates(c *contents, p Person, d Draft) error {
	for _, leaf := range []struct {
		file, key card.FileID
		issuer    nextKey
		usage     x509.KeyUsage
		names     []pkix.Extension
	}{
		{nextSignatureCertificate, nextSignatureKey, a.signature, x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment,
			[]pkix.Extension{jpkica.SubjectAltName(d.Certificate.personal())}},
		{nextAuthCertificate, nextAuthKey, a.authentication, x509.KeyUsageDigitalSignature, nil},
	} {
		key, ok := c.keys[leaf.key].(*ecdsa.PrivateKey)
		if !ok {
			return fmt.Errorf("the key %v is no P-384 key", leaf.key)
		}
		template := &x509.Certificate{
			Subject:   pkix.Name{Country: []string{"JP"}, CommonName: "TEST " + strconv.FormatInt(d.Certificate.NotBefore.Unix(), 10) + " " + p.Municipality},
			NotBefore: d.Certificate.NotBefore.UTC(), NotAfter: d.Certificate.NotAfter.UTC(), KeyUsage: leaf.usage,
			ExtraExtensions: leaf.names, SignatureAlgorithm: x509.ECDSAWithSHA384,
		}
		der, err := leaf.issuer.issue(template, key)
		if err != nil {
			return fmt.Errorf("issuing the certificate %v: %w", leaf.file, err)
		}
		c.data[leaf.file] = der
	}
	return nil
}

// NewNext personalises a card of the proposed next generation. Of the options, Alter, Tamper, Rand and WarnAtEnd count. Its PIN is the
// person's AuthenticationPIN.
func NewNext(p Person, a *NextAuthority, o Options) (*Card, error) {
	c, err := nextContents(p, a, o)
	if err != nil {
		return nil, fmt.Errorf("personalising the next card of %v: %w", p, err)
	}
	k := newCard(p, c, nextGeneration)
	if o.Rand != nil {
		k.rand = o.Rand
	}
	k.warnAtEnd = o.WarnAtEnd
	return k, nil
}
