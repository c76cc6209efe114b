package cardsim

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base32"
	"fmt"
	"io"

	"mobileid/issuer/card"
	"mobileid/mdoc/apdu"
)

// crlPoint is the distribution point of a municipality under a CA.
func (ca *certificateAuthority) crlPoint(p Person) []byte {
	return distinguishedName(rdn{attributeC, "JP"}, rdn{attributeO, organization}, rdn{attributeOU, ca.name},
		rdn{attributeOU, "CRL Distribution Points"}, rdn{attributeOU, p.Prefecture}, rdn{attributeCN, p.City + " CRLDP"})
}

func (ca *certificateAuthority) issue(template *x509.Certificate, key *rsa.PublicKey) ([]byte, error) {
	return x509.CreateCertificate(rand.Reader, template, ca.cert, key, ca.key)
}

// signatureCertificate issues a certificate with the signature profile: keyUsage, subjectAltName, certificatePolicies, issuerAltName,
// CRLDP, AKI, SKI, in this order.
func (a *Authority) signatureCertificate(p Person, d CertificateDraft, key *rsa.PublicKey) ([]byte, error) {
	serial, err := a.serial()
	if err != nil {
		return nil, err
	}
	ca := &a.signature
	template := &x509.Certificate{
		SignatureAlgorithm: x509.SHA256WithRSA,
		SerialNumber:       serial, NotBefore: d.NotBefore.UTC(), NotAfter: d.NotAfter.UTC(),
		RawSubject: distinguishedName(rdn{attributeC, "JP"}, rdn{attributeL, p.Prefecture}, rdn{attributeL, p.City},
			rdn{attributeCN, d.NotBefore.In(card.Japan()).Format("20060102150405") + fmt.Sprintf("%010d", serial)}),
	}
	template.ExtraExtensions = append(template.ExtraExtensions, keyUsage(usageSignature), subjectAltName(personalNames(d)),
		certificatePolicies(policySignature(), cpsURI), issuerAltName(ca.japaneseName()), distributionPoints(ca.crlPoint(p)),
		authorityKeyIdentifier(&ca.key.PublicKey, ca.subject(), ca.cert.SerialNumber), subjectKeyIdentifier(key))
	if d.Template != nil {
		d.Template(template)
	}
	return ca.issue(template, key)
}

// authenticationCertificate issues a certificate with the user authentication profile. Its subject is a number, no name: 14 letters or
// digits, the municipality code, three digits, a letter.
func (a *Authority) authenticationCertificate(p Person, d Draft, key *rsa.PublicKey) ([]byte, error) {
	serial, err := a.serial()
	if err != nil {
		return nil, err
	}
	unique := make([]byte, 8)
	if _, err := io.ReadFull(a.rand, unique); err != nil {
		return nil, err
	}
	cn := "TEST" + base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(unique)[:10] + d.AuthenticationMunicipality + "003A"
	ca := &a.authentication
	template := &x509.Certificate{
		SignatureAlgorithm: x509.SHA256WithRSA,
		SerialNumber:       serial, NotBefore: d.Certificate.NotBefore.UTC(), NotAfter: d.Certificate.NotAfter.UTC(),
		RawSubject: distinguishedName(rdn{attributeC, "JP"}, rdn{attributeCN, cn}),
	}
	template.ExtraExtensions = append(template.ExtraExtensions, keyUsage(usageAuthentication), clientAuth(),
		certificatePolicies(policyAuthentication(), cpsURI), issuerAltName(ca.japaneseName()), distributionPoints(ca.crlPoint(p)),
		ocsp(ocspURI), authorityKeyIdentifier(&ca.key.PublicKey, ca.subject(), ca.cert.SerialNumber), subjectKeyIdentifier(key))
	return ca.issue(template, key)
}

// cvAuthority is a CA key of the municipal hierarchy.
type cvAuthority struct {
	id  card.KeyID
	key *rsa.PrivateKey
}

// Roles in the hierarchy: the last two digits of a CA key's number.
const (
	roleFace       = "23" // 券面AP
	roleAttributes = "33" // 補助AP
	roleRoot       = "20" // what the Issuer Security Domain tells
	roleMiddle     = "21" // the intermediate key below it
)

// caKeyID is seven digits ‖ 08 05 ‖ three digits ‖ four bytes of padding.
func caKeyID(number string) card.KeyID {
	var id card.KeyID
	copy(id[:], number+"\x08\x05001\xFF\xFF\xFF\xFF")
	return id
}

// cvSigner is a municipality's key for the records of one application, and the certificate of it.
type cvSigner struct {
	id   card.KeyID
	key  *rsa.PrivateKey
	cert []byte // EF 0004 of the application
}

// signer gives the municipality's key for a role, making and certifying it at its first use.
func (a *Authority) signer(role, municipality string) (*cvSigner, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if s, ok := a.signers[role+municipality]; ok {
		return s, nil
	}
	check, ok := card.MunicipalityCheckDigit(municipality)
	if !ok {
		return nil, fmt.Errorf("municipality code is not five digits")
	}
	key, err := a.keys()
	if err != nil {
		return nil, err
	}
	s, err := a.municipal[role].certify(municipality+string(rune(check))+"0\x08\x05001\xFF\xFF\xFF\xFF", key)
	if err != nil {
		return nil, err
	}
	a.signers[role+municipality] = s
	return s, nil
}

// certify makes a certificate for a key: issuer key id ‖ subject key id ‖ public key, signed.
func (ca cvAuthority) certify(subject string, key *rsa.PrivateKey) (*cvSigner, error) {
	s := &cvSigner{key: key}
	copy(s.id[:], subject)
	body := append(append([]byte(nil), ca.id[:]...), s.id[:]...)
	body = append(body, publicKey(&key.PublicKey)...)
	signature, err := signSHA256(ca.key, body)
	if err != nil {
		return nil, err
	}
	s.cert = outer(0x7F21, object(0x5F4E, body), object(0x5F37, signature))
	return s, nil
}

// content is the certificate without its template, as GET DATA gives it.
func (s *cvSigner) content() []byte {
	t, _, err := apdu.ParseTLV(s.cert)
	if err != nil {
		panic("cardsim: internal error: " + err.Error()) // certify made it
	}
	return t.Value
}

// chain is what GET DATA tells at the Issuer Security Domain: the root certifies an intermediate key, and that the municipality's key of
// 券面AP.
func (a *Authority) chain(municipality string) (upper, lower *cvSigner, err error) {
	leaf, err := a.signer(roleFace, municipality)
	if err != nil {
		return nil, nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	upper = a.signers[roleMiddle]
	if upper == nil {
		key, err := a.keys()
		if err != nil {
			return nil, nil, err
		}
		id := caKeyID("90000" + roleMiddle)
		if upper, err = a.municipal[roleRoot].certify(string(id[:]), key); err != nil {
			return nil, nil, err
		}
		a.signers[roleMiddle] = upper
	}
	lower, err = cvAuthority{id: upper.id, key: upper.key}.certify(string(leaf.id[:]), leaf.key)
	return upper, lower, err
}
