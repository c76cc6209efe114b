package pki_test

import (
	"crypto/x509"
	"slices"
	"testing"

	"mobileid/mdoc/pki"
	"mobileid/mdoc/verdict"
)

func ids(v verdict.Verdict) []string {
	var out []string
	for _, c := range v.Checks {
		out = append(out, c.ID)
	}
	slices.Sort(out)
	return out
}

func wantIDs(t *testing.T, v verdict.Verdict, want ...string) {
	t.Helper()
	slices.Sort(want)
	if got := ids(v); !v.OK() || !slices.Equal(got, want) {
		t.Errorf("listed %v, want %v: %s", got, want, v)
	}
	for _, c := range v.Checks {
		if c.Clause == "" || c.Measured == "" {
			t.Errorf("%s without clause or measured value", c.ID)
		}
	}
}

// TestEveryCheckIsListed: a good chain, list or certificate lists all that was asked, each once.
func TestEveryCheckIsListed(t *testing.T) {
	w := newWorld(t)
	chain := []string{"chain.certificate", "chain.path", "chain.signature", "chain.validity", "chain.authority_key_id", "chain.critical_extensions",
		"chain.profile.serial", "chain.profile.signature_algorithm", "chain.profile.period", "chain.profile.key", "chain.profile.key_usage",
		"chain.profile.eku", "chain.profile.basic_constraints"}
	placed := append(slices.Clone(chain), "chain.country", "chain.state")
	anchors := mustAnchors(t, w.iaca, w.readerRoot, w.seRoot)
	for p, c := range map[pki.Profile]struct {
		der  []byte
		want []string
	}{
		pki.DocumentSigner: {w.create(pki.DocumentSigner, w.iaca), placed},
		pki.ReaderAuth:     {w.create(pki.ReaderAuth, w.readerRoot), chain},
		pki.TLSServer:      {w.create(pki.TLSServer, w.iaca), append(slices.Clone(placed), "chain.profile.dns_name")},
		pki.SEAttestation:  {w.create(pki.SEAttestation, w.seRoot), append(slices.Clone(chain), "chain.profile.se_id")},
	} {
		t.Run(p.String(), func(t *testing.T) {
			_, v, err := anchors.Check(one(c.der), p, now)
			if err != nil {
				t.Fatal(err)
			}
			wantIDs(t, v, c.want...)
		})
	}
	t.Run("through a CA", func(t *testing.T) {
		w.vicalRoot = w.openRoot()
		provider, err := pki.NewAnchorsFor(pki.VICALRoot, w.vicalRoot.Raw)
		if err != nil {
			t.Fatal(err)
		}
		_, v, err := provider.Check(w.between(func(*x509.Certificate) {}), pki.VICALSigner, now)
		if err != nil {
			t.Fatal(err)
		}
		wantIDs(t, v, append(slices.Clone(placed), "chain.intermediate", "tolerance.x5chain_intermediate", "tolerance.subject_key_id")...)
	})
	t.Run("no anchor", func(t *testing.T) {
		_, v, err := mustAnchors(t, w.readerRoot).Check(one(w.create(pki.DocumentSigner, w.iaca)), pki.DocumentSigner, now)
		if err != nil || !slices.Equal(ids(v), sorted(placed)) {
			t.Errorf("%v: listed %v", err, ids(v))
		}
		for _, id := range []string{"chain.signature", "chain.authority_key_id", "chain.country", "chain.state"} {
			if o, _ := v.Outcome(id); o != verdict.NotRun {
				t.Errorf("%s is %s", id, o)
			}
		}
	})
	version2 := w.rewrite(func(t *tbs) { t.Version, t.Extensions = 1, nil })
	for name, c := range map[string]struct {
		chain [][]byte
		fails string
	}{
		"no certificate":    {nil, "chain.path"},
		"not a certificate": {one([]byte("certificate")), "chain.certificate"},
		"version 2":         {one(version2), "chain.certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			_, v, err := anchors.Check(c.chain, pki.DocumentSigner, now)
			if err != nil || !slices.Equal(ids(v), sorted(placed)) || len(v.Failed()) != 1 || v.Failed()[0].ID != c.fails || len(v.Unknown()) != len(placed)-1 {
				t.Errorf("%v: listed %v: %s", err, ids(v), v)
			}
		})
	}
	t.Run("not checked", func(t *testing.T) {
		for p, want := range map[pki.Profile][]string{
			pki.DocumentSigner: placed, pki.ReaderAuth: chain, pki.TLSServer: append(slices.Clone(placed), "chain.profile.dns_name"),
			pki.SEAttestation: append(slices.Clone(chain), "chain.profile.se_id"), 0: nil,
		} {
			if v := pki.Unchecked(p, "no anchors"); !slices.Equal(ids(v), sorted(want)) || len(v.Unknown()) != len(want) {
				t.Errorf("%s: listed %v", p, ids(v))
			}
		}
	})
	t.Run("SHA-1", func(t *testing.T) {
		_, v, _ := anchors.Check(one(w.rewrite(func(t *tbs) { t.Signature.Algorithm = ecdsaSHA1 })), pki.DocumentSigner, now)
		if o, _ := v.Outcome("chain.signature"); o != verdict.NotRun {
			t.Errorf("chain.signature is %s", o)
		}
	})
	list := []string{"crl.issuer", "crl.authority_key_id", "crl.issuer_usage", "crl.signature_algorithm", "crl.signature", "crl.number",
		"crl.scope", "crl.entries"}
	t.Run("CRL", func(t *testing.T) {
		wantIDs(t, mustCRL(t, w.crl(1)).Verify(w.iaca, now), append(slices.Clone(list), "crl.validity")...)
	})
	t.Run("CRL lint", func(t *testing.T) {
		wantIDs(t, pki.LintCRL(w.crl(1), w.iaca, pki.CRLAnnexB), append(slices.Clone(list), "crl.der", "crl.period", "crl.extensions",
			"crl.entry_extensions", "crl.empty", "crl.entry_dates")...)
	})
	t.Run("CRL with SHA-1", func(t *testing.T) {
		v := mustCRL(t, w.forgedCRL(func(t *crlTBS) { t.Signature.Algorithm = ecdsaSHA1 })).Verify(w.iaca, now)
		if o, _ := v.Outcome("crl.signature"); o != verdict.NotRun {
			t.Errorf("crl.signature is %s", o)
		}
	})
}

// TestEveryLintLineIsListed: the lint of each kind lists all its lines.
func TestEveryLintLineIsListed(t *testing.T) {
	w := newWorld(t)
	all := []string{"cert.der", "cert.version", "cert.serial", "cert.serial.entropy", "cert.signature_algorithm", "cert.validity.period", "cert.key",
		"cert.issuer", "cert.subject.common_name", "cert.subject.strings", "cert.key_usage", "cert.extended_key_usage", "cert.basic_constraints",
		"cert.critical_extensions", "cert.forbidden_extensions", "cert.subject_key_id", "cert.authority_key_id", "cert.issuer_alt_name",
		"cert.crl_distribution_points"}
	with := func(more ...string) []string { return slices.Concat(all, more) }
	issued := []string{"cert.issuer.name", "cert.issuer.signature", "cert.issuer.key_id", "cert.issuer.validity"}
	place := []string{"cert.issuer.country", "cert.issuer.state"}
	wantIDs(t, pki.Lint(w.iaca.Raw, pki.IACA), with("cert.self_signature", "cert.subject.country")...)
	wantIDs(t, pki.Lint(w.create(pki.ReaderAuth, w.readerRoot), pki.ReaderAuth), all...)
	wantIDs(t, pki.Lint(w.create(pki.VICALSigner, w.vicalRoot), pki.VICALSigner), with("cert.subject.country", "cert.subject.organization")...)
	wantIDs(t, pki.Lint(w.create(pki.TLSServer, w.iaca), pki.TLSServer), with("cert.subject.country", "cert.dns_name")...)
	wantIDs(t, pki.Lint(w.create(pki.SEAttestation, w.seRoot), pki.SEAttestation), with("cert.subject.se_id")...)
	wantIDs(t, pki.LintIssued(w.create(pki.ReaderAuth, w.iaca), pki.ReaderAuth, w.iaca), with(slices.Concat(issued, place, []string{"cert.issuer.alt_name"})...)...)
	wantIDs(t, pki.LintIssued(w.create(pki.SEAttestation, w.seRoot), pki.SEAttestation, w.seRoot), with(slices.Concat(issued, []string{"cert.subject.se_id"})...)...)
	s := succeed(t, "TEST IACA second")
	wantIDs(t, pki.LintIssued(s.link(), pki.IACALink, s.iaca), with(slices.Concat(issued, place, []string{"cert.subject.country", "cert.subject_alt_name"})...)...)
	_, v, err := mustAnchors(t, s.iaca).Follow(s.link(), s.next.Raw, now)
	if err != nil || !v.OK() {
		t.Fatalf("%v: %s", err, v)
	}
	for _, id := range []string{"link.end", "link.root", "link.subject", "link.key", "link.validity", "chain.signature"} {
		if o, _ := v.Outcome(id); o != verdict.Pass {
			t.Errorf("%s is %q", id, o)
		}
	}
	_, v, _ = mustAnchors(t, s.seRoot).Follow(s.link(), s.next.Raw, now)
	if o, _ := v.Outcome("link.root"); o != verdict.NotRun {
		t.Errorf("link.root under no anchor is %q", o)
	}
}

func sorted(list []string) []string {
	out := slices.Clone(list)
	slices.Sort(out)
	return out
}
