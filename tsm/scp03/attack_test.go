package scp03

import (
	"bytes"
	"crypto/aes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"mobileid/mdoc/apdu"
)

// wantDead checks that the card refused with 6982 and that nothing works any more.
func wantDead(t *testing.T, s *CardSession, err error) {
	t.Helper()
	if se, ok := errors.AsType[*apdu.StatusError](err); !ok || se.SW != apdu.SecurityStatus {
		t.Fatalf("got %v, want 6982", err)
	}
	if s.Open() || s.Level() != 0 {
		t.Fatal("the session lives on")
	}
	if *s.ch != (channel{}) {
		t.Fatal("keys or chaining value left behind")
	}
	if _, err := s.Unwrap(apdu.Command{CLA: 0x84, INS: 0xCA, Data: make([]byte, 8)}); !errors.Is(err, apdu.ErrSecurityStatus) {
		t.Fatalf("a command after the end: %v", err)
	}
	if r := s.Wrap(apdu.Response{Data: []byte("secret"), SW: apdu.OK}); r.SW != apdu.SecurityStatus || len(r.Data) != 0 {
		t.Fatalf("an answer after the end: %v %d bytes", r.SW, len(r.Data))
	}
}

// wantEnded checks that the host session ended with a fault and stays so.
func wantEnded(t *testing.T, s *HostSession, err, want error) {
	t.Helper()
	if !errors.Is(err, want) || s.Err() == nil {
		t.Fatalf("got %v, session %v; want %v", err, s.Err(), want)
	}
	if *s.ch != (channel{}) {
		t.Fatal("keys or chaining value left behind")
	}
	if _, _, err := s.Wrap(apdu.Command{CLA: 0x80}); !errors.Is(err, ErrClosed) || !errors.Is(err, want) {
		t.Fatalf("Wrap after the end: %v", err)
	}
	if _, err := s.Unwrap(Ticket{counter: 99}, apdu.Response{SW: apdu.OK}); !errors.Is(err, ErrClosed) || !errors.Is(err, want) {
		t.Fatalf("Unwrap after the end: %v", err)
	}
	if err := s.Opened(apdu.Response{SW: apdu.OK}); !errors.Is(err, ErrClosed) {
		t.Fatalf("Opened after the end: %v", err)
	}
}

var storeData = apdu.Command{CLA: 0x80, INS: 0xE2, P1: 0x91, P2: 0x05, Data: []byte("thirty-one bytes of sealed data"), Le: 256}

// everySession calls f for each level and mode a card can have.
func everySession(t *testing.T, f func(t *testing.T, o Option, l Level)) {
	t.Helper()
	for _, o := range []Option{OptionPseudoRandom, OptionPseudoRandom | OptionS16} {
		for _, l := range []Level{0x01, 0x03, 0x11, 0x13, 0x33} {
			t.Run(fmt.Sprintf("S%d level %02X", o.Mode(), byte(l)), func(t *testing.T) { f(t, o, l) })
		}
	}
}

// Every single bit of a protected command counts, but for the channel number and Le.
func TestE1EveryBitOfACommand(t *testing.T) {
	keys := goodKeys(t, 32)
	variants, refused, malformed, harmless := 0, 0, 0, 0
	everySession(t, func(t *testing.T, o Option, l Level) {
		for _, extended := range []bool{false, true} {
			plain := storeData
			plain.Extended = extended
			for bit := 0; ; bit++ {
				hs, cs := openAt(t, keys, o, l)
				wrapped, _, err := hs.Wrap(plain)
				if err != nil {
					t.Fatal(err)
				}
				raw, err := wrapped.Bytes()
				if err != nil {
					t.Fatal(err)
				}
				if bit == 8*len(raw) {
					break
				}
				variants++
				at := bit / 8
				raw[at] ^= 0x80 >> (bit % 8)
				c, err := apdu.ParseCommand(raw)
				if err != nil {
					if at < 4 || at > map[bool]int{true: 6, false: 4}[extended] {
						t.Fatalf("bit %d: %v", bit, err)
					}
					malformed++ // Lc no longer fits: no command at all, answered 6700
					continue
				}
				got, err := cs.Unwrap(c)
				if bit == 6 || bit == 7 || at >= len(raw)-1-map[bool]int{true: 1}[extended] {
					if err != nil || !bytes.Equal(got.Data, plain.Data) {
						t.Fatalf("bit %d is under no MAC, yet: %v", bit, err)
					}
					harmless++ // the channel number, and Le
					continue
				}
				wantDead(t, cs, err)
				refused++
			}
		}
	})
	t.Logf("E1: %d variants of a command by one bit: %d refused with 6982 and the session dead, %d no command, %d of channel and Le",
		variants, refused, malformed, harmless)
	if variants != 8176 || refused != 7588 || harmless != 10*(2+8+2+16) || variants != refused+malformed+harmless {
		t.Error("some variants are not accounted for")
	}
}

// The same for an answer: no bit of data, R-MAC or status word can change unnoticed,
// except into an error, which tells nothing and carries nothing.
func TestE2EveryBitOfAnAnswer(t *testing.T) {
	keys := goodKeys(t, 16)
	variants, refused, malformed := 0, 0, 0
	everySession(t, func(t *testing.T, o Option, l Level) {
		if !l.Has(ResponseMAC) {
			return // nothing proves an answer there
		}
		for _, data := range [][]byte{nil, []byte("an attestation of the element")} {
			for bit := 0; ; bit++ {
				hs, cs := openAt(t, keys, o, l)
				wrapped, ticket, err := hs.Wrap(storeData)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := cs.Unwrap(wrapped); err != nil {
					t.Fatal(err)
				}
				raw := cs.Wrap(apdu.Response{Data: data, SW: apdu.OK}).Bytes()
				if bit == 8*len(raw) {
					break
				}
				variants++
				raw[bit/8] ^= 0x80 >> (bit % 8)
				r, err := apdu.ParseResponse(raw)
				if err != nil {
					malformed++ // no status word any more
					continue
				}
				_, err = hs.Unwrap(ticket, r)
				wantEnded(t, hs, err, ErrResponse)
				refused++
			}
		}
	})
	t.Logf("E2: %d variants of an answer by one bit: %d refused and the session dead, %d no answer", variants, refused, malformed)
	if variants != 2784 || refused != 2736 || variants != refused+malformed {
		t.Error("some variants are not accounted for")
	}
}

func TestE1Commands(t *testing.T) {
	keys, o, level, refused := goodKeys(t, 16), OptionPseudoRandom, Full, 0
	drawn := byte(0) // the same run every time: what is no cipher text may look padded once in 256
	// wrapped gives three commands of one session, the card has taken none.
	wrapped := func(t *testing.T) (*HostSession, *CardSession, [3]apdu.Command) {
		t.Helper()
		drawn++
		hs, cs := openDrawn(t, keys, o, level, bytes.NewReader(bytes.Repeat([]byte{drawn}, 16)))
		var out [3]apdu.Command
		for i := range out {
			c := storeData
			c.P2 = byte(i)
			var err error
			if out[i], _, err = hs.Wrap(c); err != nil {
				t.Fatal(err)
			}
		}
		return hs, cs, out
	}
	take := func(t *testing.T, cs *CardSession, c apdu.Command) {
		t.Helper()
		if _, err := cs.Unwrap(cloneCommand(c)); err != nil {
			t.Fatal(err)
		}
	}
	type attack struct {
		name      string
		encrypted bool // means something only where commands are encrypted
		attack    func(t *testing.T, cs *CardSession, w [3]apdu.Command) apdu.Command
	}
	attacks := []attack{
		{"replayed", false, func(t *testing.T, cs *CardSession, w [3]apdu.Command) apdu.Command {
			take(t, cs, w[0])
			return w[0]
		}},
		{"swapped", false, func(_ *testing.T, _ *CardSession, w [3]apdu.Command) apdu.Command { return w[1] }},
		{"dropped", false, func(t *testing.T, cs *CardSession, w [3]apdu.Command) apdu.Command {
			take(t, cs, w[0])
			return w[2]
		}},
		{"of another session", false, func(t *testing.T, _ *CardSession, _ [3]apdu.Command) apdu.Command {
			_, _, other := wrapped(t)
			return other[0]
		}},
		{"MAC cut off", false, func(_ *testing.T, _ *CardSession, w [3]apdu.Command) apdu.Command {
			w[0].Data = w[0].Data[:len(w[0].Data)-int(o.Mode())]
			return w[0]
		}},
		{"MAC cut short", false, func(_ *testing.T, _ *CardSession, w [3]apdu.Command) apdu.Command {
			w[0].Data = w[0].Data[:len(w[0].Data)-1]
			return w[0]
		}},
		{"MAC with a byte more", false, func(_ *testing.T, _ *CardSession, w [3]apdu.Command) apdu.Command {
			w[0].Data = append(w[0].Data, 0)
			return w[0]
		}},
		{"seven bytes in all", false, func(_ *testing.T, _ *CardSession, w [3]apdu.Command) apdu.Command {
			w[0].Data = w[0].Data[:7]
			return w[0]
		}},
		{"nothing at all", false, func(_ *testing.T, _ *CardSession, w [3]apdu.Command) apdu.Command {
			w[0].Data = nil
			return w[0]
		}},
		{"plain", false, func(*testing.T, *CardSession, [3]apdu.Command) apdu.Command { return storeData }},
		{"secure bit cleared", false, func(_ *testing.T, _ *CardSession, w [3]apdu.Command) apdu.Command {
			w[0].CLA = apdu.ClearSecure(w[0].CLA)
			return w[0]
		}},
		{"secure messaging of another kind", false, func(_ *testing.T, _ *CardSession, w [3]apdu.Command) apdu.Command {
			w[0].CLA = 0x8C
			return w[0]
		}},
		{"short made extended", false, func(_ *testing.T, _ *CardSession, w [3]apdu.Command) apdu.Command {
			w[0].Extended = true
			return w[0]
		}},
		{"MAC right, class plain", false, func(t *testing.T, cs *CardSession, w [3]apdu.Command) apdu.Command {
			return forge(t, cs, apdu.Command{CLA: 0x80, INS: 0xE2, Data: body(cs, w[0])})
		}},
		{"MAC right, secure messaging of another kind", false, func(t *testing.T, cs *CardSession, w [3]apdu.Command) apdu.Command {
			return forge(t, cs, apdu.Command{CLA: 0x8C, INS: 0xE2, Data: body(cs, w[0])})
		}},
		{"MAC right, data not encrypted", true, func(t *testing.T, cs *CardSession, _ [3]apdu.Command) apdu.Command {
			c := apdu.Command{CLA: 0x84, INS: 0xE2, Data: []byte("sixteen bytes or")}
			return forge(t, cs, c)
		}},
		{"MAC right, body no whole blocks", true, func(t *testing.T, cs *CardSession, _ [3]apdu.Command) apdu.Command {
			return forge(t, cs, apdu.Command{CLA: 0x84, INS: 0xE2, Data: []byte("seventeen bytes !")})
		}},
		{"MAC right, no padding", true, func(t *testing.T, cs *CardSession, _ [3]apdu.Command) apdu.Command {
			return forge(t, cs, apdu.Command{CLA: 0x84, INS: 0xE2, Data: encryptRaw(cs, 1, bytes.Repeat([]byte{0x55}, 16))})
		}},
		{"MAC right, all zero", true, func(t *testing.T, cs *CardSession, _ [3]apdu.Command) apdu.Command {
			return forge(t, cs, apdu.Command{CLA: 0x84, INS: 0xE2, Data: encryptRaw(cs, 1, make([]byte, 32))})
		}},
		{"MAC right, 81 for padding", true, func(t *testing.T, cs *CardSession, _ [3]apdu.Command) apdu.Command {
			return forge(t, cs, apdu.Command{CLA: 0x84, INS: 0xE2, Data: encryptRaw(cs, 1, append(make([]byte, 15), 0x81))})
		}},
		{"a byte of data dropped, Lc right again", false, func(_ *testing.T, _ *CardSession, w [3]apdu.Command) apdu.Command {
			w[0].Data = slices.Delete(w[0].Data, 3, 4)
			return w[0]
		}},
		{"a block of data dropped", false, func(_ *testing.T, _ *CardSession, w [3]apdu.Command) apdu.Command {
			w[0].Data = slices.Delete(w[0].Data, 0, 16)
			return w[0]
		}},
		{"a block of zeroes more", false, func(_ *testing.T, _ *CardSession, w [3]apdu.Command) apdu.Command {
			w[0].Data = slices.Insert(w[0].Data, 0, make([]byte, 16)...)
			return w[0]
		}},
		{"MAC of the other size", false, func(t *testing.T, cs *CardSession, w [3]apdu.Command) apdu.Command {
			n := len(w[0].Data) - int(cs.ch.mode)
			w[0].Data = append(w[0].Data[:n:n], make([]byte, S8+S16-cs.ch.mode)...)
			return w[0]
		}},
		{"MAC of zeroes", false, func(_ *testing.T, cs *CardSession, w [3]apdu.Command) apdu.Command {
			clear(w[0].Data[len(w[0].Data)-int(cs.ch.mode):])
			return w[0]
		}},
		{"chaining bit set", false, func(_ *testing.T, _ *CardSession, w [3]apdu.Command) apdu.Command {
			w[0].CLA |= claChaining
			return w[0]
		}},
		{"EXTERNAL AUTHENTICATE for another level", false, func(_ *testing.T, _ *CardSession, w [3]apdu.Command) apdu.Command {
			return apdu.Command{CLA: 0x84, INS: insExternalAuthenticate, P1: 0x01, Data: w[0].Data}
		}},
		{"of another card", false, func(t *testing.T, _ *CardSession, _ [3]apdu.Command) apdu.Command {
			hs, _ := openAt(t, diversified(t, run(0x80, 16), run(1, 10), 0x30), o, level)
			c, _, err := hs.Wrap(storeData)
			if err != nil {
				t.Fatal(err)
			}
			return c
		}},
		{"counter set back", false, func(t *testing.T, cs *CardSession, w [3]apdu.Command) apdu.Command {
			take(t, cs, w[0])
			take(t, cs, w[1])
			return w[0]
		}},
	}
	everySession(t, func(t *testing.T, option Option, l Level) {
		o, level = option, l
		for _, a := range attacks {
			if a.encrypted && !l.Has(CommandEncryption) {
				continue
			}
			t.Run(a.name, func(t *testing.T) {
				_, cs, w := wrapped(t)
				_, err := cs.Unwrap(a.attack(t, cs, w))
				wantDead(t, cs, err)
				// The session that was is gone: the host's next command is refused as well.
				if _, err := cs.Unwrap(w[2]); !errors.Is(err, apdu.ErrSecurityStatus) {
					t.Fatalf("after it: %v", err)
				}
				refused++
			})
		}
	})
	t.Logf("E1: %d variants of commands in %d sessions refused with 6982 and the session dead", len(attacks), refused)
	if len(attacks) != 29 || refused != 10*24+6*5 {
		t.Error("some variants are not accounted for")
	}
}

// forge adds the right C-MAC to a body, as an insider with S-MAC would.
func forge(t *testing.T, cs *CardSession, c apdu.Command) apdu.Command {
	t.Helper()
	mac := cs.ch.commandMAC(c, c.Data)
	c.Data = append(c.Data, mac[:cs.ch.mode]...)
	return c
}

// body is the data of a protected command without its MAC.
func body(cs *CardSession, c apdu.Command) []byte {
	n := len(c.Data) - int(cs.ch.mode)
	return c.Data[:n:n]
}

// encryptRaw encrypts blocks as they are, without padding.
func encryptRaw(cs *CardSession, counter uint32, blocks []byte) []byte {
	sealed := cs.ch.seal(nil, toCard, counter, blocks)
	return sealed[:len(blocks):len(blocks)]
}

// Every fault a command can have looks the same from outside.
func TestE1FaultsAlike(t *testing.T) {
	texts := map[string]bool{}
	for _, spoil := range []func(cs *CardSession, c apdu.Command) apdu.Command{
		func(_ *CardSession, c apdu.Command) apdu.Command { c.Data[0] ^= 1; return c },
		func(_ *CardSession, c apdu.Command) apdu.Command { c.CLA = 0x80; return c },
		func(cs *CardSession, _ apdu.Command) apdu.Command {
			return forge(t, cs, apdu.Command{CLA: 0x84, Data: encryptRaw(cs, 1, make([]byte, 16))})
		},
		func(cs *CardSession, c apdu.Command) apdu.Command { cs.Close(); return c },
	} {
		_, _, hs, cs := openPair(t, goodKeys(t, 16))
		c, _, err := hs.Wrap(storeData)
		if err != nil {
			t.Fatal(err)
		}
		_, err = cs.Unwrap(spoil(cs, c))
		texts[err.Error()] = true
	}
	if len(texts) != 1 {
		t.Errorf("faults can be told apart: %v", texts)
	}
}

func TestE2Answers(t *testing.T) {
	keys, size, refused := goodKeys(t, 16), 0, 0
	type attack struct {
		name   string
		attack func(first, second apdu.Response) apdu.Response
	}
	attacks := []attack{
		{"answer of the command before", func(first, _ apdu.Response) apdu.Response { return first }},
		{"9000 without R-MAC", func(_, _ apdu.Response) apdu.Response { return apdu.Response{SW: apdu.OK} }},
		{"warning without R-MAC", func(_, _ apdu.Response) apdu.Response { return apdu.Response{SW: apdu.MoreAvailable} }},
		{"63C2 without R-MAC", func(_, _ apdu.Response) apdu.Response { return apdu.Response{SW: 0x63C2} }},
		{"plain data", func(_, _ apdu.Response) apdu.Response {
			return apdu.Response{Data: []byte("sixteen bytes or some more"), SW: apdu.OK}
		}},
		{"truncated by a block", func(_, r apdu.Response) apdu.Response {
			return apdu.Response{Data: append(bytes.Clone(r.Data[:16]), r.Data[len(r.Data)-size:]...), SW: r.SW}
		}},
		{"R-MAC cut short", func(_, r apdu.Response) apdu.Response {
			return apdu.Response{Data: r.Data[:len(r.Data)-1], SW: r.SW}
		}},
		{"a byte longer", func(_, r apdu.Response) apdu.Response {
			return apdu.Response{Data: append(bytes.Clone(r.Data), 0), SW: r.SW}
		}},
		{"warning made success", func(_, r apdu.Response) apdu.Response { return apdu.Response{Data: r.Data, SW: 0x6200} }},
		{"error with data", func(_, r apdu.Response) apdu.Response {
			return apdu.Response{Data: r.Data, SW: apdu.Conditions}
		}},
		{"error with one byte", func(_, _ apdu.Response) apdu.Response {
			return apdu.Response{Data: []byte{0}, SW: apdu.ReferenceNotFound}
		}},
		{"R-MAC cut off", func(_, r apdu.Response) apdu.Response {
			return apdu.Response{Data: r.Data[:len(r.Data)-size], SW: r.SW}
		}},
		{"R-MAC of zeroes", func(_, r apdu.Response) apdu.Response {
			return apdu.Response{Data: append(r.Data[:len(r.Data)-size:len(r.Data)-size], make([]byte, size)...), SW: r.SW}
		}},
		{"R-MAC of the command before", func(first, r apdu.Response) apdu.Response {
			return apdu.Response{Data: append(r.Data[:len(r.Data)-size:len(r.Data)-size], first.Data[len(first.Data)-size:]...), SW: r.SW}
		}},
		{"far too long", func(_, r apdu.Response) apdu.Response {
			return apdu.Response{Data: append(bytes.Clone(r.Data), make([]byte, apdu.MaxExtendedLe-len(r.Data))...), SW: r.SW}
		}},
		{"61xx with a piece", func(_, r apdu.Response) apdu.Response { return apdu.Response{Data: r.Data[:4], SW: 0x6108} }},
	}
	everySession(t, func(t *testing.T, o Option, l Level) {
		if !l.Has(ResponseMAC) {
			return
		}
		size = int(o.Mode())
		for _, a := range attacks {
			t.Run(a.name, func(t *testing.T) {
				hs, cs := openAt(t, keys, o, l)
				var tickets [2]Ticket
				var answers [2]apdu.Response
				for i := range tickets {
					w, ticket, err := hs.Wrap(storeData)
					if err != nil {
						t.Fatal(err)
					}
					if _, err := cs.Unwrap(w); err != nil {
						t.Fatal(err)
					}
					tickets[i], answers[i] = ticket, cs.Wrap(apdu.Response{Data: []byte("seventeen bytes !"), SW: apdu.OK})
				}
				if _, err := hs.Unwrap(tickets[0], answers[0]); err != nil {
					t.Fatal(err)
				}
				_, err := hs.Unwrap(tickets[1], a.attack(answers[0], answers[1]))
				wantEnded(t, hs, err, ErrResponse)
				refused++
			})
		}
	})
	t.Logf("E2: %d variants of answers in %d sessions refused and the session dead", len(attacks), refused)
	if len(attacks) != 16 || refused != 6*16 {
		t.Error("some variants are not accounted for")
	}
}

// An answer whose R-MAC is right, and whose data are in clear, no whole blocks or without padding, ends the session too.
func TestE2AnswerPadding(t *testing.T) {
	for name, body := range map[string]func(cs *CardSession) []byte{
		"padding": func(cs *CardSession) []byte {
			return cs.ch.seal(nil, toHost, 1, make([]byte, aes.BlockSize))[:aes.BlockSize]
		},
		"clear":           func(*CardSession) []byte { return []byte("an answer clear!") },
		"no whole blocks": func(*CardSession) []byte { return []byte("clear") },
	} {
		t.Run(name, func(t *testing.T) {
			hs, cs := openDrawn(t, goodKeys(t, 16), OptionPseudoRandom, Full, bytes.NewReader(run(0, 8)))
			w, ticket, err := hs.Wrap(storeData)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := cs.Unwrap(w); err != nil {
				t.Fatal(err)
			}
			data := body(cs)
			mac := cs.ch.responseMAC(&cs.ch.mcv, data, apdu.OK)
			_, err = hs.Unwrap(ticket, apdu.Response{Data: append(data, mac[:S8]...), SW: apdu.OK})
			wantEnded(t, hs, err, ErrResponse)
		})
	}
}

// Error words carry no MAC, move nothing but the counter, and the session goes on.
func TestErrorsGoOn(t *testing.T) {
	_, _, hs, cs := openPair(t, goodKeys(t, 32))
	for i, want := range []apdu.Response{
		{Data: []byte("page"), SW: apdu.OK},
		{SW: apdu.ReferenceNotFound},
		{Data: []byte("more to come"), SW: apdu.MoreAvailable},
		{SW: apdu.Conditions},
		{SW: 0x6C10},
		{SW: apdu.OK},
	} {
		c := storeData
		if i%2 == 1 {
			c.Data = nil
		}
		w, ticket, err := hs.Wrap(c)
		if err != nil {
			t.Fatal(err)
		}
		plain, err := cs.Unwrap(w)
		if err != nil || !bytes.Equal(plain.Data, c.Data) || plain.CLA != 0x80 {
			t.Fatalf("%d: %v, %v", i, plain, err)
		}
		// A card may have data at hand when it fails: it does not go out.
		given := want
		if given.SW.Err() != nil && !given.SW.Warning() {
			given.Data = []byte("must not leave")
		}
		r := cs.Wrap(given)
		got, err := hs.Unwrap(ticket, r)
		if err != nil || got.SW != want.SW || !bytes.Equal(got.Data, want.Data) {
			t.Fatalf("%d: %v %q, %v", i, got.SW, got.Data, err)
		}
		if want.SW != apdu.OK && !want.SW.Warning() && len(r.Data) != 0 {
			t.Fatalf("%d: error word with %d bytes", i, len(r.Data))
		}
	}
}

// The keys are proved by an answer with a right R-MAC, and by nothing else: not by error words, nor by an R-MAC that is wrong, nor at
// a level that has none.
func TestProved(t *testing.T) {
	everySession(t, func(t *testing.T, o Option, l Level) {
		hs, cs := openAt(t, goodKeys(t, 16), o, l)
		answer := func(given apdu.Response, changed byte) error {
			t.Helper()
			w, ticket, err := hs.Wrap(storeData)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := cs.Unwrap(w); err != nil {
				t.Fatal(err)
			}
			r := cs.Wrap(given)
			if len(r.Data) > 0 {
				r.Data[len(r.Data)-1] ^= changed
			}
			_, err = hs.Unwrap(ticket, r)
			return err
		}
		for _, sw := range []apdu.SW{apdu.ReferenceNotFound, apdu.Conditions, 0x6C10} {
			if err := answer(apdu.Response{SW: sw}, 0); err != nil || hs.Proved() {
				t.Fatalf("after %04X: proved %v, %v", uint16(sw), hs.Proved(), err)
			}
		}
		want := l.Has(ResponseMAC)
		other, cs2 := hs, cs
		hs, cs = openAt(t, goodKeys(t, 16), o, l)
		if err := answer(apdu.Response{SW: apdu.OK}, 1); (err != nil) != want || hs.Proved() {
			t.Fatalf("after an R-MAC that was changed: proved %v, %v", hs.Proved(), err)
		}
		hs, cs = other, cs2
		if err := answer(apdu.Response{SW: apdu.MoreAvailable}, 0); err != nil || hs.Proved() != want {
			t.Fatalf("after an answer: proved %v, want %v, %v", hs.Proved(), want, err)
		}
		if hs.Close(); hs.Proved() != want {
			t.Errorf("closed, proved %v, want %v", hs.Proved(), want)
		}
	})
}

// Two commands of one content, two sessions of one key: no cipher text repeats.
func TestNoRepetition(t *testing.T) {
	seen := map[string]bool{}
	for range 3 {
		_, _, hs, _ := openPair(t, goodKeys(t, 16))
		for range 3 {
			w, _, err := hs.Wrap(storeData)
			if err != nil {
				t.Fatal(err)
			}
			seen[string(w.Data[:16])] = true
		}
	}
	if len(seen) != 9 {
		t.Errorf("%d different first blocks of 9", len(seen))
	}
}
