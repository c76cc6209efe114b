package se

import (
	"encoding/binary"
	"fmt"

	"mobileid/tsm/gp"
	"mobileid/tsm/scp03"
	"mobileid/tsm/se/nvm"
)

// Versions of key sets, GPC_GUI_010.
const (
	firstVersion   = 0x30
	lastVersion    = 0x3F
	tokenVersion   = 0x70
	receiptVersion = 0x71
)

// keySets is the persistent side of a security domain's SCP03 key sets: a scp03.KeySource over the non-volatile memory.
type keySets struct {
	mem    *nvm.Memory
	prefix string
}

func (s *SE) keySets(domain gp.AID) keySets { return keySets{s.mem, domainKey(domain)} }

// keySource gives the key sets a domain is reached with: its own, or, while it has none, those of the domain it belongs to.
func (s *SE) keySource(domain gp.AID) keySets {
	for range len(s.registry) + 1 {
		if k := s.keySets(domain); domain == gp.ISD || len(k.versions()) > 0 {
			return k
		}
		domain = s.registry[domain].domain
	}
	return s.keySets(gp.ISD)
}

func (k keySets) name(what string, version byte) string {
	return fmt.Sprintf("%s%s%02x", k.prefix, what, version)
}

// Names of a key set, its sequence counter, its failures, and a key that stands alone.
const (
	setName      = "keys/"
	sequenceName = "sequence/"
	failuresName = "failures/"
	singleName   = "key/"
)

// versions lists the SCP03 key sets.
func (k keySets) versions() []byte { return k.list(setName) }

// singles lists the keys that stand alone.
func (k keySets) singles() []byte { return k.list(singleName) }

func (k keySets) list(what string) []byte {
	var out []byte
	prefix := k.prefix + what
	for _, key := range k.mem.Keys(prefix) {
		var v byte
		if _, err := fmt.Sscanf(key[len(prefix):], "%02x", &v); err == nil {
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
	v, ok := k.mem.Load(k.name(setName, version))
	if !ok || len(v) == 0 || len(v)%3 != 0 {
		return scp03.Keys{}, scp03.ErrNoKeySet
	}
	n := len(v) / 3
	return scp03.Keys{ENC: v[:n:n], MAC: v[n : 2*n : 2*n], DEK: v[2*n:], Version: version}, nil
}

// single gives a key that stands alone.
func (k keySets) single(version byte) ([]byte, bool) { return k.mem.Load(k.name(singleName, version)) }

// SetState gives counter and failures; both are 0 for a set never used.
func (k keySets) SetState(version byte) (scp03.SetState, error) {
	var out scp03.SetState
	if v, ok := k.mem.Load(k.name(sequenceName, version)); ok && len(v) == 4 {
		out.Counter = binary.BigEndian.Uint32(v)
	}
	if v, ok := k.mem.Load(k.name(failuresName, version)); ok && len(v) == 1 {
		out.Failures = v[0]
	}
	return out, nil
}

// StoreSetState writes both in one transaction, synced.
func (k keySets) StoreSetState(version byte, state scp03.SetState) error {
	return k.mem.Commit(
		nvm.Change{Key: k.name(sequenceName, version), Value: binary.BigEndian.AppendUint32(nil, state.Counter)},
		nvm.Change{Key: k.name(failuresName, version), Value: []byte{state.Failures}},
	)
}
