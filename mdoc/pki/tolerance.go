package pki

import (
	"crypto/x509"
	"strconv"

	"mobileid/mdoc/verdict"
)

// judgeTolerances names each line of the profile that decides no trust and that the certificate breaks. [Lint] fails every
// one of them; what the field does is told by its numbers here.
func judgeTolerances(v *verdict.Verdict, c *x509.Certificate, r rules) {
	tolerate := func(id string, ok bool, measured string) {
		if !ok {
			v.Pass(id, r.clause, measured)
		}
	}
	ok, measured := judgeEntropy(c)
	tolerate("tolerance.serial_entropy", ok, measured)
	ok, measured = judgeCommonName(c)
	tolerate("tolerance.common_name", ok, measured)
	ok, measured = judgeOrganization(c, r)
	tolerate("tolerance.organization", ok, measured)
	ok, measured = judgeNameStrings(c.RawSubject)
	tolerate("tolerance.name_strings", ok, measured)
	ok, measured = judgeIssuerAltName(c, r)
	tolerate("tolerance.issuer_alt_name", ok, measured)
	ok, measured = judgeCRLPoints(c, r)
	tolerate("tolerance.crl_distribution_points", ok, measured)
	ok, measured = judgeForbidden(c)
	tolerate("tolerance.forbidden_extensions", ok, measured)
	ok, measured = judgeSubjectKeyID(c)
	tolerate("tolerance.subject_key_id", ok, measured)
	ok, measured = judgeAuthorityKeyID(c, r)
	tolerate("tolerance.authority_key_id", ok, measured)
}

// judgeEntropy: 63 random bits are demanded. A number drawn so falls below 40 bits once in eight million.
func judgeEntropy(c *x509.Certificate) (bool, string) {
	bits := c.SerialNumber.BitLen()
	return bits >= 40, "serial number of " + strconv.Itoa(bits) + " bits"
}

func judgeCommonName(c *x509.Certificate) (bool, string) {
	return c.Subject.CommonName != "", "commonName of " + strconv.Itoa(len(c.Subject.CommonName)) + " bytes"
}

func judgeOrganization(c *x509.Certificate, r rules) (bool, string) {
	return !r.organization || len(c.Subject.Organization) == 1 && c.Subject.Organization[0] != "",
		strconv.Itoa(len(c.Subject.Organization)) + " names of an organization"
}
