package se_test

import (
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
	"mobileid/tsm/scp03"
	"mobileid/tsm/se"
)

// sink is an applet that buffers what it gets, as an applet does before it commits.
type sink struct{ echo }

func (k sink) New(*se.Platform) se.Applet { return &sinkApplet{buffer: make([]byte, 0, 64<<10)} }

type sinkApplet struct {
	echoApplet
	buffer []byte
}

func (a *sinkApplet) StoreData(b gp.Block) apdu.Response {
	if b.Number == 0 {
		a.buffer = a.buffer[:0]
	}
	a.buffer = append(a.buffer, b.Data...)
	return apdu.Response{SW: apdu.OK}
}

// BenchmarkStoreData is a wrapped command of 239 bytes through the element, with what the host does on both ways.
func BenchmarkStoreData(b *testing.B) {
	e := newElement(b)
	e.Factory.Keys = scp03.Keys{ENC: e.Factory.Keys.ENC[:16], MAC: e.Factory.Keys.MAC[:16], DEK: e.Factory.Keys.DEK[:16], Version: 0x30}
	e.Again(b)
	s := open(b, e, se.Config{Applets: []se.Kind{sink{}}})
	isd := drive(b, s, e.Factory.Keys, gp.ISD)
	isd.install(1, apdu.OK)
	h, err := scp03.NewHost(e.Factory.Keys, nil)
	if err != nil {
		b.Fatal(err)
	}
	send(b, s, gp.Select(gp.ISD))
	external, session, err := h.Authenticate(send(b, s, h.InitializeUpdate()), scp03.Full)
	if err != nil {
		b.Fatal(err)
	}
	if err := session.Opened(send(b, s, external)); err != nil {
		b.Fatal(err)
	}
	ctx := b.Context()
	wrapped, plain, wire := make([]byte, 0, 512), make([]byte, 0, 512), make([]byte, 0, 512)
	exchange := func(c apdu.Command) {
		w, ticket, err := session.AppendWrap(wrapped[:0], c)
		if err != nil {
			b.Fatal(err)
		}
		out, err := w.AppendTo(wire[:0])
		if err != nil {
			b.Fatal(err)
		}
		answer, err := s.Transmit(ctx, out)
		if err != nil {
			b.Fatal(err)
		}
		r, err := apdu.ParseResponse(answer)
		if err == nil {
			r, err = session.AppendUnwrap(plain[:0], ticket, r)
		}
		if err != nil || r.SW != apdu.OK {
			b.Fatal(r.SW, err)
		}
	}
	exchange(built(b, gp.Personalize{Instance: instance(1)}))
	block := apdu.Command{CLA: 0x80, INS: 0xE2, P1: 0x10, Data: make([]byte, gp.BlockSize)}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		block.P2 = byte(i)
		exchange(block)
	}
}
