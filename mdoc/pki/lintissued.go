package pki

import (
	"bytes"
	"crypto/x509"
	"time"

	"mobileid/mdoc/verdict"
)

// LintIssued is Lint, and holds the certificate also against the one that issued it: name, signature, key identifier, life,
// country and state. It is what an authority asks before it releases a certificate; [Anchors.Check] asks less of others.
func LintIssued(der []byte, p Profile, issuer *x509.Certificate) verdict.Verdict {
	v := Lint(der, p)
	r, err := p.rules()
	if err != nil {
		return v
	}
	c, err := parse(der)
	if err != nil {
		return v
	}
	record := func(id string, ok bool, measured string) { v.Record(id, r.clause, ok, measured) }
	record("cert.issuer.name", bytes.Equal(c.RawIssuer, issuer.RawSubject), "issuer and the issuer's subject are compared as bytes")
	ok, _ := judgeSignatureAlgorithm(c)
	record("cert.issuer.signature", ok && signedBy(c, issuer), "verified with the issuer's key")
	record("cert.issuer.key_id", bytes.Equal(c.AuthorityKeyId, issuer.SubjectKeyId) || len(issuer.SubjectKeyId) == 0,
		"authorityKeyIdentifier against the issuer's subjectKeyIdentifier")
	record("cert.issuer.validity", !c.NotBefore.Before(issuer.NotBefore) && !c.NotAfter.After(issuer.NotAfter),
		c.NotBefore.Format(time.RFC3339)+" to "+c.NotAfter.Format(time.RFC3339)+" within "+
			issuer.NotBefore.Format(time.RFC3339)+" to "+issuer.NotAfter.Format(time.RFC3339))
	underIACA := misfit(issuer, IACA) == ""
	if r.country || underIACA && p == ReaderAuth {
		lintPlace(record, c, issuer)
	}
	if underIACA && p == ReaderAuth {
		r.altName = true
		ok, measured := judgeIssuerAltName(c, r)
		record("cert.issuer.alt_name", ok, measured)
	}
	if p == IACALink {
		ok, measured := judgeFormerName(c, issuer)
		record("cert.subject_alt_name", ok, measured)
	}
	return v
}

// lintPlace wants the issuer's country, and its state if it has one (Table B.3 and others).
func lintPlace(record func(id string, ok bool, measured string), c, issuer *x509.Certificate) {
	want, _ := country(issuer.Subject)
	code, ok := country(c.Subject)
	record("cert.issuer.country", ok && code == want, `certificate "`+clip(code)+`", issuer "`+clip(want)+`"`)
	ok, measured := judgeState(c, issuer)
	if len(issuer.Subject.Province) > 0 && len(c.Subject.Province) == 0 {
		ok, measured = false, "the issuer has a state"
	}
	record("cert.issuer.state", ok, measured)
}

// judgeFormerName wants the old name of an authority in the link to its new one.
func judgeFormerName(c, issuer *x509.Certificate) (bool, string) {
	if bytes.Equal(c.RawSubject, issuer.RawSubject) {
		return true, "the name does not change"
	}
	e, found := extension(c, oidSubjectAltName)
	want, _ := directoryName(issuer.RawSubject) // what is DER can be encoded
	switch {
	case e.Critical:
		return false, "subjectAltName is critical"
	case !bytes.Equal(e.Value, want):
		return false, map[bool]string{true: "another name than the issuer's", false: "no subjectAltName, though the name changes"}[found]
	}
	return true, "directoryName against the issuer's name"
}
