package scp03

import (
	"bytes"
	"crypto/aes"
	"errors"
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

// Every single bit of a protected command counts, but for the channel number and Le.
func TestEveryBitOfACommand(t *testing.T) {
	keys := goodKeys(t, 32)
	for _, extended := range []bool{false, true} {
		store := &memorySet{keys: keys}
		card := newTestCard(t, store)
		plain := storeData
		plain.Extended = extended
		refused := 0
		for bit := 0; ; bit++ {
			_, hs, cs := openWith(t, keys, card)
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
			raw[bit/8] ^= 0x80 >> (bit % 8)
			c, err := apdu.ParseCommand(raw)
			if err != nil {
				continue // Lc no longer fits: no command at all
			}
			unprotected := bit == 6 || bit == 7 || bit/8 >= len(raw)-1-map[bool]int{true: 1}[extended]
			got, err := cs.Unwrap(c)
			if unprotected {
				if err != nil || !bytes.Equal(got.Data, plain.Data) {
					t.Fatalf("bit %d is under no MAC, yet: %v", bit, err)
				}
				continue
			}
			wantDead(t, cs, err)
			refused++
		}
		// Header, body and MAC less the channel number, and one bit of Lc that makes the
		// data swallow Le; the other bits of Lc leave no command at all.
		if want := 8*(4+32+8) - 2 + 1; refused != want {
			t.Errorf("extended %v: %d flipped bits refused, want %d", extended, refused, want)
		}
	}
}

// The same for an answer: no bit of data, R-MAC or status word can change unnoticed,
// except into an error, which tells nothing and carries nothing.
func TestEveryBitOfAnAnswer(t *testing.T) {
	keys := goodKeys(t, 16)
	for _, data := range [][]byte{nil, []byte("an attestation of the element")} {
		card := newTestCard(t, &memorySet{keys: keys})
		for bit := 0; ; bit++ {
			_, hs, cs := openWith(t, keys, card)
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
			raw[bit/8] ^= 0x80 >> (bit % 8)
			r, err := apdu.ParseResponse(raw)
			if err != nil {
				continue // no status word any more
			}
			_, err = hs.Unwrap(ticket, r)
			wantEnded(t, hs, err, ErrResponse)
		}
	}
}

func TestCommandAttacks(t *testing.T) {
	keys := goodKeys(t, 16)
	// wrapped gives three commands of one session, the card has taken none.
	wrapped := func(t *testing.T) (*HostSession, *CardSession, [3]apdu.Command) {
		t.Helper()
		_, _, hs, cs := openPair(t, keys)
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
	for _, tc := range []struct {
		name   string
		attack func(t *testing.T, cs *CardSession, w [3]apdu.Command) apdu.Command
	}{
		{"replayed", func(t *testing.T, cs *CardSession, w [3]apdu.Command) apdu.Command {
			take(t, cs, w[0])
			return w[0]
		}},
		{"swapped", func(_ *testing.T, _ *CardSession, w [3]apdu.Command) apdu.Command { return w[1] }},
		{"dropped", func(t *testing.T, cs *CardSession, w [3]apdu.Command) apdu.Command {
			take(t, cs, w[0])
			return w[2]
		}},
		{"of another session", func(t *testing.T, _ *CardSession, _ [3]apdu.Command) apdu.Command {
			_, _, other := wrapped(t)
			return other[0]
		}},
		{"MAC cut off", func(_ *testing.T, _ *CardSession, w [3]apdu.Command) apdu.Command {
			w[0].Data = w[0].Data[:len(w[0].Data)-int(S8)]
			return w[0]
		}},
		{"MAC cut short", func(_ *testing.T, _ *CardSession, w [3]apdu.Command) apdu.Command {
			w[0].Data = w[0].Data[:len(w[0].Data)-1]
			return w[0]
		}},
		{"MAC with a byte more", func(_ *testing.T, _ *CardSession, w [3]apdu.Command) apdu.Command {
			w[0].Data = append(w[0].Data, 0)
			return w[0]
		}},
		{"seven bytes in all", func(_ *testing.T, _ *CardSession, w [3]apdu.Command) apdu.Command {
			w[0].Data = w[0].Data[:7]
			return w[0]
		}},
		{"nothing at all", func(_ *testing.T, _ *CardSession, w [3]apdu.Command) apdu.Command {
			w[0].Data = nil
			return w[0]
		}},
		{"plain", func(*testing.T, *CardSession, [3]apdu.Command) apdu.Command { return storeData }},
		{"secure bit cleared", func(_ *testing.T, _ *CardSession, w [3]apdu.Command) apdu.Command {
			w[0].CLA = apdu.ClearSecure(w[0].CLA)
			return w[0]
		}},
		{"secure messaging of another kind", func(_ *testing.T, _ *CardSession, w [3]apdu.Command) apdu.Command {
			w[0].CLA = 0x8C
			return w[0]
		}},
		{"short made extended", func(_ *testing.T, _ *CardSession, w [3]apdu.Command) apdu.Command {
			w[0].Extended = true
			return w[0]
		}},
		{"at level 01: MAC over plain data", func(t *testing.T, cs *CardSession, _ [3]apdu.Command) apdu.Command {
			c := apdu.Command{CLA: 0x84, INS: 0xE2, Data: []byte("sixteen bytes or")}
			return forge(t, cs, c)
		}},
		{"MAC right, body no whole blocks", func(t *testing.T, cs *CardSession, _ [3]apdu.Command) apdu.Command {
			return forge(t, cs, apdu.Command{CLA: 0x84, INS: 0xE2, Data: []byte("seventeen bytes !")})
		}},
		{"MAC right, no padding", func(t *testing.T, cs *CardSession, _ [3]apdu.Command) apdu.Command {
			return forge(t, cs, apdu.Command{CLA: 0x84, INS: 0xE2, Data: encryptRaw(cs, 1, bytes.Repeat([]byte{0x55}, 16))})
		}},
		{"MAC right, all zero", func(t *testing.T, cs *CardSession, _ [3]apdu.Command) apdu.Command {
			return forge(t, cs, apdu.Command{CLA: 0x84, INS: 0xE2, Data: encryptRaw(cs, 1, make([]byte, 32))})
		}},
		{"MAC right, 81 for padding", func(t *testing.T, cs *CardSession, _ [3]apdu.Command) apdu.Command {
			return forge(t, cs, apdu.Command{CLA: 0x84, INS: 0xE2, Data: encryptRaw(cs, 1, append(make([]byte, 15), 0x81))})
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, cs, w := wrapped(t)
			c := tc.attack(t, cs, w)
			_, err := cs.Unwrap(c)
			wantDead(t, cs, err)
		})
	}
}

// forge adds the right C-MAC to a body, as an insider with S-MAC would.
func forge(t *testing.T, cs *CardSession, c apdu.Command) apdu.Command {
	t.Helper()
	mac := cs.ch.commandMAC(c, c.Data)
	c.Data = append(c.Data, mac[:cs.ch.mode]...)
	return c
}

// encryptRaw encrypts blocks as they are, without padding.
func encryptRaw(cs *CardSession, counter uint32, blocks []byte) []byte {
	sealed := cs.ch.seal(nil, toCard, counter, blocks)
	return sealed[:len(blocks):len(blocks)]
}

// Every fault a command can have looks the same from outside.
func TestCommandFaultsAlike(t *testing.T) {
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

func TestAnswerAttacks(t *testing.T) {
	keys := goodKeys(t, 16)
	for _, tc := range []struct {
		name   string
		attack func(first, second apdu.Response) apdu.Response
	}{
		{"answer of the command before", func(first, _ apdu.Response) apdu.Response { return first }},
		{"9000 without R-MAC", func(_, _ apdu.Response) apdu.Response { return apdu.Response{SW: apdu.OK} }},
		{"warning without R-MAC", func(_, _ apdu.Response) apdu.Response { return apdu.Response{SW: apdu.MoreAvailable} }},
		{"63C2 without R-MAC", func(_, _ apdu.Response) apdu.Response { return apdu.Response{SW: 0x63C2} }},
		{"plain data", func(_, _ apdu.Response) apdu.Response {
			return apdu.Response{Data: []byte("sixteen bytes or some more"), SW: apdu.OK}
		}},
		{"truncated by a block", func(_, r apdu.Response) apdu.Response {
			return apdu.Response{Data: append(bytes.Clone(r.Data[:16]), r.Data[len(r.Data)-8:]...), SW: r.SW}
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
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, _, hs, cs := openPair(t, keys)
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
			_, err := hs.Unwrap(tickets[1], tc.attack(answers[0], answers[1]))
			wantEnded(t, hs, err, ErrResponse)
		})
	}
}

// An answer whose MAC is right and whose padding is not ends the session too.
func TestAnswerPadding(t *testing.T) {
	_, _, hs, cs := openPair(t, goodKeys(t, 16))
	w, ticket, err := hs.Wrap(storeData)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cs.Unwrap(w); err != nil {
		t.Fatal(err)
	}
	body := cs.ch.seal(nil, toHost, 1, make([]byte, aes.BlockSize))[:aes.BlockSize]
	mac := cs.ch.responseMAC(&cs.ch.mcv, body, apdu.OK)
	_, err = hs.Unwrap(ticket, apdu.Response{Data: append(body, mac[:S8]...), SW: apdu.OK})
	wantEnded(t, hs, err, ErrResponse)
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
