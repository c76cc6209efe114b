package corpus

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"time"

	"mobileid/mdoc/pki"
	"mobileid/mdoc/verdict"
	"mobileid/mdoc/vical"
)

// crlProfiles are the names of the profiles of revocation lists in manifests.
func crlProfiles() map[string]pki.CRLProfile {
	return map[string]pki.CRLProfile{"crl": pki.CRLAnnexB, "crl_with_reasons": pki.CRLWithReasons}
}

// crlLintCases are lists about to be released: what [CRL] lets pass fails here.
func crlLintCases(a *authority) []Case {
	type row struct {
		label
		profile string
		change  func(*revocation)
	}
	plain := func(name, fails, reason string, change func(*revocation)) row {
		return row{label{name, fails, reason, "P7"}, "crl", change}
	}
	entryWith := func(e ...pkix.Extension) func(*revocation) {
		return func(r *revocation) { r.Revoked[0].Extensions = e }
	}
	reason := func(n int) pkix.Extension { return extension(oidReason, false, asn1.Enumerated(n)) }
	reasons := func(name, fails, text string, e ...pkix.Extension) row {
		return row{label{"reasons-" + name, fails, text, "P7"}, "crl_with_reasons", entryWith(e...)}
	}
	emptyKey := extension(oidAuthorityKey, false, struct{}{})
	rows := []row{
		plain("base", "", "a good list", func(*revocation) {}),
		plain("base-90-days", "", "the next one is due in 90 days", func(r *revocation) { r.NextUpdate = r.ThisUpdate.AddDate(0, 0, 90) }),
		reasons("base", "", "an entry with a reason, where one may stand", reason(4)),
		plain("91-days", "crl.period", "the next one is due in a second more than 90 days", func(r *revocation) { r.NextUpdate = r.ThisUpdate.AddDate(0, 0, 90).Add(time.Second) }),
		plain("ends-first", "crl.period", "ends as it begins", func(r *revocation) { r.NextUpdate = r.ThisUpdate }),
		plain("without-end", "crl.period", "no nextUpdate", func(r *revocation) { r.NextUpdate = time.Time{} }),
		plain("aki-missing", "crl.extensions", "no authority key identifier", func(r *revocation) { r.Extensions = r.Extensions[1:] }),
		plain("aki-empty", "crl.extensions", "an authority key identifier without a key", func(r *revocation) { r.Extensions[0] = emptyKey }),
		plain("extension-unknown", "crl.extensions", "an extension that the table does not have", func(r *revocation) { r.Extensions = append(r.Extensions, extension(oidUnknown, false, 1)) }),
		plain("entry-reason", "crl.entry_extensions", "an entry with a reason", entryWith(reason(4))),
		reasons("key-compromise", "crl.entry_extensions", "a reason that is not written", reason(1)),
		reasons("unspecified", "crl.entry_extensions", "the reason unspecified, written out", reason(0)),
		reasons("unknown", "crl.entry_extensions", "an entry extension that is no reason", extension(oidUnknown, false, 1)),
		plain("entry-late", "crl.entry_dates", "an entry dated after the list", func(r *revocation) { r.Revoked[0].Date = r.ThisUpdate.Add(time.Second) }),
		plain("number-long", "crl.number", "a number of 21 octets", func(r *revocation) {
			r.Extensions[1] = extension(oidCRLNumber, false, new(big.Int).Lsh(big.NewInt(1), 160))
		}),
		plain("issuer-other", "crl.issuer", "the list of another CA", func(r *revocation) { r.Issuer = asn1.RawValue{FullBytes: nameOf("TEST other IACA")} }),
	}
	var out []Case
	for _, r := range rows {
		c := r.of(CRLLint, "base")
		c.Profile = r.profile
		c.add("crl", a.crl(r.change))
		c.add("issuer", a.iaca.Raw)
		out = append(out, c)
	}
	return out
}

func judgeCRLLint(c *Case) (verdict.Verdict, error) {
	p, ok := crlProfiles()[c.Profile]
	if !ok {
		return verdict.Verdict{}, fmt.Errorf("no profile of revocation lists %q", c.Profile)
	}
	issuer, err := x509.ParseCertificate(c.file("issuer"))
	if err != nil {
		return verdict.Verdict{}, err
	}
	return pki.LintCRL(c.file("crl"), issuer, p), nil
}

// vicalLintCases are lists about to be released: what a reader tolerates fails here.
func vicalLintCases(a *authority) []Case {
	type row struct {
		label
		edit func(*trustList)
	}
	entry := func(name, fails, reason string, edit func(*node)) row {
		return row{label{name, "vical.form." + fails, reason, "P7"}, func(l *trustList) {
			l.onContent = func(n *node) { edit(n.get("certificateInfos", 0)) }
		}}
	}
	wrapped := must(asn1.Marshal(a.iaca.SubjectKeyId))
	rows := []row{
		{label{name: "base", reason: "a good VICAL"}, func(*trustList) {}},
		entry("ski-wrapped", "ski", "the key identifier in its OCTET STRING", set(bstr(wrapped), "ski")),
		entry("member-case", "members", "IssuingCountry in place of issuingCountry", rename(text("IssuingCountry"), "issuingCountry")),
		entry("profile-missing", "certificate_profile", "no certificateProfile", remove("certificateProfile")),
		entry("serial-bytes", "serial_number", "the serial number as bytes", set(bstr(a.iaca.SerialNumber.Bytes()), "serialNumber")),
		entry("certificate-broken", "certificate", "a certificate that cannot be read", set(bstr([]byte{0x30, 0x00}), "certificate")),
		entry("serial-other", "description", "another serial number than the certificate's", set(tagged(2, bstr([]byte{7})), "serialNumber")),
		entry("ski-other", "description", "another key identifier than the certificate's", set(bstr([]byte{1, 2, 3}), "ski")),
		entry("country-other", "description", "another country than the certificate's", set(text("KR"), "issuingCountry")),
		entry("state-other", "description", "another state than the certificate's", set(text("JP-01"), "stateOrProvinceName")),
		entry("issuer-other", "description", "another issuer than the certificate's", set(bstr(nameOf("TEST other")), "issuer")),
		entry("subject-other", "description", "another subject than the certificate's", set(bstr(nameOf("TEST other")), "subject")),
		entry("begin-other", "description", "another begin than the certificate's", set(at(0), "notBefore")),
		entry("end-other", "description", "another end than the certificate's", set(at(0), "notAfter")),
		{label{"x5chain-missing", "vical.form.x5chain", "no x5chain", "P6"}, func(l *trustList) { l.onHeaders = func(_, u *node) { u.remove(33) } }},
		{label{"x5chain-protected", "vical.form.x5chain", "x5chain in the protected header", "P6"}, func(l *trustList) {
			l.onHeaders = func(p, u *node) { p.set(33, u.get(33)); u.remove(33) }
		}},
		{label{"x5chain-root", "vical.form.x5chain", "the root closes x5chain", "P7"}, func(l *trustList) { l.chain = append(l.chain, l.provider) }},
		{label{"x5chain-broken", "vical.form.x5chain", "what closes x5chain is no certificate", "P7"}, func(l *trustList) { l.chain = append(l.chain, []byte{1}) }},
		{label{"update-before-date", "vical.order", "nextUpdate before the date", "P7"}, func(l *trustList) { l.onContent = set(at(-2*time.Hour), "nextUpdate") }},
		{label{"end-before-update", "vical.order", "notAfter before nextUpdate", "P7"}, func(l *trustList) { l.onContent = set(at(time.Hour), "notAfter") }},
	}
	var out []Case
	for _, r := range rows {
		l := newTrustList()
		r.edit(l)
		c := r.of(VICALLint, "base")
		c.add("vical", l.build(a))
		out = append(out, c)
	}
	return out
}

func judgeVICALLint(c *Case) (verdict.Verdict, error) {
	signed, err := vical.Parse(c.file("vical"))
	if err != nil {
		return verdict.Verdict{}, err
	}
	return vical.Lint(signed), nil
}
