package se

import (
	"bytes"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
	"mobileid/tsm/scp03"
)

func key(n byte) []byte { return bytes.Repeat([]byte{n}, 16) }

// Keys that came in PUT KEY are gone from memory when the command is over, whatever came of it.
func TestKeysLent(t *testing.T) {
	p, err := gp.PutKeySet(key(9), 0, 0x30, key(1), key(2), key(3))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []apdu.SW{apdu.OK, apdu.WrongData} {
		var lent [][]byte
		sw := withKeys(key(9), p.Keys, func(keys [][]byte) apdu.SW {
			for i, k := range keys {
				if !bytes.Equal(k, key(byte(i)+1)) {
					t.Errorf("key %d was not lent", i)
				}
			}
			lent = keys
			return want
		})
		if sw != want || len(lent) != 3 {
			t.Fatalf("%v, %d keys", sw, len(lent))
		}
		for i, k := range lent {
			if !bytes.Equal(k, key(0)) {
				t.Errorf("key %d is still there", i)
			}
		}
	}
}

// A session takes its Key-DEK with it, and of the other keys nothing stays.
func TestKeyDEKEndsWithSession(t *testing.T) {
	keys := scp03.Keys{ENC: key(1), MAC: key(2), DEK: key(3)}
	dek := keepDEK(keys)
	if !bytes.Equal(keys.ENC, key(0)) || !bytes.Equal(keys.MAC, key(0)) || !bytes.Equal(dek, key(3)) {
		t.Errorf("%X %X %X", keys.ENC, keys.MAC, dek)
	}
	ch := &channel{dek: dek}
	ch.endSession()
	if ch.dek != nil || !bytes.Equal(dek, key(0)) {
		t.Error("the Key-DEK is still there")
	}
}
