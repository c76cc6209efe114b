package corpus

import (
	"bytes"
	"encoding/binary"
)

// itemCases are single CBOR items that every decoder must refuse, whatever it decodes into: the rules of the second edition,
// 8.3, not well-formed ones (RFC 8949, Appendix F), and bombs.
func itemCases() []Case {
	repeat := func(b []byte, n int) []byte { return bytes.Repeat(b, n) }
	keys := func(n int, key func(i int) []byte) []byte {
		out := []byte{0xb9, byte(n >> 8), byte(n)}
		for i := range n {
			out = append(append(out, key(i)...), 0)
		}
		return out
	}
	rows := []struct {
		name, reason string
		item         []byte
	}{
		{"empty", "no bytes", []byte{}},
		{"two-items", "two items", []byte{0, 0}},
		{"head-cut-8", "the input ends inside a head of one byte", []byte{0x18}},
		{"head-cut-16", "the input ends inside a head of two bytes", []byte{0x19, 1}},
		{"head-cut-32", "the input ends inside a head of four bytes", []byte{0x1a, 1, 2, 3}},
		{"head-cut-64", "the input ends inside a head of eight bytes", []byte{0x1b, 1, 2, 3, 4, 5, 6, 7}},
		{"reserved-28", "reserved additional information 28", []byte{0x1c}},
		{"reserved-29", "reserved additional information 29", []byte{0x5d}},
		{"reserved-30", "reserved additional information 30", []byte{0x9e}},
		{"reserved-tag", "reserved additional information of a tag", []byte{0xdc, 0}},
		{"reserved-simple", "reserved additional information of a simple value", []byte{0xfc}},
		{"uint-indefinite", "an integer of indefinite length", []byte{0x1f}},
		{"bytes-indefinite", "a byte string of indefinite length", []byte{0x5f, 0x41, 0, 0xff}},
		{"text-indefinite", "text of indefinite length", []byte{0x7f, 0x61, 'a', 0xff}},
		{"array-indefinite", "an array of indefinite length", []byte{0x9f, 0, 0xff}},
		{"map-indefinite", "a map of indefinite length", []byte{0xbf, 0, 0, 0xff}},
		{"break-alone", "a break outside anything", []byte{0xff}},
		{"break-in-array", "a break inside an array", []byte{0x81, 0xff}},
		{"bytes-cut", "a byte string shorter than it says", []byte{0x42, 0}},
		{"text-cut", "text shorter than it says", []byte{0x63, 'a', 'b'}},
		{"bytes-4g", "a byte string that says 4 GiB", []byte{0x5a, 0xff, 0xff, 0xff, 0xff}},
		{"bytes-2-63", "a byte string that says 2^63 bytes", []byte{0x5b, 0x80, 0, 0, 0, 0, 0, 0, 0}},
		{"text-2-64", "text that says 2^64 - 1 bytes", append([]byte{0x7b}, repeat([]byte{0xff}, 8)...)},
		{"array-cut", "an array shorter than it says", []byte{0x82, 0}},
		{"array-2-31", "an array that says 2^31 elements", []byte{0x9a, 0x80, 0, 0, 0}},
		{"array-2-63", "an array that says 2^63 elements", []byte{0x9b, 0x80, 0, 0, 0, 0, 0, 0, 0}},
		{"map-cut", "a map without its last value", []byte{0xa1, 0}},
		{"map-2-31", "a map that says 2^31 pairs", []byte{0xba, 0x80, 0, 0, 0}},
		{"map-2-63", "a map that says 2^63 pairs", []byte{0xbb, 0x80, 0, 0, 0, 0, 0, 0, 0}},
		{"reserved-number", "reserved additional information with bytes enough", append([]byte{0x1c}, make([]byte, 16)...)},
		{"tag-0-number", "tag 0 over a number", []byte{0xc0, 0}},
		{"tag-0-bytes", "tag 0 over a byte string", []byte{0xc0, 0x41, '2'}},
		{"tag-alone", "a tag without an item", []byte{0xc0}},
		{"tag-2-64", "a huge tag without an item", append([]byte{0xdb}, repeat([]byte{0xff}, 8)...)},
		{"simple-two-bytes", "a simple value below 32 in two bytes", []byte{0xf8, 0x14}},
		{"simple-32", "an unassigned simple value", []byte{0xf8, 0x20}},
		{"simple-0", "simple value 0", []byte{0xe0}},
		{"undefined", "undefined", []byte{0xf7}},
		{"float-half-nan", "a half that is not a number", []byte{0xf9, 0x7e, 0}},
		{"float-half-infinite", "a half that is infinite", []byte{0xf9, 0x7c, 0}},
		{"float-single-nan", "a single that is not a number", []byte{0xfa, 0x7f, 0xc0, 0, 0}},
		{"float-single-infinite", "a single that is infinite", []byte{0xfa, 0xff, 0x80, 0, 0}},
		{"float-double-nan", "a double that is not a number", []byte{0xfb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0}},
		{"float-double-infinite", "a double that is infinite", []byte{0xfb, 0x7f, 0xf0, 0, 0, 0, 0, 0, 0}},
		{"float-cut", "a double that is cut", []byte{0xfb, 0, 0, 0}},
		{"text-not-utf8", "text that is not UTF-8", []byte{0x62, 0xc3, 0x28}},
		{"text-surrogate", "text with half a surrogate pair", []byte{0x63, 0xed, 0xa0, 0x80}},
		{"text-overlong", "text with an overlong form", []byte{0x62, 0xc0, 0xaf}},
		{"key-text-not-utf8", "a map key that is not UTF-8", []byte{0xa1, 0x61, 0xff, 0}},
		{"key-twice", "a key twice", []byte{0xa2, 1, 0, 1, 0}},
		{"key-twice-text", "a text key twice", []byte{0xa2, 0x61, 'a', 0, 0x61, 'a', 0}},
		{"key-twice-bytes", "a byte string key twice", []byte{0xa2, 0x41, 1, 0, 0x41, 1, 0}},
		{"key-twice-negative", "a negative key twice", []byte{0xa2, 0x20, 0, 0x20, 0}},
		{"key-twice-two-forms", "a key twice, once in a longer form", []byte{0xa2, 1, 0, 0x18, 1, 0}},
		{"key-twice-long-text-head", "a text key twice, once under a longer head", []byte{0xa2, 0x61, 'a', 0, 0x78, 1, 'a', 0}},
		{"key-twice-large", "a large key twice", []byte{0xa2, 0x19, 1, 0, 0, 0x19, 1, 0, 0}},
		{"key-twice-deep", "a key twice in a nested map", []byte{0x81, 0xa1, 0, 0xa2, 1, 0, 1, 0}},
		{"key-twice-in-tag", "a key twice under a tag", []byte{0xc1, 0xa2, 1, 0, 1, 0}},
		{"key-twice-of-many", "a text key twice among forty", keys(40, func(i int) []byte { return []byte{0x62, byte('a' + i%39), 'x'} })},
		{"key-array", "a key that is an array", []byte{0xa1, 0x80, 0}},
		{"key-map", "a key that is a map", []byte{0xa1, 0xa0, 0}},
		{"key-bool", "a key that is a truth value", []byte{0xa1, 0xf5, 0}},
		{"key-null", "a key that is null", []byte{0xa1, 0xf6, 0}},
		{"key-float", "a key that is a float", []byte{0xa1, 0xf9, 0x3c, 0, 0}},
		{"key-tagged", "a key under a tag", []byte{0xa1, 0xc0, 0x61, 'a', 0}},
		{"depth-17", "nested seventeen arrays deep", append(repeat([]byte{0x81}, 17), 0)},
		{"depth-maps", "nested seventeen maps deep", append(repeat([]byte{0xa1, 0}, 17), 0)},
		{"depth-tags", "nested seventeen tags deep", append(repeat([]byte{0xc1}, 17), 0)},
		{"bomb-nesting", "a MiB of nested arrays", repeat([]byte{0x81}, 1<<20)},
		{"bomb-tags", "a MiB of tags", repeat([]byte{0xc6}, 1<<20)},
		{"bomb-maps", "a MiB of nested maps", repeat([]byte{0xa1, 0}, 1<<19)},
		{"bomb-wide", "an array of a hundred thousand elements", append([]byte{0x9a, 0, 1, 0x86, 0xa0}, repeat([]byte{0}, 100_000)...)},
		{"bomb-keys", "a map of a hundred thousand pairs of one key", append([]byte{0xba, 0, 1, 0x86, 0xa0}, repeat([]byte{1, 0}, 100_000)...)},
		{"bomb-pairs", "a map of 1025 pairs", keys(1025, func(i int) []byte { return binary.BigEndian.AppendUint16([]byte{0x19}, uint16(i)) })},
		{"bomb-items", "arrays of arrays: forty thousand items", append([]byte{0x98, 40}, repeat(append([]byte{0x99, 3, 0xe8}, repeat([]byte{0}, 1000)...), 40)...)},
		{"bomb-claims", "arrays that each claim more than there is", repeat([]byte{0x9a, 0, 0, 0xff, 0xff}, 1000)},
	}
	out := []Case{}
	base := label{name: "base", reason: "a good item with every major type"}.of(CBORItem, "")
	base.add("item", []byte{0xa3, 1, 0x20, 0x61, 'a', 0x82, 0x41, 0, 0xc0, 0x61, 'x', 0x41, 2, 0x83, 0xf4, 0xf6, 0xf9, 0x3c, 0})
	deep := label{name: "base-depth", reason: "sixteen levels"}.of(CBORItem, "")
	deep.add("item", append(repeat([]byte{0x81}, 16), 0))
	longer := label{name: "base-longer-heads", reason: "heads longer than needed, which are in the field"}.of(CBORItem, "")
	longer.add("item", []byte{0xb9, 0, 1, 0x18, 1, 0x59, 0, 1, 0})
	out = append(out, base, deep, longer)
	for _, r := range rows {
		c := label{r.name, "cbor.item", r.reason, "M1 M3"}.of(CBORItem, "base")
		c.add("item", r.item)
		out = append(out, c)
	}
	return out
}
