package tsm

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"mobileid/tsm/cmac"
	"mobileid/tsm/diversify"
	"mobileid/tsm/scp03"
)

// Masters is a KeySource of several master keys, one for each key version. It prints as [redacted].
type Masters struct {
	byVersion map[byte]Master
	current   byte
}

// NewMasters takes one or more master keys of different versions. current is the version that elements have or are to get;
// the others are for elements not moved to it yet.
func NewMasters(current byte, masters ...Master) (*Masters, error) {
	m := &Masters{byVersion: make(map[byte]Master, len(masters)), current: current}
	for _, one := range masters {
		if _, twice := m.byVersion[one.Version()]; twice {
			return nil, fmt.Errorf("taking master keys: two of version %02X", one.Version())
		}
		m.byVersion[one.Version()] = one
	}
	if m.byVersion[current] == nil {
		return nil, fmt.Errorf("taking master keys: current version %02X: %w", current, ErrKeyVersion)
	}
	return m, nil
}

// Current is the version that elements have or are to get.
func (m *Masters) Current() byte { return m.current }

// Derive makes one element's key set of a version and refuses a weak one.
func (m *Masters) Derive(ctx context.Context, seID []byte, version byte) (scp03.Keys, error) {
	master := m.byVersion[version]
	if master == nil {
		return scp03.Keys{}, fmt.Errorf("deriving key set of version %02X: %w", version, ErrKeyVersion)
	}
	return derive(ctx, master, seID)
}

// Format prints [redacted].
func (*Masters) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[redacted]") }

// LogValue is [redacted].
func (*Masters) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// derive makes one element's key set by KDF3, whose key diversification data is the element's id.
func derive(ctx context.Context, m Master, seID []byte) (scp03.Keys, error) {
	keys, err := diversify.KDF3(ctx, m, seID, MasterKeySize, m.Version())
	if err != nil {
		return scp03.Keys{}, fmt.Errorf("deriving key set: %w", err)
	}
	if reason, bad := keys.Weak(); bad {
		keys.Erase()
		return scp03.Keys{}, fmt.Errorf("deriving key set: %s: %w", reason, ErrWeakKey)
	}
	return keys, nil
}

// checkText is what a master key is tried with: no input of a derivation has this size.
const checkText = "mobileid: is this master key a published one?"

// CheckMaster refuses a published or patterned master key whose bytes nobody can see (ErrWeakKey): its MAC of a fixed text is
// compared with those of all keys that count up or down by one step, whole or one half twice; all zero, 40 to 5F and the
// published 40 to 4F are among them. It makes one call of m.
func CheckMaster(ctx context.Context, m Master) error {
	mac, err := m.CMAC(ctx, []byte(checkText))
	if err != nil {
		return fmt.Errorf("trying master key: %w", err)
	}
	var key [MasterKeySize]byte
	for first := range 256 {
		for step := range 256 {
			for _, size := range []int{MasterKeySize, MasterKeySize / 2} {
				for i := range key {
					key[i] = byte(first + step*(i%size))
				}
				known, err := cmac.Sum(key[:], []byte(checkText))
				if err != nil || subtle.ConstantTimeCompare(known[:], mac[:]) == 1 {
					return errors.Join(fmt.Errorf("trying master key: %w", ErrWeakKey), err)
				}
			}
		}
	}
	return nil
}
