package cbor_test

import (
	"strings"
	"testing"

	"mobileid/mdoc/cbor"
)

// TestRefusalsSayWhy: what is wrong is named, and not a consequence of it.
func TestRefusalsSayWhy(t *testing.T) {
	tdate := func(raw []byte) error { return new(cbor.TDate).UnmarshalCBOR(raw) }
	foreign := func(raw []byte) error { _, _, err := cbor.ReadTDate(raw); return err }
	day := func(raw []byte) error { return new(cbor.FullDate).UnmarshalCBOR(raw) }
	embedded := func(raw []byte) error { _, err := cbor.ParseEmbedded[cbor.RawMessage](raw); return err }
	date := append([]byte{0x74}, "2027-01-15T03:00:00Z"...)
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"an array larger than its input": {cbor.Wellformed([]byte{0x99, 0x10, 0, 0}), "more than allowed or than the input holds"},
		"a map cut before a key":         {cbor.Wellformed([]byte{0xa2, 0, 0}), "the input ends"},
		"no tdate":                       {tdate(nil), "the input ends"},
		"a tdate under no tag":           {tdate(append([]byte{0}, date...)), "where tag 0 is due"},
		"a foreign tdate without tag":    {foreign(date), "where tag 0 is due"},
		"a day without tag":              {day(append([]byte{0x6a}, "2027-01-15"...)), "where tag 1004 is due"},
		"nothing embedded":               {embedded(nil), "the input ends"},
		"a number embedded":              {embedded([]byte{0}), "where tag 24 is due"},
		"24 in place of tag 24":          {embedded([]byte{0x18, 24, 0x41, 0}), "where tag 24 is due"},
		"tag 24 of nothing":              {embedded([]byte{0xd8, 24}), "the input ends"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, c.err, c.want)
		}
	}
}

// TestInstantsThatAreNone: each part of a tdate by itself out of its range.
func TestInstantsThatAreNone(t *testing.T) {
	for _, text := range []string{"2027-01-15T24:00:00Z", "2027-01-15T23:60:00Z", "2027-01-15T23:00:60Z", "2027-02-29T00:00:00Z", "2027-04-31T00:00:00Z",
		"2027-01-00T00:00:00Z", "2027-01-32T00:00:00Z", "2027-00-15T00:00:00Z", "2027-13-15T00:00:00Z", "2027-01-99T00:00:00Z", "2027-99-15T00:00:00Z"} {
		var d cbor.TDate
		if err := cbor.Unmarshal(cbor.AppendText([]byte{0xc0}, text), &d); err == nil {
			t.Errorf("%s is read as %s", text, d)
		}
	}
	var leap cbor.TDate
	if err := cbor.Unmarshal(cbor.AppendText([]byte{0xc0}, "2028-02-29T23:59:59Z"), &leap); err != nil || leap.String() != "2028-02-29T23:59:59Z" {
		t.Errorf("the 29th of February: %s, %v", leap, err)
	}
}

// TestNothingAfterAnError: after the first error a cursor gives nothing, its loops end, and Done tells of it.
func TestNothingAfterAnError(t *testing.T) {
	c := cbor.NewCursor([]byte{0x61, 'a'})
	if n, text := c.Uint(), c.Text(); n != 0 || text != "" || c.Done() == nil {
		t.Errorf("read %d and %q: %v", n, text, c.Done())
	}
	if c := cbor.NewCursor(nil); c.Uint() != 0 || c.Done() == nil {
		t.Error("a number was read from nothing")
	}
	c = cbor.NewCursor([]byte{0xf6})
	if _ = c.Uint(); c.IsNull() {
		t.Error("null after an error")
	}
	turns := 0
	c = cbor.NewCursor([]byte{0x82, 0x61, 'a', 0})
	for e := c.Array(); e.Next(); turns++ {
		c.Uint()
	}
	if turns != 1 || c.Done() == nil {
		t.Errorf("%d elements: %v", turns, c.Done())
	}
	c = cbor.NewCursor([]byte{0xa2, 0xf4, 0, 0, 0})
	for m := c.Map(); m.Next(); turns++ {
		c.Skip()
	}
	if turns != 1 || c.Done() == nil {
		t.Errorf("a pair under a key that is none: %v", c.Done())
	}
	var m cbor.Map[int64, uint64]
	if err := m.UnmarshalCBOR([]byte{0xa1, 0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}); err == nil {
		t.Errorf("a key beyond 64 bits is read as %v", m)
	}
	var values cbor.Map[string, int64]
	if err := values.UnmarshalCBOR([]byte{0xa1, 0x61, 'a', 0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}); err == nil {
		t.Errorf("a value beyond 64 bits is read as %v", values)
	}
}

// TestKeysOfTwoTypes: keys of different types are different, whatever they have in common.
func TestKeysOfTwoTypes(t *testing.T) {
	for name, raw := range map[string][]byte{
		"256 and -257":   {0xa2, 0x19, 1, 0, 0, 0x39, 1, 0, 0},
		"text and bytes": {0xa2, 0x61, 'a', 0, 0x41, 'a', 0},
	} {
		if err := cbor.Wellformed(raw); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := cbor.Wellformed(append([]byte{0x1c}, make([]byte, 16)...)); err == nil {
		t.Error("a reserved head with bytes enough is read")
	}
}

// TestTablesAreShared: a small map needs no table of its keys, and the wide maps of one item use one table after the other.
func TestTablesAreShared(t *testing.T) {
	wide := cbor.AppendMapHead(nil, 20)
	for i := range 20 {
		wide = cbor.AppendUint(cbor.AppendText(wide, "key "+string(rune('a'+i))), 1)
	}
	check := func(data []byte) float64 {
		return testing.AllocsPerRun(20, func() {
			if err := cbor.Wellformed(data); err != nil {
				t.Error(err)
			}
		})
	}
	list := cbor.AppendArrayHead(nil, 30)
	for range 30 {
		list = append(list, wide...)
	}
	none := check([]byte{0})
	if small := check([]byte{0xa2, 0x61, 'a', 0, 0x61, 'b', 0}); small != none {
		t.Errorf("a small map: %v allocations, a number: %v", small, none)
	}
	if one, many := check(wide), check(list); many != one {
		t.Errorf("thirty wide maps: %v allocations, one: %v", many, one)
	}
}
