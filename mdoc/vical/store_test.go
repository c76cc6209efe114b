package vical_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/mdoctest/world"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/vical"

	"github.com/google/go-cmp/cmp"
)

func TestStoreRefusesOlder(t *testing.T) {
	p := newWorld(t)
	base := p.sign(t, nil)
	with := func(id uint64, shift time.Duration) []byte {
		return p.sign(t, func(d *vical.Draft) { d.IssueID, d.Date = id, d.Date.Add(shift) })
	}
	noID := func(shift time.Duration) []byte {
		return p.forge(t, func(c *vical.Content) { c.IssueID, c.Date = nil, cbor.NewTDate(c.Date.Time().Add(shift)) })
	}
	for name, tc := range map[string]struct {
		next []byte
		want []string
	}{
		"the same again":             {base, nil},
		"newer":                      {with(8, time.Minute), nil},
		"newer by its id":            {with(8, 0), nil},
		"newer by its date":          {with(7, time.Minute), nil},
		"an older id":                {with(6, time.Minute), []string{"vical.not_older"}},
		"an older date":              {with(8, -time.Minute), []string{"vical.not_older"}},
		"both older":                 {with(6, -time.Minute), []string{"vical.not_older"}},
		"another of the same rank":   {p.sign(t, func(d *vical.Draft) { d.URL = "https://vical.example/other" }), []string{"vical.not_older"}},
		"without an id, newer":       {noID(time.Minute), nil},
		"without an id, same date":   {noID(0), []string{"vical.not_older"}},
		"without an id, older":       {noID(-time.Minute), []string{"vical.not_older"}},
		"another provider":           {p.sign(t, func(d *vical.Draft) { d.Provider = "TEST other"; d.IssueID = 9; d.Date = d.Date.Add(time.Minute) }), []string{"vical.provider"}},
		"newer, but from the future": {with(8, 2*time.Hour), []string{"vical.date"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := vical.NewStore(p.anchors, vical.Floor{})
			if s.Current() != nil {
				t.Error("an empty store holds a list")
			}
			if v, err := s.Offer(base, p.Now); err != nil || !v.OK() {
				t.Fatalf("the first: %v, %s", err, v)
			}
			for restart, store := range map[string]*vical.Store{"running": s, "after a restart": vical.NewStore(p.anchors, s.Floor())} {
				before := store.Current()
				v, err := store.Offer(tc.next, p.Now)
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(tc.want, failed(v)); d != "" {
					t.Errorf("%s: %s\n%s", restart, d, v)
				}
				if held := store.Current() != before; held != (tc.want == nil) {
					t.Errorf("%s: held %v", restart, held)
				}
			}
		})
	}
}

// TestStoreCountsFromTheFirstID holds a list without vicalIssueID, and is shown one that has it.
func TestStoreCountsFromTheFirstID(t *testing.T) {
	p := newWorld(t)
	plain := p.forge(t, func(c *vical.Content) { c.IssueID = nil })
	for shift, want := range map[time.Duration][]string{time.Minute: nil, 0: {"vical.not_older"}, -time.Minute: {"vical.not_older"}} {
		s := vical.NewStore(p.anchors, vical.Floor{})
		if v, err := s.Offer(plain, p.Now); err != nil || !v.OK() {
			t.Fatalf("the first: %v, %s", err, v)
		}
		v, err := s.Offer(p.sign(t, func(d *vical.Draft) { d.Date = d.Date.Add(shift) }), p.Now)
		if d := cmp.Diff(want, failed(v)); err != nil || d != "" {
			t.Errorf("%s later: %v, %s", shift, err, d)
		}
	}
}

func TestStoreKeepsWhatItHas(t *testing.T) {
	p := newWorld(t)
	s := vical.NewStore(p.anchors, vical.Floor{})
	if _, err := s.Offer(p.sign(t, nil), p.Now); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Offer([]byte{0xff}, p.Now); !errors.Is(err, vical.ErrMalformed) {
		t.Errorf("error %v, want ErrMalformed", err)
	}
	if s.Current() == nil || s.Floor().IssueID == nil || *s.Floor().IssueID != 7 {
		t.Error("what was held is gone")
	}
	if _, err := vical.NewStore(nil, vical.Floor{}).Offer(p.sign(t, nil), p.Now); err == nil {
		t.Error("a store without anchors took a list")
	}
}

func TestSignRefuses(t *testing.T) {
	p := newWorld(t)
	for name, tc := range map[string]struct {
		change func(*vical.Draft)
		chain  [][]byte
	}{
		"no provider":            {func(d *vical.Draft) { d.Provider = "" }, p.chain},
		"no nextUpdate":          {func(d *vical.Draft) { d.NextUpdate = time.Time{} }, p.chain},
		"nextUpdate before date": {func(d *vical.Draft) { d.NextUpdate = d.Date.Add(-time.Second) }, p.chain},
		"notAfter before next":   {func(d *vical.Draft) { d.NotAfter = d.NextUpdate.Add(-time.Second) }, p.chain},
		"a year of five digits": {func(d *vical.Draft) {
			d.NextUpdate, d.NotAfter = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), time.Time{}
		}, p.chain},
		"a URL in clear":          {func(d *vical.Draft) { d.URL = "http://vical.example/vical" }, p.chain},
		"a certificate twice":     {func(d *vical.Draft) { d.Entries = append(d.Entries, d.Entries[0]) }, p.chain},
		"no document type":        {func(d *vical.Draft) { d.Entries[0].DocTypes = nil }, p.chain},
		"an empty document type":  {func(d *vical.Draft) { d.Entries[0].DocTypes = []string{""} }, p.chain},
		"a document signer":       {func(d *vical.Draft) { d.Entries[0].Certificate = p.SignerChain[0] }, p.chain},
		"no certificate":          {func(*vical.Draft) {}, nil},
		"another key's":           {func(*vical.Draft) {}, [][]byte{p.otherSigner(t)}},
		"signed as document":      {func(*vical.Draft) {}, p.SignerChain},
		"the root sent along":     {func(*vical.Draft) {}, [][]byte{p.chain[0], p.root.Raw}},
		"a chain of what is none": {func(*vical.Draft) {}, [][]byte{p.chain[0], {1}}},
	} {
		t.Run(name, func(t *testing.T) {
			d := p.draft()
			tc.change(&d)
			if raw, err := vical.Sign(p.key, tc.chain, d); err == nil || raw != nil {
				t.Error("was signed")
			}
		})
	}
	if _, err := vical.Sign(p.key, p.chain, vical.Draft{Provider: "TEST provider", Date: p.Now, NextUpdate: p.Now.AddDate(0, 0, 1)}); err != nil {
		t.Errorf("an empty list: %v", err)
	}
}

// What a certificate says of its state goes into its entry; one without a key identifier cannot be described.
func TestEntries(t *testing.T) {
	p := newWorld(t)
	from := p.Now.AddDate(0, -1, 0)
	state := p.Certificate(t, pki.Template{Profile: pki.IACA, Country: "US", State: "US-UT", CommonName: "TEST state IACA", NotBefore: from,
		NotAfter: from.AddDate(9, 0, 0), IssuerAltURI: "https://issuer.example"}, p.IACAKey.Public(), nil, p.IACAKey)
	raw := p.sign(t, func(d *vical.Draft) {
		d.Entries = append(d.Entries, vical.Entry{Certificate: state.Raw, DocTypes: []string{world.DocType}})
	})
	list, v := p.verify(t, raw, p.Now)
	if list == nil {
		t.Fatalf("refused: %s", v)
	}
	if e := list.Content().Certificates[1]; e.IssuingCountry != "US" || e.StateOrProvinceName != "US-UT" || e.IssuingAuthority != "" {
		t.Errorf("entry %+v", e)
	}
	if anchors, _, err := list.Anchors(world.DocType, p.Now); err != nil || len(anchors.Certificates()) != 2 {
		t.Errorf("anchors: %v", err)
	}
}

// The lint wants the chain where the text has it.
func TestLintChain(t *testing.T) {
	p := newWorld(t)
	good, err := cose.ParseSign1(p.sign(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		headers cose.Headers
		want    []string
	}{
		"unprotected":    {cose.Headers{X5Chain: p.chain}, nil},
		"protected":      {cose.Headers{X5Chain: p.chain, X5ChainProtected: true}, []string{"vical.form.x5chain"}},
		"none":           {cose.Headers{}, []string{"vical.form.x5chain"}},
		"with the root":  {cose.Headers{X5Chain: [][]byte{p.chain[0], p.root.Raw}}, []string{"vical.form.x5chain"}},
		"with something": {cose.Headers{X5Chain: [][]byte{p.chain[0], {1}}}, []string{"vical.form.x5chain"}},
	} {
		signed, err := vical.Parse(p.forgePayload(t, p.key, tc.headers, good.Payload()))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(tc.want, failed(vical.Lint(signed))); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	signed, err := vical.Parse(p.forge(t, func(c *vical.Content) {
		c.NotAfter = nil
		next := cbor.NewTDate(p.Now.AddDate(0, 0, -1))
		c.NextUpdate = &next
	}))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"vical.order"}, failed(vical.Lint(signed))); d != "" {
		t.Error(d)
	}
}

func (p *provider) otherSigner(t *testing.T) []byte {
	t.Helper()
	return p.Certificate(t, pki.Template{Profile: pki.VICALSigner, Country: "JP", Organization: "TEST provider", CommonName: "TEST VICAL signer",
		NotBefore: p.Now, NotAfter: p.Now.AddDate(3, 0, 0), CRLURI: "https://vical.example/crl"}, world.Key(t).Public(), p.root, p.rootKey).Raw
}

// A list that is not one is refused before anybody looks at its signature.
func TestParseRefuses(t *testing.T) {
	p := newWorld(t)
	text := func(b []byte, key, value string) []byte { return cbor.AppendText(cbor.AppendText(b, key), value) }
	date := world.Encode(t, cbor.NewTDate(p.Now))
	content := func(version, provider string, entries ...[]byte) []byte {
		b := text(text(cbor.AppendMapHead(nil, 4), "version", version), "vicalProvider", provider)
		b = append(cbor.AppendText(b, "date"), date...)
		b = cbor.AppendArrayHead(cbor.AppendText(b, "certificateInfos"), len(entries))
		for _, e := range entries {
			b = append(b, e...)
		}
		return b
	}
	entry := func(certificate []byte, docTypes ...string) []byte {
		b := cbor.AppendBytes(cbor.AppendText(cbor.AppendMapHead(nil, 4), "certificate"), certificate)
		b = cbor.AppendUint(cbor.AppendText(b, "serialNumber"), 1)
		b = cbor.AppendBytes(cbor.AppendText(b, "ski"), []byte{1})
		b = cbor.AppendArrayHead(cbor.AppendText(b, "docType"), len(docTypes))
		for _, d := range docTypes {
			b = cbor.AppendText(b, d)
		}
		return b
	}
	long := string(make([]byte, 1025))
	many := make([][]byte, vical.MaxCertificates+1)
	for i := range many {
		many[i] = entry([]byte{1}, "d")
	}
	wrap := func(payload []byte) []byte { return p.forgePayload(t, p.key, cose.Headers{X5Chain: p.chain}, payload) }
	for name, raw := range map[string][]byte{
		"version 2":                 wrap(content("2.0", "p")),
		"version 10":                wrap(content("10.0", "p")),
		"no provider":               wrap(content("1.0", "")),
		"a long provider":           wrap(content("1.0", long)),
		"no certificate":            wrap(content("1.0", "p", entry(nil, "d"))),
		"no document type":          wrap(content("1.0", "p", entry([]byte{1}))),
		"an empty document type":    wrap(content("1.0", "p", entry([]byte{1}, ""))),
		"a long document type":      wrap(content("1.0", "p", entry([]byte{1}, long))),
		"too many document types":   wrap(content("1.0", "p", entry([]byte{1}, make([]string, 65)...))),
		"too many entries":          wrap(content("1.0", "p", many...)),
		"an entry that is no map":   wrap(content("1.0", "p", []byte{0x80})),
		"an entry of one member":    wrap(content("1.0", "p", text(cbor.AppendMapHead(nil, 1), "a", "b"))),
		"wrapped in tag 24":         wrap(cbor.AppendEmbedded(nil, content("1.0", "p"))),
		"a long URL":                p.forge(t, func(c *vical.Content) { c.URL = long }),
		"tagged":                    append([]byte{0xd2}, wrap(content("1.0", "p"))...),
		"bytes after it":            append(wrap(content("1.0", "p")), 0),
		"nothing":                   nil,
		"over the bound":            wrap(cbor.AppendBytes(cbor.AppendText(append([]byte{0xa5}, content("1.0", "p")[1:]...), "x"), make([]byte, vical.MaxSize))),
		"not a COSE message":        content("1.0", "p"),
		"detached":                  detached(t, p, content("1.0", "p")),
		"a serial number as a text": wrap(content("1.0", "p", text(cbor.AppendMapHead(nil, 1), "serialNumber", "1"))),
		"a member without a name":   wrap([]byte{0xa1, 1, 1}),
		"entries that are no array": wrap(append(content("1.0", "p")[:len(content("1.0", "p"))-1], 0xa0)),
		"a date without a tag":      wrap(bytes.Replace(content("1.0", "p"), []byte("\xc0\x74"), []byte("\x74"), 1)),
		"a member twice":            wrap(append(append([]byte{0xa5}, content("1.0", "p")[1:]...), text(nil, "version", "1.0")...)),
	} {
		t.Run(name, func(t *testing.T) {
			if s, err := vical.Parse(raw); !errors.Is(err, vical.ErrMalformed) || s != nil {
				t.Errorf("error %v, want ErrMalformed", err)
			}
		})
	}
	if _, err := vical.Parse(wrap([]byte{0x80})); err == nil || !strings.Contains(err.Error(), "cbor: ") {
		t.Errorf("an array in place of the list: %v", err)
	}
	if _, err := vical.Parse(wrap(content("1.1", "p", entry([]byte{1}, "d")))); err != nil {
		t.Errorf("a minor version: %v", err)
	}
}

func detached(t *testing.T, p *provider, payload []byte) []byte {
	t.Helper()
	m, err := cose.NewSign1Detached(p.key, cose.Headers{X5Chain: p.chain}, payload)
	if err != nil {
		t.Fatal(err)
	}
	return m.Bytes()
}
