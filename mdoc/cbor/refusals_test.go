package cbor_test

import (
	"testing"

	"mobileid/mdoc/cbor"
)

// TestMethodsRefuseAlone calls the decoding methods as a stranger may, without the check of the whole item before them.
func TestMethodsRefuseAlone(t *testing.T) {
	bad := map[string][]byte{
		"nothing":            {},
		"half a head":        {0xd8},
		"a tag alone":        {0xd8, 0x18},
		"tag 0 alone":        {0xc0},
		"tag 1004 alone":     {0xd9, 0x03, 0xec},
		"an integer":         {0x00},
		"empty bytes":        {0x40},
		"empty text":         {0x60},
		"tag 25":             {0xd8, 0x19, 0x41, 0x00},
		"tag 24 of text":     {0xd8, 0x18, 0x61, 0x00},
		"tag 24, too long":   {0xd8, 0x18, 0x42, 0x00},
		"tag 24, too short":  {0xd8, 0x18, 0x40, 0x00},
		"tag 24 of nothing":  {0xd8, 0x18, 0x40},
		"tag 24 of two":      {0xd8, 0x18, 0x42, 0x00, 0x00},
		"tag 24, half":       {0xd8, 0x18, 0x58},
		"24 things":          append([]byte{0x98, 0x18}, make([]byte, 24)...),
		"tag 0 of a number":  {0xc0, 0x00},
		"tag 0 of two":       {0xc0, 0x60, 0x60},
		"tag 0, bad text":    {0xc0, 0x61, 'x'},
		"tag 1004, bad text": {0xd9, 0x03, 0xec, 0x61, 'x'},
		"tag 1004, no day":   append([]byte{0xd9, 0x03, 0xec, 0x6a}, "2027-02-30"...),
		"tag 1, a date":      append([]byte{0xc1, 0x74}, "2027-01-15T03:00:00Z"...),
		"tag 0, a fraction":  append([]byte{0xc0, 0x76}, "2027-01-15T03:00:00.0Z"...),
		"tag 1005, a day":    append([]byte{0xd9, 0x03, 0xed, 0x6a}, "2027-01-15"...),
		"a day untagged":     append([]byte{0x6a}, "2027-01-15"...),
		"the year 1 in part": append([]byte{0xc0, 0x6a}, "0001-01-01"...),
	}
	for name, raw := range bad {
		t.Run(name, func(t *testing.T) {
			if err := new(cbor.TDate).UnmarshalCBOR(raw); err == nil {
				t.Error("a tdate")
			}
			if err := new(cbor.FullDate).UnmarshalCBOR(raw); err == nil {
				t.Error("a full-date")
			}
			if _, err := cbor.ParseEmbedded[cbor.RawMessage](raw); err == nil {
				t.Error("an embedded item")
			}
			if err := new(cbor.Map[string, string]).UnmarshalCBOR(raw); err == nil {
				t.Error("a map")
			}
			if _, err := cbor.Pairs(raw); err == nil {
				t.Error("pairs")
			}
		})
	}
}

// TestTargets: a target that nothing can be decoded into is an error, and a fixed length is held.
func TestTargets(t *testing.T) {
	var four [4]byte
	if err := cbor.Unmarshal([]byte{0x44, 1, 2, 3, 4}, &four); err != nil || four != [4]byte{1, 2, 3, 4} {
		t.Errorf("four bytes: %v, %v", four, err)
	}
	for name, raw := range map[string][]byte{"three bytes": {0x43, 1, 2, 3}, "five bytes": {0x45, 1, 2, 3, 4, 5}, "an array": {0x84, 1, 2, 3, 4}} {
		if err := cbor.Unmarshal(raw, &four); err == nil {
			t.Errorf("%s into four", name)
		}
	}
	if err := cbor.Unmarshal([]byte{0x00}, nil); err == nil {
		t.Error("into nil")
	}
	if err := cbor.Unmarshal([]byte{0x00}, uint64(0)); err == nil {
		t.Error("into a value")
	}
	if err := cbor.Unmarshal([]byte{0x00}, new(chan int)); err == nil {
		t.Error("into a channel")
	}
	for name, raw := range map[string][]byte{"bytes as key": {0xa1, 0x41, 0, 0}, "a key above int64": {0xa1, 0x1b, 0x80, 0, 0, 0, 0, 0, 0, 0, 0},
		"a key below int64": {0xa1, 0x3b, 0x80, 0, 0, 0, 0, 0, 0, 0, 0}, "an array": {0x80}} {
		if _, err := cbor.Pairs(raw); err == nil {
			t.Errorf("pairs of %s", name)
		}
	}
}
