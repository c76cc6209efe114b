package card

import (
	"bytes"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"mobileid/mdoc/verdict"
)

// CheckConfig says against what a reading is checked. No field switches a check off.
type CheckConfig struct {
	// SignatureRoots are the signature CAs trusted, self-signed CA certificates with RSA keys; at least one.
	SignatureRoots []*x509.Certificate
	// AuthenticationRoots are the user authentication CAs trusted, of the same form; at least one.
	AuthenticationRoots []*x509.Certificate
	// MunicipalRoots are the CA keys under which municipalities certify the keys of card records, by key id; at least one.
	MunicipalRoots map[KeyID]*rsa.PublicKey
	// Challenge is the one this issuer gave out for this reading, and which its store has just redeemed.
	Challenge []byte
	// Binding is the identifier of the secure element the credential is for.
	Binding []byte
	// At is the instant of the judgement.
	At time.Time
	// Status is asked about the two certificates, once each and only when every other check passed; see [StatusSource].
	Status func(certificate, issuer *x509.Certificate) StatusAnswer
	// NumberConsent says that the holder agreed, in a step of its own, to hand over the individual number. A reading that
	// holds the number without it is refused.
	NumberConsent bool
}

func (c CheckConfig) validate() error {
	if len(c.SignatureRoots) == 0 || len(c.AuthenticationRoots) == 0 || len(c.MunicipalRoots) == 0 {
		return errors.New("no roots")
	}
	if c.Status == nil {
		return errors.New("no source of the certificates' status")
	}
	for _, list := range [][]*x509.Certificate{c.SignatureRoots, c.AuthenticationRoots} {
		for _, root := range list {
			if root == nil || !root.IsCA || !bytes.Equal(root.RawSubject, root.RawIssuer) || root.KeyUsage&x509.KeyUsageCertSign == 0 {
				return errors.New("a root is no self-issued CA certificate")
			}
		}
	}
	for id, key := range c.MunicipalRoots {
		if key == nil || key.N.BitLen() < 2048 {
			return fmt.Errorf("municipal root %v has no RSA key of 2048 bits", id)
		}
	}
	if c.At.IsZero() {
		return errors.New("no instant to judge at")
	}
	return checkChallenge(c.Challenge, c.Binding)
}

// Check judges a reading. The verdict lists every check with its outcome, and no personal data; checks whose ground fell
// away are listed as not run. The Identity is nil unless every check passed. The error is about the configuration alone.
//
// Whether the challenge was used before is the caller's to find out: see the package.
func Check(r *Reading, c CheckConfig) (*Identity, verdict.Verdict, error) {
	if err := c.validate(); err != nil {
		return nil, verdict.Verdict{}, fmt.Errorf("checking a card reading: %w", err)
	}
	if r == nil {
		return nil, verdict.Verdict{}, errors.New("checking a card reading: there is none")
	}
	k := checker{r: r, c: c}
	k.v.Grow(mostChecks)
	k.evidence()
	k.certificate()
	k.authentication()
	k.birthdays()
	k.attributes()
	k.face()
	k.agreement()
	k.number()
	k.status()
	if !k.v.OK() {
		return nil, k.v, nil
	}
	return k.identity(), k.v, nil
}

// mostChecks is how many checks a reading with the number has, so that the list is made once.
const mostChecks = 41

// checker is one run of Check. Parsed parts are nil, and the booleans false, until their checks passed.
type checker struct {
	r *Reading
	c CheckConfig
	v verdict.Verdict

	complete bool
	cert     *x509.Certificate
	certRoot *x509.Certificate
	auth     *x509.Certificate
	authRoot *x509.Certificate
	holder   *holder
	attrs    *attributes
	attrCV   *cvCertificate
	card     *face
	faceCV   *cvCertificate
	inRecord *integrity
	basic    string // municipality code of 券面AP 0003
	secret   string // the individual number

	municipality string // CN of the user authentication certificate
}

// run carries out one check if its ground stands, and records it.
func (k *checker) run(rl rule, ground bool, measured string, check func() error) bool {
	return judge(&k.v, rl, need(ground, "an earlier check it rests on did not pass"), measured, check)
}

// judge carries out one check and records it, or lists it as not run when something is missing for it. measured is used when check finds no error.
func judge(v *verdict.Verdict, rl rule, missing, measured string, check func() error) bool {
	if missing != "" {
		v.NotRun(rl.id, rl.clause, missing)
		return false
	}
	err := check()
	if err != nil {
		measured = err.Error()
	}
	v.Record(rl.id, rl.clause, err == nil, measured)
	return err == nil
}

// evidence checks that the reading is the one asked for. The statement's signature is checked in certificate.
func (k *checker) evidence() {
	k.complete = k.run(ruleFiles, true, "complete", func() error {
		var missing []string
		for _, id := range []FileID{SignatureCertificate, AuthenticationCertificate, AttributesFile, IntegrityFile,
			AttributesCVFile, AttributesKeyFile, FaceFile, BasicFile, FaceCVFile} {
			if _, ok := k.r.File(id); !ok {
				missing = append(missing, id.String())
			}
		}
		if len(missing) > 0 {
			return errors.New("missing: " + strings.Join(missing, ", "))
		}
		return k.r.wellFormed()
	})
	k.run(ruleChallenge, true, "equal", func() error { return equal(k.r.Challenge, k.c.Challenge) })
	k.run(ruleBinding, true, "equal", func() error { return equal(k.r.Binding, k.c.Binding) })
}

func equal(a, b []byte) error {
	if subtle.ConstantTimeCompare(a, b) != 1 {
		return errors.New("another one")
	}
	return nil
}

func (k *checker) file(id FileID) []byte {
	content, _ := k.r.File(id)
	return content
}

func (k *checker) certificate() {
	var cert, root *x509.Certificate
	format := k.run(ruleCertFormat, k.complete, "well-formed", func() (err error) {
		cert, err = parseCertificate(k.file(SignatureCertificate))
		return err
	})
	k.run(ruleToken, format, "a card's", func() error {
		if auth, err := parseCertificate(k.file(AuthenticationCertificate)); fromPhone(cert) || err == nil && fromPhone(auth) {
			return errors.New("certificates of a phone, which do not make a card present")
		}
		return nil
	})
	chain := k.run(ruleCertChain, format, "issued by a root", func() (err error) {
		root, err = verifyChain(cert, k.c.SignatureRoots, k.c.At)
		return err
	})
	validity := k.run(ruleCertValidity, format, "in force", func() error { return inForce(cert, k.c.At) })
	profile := k.run(ruleCertProfile, format, "signature certificate", func() error { return checkSignatureProfile(cert) })
	var h *holder
	held := k.run(ruleCertHolder, format, "complete", func() (err error) {
		h, err = parseHolder(cert)
		return err
	})
	k.run(ruleSignature, chain && profile, "verified", func() error {
		key, ok := cert.PublicKey.(*rsa.PublicKey)
		if !ok {
			return errors.New("no RSA key")
		}
		return verifySHA256(key, Statement(k.r.Challenge, k.r.Binding, k.r.Files), k.r.Signature)
	})
	if chain && profile && validity {
		k.cert, k.certRoot = cert, root
	}
	if chain && held {
		k.holder = h
	}
}

func (k *checker) attributes() {
	var (
		a  *attributes
		in *integrity
		kr *keyRecord
		cv *cvCertificate
	)
	format := k.run(ruleAttributesFormat, k.complete, "well-formed", func() (err error) {
		if a, err = parseAttributes(k.file(AttributesFile)); err != nil {
			return err
		}
		if in, err = parseIntegrity(k.file(IntegrityFile)); err != nil {
			return err
		}
		if kr, err = parseKeyRecord(k.file(AttributesKeyFile)); err != nil {
			return err
		}
		cv, err = parseCVCertificate(k.file(AttributesCVFile))
		return err
	})
	trusted := k.run(ruleAttributesCV, format, "issued by a root", func() error {
		return cv.verify(k.c.MunicipalRoots, roleAttributes)
	})
	whole := k.run(ruleAttributesIntegrity, trusted, "digest and signature verified", func() error {
		if subtle.ConstantTimeCompare(in.attributes, a.digest[:]) != 1 {
			return errors.New("digest of the attributes is another")
		}
		return verifySHA256(cv.key, in.signed, in.signature)
	})
	keyed := k.run(ruleAttributesKey, trusted, "verified", func() error { return verifySHA256(cv.key, kr.signed, kr.signature) })
	k.run(ruleAttributesActiveAuth, keyed, "verified", func() error {
		return verifySHA256(kr.key, k.r.Challenge, k.r.AttributesProof)
	})
	if whole {
		k.attrs, k.attrCV, k.inRecord = a, cv, in
	}
}

func (k *checker) face() {
	var (
		f     *face
		basic string
		cv    *cvCertificate
	)
	format := k.run(ruleFaceFormat, k.complete, "well-formed", func() (err error) {
		if f, err = parseFace(k.file(FaceFile)); err != nil {
			return err
		}
		if basic, err = parseBasic(k.file(BasicFile)); err != nil {
			return err
		}
		cv, err = parseCVCertificate(k.file(FaceCVFile))
		return err
	})
	trusted := k.run(ruleFaceCV, format, "issued by a root", func() error { return cv.verify(k.c.MunicipalRoots, roleFace) })
	signed := k.run(ruleFaceSignature, trusted, "verified", func() error { return verifyFace(cv.key, f.digests, f.signature) })
	k.run(ruleFacePortrait, signed, "JP2", func() error {
		if !isJP2(f.portrait) {
			return errors.New("no JP2 signature box")
		}
		return nil
	})
	k.run(ruleFaceActiveAuth, signed, "verified", func() error { return verifySHA256(f.key, k.r.Challenge, k.r.FaceProof) })
	if signed {
		k.card, k.faceCV, k.basic = f, cv, basic
	}
}

// number checks the individual number if the reading holds it; without it these checks have no object and are not listed.
func (k *checker) number() {
	file, read := k.r.File(NumberFile)
	if !read {
		return
	}
	k.run(ruleNumberConsent, true, "given", func() error {
		if !k.c.NumberConsent {
			return errors.New("the reading holds the number, and no consent was given")
		}
		return nil
	})
	k.run(ruleNumberIntegrity, k.attrs != nil, "verified", func() error {
		if digest := sha256.Sum256(file); subtle.ConstantTimeCompare(k.inRecord.number, digest[:]) != 1 {
			return errors.New("digest of the number is another")
		}
		return nil
	})
	k.run(ruleNumberCheck, true, "right", func() error {
		number, err := parseNumber(file)
		if err == nil && !ValidNumber(number) {
			err = errors.New("wrong")
		}
		k.secret = number
		return err
	})
}
