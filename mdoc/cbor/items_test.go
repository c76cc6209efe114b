package cbor_test

import (
	"bytes"
	"testing"

	"mobileid/mdoc/cbor"
)

func TestItems(t *testing.T) {
	got, err := cbor.Items([]byte{0x83, 0x01, 0xc2, 0x41, 0x05, 0x82, 0x60, 0xa0})
	want := [][]byte{{0x01}, {0xc2, 0x41, 0x05}, {0x82, 0x60, 0xa0}}
	if err != nil || len(got) != len(want) {
		t.Fatalf("%d items, error %v", len(got), err)
	}
	for i := range want {
		if !bytes.Equal(got[i], want[i]) {
			t.Errorf("item %d is %x, want %x", i, got[i], want[i])
		}
	}
	if got, err := cbor.Items([]byte{0x80}); err != nil || len(got) != 0 {
		t.Errorf("empty: %d items, error %v", len(got), err)
	}
	for name, raw := range map[string][]byte{
		"nothing": nil, "a map": {0xa0}, "a byte after it": {0x80, 0}, "an item short": {0x82, 0x01}, "indefinite": {0x9f, 0xff}, "duplicate keys inside": {0x81, 0xa2, 1, 1, 1, 1},
	} {
		if got, err := cbor.Items(raw); err == nil || got != nil {
			t.Errorf("%s: %d items", name, len(got))
		}
	}
}
