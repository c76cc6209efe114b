package receiver_test

import (
	"bytes"
	"crypto/sha256"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/applet/receiver"
	"mobileid/tsm/applet/stream"
	"mobileid/tsm/gp"
)

// program notes what it was asked and answers with fixed bytes.
type program struct {
	locked, done bool
	committed    []byte
	commits      int
}

func (p *program) Refuses() bool { return p.locked }
func (p *program) Generate(stream.Generate) ([]byte, apdu.SW) {
	return bytes.Repeat([]byte{7}, stream.PageSize+10), apdu.OK
}

func (p *program) Begin(orderID []byte) (bool, apdu.SW) {
	if orderID[0] != 1 {
		return false, apdu.Conditions
	}
	return p.done, apdu.OK
}

func (p *program) Repeat(stream.Commit) ([]byte, bool, apdu.SW) {
	return []byte("receipt"), p.done, apdu.OK
}

func (p *program) Commit(_, sealed, _ []byte) ([]byte, apdu.SW) {
	p.committed, p.done = bytes.Clone(sealed), true
	p.commits++
	return []byte("receipt"), apdu.OK
}

func (p *program) Wipe(stream.Wipe) ([]byte, apdu.SW) { return []byte("wiped"), apdu.OK }

func id(b byte) []byte { return bytes.Repeat([]byte{b}, stream.OrderIDSize) }

func object(t *testing.T, raw []byte, err error) []byte {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func generate(t *testing.T) []byte {
	t.Helper()
	raw, err := stream.Generate{OrderID: id(1), Slot: 1, Purpose: 1, Challenge: make([]byte, 32)}.Object()
	return object(t, raw, err)
}

func deliver(t *testing.T, order byte, sealed []byte) []byte {
	t.Helper()
	d := sha256.Sum256(sealed)
	raw, err := stream.Deliver(id(order), sealed, d[:])
	return object(t, raw, err)
}

// announced is a delivery of ten zeros under the digests that begin and commit name.
func announced(t *testing.T, begins, commits [32]byte) []byte {
	t.Helper()
	begin, err := stream.Begin{OrderID: id(1), Length: 10, SHA256: begins[:]}.Object()
	out := apdu.AppendTLV(object(t, begin, err), stream.TagSealed, make([]byte, 10))
	commit, err := stream.Commit{OrderID: id(1), SHA256: commits[:]}.Object()
	return append(out, object(t, commit, err)...)
}

func block(number byte, last bool, data []byte) gp.Block {
	return gp.Block{Number: number, Last: last, BERTLV: true, Answer: true, Data: data}
}

func want(t *testing.T, r apdu.Response, sw apdu.SW, data string) {
	t.Helper()
	if r.SW != sw || data != "" && string(r.Data) != data {
		t.Errorf("%v with %d bytes, expected %v", r.SW, len(r.Data), sw)
	}
}

func TestBlocks(t *testing.T) {
	p := &program{}
	r := &receiver.Receiver{Program: p}
	sealed := make([]byte, 600)
	for i := range sealed {
		sealed[i] = byte(i)
	}
	whole := deliver(t, 1, sealed)
	want(t, r.Block(block(0, false, whole[:200])), apdu.OK, "")
	want(t, r.Block(block(1, false, whole[200:400])), apdu.OK, "")
	want(t, r.Block(block(1, false, whole[200:400])), apdu.OK, "")         // the same again
	want(t, r.Block(block(1, false, whole[201:401])), apdu.Conditions, "") // other bytes, which change nothing
	want(t, r.Block(block(2, true, whole[400:])), apdu.OK, "receipt")
	want(t, r.Block(block(2, true, whole[400:])), apdu.OK, "receipt")
	if !bytes.Equal(p.committed, sealed) || p.commits != 1 {
		t.Errorf("%d bytes committed, %d times", len(p.committed), p.commits)
	}
	ten := &program{}
	want(t, (&receiver.Receiver{Program: ten}).Block(block(0, true, announced(t, sha256.Sum256(make([]byte, 10)), sha256.Sum256(make([]byte, 10))))), apdu.OK, "receipt")
	// The order again: counted, dropped, answered as before.
	want(t, r.Block(block(0, true, whole)), apdu.OK, "receipt")
	if p.commits != 1 {
		t.Error("committed a second time")
	}
}

func TestFaults(t *testing.T) {
	sealed := bytes.Repeat([]byte{9}, 300)
	cut := deliver(t, 1, sealed)
	begin, err := stream.Begin{OrderID: id(1), Length: 10, SHA256: make([]byte, 32)}.Object()
	short := object(t, begin, err)
	commit, err := stream.Commit{OrderID: id(1), SHA256: make([]byte, 32)}.Object()
	early := object(t, commit, err)
	right, other := sha256.Sum256(make([]byte, 10)), sha256.Sum256(make([]byte, 11))
	for name, c := range map[string]struct {
		blocks []gp.Block
		sw     apdu.SW
	}{
		"no BER-TLV":                  {[]gp.Block{{Last: true, Data: generate(t)}}, apdu.WrongParameters},
		"encrypted":                   {[]gp.Block{{Last: true, BERTLV: true, Encrypted: true, Data: generate(t)}}, apdu.WrongParameters},
		"begins at 1":                 {[]gp.Block{block(1, true, generate(t))}, apdu.Conditions},
		"a gap":                       {[]gp.Block{block(0, false, cut[:100]), block(2, true, cut[100:])}, apdu.Conditions},
		"ends inside":                 {[]gp.Block{block(0, true, cut[:100])}, apdu.WrongData},
		"unknown tag":                 {[]gp.Block{block(0, true, []byte{0xDF, 0x77, 0})}, apdu.WrongData},
		"empty generate":              {[]gp.Block{block(0, true, []byte{0xDF, 0x01, 0})}, apdu.WrongData},
		"page before generate":        {[]gp.Block{block(0, true, stream.Page(0))}, apdu.Conditions},
		"long page offset":            {[]gp.Block{block(0, true, []byte{0xDF, 0x02, 3, 0, 0, 0})}, apdu.WrongData},
		"sealed before begin":         {[]gp.Block{block(0, true, apdu.AppendTLV(nil, stream.TagSealed, []byte{1}))}, apdu.Conditions},
		"commit before begin":         {[]gp.Block{block(0, true, early)}, apdu.Conditions},
		"more than announced":         {[]gp.Block{block(0, true, apdu.AppendTLV(short, stream.TagSealed, make([]byte, 11)))}, apdu.WrongData},
		"less than announced":         {[]gp.Block{block(0, true, append(apdu.AppendTLV(short, stream.TagSealed, make([]byte, 9)), early...))}, apdu.WrongData},
		"begin names another digest":  {[]gp.Block{block(0, true, announced(t, other, right))}, apdu.WrongData},
		"commit names another digest": {[]gp.Block{block(0, true, announced(t, right, other))}, apdu.WrongData},
		"both name another digest":    {[]gp.Block{block(0, true, announced(t, other, other))}, apdu.WrongData},
		"another order":               {[]gp.Block{block(0, true, deliver(t, 2, sealed))}, apdu.Conditions},
	} {
		t.Run(name, func(t *testing.T) {
			p := &program{}
			r := &receiver.Receiver{Program: p}
			var last apdu.Response
			for _, b := range c.blocks {
				last = r.Block(b)
			}
			want(t, last, c.sw, "")
			if p.commits != 0 {
				t.Error("committed")
			}
			want(t, r.Block(block(0, true, generate(t))), apdu.OK, "") // a block 00 is taken again
		})
	}
}

// Pages are read in order or by offset; a sequence is forgotten with its session.
func TestPages(t *testing.T) {
	p := &program{}
	r := &receiver.Receiver{Program: p}
	first := r.Block(block(0, true, generate(t)))
	if len(first.Data) != stream.PageSize {
		t.Fatalf("first page of %d bytes", len(first.Data))
	}
	if next := r.Block(block(0, true, []byte{0xDF, 0x02, 0})); len(next.Data) != 10 {
		t.Errorf("next page of %d bytes", len(next.Data))
	}
	if beyond := r.Block(block(0, true, stream.Page(60_000))); len(beyond.Data) != 0 || beyond.SW != apdu.OK {
		t.Errorf("beyond the end: %d bytes", len(beyond.Data))
	}
	r.End()
	want(t, r.Block(block(0, true, stream.Page(0))), apdu.Conditions, "")
}

// A locked instance is wiped and nothing else.
func TestLocked(t *testing.T) {
	r := &receiver.Receiver{Program: &program{locked: true}}
	want(t, r.Block(block(0, true, generate(t))), apdu.Conditions, "")
	wipe, err := stream.Wipe{OrderID: id(1)}.Object()
	want(t, r.Block(block(0, true, object(t, wipe, err))), apdu.OK, "wiped")
}
