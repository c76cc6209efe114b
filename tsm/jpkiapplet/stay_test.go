package jpkiapplet_test

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/jpkiap"
	"mobileid/tsm/applet/stream"
	"mobileid/tsm/gp"
	"mobileid/tsm/jpkiapplet"
	"mobileid/tsm/se"
	"mobileid/tsm/se/setest"
)

// listensToRSA listens to the first 16 bytes of every part of a private key.
func listensToRSA(e *setest.Ear, name string, k *rsa.PrivateKey) {
	for part, n := range map[string][]byte{"d": k.D.Bytes(), "p": k.Primes[0].Bytes(), "q": k.Primes[1].Bytes(),
		"dP": k.Precomputed.Dp.Bytes(), "dQ": k.Precomputed.Dq.Bytes(), "qInv": k.Precomputed.Qinv.Bytes()} {
		e.Listen(name+" "+part, n[:16])
	}
}

// listensTo listens to what is in the memory of an instance, and to the secrets the element was made with.
func listensTo(tb testing.TB, e *setest.Ear, b *bench, objects map[string]string) {
	tb.Helper()
	for name, value := range objects {
		switch name {
		case "live.authentication", "live.signature", "pending.authentication", "pending.signature":
			k, err := x509.ParsePKCS1PrivateKey([]byte(value))
			if err != nil {
				tb.Fatal(err)
			}
			listensToRSA(e, name, k)
		case "pending.sealing":
			e.Listen(name, []byte(value))
		case "pin", "password": // the length and the digits
			e.Listen(name, []byte(value[:1+value[0]]))
		}
	}
	e.Listen("digits of the password", []byte(testPassword))
	e.ListenToFactory(tb, b.Factory)
}

// renewing is the state file of an application that holds every kind of secret: live keys, both secrets, and the keys of a renewal under way.
func renewing(tb testing.TB, b *bench) (start []byte, live, renewal *job) {
	tb.Helper()
	live, renewal = newJob(tb, b), newJob(tb, b)
	if _, err := b.Powered(nil, func(s *se.SE) error {
		if err := live.run(tb.Context(), b, s); err != nil {
			return err
		}
		if err := chooseBoth(tb.Context(), b, s); err != nil {
			return err
		}
		h, err := b.session(tb.Context(), s)
		if err != nil {
			return err
		}
		return renewal.Attest(tb.Context(), h)
	}); err != nil {
		tb.Fatal(err)
	}
	return b.Snapshot(tb), live, renewal
}

// tapped opens the element, without syncing its file, under an ear.
func (b *bench) tapped(tb testing.TB, e *setest.Ear) (*se.SE, apdu.Transmitter) {
	tb.Helper()
	cfg := b.Config
	cfg.Tear = func(int) bool { return false }
	s, err := se.Open(b.Path, cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return s, e.Tap(s)
}

// The keys are born inside by crypto/rsa. With both secrets verified, every instruction is sent to every file, plain, and what personalization
// takes in sessions, while a renewal is under way: no answer holds a part of a private key or a secret.
func TestKeysStayInside(t *testing.T) {
	b := newBench(t)
	born := []*rsa.PrivateKey{}
	kind := jpkiapplet.Kind(jpkiapplet.Options{})
	s, err := se.Open(b.Path, se.Config{Applets: []se.Kind{kind}, Now: func() time.Time { return b.now }, Tear: func(int) bool { return false }})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	j, renewal := newJob(t, b), newJob(t, b)
	e := &setest.Ear{}
	if err := j.run(ctx, b, s); err != nil {
		t.Fatal(err)
	}
	if err := chooseBoth(ctx, b, s); err != nil {
		t.Fatal(err)
	}
	tap := e.Tap(s)
	h, err := b.session(ctx, tap)
	if err == nil {
		err = renewal.Attest(ctx, h)
	}
	if err != nil {
		t.Fatal(err)
	}
	everyFile(t, tap)
	everyObject(t, b, tap, e)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	objects := b.Objects(t)
	listensTo(t, e, b, objects)
	for _, said := range slices.Concat(j.Answers, h.Answers) {
		e.Hear(said)
	}
	for _, name := range []string{"live.authentication", "live.signature", "pending.authentication", "pending.signature"} {
		k, err := x509.ParsePKCS1PrivateKey([]byte(objects[name]))
		if err != nil {
			t.Fatal(err)
		}
		if k.N.BitLen() != 2048 || k.E != 65537 || slices.ContainsFunc(born, func(o *rsa.PrivateKey) bool { return o.Equal(k) }) {
			t.Errorf("%s: %d bits, or a key twice", name, k.N.BitLen())
		}
		born = append(born, k)
	}
	if !bytes.Equal(x509.MarshalPKCS1PublicKey(&born[0].PublicKey), j.attested.AuthenticationKey) ||
		!bytes.Equal(x509.MarshalPKCS1PublicKey(&born[1].PublicKey), j.attested.SignatureKey) {
		t.Error("the keys that were listened for are not the attested ones")
	}
	if hit := e.Hit(); hit != "" {
		t.Errorf("%s was in an answer", hit)
	}
	t.Logf("keys: %d answers of %d bytes searched for %d forms of four RSA keys' parts, sealing key, secrets and the element's keys, none found", e.Answers, e.Bytes(), e.Forms())
	e.Proves(t)
}

// everyFile sends every instruction of both classes to every file, by short identifier and as the current one.
func everyFile(t *testing.T, tap apdu.Transmitter) {
	t.Helper()
	p := phone{t, tap}
	p.app()
	p.verify(apdu.OK, jpkiap.AuthenticationPIN, testPIN)
	p.verify(apdu.OK, jpkiap.SignaturePassword, testPassword)
	for n := range 0x10000 { // GET DATA of every object
		if _, err := apdu.Exchange(t.Context(), tap, apdu.Command{INS: 0xCA, P1: byte(n >> 8), P2: byte(n), Le: 256}); err != nil {
			t.Fatal(err)
		}
	}
	for ins := range 256 {
		for _, cla := range []byte{0x00, 0x80} {
			for file := range 32 {
				for _, p1 := range []byte{0x00, 0x80 | byte(file)} {
					if _, err := apdu.Exchange(t.Context(), tap, apdu.Command{CLA: cla, INS: byte(ins), P1: p1, P2: 0x80 | byte(file), Le: 256}); err != nil {
						t.Fatal(err)
					}
					if ins == 0xA4 { // SELECT may have gone elsewhere
						p.app()
					}
				}
			}
		}
	}
}

// everyObject asks in sessions for every data object, and for every tag and block of personalization.
func everyObject(t *testing.T, b *bench, tap apdu.Transmitter, e *setest.Ear) {
	t.Helper()
	ctx := t.Context()
	for n := range 256 {
		x := byte(n)
		h, err := setest.Open(ctx, tap, b.Factory.Keys)
		if err == nil {
			err = h.Personalize(ctx, []byte(gp.PhoneInstance))
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []apdu.Command{
			{INS: 0xE2, P1: 0x91, Data: []byte{0xDF, x, 0}}, {INS: 0xE2, P1: 0x91, Data: append([]byte{0xDF, x, 0x10}, make([]byte, 16)...)},
			{INS: 0xE2, P1: x, Data: stream.Page(uint16(n))}, {INS: 0xE2, P1: 0x91, Data: stream.Page(uint16(n) * 7)},
			{INS: 0xCA, P2: x}, {INS: 0xCA, P1: 0xDF, P2: x}, {INS: 0xCA, P1: x}, {INS: 0xF2, P1: x, P2: 0x02, Data: []byte{0x4F, 0}},
		} {
			if n == int(stream.TagWipe&0xFF) && c.INS == 0xE2 {
				continue // it would succeed
			}
			c.CLA, c.Le = 0x80, 256
			r, err := h.Send(ctx, c)
			if err != nil {
				t.Fatal(err)
			}
			e.Hear(r.Data)
		}
	}
}

// TestPhoneSecretsStayInSequences sends random sequences of commands that go through all states of the application, made to succeed or a little
// wrong: no answer holds a secret, and a key signs and a secret changes only after the right one was verified.
func TestPhoneSecretsStayInSequences(t *testing.T) {
	b := newBench(t)
	start, _, renewal := renewing(t, b)
	known := &setest.Ear{}
	listensTo(t, known, b, b.Objects(t))
	for _, k := range keys().elements {
		listensToRSA(known, "a key born on the way", k)
	}
	answers, commands, signatures := 0, 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		b.Restore(t, start)
		e := known.Another()
		s, tap := b.tapped(t, e)
		defer s.Close() //nolint:errcheck // closed below, unless a check failed
		w := &sequences{Talk: setest.Talk{Way: tap, Ear: e, Order: renewal.Order}, bench: b, element: s, agreed: map[uint16]bool{}}
		for range rapid.IntRange(20, 80).Draw(rt, "commands") {
			w.step(rt)
			commands++
		}
		if err := s.Close(); err != nil {
			rt.Fatal(err)
		}
		listensTo(t, e, b, b.Objects(t)) // a sealing key may have been born on the way
		if hit := e.Hit(); hit != "" {
			rt.Fatalf("%s was in an answer", hit)
		}
		answers, signatures = answers+e.Answers, signatures+w.signatures
	})
	t.Logf("secrets: JPKI: %d commands in random sequences, %d answers searched, %d signatures, 0 hits", commands, answers, signatures)
	if signatures == 0 {
		t.Error("nothing was ever signed")
	}
}

// sequences is one element under random commands.
type sequences struct {
	setest.Talk
	*bench
	element    *se.SE
	agreed     map[uint16]bool // secrets that may still count as verified
	signatures int
}

// step draws a command and sends it, on the phone's side or on the TSM's.
func (w *sequences) step(rt *rapid.T) {
	g := rapid.SampledFrom(secrets()).Draw(rt, "secret")
	switch rapid.IntRange(0, 12).Draw(rt, "what") {
	case 0, 1:
		w.Host = nil
		w.Plain(rt, gp.Select(gp.AID(jpkiap.AID())))
	case 2, 3:
		value := rapid.SampledFrom([]string{g.right, g.right, g.right, g.wrong, "", g.right + "0"}).Draw(rt, "value")
		sw := w.Plain(rt, apdu.Command{INS: 0x20, P2: 0x80 | byte(g.file), Data: []byte(value)}).SW
		w.agreed[g.file] = value == g.right && sw == apdu.OK || value == "" && w.agreed[g.file]
	case 4:
		file := rapid.ByteRange(0, 31).Draw(rt, "file")
		w.Plain(rt, apdu.Command{INS: 0xB0, P1: 0x80 | file, P2: rapid.Byte().Draw(rt, "offset"), Le: 256})
	case 5, 6:
		w.sign(rt, g)
	case 7:
		if sw := w.Plain(rt, apdu.Command{INS: 0x24, P1: 1, P2: 0x80 | byte(g.file), Data: []byte(g.right)}).SW; sw == apdu.OK && !w.agreed[g.file] {
			rt.Fatal("changed without the old value")
		}
	case 8:
		w.Noise(rt)
	case 9:
		w.element.Reset()
		w.Host = nil
		clear(w.agreed)
	case 10:
		clear(w.agreed)
		w.Session(rt, w.Element, []byte(gp.PhoneInstance), false)
	default:
		w.Block(rt)
	}
}

// sign asks a key for a signature or a certificate for its bytes; either comes only when its secret was verified.
func (w *sequences) sign(rt *rapid.T, g guess) {
	p1 := rapid.SampledFrom([]byte{0, 2, 3, 4, 9}).Draw(rt, "scheme")
	data := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(rt, "data")
	if r := w.Plain(rt, apdu.Command{CLA: 0x80, INS: 0x2A, P1: p1, P2: 0x80 | byte(g.key), Data: data, Le: 256}); r.SW == apdu.OK {
		w.signatures++
		if !w.agreed[g.file] {
			rt.Fatal("signed without the secret")
		}
	}
	if r := w.Plain(rt, apdu.Command{INS: 0xB0, P1: 0x80 | byte(g.certificate), Le: 256}); r.SW == apdu.OK && !w.agreed[g.file] {
		rt.Fatal("read without the secret")
	}
}

// Whatever is sent, plain with both secrets verified or as a block of personalization, is answered without a secret; and the application is
// consistent afterwards, with the certificates that were committed or, after a wipe, none.
func FuzzPhone(f *testing.F) {
	b := newBench(f)
	start, live, renewal := renewing(f, b)
	known := &setest.Ear{}
	listensTo(f, known, b, b.Objects(f))
	object := func(o interface{ Object() ([]byte, error) }) []byte {
		raw, err := o.Object()
		if err != nil {
			f.Fatal(err)
		}
		return raw
	}
	order := renewal.Order
	f.Add(byte(0x80), byte(0x2A), byte(0x00), byte(0x97), make([]byte, 51), byte(0x91), byte(0), object(stream.Wipe{OrderID: make([]byte, 16)}))
	f.Add(byte(0x80), byte(0x2A), byte(0x04), byte(0x9A), make([]byte, 32), byte(0x91), byte(0), stream.Page(0))
	f.Add(byte(0), byte(0x24), byte(1), byte(0x98), []byte("1234"), byte(0x91), byte(0), object(stream.Generate{OrderID: make([]byte, 16), Slot: 1, Purpose: 1, Challenge: make([]byte, 32)}))
	f.Add(byte(0), byte(0x20), byte(0), byte(0x9B), []byte("WRONG999"), byte(0x11), byte(1), object(stream.Begin{OrderID: order.ID, Length: 9, SHA256: make([]byte, 32)}))
	f.Add(byte(0), byte(0xB0), byte(0x85), byte(0), []byte(nil), byte(0x91), byte(0), object(stream.Commit{OrderID: order.ID, SHA256: make([]byte, 32)}))
	f.Add(byte(0), byte(0xA4), byte(2), byte(0x0C), []byte{0, 0x0A}, byte(0x91), byte(0), object(stream.Generate{OrderID: order.ID, Slot: 1, Purpose: 1, Challenge: order.Challenge}))
	f.Fuzz(func(t *testing.T, cla, ins, p1, p2 byte, data []byte, blockP1, blockP2 byte, stored []byte) {
		ctx := t.Context()
		data, stored = data[:min(len(data), 2000)], stored[:min(len(stored), 200)]
		b.Restore(t, start)
		e := known.Another()
		s, tap := b.tapped(t, e)
		for _, g := range secrets() {
			if err := g.verify(ctx, tap, g.right); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := apdu.Exchange(ctx, tap, apdu.Command{CLA: cla & 0x80, INS: ins, P1: p1, P2: p2, Data: data, Le: apdu.MaxExtendedLe, Extended: true}); err != nil {
			t.Fatal(err)
		}
		h, err := b.session(ctx, tap)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := h.Send(ctx, apdu.Command{CLA: 0x80, INS: 0xE2, P1: blockP1, P2: blockP2, Data: stored, Le: apdu.MaxShortLe}); err != nil {
				t.Fatal(err)
			}
		}
		for _, said := range h.Answers {
			e.Hear(said)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		found, err := b.look(t)
		if err != nil {
			t.Fatal(err)
		}
		if held := found.objects["live"]; held != "" && held != string(live.Content) {
			t.Fatal("other certificates than the committed ones")
		}
		if hit := e.Hit(); hit != "" {
			t.Fatalf("%s was in an answer", hit)
		}
	})
}
