package cbor_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/mdoctest"
)

// everything has a member of each kind that a Cursor reads.
type everything struct {
	Name  string                             `cbor:"name"`
	Data  []byte                             `cbor:"data,omitempty"`
	Count uint64                             `cbor:"count,omitempty"`
	Shift int64                              `cbor:"shift,omitempty"`
	Flag  bool                               `cbor:"flag,omitempty"`
	When  *cbor.TDate                        `cbor:"when,omitempty"`
	Any   cbor.RawMessage                    `cbor:"any,omitzero"`
	List  []uint64                           `cbor:"list,omitempty"`
	Map   cbor.Map[string, uint64]           `cbor:"map,omitzero"`
	IDs   cbor.Map[uint64, []byte]           `cbor:"ids,omitzero"`
	Part  *cbor.Embedded[cbor.RawMessage]    `cbor:"part,omitempty"`
	Label *struct{ Value uint64 }            `cbor:"label,omitempty"`
	Pairs *cbor.Map[string, cbor.RawMessage] `cbor:"pairs,omitempty"`
}

func readEverything(c *cbor.Cursor, e *everything) {
	for m := c.Struct("name"); m.Next(); {
		switch string(m.Name()) {
		case "name":
			e.Name = c.Text()
		case "data":
			e.Data = c.Bytes()
		case "count":
			e.Count = c.Uint()
		case "shift":
			e.Shift = c.Int()
		case "flag":
			e.Flag = c.Bool()
		case "when":
			d := c.TDate()
			e.When = &d
		case "any":
			e.Any = c.Raw()
		case "list":
			e.List = cbor.ReadArray(c, func(c *cbor.Cursor, n *uint64) { *n = c.Uint() })
		case "map":
			e.Map = cbor.ReadMap(c, func(c *cbor.Cursor, n *uint64) { *n = c.Uint() })
		case "ids":
			m := c.Map()
			e.IDs = make(cbor.Map[uint64, []byte], 0, m.Left())
			for m.Next() {
				e.IDs = append(e.IDs, cbor.Entry[uint64, []byte]{Key: m.Uint(), Value: c.Bytes()})
			}
		case "part":
			e.Part = new(cbor.Embedded[cbor.RawMessage])
			cbor.ReadEmbedded(c, e.Part, func(c *cbor.Cursor, r *cbor.RawMessage) { *r = c.Raw() })
		case "label":
			e.Label = new(struct{ Value uint64 })
			c.Into(e.Label)
		case "pairs":
			e.Pairs = new(cbor.Map[string, cbor.RawMessage])
			c.Into(e.Pairs)
		default:
			c.Skip()
		}
	}
}

// cursorAgrees compares with Unmarshal: what is taken, what comes out, and for a single fault where it lies.
func cursorAgrees(t *testing.T, data []byte) (taken bool) {
	t.Helper()
	var got, want everything
	c := cbor.NewCursor(data)
	readEverything(c, &got)
	err, wantErr := c.Done(), cbor.Unmarshal(data, &want)
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("the cursor says %v, Unmarshal %v: %x", err, wantErr, data)
	}
	if err != nil {
		if e, ok := errors.AsType[*cbor.Error](err); ok && (e.Offset < 0 || e.Offset > len(data)) {
			t.Fatalf("offset %d of %d bytes", e.Offset, len(data))
		}
		return false
	}
	a, errA := cbor.Marshal(got)
	b, errB := cbor.Marshal(want)
	if errA != nil || errB != nil || !bytes.Equal(a, b) {
		t.Fatalf("%x (%v) and %x (%v) from %x", a, errA, b, errB, data)
	}
	return true
}

func fullSeed() []byte {
	member := func(b []byte, name string, value ...byte) []byte { return append(cbor.AppendText(b, name), value...) }
	b := member(cbor.AppendMapHead(nil, 15), "name", 0x61, 'a')
	b = member(b, "data", 0x42, 1, 2)
	b = member(b, "count", 0x18, 0x64)
	b = member(b, "shift", 0x38, 0x63)
	b = member(b, "flag", 0xf5)
	b = member(b, "when", cbor.AppendText([]byte{0xc0}, "2024-02-29T23:59:59Z")...)
	b = member(b, "any", 0x82, 0xa1, 0x01, 0xf6, 0xfb, 0x3f, 0xf1, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a)
	b = member(b, "list", 0x83, 1, 2, 3)
	b = member(b, "map", 0xa2, 0x61, 'b', 1, 0x61, 'a', 2)
	b = member(b, "ids", 0xa2, 0x07, 0x41, 1, 0x19, 0x01, 0x00, 0x40)
	b = member(b, "part", 0xd8, 24, 0x43, 0xa1, 0x01, 0x02)
	b = member(b, "label", 0xa1, 0x65, 'V', 'a', 'l', 'u', 'e', 0x05)
	b = member(b, "pairs", 0xa1, 0x61, 'x', 0x80)
	b = append(b, 0x05, 0xc1, 0x00) // a member that is not known
	return append(b, 0x20, 0x80)
}

// TestCursorAgrees holds the cursor to Unmarshal on a structure with a member of each kind, changed all along, and on every
// item of the published lists in each member.
func TestCursorAgrees(t *testing.T) {
	seed := fullSeed()
	if !cursorAgrees(t, seed) {
		t.Fatal("the good structure is refused")
	}
	for at := range seed {
		for bit := range 8 {
			changed := bytes.Clone(seed)
			changed[at] ^= 1 << bit
			cursorAgrees(t, changed)
		}
		for _, b := range []byte{0xf6, 0xf7, 0xff, 0x18, 0x40, 0x60, 0x80, 0xa0, 0xc2} {
			changed := bytes.Clone(seed)
			changed[at] = b
			cursorAgrees(t, changed)
		}
		cursorAgrees(t, seed[:at])
		cursorAgrees(t, slices.Concat(seed[:at], seed[at+1:]))
		cursorAgrees(t, slices.Concat(seed[:at+1], seed[at:]))
	}
	var items []struct {
		Hex string `json:"hex"`
	}
	for _, file := range []string{"cbor/appendix_a.json", "cbor/appendix_f.json"} {
		mdoctest.ReadJSON(t, file, &items)
		for _, it := range items {
			item := mdoctest.Hex(t, it.Hex)
			cursorAgrees(t, item)
			for _, name := range []string{"name", "data", "count", "shift", "flag", "when", "any", "list", "map", "ids", "part", "label", "pairs", "else"} {
				b := append(cbor.AppendText(cbor.AppendMapHead(nil, 2), name), item...)
				cursorAgrees(t, append(cbor.AppendText(b, "name"), 0x61, 'a'))
			}
		}
	}
}

// TestCursorKeys gives maps of every width, with and without a key that stands twice, nested and one after another.
func TestCursorKeys(t *testing.T) {
	keys := map[string]func(b []byte, i int) []byte{
		"text":        func(b []byte, i int) []byte { return cbor.AppendText(b, fmt.Sprintf("key %d", i)) },
		"bytes":       func(b []byte, i int) []byte { return cbor.AppendBytes(b, fmt.Appendf(nil, "key %d", i)) },
		"small ints":  func(b []byte, i int) []byte { return cbor.AppendUint(b, uint64(i)) },
		"large ints":  func(b []byte, i int) []byte { return cbor.AppendUint(b, 1<<40+uint64(i)) },
		"negatives":   func(b []byte, i int) []byte { return cbor.AppendInt(b, -1-int64(i)) },
		"of two kind": func(b []byte, i int) []byte { return cbor.AppendInt(b, int64(i)-200) },
	}
	for name, key := range keys {
		t.Run(name, func(t *testing.T) {
			for _, n := range []int{0, 1, 11, 12, 13, 14, 40, 300, 1023} {
				wide := func(double int) []byte {
					b := cbor.AppendMapHead(nil, n)
					for i := range n {
						if i == n-1 && double >= 0 {
							i = double
						}
						b = append(key(b, i), 0x00)
					}
					return b
				}
				good := wide(-1)
				two := slices.Concat([]byte{0xa2, 0x01}, good, []byte{0x02, 0x81}, good)
				for _, b := range [][]byte{good, two} {
					c := cbor.NewCursor(b)
					c.Skip()
					if err := c.Done(); err != nil || cbor.Wellformed(b) != nil {
						t.Fatalf("%d pairs: %v", n, err)
					}
				}
				for _, double := range []int{0, n / 2, n - 2} {
					if n < 2 {
						continue
					}
					c := cbor.NewCursor(wide(double))
					m := c.Map()
					for m.Next() {
						c.Skip()
					}
					if err := c.Done(); err == nil || !strings.Contains(err.Error(), "duplicate") || cbor.Wellformed(wide(double)) == nil {
						t.Fatalf("%d pairs, key %d twice: %v", n, double, err)
					}
				}
			}
		})
	}
}

func TestCursorSays(t *testing.T) {
	for name, c := range map[string]struct {
		hex, want string
		offset    int
		read      func(*cbor.Cursor)
	}{
		"missing member": {"a0", "required member a is missing", 0, func(c *cbor.Cursor) {
			for m := c.Struct("a"); m.Next(); {
				c.Skip()
			}
		}},
		"missing label": {"a10100", "required member -2 is missing", 0, func(c *cbor.Cursor) {
			for m := c.Labels(1, -2); m.Next(); {
				if _, ok := m.Label(); !ok || m.Name() != nil {
					c.Refuse(0, "no label")
				}
				c.Skip()
			}
		}},
		"missing wide label": {"a1190fff00", "required member 4096 is missing", 0, func(c *cbor.Cursor) {
			for m := c.Labels(4095, 4096); m.Next(); {
				c.Skip()
			}
		}},
		"tuple":         {"820102", "an array of 2 elements where 3 are due", 0, func(c *cbor.Cursor) { c.Tuple(3) }},
		"refused":       {"01", "not so", 7, func(c *cbor.Cursor) { c.Refuse(7, "not so"); c.Refuse(8, "nor so") }},
		"left over":     {"0102", "1 bytes follow", 1, func(c *cbor.Cursor) { c.Skip() }},
		"text key":      {"a10102", "a map key that is not text", 1, func(c *cbor.Cursor) { cbor.ReadMap(c, func(c *cbor.Cursor, _ *int) { c.Skip() }) }},
		"inside a date": {"8200c0617a", "tdate", 2, func(c *cbor.Cursor) { e := c.Array(); e.Next(); c.Skip(); e.Next(); c.TDate() }},
		"inside Into": {"820061ff", "UTF-8", 2, func(c *cbor.Cursor) {
			e := c.Array()
			e.Next()
			c.Skip()
			e.Next()
			var s string
			c.Into(&s)
		}},
		"bytes, not 24": {"4100", "tag 24 is due", 0, func(c *cbor.Cursor) { cbor.ReadEmbedded(c, new(cbor.Embedded[int]), func(*cbor.Cursor, *int) {}) }},
		"inside tag 24": {"d8184200ff", "1 bytes follow", 1, func(c *cbor.Cursor) {
			cbor.ReadEmbedded(c, new(cbor.Embedded[int]), func(c *cbor.Cursor, _ *int) { c.Skip() })
		}},
		"65 bits": {"3b8000000000000000", "beyond 64 bits", 0, func(c *cbor.Cursor) { c.Int() }},
		"after an error": {"60", "an integer", 0, func(c *cbor.Cursor) {
			c.Int()
			c.Uint()
			c.Text()
			c.Raw()
			c.Skip()
			c.Bool()
			c.TDate()
			c.Array()
			c.Map()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := hex.DecodeString(c.hex)
			if err != nil {
				t.Fatal(err)
			}
			cursor := cbor.NewCursor(b)
			c.read(cursor)
			e, ok := errors.AsType[*cbor.Error](cursor.Done())
			switch {
			case name == "after an error":
				if !ok || cursor.Since(0) != nil || cursor.IsNull() {
					t.Errorf("%v", e)
				}
			case !ok || !strings.Contains(e.Reason, c.want) || e.Offset != c.offset:
				t.Errorf("%v, want %q at %d", e, c.want, c.offset)
			}
		})
	}
}

// TestRoomIsPaidFor claims elements that are not there: no memory is made for them.
func TestRoomIsPaidFor(t *testing.T) {
	type big [1 << 10]byte
	claim := append(cbor.AppendArrayHead(nil, 16_000), make([]byte, 16_000)...)
	claim[len(claim)/100] = 0x61
	c := cbor.NewCursor(claim)
	list := cbor.ReadArray(c, func(c *cbor.Cursor, _ *big) { c.Uint() })
	if c.Done() == nil || cap(list) > 16_000 {
		t.Errorf("room for %d", cap(list))
	}
	honest := append(cbor.AppendArrayHead(nil, 5000), make([]byte, 5000)...)
	c = cbor.NewCursor(honest)
	if n := cbor.ReadArray(c, func(c *cbor.Cursor, n *uint64) { *n = c.Uint() }); c.Done() != nil || len(n) != 5000 || cap(n) > 8000 {
		t.Errorf("%d elements, room for %d: %v", len(n), cap(n), c.Done())
	}
}

func FuzzCursor(f *testing.F) {
	f.Add(fullSeed())
	f.Fuzz(func(t *testing.T, data []byte) { cursorAgrees(t, data) })
}
