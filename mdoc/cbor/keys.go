package cbor

import (
	"bytes"
	"hash/maphash"
)

// mapKey is a map key by meaning, so that two encodings of one key are equal. Its text or bytes stay in the input.
type mapKey struct {
	major byte
	arg   uint64 // the integer, or the length of the string
	at    int    // where the string begins
}

func (k mapKey) isString() bool { return k.major == majorText || k.major == majorBytes }

// content gives the string of a key that is one.
func (k mapKey) content(data []byte) []byte {
	return data[k.at : k.at+int(k.arg)] //nolint:gosec // its length was checked against data when the key was read
}

func (k mapKey) equal(o mapKey, data []byte) bool {
	return k.major == o.major && k.arg == o.arg && (!k.isString() || bytes.Equal(k.content(data), o.content(data)))
}

// number gives an integer key, unless it lies outside int64.
func (k mapKey) number() (int64, bool) {
	switch {
	case k.arg>>63 != 0:
		return 0, false
	case k.major == majorUint:
		return int64(k.arg), true //nolint:gosec // below 2^63
	case k.major == majorNint:
		return -1 - int64(k.arg), true //nolint:gosec // below 2^63
	}
	return 0, false
}

// names reports whether the key can name a member of a structure.
func (k mapKey) names() bool {
	_, isNumber := k.number()
	return isNumber || k.major == majorText
}

// smallKeys is how many keys are compared one by one; no structure that is decoded for every answer has more.
const smallKeys = 8

// keySet finds duplicate keys of one map: small integers, such as digest ids, in a bit map, others by looking through while
// they are few and in a hash table beyond.
type keySet struct {
	ints  [4]uint64
	small [smallKeys]mapKey
	n     int
	table int // the walker's table + 1; 0 while the keys are few
}

// add reports whether the key is new. n is the number of pairs of the map.
func (s *keySet) add(w *walker, key mapKey, n int) bool {
	if key.major == majorUint && key.arg < 64*uint64(len(s.ints)) {
		word, bit := &s.ints[key.arg/64], uint64(1)<<(key.arg%64)
		isNew := *word&bit == 0
		*word |= bit
		return isNew
	}
	if s.table > 0 {
		return w.tables[s.table-1].add(w.data, key)
	}
	for i := range s.n {
		if s.small[i].equal(key, w.data) {
			return false
		}
	}
	if s.n < smallKeys {
		s.small[s.n] = key
		s.n++
		return true
	}
	s.table = w.openTable(n)
	t := &w.tables[s.table-1]
	for i := range s.small {
		t.add(w.data, s.small[i])
	}
	return t.add(w.data, key)
}

// done gives the table of a map back when the map has been read.
func (s *keySet) done(w *walker) {
	if s.table > 0 {
		w.open--
	}
}

// keys gives those of the map that are no small integers.
func (s *keySet) keys(w *walker) []mapKey {
	if s.table > 0 {
		return w.tables[s.table-1].keys
	}
	return s.small[:s.n]
}

// has reports whether a text key stands in the map.
func (s *keySet) has(w *walker, name string) bool {
	keys := s.keys(w)
	for i := range keys {
		if keys[i].major == majorText && string(keys[i].content(w.data)) == name {
			return true
		}
	}
	return false
}

// hasNumber reports whether an integer key stands in the map.
func (s *keySet) hasNumber(w *walker, n int64) bool {
	if n >= 0 && n < 64*int64(len(s.ints)) {
		return s.ints[n/64]>>(n%64)&1 == 1
	}
	keys := s.keys(w)
	for i := range keys {
		if got, ok := keys[i].number(); ok && got == n {
			return true
		}
	}
	return false
}

// keyTable is an open hash table under a random seed, at most half full, so that no sender can choose keys that collide.
type keyTable struct {
	seed  maphash.Seed
	keys  []mapKey
	slots []uint32 // place in keys + 1
}

// openTable gives the place + 1 of an empty table for n keys. Maps end in the reverse order of their beginning, so the tables in use are
// the first ones, and each serves many maps.
func (w *walker) openTable(n int) int {
	if w.open == len(w.tables) {
		w.tables = append(w.tables, keyTable{seed: maphash.MakeSeed()})
	}
	t := &w.tables[w.open]
	size := 4 * smallKeys
	for size < 2*n {
		size *= 2
	}
	if cap(t.slots) < size {
		t.slots, t.keys = make([]uint32, size), make([]mapKey, 0, n)
	}
	t.slots, t.keys = t.slots[:size], t.keys[:0]
	clear(t.slots)
	w.open++
	return w.open
}

func (t *keyTable) add(data []byte, key mapKey) bool {
	size := uint64(len(t.slots))
	for slot := t.hash(data, key) % size; ; slot = (slot + 1) % size {
		place := t.slots[slot]
		if place == 0 {
			t.keys = append(t.keys, key)
			t.slots[slot] = uint32(len(t.keys)) //nolint:gosec // the number of pairs of one input
			return true
		}
		if t.keys[place-1].equal(key, data) {
			return false
		}
	}
}

func (t *keyTable) hash(data []byte, key mapKey) uint64 {
	if key.isString() {
		return maphash.Bytes(t.seed, key.content(data))
	}
	return maphash.Comparable(t.seed, key.arg)
}
