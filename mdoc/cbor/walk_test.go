package cbor_test

import (
	"encoding/hex"
	"errors"
	"testing"

	"mobileid/mdoc/cbor"
)

// The heads are those of RFC 8949, table 5 and 3.2; each names what it must read as.
func TestHeadAt(t *testing.T) {
	cases := []struct {
		name, in   string
		want       cbor.Head
		indefinite bool
		stop       bool
	}{
		{"23", "17", cbor.Head{Major: 0, Info: 23, Arg: 23, Next: 1}, false, false},
		{"-500", "3901f3", cbor.Head{Major: 1, Info: 25, Arg: 499, Next: 3}, false, false},
		{"long head", "1a00000001", cbor.Head{Major: 0, Info: 26, Arg: 1, Next: 5}, false, false},
		{"indefinite array", "9f", cbor.Head{Major: 4, Info: 31, Next: 1}, true, false},
		{"true", "f5", cbor.Head{Major: 7, Info: 21, Arg: 21, Next: 1}, false, false},
		{"break", "ff", cbor.Head{Major: 7, Info: 31, Next: 1}, false, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			data, err := hex.DecodeString(c.in)
			if err != nil {
				t.Fatal(err)
			}
			h, err := cbor.HeadAt(data, 0)
			if err != nil || h != c.want || h.Indefinite() != c.indefinite || h.Break() != c.stop {
				t.Errorf("%+v, %v", h, err)
			}
		})
	}
	for _, in := range [][]byte{nil, {0x19, 1}, {0x1c}, {0x1f}, {0x3f}, {0xdf}} {
		if _, err := cbor.HeadAt(in, 0); !asError(err) {
			t.Errorf("%x: %v", in, err)
		}
	}
	if _, err := cbor.HeadAt([]byte{0}, -1); !asError(err) {
		t.Errorf("negative offset: %v", err)
	}
}

func asError(err error) bool {
	_, ok := errors.AsType[*cbor.Error](err)
	return ok
}
