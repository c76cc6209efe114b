package card

import (
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"time"

	"mobileid/issuer/card/jpki/jpkica"
	"mobileid/mdoc/cbor"
)

// authentication checks the user authentication certificate. Nothing but its municipality code is taken from it; it is judged
// because a card whose other certificate is not in force is not in force.
func (k *checker) authentication() {
	var cert, root *x509.Certificate
	format := k.run(ruleAuthFormat, k.complete, "well-formed", func() (err error) {
		cert, err = parseCertificate(k.file(AuthenticationCertificate))
		return err
	})
	chain := k.run(ruleAuthChain, format, "issued by a root", func() (err error) {
		root, err = verifyChain(cert, k.c.AuthenticationRoots, k.c.At)
		return err
	})
	validity := k.run(ruleAuthValidity, format, "in force", func() error { return inForce(cert, k.c.At) })
	profile := k.run(ruleAuthProfile, format, "user authentication certificate", func() error { return checkAuthenticationProfile(cert) })
	if format {
		k.municipality = cert.Subject.CommonName
	}
	if chain && validity && profile {
		k.auth, k.authRoot = cert, root
	}
}

// birthdays holds both certificates to the rule that none outlives the fifth birthday after its issue.
func (k *checker) birthdays() {
	k.run(ruleCertBirthday, k.cert != nil && k.holder != nil, "ends by the fifth birthday", func() error {
		return endsByBirthday(k.cert, k.holder.birth)
	})
	k.run(ruleAuthBirthday, k.auth != nil && k.holder != nil, "ends by the fifth birthday", func() error {
		return endsByBirthday(k.auth, k.holder.birth)
	})
}

const birthdaysOfCertificate = 5

func endsByBirthday(c *x509.Certificate, birth cbor.FullDate) error {
	if c.NotAfter.After(EndOfDay(BirthdayAfter(birth, DayInJapan(c.NotBefore), birthdaysOfCertificate))) {
		return errors.New("ends after the fifth birthday")
	}
	return nil
}

func inForce(c *x509.Certificate, at time.Time) error {
	switch {
	case at.Before(c.NotBefore):
		return errors.New("not yet valid")
	case at.After(c.NotAfter):
		return errors.New("expired")
	}
	return nil
}

// checkAuthenticationProfile holds a certificate to the user authentication certificate profile of 公的個人認証サービス.
func checkAuthenticationProfile(c *x509.Certificate) error {
	key, isRSA := c.PublicKey.(*rsa.PublicKey)
	if err := checkCommonProfile(c, key, isRSA, jpkica.Profile{Kind: jpkica.Authentication}.Policy()); err != nil {
		return err
	}
	switch {
	case c.KeyUsage != x509.KeyUsageDigitalSignature || !critical(c, oidKeyUsage):
		return errors.New("keyUsage is not exactly digitalSignature, critical")
	case len(c.ExtKeyUsage) != 1 || c.ExtKeyUsage[0] != x509.ExtKeyUsageClientAuth || len(c.UnknownExtKeyUsage) > 0:
		return errors.New("extKeyUsage is not exactly clientAuth")
	case extension(c, oidSubjectAltName) != nil:
		return errors.New("a subjectAltName, which would name the holder")
	}
	return nil
}
