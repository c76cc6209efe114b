package applet_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/hex"
	"math/big"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"mobileid/mdoc"
	"mobileid/mdoc/apdu"
	"mobileid/mdoc/mdoctest/world"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm/applet"
	"mobileid/tsm/applet/stream"
	"mobileid/tsm/gp"
	"mobileid/tsm/se"
	"mobileid/tsm/se/setest"
)

type secret struct {
	name  string
	value []byte
}

// secretsOf reads the private keys and the PIN out of the state file, which the test may do and no command can. The element is closed.
func secretsOf(tb testing.TB, b *bench, s interface{ Close() error }) []secret {
	tb.Helper()
	if err := s.Close(); err != nil {
		tb.Fatal(err)
	}
	var out []secret
	for name, value := range b.Objects(tb) {
		size, kept := map[string]int{"live.key": 32, "pending.key": 32, "pending.sealing": 32, "pin": 13}[name]
		if !kept {
			continue
		}
		if len(value) != size {
			tb.Fatalf("%s has %d bytes", name, len(value))
		}
		out = append(out, secret{name, []byte(value)})
	}
	return out
}

// ear hears every answer of an element, on the wire and out of sessions, and knows what must not be in them.
type ear struct {
	secrets []secret
	answers int
	heard   bytes.Buffer
}

// listens adds the secrets in a state file. Each is looked for as bytes, backwards, in hex and in base64.
func (e *ear) listens(secrets ...secret) {
	for _, x := range secrets {
		backwards := bytes.Clone(x.value)
		slices.Reverse(backwards)
		e.secrets = append(e.secrets, x, secret{x.name + " backwards", backwards}, secret{x.name + " in hex", []byte(hex.EncodeToString(x.value))},
			secret{x.name + " in base64", []byte(base64.RawStdEncoding.EncodeToString(x.value))})
	}
}

// factory are the secrets an element is made with.
func factory(tb testing.TB, b *bench) []secret {
	tb.Helper()
	attestation, err := b.Factory.AttestationKey.Bytes()
	if err != nil {
		tb.Fatal(err)
	}
	return []secret{{"attestation key", attestation}, {"Key-ENC", b.Factory.Keys.ENC}, {"Key-MAC", b.Factory.Keys.MAC},
		{"Key-DEK", b.Factory.Keys.DEK}, {"digits of the PIN", []byte(testPIN)}}
}

func (e *ear) hears(answer []byte) {
	e.answers++
	e.heard.WriteByte(0) // no secret is made of two answers
	e.heard.Write(answer)
}

// hit names a secret that was heard.
func (e *ear) hit() string {
	for _, x := range e.secrets {
		if bytes.Contains(e.heard.Bytes(), x.value) {
			return x.name
		}
	}
	return ""
}

// renewing is an element whose slot holds every kind of secret: a live key, and the keys of a renewal under way.
func renewing(t *testing.T) (*bench, *job, *job) {
	t.Helper()
	b := newBench(t)
	s, j, _ := provisioned(t, b, provisioning.PurposeSign)
	renewal := newJob(t, b, 1, provisioning.PurposeMAC)
	if err := renewal.Attest(t.Context(), session(t, b, s)); err != nil {
		t.Fatal(err)
	}
	return b, j, renewal
}

// spied opens a copy of the element under an ear.
func (b *bench) spied(t *testing.T) (*bench, apdu.Transmitter, *se.SE, *ear) {
	t.Helper()
	c := b.fork(t)
	first, err := se.Open(c.Path, c.Config)
	if err != nil {
		t.Fatal(err)
	}
	stored := secretsOf(t, c, first)
	if len(stored) != 4 {
		t.Fatalf("found %d secrets, expected three private keys and the PIN", len(stored))
	}
	e := &ear{}
	e.listens(append(stored, factory(t, c)...)...)
	s := c.On(t)
	return c, apdu.Tap{Transmitter: s, Seen: func(_, response []byte, _ error) { e.hears(response) }}, s, e
}

// send sends in a session, and gives the decrypted answer to the ear.
func (e *ear) send(tb testing.TB, h *setest.Host, c apdu.Command) apdu.Response {
	tb.Helper()
	r, err := h.Send(tb.Context(), c)
	if err != nil {
		tb.Fatal(err)
	}
	e.hears(r.Data)
	return r
}

// TestSecretsStay sends every instruction with every P1 and P2 of the commands that give something out, with the PIN verified and
// without, plain and in sessions, while live, pending and sealing key are there: no answer holds a secret.
func TestSecretsStay(t *testing.T) {
	b, j, _ := renewing(t)
	c, tap, _, e := b.spied(t)
	ctx := t.Context()
	verify := func() {
		t.Helper()
		if err := applet.NewClient(tap, 1).VerifyPIN(ctx, testPIN); err != nil {
			t.Fatal(err)
		}
	}
	plain := func(cmd apdu.Command) apdu.SW {
		t.Helper()
		r, err := apdu.Exchange(ctx, tap, cmd)
		if err != nil {
			t.Fatal(err)
		}
		return r.SW
	}
	tr, reader, err := someTranscript()
	if err != nil {
		t.Fatal(err)
	}
	payload := mdoc.DeviceAuthenticationBytes(tr, world.DocType, noNameSpaces())
	signature := sigStructure("Signature1", []byte{0xA1, 0x01, 0x26}, nil, payload)
	mac := apdu.AppendTLV(apdu.AppendTLV(apdu.AppendTLV(nil, 0x86, reader.PublicKey().Bytes()), 0x87, tr.Salt()), 0x80,
		sigStructure("MAC0", []byte{0xA1, 0x01, 0x05}, nil, payload))
	offset := []byte{0x54, 3, 0, 0, 0}
	verify()
	for p := range 0x10000 { // GET DATA in both instructions and READ in both, all P1 and P2
		for _, ins := range []byte{0xCA, 0xCB, 0xB0, 0xB1} {
			plain(apdu.Command{INS: ins, P1: byte(p >> 8), P2: byte(p), Data: offset, Le: 256})
		}
	}
	for p := range 0x10000 { // PSO in all forms: sign, MAC, decipher, encipher, hash, verify
		data := [][]byte{signature, mac, signature[:32], nil}[p%4]
		if sw := plain(apdu.Command{INS: 0x2A, P1: byte(p >> 8), P2: byte(p), Data: data, Le: 256, Extended: true}); sw == apdu.OK && p != 0x9E9A {
			t.Errorf("PSO %04X: %v", p, sw)
		}
	}
	for cla := range 4 {
		for ins := range 256 {
			if ins == 0xA4 || ins == 0x70 {
				continue
			}
			verify()
			for _, x := range []apdu.Command{{P1: 0xDF, P2: 0x30}, {P1: 0x9E, P2: 0x9A, Data: signature}, {P1: 0x8E, P2: 0x80, Data: mac}, {P2: 0x80}, {Data: offset}} {
				x.CLA, x.INS, x.Le, x.Extended = []byte{0x00, 0x80, 0x04, 0x84}[cla], byte(ins), 256, true
				if x.INS == 0x20 || x.INS == 0x24 {
					x.Data = nil // no guesses: they would block
				}
				plain(x)
			}
		}
	}
	for p := range 256 {
		for _, x := range []apdu.Command{
			{INS: 0xCA, P1: byte(p), P2: 0x00}, {INS: 0xCA, P2: byte(p)}, {INS: 0xCB, P1: 0x3F, P2: byte(p)}, {INS: 0xCA, P1: 0xDF, P2: byte(p)},
			{INS: byte(p), P1: 0x10, P2: 0x02, Data: []byte{0x4F, 0}},
			{INS: 0xE2, P1: 0x91, Data: []byte{0xDF, byte(p), 0}},
			{INS: 0xE2, P1: byte(p), Data: stream.Page(uint16(p))},
		} {
			x.CLA, x.Le = 0x80, 256
			h := session(t, c, tap)
			e.send(t, h, x)
		}
	}
	if hit := e.hit(); hit != "" {
		t.Errorf("%s was in an answer", hit)
	}
	t.Logf("secrets: %d answers of %d bytes searched for %d forms of 9 secrets, 0 hits; no command but PSO 9E9A used the key", e.answers, e.heard.Len(), len(e.secrets))
	e.proves(t, j)
}

// proves checks that the ear would have heard: it knows the keys, because the public key of each is where it belongs.
func (e *ear) proves(t *testing.T, j *job) {
	t.Helper()
	issued, err := mdoc.ParseIssuerSigned(j.Content)
	if err != nil {
		t.Fatal(err)
	}
	mso, err := issued.MSO()
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(e.secrets, func(x secret) bool { return x.name == "live.key" })
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), e.secrets[at].value)
	if err != nil {
		t.Fatal(err)
	}
	public, err := mso.DeviceKeyInfo.DeviceKey.Public()
	if err != nil || !key.PublicKey.Equal(public) {
		t.Errorf("the key that was listened for is not the one of the document: %v", err)
	}
	if e.hears(append([]byte{1}, e.secrets[at].value...)); e.hit() != "live.key" {
		t.Error("the ear is deaf")
	}
}

// TestSecretsStayInSequences sends random sequences of commands that go through all states of an instance, made to succeed or a little wrong: no answer
// holds a secret, no signature repeats its nonce, and only a live key that was agreed to signs.
func TestSecretsStayInSequences(t *testing.T) {
	b, _, renewal := renewing(t)
	answers, commands := 0, 0
	nonces := map[string]bool{}
	rapid.Check(t, func(rt *rapid.T) {
		c, tap, s, e := b.spied(t)
		w := &sequences{bench: c, tap: tap, element: s, ear: e, order: renewal, nonces: nonces}
		for range rapid.IntRange(20, 80).Draw(rt, "commands") {
			w.step(rt, t)
			commands++
		}
		answers += e.answers
		e.listens(secretsOf(t, c, s)...) // keys may have been born on the way
		if hit := e.hit(); hit != "" {
			rt.Fatalf("%s was in an answer", hit)
		}
	})
	t.Logf("secrets: %d commands in random sequences, %d answers searched, %d signatures, 0 hits", commands, answers, len(nonces))
}

// sequences is one element under random commands.
type sequences struct {
	*bench
	tap     apdu.Transmitter
	element *se.SE
	ear     *ear
	order   *job
	host    *setest.Host
	agreed  bool // PIN verified and not used since
	nonces  map[string]bool
}

func (w *sequences) plain(rt *rapid.T, c apdu.Command) apdu.Response {
	r, err := apdu.Exchange(context.Background(), w.tap, c)
	if err != nil {
		rt.Fatal(err)
	}
	return r
}

// step draws a command and sends it, on the phone's side or on the TSM's.
func (w *sequences) step(rt *rapid.T, t *testing.T) {
	t.Helper()
	any32 := rapid.SliceOfN(rapid.Byte(), 0, 40)
	switch rapid.IntRange(0, 11).Draw(rt, "what") {
	case 0:
		w.agreed, w.host = false, nil
		w.plain(rt, gp.Select(gp.AID(stream.InstanceAID(1))))
	case 1:
		pin := rapid.SampledFrom([]string{testPIN, testPIN, testPIN, "0000", ""}).Draw(rt, "pin")
		sw := w.plain(rt, apdu.Command{INS: 0x20, P2: 0x80, Data: []byte(pin)}).SW
		w.agreed = pin == testPIN && sw == apdu.OK || pin == "" && w.agreed
	case 2:
		w.plain(rt, apdu.Command{INS: 0xB1, Data: append([]byte{0x54, 3, 0}, rapid.SliceOfN(rapid.Byte(), 2, 2).Draw(rt, "offset")...), Le: 256})
	case 3:
		if rapid.Bool().Draw(rt, "agree first") {
			w.host = nil
			w.plain(rt, gp.Select(gp.AID(stream.InstanceAID(1))))
			w.agreed = w.plain(rt, apdu.Command{INS: 0x20, P2: 0x80, Data: []byte(testPIN)}).SW == apdu.OK
		}
		for range rapid.IntRange(1, 3).Draw(rt, "times") {
			w.sign(rt)
		}
	case 4:
		w.plain(rt, apdu.Command{CLA: rapid.Byte().Draw(rt, "cla") & 0x84, INS: rapid.ByteRange(0, 0xFE).Draw(rt, "ins"), P1: rapid.Byte().Draw(rt, "p1"),
			P2: rapid.Byte().Draw(rt, "p2"), Data: any32.Draw(rt, "data"), Le: 256})
		w.host = nil // it may have spoilt the session
	case 5:
		w.element.Reset()
		w.agreed, w.host = false, nil
	case 6, 7:
		w.session(rt, t)
	default:
		w.personalize(rt, t, any32)
	}
}

// sign asks for a signature; one comes only when the holder agreed, with a nonce of its own.
func (w *sequences) sign(rt *rapid.T) {
	tr, _, err := someTranscript()
	if err != nil {
		rt.Fatal(err)
	}
	r := w.plain(rt, apdu.Command{INS: 0x2A, P1: 0x9E, P2: 0x9A, Le: 256, Extended: true,
		Data: sigStructure("Signature1", []byte{0xA1, 0x01, 0x26}, nil, mdoc.DeviceAuthenticationBytes(tr, world.DocType, noNameSpaces()))})
	if r.SW != apdu.OK || len(r.Data) != 64 {
		return
	}
	nonce := new(big.Int).SetBytes(r.Data[:32]).Text(16)
	if !w.agreed || w.nonces[nonce] {
		rt.Fatalf("a signature without consent (%v), or with the nonce of another", !w.agreed)
	}
	w.agreed, w.nonces[nonce] = false, true
}

func (w *sequences) session(rt *rapid.T, t *testing.T) {
	t.Helper()
	h, err := setest.Open(context.Background(), w.tap, w.Factory.Keys)
	w.agreed = false
	if err == nil && rapid.Bool().Draw(rt, "install") {
		err = h.Install(context.Background(), applet.Kind(), stream.InstanceAID(1))
	}
	if err == nil {
		err = h.Personalize(context.Background(), stream.InstanceAID(1))
	}
	if w.host = h; err != nil && setest.StatusWord(err) == 0 {
		rt.Fatal(err)
	}
}

// personalize sends a block through the session, if there is one.
func (w *sequences) personalize(rt *rapid.T, t *testing.T, noise *rapid.Generator[[]byte]) {
	t.Helper()
	if w.host == nil {
		return
	}
	o := w.order.Order
	objects := []interface{ Object() ([]byte, error) }{
		stream.Generate{OrderID: o.ID, Slot: 1, Purpose: uint64(o.Purpose), Challenge: o.Challenge},
		stream.Generate{OrderID: bytes.Repeat([]byte{9}, 16), Slot: 1, Purpose: 1, Challenge: o.Challenge},
		stream.Begin{OrderID: o.ID, Length: 100, SHA256: o.Challenge}, stream.Commit{OrderID: o.ID, SHA256: o.Challenge},
	}
	data, err := rapid.SampledFrom(objects).Draw(rt, "object").Object()
	if err != nil {
		rt.Fatal(err)
	}
	if rapid.IntRange(0, 2).Draw(rt, "kind") == 0 {
		data = append(stream.Page(rapid.Uint16().Draw(rt, "page")), noise.Draw(rt, "noise")...)
	}
	p1 := rapid.SampledFrom([]byte{0x91, 0x91, 0x91, 0x11, 0x80, 0xF1}).Draw(rt, "p1")
	r, err := w.host.Send(context.Background(), apdu.Command{CLA: 0x80, INS: 0xE2, P1: p1, P2: rapid.ByteRange(0, 1).Draw(rt, "p2"), Data: data, Le: 256})
	if err != nil {
		w.host = nil // the session was ended by something on the phone's side
		return
	}
	w.ear.hears(r.Data)
}
