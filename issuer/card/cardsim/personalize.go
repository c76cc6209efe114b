package cardsim

import (
	"cmp"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	_ "embed" // the portrait
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"mobileid/issuer/card"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/jpkiap"
)

// A Draft is what is about to be written on a card, source by source. Everything in it is signed as usual, so that a card whose sources
// disagree is otherwise perfect.
type Draft struct {
	Certificate CertificateDraft
	Attributes  AttributesDraft
	Face        FaceDraft
	// AuthenticationMunicipality is the code in the CN of the user authentication certificate.
	AuthenticationMunicipality string
}

// CertificateDraft is the signature certificate; BirthDate is the era's number and YYYYMMDD.
type CertificateDraft struct {
	Name, NameFlags, Address, AddressFlags string
	Sex, BirthDate                         string
	NotBefore, NotAfter                    time.Time
	// Template, if set, may change the certificate before it is signed; its extensions are in ExtraExtensions.
	Template func(*x509.Certificate)
}

// AttributesDraft is 補助AP; BirthDate is YYYYMMDD.
type AttributesDraft struct{ Name, Address, BirthDate, Sex, Number string }

// FaceDraft is 券面AP; BirthDate and Expiry are YYYYMMDD, Portrait is JP2.
type FaceDraft struct {
	Name, Address, BirthDate, Sex      string
	Expiry, SecurityCode, Municipality string
	// Signer is the code of the municipality whose key signs the card face; empty is that of the person.
	Signer   string
	Portrait []byte
}

// portrait is a drawing of nobody; draw_portrait.go says how it was made.
//
//go:embed portrait.jp2
var portrait string

func draft(p Person) Draft {
	birth, expiry := digits(p.BirthDate), digits(p.Expiry)
	photo := p.Portrait
	if photo == nil {
		photo = []byte(portrait)
	}
	era, _ := card.Era(p.BirthDate)
	end := card.BirthdayAfter(p.BirthDate, p.Issued, 5)
	if card.StartOfDay(p.Expiry).Before(card.StartOfDay(end)) {
		end = p.Expiry
	}
	return Draft{
		Certificate: CertificateDraft{
			Name: p.Name, NameFlags: p.NameFlags, Address: p.Address, AddressFlags: p.AddressFlags,
			Sex: p.Sex, BirthDate: fmt.Sprint(era) + birth,
			NotBefore: card.StartOfDay(p.Issued).Add(10 * time.Hour), NotAfter: card.EndOfDay(end),
		},
		Attributes: AttributesDraft{Name: p.Name, Address: p.Address, BirthDate: birth, Sex: p.Sex, Number: p.Number},
		Face: FaceDraft{
			Name: p.Name, Address: p.Address, BirthDate: birth, Sex: p.Sex,
			Expiry: expiry, SecurityCode: p.SecurityCode, Municipality: p.Municipality, Portrait: photo,
		},
		AuthenticationMunicipality: p.Municipality,
	}
}

func digits(d cbor.FullDate) string { return strings.ReplaceAll(d.String(), "-", "") }

// keyFiles are the private keys of a card.
var keyFiles = [...]card.FileID{authenticationKey, signatureKey, attributesKey, faceKey, commonKey, sessionKey}

// contents are what personalisation brings to a card: data files, objects of the Issuer Security Domain, and keys.
type contents struct {
	data map[card.FileID][]byte
	keys map[card.FileID]crypto.Signer
}

func newContents() *contents {
	return &contents{data: map[card.FileID][]byte{}, keys: map[card.FileID]crypto.Signer{}}
}

// public is the public half of an RSA key of the card.
func (c *contents) public(id card.FileID) *rsa.PublicKey {
	key, ok := c.keys[id].Public().(*rsa.PublicKey)
	if !ok {
		panic("cardsim: internal error: no RSA key") // personalize made it one
	}
	return key
}

func personalize(p Person, a *Authority, o Options) (*contents, error) {
	d := draft(p)
	if o.Alter != nil {
		o.Alter(&d)
	}
	c := newContents()
	for _, id := range keyFiles {
		key, err := o.Keys()
		if err != nil {
			return nil, fmt.Errorf("making the key %v: %w", id, err)
		}
		c.keys[id] = key
	}
	for _, write := range []func(Person, *Authority, Draft, io.Reader) error{c.jpki, c.attributes, c.face, c.administration} {
		if err := write(p, a, d, o.Rand); err != nil {
			return nil, err
		}
	}
	for id, data := range c.data { // some are the authority's own bytes
		c.data[id] = slices.Clone(data)
	}
	if o.Tamper != nil {
		o.Tamper(c.data)
	}
	return c, nil
}

func (c *contents) jpki(p Person, a *Authority, d Draft, _ io.Reader) (err error) {
	c.data[tokenFile] = jpkiap.TokenInformation(jpkiap.LabelCard)
	c.data[presenceFile] = jpkiap.BothPresent()
	c.data[card.SignatureCA] = a.signature.cert.Raw
	c.data[authenticationCA] = a.authentication.cert.Raw
	if c.data[card.SignatureCertificate], err = a.signatureCertificate(p, d.Certificate, c.public(signatureKey)); err != nil {
		return fmt.Errorf("issuing the signature certificate: %w", err)
	}
	c.data[card.AuthenticationCertificate], err = a.authenticationCertificate(p, d, c.public(authenticationKey))
	if err != nil {
		return fmt.Errorf("issuing the user authentication certificate: %w", err)
	}
	return nil
}

func (c *contents) attributes(p Person, a *Authority, d Draft, _ io.Reader) error {
	s, err := a.signer(roleAttributes, p.Municipality)
	if err != nil {
		return fmt.Errorf("finding the signer of the attributes: %w", err)
	}
	number := numberRecord(d.Attributes.Number)
	record, digest := attributesRecord(d.Attributes)
	c.data[card.NumberFile], c.data[card.AttributesFile] = number, record
	c.data[card.AttributesCVFile], c.data[attributesBasic] = s.cert, attributesBasicRecord()
	c.data[sessionKeyFile], c.data[attributesEmpty] = outer(0xA1, publicKey(c.public(sessionKey))), emptyFile()
	if c.data[card.IntegrityFile], err = integrityRecord(s, number, digest); err != nil {
		return fmt.Errorf("signing the integrity record: %w", err)
	}
	if c.data[card.AttributesKeyFile], err = keyRecord(s, c.public(attributesKey)); err != nil {
		return fmt.Errorf("signing the key record: %w", err)
	}
	return nil
}

func (c *contents) face(p Person, a *Authority, d Draft, random io.Reader) error {
	s, err := a.signer(roleFace, cmp.Or(d.Face.Signer, p.Municipality))
	if err != nil {
		return fmt.Errorf("finding the signer of the card face: %w", err)
	}
	key := c.public(faceKey)
	c.data[card.FaceCVFile], c.data[faceEmpty] = s.cert, emptyFile()
	if c.data[card.FaceFile], err = faceRecord(s, d.Face, key); err != nil {
		return fmt.Errorf("signing the card face: %w", err)
	}
	if c.data[ageFile], err = ageRecord(s, d.Face.BirthDate, key); err != nil {
		return fmt.Errorf("signing the age record: %w", err)
	}
	if c.data[numberImage], err = numberImageRecord(s, d.Attributes.Number, key); err != nil {
		return fmt.Errorf("signing the number image: %w", err)
	}
	encrypted, err := rsa.EncryptOAEP(sha256.New(), random, &a.municipal[roleFace].key.PublicKey, []byte(p.Number+p.NumberB()), nil)
	if err != nil {
		return fmt.Errorf("encrypting for the issuer: %w", err)
	}
	c.data[card.BasicFile] = basicRecord(s, d.Face.Municipality, encrypted)
	return nil
}

// administration is 共通カードAP, 住基AP and the objects of the Issuer Security Domain. The manufacturing number begins with 999, which no
// maker has; it is drawn anew for each card.
func (c *contents) administration(p Person, a *Authority, d Draft, random io.Reader) error {
	serial, err := digitString(random, 12)
	if err != nil {
		return fmt.Errorf("drawing the manufacturing number: %w", err)
	}
	root := caKeyID("90000" + roleRoot)
	c.data[serialFile] = simpleRecord([]byte("999" + serial + d.Face.Municipality + d.Face.Expiry))
	c.data[commonKeyID], c.data[registerKeyID] = simpleRecord(root[:]), simpleRecord(root[:])
	upper, lower, err := a.chain(p.Municipality)
	if err != nil {
		return fmt.Errorf("certifying the keys of the security domain: %w", err)
	}
	for tag, data := range map[uint16][]byte{
		0x0042: root[:], 0x0045: []byte("999" + serial), 0x0066: recognitionData(), 0x00F0: []byte(d.Face.Municipality),
		0x00F2: []byte(d.Face.Expiry), 0x00F7: upper.id[:], 0x00F8: upper.content(), 0x7F21: lower.content(), atrTag: []byte(contactATR),
	} {
		c.data[card.NewFileID(domain, tag)] = data
	}
	return nil
}

// digitString draws decimal digits.
func digitString(random io.Reader, n int) (string, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(random, b); err != nil {
		return "", err
	}
	for i := range b {
		b[i] = '0' + b[i]%10
	}
	return string(b), nil
}
