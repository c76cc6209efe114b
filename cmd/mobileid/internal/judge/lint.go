package judge

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"strings"

	"mobileid/cmd/mobileid/internal/inspect"
	"mobileid/cmd/mobileid/internal/inspect/annotate"
	"mobileid/mdoc"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/linkability"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/verdict"
	"mobileid/mdoc/vical"
)

// LintOptions are those of the command.
type LintOptions struct {
	// Profile names the certificate profile; empty guesses it.
	Profile string
	// Batch compares all files, each an IssuerSigned, as copies issued to one holder.
	Batch bool
	// JSON prints one document.
	JSON bool
	// Given is what the checks may use.
	Given inspect.Given
}

// Linted is the outcome for one file.
type Linted struct {
	File   string          `json:"file"`
	What   string          `json:"what"`
	Checks []verdict.Check `json:"checks"`
}

// ProfileNames lists what --profile takes.
func ProfileNames() []string {
	var out []string
	for _, p := range pki.Profiles() {
		out = append(out, strings.ReplaceAll(p.String(), " ", "-"))
	}
	return out
}

// ProfileByName finds a profile by its name, with spaces or hyphens; the case does not matter.
func ProfileByName(name string) (pki.Profile, bool) {
	for _, p := range pki.Profiles() {
		if strings.EqualFold(strings.ReplaceAll(name, "-", " "), p.String()) {
			return p, true
		}
	}
	return 0, false
}

// Lint judges each file and prints all checks. files and contents go together. It returns inspect.ErrChecks when a check failed, and a
// *inspect.Problem for a file that cannot be linted.
func Lint(out io.Writer, files []string, contents [][]byte, o LintOptions) error {
	var all []Linted
	for i, raw := range contents {
		l, err := lintFile(files[i], raw, o)
		if err != nil {
			return &inspect.Problem{Err: fmt.Errorf("linting %s: %w", files[i], err), Hint: "mobileid inspect shows what the file holds"}
		}
		all = append(all, l...)
	}
	if o.Batch {
		l, err := lintBatch(contents)
		if err != nil {
			return err
		}
		all = append(all, l)
	}
	if err := printLint(out, all, o.JSON); err != nil {
		return err
	}
	var checks []verdict.Check
	for _, l := range all {
		checks = append(checks, l.Checks...)
	}
	if len((verdict.Verdict{Checks: checks}).Failed()) > 0 {
		return inspect.Failure(checks)
	}
	return nil
}

func printLint(out io.Writer, all []Linted, asJSON bool) error {
	if asJSON {
		return inspect.WriteJSON(out, all)
	}
	for _, l := range all {
		v := verdict.Verdict{Checks: l.Checks}
		if _, err := fmt.Fprintf(out, "%s: %s: %d checks, %d failed, %d not run\n", l.File, l.What, len(l.Checks), len(v.Failed()), len(v.Unknown())); err != nil {
			return err
		}
		if err := inspect.WriteChecks(out, l.Checks); err != nil {
			return err
		}
	}
	return nil
}

// lintBatch compares copies of one document.
func lintBatch(contents [][]byte) (Linted, error) {
	var b linkability.Batch
	for _, raw := range contents {
		data, err := inspect.Binary(raw)
		if err != nil {
			return Linted{}, err
		}
		b.Copies = append(b.Copies, data)
	}
	v, err := linkability.Lint(b)
	return Linted{File: "all files", What: "batch of one holder", Checks: v.Checks}, err
}

func lintFile(file string, raw []byte, o LintOptions) ([]Linted, error) {
	found, err := inspect.Find(raw)
	if err != nil {
		return nil, err
	}
	var all []Linted
	for _, f := range found {
		l, err := lintOne(f, o)
		if err != nil {
			return nil, err
		}
		l.File = file
		all = append(all, l)
	}
	return all, nil
}

func lintOne(f inspect.Found, o LintOptions) (Linted, error) {
	if o.Batch && f.Type != "IssuerSigned" {
		return Linted{}, fmt.Errorf("%s, where a batch is of IssuerSigned", f.Type)
	}
	switch f.Type {
	case "Certificate":
		return lintCertificate(f.Data, o.Profile)
	case "CertificateList":
		return lintCRL(f.Data, o)
	case "IssuerSigned", "IssuerAuth":
		v := inspect.Check(f, o.Given)
		v.Append(lintSigner(f, pki.DocumentSigner))
		return Linted{What: f.Type, Checks: v.Checks}, nil
	case "DeviceRequest", "DeviceEngagement", "DeviceResponse", "StatusListToken", "VICAL", "MobileSecurityObject", "MobileSecurityObjectBytes":
		v := inspect.Check(f, o.Given)
		switch f.Type {
		case "DeviceRequest":
			v.Append(lintReaders(f.Data))
		case "VICAL":
			if list, err := vical.Parse(f.Data); err == nil {
				v.Append(vical.Lint(list))
			}
		}
		return Linted{What: f.Type, Checks: v.Checks}, nil
	}
	return Linted{}, fmt.Errorf("%s has no profile to be held against", f.Type)
}

// lintCertificate holds a certificate against the profile named, or against the one it seems made for.
func lintCertificate(der []byte, name string) (Linted, error) {
	if name != "" {
		p, ok := ProfileByName(name)
		if !ok {
			return Linted{}, fmt.Errorf("no profile %q", name)
		}
		return Linted{What: p.String() + " certificate", Checks: pki.Lint(der, p).Checks}, nil
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return Linted{}, err
	}
	p, guess := annotate.GuessProfile(c)
	if p == 0 {
		return Linted{}, fmt.Errorf("a certificate of a profile that cannot be guessed (%s): name it with --profile", guess)
	}
	return Linted{What: p.String() + " certificate (guessed)", Checks: pki.Lint(der, p).Checks}, nil
}

// lintCRL finds the issuer among the roots.
func lintCRL(der []byte, o LintOptions) (Linted, error) {
	l, err := x509.ParseRevocationList(der)
	if err != nil {
		return Linted{}, err
	}
	for _, raw := range o.Given.Roots {
		root, err := x509.ParseCertificate(raw)
		if err == nil && string(root.RawSubject) == string(l.RawIssuer) {
			return Linted{What: "revocation list", Checks: pki.LintCRL(der, root, pki.CRLAnnexB).Checks}, nil
		}
	}
	return Linted{}, errors.New("a revocation list whose issuer is not here: --roots")
}

// lintSigner lints the first certificate of issuerAuth's chain.
func lintSigner(f inspect.Found, p pki.Profile) verdict.Verdict {
	raw := f.Data
	if f.Type == "IssuerSigned" {
		s, err := mdoc.ParseIssuerSigned(f.Data)
		if err != nil {
			return verdict.Verdict{}
		}
		raw = s.IssuerAuth
	}
	return lintLeaf(raw, p)
}

// lintReaders lints how the request is written, and the certificate of each reader that signed it.
func lintReaders(raw []byte) verdict.Verdict {
	var v verdict.Verdict
	r, err := mdoc.ParseDeviceRequest(raw)
	if err != nil {
		return v
	}
	v.Append(r.Lint())
	for _, d := range r.DocRequests {
		if len(d.ReaderAuth) > 0 {
			v.Append(lintLeaf(d.ReaderAuth, pki.ReaderAuth))
		}
	}
	for _, signature := range r.ReaderAuthAll {
		v.Append(lintLeaf(signature, pki.ReaderAuth))
	}
	return v
}

func lintLeaf(raw []byte, p pki.Profile) verdict.Verdict {
	m, err := cose.ParseSign1(raw)
	if err != nil {
		return verdict.Verdict{}
	}
	chain, err := m.X5Chain()
	if err != nil {
		return verdict.Verdict{}
	}
	return pki.Lint(chain[0], p)
}
