package card_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"mobileid/issuer/card"
	"mobileid/issuer/card/cardsim"
	"mobileid/mdoc/apdu"
)

// TestReadCountsExchanges holds a full reading with a portrait of 20 KiB to the published figures.
func TestReadCountsExchanges(t *testing.T) {
	w := fixture(t)
	k := w.card(t, "nineteen", cardsim.Options{Alter: func(d *cardsim.Draft) {
		d.Face.Portrait = append(d.Face.Portrait, make([]byte, 20<<10-len(d.Face.Portrait))...)
	}})
	for name, tc := range map[string]struct {
		extended bool
		most     int
	}{"short": {false, 130}, "extended": {true, 32}} {
		t.Run(name, func(t *testing.T) {
			k.Unpower()
			f := &cardsim.Fault{Card: k, After: 1 << 20}
			o := options()
			o.Extended = tc.extended
			r := read(t, f, k.Person().Secrets(), o)
			if n := f.Exchanges(); n > tc.most {
				t.Errorf("%d exchanges, want at most %d", n, tc.most)
			}
			if face, _ := r.File(card.FaceFile); len(face) < 20<<10 {
				t.Errorf("card face of %d bytes", len(face))
			}
		})
	}
}

// secretsSent counts the VERIFY commands that carry a value, by reference and application.
type secretsSent struct {
	apdu.Transmitter
	application string
	count       map[string]int
}

func (s *secretsSent) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if c, err := apdu.ParseCommand(command); err == nil {
		switch {
		case c.INS == 0xA4 && c.P1 == 4:
			s.application = string(c.Data)
		case c.INS == 0x20 && len(c.Data) > 0:
			s.count[s.application+string([]byte{c.P2})]++
		}
	}
	return s.Transmitter.Transmit(ctx, command)
}

// TestCardPulledAtEveryExchange takes the card away at each exchange: the error says what to do, nothing is kept, no secret was sent
// twice, no try is lost, and the next reading works.
func TestCardPulledAtEveryExchange(t *testing.T) {
	w := fixture(t)
	p := person(t, "leapday")
	k := w.card(t, p.ID, cardsim.Options{})
	for _, extended := range []bool{false, true} {
		o := options()
		o.Extended, o.WithIndividualNumber, o.WithSignatureCA = extended, true, true
		k.Unpower()
		whole := &cardsim.Fault{Card: k, After: 1 << 20}
		read(t, whole, p.Secrets(), o)
		for n := range whole.Exchanges() {
			k.Unpower()
			sent := &secretsSent{Transmitter: &cardsim.Fault{Card: k, After: n}, count: map[string]int{}}
			r, err := card.Read(t.Context(), sent, p.Secrets(), o)
			if !errors.Is(err, cardsim.ErrPulled) || !errors.Is(err, card.ErrCardGone) || r != nil {
				t.Fatalf("pulled after %d exchanges: %v", n, err)
			}
			if !strings.Contains(err.Error(), "put the card back on the reader and start again") {
				t.Fatalf("pulled after %d exchanges: %v", n, err)
			}
			for secret, times := range sent.count {
				if times > 1 {
					t.Fatalf("pulled after %d exchanges: %x was sent %d times", n, secret, times)
				}
			}
		}
		k.Unpower()
		r := read(t, k, p.Secrets(), o)
		c := w.config()
		c.NumberConsent = true
		if id, v, err := card.Check(r, c); id == nil || err != nil {
			t.Fatalf("the next reading: %v, %v", v.Failed(), err)
		}
		t.Logf("E8: card pulled at each of %d points of a reading, extended %v; no secret sent twice, no try lost", whole.Exchanges(), extended)
	}
	c, err := card.Connect(t.Context(), k, card.ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	states, err := c.PINStatus(t.Context(), card.AttributesPINFile, card.FaceNumberBFile, card.SignaturePasswordFile)
	if err != nil || states[0].TriesLeft != 3 || states[1].TriesLeft != 10 || states[2].TriesLeft != 5 {
		t.Errorf("tries were lost: %v, %v", states, err)
	}
}

// TestPulledWhileChanging leaves the old value or the new one, and never a third state.
func TestPulledWhileChanging(t *testing.T) {
	w := fixture(t)
	for n := range 8 {
		k := w.card(t, "nineteen", cardsim.Options{})
		old := k.Person().AuthenticationPIN
		c, err := card.Connect(t.Context(), &cardsim.Fault{Card: k, After: n}, card.ClientOptions{})
		if err == nil {
			err = c.Change(t.Context(), card.AuthenticationPINFile, old, "8642")
		}
		in, out := old, "8642"
		if err == nil {
			in, out = out, in
		} else if !errors.Is(err, card.ErrCardGone) {
			t.Fatal(err)
		}
		k.Unpower()
		again, err := card.Connect(t.Context(), k, card.ClientOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if err := again.Verify(t.Context(), card.AuthenticationPINFile, out); !errors.Is(err, card.ErrWrongSecret) {
			t.Errorf("pulled after %d exchanges: %v", n, err)
		}
		if err := again.Verify(t.Context(), card.AuthenticationPINFile, in); err != nil {
			t.Errorf("pulled after %d exchanges: %v", n, err)
		}
	}
}

// TestCardGoneStaysGone keeps a Client from taking another card for the one that left.
func TestCardGoneStaysGone(t *testing.T) {
	w := fixture(t)
	k := w.card(t, "nineteen", cardsim.Options{})
	pulled := false
	tr := transmitterFunc(func(ctx context.Context, command []byte) ([]byte, error) {
		if pulled {
			pulled = false // and another is put in
			return nil, cardsim.ErrPulled
		}
		return k.Transmit(ctx, command)
	})
	c, err := card.Connect(t.Context(), tr, card.ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pulled = true
	if _, err := c.ReadFile(t.Context(), card.PresenceFile); !errors.Is(err, card.ErrCardGone) {
		t.Fatal(err)
	}
	var digest [32]byte
	for name, err := range map[string]error{
		"read": second(c.ReadFile(t.Context(), card.PresenceFile)), "status": second(c.PINStatus(t.Context())), "number": second(c.CardNumber(t.Context())),
		"verify": c.Verify(t.Context(), card.AuthenticationPINFile, "1234"), "change": c.Change(t.Context(), card.AuthenticationPINFile, "1234", "2345"),
		"sign": second(c.Sign(t.Context(), card.AuthenticationKey, 5, digest[:])), "prove": second(c.Prove(t.Context(), card.Face, digest[:])),
		"challenge": second(c.Challenge(t.Context(), 16)), "data": second(c.Data(t.Context(), card.DataExpiry)),
	} {
		if !errors.Is(err, card.ErrCardGone) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestEveryAnswerLength answers with noise of every length from 0 to 65,538 bytes, without and with a status word behind it.
func TestEveryAnswerLength(t *testing.T) {
	p := person(t, "nineteen")
	noise := make([]byte, apdu.MaxResponse+2)
	for i := range noise {
		noise[i] = byte(i * 7)
	}
	answer := noise[:0]
	tr := transmitterFunc(func(context.Context, []byte) ([]byte, error) { return answer, nil })
	for _, extended := range []bool{false, true} {
		o := options()
		o.Extended = extended
		for n := 0; n <= apdu.MaxResponse; n++ {
			answer = noise[:n]
			if n < 2 {
				if _, err := card.Read(t.Context(), tr, p.Secrets(), o); err == nil || errors.Is(err, card.ErrCardGone) {
					t.Fatalf("%d bytes: %v", n, err)
				}
				continue
			}
			a, b := noise[n-2], noise[n-1]
			for _, sw := range []apdu.SW{apdu.OK, apdu.SW(a)<<8 | apdu.SW(b)} {
				noise[n-2], noise[n-1] = sw.SW1(), sw.SW2()
				if _, err := card.Read(t.Context(), tr, p.Secrets(), o); err == nil {
					t.Fatalf("%d bytes of noise were read", n)
				}
			}
			noise[n-2], noise[n-1] = a, b
		}
		t.Logf("E8: answers of every length from 0 to %d bytes refused, extended %v", apdu.MaxResponse, extended)
	}
}

// TestEndlessAnswers ends cards that always promise more, that always want another length, or that drip.
func TestEndlessAnswers(t *testing.T) {
	w := fixture(t)
	k := w.card(t, "nineteen", cardsim.Options{})
	for name, answer := range map[string][]byte{
		"61 with a byte": {0x55, 0x61, 0x10}, "61 with nothing": {0x61, 0x10}, "61 of 256": {0x30, 0x61, 0x00},
		"6C": {0x6C, 0x10}, "6C of 256": {0x6C, 0x00}, "one byte at a time": {0x30, 0x90, 0x00},
	} {
		for _, after := range []int{0, 1, 2, 5, 9, 14, 20, 22} {
			k.Unpower()
			f := &cardsim.Fault{Card: k, After: after, Answer: func(context.Context, []byte) ([]byte, error) { return answer, nil }}
			o := options()
			o.Extended = true
			_, err := card.Read(t.Context(), f, k.Person().Secrets(), o)
			if err == nil || errors.Is(err, card.ErrCardGone) || f.Exchanges() > 1025 {
				t.Errorf("%s after %d: %d exchanges, %v", name, after, f.Exchanges(), err)
			}
		}
	}
}

// pieces answers each READ BINARY with as many bytes as it is told, whatever was asked for. With 0 it changes nothing.
type pieces struct {
	card  *cardsim.Card
	bytes int
}

func (p *pieces) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if c, err := apdu.ParseCommand(command); err == nil && c.INS == 0xB0 && p.bytes > 0 {
		c.Le, c.Extended = p.bytes, p.bytes > apdu.MaxShortLe
		if command, err = c.Bytes(); err != nil {
			return nil, err
		}
	}
	return p.card.Transmit(ctx, command)
}

// TestPieces holds the card to the length asked for, and to 128 bytes a command in the middle of a file.
func TestPieces(t *testing.T) {
	w := fixture(t)
	k := w.card(t, "nineteen", cardsim.Options{})
	for _, tc := range []struct {
		bytes int
		ok    bool
	}{{4, false}, {64, false}, {127, false}, {128, true}, {200, true}, {256, true}, {257, false}, {300, false}, {4096, false}} {
		t.Run(fmt.Sprint(tc.bytes), func(t *testing.T) {
			k.Unpower()
			p := &pieces{card: k}
			c, err := card.Connect(t.Context(), p, card.ClientOptions{})
			if err != nil {
				t.Fatal(err)
			}
			p.bytes = tc.bytes
			content, err := c.ReadFile(t.Context(), card.AuthenticationCertificate)
			if tc.ok && (err != nil || len(content) < 1000) || !tc.ok && !errors.Is(err, card.ErrCardAnswer) {
				t.Errorf("%d bytes, %v", len(content), err)
			}
		})
	}
}
