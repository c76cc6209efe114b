package judge_test

import (
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"mobileid/cmd/mobileid/internal/inspect"
	"mobileid/cmd/mobileid/internal/judge"
	"mobileid/mdoc"
	"mobileid/mdoc/holder"
	"mobileid/mdoc/mdoctest"
	"mobileid/mdoc/mdoctest/world"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/statuslist"
	"mobileid/mdoc/verdict"
)

// presentation is a good one, with its status list.
func presentation(t *testing.T, proof holder.Proof) (*world.World, judge.Presentation) {
	t.Helper()
	w := world.New(t)
	in := w.Answer(t, w.Holder(t, w.Issue(t, w.Draft(t)), proof), w.Meet(t), world.Items(world.NameSpace, "age_over_20"))
	key := world.Key(t)
	signer := w.Certificate(t, pki.Template{Profile: pki.StatusSigner, Country: "JP", CommonName: "TEST list", NotBefore: w.Now.AddDate(0, 0, -1),
		NotAfter: w.Now.AddDate(1, 0, 0), IssuerAltURI: "https://issuer.example", CRLURI: "https://issuer.example/crl"}, key.Public(), w.IACA, w.IACAKey)
	list, err := statuslist.Sign(key, [][]byte{signer.Raw}, statuslist.Token{URI: "https://issuer.example/v1/status-lists/1", IssuedAt: w.Now,
		ExpiresAt: w.Now.Add(time.Hour), List: statuslist.New(1 << 13)})
	if err != nil {
		t.Fatal(err)
	}
	return w, judge.Presentation{CRLs: [][]byte{crl(t, w)}, Response: in.Response, Request: in.Request.Raw(), Transcript: in.Transcript, EReaderKey: in.EReaderKey, Roots: w.Anchors,
		StatusLists: [][]byte{list}, At: w.Now}
}

func crl(t *testing.T, w *world.World, serials ...*big.Int) []byte {
	t.Helper()
	template := pki.CRLTemplate{Profile: pki.CRLAnnexB, Number: big.NewInt(7), ThisUpdate: w.Now.Add(-time.Hour), NextUpdate: w.Now.AddDate(0, 0, 30)}
	for _, s := range serials {
		template.Revoked = append(template.Revoked, pki.Revocation{Serial: s, Date: w.Now.Add(-2 * time.Hour)})
	}
	der, err := pki.CreateCRL(template, w.IACA, w.IACAKey)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestVerify(t *testing.T) {
	w, good := presentation(t, holder.BySignature)
	_, mac := presentation(t, holder.ByMAC)
	leaf, _, err := w.Anchors.Check(w.SignerChain, pki.DocumentSigner, w.Now)
	if err != nil {
		t.Fatal(err)
	}
	change := func(p judge.Presentation, f func(*judge.Presentation)) judge.Presentation {
		f(&p)
		return p
	}
	cases := []struct {
		name, hint string
		p          judge.Presentation
		accepted   bool
	}{
		{"good", "", good, true},
		{"MAC", "", mac, true},
		{"MAC without the key", "--reader-key", change(mac, func(p *judge.Presentation) { p.EReaderKey = nil }), false},
		{"no status", "--status", change(good, func(p *judge.Presentation) { p.StatusLists = nil }), false},
		{"no revocation list", "--crl", change(good, func(p *judge.Presentation) { p.CRLs = nil }), false},
		{"signer revoked", "docs/verdicts.md", change(good, func(p *judge.Presentation) { p.CRLs = [][]byte{crl(t, w, leaf.Leaf.SerialNumber)} }), false},
		{"list out of force", "docs/verdicts.md", change(good, func(p *judge.Presentation) {
			p.At, p.StatusLists = w.Now.AddDate(0, 0, 31), nil
		}), false},
		{"response that is none", "docs/verdicts.md", change(good, func(p *judge.Presentation) { p.Response = []byte{0xa0} }), false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var out strings.Builder
			err := judge.Verify(&out, c.p, false)
			problem, bad := errors.AsType[*inspect.Problem](err)
			switch {
			case c.accepted != (err == nil):
				t.Errorf("%v\n%s", err, out.String())
			case !c.accepted && (!bad || !errors.Is(err, judge.ErrNotAccepted) || !strings.Contains(problem.Hint, c.hint)):
				t.Errorf("%v, %+v", err, problem)
			case strings.Contains(out.String(), "\nnot accepted at") == c.accepted:
				t.Error(out.String())
			}
		})
	}
	t.Run("a list of another authority", func(t *testing.T) {
		other := world.New(t)
		err := judge.Verify(&strings.Builder{}, change(good, func(p *judge.Presentation) { p.CRLs = [][]byte{crl(t, other)} }), false)
		if !errors.Is(err, pki.ErrCRLNotTrusted) {
			t.Errorf("%v", err)
		}
	})
	t.Run("a request that is none", func(t *testing.T) {
		if err := judge.Verify(&strings.Builder{}, change(good, func(p *judge.Presentation) { p.Request = []byte{0xa0} }), false); err == nil {
			t.Error("no error")
		}
	})
}

// TestVerifyJSON: the checks are those of mdoc.Verify, in their order, and the form is that of schemas/verdict.schema.json with three members more.
func TestVerifyJSON(t *testing.T) {
	_, p := presentation(t, holder.BySignature)
	var out strings.Builder
	if err := judge.Verify(&out, p, true); err != nil {
		t.Fatal(err)
	}
	var v struct {
		Accepted bool            `json:"accepted"`
		At       time.Time       `json:"at"`
		Checks   []verdict.Check `json:"checks"`

		Documents []documentLine `json:"documents"`
	}
	d := json.NewDecoder(strings.NewReader(out.String()))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil || !v.Accepted || !v.At.Equal(p.At) {
		t.Fatalf("%v %+v", err, v)
	}
	if len(v.Documents) != 1 || v.Documents[0].DocType != world.DocType || !v.Documents[0].Complete || len(v.Documents[0].Missing) != 0 {
		t.Errorf("documents %+v", v.Documents)
	}
	if v.Checks[0].ID != "response.decode" || len(v.Checks) < 30 {
		t.Errorf("%d checks, the first %s", len(v.Checks), v.Checks[0].ID)
	}
}

// documentLine is what is said of a proved document.
type documentLine struct {
	DocType  string              `json:"doc_type"`
	Complete bool                `json:"complete"`
	Missing  []map[string]string `json:"missing"`
}

// TestVerifyIncomplete: an answer without some of the elements asked for breaks no rule, and is not passed off as complete.
func TestVerifyIncomplete(t *testing.T) {
	w, p := presentation(t, holder.BySignature)
	h := w.Holder(t, w.Issue(t, w.Draft(t)), holder.BySignature)
	for _, c := range []struct {
		says  string
		names []string // asked for besides the age, which is answered
	}{
		{"but 1 element asked for was not returned", []string{"no_such_element"}},
		{"but 2 elements asked for were not returned", []string{"no_such_element", "age_over_30"}},
	} {
		names := []string{world.NameSpace, "age_over_20"}
		for _, n := range c.names {
			names = append(names, world.NameSpace, n)
		}
		in := w.Answer(t, h, w.Meet(t), world.Items(names...))
		p.Response, p.Request, p.Transcript = in.Response, in.Request.Raw(), in.Transcript
		var text, form strings.Builder
		err := judge.Verify(&text, p, false)
		problem, ok := errors.AsType[*inspect.Problem](err)
		if !ok || !errors.Is(err, judge.ErrIncomplete) || errors.Is(err, judge.ErrNotAccepted) || !strings.Contains(problem.Hint, "may refuse") {
			t.Errorf("%v, %+v", err, problem)
		}
		if !strings.Contains(text.String(), "\naccepted at") || !strings.Contains(text.String(), c.says) {
			t.Errorf("not said %q:\n%s", c.says, text.String())
		}
		if err := judge.Verify(&form, p, true); !errors.Is(err, judge.ErrIncomplete) {
			t.Errorf("JSON: %v", err)
		}
		var v struct {
			Accepted  bool           `json:"accepted"`
			Documents []documentLine `json:"documents"`
		}
		if err := json.Unmarshal([]byte(form.String()), &v); err != nil || !v.Accepted || len(v.Documents) != 1 {
			t.Fatalf("%v %+v", err, v)
		}
		if v.Documents[0].Complete || len(v.Documents[0].Missing) != len(c.names) {
			t.Errorf("%+v", v.Documents[0])
		}
		for i, n := range c.names {
			if m := v.Documents[0].Missing[i]; m["namespace"] != world.NameSpace || m["identifier"] != n || !strings.Contains(text.String(), "  "+world.NameSpace+" "+n+"\n") {
				t.Errorf("missing %v, want %s", m, n)
			}
		}
	}
}

func TestLint(t *testing.T) {
	w, p := presentation(t, holder.BySignature)
	issued := w.Issue(t, w.Draft(t))
	given := inspect.Given{Roots: [][]byte{w.IACA.Raw}, At: w.Now}
	d := mdoctest.LoadAnnexD(t)
	cases := []struct {
		name, what, fails string // fails: the ids that must fail, "" for none, "!" for an error
		in                []byte
		o                 judge.LintOptions
	}{
		{"IACA, guessed", "IACA certificate (guessed)", "", w.IACA.Raw, judge.LintOptions{}},
		{"PEM of two", "document signer certificate (guessed)", "", pki.EncodePEM(w.SignerChain[0], w.IACA.Raw), judge.LintOptions{}},
		{"signer as a root", "IACA certificate", "cert.key_usage", w.SignerChain[0], judge.LintOptions{Profile: "iaca"}},
		{"Annex D's own signer", "document signer certificate (guessed)", "cert.crl_distribution_points", d.Bytes(t, "ds_certificate"), judge.LintOptions{}},
		{"reader root, not to be guessed", "", "!", d.Bytes(t, "reader_root_certificate"), judge.LintOptions{}},
		{"Annex D's reader root, named", "reader root certificate", "cert.crl_distribution_points", d.Bytes(t, "reader_root_certificate"), judge.LintOptions{Profile: "reader-root"}},
		{"no such profile", "", "!", w.IACA.Raw, judge.LintOptions{Profile: "no"}},
		{"IssuerSigned", "IssuerSigned", "", issued, judge.LintOptions{Given: given}},
		{"Annex D's issuerAuth", "IssuerAuth", "mso.validity.until", d.Bytes(t, "issuer_auth"), judge.LintOptions{}},
		{"request", "DeviceRequest", "", p.Request, judge.LintOptions{}},
		{"engagement", "DeviceEngagement", "", d.Bytes(t, "device_engagement_qr"), judge.LintOptions{}},
		{"status list token", "StatusListToken", "", p.StatusLists[0], judge.LintOptions{Given: given}},
		{"response", "DeviceResponse", "", p.Response, judge.LintOptions{}},
		{"revocation list", "revocation list", "", crl(t, w), judge.LintOptions{Given: given}},
		{"revocation list of a stranger", "", "!", crl(t, w), judge.LintOptions{}},
		{"session data", "", "!", d.Bytes(t, "session_data"), judge.LintOptions{}},
		{"nothing", "", "!", nil, judge.LintOptions{}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var out strings.Builder
			err := judge.Lint(&out, []string{"file"}, [][]byte{c.in}, c.o)
			_, bad := errors.AsType[*inspect.Problem](err)
			switch {
			case c.fails == "!":
				if !bad {
					t.Errorf("%v", err)
				}
			case c.fails == "" && err != nil, c.fails != "" && (!errors.Is(err, inspect.ErrChecks) || !strings.Contains(err.Error(), c.fails)):
				t.Errorf("%v\n%s", err, out.String())
			}
			if !strings.Contains(out.String(), c.what) {
				t.Errorf("not said to be a %s:\n%s", c.what, out.String())
			}
		})
	}
}

func TestLintVICAL(t *testing.T) {
	var v struct{ Vical string }
	mdoctest.ReadJSON(t, "iso18013-5/vical-aamva-2025-11-18.json", &v)
	var out strings.Builder
	err := judge.Lint(&out, []string{"vical"}, [][]byte{[]byte(v.Vical)}, judge.LintOptions{JSON: true})
	if !errors.Is(err, inspect.ErrChecks) || !strings.Contains(err.Error(), "vical.form.ski") {
		t.Errorf("%v", err)
	}
	var all []judge.Linted
	if err := json.Unmarshal([]byte(out.String()), &all); err != nil || len(all) != 1 || all[0].File != "vical" || all[0].What != "VICAL" {
		t.Errorf("%v %+v", err, all)
	}
}

// TestLintBatch: documents issued one by one are linked by what they share; the lint of a batch says by what.
func TestLintBatch(t *testing.T) {
	w := world.New(t)
	draft := w.Draft(t)
	var copies [][]byte
	for i := range 3 {
		w.DeviceKey = world.Key(t)
		d := w.Draft(t)
		d.Status = mdoc.StatusListRef{Index: uint64(1000*i + 17), URI: draft.Status.URI}
		copies = append(copies, w.Issue(t, d))
	}
	files := []string{"a", "b", "c"}
	var out strings.Builder
	err := judge.Lint(&out, files, copies, judge.LintOptions{Batch: true})
	if err != nil && !errors.Is(err, inspect.ErrChecks) || !strings.Contains(out.String(), "batch of one holder") {
		t.Errorf("%v\n%s", err, out.String())
	}
	same := [][]byte{copies[0], copies[0], copies[0]}
	if err := judge.Lint(&out, files, same, judge.LintOptions{Batch: true}); err == nil || !strings.Contains(err.Error(), "linkability.salts") {
		t.Errorf("%v", err)
	}
}

func TestProfileNames(t *testing.T) {
	for _, name := range judge.ProfileNames() {
		if p, ok := judge.ProfileByName(name); !ok || strings.ReplaceAll(p.String(), " ", "-") != name {
			t.Errorf("%s is %s", name, p)
		}
	}
}
