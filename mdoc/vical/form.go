package vical

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"slices"
	"strings"

	"mobileid/mdoc/verdict"
)

const clause = "ISO/IEC 18013-5:2021, Annex C"

// form is a line of the text that decides no trust and that lists in the field break.
type form struct {
	lint, tolerance string
	judge           func(*Signed) (bool, string)
}

// forms are judged strictly by Lint; Verify names those that a list breaks.
func forms() []form {
	return []form{
		{"vical.form.ski", "tolerance.vical_ski", judgeSKI},
		{"vical.form.members", "tolerance.vical_members", judgeMembers},
		{"vical.form.certificate_profile", "tolerance.vical_certificate_profile", judgeProfiles},
		{"vical.form.serial_number", "tolerance.vical_serial_number", judgeSerialForm},
		{"vical.form.certificate", "tolerance.vical_certificate", judgeCertificates},
		{"vical.form.description", "tolerance.vical_description", judgeDescriptions},
	}
}

// Lint holds a VICAL against every line of its form and lists each as a check with an id "vical.form.*". It judges neither
// time nor signature. What [Sign] makes passes.
func Lint(s *Signed) verdict.Verdict {
	var v verdict.Verdict
	for _, f := range forms() {
		ok, measured := f.judge(s)
		v.Record(f.lint, clause, ok, measured)
	}
	ok, measured := judgeChainForm(s)
	v.Record("vical.form.x5chain", clause, ok, measured)
	ok, measured = judgeDates(&s.content)
	v.Record("vical.order", clause, ok, measured)
	return v
}

// count tells in how many entries something was found.
func (s *Signed) count(broken func(*CertificateInfo) bool) (none bool, where string) {
	n := 0
	for i := range s.content.Certificates {
		if broken(&s.content.Certificates[i]) {
			n++
		}
	}
	return n == 0, fmt.Sprintf(" in %d of %d entries", n, len(s.content.Certificates))
}

// judgeSKI demands the key identifier alone and not the DER of the extension that holds it.
func judgeSKI(s *Signed) (bool, string) {
	ok, where := s.count(func(c *CertificateInfo) bool { return !bytes.Equal(unwrapped(c.SKI), c.SKI) })
	return ok, "key identifier wrapped in an OCTET STRING" + where
}

// judgeMembers finds names that differ from a known one only in their case. They are not taken for it.
func judgeMembers(s *Signed) (bool, string) {
	known := []string{"certificate", "serialNumber", "ski", "docType", "certificateProfile", "issuingAuthority", "issuingCountry",
		"stateOrProvinceName", "issuer", "subject", "notBefore", "notAfter", "extensions"}
	ok, where := s.count(func(c *CertificateInfo) bool {
		for _, m := range c.Members {
			for _, k := range known {
				if m != k && strings.EqualFold(m, k) {
					return true
				}
			}
		}
		return false
	})
	return ok, "members in another case" + where
}

func judgeProfiles(s *Signed) (bool, string) {
	ok, where := s.count(func(c *CertificateInfo) bool { return len(c.CertificateProfiles) == 0 })
	return ok, "no certificateProfile" + where
}

func judgeSerialForm(s *Signed) (bool, string) {
	ok, where := s.count(func(c *CertificateInfo) bool { return !isBignum(c.serialForm) })
	return ok, "serial number not a bignum" + where
}

func judgeCertificates(s *Signed) (bool, string) {
	ok, where := s.count(func(c *CertificateInfo) bool { _, err := x509.ParseCertificate(c.Certificate); return err != nil })
	return ok, "certificate cannot be read" + where
}

// judgeDescriptions compares what an entry says of its certificate with the certificate, where it can be read. A key
// identifier may be wrapped; judgeSKI tells.
func judgeDescriptions(s *Signed) (bool, string) {
	var named []string
	ok, where := s.count(func(c *CertificateInfo) bool {
		cert, err := x509.ParseCertificate(c.Certificate)
		if err != nil {
			return false
		}
		wrong := c.disagreements(cert)
		named = append(named, wrong...)
		return len(wrong) > 0
	})
	slices.Sort(named)
	return ok, "not as in the certificate: " + strings.Join(slices.Compact(named), ", ") + where
}

// disagreements names the members that say something else than the certificate.
func (c *CertificateInfo) disagreements(cert *x509.Certificate) []string {
	var out []string
	for _, m := range []struct {
		name string
		ok   bool
	}{
		{"serialNumber", c.SerialNumber.Cmp(cert.SerialNumber) == 0},
		{"ski", bytes.Equal(unwrapped(c.SKI), cert.SubjectKeyId)},
		{"issuer", c.Issuer == nil || bytes.Equal(c.Issuer, cert.RawIssuer)},
		{"subject", c.Subject == nil || bytes.Equal(c.Subject, cert.RawSubject)},
		{"notBefore", c.NotBefore == nil || c.NotBefore.Time().Equal(cert.NotBefore)},
		{"notAfter", c.NotAfter == nil || c.NotAfter.Time().Equal(cert.NotAfter)},
		{"issuingCountry", agrees(c.IssuingCountry, cert.Subject.Country)},
		{"stateOrProvinceName", agrees(c.StateOrProvinceName, cert.Subject.Province)},
	} {
		if !m.ok {
			out = append(out, m.name)
		}
	}
	return out
}

// unwrapped takes a key identifier out of OCTET STRINGs: the value of an extension is one, and holds another.
func unwrapped(ski []byte) []byte {
	for range 2 {
		var inner []byte
		if rest, err := asn1.Unmarshal(ski, &inner); err != nil || len(rest) > 0 {
			break
		}
		ski = inner
	}
	return ski
}

func agrees(said string, names []string) bool {
	return said == "" || len(names) == 1 && names[0] == said
}

// judgeChainForm demands the chain in the unprotected header, without the root.
func judgeChainForm(s *Signed) (bool, string) {
	ders, err := s.message.X5Chain()
	if err != nil {
		return false, err.Error()
	}
	if s.message.X5ChainProtected() {
		return false, "in the protected header"
	}
	c, err := x509.ParseCertificate(ders[len(ders)-1])
	if err != nil || bytes.Equal(c.RawIssuer, c.RawSubject) {
		return false, "closed by a root, or by what cannot be read"
	}
	return true, fmt.Sprintf("%d certificates", len(ders))
}

// judgeDates demands date ≤ nextUpdate ≤ notAfter, where they are.
func judgeDates(c *Content) (bool, string) {
	ok := true
	if c.NextUpdate != nil {
		ok = !c.NextUpdate.Time().Before(c.Date.Time())
	}
	if c.NotAfter != nil {
		ok = ok && c.NotAfter.Time().After(c.Date.Time()) && (c.NextUpdate == nil || !c.NotAfter.Time().Before(c.NextUpdate.Time()))
	}
	return ok, "date, nextUpdate, notAfter in this order"
}
