package apdu_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"mobileid/mdoc/apdu"
)

// script is a card that expects commands in order.
type script struct {
	t     *testing.T
	steps [][2]string // command, response
	err   error       // returned after the last step
}

func (s *script) Transmit(_ context.Context, command []byte) ([]byte, error) {
	if len(s.steps) == 0 {
		if s.err == nil {
			s.t.Errorf("unexpected command %X", command)
		}
		return nil, s.err
	}
	step := s.steps[0]
	s.steps = s.steps[1:]
	if got := strings.ToUpper(hex.EncodeToString(command)); got != step[0] {
		s.t.Errorf("command %s, want %s", got, step[0])
	}
	return unhex(s.t, step[1]), nil
}

func TestExchange(t *testing.T) {
	read := apdu.Command{INS: 0xB0, Le: 256}
	for _, tc := range []struct {
		name  string
		c     apdu.Command
		steps [][2]string
		data  string
		sw    apdu.SW
	}{
		{"plain", read, [][2]string{{"00B0000000", "01029000"}}, "0102", apdu.OK},
		{"error word is a result", read, [][2]string{{"00B0000000", "6982"}}, "", apdu.SecurityStatus},
		{"wrong Le", read, [][2]string{{"00B0000000", "6C02"}, {"00B0000002", "01029000"}}, "0102", apdu.OK},
		{"wrong Le 00", apdu.Command{INS: 0xB0, Le: 1}, [][2]string{{"00B0000001", "6C00"}, {"00B0000000", "019000"}}, "01", apdu.OK},
		{"wrong Le twice", read, [][2]string{{"00B0000000", "6C02"}, {"00B0000002", "6C03"}}, "", 0x6C03},
		{"wrong Le when protected", apdu.Command{CLA: 0x84, INS: 0xCA, Le: 256}, [][2]string{{"84CA000000", "6C02"}}, "", 0x6C02},
		{"pieces", read, [][2]string{{"00B0000000", "0102" + "6102"}, {"00C0000002", "0304" + "6100"}, {"00C0000000", "05" + "6282"}}, "0102030405", apdu.WarnEndOfFile},
		{"pieces of a protected answer", apdu.Command{CLA: 0x84, INS: 0xF2, Le: 256}, [][2]string{{"84F2000000", "6101"}, {"84C0000001", "AA9000"}}, "AA", apdu.OK},
		{"pieces of a chain", apdu.Command{CLA: 0x90, INS: 0xF2, Le: 256}, [][2]string{{"90F2000000", "6101"}, {"80C0000001", "AA9000"}}, "AA", apdu.OK},
		{"GET RESPONSE with the right Le", read, [][2]string{{"00B0000000", "6105"}, {"00C0000005", "6C01"}, {"00C0000001", "AA9000"}}, "AA", apdu.OK},
	} {
		t.Run(tc.name, func(t *testing.T) {
			card := &script{t: t, steps: tc.steps}
			r, err := apdu.Exchange(t.Context(), card, tc.c)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(r.Data, unhex(t, tc.data)) || r.SW != tc.sw || len(card.steps) != 0 {
				t.Fatalf("got %X %v, %d steps left", r.Data, r.SW, len(card.steps))
			}
		})
	}
}

func TestExchangeFails(t *testing.T) {
	pulled := errors.New("card pulled")
	read := apdu.Command{INS: 0xB0, Le: 256}
	for _, tc := range []struct {
		name  string
		c     apdu.Command
		steps [][2]string
		want  error
	}{
		{"card pulled at once", read, nil, pulled},
		{"card pulled between pieces", read, [][2]string{{"00B0000000", "016101"}}, pulled},
		{"card pulled after 6C", read, [][2]string{{"00B0000000", "6C01"}}, pulled},
		{"no status word", read, [][2]string{{"00B0000000", "01"}}, apdu.ErrLength},
		{"command that cannot be encoded", apdu.Command{Le: 300}, nil, apdu.ErrTooLong},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := apdu.Exchange(t.Context(), &script{t: t, steps: tc.steps, err: pulled}, tc.c)
			if !errors.Is(err, tc.want) {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
		})
	}
}

func TestExchangeCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := apdu.Exchange(ctx, &script{t: t}, apdu.Command{}); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
}

// answers is a card that says the same for ever.
type answers []byte

func (a answers) Transmit(context.Context, []byte) ([]byte, error) { return a, nil }

func TestExchangeEndsWithHostileCards(t *testing.T) {
	full := append(bytes.Repeat([]byte{0x41}, 60000), 0x61, 0x00)
	for _, tc := range []struct {
		name string
		card answers
		want error
	}{
		{"more for ever, nothing in it", answers{0x61, 0x10}, nil},
		{"more for ever", full, apdu.ErrResponseTooLong},
		{"one byte for ever", answers{0x41, 0x61, 0x01}, apdu.ErrResponseTooLong},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := apdu.Exchange(t.Context(), tc.card, apdu.Command{INS: 0xB0, Le: 256})
			if err == nil || tc.want != nil && !errors.Is(err, tc.want) {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
		})
	}
}

func TestTap(t *testing.T) {
	var seen []string
	tap := apdu.Tap{
		Transmitter: &script{t: t, steps: [][2]string{{"00B0000000", "6C01"}, {"00B0000001", "AA9000"}}},
		Seen: func(c, r []byte, err error) {
			seen = append(seen, hex.EncodeToString(c)+" "+hex.EncodeToString(r))
		},
	}
	if _, err := apdu.Exchange(t.Context(), tap, apdu.Command{INS: 0xB0, Le: 256}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(seen, ", "); got != "00b0000000 6c01, 00b0000001 aa9000" {
		t.Fatalf("saw %s", got)
	}
	if _, err := (apdu.Tap{Transmitter: answers{0x90, 0x00}}).Transmit(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
}
