// Package diversify makes the static keys of one card out of a master key and the ten bytes of key diversification data
// (KDD) that the card tells in its answer to INITIALIZE UPDATE, by the methods hosts of the field use: KDF3 and the
// templates called EMV (EMV Card Personalization Specification 1.1), VISA2 and VISA1.
//
// The functions that say what goes into the master key ([KDF3Input], [Template]) are pure; the master key itself is an
// interface of one method, so that it can stay in a hardware security module. Start at [KDF3]: the templates are for
// cards of others.
//
// Not here: whether a master key is any good, and where it comes from.
package diversify

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des" //nolint:gosec // cards of others have triple DES masters
	"errors"
	"fmt"
	"io"
	"log/slog"

	"mobileid/tsm/cmac"
	"mobileid/tsm/scp03"
)

// KDDSize is the length of the key diversification data.
const KDDSize = 10

// A Key of a set by its key id.
type Key byte

// The keys of an SCP03 set, and of one of SCP02.
const (
	ENC Key = 1
	MAC Key = 2
	DEK Key = 3
)

// ErrInput says that diversification data, key or size are not what the method takes.
var ErrInput = errors.New("not an input of this diversification method")

// A CMACer is a master key that computes AES-CMAC (NIST SP 800-38B) of a message, wherever the key is kept.
type CMACer interface {
	CMAC(ctx context.Context, message []byte) ([16]byte, error)
}

// Memory is a master key of 16, 24 or 32 bytes in memory, which stays its maker's to erase. It prints as [redacted].
type Memory []byte

// CMAC is AES-CMAC under the key.
func (m Memory) CMAC(_ context.Context, message []byte) ([16]byte, error) {
	return cmac.Sum(m, message)
}

// Format prints [redacted].
func (Memory) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[redacted]") }

// LogValue is [redacted].
func (Memory) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// KDF3Input is the message of the nth CMAC, n from 1, for one key:
//
//	n ‖ 00 00 00 k ‖ 00 ‖ KDD
func KDF3Input(kdd []byte, k Key, n byte) ([]byte, error) {
	if len(kdd) != KDDSize || k < ENC || k > DEK || n == 0 {
		return nil, fmt.Errorf("diversifying keys: %d bytes of diversification data, key %d, block %d: %w", len(kdd), k, n, ErrInput)
	}
	return append([]byte{n, 0, 0, 0, byte(k), 0}, kdd...), nil
}

// KDF3 makes a key set of keys of 16, 24 or 32 bytes, which is as long as the master key. The keys are the caller's to
// erase.
func KDF3(ctx context.Context, master CMACer, kdd []byte, size int, version byte) (scp03.Keys, error) {
	if size != 16 && size != 24 && size != 32 {
		return scp03.Keys{}, fmt.Errorf("diversifying keys: keys of %d bytes: %w", size, ErrInput)
	}
	return set(version, func(k Key) ([]byte, error) {
		out := make([]byte, size)
		for n, rest := byte(1), out; len(rest) > 0; n++ {
			input, err := KDF3Input(kdd, k, n)
			if err != nil {
				return nil, err
			}
			block, err := master.CMAC(ctx, input)
			if err != nil {
				return nil, fmt.Errorf("diversifying keys: %w", err)
			}
			rest = rest[copy(rest, block[:]):]
		}
		return out, nil
	})
}

func set(version byte, key func(Key) ([]byte, error)) (scp03.Keys, error) {
	keys := scp03.Keys{Version: version}
	for k, to := range map[Key]*[]byte{ENC: &keys.ENC, MAC: &keys.MAC, DEK: &keys.DEK} {
		var err error
		if *to, err = key(k); err != nil {
			keys.Erase()
			return scp03.Keys{}, err
		}
	}
	return keys, nil
}

// A Method is one of the templates, by which bytes of the KDD it takes.
type Method string

// The templates.
const (
	EMV   Method = "emv"   // KDD[4:10]
	VISA2 Method = "visa2" // KDD[0,1,4,5,6,7]
	VISA1 Method = "visa1" // KDD[0:4] ‖ KDD[8:10]
)

// Template is the one block that is enciphered for a key:
//
//	t ‖ F0 k ‖ t ‖ 0F k      t = six bytes of the KDD
func (m Method) Template(kdd []byte, k Key) ([16]byte, error) {
	if len(kdd) != KDDSize || k < ENC || k > DEK {
		return [16]byte{}, fmt.Errorf("diversifying keys: %d bytes of diversification data, key %d: %w", len(kdd), k, ErrInput)
	}
	var t [6]byte
	switch m {
	case EMV:
		copy(t[:], kdd[4:10])
	case VISA2:
		copy(t[:2], kdd[0:2])
		copy(t[2:], kdd[4:8])
	case VISA1:
		copy(t[:4], kdd[0:4])
		copy(t[4:], kdd[8:10])
	default:
		return [16]byte{}, fmt.Errorf("diversifying keys: method %q: %w", m, ErrInput)
	}
	var out [16]byte
	copy(out[:6], t[:])
	copy(out[8:14], t[:])
	out[6], out[7], out[14], out[15] = 0xF0, byte(k), 0x0F, byte(k)
	return out, nil
}

// Keys makes a set by enciphering the templates with the master key, block by block: AES-128 for SCP03, or triple DES
// with TripleDES for cards whose master is of that kind.
func (m Method) Keys(master cipher.Block, kdd []byte, version byte) (scp03.Keys, error) {
	return set(version, func(k Key) ([]byte, error) {
		template, err := m.Template(kdd, k)
		if err != nil {
			return nil, err
		}
		n := master.BlockSize()
		if len(template)%n != 0 {
			return nil, fmt.Errorf("diversifying keys: blocks of %d bytes: %w", n, ErrInput)
		}
		out := make([]byte, len(template))
		for i := 0; i < len(out); i += n {
			master.Encrypt(out[i:i+n], template[i:i+n])
		}
		return out, nil
	})
}

// AES is a master key of 16 bytes in memory.
func AES(master []byte) (cipher.Block, error) {
	if len(master) != 16 {
		return nil, fmt.Errorf("taking AES master key: %d bytes: %w", len(master), ErrInput)
	}
	return aes.NewCipher(master)
}

// TripleDES is a master key of 16 bytes in memory, used as K1 K2 K1.
func TripleDES(master []byte) (cipher.Block, error) {
	if len(master) != 16 {
		return nil, fmt.Errorf("taking triple DES master key: %d bytes: %w", len(master), ErrInput)
	}
	return des.NewTripleDESCipher(append(master[:16:16], master[:8]...)) //nolint:gosec // cards of others
}
