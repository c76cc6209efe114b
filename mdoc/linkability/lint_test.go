package linkability_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	crand "crypto/rand"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"mobileid/mdoc"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/linkability"
	"mobileid/mdoc/mdoctest/world"
	"mobileid/mdoc/verdict"
)

// issued is a batch as the library makes it: a key and a status index for each copy.
func issued(t *testing.T, w *world.World, n int, random *rand.Rand) [][]byte {
	t.Helper()
	var out [][]byte
	for range n {
		d := w.Draft(t)
		key, err := cose.NewKey(world.Key(t).Public())
		if err != nil {
			t.Fatal(err)
		}
		d.DeviceKey, d.Status.Index = key, 1<<16+random.Uint64N(1<<20-1<<16)
		out = append(out, w.Issue(t, d))
	}
	return out
}

func lint(t *testing.T, b linkability.Batch) verdict.Verdict {
	t.Helper()
	v, err := linkability.Lint(b)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestIssuedBatchIsUnlinkable(t *testing.T) {
	w := world.New(t)
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // spread, not secret
	v := lint(t, linkability.Batch{Copies: issued(t, w, 20, random), Others: issued(t, w, 1, random)})
	if !v.OK() || len(v.Checks) != 14 {
		t.Errorf("%d checks: %s", len(v.Checks), v)
	}
}

// form is a document that a test changes in one respect.
type form struct {
	elements    []string
	values      []string
	ids         []uint64
	salt        func(i int) []byte
	key         *cose.Key
	signed      time.Time
	until       time.Time
	index       uint64
	uri         string
	docType     string
	idOrder     []uint64        // order of the digests
	protected   cbor.RawMessage // {1: -7}
	unprotected cbor.RawMessage
	msoExtra    bool
	itemExtra   bool
	infoExtra   bool
	keyExtra    bool   // a kid in the device key
	authorized  string // the namespace of keyAuthorizations
	update      time.Time
	digest      func(id uint64) []byte
	identifier  []byte // status by identifier list
	both        bool   // by both lists
	identifiers string // address of the identifier list
	noStatus    bool
}

func forms(t *testing.T, n int) []form {
	t.Helper()
	out := make([]form, n)
	for c := range out {
		key, err := cose.NewKey(world.Key(t).Public())
		if err != nil {
			t.Fatal(err)
		}
		f := form{key: &key, signed: time.Date(2026, 11, 1, 3, 0, 0, 0, time.UTC), until: time.Date(2026, 12, 1, 3, 0, 0, 0, time.UTC),
			index: []uint64{500_000, 70_000, 912_345, 140_001}[c], uri: "https://issuer.example/lists/1", identifiers: "https://issuer.example/ids/1", docType: "doc"}
		for i := range 8 {
			f.elements = append(f.elements, string(rune('a'+i)))
			f.values = append(f.values, "value of "+string(rune('a'+i)))
			f.ids = append(f.ids, uint64((i*3+c)%8))
			f.idOrder = append(f.idOrder, uint64(i))
		}
		f.digest = func(id uint64) []byte { return bytes.Repeat([]byte{byte(16 * c), byte(id)}, 16) }
		f.salt = func(i int) []byte { return bytes.Repeat([]byte{byte(16*c + i + 1)}, 16) }
		f.protected = cbor.AppendInt(cbor.AppendInt(cbor.AppendMapHead(nil, 1), 1), -7)
		f.unprotected = cbor.AppendBytes(cbor.AppendInt(cbor.AppendMapHead(nil, 1), 33), []byte("certificate"))
		out[c] = f
	}
	return out
}

func (f form) encode() []byte {
	var items, digests []byte
	for i, e := range f.elements {
		n := 4
		if f.itemExtra {
			n = 5
		}
		it := cbor.AppendUint(cbor.AppendText(cbor.AppendMapHead(nil, n), "digestID"), f.ids[i])
		it = cbor.AppendBytes(cbor.AppendText(it, "random"), f.salt(i))
		it = cbor.AppendText(cbor.AppendText(it, "elementIdentifier"), e)
		it = cbor.AppendText(cbor.AppendText(it, "elementValue"), f.values[i])
		if f.itemExtra {
			it = cbor.AppendUint(cbor.AppendText(it, "serial"), 1)
		}
		items = cbor.AppendEmbedded(items, it)
	}
	for _, id := range f.idOrder {
		digests = cbor.AppendBytes(cbor.AppendUint(digests, id), f.digest(id))
	}
	mso := cbor.AppendEmbedded(nil, f.mso(digests))
	auth := cbor.AppendBytes(cbor.AppendArrayHead(nil, 4), f.protected)
	auth = cbor.AppendBytes(cbor.AppendBytes(append(auth, f.unprotected...), mso), make([]byte, 64))
	out := cbor.AppendMapHead(cbor.AppendText(cbor.AppendMapHead(nil, 2), "nameSpaces"), 1)
	out = append(cbor.AppendArrayHead(cbor.AppendText(out, "ns"), len(f.elements)), items...)
	return append(cbor.AppendText(out, "issuerAuth"), auth...)
}

func (f form) mso(digests []byte) []byte {
	n := 7
	if f.msoExtra {
		n++
	}
	if f.noStatus {
		n--
	}
	b := cbor.AppendText(cbor.AppendText(cbor.AppendMapHead(nil, n), "version"), "1.0")
	b = cbor.AppendText(cbor.AppendText(b, "digestAlgorithm"), "SHA-256")
	b = cbor.AppendMapHead(cbor.AppendText(b, "valueDigests"), 1)
	b = append(cbor.AppendMapHead(cbor.AppendText(b, "ns"), len(f.idOrder)), digests...)
	b = cbor.AppendText(cbor.AppendText(f.deviceKeyInfo(b), "docType"), f.docType)
	date := func(b []byte, name string, at time.Time) []byte {
		return cbor.AppendText(cbor.AppendTag(cbor.AppendText(b, name), 0), at.Format(time.RFC3339))
	}
	members := 3
	if f.infoExtra {
		members++
	}
	if !f.update.IsZero() {
		members++
	}
	b = date(cbor.AppendMapHead(cbor.AppendText(b, "validityInfo"), members), "signed", f.signed)
	b = date(date(b, "validFrom", f.signed), "validUntil", f.until)
	if !f.update.IsZero() {
		b = date(b, "expectedUpdate", f.update)
	}
	if f.infoExtra {
		b = cbor.AppendUint(cbor.AppendText(b, "batch"), 9)
	}
	if f.msoExtra {
		b = cbor.AppendUint(cbor.AppendText(b, "serial"), 77)
	}
	if f.noStatus {
		return b
	}
	return f.status(b)
}

func (f form) status(b []byte) []byte {
	n := 1
	if f.both {
		n = 2
	}
	b = cbor.AppendMapHead(cbor.AppendText(b, "status"), n)
	if f.identifier == nil || f.both {
		b = cbor.AppendText(b, "status_list")
		b = cbor.AppendUint(cbor.AppendText(cbor.AppendMapHead(b, 2), "idx"), f.index)
		b = cbor.AppendText(cbor.AppendText(b, "uri"), f.uri)
	}
	if f.identifier != nil {
		b = cbor.AppendText(b, "identifier_list")
		b = cbor.AppendBytes(cbor.AppendText(cbor.AppendMapHead(b, 2), "id"), f.identifier)
		b = cbor.AppendText(cbor.AppendText(b, "uri"), f.identifiers)
	}
	return b
}

func (f form) deviceKeyInfo(b []byte) []byte {
	n := 1
	if f.authorized != "" {
		n = 2
	}
	b = cbor.AppendText(cbor.AppendMapHead(cbor.AppendText(b, "deviceKeyInfo"), n), "deviceKey")
	key := f.key.Bytes()
	if f.keyExtra {
		b = append(append(b, key[0]+1), key[1:]...)
		b = cbor.AppendBytes(cbor.AppendInt(b, 2), []byte("kid"))
	} else {
		b = append(b, key...)
	}
	if n == 2 {
		b = cbor.AppendMapHead(cbor.AppendText(b, "keyAuthorizations"), 1)
		b = cbor.AppendText(cbor.AppendArrayHead(cbor.AppendText(b, "nameSpaces"), 1), f.authorized)
	}
	return b
}

func encode(forms []form) [][]byte {
	var out [][]byte
	for _, f := range forms {
		out = append(out, f.encode())
	}
	return out
}

// TestEachLink changes a good batch of three in one respect, and expects exactly one check to fail.
func TestEachLink(t *testing.T) {
	for name, c := range map[string]struct {
		change func([]form)
		want   string
	}{
		"good":                     {func([]form) {}, ""},
		"another docType":          {func(f []form) { f[1].docType = "doe" }, "linkability.content"},
		"another value":            {func(f []form) { f[1].values[0] = "value of z" }, "linkability.content"},
		"another element":          {func(f []form) { f[1].elements[7] = "z" }, "linkability.content"},
		"a member in the MSO":      {func(f []form) { each(f, func(f *form) { f.msoExtra = true }) }, "linkability.members"},
		"a member in the items":    {func(f []form) { each(f, func(f *form) { f.itemExtra = true }) }, "linkability.members"},
		"a member in the validity": {func(f []form) { each(f, func(f *form) { f.infoExtra = true }) }, "linkability.members"},
		"a kid":                    {func(f []form) { each(f, func(f *form) { f.unprotected = header(33, 4) }) }, "linkability.headers"},
		"a text label":             {func(f []form) { each(f, func(f *form) { f.unprotected = []byte{0xa1, 0x61, 'x', 1} }) }, "linkability.headers"},
		"headers without a map":    {func(f []form) { each(f, func(f *form) { f.protected = []byte{} }) }, "linkability.headers"},
		"another certificate":      {func(f []form) { f[2].unprotected = header(33) }, ""},
		"a time to the second":     {func(f []form) { each(f, func(f *form) { f.signed = f.signed.Add(17 * time.Second) }) }, "linkability.times"},
		"an end to the minute":     {func(f []form) { f[1].until = f[1].until.Add(time.Minute) }, "linkability.times"},
		"another hour":             {func(f []form) { f[1].signed, f[1].until = f[1].signed.Add(time.Hour), f[1].until.Add(time.Hour) }, ""},
		"an end at another hour":   {func(f []form) { f[1].until = f[1].until.Add(time.Hour) }, "linkability.times"},
		"a start at another hour":  {func(f []form) { f[1].signed = f[1].signed.Add(time.Hour) }, "linkability.times"},
		"one update":               {func(f []form) { each(f, func(f *form) { f.update = f.until }) }, ""},
		"an update at another hour": {func(f []form) {
			each(f, func(f *form) { f.update = f.until })
			f[1].update = f[1].update.Add(-time.Hour)
		}, "linkability.times"},
		"a kid in the device key":   {func(f []form) { each(f, func(f *form) { f.keyExtra = true }) }, "linkability.members"},
		"one authorization":         {func(f []form) { each(f, func(f *form) { f.authorized = "ns1" }) }, ""},
		"another authorization":     {func(f []form) { each(f, func(f *form) { f.authorized = "ns1" }); f[1].authorized = "ns2" }, "linkability.key_authorizations"},
		"one decoy":                 {func(f []form) { each(f, decoy) }, "linkability.digests"},
		"a digest twice in a copy":  {func(f []form) { f[1].digest = func(uint64) []byte { return make([]byte, 32) } }, "linkability.digests"},
		"one copy in another order": {func(f []form) { swap(&f[1]) }, "linkability.item_order"},
		"all orders different":      {func(f []form) { swap(&f[1]); swap(&f[2]); slices.Reverse(f[2].elements); fix(&f[2]) }, ""},
		"one assignment of ids":     {func(f []form) { f[1].ids = f[0].ids }, "linkability.digest_ids"},
		"an id beyond":              {func(f []form) { f[1].ids[3] = 20 }, "linkability.digest_ids"},
		"digests out of order":      {func(f []form) { f[1].idOrder[0], f[1].idOrder[1] = 1, 0 }, "linkability.digest_order"},
		"salts shared":              {func(f []form) { f[1].salt = f[0].salt }, "linkability.salts"},
		"a salt twice in a copy":    {func(f []form) { f[1].salt = func(int) []byte { return bytes.Repeat([]byte{0xee}, 16) } }, "linkability.salts"},
		"one key":                   {func(f []form) { f[1].key = f[0].key }, "linkability.device_keys"},
		"one index":                 {func(f []form) { f[1].index = f[0].index }, "linkability.status"},
		"indexes in a row":          {func(f []form) { f[0].index, f[1].index, f[2].index = 70_000, 70_001, 70_002 }, "linkability.status"},
		"indexes close together":    {func(f []form) { f[0].index, f[1].index, f[2].index = 70_000, 70_009, 70_023 }, "linkability.status"},
		"indexes apart enough":      {func(f []form) { f[0].index, f[1].index, f[2].index = 70_000, 70_009, 70_024 }, ""},
		"indexes at one step":       {func(f []form) { f[0].index, f[1].index, f[2].index = 70_000, 90_000, 80_000 }, "linkability.status"},
		"another list":              {func(f []form) { f[1].uri = "https://issuer.example/lists/2" }, "linkability.status"},
		"no status in one":          {func(f []form) { each(f, func(f *form) { f.noStatus = true }) }, "linkability.status"},
		"ids of identifier lists":   {func(f []form) { identify(f, "abc") }, ""},
		"both lists":                {func(f []form) { identify(f, "abc"); each(f, func(f *form) { f.both = true }) }, ""},
		"one id in both lists":      {func(f []form) { identify(f, "aaa"); each(f, func(f *form) { f.both = true }) }, "linkability.status"},
		"another identifier list": {func(f []form) {
			identify(f, "abc")
			each(f, func(f *form) { f.both = true })
			f[1].identifiers = "https://issuer.example/ids/2"
		}, "linkability.status"},
		"one id": {func(f []form) { identify(f, "aac") }, "linkability.status"},
	} {
		t.Run(name, func(t *testing.T) {
			f := forms(t, 3)
			c.change(f)
			v := lint(t, linkability.Batch{Copies: encode(f)})
			var failed []string
			for _, check := range v.Failed() {
				failed = append(failed, check.ID)
			}
			want := []string{c.want}
			if c.want == "" {
				want = nil
			}
			if name == "another certificate" { // the header differs, and so does the length
				want = []string{"linkability.headers", "linkability.lengths"}
			}
			if !slices.Equal(failed, want) || len(v.Unknown()) > 0 || len(v.Checks) != 14 {
				t.Errorf("failed %v, expected %v: %s", failed, want, v)
			}
		})
	}
}

func each(f []form, change func(*form)) {
	for i := range f {
		change(&f[i])
	}
}

func header(labels ...int64) []byte {
	b := cbor.AppendMapHead(nil, len(labels))
	for _, l := range labels {
		b = cbor.AppendBytes(cbor.AppendInt(b, l), []byte("x"))
	}
	return b
}

// decoy adds a digest without an item, the same in every copy.
func decoy(f *form) {
	f.idOrder = append(f.idOrder, 8)
	drawn := f.digest
	f.digest = func(id uint64) []byte {
		if id == 8 {
			return bytes.Repeat([]byte{0xdd}, 32)
		}
		return drawn(id)
	}
}

// swap changes the places of two elements, with their values and ids.
func swap(f *form) {
	f.elements[0], f.elements[1] = f.elements[1], f.elements[0]
	fix(f)
}

func fix(f *form) {
	for i, e := range f.elements {
		f.values[i] = "value of " + e
	}
}

func identify(f []form, ids string) {
	for i := range f {
		f[i].identifier = []byte{ids[i]}
	}
}

// TestLengthsAndOthers has what takes documents of its own making: salts of two lengths, keys on two curves, a copy's key or
// status in another holder's document.
func TestLengthsAndOthers(t *testing.T) {
	failed := func(b linkability.Batch) []string {
		var out []string
		for _, c := range lint(t, b).Failed() {
			out = append(out, c.ID)
		}
		return out
	}
	f := forms(t, 4)
	if got := failed(linkability.Batch{Copies: encode(f[:2])}); got != nil {
		t.Errorf("two copies: %v", got)
	}
	f[1].salt = func(i int) []byte { return bytes.Repeat([]byte{byte(0x80 + i)}, 32) }
	if got := failed(linkability.Batch{Copies: encode(f[:3])}); !slices.Equal(got, []string{"linkability.salts", "linkability.lengths"}) {
		t.Errorf("a longer salt: %v", got)
	}
	f = forms(t, 4)
	f[3].key = f[0].key
	if got := failed(linkability.Batch{Copies: encode(f[:3]), Others: encode(f[3:])}); !slices.Equal(got, []string{"linkability.device_keys"}) {
		t.Errorf("a key of another holder: %v", got)
	}
	f = forms(t, 4)
	f[3].index = f[0].index
	if got := failed(linkability.Batch{Copies: encode(f[:3]), Others: encode(f[3:])}); !slices.Equal(got, []string{"linkability.status"}) {
		t.Errorf("the status of another holder: %v", got)
	}
	f = forms(t, 4)
	f[3].noStatus = true
	if got := failed(linkability.Batch{Copies: encode(f[:2]), Others: encode(f[2:])}); !slices.Equal(got, []string{"linkability.status"}) {
		t.Errorf("another holder without a status: %v", got)
	}
	f = forms(t, 4)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), crand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, err := cose.NewKey(p384.Public())
	if err != nil {
		t.Fatal(err)
	}
	f[1].key = &other
	if got := failed(linkability.Batch{Copies: encode(f[:3])}); !slices.Equal(got, []string{"linkability.lengths", "linkability.device_keys"}) {
		t.Errorf("a key on another curve: %v", got)
	}
	f = forms(t, 4)
	slices.Reverse(f[3].elements)
	fix(&f[3])
	if got := failed(linkability.Batch{Copies: encode(f[:3]), Others: encode(f[3:])}); !slices.Equal(got, []string{"linkability.item_order"}) {
		t.Errorf("an order that only the batch has: %v", got)
	}
}

// TestOthersKnow: what only the batch has is a link, though its copies agree.
func TestOthersKnow(t *testing.T) {
	for name, c := range map[string]struct {
		change func(copies, others []form)
		want   []string
	}{
		"a status list of the holder's own": {func(copies, _ []form) {
			each(copies, func(f *form) { f.uri = "https://issuer.example/lists/9" })
		}, []string{"linkability.status"}},
		"an identifier list of the holder's own": {func(copies, others []form) {
			identify(copies, "abc")
			identify(others, "d")
			each(copies, func(f *form) { f.both, f.identifiers = true, "https://issuer.example/ids/9" })
			each(others, func(f *form) { f.both = true })
		}, []string{"linkability.status"}},
		"identifier lists that others use": {func(copies, others []form) {
			identify(copies, "abc")
			identify(others, "d")
			each(copies, func(f *form) { f.both = true })
			each(others, func(f *form) { f.both = true })
		}, nil},
		"an id that another has": {func(copies, others []form) {
			identify(copies, "abc")
			identify(others, "b")
			each(copies, func(f *form) { f.both = true })
			each(others, func(f *form) { f.both = true })
		}, []string{"linkability.status"}},
		"authorizations nobody else has": {func(copies, _ []form) {
			each(copies, func(f *form) { f.authorized = "holder 4711" })
		}, []string{"linkability.key_authorizations"}},
		"authorizations that others have": {func(copies, others []form) {
			each(copies, func(f *form) { f.authorized = "ns1" })
			each(others, func(f *form) { f.authorized = "ns1" })
		}, nil},
		"a digest that another has": {func(copies, others []form) {
			others[0].digest = copies[0].digest
		}, []string{"linkability.digests"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := forms(t, 4)
			c.change(f[:3], f[3:])
			v := lint(t, linkability.Batch{Copies: encode(f[:3]), Others: encode(f[3:])})
			var got []string
			for _, check := range v.Failed() {
				got = append(got, check.ID)
			}
			if !slices.Equal(got, c.want) || len(v.Unknown()) > 0 {
				t.Errorf("failed %v, expected %v: %s", got, c.want, v)
			}
		})
	}
}

func TestLintRefuses(t *testing.T) {
	good := encode(forms(t, 2))
	for name, b := range map[string]linkability.Batch{
		"one copy":         {Copies: good[:1]},
		"none":             {},
		"too many others":  {Copies: good, Others: make([][]byte, linkability.MaxDocuments+1)},
		"too many":         {Copies: make([][]byte, linkability.MaxDocuments+1)},
		"a grid of a week": {Copies: good, Grid: 7 * 24 * time.Hour},
		"a negative grid":  {Copies: good, Grid: -time.Hour},
	} {
		if v, err := linkability.Lint(b); err == nil || v.OK() {
			t.Errorf("%s: accepted", name)
		}
	}
	empty := forms(t, 1)[0]
	empty.elements, empty.idOrder = nil, nil
	for name, raw := range map[string][]byte{
		"not CBOR": {0xff}, "cut": good[1][:200], "no items": empty.encode(), "no docType": bytes.Replace(good[1], []byte("docType"), []byte("docTypo"), 1),
		"issuerAuth a number": {0xa1, 0x6a, 'i', 's', 's', 'u', 'e', 'r', 'A', 'u', 't', 'h', 1},
	} {
		v := lint(t, linkability.Batch{Copies: [][]byte{good[0], raw}})
		if o, _ := v.Outcome("linkability.form"); o != verdict.Fail || len(v.Unknown()) != 13 {
			t.Errorf("%s: %s", name, v)
		}
	}
}

// TestTheSameDocumentTwice is linked by everything that is meant to differ.
func TestTheSameDocumentTwice(t *testing.T) {
	w := world.New(t)
	raw := w.Issue(t, w.Draft(t))
	if _, err := mdoc.ParseIssuerSigned(raw); err != nil {
		t.Fatal(err)
	}
	v := lint(t, linkability.Batch{Copies: [][]byte{raw, raw}})
	for _, id := range []string{"linkability.salts", "linkability.device_keys", "linkability.status"} {
		if o, _ := v.Outcome(id); o != verdict.Fail {
			t.Errorf("%s: %s", id, o)
		}
	}
}
