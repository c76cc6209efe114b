package scp03

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// ErrKeys says that a key set is not usable: keys missing, of unequal length, or of
// a length AES does not have.
var ErrKeys = errors.New("key set unusable")

// ErrWeakKeys says that a key set is known to the world or was typed rather than drawn; see Weak.
var ErrWeakKeys = errors.New("key set published or patterned")

// Keys is a static key set of a security domain (Amendment D 4.1.1): Key-ENC,
// Key-MAC and Key-DEK of one length, 16, 24 or 32 bytes, and the key version
// number. Version 0 in a host's set means the card's default set.
//
// It prints as [redacted] whatever the verb or log handler.
type Keys struct {
	ENC, MAC, DEK []byte
	Version       byte
}

// Validate tells whether a set may guard an element: ErrKeys if its keys are not there or do not fit each other, ErrWeakKeys
// if it is one that Weak finds. Both ends of this package refuse what it refuses, and so must whoever stores or replaces
// keys. The one way round it is [TestSet], for the element on a bench.
func (k Keys) Validate() error {
	if err := k.shape(); err != nil {
		return err
	}
	if reason, weak := k.Weak(); weak {
		return fmt.Errorf("%s: %w", reason, ErrWeakKeys)
	}
	return nil
}

// shape tells whether the three keys are there and fit each other.
func (k Keys) shape() error {
	switch n := len(k.ENC); {
	case n != 16 && n != 24 && n != 32:
		return fmt.Errorf("Key-ENC of %d bytes: %w", n, ErrKeys)
	case len(k.MAC) != n || len(k.DEK) != n:
		return fmt.Errorf("keys of %d, %d and %d bytes: %w", n, len(k.MAC), len(k.DEK), ErrKeys)
	}
	return nil
}

// Weak tells why a key set must not leave a test bench: a key that WeakKey finds, or two keys alike.
func (k Keys) Weak() (reason string, weak bool) {
	for _, x := range []struct {
		name string
		key  []byte
	}{{"Key-ENC", k.ENC}, {"Key-MAC", k.MAC}, {"Key-DEK", k.DEK}} {
		if reason, weak := WeakKey(x.key); weak {
			return x.name + " " + reason, true
		}
	}
	if same(k.ENC, k.MAC) || same(k.ENC, k.DEK) || same(k.MAC, k.DEK) {
		return "two keys of the set are alike", true
	}
	return "", false
}

// WeakKey tells why one AES key is not to be used: it repeats itself (all zero among them), its bytes rise or fall by one
// step, such as 40 41 42 … which the GlobalPlatform world has published, or it is one of the keys in published standards,
// host software and recordings that this package knows. It finds known mistakes; it does not measure randomness.
func WeakKey(key []byte) (reason string, weak bool) {
	for period := 1; period <= 16 && period < len(key); period *= 2 {
		if same(key[period:], key[:len(key)-period]) {
			return fmt.Sprintf("repeats itself after %d", period), true
		}
	}
	switch {
	case steady(key):
		return "is a run of one step, as published test keys are", true
	case published(key):
		return "is published", true
	}
	return "", false
}

func same(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }

// steady tells whether each byte is the one before plus the same step.
func steady(key []byte) bool {
	for i := 2; i < len(key); i++ {
		if key[i]-key[i-1] != key[1]-key[0] {
			return false
		}
	}
	return true
}

// Clone copies the set, so that one holder can erase its own.
func (k Keys) Clone() Keys {
	return Keys{
		ENC: append([]byte(nil), k.ENC...), MAC: append([]byte(nil), k.MAC...), DEK: append([]byte(nil), k.DEK...),
		Version: k.Version,
	}
}

// Erase overwrites the key bytes in place, for all holders of the same slices.
func (k Keys) Erase() {
	clear(k.ENC)
	clear(k.MAC)
	clear(k.DEK)
}

const redactedText = "[redacted]"

// Format prints [redacted].
func (Keys) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redactedText) }

// LogValue is [redacted].
func (Keys) LogValue() slog.Value { return slog.StringValue(redactedText) }

// redacted is embedded by what holds session keys.
type redacted struct{}

// Format prints [redacted].
func (redacted) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redactedText) }

// LogValue is [redacted].
func (redacted) LogValue() slog.Value { return slog.StringValue(redactedText) }
