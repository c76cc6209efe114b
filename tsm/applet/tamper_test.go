package applet_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"mobileid/mdoc"
	"mobileid/mdoc/apdu"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/mdoctest/world"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm/applet"
	"mobileid/tsm/applet/stream"
	"mobileid/tsm/se"
	"mobileid/tsm/se/setest"
)

// tampering is an element with a credential, and an order under way whose credential is about to be delivered, in many wrong ways.
type tampering struct {
	*bench
	client  *applet.Client
	old     *job
	order   *job
	keys    *provisioning.Attestation
	good    []byte
	inside  *setest.Inside
	before  []byte
	refused int
}

func newTampering(t *testing.T) *tampering {
	t.Helper()
	first, w := newBench(t), &tampering{inside: &setest.Inside{Kind: applet.Kind()}}
	_, w.old, _ = provisioned(t, first, provisioning.PurposeSign)
	w.bench = first.fork(t)
	cfg := w.Config
	cfg.Applets = []se.Kind{w.inside}
	s, err := se.Open(w.Path, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	w.client = applet.NewClient(s, 1)
	w.order = newJob(t, w.bench, 1, provisioning.PurposeSign)
	if err := w.order.Attest(t.Context(), session(t, w.bench, s)); err != nil {
		t.Fatal(err)
	}
	signed, err := provisioning.ParseAttestation(w.order.Attestation)
	if err != nil {
		t.Fatal(err)
	}
	if w.keys, _, _, err = signed.Verify(w.Roots, w.Now); err != nil {
		t.Fatal(err)
	}
	w.draft.DeviceKey = w.keys.DeviceKey
	w.good = w.Issue(t, w.draft)
	w.before = w.Snapshot(t)
	return w
}

// deliver seals a credential to the order and gives it to the applet.
func (w *tampering) deliver(t *testing.T, credential []byte) apdu.SW {
	t.Helper()
	sealed, err := provisioning.Seal(w.keys.SealingKey, w.order.Order.ID, w.order.Order.SEID, 1, credential)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(sealed)
	data, err := stream.Deliver(w.order.Order.ID, sealed, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return w.inside.Store(data).SW
}

// refuses checks that a credential is refused as wrong data and nothing was written.
func (w *tampering) refuses(t *testing.T, name string, credential []byte) {
	t.Helper()
	sw := w.deliver(t, credential)
	if sw != apdu.WrongData {
		t.Errorf("%s: %v", name, sw)
	}
	if sw == apdu.OK || !bytes.Equal(w.Snapshot(t), w.before) {
		t.Fatalf("%s: %v, and something was written", name, sw)
	}
	w.refused++
}

// split gives what stands before the IssuerAuth, and the IssuerAuth.
func split(t *testing.T, credential []byte) ([]byte, *cose.Sign1) {
	t.Helper()
	issued, err := mdoc.ParseIssuerSigned(credential)
	if err != nil {
		t.Fatal(err)
	}
	auth, err := issued.Sign1()
	if err != nil {
		t.Fatal(err)
	}
	head, last := bytes.CutSuffix(credential, issued.IssuerAuth)
	if !last {
		t.Fatal("issuerAuth does not stand at the end")
	}
	return head, auth
}

// resigned is the good credential with another MSO under a true signature. edit gets the bytes of the MobileSecurityObject.
func (w *tampering) resigned(t *testing.T, key crypto.Signer, chain [][]byte, edit func(mso []byte) []byte) []byte {
	t.Helper()
	head, auth := split(t, w.good)
	mso, err := cbor.ParseEmbedded[cbor.RawMessage](auth.Payload())
	if err != nil {
		t.Fatal(err)
	}
	payload := cbor.AppendEmbedded(nil, edit(bytes.Clone(mso.Content())))
	forged, err := cose.NewSign1(key, cose.Headers{X5Chain: chain}, payload)
	if err != nil {
		t.Fatal(err)
	}
	return append(bytes.Clone(head), forged.Bytes()...)
}

func same(mso []byte) []byte { return mso }

// replaced edits an MSO by replacing bytes that must be there.
func replaced(t *testing.T, old, by []byte) func([]byte) []byte {
	t.Helper()
	return func(mso []byte) []byte {
		if bytes.Count(mso, old) != 1 {
			t.Fatalf("%X stands %d times in the MSO", old, bytes.Count(mso, old))
		}
		return bytes.Replace(mso, old, by, 1)
	}
}

// TestTamperedCredential delivers wrong credentials, sealed as they should be, for an order under way. Each is refused with 6A80 without a
// write, and after each kind the old credential is there and can be presented.
func TestTamperedCredential(t *testing.T) {
	t.Parallel()
	w := newTampering(t)
	for name, make := range map[string]func(t *testing.T) map[string][]byte{
		"bits": w.bits, "digests": w.digests, "drafts": w.drafts, "documents": w.documents, "chains": w.chains, "signatures": w.signatures,
	} {
		t.Run(name, func(t *testing.T) {
			before := w.refused
			for variant, credential := range make(t) {
				w.refuses(t, variant, credential)
			}
			untouched(t, w.client, w.old)
			w.before = w.Snapshot(t) // the presentation was counted
			t.Logf("%s: %d variants refused, the old credential presented", name, w.refused-before)
		})
	}
	if w.refused < 1000 {
		t.Errorf("only %d variants", w.refused)
	}
	// The unchanged one is accepted all the same, so each was refused for what was wrong with it.
	if sw := w.deliver(t, w.resigned(t, w.SignerKey, w.SignerChain, same)); sw != apdu.OK {
		t.Errorf("the right credential: %v", sw)
	}
	t.Logf("commit: %d variants of a credential refused with 6A80, nothing written", w.refused)
}

// bits flips a bit in every byte of the whole.
func (w *tampering) bits(*testing.T) map[string][]byte {
	out := map[string][]byte{}
	for i := range w.good {
		changed := bytes.Clone(w.good)
		changed[i] ^= 1 << (i % 8)
		out[fmt.Sprintf("bit %d of byte %d", i%8, i)] = changed
	}
	return out
}

// digests changes every digest of the MSO and signs it anew.
func (w *tampering) digests(t *testing.T) map[string][]byte {
	t.Helper()
	issued, err := mdoc.ParseIssuerSigned(w.good)
	if err != nil {
		t.Fatal(err)
	}
	mso, err := issued.MSO()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for _, space := range mso.ValueDigests {
		for _, d := range space.Value {
			other := sha256.Sum256(d.Value)
			out[fmt.Sprintf("digest %d of %s", d.Key, space.Key)] = w.resigned(t, w.SignerKey, w.SignerChain, replaced(t, d.Value, other[:]))
		}
	}
	if len(out) != len(w.draft.Elements) {
		t.Fatalf("%d digests of %d elements", len(out), len(w.draft.Elements))
	}
	return out
}

// drafts are credentials the issuer signed, but not for this order or not for now.
func (w *tampering) drafts(t *testing.T) map[string][]byte {
	t.Helper()
	oldKey := func() cose.Key {
		issued, err := mdoc.ParseIssuerSigned(w.old.Content)
		if err != nil {
			t.Fatal(err)
		}
		mso, err := issued.MSO()
		if err != nil {
			t.Fatal(err)
		}
		return mso.DeviceKeyInfo.DeviceKey
	}
	out := map[string][]byte{"the old credential": w.old.Content}
	for name, change := range map[string]func(*mdoc.Draft){
		"for another device key":  func(d *mdoc.Draft) { d.DeviceKey = newBench(t).draft.DeviceKey },
		"for the live device key": func(d *mdoc.Draft) { d.DeviceKey = oldKey() },
		"for the sealing key":     func(d *mdoc.Draft) { d.DeviceKey = w.keys.SealingKey },
		"expired": func(d *mdoc.Draft) {
			d.Signed, d.ValidFrom, d.ValidUntil = w.Now.AddDate(0, 0, -9), w.Now.AddDate(0, 0, -9), w.Now.Add(-time.Second)
		},
		"not valid yet":          func(d *mdoc.Draft) { d.ValidFrom = w.Now.Add(time.Minute) },
		"signed in the future":   func(d *mdoc.Draft) { d.Signed, d.ValidFrom = w.Now.Add(time.Minute), w.Now.Add(time.Minute) },
		"beyond its certificate": func(d *mdoc.Draft) { d.ValidUntil = w.Now.AddDate(2, 0, 0) },
		"before its certificate": func(d *mdoc.Draft) { d.Signed, d.ValidFrom = w.Now.AddDate(0, -2, 0), w.Now.AddDate(0, -2, 0) },
	} {
		draft := w.draft
		change(&draft)
		out[name] = w.Issue(t, draft)
	}
	return out
}

// documents are MSOs under a true signature that say what no reader takes.
func (w *tampering) documents(t *testing.T) map[string][]byte {
	t.Helper()
	text := func(s string) []byte { return cbor.AppendText(nil, s) }
	head, _ := split(t, w.good)
	out := map[string][]byte{
		"nothing":         {0xA0},
		"no IssuerAuth":   append(bytes.Clone(head[:len(head)-len("issuerAuth")-1]), text("other")...),
		"a member more":   append(append([]byte{0xA3}, w.good[1:]...), 0x61, 'x', 0x00),
		"no items":        append([]byte{0xA1}, w.good[bytes.LastIndex(w.good, text("issuerAuth")):]...),
		"an item less":    withoutAnItem(t, w.good),
		"a byte more":     append(bytes.Clone(w.good), 0),
		"a byte less":     w.good[:len(w.good)-1],
		"another version": w.resigned(t, w.SignerKey, w.SignerChain, replaced(t, append(text("version"), text("1.0")...), append(text("version"), text("2.0")...))),
		"SHA-1":           w.resigned(t, w.SignerKey, w.SignerChain, replaced(t, text("SHA-256"), text("SHA-1"))),
		"SHA-512":         w.resigned(t, w.SignerKey, w.SignerChain, replaced(t, text("SHA-256"), text("SHA-512"))),
		"no document type": w.resigned(t, w.SignerKey, w.SignerChain,
			replaced(t, append(text("docType"), text(world.DocType)...), append(text("docType"), text("")...))),
		"document type missing": w.resigned(t, w.SignerKey, w.SignerChain, replaced(t, text("docType"), text("docTypf"))),
		"device key missing":    w.resigned(t, w.SignerKey, w.SignerChain, replaced(t, text("deviceKey"), text("deviceKez"))),
		"device key off its curve": w.resigned(t, w.SignerKey, w.SignerChain, func(mso []byte) []byte {
			key := w.keys.DeviceKey.Bytes()
			at := bytes.Index(mso, key) + len(key) - 1
			mso[at] ^= 1
			return mso
		}),
		"digests of another name space": w.resigned(t, w.SignerKey, w.SignerChain, func(mso []byte) []byte {
			at := bytes.Index(mso, text(world.NameJP))
			mso[at+1] ^= 1
			return mso
		}),
	}
	return out
}

// withoutAnItem leaves one element out, as a holder does for a verifier.
func withoutAnItem(t *testing.T, credential []byte) []byte {
	t.Helper()
	issued, err := mdoc.ParseIssuerSigned(credential)
	if err != nil {
		t.Fatal(err)
	}
	issued.NameSpaces[0].Value = issued.NameSpaces[0].Value[1:]
	out, err := cbor.Marshal(issued)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// chains are true signatures under certificates that must not count.
func (w *tampering) chains(t *testing.T) map[string][]byte {
	t.Helper()
	stranger := world.New(t)
	from := w.Now.AddDate(0, -1, 0)
	made := func(profile pki.Profile, change func(*pki.Template), issuer *world.World) [][]byte {
		template := pki.Template{Profile: profile, Country: "JP", CommonName: "TEST other signer", NotBefore: from,
			NotAfter: from.AddDate(0, 0, 450), IssuerAltURI: "https://issuer.example", CRLURI: "https://issuer.example/crl"}
		change(&template)
		return [][]byte{issuer.Certificate(t, template, w.SignerKey.Public(), issuer.IACA, issuer.IACAKey).Raw}
	}
	asMade := func(*pki.Template) {}
	leaf := w.SignerChain[0]
	broken := bytes.Clone(leaf)
	broken[len(broken)-1] ^= 1
	out := map[string][]byte{}
	for name, c := range map[string]struct {
		key   *ecdsa.PrivateKey
		chain [][]byte
	}{
		"of a stranger":            {stranger.SignerKey, stranger.SignerChain},
		"stranger's, our key":      {w.SignerKey, made(pki.DocumentSigner, asMade, stranger)},
		"the root signs itself":    {w.IACAKey, [][]byte{w.IACA.Raw}},
		"the root beside it":       {w.SignerKey, [][]byte{leaf, w.IACA.Raw}},
		"twice":                    {w.SignerKey, [][]byte{leaf, leaf}},
		"root first":               {w.SignerKey, [][]byte{w.IACA.Raw, leaf}},
		"a reader's certificate":   {w.ReaderKey, w.ReaderChain},
		"its signature broken":     {w.SignerKey, [][]byte{broken}},
		"of another profile":       {w.SignerKey, made(pki.StatusSigner, asMade, w.World)},
		"expired":                  {w.SignerKey, made(pki.DocumentSigner, func(c *pki.Template) { c.NotAfter = w.Now.Add(-time.Hour) }, w.World)},
		"not valid yet":            {w.SignerKey, made(pki.DocumentSigner, func(c *pki.Template) { c.NotBefore = w.Now.Add(time.Hour) }, w.World)},
		"ends before the document": {w.SignerKey, made(pki.DocumentSigner, func(c *pki.Template) { c.NotAfter = w.Now.AddDate(0, 0, 5) }, w.World)},
		"no certificate at all":    {w.SignerKey, nil},
	} {
		out[name] = w.resigned(t, c.key, c.chain, same)
	}
	return out
}

// signatures are wrong in the last member alone.
func (w *tampering) signatures(t *testing.T) map[string][]byte {
	t.Helper()
	_, auth := split(t, w.good)
	with := func(signature []byte) []byte {
		body, last := bytes.CutSuffix(w.good, auth.Signature())
		if !last || len(signature) != 64 {
			t.Fatal("the signature does not stand at the end")
		}
		return append(bytes.Clone(body), signature...)
	}
	_, foreign := split(t, w.Issue(t, w.draft))
	return map[string][]byte{
		"zero":                with(make([]byte, 64)),
		"r alone":             with(append(bytes.Clone(auth.Signature()[:32]), make([]byte, 32)...)),
		"s alone":             with(append(make([]byte, 32), auth.Signature()[32:]...)),
		"halves swapped":      with(append(bytes.Clone(auth.Signature()[32:]), auth.Signature()[:32]...)),
		"of another document": with(foreign.Signature()),
		"of the old document": with(func() []byte { _, a := split(t, w.old.Content); return a.Signature() }()),
		"by the reader's key": w.resigned(t, w.ReaderKey, w.SignerChain, same),
		"all bits set":        with(bytes.Repeat([]byte{0xFF}, 64)),
		"ones":                with(bytes.Repeat([]byte{0x01}, 64)),
	}
}
