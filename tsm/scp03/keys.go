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

// Keys is a static key set of a security domain (Amendment D 4.1.1): Key-ENC,
// Key-MAC and Key-DEK of one length, 16, 24 or 32 bytes, and the key version
// number. Version 0 in a host's set means the card's default set.
//
// It prints as [redacted] whatever the verb or log handler.
type Keys struct {
	ENC, MAC, DEK []byte
	Version       byte
}

// Diversify makes the key set of one card out of a master key and the card's ten
// bytes of key diversification data, by the method known as KDF3: for k = 1 ENC,
// 2 MAC, 3 DEK
//
//	AES-CMAC(master, counter ‖ 00 00 00 k ‖ 00 ‖ KDD), counter = 01, 02, …
//
// The keys are as long as the master: 16, 24 or 32 bytes.
func Diversify(master, kdd []byte, version byte) (Keys, error) {
	if len(kdd) != kddSize {
		return Keys{}, fmt.Errorf("diversifying keys: %d bytes of diversification data, want %d", len(kdd), kddSize)
	}
	m, err := newCMAC(master)
	if err != nil {
		return Keys{}, fmt.Errorf("diversifying keys: %w", err)
	}
	defer m.erase()
	key := func(k byte) []byte {
		out := make([]byte, len(master))
		m.counterMode(out, nil, append([]byte{0, 0, 0, k, 0}, kdd...))
		return out
	}
	return Keys{ENC: key(1), MAC: key(2), DEK: key(3), Version: version}, nil
}

// Validate tells whether the three keys are there and fit each other.
func (k Keys) Validate() error {
	switch n := len(k.ENC); {
	case n != 16 && n != 24 && n != 32:
		return fmt.Errorf("Key-ENC of %d bytes: %w", n, ErrKeys)
	case len(k.MAC) != n || len(k.DEK) != n:
		return fmt.Errorf("keys of %d, %d and %d bytes: %w", n, len(k.MAC), len(k.DEK), ErrKeys)
	}
	return nil
}

// Weak tells why a key set must not leave a test bench: a key of one repeated byte
// (all zero among them), a key of rising bytes such as 40 41 42 … which the
// GlobalPlatform world has published, or two keys alike. It finds known mistakes;
// it does not measure randomness.
func (k Keys) Weak() (reason string, weak bool) {
	for _, x := range []struct {
		name string
		key  []byte
	}{{"Key-ENC", k.ENC}, {"Key-MAC", k.MAC}, {"Key-DEK", k.DEK}} {
		switch {
		case arithmetic(x.key, 0):
			return x.name + " repeats one byte", true
		case arithmetic(x.key, 1):
			return x.name + " is a run of rising bytes, as published test keys are", true
		}
	}
	if same(k.ENC, k.MAC) || same(k.ENC, k.DEK) || same(k.MAC, k.DEK) {
		return "two keys of the set are alike", true
	}
	return "", false
}

func same(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }

// arithmetic tells whether each byte is the one before plus step.
func arithmetic(key []byte, step byte) bool {
	for i := 1; i < len(key); i++ {
		if key[i] != key[i-1]+step {
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
