package se

import (
	"encoding/binary"
	"fmt"

	"mobileid/tsm/scp03"
	"mobileid/tsm/se/nvm"
)

// keySets is the persistent side of the ISD's key sets: a scp03.KeySource over the non-volatile memory.
type keySets struct{ mem *nvm.Memory }

func versionKey(prefix string, version byte) string { return fmt.Sprintf("%s%02x", prefix, version) }

// versions lists the key sets by version.
func (k keySets) versions() []byte {
	var out []byte
	for _, key := range k.mem.Keys(prefixKeySet) {
		var v byte
		if _, err := fmt.Sscanf(key[len(prefixKeySet):], "%02x", &v); err == nil {
			out = append(out, v)
		}
	}
	return out
}

// KeySet gives the keys of a version; 0 means the lowest version there is.
func (k keySets) KeySet(version byte) (scp03.Keys, error) {
	if version == 0 {
		all := k.versions()
		if len(all) == 0 {
			return scp03.Keys{}, scp03.ErrNoKeySet
		}
		version = all[0]
	}
	v, ok := k.mem.Load(versionKey(prefixKeySet, version))
	if !ok || len(v) == 0 || len(v)%3 != 0 {
		return scp03.Keys{}, scp03.ErrNoKeySet
	}
	n := len(v) / 3
	return scp03.Keys{ENC: v[:n:n], MAC: v[n : 2*n : 2*n], DEK: v[2*n:], Version: version}, nil
}

// SetState gives counter and failures; both are 0 for a set never used.
func (k keySets) SetState(version byte) (scp03.SetState, error) {
	var out scp03.SetState
	if v, ok := k.mem.Load(versionKey(prefixSequence, version)); ok && len(v) == 4 {
		out.Counter = binary.BigEndian.Uint32(v)
	}
	if v, ok := k.mem.Load(versionKey(prefixFailures, version)); ok && len(v) == 1 {
		out.Failures = v[0]
	}
	return out, nil
}

// StoreSetState writes both in one transaction, synced.
func (k keySets) StoreSetState(version byte, state scp03.SetState) error {
	return k.mem.Commit(
		nvm.Change{Key: versionKey(prefixSequence, version), Value: binary.BigEndian.AppendUint32(nil, state.Counter)},
		nvm.Change{Key: versionKey(prefixFailures, version), Value: []byte{state.Failures}},
	)
}
