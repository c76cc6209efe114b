package cbor_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mobileid/mdoc/cbor"
)

// digestList has n pairs: keys from 0, values of one byte.
func digestList(n int) []byte {
	b := cbor.AppendMapHead(nil, n)
	for i := range n {
		b = cbor.AppendBytes(cbor.AppendUint(b, uint64(i)), bytes.Repeat([]byte{byte(i)}, 32))
	}
	return b
}

// TestReadUintMap holds the quick way through a digest list to the rules of Unmarshal.
func TestReadUintMap(t *testing.T) {
	for name, in := range map[string][]byte{
		"none": digestList(0), "few": digestList(3), "many": digestList(300), "key twice": []byte("\xA2\x01\x58\x01a\x01\x58\x01b"),
		"key twice, written otherwise": []byte("\xA2\x01\x58\x01a\x18\x01\x58\x01b"), "key above a byte": []byte("\xA1\x19\x01\x00\x58\x01a"),
		"negative key": []byte("\xA1\x20\x58\x01a"), "text key": []byte("\xA1\x61a\x58\x01a"), "short value": []byte("\xA1\x01\x41a"),
		"long length": []byte("\xA1\x01\x59\x00\x01a"), "text value": []byte("\xA1\x01\x78\x01a"), "cut in the value": []byte("\xA1\x01\x58\x02a"),
		"cut in the head": []byte("\xA1\x18\x01\x58"), "cut in the key": []byte("\xA1\x18"), "more follows": []byte("\xA1\x01\x58\x01a\x02\x58\x01b"),
		"indefinite": []byte("\xBF\x01\x58\x01a\xFF"),
	} {
		t.Run(name, func(t *testing.T) {
			var want cbor.Map[uint64, []byte]
			due := cbor.Unmarshal(in, &want)
			c := cbor.NewCursor(in)
			got := cbor.ReadUintMap(c)
			if err := c.Done(); (err == nil) != (due == nil) {
				t.Fatalf("%v, want %v", err, due)
			}
			if due == nil && !cmp.Equal(got, want) {
				t.Errorf("%v, want %v", got, want)
			}
		})
	}
}

// The bounds on depth and on the number of items hold on the quick way too: 128 lists of 255 pairs are one item too many, in the last list.
func TestReadUintMapBounds(t *testing.T) {
	const depth, items = 16, 1 << 15
	for over := range 2 {
		c := cbor.NewCursor(append(bytes.Repeat([]byte{0x81}, depth-1+over), digestList(2)...))
		for range depth - 1 + over {
			c.Array()
		}
		if got := cbor.ReadUintMap(c); (c.Offset() == len(digestList(2))+depth-1+over && len(got) == 2) != (over == 0) {
			t.Errorf("%d levels: %d pairs, %v", depth+over, len(got), c.Done())
		}
	}
	for _, maps := range []int{30, items / 256} {
		in := cbor.AppendArrayHead(nil, maps)
		for range maps {
			in = append(in, digestList(255)...)
		}
		c := cbor.NewCursor(in)
		got := cbor.ReadArray(c, func(c *cbor.Cursor, m *cbor.Map[uint64, []byte]) { *m = cbor.ReadUintMap(c) })
		var want []cbor.Map[uint64, []byte]
		due := cbor.Unmarshal(in, &want)
		if err := c.Done(); (err == nil) != (due == nil) || due == nil && len(got) != len(want) {
			t.Errorf("%d maps: %v, want %v", maps, err, due)
		}
	}
}

// What follows the list is not taken for more of it.
func TestReadUintMapEnds(t *testing.T) {
	c := cbor.NewCursor([]byte("\x83\xA1\x01\x58\x01a\x02\x58\x01b"))
	e := c.Tuple(3)
	e.Next()
	list := cbor.ReadUintMap(c)
	e.Next()
	n := c.Uint()
	e.Next()
	b := c.Bytes()
	if more := e.Next(); more || c.Done() != nil || len(list) != 1 || n != 2 || string(b) != "b" {
		t.Errorf("%d pairs, %d, %q, %v", len(list), n, b, c.Done())
	}
}
