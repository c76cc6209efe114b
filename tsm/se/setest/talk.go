package setest

import (
	"bytes"
	"context"

	"pgregory.net/rapid"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm/applet/stream"
)

// A Talk is an element under commands drawn at random, on the phone's side and on the server's.
type Talk struct {
	Way   apdu.Transmitter
	Ear   *Ear
	Order provisioning.Order // under way at the start
	Host  *Host              // nil without a session
}

// Plain sends a command outside any session; every status word is a result.
func (w *Talk) Plain(rt *rapid.T, c apdu.Command) apdu.Response {
	r, err := apdu.Exchange(context.Background(), w.Way, c)
	if err != nil {
		rt.Fatal(err)
	}
	return r
}

// Noise draws any command of the classes 00, 04, 80 and 84.
func (w *Talk) Noise(rt *rapid.T) {
	w.Plain(rt, apdu.Command{CLA: rapid.Byte().Draw(rt, "cla") & 0x84, INS: rapid.ByteRange(0, 0xFE).Draw(rt, "ins"), P1: rapid.Byte().Draw(rt, "p1"),
		P2: rapid.Byte().Draw(rt, "p2"), Data: noise().Draw(rt, "data"), Le: 256})
	w.Host = nil // it may have spoilt the session
}

func noise() *rapid.Generator[[]byte] { return rapid.SliceOfN(rapid.Byte(), 0, 40) }

// Session opens a session and directs it to an instance, which it may install before.
func (w *Talk) Session(rt *rapid.T, e *Element, instance []byte, install bool) {
	ctx := context.Background()
	h, err := Open(ctx, w.Way, e.Factory.Keys)
	if err == nil && install {
		err = h.Install(ctx, e.Config.Applets[0], instance)
	}
	if err == nil {
		err = h.Personalize(ctx, instance)
	}
	if w.Host = h; err != nil && StatusWord(err) == 0 {
		rt.Fatal(err)
	}
}

// Block draws a block of personalization, made to succeed or a little wrong, and sends it through the session, if there is one.
func (w *Talk) Block(rt *rapid.T) {
	if w.Host == nil {
		return
	}
	o := w.Order
	data, err := rapid.SampledFrom([]interface{ Object() ([]byte, error) }{
		stream.Generate{OrderID: o.ID, Slot: 1, Purpose: uint64(o.Purpose), Challenge: o.Challenge},
		stream.Generate{OrderID: bytes.Repeat([]byte{9}, 16), Slot: 1, Purpose: uint64(provisioning.PurposeSign), Challenge: o.Challenge},
		stream.Begin{OrderID: o.ID, Length: 100, SHA256: o.Challenge}, stream.Commit{OrderID: o.ID, SHA256: o.Challenge},
	}).Draw(rt, "object").Object()
	if err != nil {
		rt.Fatal(err)
	}
	if rapid.IntRange(0, 2).Draw(rt, "kind") == 0 {
		data = append(stream.Page(rapid.Uint16().Draw(rt, "page")), noise().Draw(rt, "noise")...)
	}
	p1 := rapid.SampledFrom([]byte{0x91, 0x91, 0x91, 0x11, 0x80, 0xF1}).Draw(rt, "p1")
	r, err := w.Host.Send(context.Background(), apdu.Command{CLA: 0x80, INS: 0xE2, P1: p1, P2: rapid.ByteRange(0, 1).Draw(rt, "p2"), Data: data, Le: 256})
	if err != nil {
		w.Host = nil // the session was ended by something on the phone's side
		return
	}
	w.Ear.Hear(r.Data)
}
