package pcsctest_test

import (
	"context"
	"testing"
	"time"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/apdu/pcsc"
	"mobileid/mdoc/apdu/pcsctest"
)

// echo is a card that answers with the command's data.
type echo struct{ atr []byte }

func (echo) Transmit(_ context.Context, c []byte) ([]byte, error) {
	p, err := apdu.ParseCommand(c)
	if err != nil {
		return apdu.Response{SW: apdu.WrongLength}.Bytes(), nil
	}
	if p.INS == 0xB0 {
		return apdu.Response{Data: make([]byte, min(p.Le, 65000)), SW: apdu.OK}.Bytes(), nil
	}
	return apdu.Response{Data: p.Data, SW: apdu.OK}.Bytes(), nil
}
func (echo) Unpower()      {}
func (echo) Reset()        {}
func (e echo) ATR() []byte { return e.atr }

var goodATR = []byte{0x3B, 0xDA, 0x13, 0xFF, 0x81, 0x31, 0xFB, 0x46, 0x80, 0x12, 0x39, 0x2F, 0x31, 0xC1, 0x73, 0xC6, 0x01, 0xC0, 0x3B}

func TestDaemon(t *testing.T) {
	d := pcsctest.Run(t)
	ctx := t.Context()
	s, err := d.Insert(ctx, echo{goodATR})
	if err != nil {
		t.Fatal(err)
	}
	r, err := d.Client().WaitCard(ctx, d.Reader)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", r)
	k, err := d.Client().Connect(ctx, r.Name, pcsc.ConnectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, le := range []int{256, 65536} {
		ms, err := pcsctest.Measure(ctx, k, apdu.Command{INS: 0xB0, Le: le, Extended: le > 256}, 200, time.Now)
		t.Log(ms, err)
	}
	t.Logf("%X", k.ATR())
	if err := k.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Remove(ctx); err != nil {
		t.Error(err)
	}
}
