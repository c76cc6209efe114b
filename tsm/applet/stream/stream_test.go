package stream

import (
	"bytes"
	"errors"
	"testing"

	"mobileid/mdoc/apdu"
)

var (
	testOrder  = bytes.Repeat([]byte{0xA1}, OrderIDSize)
	testDigest = bytes.Repeat([]byte{0x5C}, DigestSize)
)

type seen struct {
	tag   uint32
	value []byte
}

// collect feeds the stream in blocks of the given size.
func collect(t *testing.T, p *Parser, data []byte, size int) []seen {
	t.Helper()
	var out []seen
	for len(data) > 0 {
		n := min(size, len(data))
		if err := p.Feed(data[:n], func(tag uint32, value []byte) error {
			out = append(out, seen{tag, value})
			return nil
		}); err != nil {
			t.Fatalf("block size %d: %v", size, err)
		}
		data = data[n:]
	}
	return out
}

func TestDeliverCutAnywhere(t *testing.T) {
	sealed := bytes.Repeat([]byte{1, 2, 3, 4, 5}, 700)
	data, err := Deliver(testOrder, sealed, testDigest)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{1, 2, 3, 7, 16, 223, 239, 1000, len(data)} {
		var p Parser
		got := collect(t, &p, data, size)
		if p.Inside() || len(got) != 3 {
			t.Fatalf("block size %d: %d objects, open %v", size, len(got), p.Inside())
		}
		begin, err := ParseBegin(got[0].value)
		if err != nil || got[0].tag != TagBegin || begin.Length != uint64(len(sealed)) || !bytes.Equal(begin.OrderID, testOrder) {
			t.Errorf("block size %d: begin %X %v", size, got[0].tag, err)
		}
		if got[1].tag != TagSealed || !bytes.Equal(got[1].value, sealed) {
			t.Errorf("block size %d: sealed bytes differ", size)
		}
		commit, err := ParseCommit(got[2].value)
		if err != nil || got[2].tag != TagCommit || !bytes.Equal(commit.SHA256, testDigest) {
			t.Errorf("block size %d: commit %X %v", size, got[2].tag, err)
		}
	}
}

// The coding written out by hand after RFC 8949: keys in the order of the structure.
func TestGenerateBytes(t *testing.T) {
	g := Generate{OrderID: testOrder, Slot: 3, Purpose: 2, Challenge: testDigest}
	got, err := g.Object()
	if err != nil {
		t.Fatal(err)
	}
	want := []byte{0xDF, 0x01, 1 + 8 + 17 + 5 + 1 + 8 + 1 + 10 + 34} // tag, length
	want = append(want, 0xA4)                                        // map(4)
	want = append(append(want, 0x67), "orderID"...)                  // text(7)
	want = append(append(want, 0x50), testOrder...)                  // bytes(16)
	want = append(append(want, 0x64), "slot"...)                     // text(4)
	want = append(want, 0x03)                                        // 3
	want = append(append(want, 0x67), "purpose"...)                  // text(7)
	want = append(want, 0x02)                                        // 2
	want = append(append(want, 0x69), "challenge"...)                // text(9)
	want = append(append(want, 0x58, 32), testDigest...)             // bytes(32)
	if !bytes.Equal(got, want) {
		t.Fatalf("DF01 is\n%X, expected\n%X", got, want)
	}
	tlv, rest, err := apdu.ParseTLV(got)
	if err != nil || len(rest) != 0 {
		t.Fatal(err)
	}
	back, err := ParseGenerate(tlv.Value)
	if err != nil || back.Slot != 3 || back.Purpose != 2 || !bytes.Equal(back.Challenge, testDigest) {
		t.Fatalf("read back %+v: %v", back, err)
	}
}

func TestObjectsRefused(t *testing.T) {
	generate := func(change func(*Generate)) error {
		g := Generate{OrderID: testOrder, Slot: 1, Purpose: 1, Challenge: testDigest}
		change(&g)
		_, err := g.Object()
		return err
	}
	cases := map[string]error{
		"order id of 15 bytes": generate(func(g *Generate) { g.OrderID = g.OrderID[:15] }),
		"challenge of 31":      generate(func(g *Generate) { g.Challenge = g.Challenge[:31] }),
		"slot 0":               generate(func(g *Generate) { g.Slot = 0 }),
		"slot 16":              generate(func(g *Generate) { g.Slot = 16 }),
		"purpose 0":            generate(func(g *Generate) { g.Purpose = 0 }),
		"purpose 3":            generate(func(g *Generate) { g.Purpose = 3 }),
	}
	_, cases["begin without bytes"] = Begin{OrderID: testOrder, SHA256: testDigest}.Object()
	_, cases["begin over the bound"] = Begin{OrderID: testOrder, SHA256: testDigest, Length: MaxSealed + 1}.Object()
	_, cases["commit without digest"] = Commit{OrderID: testOrder}.Object()
	_, cases["wipe without order"] = Wipe{}.Object()
	_, cases["wipe with a wrong key"] = ParseWipe([]byte{0xA1, 0x61, 'x', 0x00})
	_, cases["wipe that is no map"] = ParseWipe([]byte{0x80})
	_, cases["generate of 257 bytes"] = ParseGenerate(make([]byte, MaxControl+1))
	_, _, cases["page offset of one byte"] = ParsePage([]byte{1})
	for name, err := range cases {
		t.Run(name, func(t *testing.T) {
			if !errors.Is(err, ErrObject) {
				t.Errorf("got %v, expected ErrObject", err)
			}
		})
	}
}

func TestParserRefuses(t *testing.T) {
	cases := map[string][]byte{
		"unknown tag":            {0xDF, 0x03, 0x00},
		"indefinite length":      {0xDF, 0x01, 0x80},
		"padding":                {0x00, 0x00},
		"generate too long":      {0xDF, 0x01, 0x82, 0x01, 0x01},
		"sealed over the bound":  {0xDF, 0x15, 0x83, 0x01, 0x00, 0x52},
		"claimed two gigabytes":  {0xDF, 0x15, 0x84, 0x7F, 0xFF, 0xFF, 0xFF},
		"length not at shortest": {0xDF, 0x02, 0x81, 0x02, 0x00, 0x00},
	}
	for name, data := range cases {
		t.Run(name, func(t *testing.T) {
			var p Parser
			err := p.Feed(data, func(uint32, []byte) error { t.Error("an object came out"); return nil })
			if err == nil || p.Inside() {
				t.Errorf("accepted: %v, open %v", err, p.Inside())
			}
		})
	}
}

func TestSlotOf(t *testing.T) {
	for slot := byte(1); slot <= MaxSlot; slot++ {
		if got, err := SlotOf(InstanceAID(slot)); err != nil || got != slot {
			t.Errorf("slot %d: %d, %v", slot, got, err)
		}
	}
	for _, aid := range [][]byte{nil, LoadFileAID(), InstanceAID(0), InstanceAID(16), append(InstanceAID(1), 0), bytes.Repeat([]byte{0xF0}, 9)} {
		if _, err := SlotOf(aid); err == nil {
			t.Errorf("%X taken for an instance", aid)
		}
	}
}

func FuzzParser(f *testing.F) {
	data, err := Deliver(testOrder, testDigest, testDigest)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data, 7)
	f.Add(Page(239), 1)
	f.Add([]byte{0xDF, 0x15, 0x83, 0x01, 0x00, 0x51, 0x00}, 3)
	f.Fuzz(func(t *testing.T, data []byte, size int) {
		if size < 1 {
			size = 1
		}
		// However the stream is cut, the same objects come out, up to the first fault.
		whole, wholeErr := drain(data, len(data)+1)
		cut, cutErr := drain(data, size)
		if (wholeErr == nil) != (cutErr == nil) || !bytes.Equal(whole, cut) {
			t.Fatalf("cut in %d: %v / %v, %d / %d bytes", size, wholeErr, cutErr, len(whole), len(cut))
		}
		for _, parse := range []func([]byte) error{
			func(b []byte) error { _, err := ParseGenerate(b); return err },
			func(b []byte) error { _, err := ParseBegin(b); return err },
			func(b []byte) error { _, err := ParseCommit(b); return err },
			func(b []byte) error { _, err := ParseWipe(b); return err },
			func(b []byte) error { _, _, err := ParsePage(b); return err },
		} {
			if err := parse(data); err != nil && !errors.Is(err, ErrObject) {
				t.Fatalf("untyped error: %v", err)
			}
		}
	})
}

func drain(data []byte, size int) (out []byte, err error) {
	var p Parser
	for len(data) > 0 {
		n := min(size, len(data))
		if err := p.Feed(data[:n], func(tag uint32, value []byte) error {
			out = apdu.AppendTLV(out, tag, value)
			return nil
		}); err != nil {
			return out, err
		}
		data = data[n:]
	}
	return out, nil
}
