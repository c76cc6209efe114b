package scp03

import (
	"fmt"
	"testing"

	"mobileid/mdoc/apdu"
)

// One message costs one allocation: the bytes it returns.
func TestAllocations(t *testing.T) {
	_, _, hs, cs := openPair(t, goodKeys(t, 16))
	c := apdu.Command{CLA: 0x80, INS: 0xE2, Data: make([]byte, MaxShortData)}
	var err error
	got := testing.AllocsPerRun(200, func() {
		w, ticket, e := hs.Wrap(c)
		if e != nil {
			err = e
			return
		}
		p, e := cs.Unwrap(w)
		if e != nil {
			err = e
			return
		}
		if _, e := hs.Unwrap(ticket, cs.Wrap(apdu.Response{Data: p.Data, SW: apdu.OK})); e != nil {
			err = e
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if got > 4 {
		t.Errorf("%v allocations for two messages there and back, want 4", got)
	}
}

func BenchmarkExchange(b *testing.B) {
	for _, size := range []int{16, 32} {
		b.Run(fmt.Sprintf("AES-%d", 8*size), func(b *testing.B) {
			_, _, hs, cs := openPair(b, goodKeys(b, size))
			c := apdu.Command{CLA: 0x80, INS: 0xE2, Data: make([]byte, MaxShortData)}
			b.ReportAllocs()
			for b.Loop() {
				w, ticket, err := hs.Wrap(c)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := cs.Unwrap(w); err != nil {
					b.Fatal(err)
				}
				if _, err := hs.Unwrap(ticket, cs.Wrap(apdu.Response{SW: apdu.OK})); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkHandshake(b *testing.B) {
	keys := goodKeys(b, 32)
	card := newTestCard(b, &memorySet{keys: keys})
	b.ReportAllocs()
	for b.Loop() {
		openWith(b, keys, card)
		card.cfg.Keys.(*memorySet).state.Counter = 0
		card.cfg.Keys.(*memorySet).stored = nil
	}
}
