package scp03

import "bytes"

// A TestSet is a key set the world knows, for a modelled element on a bench, to which people's own tools are to have
// access. It is a type of its own, made by TestKeys and TestKeys256 alone, so that a place which takes Keys cannot take it:
// hosts, key sources and PUT KEY take Keys and refuse these by Validate. Only a Card whose configuration names it uses it.
// It prints as [redacted], as all keys do.
type TestSet struct {
	redacted
	keys Keys
}

// TestKeys is the set of the GlobalPlatform world: version 30, all three keys 40 41 … 4F.
func TestKeys() TestSet { return testRun(16) }

// TestKeys256 is the same for AES-256: all three keys 40 41 … 5F.
func TestKeys256() TestSet { return testRun(32) }

func testRun(size int) TestSet {
	key := make([]byte, size)
	for i := range key {
		key[i] = 0x40 + byte(i)
	}
	return TestSet{keys: Keys{ENC: key, MAC: bytes.Clone(key), DEK: bytes.Clone(key), Version: 0x30}}
}

// IsZero tells whether there is no set.
func (t TestSet) IsZero() bool { return len(t.keys.ENC) == 0 }

// Keys is a copy of the keys, for the storage behind KeySource. Validate refuses it.
func (t TestSet) Keys() Keys { return t.keys.Clone() }

// is tells whether a set has the keys of this one.
func (t TestSet) is(k Keys) bool {
	return !t.IsZero() && same(t.keys.ENC, k.ENC) && same(t.keys.MAC, k.MAC) && same(t.keys.DEK, k.DEK)
}
