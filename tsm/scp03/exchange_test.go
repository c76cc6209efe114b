package scp03

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"mobileid/mdoc/apdu"
)

// chainCard joins chained commands and echoes, as a card without extended length does.
type chainCard struct {
	session *CardSession
	joined  []byte
	pieces  int
	refuse  apdu.Response // given to the second piece, if it has a word
	broken  error
}

func (c *chainCard) Transmit(_ context.Context, raw []byte) ([]byte, error) {
	cmd, err := apdu.ParseCommand(raw)
	if err != nil || c.broken != nil {
		return nil, errors.Join(err, c.broken)
	}
	c.joined = append(c.joined, cmd.Data...)
	c.pieces++
	if c.pieces == 2 && c.refuse.SW != 0 {
		return c.refuse.Bytes(), nil
	}
	if cmd.Chained() {
		return apdu.Response{SW: apdu.OK}.Bytes(), nil
	}
	cmd.Extended = cmd.Extended || len(c.joined) > apdu.MaxShortLc
	cmd.Data, c.joined = c.joined, nil
	plain, err := c.session.Unwrap(cmd)
	if err != nil {
		return apdu.Response{SW: apdu.SecurityStatus}.Bytes(), nil
	}
	return c.session.Wrap(apdu.Response{Data: plain.Data[:min(len(plain.Data), 100)], SW: apdu.OK}).Bytes(), nil
}

func TestChains(t *testing.T) {
	keys := goodKeys(t, 16)
	everySession(t, func(t *testing.T, o Option, l Level) {
		hs, cs := openAt(t, keys, o, l)
		card := &chainCard{session: cs}
		short := hs.MaxData(false)
		for _, n := range []int{0, 1, short, short + 1, 255, 256, 510, 511, 4000, hs.MaxData(true)} {
			for _, extended := range []bool{false, true} {
				card.pieces = 0
				data := bytes.Repeat([]byte{byte(n)}, n)
				r, err := hs.Exchange(context.Background(), card, apdu.Command{CLA: 0x80, INS: 0xE2, Data: data, Le: 256, Extended: extended})
				if err != nil || r.SW != apdu.OK || !bytes.Equal(r.Data, data[:min(n, 100)]) {
					t.Fatalf("%d bytes: %v, %v", n, r.SW, err)
				}
				if one := n <= short || extended; one != (card.pieces == 1) {
					t.Fatalf("%d bytes, extended %v: %d pieces", n, extended, card.pieces)
				}
			}
		}
		_, err := hs.Exchange(context.Background(), card, apdu.Command{CLA: 0x80, INS: 0xE2, Data: make([]byte, hs.MaxData(true)+1)})
		if !errors.Is(err, apdu.ErrTooLong) || hs.Err() != nil {
			t.Fatalf("one byte too many: %v", err)
		}
	})
}

func TestE2Pieces(t *testing.T) {
	keys := goodKeys(t, 16)
	long := apdu.Command{CLA: 0x80, INS: 0xE2, Data: make([]byte, 1000), Le: 256}
	for _, tc := range []struct {
		name   string
		answer apdu.Response
		want   error
		sw     apdu.SW
	}{
		{"error word", apdu.Response{SW: apdu.ChainingUnsupported}, nil, apdu.ChainingUnsupported},
		{"error word with data", apdu.Response{Data: []byte{1}, SW: apdu.ChainingUnsupported}, ErrResponse, 0},
		{"warning", apdu.Response{SW: apdu.WarnUnchanged}, ErrResponse, 0},
		{"data", apdu.Response{Data: []byte("early"), SW: apdu.OK}, ErrResponse, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			everySession(t, func(t *testing.T, o Option, l Level) {
				hs, cs := openAt(t, keys, o, l)
				card := &chainCard{session: cs, refuse: tc.answer}
				r, err := hs.Exchange(context.Background(), card, long)
				if card.pieces != 2 {
					t.Fatalf("%d pieces sent", card.pieces)
				}
				if tc.want != nil {
					wantEnded(t, hs, err, tc.want)
					return
				}
				if err != nil || r.SW != tc.sw {
					t.Fatalf("%v, %v", r.SW, err)
				}
			})
		})
	}
	hs, cs := openAt(t, keys, OptionPseudoRandom, Full)
	lost := errors.New("reader gone")
	if _, err := hs.Exchange(context.Background(), &chainCard{session: cs, broken: lost}, long); !errors.Is(err, lost) {
		t.Fatalf("got %v", err)
	}
}

// 6Cxx is followed once, with a Le of its own; a card that repeats it is let be.
func TestWrongLeTwice(t *testing.T) {
	p := &peer{keys: goodKeys(t, 16), dialect: dialect{wantsLe: true}}
	s, err := openPeerCard(t, p, HostConfig{}, Full)
	if err != nil {
		t.Fatal(err)
	}
	c := apdu.Command{CLA: 0x80, INS: 0xCA, Data: make([]byte, 200), Le: 3}
	r, err := s.Exchange(context.Background(), p, c)
	if err != nil || len(r.Data) != 203 || p.counter != 2 {
		t.Fatalf("%v, %v after %d commands", r.SW, err, p.counter)
	}
	stubborn := transmitter(func(command []byte) []byte { return []byte{0x6C, 0x00} })
	if r, err = s.Exchange(context.Background(), stubborn, c); err != nil || r.SW != 0x6C00 {
		t.Fatalf("%v, %v", r.SW, err)
	}
}

// A relay that puts 6C10 in place of an answer has the host send what reads once more, and nothing else: the card takes every
// other command once, and the host is told the word.
func TestE2ForgedWrongLe(t *testing.T) {
	keys, once, twice := goodKeys(t, 16), 0, 0
	everySession(t, func(t *testing.T, o Option, l Level) {
		for _, tc := range []struct {
			name  string
			c     apdu.Command
			taken int
		}{
			{"GET DATA", apdu.Command{CLA: 0x80, INS: 0xCA, P2: 0x66, Le: 256}, 2},
			{"GET DATA with a list", apdu.Command{CLA: 0x80, INS: 0xCB, Data: []byte{0x5C, 0}, Le: 256}, 2},
			{"GET STATUS, first page", apdu.Command{CLA: 0x80, INS: 0xF2, P1: 0x40, P2: 0x02, Data: []byte{0x4F, 0}, Le: 256}, 2},
			{"GET STATUS, next page", apdu.Command{CLA: 0x80, INS: 0xF2, P1: 0x40, P2: 0x03, Data: []byte{0x4F, 0}, Le: 256}, 1},
			{"GET DATA that wants nothing", apdu.Command{CLA: 0x80, INS: 0xCA, P2: 0x66}, 1},
			{"STORE DATA", apdu.Command{CLA: 0x80, INS: 0xE2, Data: []byte("stored"), Le: 256}, 1},
			{"STORE DATA without Le", apdu.Command{CLA: 0x80, INS: 0xE2, Data: []byte("stored")}, 1},
			{"INSTALL", apdu.Command{CLA: 0x80, INS: 0xE6, Data: []byte("install"), Le: 256}, 1},
			{"LOAD", apdu.Command{CLA: 0x80, INS: 0xE8, Data: []byte("load"), Le: 256}, 1},
			{"DELETE", apdu.Command{CLA: 0x80, INS: 0xE4, Data: []byte("delete"), Le: 256}, 1},
			{"PUT KEY", apdu.Command{CLA: 0x80, INS: 0xD8, Data: []byte("key"), Le: 256}, 1},
			{"SET STATUS", apdu.Command{CLA: 0x80, INS: 0xF0, Data: []byte("status"), Le: 256}, 1},
			{"of an applet", apdu.Command{CLA: 0x80, INS: 0x10, Le: 256}, 1},
		} {
			hs, cs := openAt(t, keys, o, l)
			taken := 0
			relay := transmitter(func(raw []byte) []byte {
				c, err := apdu.ParseCommand(raw)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := cs.Unwrap(c); err != nil {
					t.Fatalf("%s: %v", tc.name, err)
				}
				if taken++; taken > 1 {
					return cs.Wrap(apdu.Response{SW: apdu.OK}).Bytes()
				}
				return []byte{0x6C, 0x10}
			})
			r, err := hs.Exchange(context.Background(), relay, tc.c)
			want := map[int]apdu.SW{1: 0x6C10, 2: apdu.OK}[tc.taken]
			if err != nil || taken != tc.taken || r.SW != want {
				t.Errorf("%s: taken %d times, %v, %v", tc.name, taken, r.SW, err)
			}
			once += tc.taken & 1
			twice += tc.taken >> 1
		}
	})
	t.Logf("E2: %d answers replaced by 6C10: %d commands that only read sent again, %d of other kinds never", once+twice, twice, once)
	if once != 100 || twice != 30 {
		t.Error("some commands are not accounted for")
	}
}

type transmitter func(command []byte) []byte

func (f transmitter) Transmit(_ context.Context, command []byte) ([]byte, error) {
	return f(command), nil
}
