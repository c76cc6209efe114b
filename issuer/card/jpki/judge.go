package jpki

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cryptobyteasn1 "golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/crypto/ocsp"

	"mobileid/issuer/card"
	"mobileid/mdoc/verdict"
)

const (
	clauseOCSP          = "RFC 6960, 4.2.1"
	clauseOCSPResponder = "RFC 6960, 4.2.2.2"
	clauseOCSPValidity  = "RFC 6960, 4.2.2.1"

	// clockSkew is how far a responder's clock may run ahead.
	clockSkew = time.Minute
)

var oidNoCheck = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}

// judge is one judgement of an OCSP answer.
type judge struct {
	ca         *x509.Certificate
	at         time.Time
	maxAge     time.Duration
	revocation func(*x509.Certificate) card.StatusAnswer
	v          verdict.Verdict
}

func (j *judge) record(id, clause string, err error, good string) {
	measured := good
	if err != nil {
		measured = err.Error()
	}
	j.v.Record(id, clause, err == nil, measured)
}

// answer parses and judges. The library checks the signature of an answer that carries a certificate under that certificate;
// whose certificate that is, what was asked and when it was said are judged here.
func (j *judge) answer(raw, request []byte) *ocsp.Response {
	r, err := ocsp.ParseResponse(raw, nil)
	if err != nil {
		j.v.Fail("ocsp.response", clauseOCSP, "no successful, well-formed answer about one certificate, signed by the certificate in it")
		for _, id := range []string{"ocsp.signature", "ocsp.responder", "ocsp.scope", "ocsp.validity"} {
			j.v.NotRun(id, clauseOCSP, "there is no answer")
		}
		return nil
	}
	j.v.Pass("ocsp.response", clauseOCSP, "well-formed")
	j.record("ocsp.signature", clauseOCSP, j.signature(r), r.SignatureAlgorithm.String())
	j.record("ocsp.responder", clauseOCSPResponder, j.responder(r), "the CA, or one it delegated")
	j.record("ocsp.scope", clauseOCSP, scope(r.TBSResponseData, request), "the certificate asked about")
	j.record("ocsp.validity", clauseOCSPValidity, j.validity(r), "in force")
	return r
}

// signature: the library takes SHA-1 here.
func (j *judge) signature(r *ocsp.Response) error {
	switch r.SignatureAlgorithm {
	case x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA, x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512:
	default:
		return errors.New("algorithm " + r.SignatureAlgorithm.String())
	}
	if r.Certificate == nil && r.CheckSignatureFrom(j.ca) != nil {
		return errors.New("not signed by the CA")
	}
	return nil
}

// responder checks who signed: the CA, or whoever it issued a certificate for that purpose.
func (j *judge) responder(r *ocsp.Response) error {
	c := r.Certificate
	if c == nil || bytes.Equal(c.Raw, j.ca.Raw) {
		return names(r, j.ca)
	}
	switch {
	case !bytes.Equal(c.RawIssuer, j.ca.RawSubject) || c.CheckSignatureFrom(j.ca) != nil:
		return errors.New("its certificate is not issued by the CA itself")
	case !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning):
		return errors.New("its certificate is not for OCSP signing")
	case c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageDigitalSignature == 0:
		return errors.New("its certificate is not for signatures")
	case len(c.UnhandledCriticalExtensions) > 0:
		return errors.New("its certificate has a critical extension that is not understood")
	case j.at.Before(c.NotBefore) || j.at.After(c.NotAfter):
		return errors.New("its certificate is out of its validity")
	}
	if !hasExtension(c, oidNoCheck) && j.revocation(c).State != card.StateInForce {
		return errors.New("its certificate is not known to be in force")
	}
	return names(r, c)
}

// names compares ResponderID with the certificate: by name, or by the SHA-1 digest of the key.
func names(r *ocsp.Response, c *x509.Certificate) error {
	if r.RawResponderName != nil {
		if !bytes.Equal(r.RawResponderName, c.RawSubject) {
			return errors.New("the answer names another responder")
		}
		return nil
	}
	// CertID of something that c would have issued holds that digest.
	id, err := ocsp.CreateRequest(c, c, nil)
	if err != nil {
		return errors.New("no digest of its key could be made")
	}
	request, err := ocsp.ParseRequest(id)
	if err != nil || !bytes.Equal(request.IssuerKeyHash, r.ResponderKeyHash) {
		return errors.New("the answer names another responder")
	}
	return nil
}

func hasExtension(c *x509.Certificate, oid asn1.ObjectIdentifier) bool {
	for _, e := range c.Extensions {
		if e.Id.Equal(oid) {
			return true
		}
	}
	return false
}

func (j *judge) validity(r *ocsp.Response) error {
	switch {
	case r.ThisUpdate.After(j.at.Add(clockSkew)):
		return errors.New("from the future")
	case j.at.After(r.ThisUpdate.Add(j.maxAge)):
		return errors.New("too old")
	case !r.NextUpdate.IsZero() && j.at.After(r.NextUpdate):
		return errors.New("past its nextUpdate")
	}
	return nil
}

// scope reads ResponseData by itself, because the library gives neither the CertID nor responseExtensions: one answer, about what
// was asked, and nothing critical beside it.
//
//	ResponseData ::= SEQUENCE { version [0] OPTIONAL, responderID, producedAt, responses SEQUENCE OF SingleResponse,
//	  responseExtensions [1] EXPLICIT Extensions OPTIONAL }
//	SingleResponse ::= SEQUENCE { certID CertID, ... }
func scope(tbs, request []byte) error {
	broken := errors.New("the answer cannot be read")
	var body, responderID, producedAt, responses, single, extensions cryptobyte.String
	var tag cryptobyteasn1.Tag
	explicit := func(n uint8) cryptobyteasn1.Tag { return cryptobyteasn1.Tag(n).ContextSpecific().Constructed() }
	in, more := cryptobyte.String(tbs), false
	if !in.ReadASN1(&body, cryptobyteasn1.SEQUENCE) || !in.Empty() || !body.SkipOptionalASN1(explicit(0)) ||
		!body.ReadAnyASN1(&responderID, &tag) || !body.ReadASN1(&producedAt, cryptobyteasn1.GeneralizedTime) ||
		!body.ReadASN1(&responses, cryptobyteasn1.SEQUENCE) || !responses.ReadASN1(&single, cryptobyteasn1.SEQUENCE) || !responses.Empty() ||
		!body.ReadOptionalASN1(&extensions, &more, explicit(1)) || !body.Empty() {
		return broken
	}
	asked, ok := askedID(request)
	said, fine := readCertID(&single)
	if !ok || !fine || !said.equal(asked) {
		return errors.New("about another certificate")
	}
	if more && anyCritical(extensions) {
		return errors.New("a critical extension that is not understood")
	}
	return nil
}

// certID is CertID of RFC 6960, 4.1.1, without the parameters of the algorithm.
type certID struct {
	algorithm    asn1.ObjectIdentifier
	name, key    cryptobyte.String
	serialNumber cryptobyte.String
}

func (a certID) equal(b certID) bool {
	return a.algorithm.Equal(b.algorithm) && bytes.Equal(a.name, b.name) && bytes.Equal(a.key, b.key) && bytes.Equal(a.serialNumber, b.serialNumber)
}

func readCertID(from *cryptobyte.String) (id certID, ok bool) {
	var body, algorithm cryptobyte.String
	ok = from.ReadASN1(&body, cryptobyteasn1.SEQUENCE) && body.ReadASN1(&algorithm, cryptobyteasn1.SEQUENCE) &&
		algorithm.ReadASN1ObjectIdentifier(&id.algorithm) && body.ReadASN1(&id.name, cryptobyteasn1.OCTET_STRING) &&
		body.ReadASN1(&id.key, cryptobyteasn1.OCTET_STRING) && body.ReadASN1(&id.serialNumber, cryptobyteasn1.INTEGER) && body.Empty()
	return id, ok
}

// askedID takes the CertID out of a request made here: OCSPRequest { TBSRequest { requestList { Request { CertID } } } }.
func askedID(request []byte) (certID, bool) {
	in := cryptobyte.String(request)
	for range 4 {
		var inner cryptobyte.String
		if !in.ReadASN1(&inner, cryptobyteasn1.SEQUENCE) {
			return certID{}, false
		}
		in = inner
	}
	return readCertID(&in)
}

// anyCritical reads Extensions; what cannot be read counts as critical.
func anyCritical(in cryptobyte.String) bool {
	var list cryptobyte.String
	if !in.ReadASN1(&list, cryptobyteasn1.SEQUENCE) || !in.Empty() {
		return true
	}
	for !list.Empty() {
		var extension cryptobyte.String
		var oid asn1.ObjectIdentifier
		var critical bool
		if !list.ReadASN1(&extension, cryptobyteasn1.SEQUENCE) || !extension.ReadASN1ObjectIdentifier(&oid) ||
			extension.PeekASN1Tag(cryptobyteasn1.BOOLEAN) && !extension.ReadASN1Boolean(&critical) || critical {
			return true
		}
	}
	return false
}
