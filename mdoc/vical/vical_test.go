package vical_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/x509"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"mobileid/mdoc"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/holder"
	"mobileid/mdoc/mdoctest/world"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/verdict"
	"mobileid/mdoc/vical"

	"github.com/google/go-cmp/cmp"
)

// provider is a VICAL provider, and an issuing authority to list.
type provider struct {
	*world.World
	rootKey, key *ecdsa.PrivateKey
	root         *x509.Certificate
	chain        [][]byte
	anchors      *pki.Anchors
}

func newWorld(tb testing.TB) *provider {
	tb.Helper()
	p := &provider{World: world.New(tb), rootKey: world.Key(tb), key: world.Key(tb)}
	from := p.Now.AddDate(0, -2, 0)
	p.root = p.Certificate(tb, pki.Template{Profile: pki.VICALRoot, Country: "JP", CommonName: "TEST VICAL root",
		NotBefore: from, NotAfter: from.AddDate(9, 0, 0)}, p.rootKey.Public(), nil, p.rootKey)
	signer := p.Certificate(tb, pki.Template{Profile: pki.VICALSigner, Country: "JP", Organization: "TEST provider", CommonName: "TEST VICAL signer",
		NotBefore: from, NotAfter: from.AddDate(3, 0, 0), CRLURI: "https://vical.example/crl"}, p.key.Public(), p.root, p.rootKey)
	p.chain = [][]byte{signer.Raw}
	var err error
	if p.anchors, err = pki.NewAnchorsFor(pki.VICALRoot, p.root.Raw); err != nil {
		tb.Fatal(err)
	}
	return p
}

func (p *provider) draft() vical.Draft {
	return vical.Draft{
		Provider: "TEST provider", IssueID: 7, Date: p.Now.Add(-time.Hour), NextUpdate: p.Now.AddDate(0, 0, 30), NotAfter: p.Now.AddDate(0, 0, 60),
		URL:     "https://vical.example/vical",
		Entries: []vical.Entry{{Certificate: p.IACA.Raw, DocTypes: []string{world.DocType, "org.iso.18013.5.1.mDL"}, IssuingAuthority: "TEST authority"}},
	}
}

func (p *provider) sign(tb testing.TB, change func(*vical.Draft)) []byte {
	tb.Helper()
	d := p.draft()
	if change != nil {
		change(&d)
	}
	raw, err := vical.Sign(p.key, p.chain, d)
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

// forge signs any payload, so that a wrong list reaches the check it is for.
func (p *provider) forge(tb testing.TB, change func(*vical.Content)) []byte {
	tb.Helper()
	signed, err := vical.Parse(p.sign(tb, nil))
	if err != nil {
		tb.Fatal(err)
	}
	c := *signed.Content()
	change(&c)
	return p.forgePayload(tb, p.key, cose.Headers{X5Chain: p.chain}, world.Encode(tb, c))
}

func (p *provider) forgePayload(tb testing.TB, key crypto.Signer, h cose.Headers, payload []byte) []byte {
	tb.Helper()
	m, err := cose.NewSign1(key, h, payload)
	if err != nil {
		tb.Fatal(err)
	}
	return m.Bytes()
}

// content is the payload of a list with encoded entries.
func (p *provider) content(tb testing.TB, entries ...[]byte) []byte {
	tb.Helper()
	b := cbor.AppendText(cbor.AppendText(cbor.AppendMapHead(nil, 4), "version"), "1.0")
	b = cbor.AppendText(cbor.AppendText(b, "vicalProvider"), "TEST provider")
	b = append(cbor.AppendText(b, "date"), world.Encode(tb, cbor.NewTDate(p.Now))...)
	b = cbor.AppendArrayHead(cbor.AppendText(b, "certificateInfos"), len(entries))
	for _, e := range entries {
		b = append(b, e...)
	}
	return b
}

func (p *provider) verify(tb testing.TB, raw []byte, at time.Time) (*vical.List, verdict.Verdict) {
	tb.Helper()
	signed, err := vical.Parse(raw)
	if err != nil {
		tb.Fatal(err)
	}
	list, v, err := signed.Verify(p.anchors, at)
	if err != nil || (list != nil) != v.OK() {
		tb.Fatalf("list %v, error %v, verdict %s", list, err, v)
	}
	return list, v
}

func TestSignedListVerifies(t *testing.T) {
	p := newWorld(t)
	raw := p.sign(t, nil)
	list, v := p.verify(t, raw, p.Now)
	if list == nil {
		t.Fatalf("refused: %s", v)
	}
	for _, c := range v.Checks {
		if strings.HasPrefix(c.ID, "tolerance.vical") {
			t.Errorf("our own list needs %s: %s", c.ID, c.Measured)
		}
	}
	for _, id := range []string{"vical.x5chain", "vical.chain", "vical.signature", "vical.date", "vical.order", "vical.not_after", "vical.next_update", "chain.profile.eku"} {
		if o, ok := v.Outcome(id); !ok || o != verdict.Pass {
			t.Errorf("%s is %q", id, o)
		}
	}
	c := list.Content()
	e := c.Certificates[0]
	if c.Version != "1.0" || c.Provider != "TEST provider" || *c.IssueID != 7 || c.URL != "https://vical.example/vical" ||
		!c.Date.Time().Equal(p.Now.Add(-time.Hour)) || !c.NextUpdate.Time().Equal(p.Now.AddDate(0, 0, 30)) || !c.NotAfter.Time().Equal(p.Now.AddDate(0, 0, 60)) {
		t.Errorf("content %+v", c)
	}
	if !bytes.Equal(e.Certificate, p.IACA.Raw) || e.SerialNumber.Cmp(p.IACA.SerialNumber) != 0 || !bytes.Equal(e.SKI, p.IACA.SubjectKeyId) ||
		e.IssuingCountry != "JP" || e.IssuingAuthority != "TEST authority" || !bytes.Equal(e.Subject, p.IACA.RawSubject) || !bytes.Equal(e.Issuer, p.IACA.RawIssuer) ||
		!e.NotBefore.Time().Equal(p.IACA.NotBefore) || !e.NotAfter.Time().Equal(p.IACA.NotAfter) || !cmp.Equal(e.CertificateProfiles, []string{vical.ProfileIACA}) {
		t.Errorf("entry %+v", e)
	}
	if !bytes.Equal(list.Bytes(), raw) {
		t.Error("the bytes were not kept")
	}
}

// The serial number goes out as the bignum that the text demands, whatever its size: tag 2 and the shortest byte string.
func TestSerialNumberForms(t *testing.T) {
	p := newWorld(t)
	raw := p.sign(t, nil)
	want := append([]byte("\x6cserialNumber\xc2\x50"), p.IACA.SerialNumber.Bytes()...)
	if !bytes.Contains(raw, want) {
		t.Error("no bignum of 16 bytes in the list")
	}
	info := func(serial []byte) []byte {
		b := cbor.AppendMapHead(nil, 4)
		b = cbor.AppendBytes(cbor.AppendText(b, "certificate"), p.IACA.Raw)
		b = append(cbor.AppendText(b, "serialNumber"), serial...)
		b = cbor.AppendBytes(cbor.AppendText(b, "ski"), p.IACA.SubjectKeyId)
		return cbor.AppendText(cbor.AppendArrayHead(cbor.AppendText(b, "docType"), 1), world.DocType)
	}
	for name, tc := range map[string]struct {
		serial []byte
		want   *big.Int
	}{
		"small integer":   {[]byte{0x17}, big.NewInt(23)},
		"large integer":   {[]byte{0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, new(big.Int).SetUint64(1<<64 - 1)},
		"bignum":          {[]byte{0xc2, 0x42, 1, 0}, big.NewInt(256)},
		"bignum of zero":  {[]byte{0xc2, 0x40}, big.NewInt(0)},
		"bytes":           {[]byte{0x42, 1, 0}, big.NewInt(256)},
		"32 bytes":        {append([]byte{0xc2, 0x58, 32, 1}, make([]byte, 31)...), new(big.Int).Lsh(big.NewInt(1), 248)},
		"33 bytes":        {append([]byte{0xc2, 0x58, 33, 1}, make([]byte, 32)...), nil},
		"negative":        {[]byte{0x20}, nil},
		"negative bignum": {[]byte{0xc3, 0x41, 1}, nil},
		"tag 2 on text":   {[]byte{0xc2, 0x61, '1'}, nil},
		"tag 2 twice":     {[]byte{0xc2, 0xc2, 0x41, 1}, nil},
		"text":            {[]byte{0x61, '1'}, nil},
		"null":            {[]byte{0xf6}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			raw := info(tc.serial)
			signed, err := vical.Parse(p.forgePayload(t, p.key, cose.Headers{X5Chain: p.chain}, p.content(t, raw)))
			if tc.want == nil {
				if !errors.Is(err, vical.ErrMalformed) {
					t.Errorf("error %v, want ErrMalformed", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := signed.Content().Certificates[0]
			if got.SerialNumber.Cmp(tc.want) != 0 {
				t.Errorf("serial number %v, error %v, want %v", got.SerialNumber, err, tc.want)
			}
			if back, err := got.MarshalCBOR(); err != nil || !bytes.Equal(back, raw) {
				t.Errorf("encodes back to %x, %v", back, err)
			}
		})
	}
}

func TestVerifyRefuses(t *testing.T) {
	p := newWorld(t)
	other := world.Key(t)
	payload := func(tb testing.TB) []byte {
		m, err := cose.ParseSign1(p.sign(tb, nil))
		if err != nil {
			tb.Fatal(err)
		}
		return m.Payload()
	}
	date := func(d time.Time) *cbor.TDate { v := cbor.NewTDate(d); return &v }
	for name, tc := range map[string]struct {
		raw  []byte
		at   time.Time
		want []string
	}{
		"signed by another key": {p.forgePayload(t, other, cose.Headers{X5Chain: p.chain}, payload(t)), p.Now, []string{"vical.signature"}},
		"no x5chain":            {p.forgePayload(t, p.key, cose.Headers{}, payload(t)), p.Now, []string{"vical.x5chain"}},
		"x5chain that is no certificate": {p.forgePayload(t, p.key, cose.Headers{X5Chain: [][]byte{{1}}}, payload(t)), p.Now,
			[]string{"chain.certificate"}},
		"a document signer": {p.forgePayload(t, p.SignerKey, cose.Headers{X5Chain: p.SignerChain}, payload(t)), p.Now,
			[]string{"chain.profile.key_usage", "chain.profile.eku", "chain.path", "chain.signature"}},
		"from the future":      {p.forge(t, func(c *vical.Content) { c.Date = cbor.NewTDate(p.Now.Add(vical.MaxSkew + time.Second)) }), p.Now, []string{"vical.date"}},
		"expired":              {p.sign(t, nil), p.Now.AddDate(0, 0, 60).Add(time.Second), []string{"vical.not_after"}},
		"nextUpdate before":    {p.forge(t, func(c *vical.Content) { c.NextUpdate = date(p.Now.Add(-2 * time.Hour)) }), p.Now, []string{"vical.order"}},
		"notAfter before":      {p.forge(t, func(c *vical.Content) { c.NotAfter, c.NextUpdate = date(p.Now.Add(-2*time.Hour)), nil }), p.Now, []string{"vical.order", "vical.not_after"}},
		"notAfter before next": {p.forge(t, func(c *vical.Content) { c.NotAfter = date(p.Now.AddDate(0, 0, 29)) }), p.Now, []string{"vical.order"}},
	} {
		t.Run(name, func(t *testing.T) {
			list, v := p.verify(t, tc.raw, tc.at)
			if list != nil {
				t.Error("gave a list")
			}
			got := failed(v)
			if name == "a document signer" { // which lines differ is the business of package pki
				if o, _ := v.Outcome("vical.chain"); len(got) < 3 || o != verdict.NotRun {
					t.Errorf("failed %v", got)
				}
				return
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Errorf("%s\n%s", d, v)
			}
		})
	}
	t.Run("checks that rest on a certificate are listed", func(t *testing.T) {
		_, v := p.verify(t, p.forgePayload(t, p.key, cose.Headers{}, payload(t)), p.Now)
		for _, id := range []string{"vical.chain", "vical.signature"} {
			if o, _ := v.Outcome(id); o != verdict.NotRun {
				t.Errorf("%s is %q, want not_run", id, o)
			}
		}
		_, v = p.verify(t, p.forgePayload(t, p.key, cose.Headers{X5Chain: [][]byte{{1}}}, payload(t)), p.Now)
		if o, _ := v.Outcome("vical.signature"); o != verdict.NotRun {
			t.Errorf("vical.signature is %q, want not_run", o)
		}
	})
	signed, err := vical.Parse(p.sign(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := signed.Verify(nil, p.Now); err == nil {
		t.Error("verified without anchors")
	}
}

// An edge of each time belongs to the list.
func TestTimes(t *testing.T) {
	p := newWorld(t)
	raw := p.sign(t, nil)
	for name, tc := range map[string]struct {
		at  time.Time
		ok  bool
		due bool
	}{
		"at its date, by a slow clock":    {p.Now.Add(-time.Hour - vical.MaxSkew), true, false},
		"before its date":                 {p.Now.Add(-time.Hour - vical.MaxSkew - time.Second), false, false},
		"at nextUpdate":                   {p.Now.AddDate(0, 0, 30), true, false},
		"a second after nextUpdate":       {p.Now.AddDate(0, 0, 30).Add(time.Second), true, true},
		"at notAfter":                     {p.Now.AddDate(0, 0, 60), true, true},
		"a second after notAfter, no use": {p.Now.AddDate(0, 0, 60).Add(time.Second), false, false},
	} {
		t.Run(name, func(t *testing.T) {
			list, v := p.verify(t, raw, tc.at)
			if v.OK() != tc.ok {
				t.Fatalf("verdict %s", v)
			}
			if _, overdue := v.Outcome("tolerance.vical_overdue"); list != nil && (list.Due(tc.at) != tc.due || overdue != tc.due) {
				t.Errorf("due %v, named %v, want %v", list.Due(tc.at), overdue, tc.due)
			}
		})
	}
	none := p.forge(t, func(c *vical.Content) { c.NextUpdate, c.NotAfter, c.IssueID = nil, nil, nil })
	list, v := p.verify(t, none, p.Now)
	if list == nil || list.Due(p.Now.AddDate(2, 0, 0)) || measuredBy(v, "vical.not_after") != "not stated" || measuredBy(v, "vical.next_update") != "not stated" {
		t.Errorf("without times: %v", v.Checks)
	}
}

// Each deviation is named by the verdict, and only then, and refused by the lint.
func TestTolerances(t *testing.T) {
	p := newWorld(t)
	entry := func(change func(*vical.CertificateInfo)) func(*vical.Content) {
		return func(c *vical.Content) {
			old := c.Certificates[0]
			e := vical.CertificateInfo{Certificate: old.Certificate, SerialNumber: old.SerialNumber, SKI: old.SKI, DocTypes: old.DocTypes, CertificateProfiles: old.CertificateProfiles,
				IssuingCountry: old.IssuingCountry, Issuer: old.Issuer, Subject: old.Subject, NotBefore: old.NotBefore, NotAfter: old.NotAfter}
			change(&e)
			c.Certificates = []vical.CertificateInfo{e}
		}
	}
	later := cbor.NewTDate(p.Now)
	for name, tc := range map[string]struct {
		change func(*vical.CertificateInfo)
		want   string
	}{
		"wrapped ski":         {func(e *vical.CertificateInfo) { e.SKI = append([]byte{4, byte(len(e.SKI))}, e.SKI...) }, "ski"},
		"no profile":          {func(e *vical.CertificateInfo) { e.CertificateProfiles = nil }, "certificate_profile"},
		"another serial":      {func(e *vical.CertificateInfo) { e.SerialNumber = big.NewInt(5) }, "description"},
		"another ski":         {func(e *vical.CertificateInfo) { e.SKI = []byte{1, 2, 3} }, "description"},
		"another country":     {func(e *vical.CertificateInfo) { e.IssuingCountry = "US" }, "description"},
		"a state":             {func(e *vical.CertificateInfo) { e.StateOrProvinceName = "JP-13" }, "description"},
		"another issuer":      {func(e *vical.CertificateInfo) { e.Issuer = []byte{0x30, 0} }, "description"},
		"another subject":     {func(e *vical.CertificateInfo) { e.Subject = []byte{0x30, 0} }, "description"},
		"another begin":       {func(e *vical.CertificateInfo) { e.NotBefore = &later }, "description"},
		"another end":         {func(e *vical.CertificateInfo) { e.NotAfter = &later }, "description"},
		"what is not a chain": {func(e *vical.CertificateInfo) { e.Certificate = []byte{0x30, 0} }, "certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			raw := p.forge(t, entry(tc.change))
			list, v := p.verify(t, raw, p.Now)
			if list == nil {
				t.Fatalf("refused: %s", v)
			}
			for _, id := range []string{"ski", "members", "certificate_profile", "serial_number", "certificate", "description"} {
				if _, named := v.Outcome("tolerance.vical_" + id); named != (id == tc.want) {
					t.Errorf("tolerance.vical_%s named: %v", id, named)
				}
			}
			signed, _ := vical.Parse(raw)
			if got := failed(vical.Lint(signed)); !cmp.Equal(got, []string{"vical.form." + tc.want}) {
				t.Errorf("lint fails %v, want vical.form.%s", got, tc.want)
			}
		})
	}
	wire := func(name string, value []byte, serial []byte) []byte {
		b := cbor.AppendMapHead(nil, 6)
		b = cbor.AppendBytes(cbor.AppendText(b, "certificate"), p.IACA.Raw)
		b = append(cbor.AppendText(b, "serialNumber"), serial...)
		b = cbor.AppendBytes(cbor.AppendText(b, "ski"), p.IACA.SubjectKeyId)
		b = cbor.AppendText(cbor.AppendArrayHead(cbor.AppendText(b, "docType"), 1), world.DocType)
		b = cbor.AppendText(cbor.AppendArrayHead(cbor.AppendText(b, "certificateProfile"), 1), vical.ProfileIACA)
		return append(cbor.AppendText(b, name), value...)
	}
	serial := p.IACA.SerialNumber.Bytes()
	for want, raw := range map[string][]byte{
		"members":       wire("IssuingCountry", cbor.AppendText(nil, "JP"), cbor.AppendBytes(cbor.AppendTag(nil, 2), serial)),
		"serial_number": wire("x", cbor.AppendText(nil, "JP"), cbor.AppendBytes(nil, serial)),
	} {
		list, v := p.verify(t, p.forgePayload(t, p.key, cose.Headers{X5Chain: p.chain}, p.content(t, raw)), p.Now)
		if _, named := v.Outcome("tolerance.vical_" + want); list == nil || !named {
			t.Errorf("%s is not named: %s", want, v)
		}
	}
}

// A certificate is known by its bytes, and for its document types only.
func TestLookup(t *testing.T) {
	p := newWorld(t)
	raw := p.sign(t, nil)
	list, _ := p.verify(t, raw, p.Now)
	twin := p.Certificate(t, pki.Template{Profile: pki.IACA, Country: "JP", CommonName: "TEST IACA", NotBefore: p.IACA.NotBefore, NotAfter: p.IACA.NotAfter,
		IssuerAltURI: "https://issuer.example"}, p.IACAKey.Public(), nil, p.IACAKey) // same name, same key, same key identifier
	after := p.Now.AddDate(0, 0, 61)
	for name, tc := range map[string]struct {
		der     []byte
		docType string
		at      time.Time
		want    bool
	}{
		"listed":           {p.IACA.Raw, world.DocType, p.Now, true},
		"its other type":   {p.IACA.Raw, "org.iso.18013.5.1.mDL", p.Now, true},
		"another type":     {p.IACA.Raw, "org.iso.23220.photoid.1", p.Now, false},
		"no type":          {p.IACA.Raw, "", p.Now, false},
		"its twin":         {twin.Raw, world.DocType, p.Now, false},
		"nothing":          {nil, world.DocType, p.Now, false},
		"after the end":    {p.IACA.Raw, world.DocType, after, false},
		"a byte too short": {p.IACA.Raw[:len(p.IACA.Raw)-1], world.DocType, p.Now, false},
	} {
		if got := list.Lists(tc.der, tc.docType, tc.at); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	anchors, leftOut, err := list.Anchors(world.DocType, p.Now)
	if err != nil || leftOut != 0 || len(anchors.Certificates()) != 1 || !bytes.Equal(anchors.Certificates()[0].Raw, p.IACA.Raw) {
		t.Fatalf("%v, %d left out, %v", anchors, leftOut, err)
	}
	if _, v, err := anchors.Check(p.SignerChain, pki.DocumentSigner, p.Now); err != nil || !v.OK() {
		t.Errorf("the document signer: %v, %s", err, v)
	}
	if _, _, err := list.Anchors("org.iso.23220.photoid.1", p.Now); !errors.Is(err, vical.ErrNone) {
		t.Errorf("another type: error %v, want ErrNone", err)
	}
	if _, _, err := list.Anchors(world.DocType, after); !errors.Is(err, vical.ErrExpired) {
		t.Errorf("after the end: error %v, want ErrExpired", err)
	}
	broken := p.forge(t, func(c *vical.Content) {
		c.Certificates = append(c.Certificates, vical.CertificateInfo{Certificate: p.SignerChain[0], SerialNumber: big.NewInt(1), SKI: []byte{1}, DocTypes: []string{world.DocType}})
	})
	list, _ = p.verify(t, broken, p.Now)
	if anchors, leftOut, err := list.Anchors(world.DocType, p.Now); err != nil || leftOut != 1 || len(anchors.Certificates()) != 1 {
		t.Errorf("with a document signer in the list: %d left out, %v", leftOut, err)
	}
}

// A list may name more roots of one name than a set of anchors takes.
func TestNineRootsOfOneName(t *testing.T) {
	p := newWorld(t)
	list, _ := p.verify(t, p.forge(t, func(c *vical.Content) {
		c.Certificates = nil
		for range 9 {
			twin := p.Certificate(t, pki.Template{Profile: pki.IACA, Country: "JP", CommonName: "TEST IACA", NotBefore: p.IACA.NotBefore, NotAfter: p.IACA.NotAfter,
				IssuerAltURI: "https://issuer.example"}, p.IACAKey.Public(), nil, p.IACAKey)
			c.Certificates = append(c.Certificates, vical.CertificateInfo{Certificate: twin.Raw, SerialNumber: twin.SerialNumber, SKI: twin.SubjectKeyId, DocTypes: []string{world.DocType}})
		}
	}), p.Now)
	if anchors, _, err := list.Anchors(world.DocType, p.Now); err == nil || anchors != nil || errors.Is(err, vical.ErrNone) {
		t.Errorf("error %v", err)
	}
}

// A document is verified with the anchors of its own type: the whole way from the provider's root to an element.
func TestAnchorsJudgeADocument(t *testing.T) {
	p := newWorld(t)
	list, _ := p.verify(t, p.sign(t, nil), p.Now)
	in := p.Answer(t, p.Holder(t, p.Issue(t, p.Draft(t)), holder.BySignature), p.Meet(t), world.Items(world.NameSpace, "age_over_20"))
	var err error
	if in.Anchors, _, err = list.Anchors(world.DocType, p.Now); err != nil {
		t.Fatal(err)
	}
	if r, err := mdoc.Verify(in); err != nil || !r.OK() {
		t.Errorf("error %v, verdict %s", err, r.Verdict)
	}
	in.Anchors, in.AnchorsFor = nil, func(docType string) *pki.Anchors {
		anchors, _, _ := list.Anchors(docType, p.Now)
		return anchors
	}
	if r, err := mdoc.Verify(in); err != nil || !r.OK() {
		t.Errorf("anchors for the type: error %v, verdict %s", err, r.Verdict)
	}
	list, _ = p.verify(t, p.sign(t, func(d *vical.Draft) { d.Entries[0].DocTypes = []string{"org.iso.18013.5.1.mDL"} }), p.Now)
	if r, err := mdoc.Verify(in); err != nil || len(r.Failed()) != 1 || r.Failed()[0].ID != "issuer_auth.anchor_doc_type" {
		t.Errorf("listed for another type: error %v, verdict %s", err, r.Verdict)
	}
	in.AnchorsFor = nil
	stranger := newWorld(t)
	other, _ := p.verify(t, p.sign(t, func(d *vical.Draft) { d.Entries[0].Certificate = stranger.IACA.Raw }), p.Now)
	if in.Anchors, _, err = other.Anchors(world.DocType, p.Now); err != nil {
		t.Fatal(err)
	}
	r, err := mdoc.Verify(in)
	if o, _ := r.Verdict.Outcome("issuer_auth.chain"); err != nil || o != verdict.NotRun {
		t.Errorf("another authority's anchors: error %v, issuer_auth.chain %q", err, o)
	}
}
