package cardsim

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"fmt"

	"mobileid/issuer/card"
	"mobileid/issuer/card/jpki/jpkica"
	"mobileid/mdoc/apdu"
)

// crlPoint is the distribution point of a municipality under a CA.
func (ca *certificateAuthority) crlPoint(p Person) []byte {
	return jpkica.Name(jpkica.RDN{Attribute: jpkica.AttributeC, Value: "JP"}, jpkica.RDN{Attribute: jpkica.AttributeO, Value: jpkica.Organization},
		jpkica.RDN{Attribute: jpkica.AttributeOU, Value: ca.profile.Unit()}, jpkica.RDN{Attribute: jpkica.AttributeOU, Value: "CRL Distribution Points"},
		jpkica.RDN{Attribute: jpkica.AttributeOU, Value: p.Prefecture}, jpkica.RDN{Attribute: jpkica.AttributeCN, Value: p.City + " CRLDP"})
}

// issue signs a certificate of a holder, which alter may change before.
func (ca *certificateAuthority) issue(l jpkica.Leaf, alter func(*x509.Certificate)) ([]byte, error) {
	template := ca.profile.Template(l, ca.cert)
	if alter != nil {
		alter(template)
	}
	return x509.CreateCertificate(rand.Reader, template, ca.cert, l.Key, ca.key)
}

// signatureCertificate issues a certificate with the signature profile.
func (a *Authority) signatureCertificate(p Person, d CertificateDraft, key *rsa.PublicKey) ([]byte, error) {
	serial, err := a.serial()
	if err != nil {
		return nil, err
	}
	subject := jpkica.Name(jpkica.RDN{Attribute: jpkica.AttributeC, Value: "JP"}, jpkica.RDN{Attribute: jpkica.AttributeL, Value: p.Prefecture},
		jpkica.RDN{Attribute: jpkica.AttributeL, Value: p.City}, jpkica.RDN{Attribute: jpkica.AttributeCN,
			Value: d.NotBefore.In(card.Japan()).Format("20060102150405") + fmt.Sprintf("%010d", serial)})
	return a.signature.issue(jpkica.Leaf{Serial: serial, Subject: subject, NotBefore: d.NotBefore, NotAfter: d.NotAfter, Key: key,
		Personal: d.personal(), ListName: a.signature.crlPoint(p)}, d.Template)
}

// personal is the subjectAltName.
func (d CertificateDraft) personal() []byte {
	return jpkica.PersonalNames(jpkica.Holder{Name: d.Name, NameFlags: d.NameFlags, Address: d.Address, AddressFlags: d.AddressFlags,
		Sex: d.Sex, BirthDate: d.BirthDate})
}

// authenticationCertificate issues a certificate with the user authentication profile. Its subject is a number, no name: 14 letters or
// digits, the municipality code, three digits, a letter.
func (a *Authority) authenticationCertificate(p Person, d Draft, key *rsa.PublicKey) ([]byte, error) {
	serial, err := a.serial()
	if err != nil {
		return nil, err
	}
	subject, err := jpkica.AuthenticationSubject(a.rand, d.AuthenticationMunicipality)
	if err != nil {
		return nil, err
	}
	return a.authentication.issue(jpkica.Leaf{Serial: serial, Subject: subject, NotBefore: d.Certificate.NotBefore,
		NotAfter: d.Certificate.NotAfter, Key: key, ListName: a.authentication.crlPoint(p), OCSP: ocspURI}, nil)
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
