package applet_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"
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

// secretsOf reads the private keys and the PIN out of the state file, which the test may do and no command can. The element is off.
func secretsOf(tb testing.TB, b *bench) []secret {
	tb.Helper()
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

// listens adds what the state file holds, and the secrets the element was made with.
func listens(tb testing.TB, e *setest.Ear, b *bench) []secret {
	tb.Helper()
	stored := secretsOf(tb, b)
	for _, x := range stored {
		e.Listen(x.name, x.value)
	}
	e.Listen("digits of the PIN", []byte(testPIN))
	e.ListenToFactory(tb, b.Factory)
	return stored
}

// renewing is an element, switched off, whose slot holds every kind of secret: a live key, and the keys of a renewal under way.
func renewing(t *testing.T) (*bench, *job, *job) {
	t.Helper()
	b := newBench(t)
	s, j, _ := provisioned(t, b, provisioning.PurposeSign)
	renewal := newJob(t, b, 1, provisioning.PurposeMAC)
	if err := errors.Join(renewal.Attest(t.Context(), session(t, b, s)), s.Close()); err != nil {
		t.Fatal(err)
	}
	return b, j, renewal
}

// spied opens a copy of the element under an ear.
func (b *bench) spied(t *testing.T) (*bench, *se.SE, *setest.Ear) {
	t.Helper()
	c, e := b.fork(t), &setest.Ear{}
	if stored := listens(t, e, c); len(stored) != 4 {
		t.Fatalf("found %d secrets, expected three private keys and the PIN", len(stored))
	}
	return c, c.On(t), e
}

// send sends in a session, and gives the decrypted answer to the ear.
func send(tb testing.TB, e *setest.Ear, h *setest.Host, c apdu.Command) {
	tb.Helper()
	r, err := h.Send(tb.Context(), c)
	if err != nil {
		tb.Fatal(err)
	}
	e.Hear(r.Data)
}

// TestSecretsStay sends every instruction with every P1 and P2 of the commands that give something out, with the PIN verified and
// without, plain and in sessions, while live, pending and sealing key are there: no answer holds a secret.
func TestSecretsStay(t *testing.T) {
	t.Parallel()
	b, j, _ := renewing(t)
	c, element, e := b.spied(t)
	ctx, tap := t.Context(), e.Tap(element)
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
			send(t, e, h, x)
		}
	}
	if hit := e.Hit(); hit != "" {
		t.Errorf("%s was in an answer", hit)
	}
	t.Logf("secrets: %d answers of %d bytes searched for %d forms of 9 secrets, 0 hits; no command but PSO 9E9A used the key", e.Answers, e.Bytes(), e.Forms())
	e.Proves(t)
	listenedFor(t, b, j)
}

// listenedFor checks that what is listened for is the key the document is bound to.
func listenedFor(t *testing.T, b *bench, j *job) {
	t.Helper()
	issued, err := mdoc.ParseIssuerSigned(j.Content)
	if err != nil {
		t.Fatal(err)
	}
	mso, err := issued.MSO()
	if err != nil {
		t.Fatal(err)
	}
	stored := secretsOf(t, b)
	at := slices.IndexFunc(stored, func(x secret) bool { return x.name == "live.key" })
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), stored[at].value)
	if err != nil {
		t.Fatal(err)
	}
	public, err := mso.DeviceKeyInfo.DeviceKey.Public()
	if err != nil || !key.PublicKey.Equal(public) {
		t.Errorf("the key that was listened for is not the one of the document: %v", err)
	}
}

// TestSecretsStayInSequences sends random sequences of commands that go through all states of an instance, made to succeed or a little wrong: no answer
// holds a secret, no signature repeats its nonce, and only a live key that was agreed to signs.
func TestSecretsStayInSequences(t *testing.T) {
	t.Parallel()
	b, _, renewal := renewing(t)
	answers, commands := 0, 0
	nonces := map[string]bool{}
	rapid.Check(t, func(rt *rapid.T) {
		c, element, e := b.spied(t)
		w := &sequences{Talk: setest.Talk{Way: e.Tap(element), Ear: e, Order: renewal.Order}, bench: c, element: element, nonces: nonces}
		for range rapid.IntRange(20, 80).Draw(rt, "commands") {
			w.step(rt)
			commands++
		}
		if err := element.Close(); err != nil {
			rt.Fatal(err)
		}
		answers += e.Answers
		listens(t, e, c) // keys may have been born on the way
		if hit := e.Hit(); hit != "" {
			rt.Fatalf("%s was in an answer", hit)
		}
	})
	t.Logf("secrets: %d commands in random sequences, %d answers searched, %d signatures, 0 hits", commands, answers, len(nonces))
}

// sequences is one element under random commands.
type sequences struct {
	setest.Talk
	*bench
	element *se.SE
	agreed  bool // PIN verified and not used since
	nonces  map[string]bool
}

// step draws a command and sends it, on the phone's side or on the TSM's.
func (w *sequences) step(rt *rapid.T) {
	switch rapid.IntRange(0, 11).Draw(rt, "what") {
	case 0:
		w.agreed, w.Host = false, nil
		w.Plain(rt, gp.Select(gp.AID(stream.InstanceAID(1))))
	case 1:
		pin := rapid.SampledFrom([]string{testPIN, testPIN, testPIN, "0000", ""}).Draw(rt, "pin")
		sw := w.Plain(rt, apdu.Command{INS: 0x20, P2: 0x80, Data: []byte(pin)}).SW
		w.agreed = pin == testPIN && sw == apdu.OK || pin == "" && w.agreed
	case 2:
		w.Plain(rt, apdu.Command{INS: 0xB1, Data: append([]byte{0x54, 3, 0}, rapid.SliceOfN(rapid.Byte(), 2, 2).Draw(rt, "offset")...), Le: 256})
	case 3:
		if rapid.Bool().Draw(rt, "agree first") {
			w.Host = nil
			w.Plain(rt, gp.Select(gp.AID(stream.InstanceAID(1))))
			w.agreed = w.Plain(rt, apdu.Command{INS: 0x20, P2: 0x80, Data: []byte(testPIN)}).SW == apdu.OK
		}
		for range rapid.IntRange(1, 3).Draw(rt, "times") {
			w.sign(rt)
		}
	case 4:
		w.Noise(rt)
	case 5:
		w.element.Reset()
		w.agreed, w.Host = false, nil
	case 6, 7:
		w.agreed = false
		w.Session(rt, w.Element, stream.InstanceAID(1), rapid.Bool().Draw(rt, "install"))
	default:
		w.Block(rt)
	}
}

// sign asks for a signature; one comes only when the holder agreed, with a nonce of its own.
func (w *sequences) sign(rt *rapid.T) {
	tr, _, err := someTranscript()
	if err != nil {
		rt.Fatal(err)
	}
	r := w.Plain(rt, apdu.Command{INS: 0x2A, P1: 0x9E, P2: 0x9A, Le: 256, Extended: true,
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
