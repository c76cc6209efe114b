package issuer

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"math/big"

	"mobileid/issuer/card"
	"mobileid/issuer/card/jpki/jpkica"
	"mobileid/issuer/store"
	"mobileid/mdoc/cbor"
)

func serialNumber(n uint64) *big.Int { return new(big.Int).SetUint64(n) }

// Extensions of the card's signature certificate that are taken from it.
var (
	oidSubjectAltName     = asn1.ObjectIdentifier{2, 5, 29, 17}
	oidDistributionPoints = asn1.ObjectIdentifier{2, 5, 29, 31}
)

func extensionOf(c *x509.Certificate, oid asn1.ObjectIdentifier) []byte {
	for _, e := range c.Extensions {
		if e.Id.Equal(oid) {
			return e.Value
		}
	}
	return nil
}

// personalNames is the subjectAltName of a signature certificate, which names the holder.
func personalNames(c *x509.Certificate) []byte { return extensionOf(c, oidSubjectAltName) }

// phoneSubject is the subject of the phone's signature certificate: the place as on the card's, and a number of its own.
func phoneSubject(c *x509.Certificate, row store.Credential) []byte {
	list := []jpkica.RDN{{Attribute: jpkica.AttributeC, Value: "JP"}}
	for _, place := range c.Subject.Locality {
		list = append(list, jpkica.RDN{Attribute: jpkica.AttributeL, Value: place})
	}
	number := row.Signed.In(card.Japan()).Format("20060102150405") + fmt.Sprintf("%010d", row.Phone.Signature)
	return jpkica.Name(append(list, jpkica.RDN{Attribute: jpkica.AttributeCN, Value: number})...)
}

// cardName says which certificate of a card phone certificates rest on, without what else stands in it: enough to ask whether it is revoked.
// docs/issuance.md, phone certificates; it is stored sealed:
//
//	card-name = {
//	  1: bstr,   ; SHA-256 of the issuer's SubjectPublicKeyInfo and name, DER (RFC 5280, 4.1.2.7 and 4.1.2.4)
//	  2: bstr,   ; serial number
//	  3: bstr    ; value of cRLDistributionPoints
//	}
type cardName struct {
	Issuer []byte `cbor:"1,keyasint"`
	Serial []byte `cbor:"2,keyasint"`
	Points []byte `cbor:"3,keyasint"`
}

// nameOf names a certificate; its issuer is told by name and key identifier.
func nameOf(c *x509.Certificate) cardName {
	return cardName{Issuer: issuerDigest(c.RawIssuer, c.AuthorityKeyId), Serial: c.SerialNumber.Bytes(), Points: extensionOf(c, oidDistributionPoints)}
}

func issuerDigest(name, keyID []byte) []byte {
	h := sha256.New()
	h.Write(name)
	h.Write(keyID)
	return h.Sum(nil)
}

// certificate is what a status source is asked about: issuer, serial number and distribution points.
func (n cardName) certificate(roots []*x509.Certificate) (c, issuer *x509.Certificate) {
	for _, root := range roots {
		if string(issuerDigest(root.RawSubject, root.SubjectKeyId)) == string(n.Issuer) {
			return &x509.Certificate{SerialNumber: new(big.Int).SetBytes(n.Serial), RawIssuer: root.RawSubject, AuthorityKeyId: root.SubjectKeyId,
				Extensions: []pkix.Extension{{Id: oidDistributionPoints, Value: n.Points}}}, root
		}
	}
	return nil, nil
}

// cardSealer seals card names for the store with AES-256-GCM.
type cardSealer struct{ aead cipher.AEAD }

func newCardSealer(key []byte) (cardSealer, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return cardSealer{}, fmt.Errorf("sealing names of cards: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	return cardSealer{aead}, err
}

func (s cardSealer) seal(random io.Reader, n cardName) ([]byte, error) {
	plain, err := cbor.Marshal(n)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, s.aead.NonceSize())
	if _, err := io.ReadFull(random, nonce); err != nil {
		return nil, err
	}
	return s.aead.Seal(nonce, nonce, plain, nil), nil
}

func (s cardSealer) open(sealed []byte) (n cardName, err error) {
	size := s.aead.NonceSize()
	if len(sealed) < size {
		return n, errors.New("opening name of card: too short")
	}
	plain, err := s.aead.Open(nil, sealed[:size], sealed[size:], nil)
	if err != nil {
		return n, errors.New("opening name of card: not sealed by this issuer")
	}
	return n, cbor.Unmarshal(plain, &n)
}
