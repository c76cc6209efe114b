package vpcd_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"mobileid/mdoc/apdu/vpcd"
)

var command = []byte{0, 0xB0, 0, 0, 0}

func TestSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := vpcd.Misbehave(&card{}, nil, vpcd.Slow(time.Minute))
		before := time.Now()
		if _, err := k.Transmit(t.Context(), command); err != nil || time.Since(before) != time.Minute {
			t.Errorf("answered after %v, %v", time.Since(before), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := k.Transmit(ctx, command); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("cut off: %v", err)
		}
	})
}

func TestRemoveAfter(t *testing.T) {
	k := vpcd.Misbehave(&card{}, vpcd.RemoveAfter(2))
	for stay := range 3 {
		for i := range 2 {
			if _, err := k.Transmit(t.Context(), command); err != nil {
				t.Errorf("stay %d, command %d: %v", stay, i, err)
			}
		}
		if _, err := k.Transmit(t.Context(), command); !errors.Is(err, vpcd.ErrPulled) {
			t.Errorf("stay %d: %v", stay, err)
		}
	}
	if _, err := vpcd.Misbehave(&card{}, vpcd.RemoveAfter(0)).Transmit(t.Context(), command); !errors.Is(err, vpcd.ErrPulled) {
		t.Errorf("at once: %v", err)
	}
}

// What the random bytes decide, case by case.
func TestFlaky(t *testing.T) {
	whole := append(bytes.Clone(command), 0x90, 0x00)
	turned := bytes.Clone(whole)
	turned[3] ^= 1
	for _, tc := range []struct {
		name string
		dice []byte
		want []byte
		err  error
	}{
		{"good", []byte{16, 0}, whole, nil},
		{"taken out", []byte{15, 0}, nil, vpcd.ErrPulled},
		{"6F00", []byte{0, 1}, []byte{0x6F, 0}, nil},
		{"cut", []byte{0, 2}, whole[:1], nil},
		{"one bit turned", []byte{0, 3}, turned, nil},
		{"twice", []byte{0, 4}, append(bytes.Clone(whole), whole...), nil},
		{"no more random", nil, whole, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := vpcd.Misbehave(&card{}, vpcd.Flaky(bytes.NewReader(tc.dice))).Transmit(t.Context(), command)
			if !bytes.Equal(got, tc.want) || !errors.Is(err, tc.err) {
				t.Errorf("% X, %v", got, err)
			}
		})
	}
	for _, answer := range [][]byte{nil, {}} {
		k := &card{answer: func([]byte) ([]byte, error) { return answer, nil }}
		if got, err := vpcd.Misbehave(k, vpcd.Flaky(bytes.NewReader([]byte{0, 4}))).Transmit(t.Context(), command); len(got) > 0 || err != nil {
			t.Errorf("an empty answer: % X, %v", got, err)
		}
	}
}

// About one command in 16 is spoiled, and the same random spoils the same ones.
func TestFlakyIsRepeatable(t *testing.T) {
	run := func() (spoiled []int) {
		k := vpcd.Misbehave(&card{}, vpcd.Flaky(&sequence{}))
		for i := range 1600 {
			if got, err := k.Transmit(t.Context(), command); err != nil || !bytes.Equal(got, append(bytes.Clone(command), 0x90, 0x00)) {
				spoiled = append(spoiled, i)
			}
		}
		return spoiled
	}
	first, second := run(), run()
	if len(first) < 60 || len(first) > 140 {
		t.Errorf("%d of 1600 spoiled", len(first))
	}
	if len(first) != len(second) || first[0] != second[0] || first[len(first)-1] != second[len(second)-1] {
		t.Error("two runs differ")
	}
}

// sequence is a fixed sequence of bytes (a linear congruence).
type sequence struct{ x uint32 }

func (s *sequence) Read(b []byte) (int, error) {
	for i := range b {
		s.x = s.x*1664525 + 1013904223
		b[i] = byte(s.x >> 24)
	}
	return len(b), nil
}

var _ io.Reader = (*sequence)(nil)
