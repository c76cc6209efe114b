package card

import (
	"cmp"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"mobileid/mdoc/verdict"
)

// InspectConfig says what Inspect may use. Everything is optional: what is missing makes checks that are listed as not run.
type InspectConfig struct {
	// SignatureRoots and AuthenticationRoots are the CA certificates trusted.
	SignatureRoots, AuthenticationRoots []*x509.Certificate
	// MunicipalRoots are the CA keys of card records.
	MunicipalRoots map[KeyID]*rsa.PublicKey
	// At is the instant of the judgement.
	At time.Time
	// Challenge is what the chip signed in AttributesProof and FaceProof; see [Client.Prove].
	Challenge                  []byte
	AttributesProof, FaceProof []byte
}

// Inspect parses files and judges what can be judged where they were read: form, signatures, proofs of presence, agreement. It takes
// any selection of files; a check is listed when a file it is about was read, and not run when it lacks another file, a root, an
// instant or a proof. The verdict holds no personal data, the Contents hold little else.
//
// What needs the issuer stays open: whether certificates are revoked is always listed as not run, and the statement is [Check]'s.
func Inspect(files []File, c InspectConfig) (*Contents, verdict.Verdict) {
	in := inspector{files: map[FileID][]byte{}, c: c, out: &Contents{}}
	for _, f := range files {
		in.files[f.ID] = f.Content
	}
	in.token()
	in.certificates()
	in.attributes()
	in.number()
	in.face()
	in.age()
	in.numberImage()
	in.faceKeys()
	in.agreement()
	in.cardNumber()
	return in.out, in.v
}

// Inspect is [Inspect] of the reading's files and proofs; those of c are not used.
func (r *Reading) Inspect(c InspectConfig) (*Contents, verdict.Verdict) {
	c.Challenge, c.AttributesProof, c.FaceProof = r.Challenge, r.AttributesProof, r.FaceProof
	return Inspect(r.Files, c)
}

// inspector is one run of Inspect. Parsed parts are nil until their format was found right, keys until they were found certified.
type inspector struct {
	files map[FileID][]byte
	c     InspectConfig
	v     verdict.Verdict
	out   *Contents

	attrs    *attributes
	integ    *integrity
	face1    *face
	attrsKey *rsa.PublicKey // of the municipality, for records of 補助AP
	faceKey  *rsa.PublicKey // the same for 券面AP
}

// judge carries out one check if nothing is missing, and records it.
func (in *inspector) judge(rl rule, missing, measured string, check func() error) bool {
	return judge(&in.v, rl, missing, measured, check)
}

// parse judges the form of a file if it was read.
func (in *inspector) parse(rl rule, id FileID, read func(file []byte) error) bool {
	file, ok := in.files[id]
	return ok && in.judge(rl, "", "well-formed", func() error { return read(file) })
}

// need says what is missing, the first of pairs of a condition and a text.
func need(ok bool, text string) string {
	if ok {
		return ""
	}
	return text
}

const (
	notWellFormed = "the file is not well-formed"
	noRoots       = "no roots were given"
	noInstant     = "no instant was given"
	noProof       = "no proof was taken"
)

func (in *inspector) token() {
	in.parse(ruleTokenFormat, TokenFile, func(file []byte) error {
		t, err := ParseTokenInformation(file)
		if err == nil {
			in.out.Token = &t
			_, err = t.Kind()
		}
		return err
	})
	in.parse(ruleTokenPresence, PresenceFile, func(file []byte) error {
		if string(file) != "\x8F\x8F\x00" {
			return errors.New("it does not say that both certificates are there")
		}
		return nil
	})
}

func (in *inspector) certificates() {
	at := need(!in.c.At.IsZero(), noInstant)
	if cert := in.certificate(ruleAuthFormat, AuthenticationCertificate); in.files[AuthenticationCertificate] != nil {
		in.out.Authentication = cert
		formed := need(cert != nil, notWellFormed)
		in.judge(ruleAuthChain, cmp.Or(formed, need(len(in.c.AuthenticationRoots) > 0, noRoots), at), "issued by a root", func() error {
			return issuedBy(cert, in.c.AuthenticationRoots, in.c.At)
		})
		in.judge(ruleAuthValidity, cmp.Or(formed, at), "in force", func() error { return inForce(cert, in.c.At) })
	}
	if cert := in.certificate(ruleCertFormat, SignatureCertificate); in.files[SignatureCertificate] != nil {
		in.out.Signature = cert
		formed := need(cert != nil, notWellFormed)
		in.judge(ruleCertChain, cmp.Or(formed, need(len(in.c.SignatureRoots) > 0, noRoots), at), "issued by a root", func() error {
			return issuedBy(cert, in.c.SignatureRoots, in.c.At)
		})
		in.judge(ruleCertValidity, cmp.Or(formed, at), "in force", func() error { return inForce(cert, in.c.At) })
		in.judge(ruleCertProfile, formed, "signature certificate", func() error { return checkSignatureProfile(cert) })
		in.judge(ruleCertHolder, formed, "complete", func() error { return in.holder(cert) })
	}
	in.out.SignatureCA = in.certificate(ruleFileSignatureCA, SignatureCA)
	in.out.AuthenticationCA = in.certificate(ruleFileAuthCA, AuthenticationCA)
	if in.out.Signature != nil || in.out.Authentication != nil {
		in.v.NotRun(ruleFileStatus.id, ruleFileStatus.clause, "revocation lists and OCSP are given to approved verifiers only")
	}
}

func (in *inspector) certificate(rl rule, id FileID) (cert *x509.Certificate) {
	in.parse(rl, id, func(file []byte) (err error) {
		cert, err = parseCertificate(file)
		return err
	})
	return cert
}

func issuedBy(c *x509.Certificate, roots []*x509.Certificate, at time.Time) error {
	_, err := verifyChain(c, roots, at)
	return err
}

func (in *inspector) holder(cert *x509.Certificate) error {
	h, err := parseHolder(cert)
	if err != nil {
		return err
	}
	in.out.Holder = &Holder{
		Name: h.name, NameSubstitutes: h.nameFlags, Address: h.address, AddressSubstitutes: h.addressFlags, BirthDate: h.birth, Sex: h.sex,
	}
	return nil
}

// certified judges the certificate of the key that signed an application's records, if anything of the application was read.
func (in *inspector) certified(rl rule, id FileID, role string, any bool) *rsa.PublicKey {
	file, read := in.files[id]
	if !read && !any {
		return nil
	}
	var key *rsa.PublicKey
	missing := cmp.Or(need(read, fmt.Sprintf("%v was not read", id)), need(len(in.c.MunicipalRoots) > 0, noRoots))
	in.judge(rl, missing, "issued by a root", func() error {
		cv, err := parseCVCertificate(file)
		if err != nil {
			return err
		}
		if err := cv.verify(in.c.MunicipalRoots, role); err != nil {
			return err
		}
		key = cv.key
		return nil
	})
	return key
}

// presence judges a proof of the chip with a key out of a record that was found signed.
func (in *inspector) presence(rl rule, signed bool, key *rsa.PublicKey, proof []byte) {
	missing := cmp.Or(need(len(proof) > 0, noProof), need(signed && key != nil, "the key is not proved"))
	in.judge(rl, missing, "verified", func() error { return verifySHA256(key, in.c.Challenge, proof) })
}

func (in *inspector) attributes() {
	if in.parse(ruleAttributesFormat, AttributesFile, func(file []byte) (err error) {
		in.attrs, err = parseAttributes(file)
		return err
	}) {
		a := in.attrs
		in.out.Attributes = &HolderAttributes{Name: a.name, Address: a.address, BirthDate: a.birth, Sex: a.sex}
	}
	in.parse(ruleAttributesBasic, AttributesBasicFile, func(file []byte) error {
		b, err := ParseAttributesBasicData(file)
		if err == nil {
			in.out.AttributesBasic = &b
		}
		return err
	})
	in.parse(ruleSessionKey, AttributesSessionKeyFile, func(file []byte) error {
		_, err := parseSessionKey(file)
		return err
	})
	read := in.attrs != nil || in.files[NumberFile] != nil || in.files[IntegrityFile] != nil || in.files[AttributesKeyFile] != nil
	in.attrsKey = in.certified(ruleAttributesCV, AttributesCVFile, roleAttributes, read)
	if file, ok := in.files[IntegrityFile]; ok || in.attrs != nil {
		missing := cmp.Or(need(ok, "the integrity record was not read"), need(in.attrsKey != nil, "the signing key is not proved"))
		in.judge(ruleAttributesIntegrity, missing, "digest and signature verified", func() error { return in.integrity(file) })
	}
	in.keyRecord()
}

// integrity verifies the record's signature, and the digest of the attributes if they were read.
func (in *inspector) integrity(file []byte) error {
	record, err := parseIntegrity(file)
	if err != nil {
		return err
	}
	if err := verifySHA256(in.attrsKey, record.signed, record.signature); err != nil {
		return err
	}
	if in.attrs != nil && subtle.ConstantTimeCompare(record.attributes, in.attrs.digest[:]) != 1 {
		return errors.New("digest of the attributes is another")
	}
	in.integ = record
	return nil
}

func (in *inspector) keyRecord() {
	file, ok := in.files[AttributesKeyFile]
	if !ok {
		return
	}
	var key *rsa.PublicKey
	signed := in.judge(ruleAttributesKey, need(in.attrsKey != nil, "the signing key is not proved"), "verified", func() error {
		record, err := parseKeyRecord(file)
		if err != nil {
			return err
		}
		key = record.key
		return verifySHA256(in.attrsKey, record.signed, record.signature)
	})
	in.presence(ruleAttributesActiveAuth, signed, key, in.c.AttributesProof)
}

func (in *inspector) number() {
	file, ok := in.files[NumberFile]
	if !ok {
		return
	}
	number := ""
	formed := in.parse(ruleNumberFormat, NumberFile, func(file []byte) (err error) {
		number, err = parseNumber(file)
		return err
	})
	in.judge(ruleNumberCheck, need(formed, notWellFormed), "right", func() error {
		if !ValidNumber(number) {
			return errors.New("wrong")
		}
		return nil
	})
	in.judge(ruleNumberIntegrity, need(in.integ != nil, "the integrity record is not proved"), "verified", func() error {
		if digest := sha256.Sum256(file); subtle.ConstantTimeCompare(in.integ.number, digest[:]) != 1 {
			return errors.New("digest of the number is another")
		}
		return nil
	})
	in.out.Number = number
}
