package tsm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"

	"mobileid/tsm/cmac"
	"mobileid/tsm/scp03"
)

// A KeySource gives the SCP03 key sets of elements' issuer security domains, of one key version or of several at once, so
// that an element can be moved from one to the next. It is safe for concurrent use.
type KeySource interface {
	// Derive makes one element's key set of a version. The keys become the caller's, who erases them. An error wraps
	// ErrKeyVersion when there is no master key of that version.
	Derive(ctx context.Context, seID []byte, version byte) (scp03.Keys, error)
	// Current is the version that elements have or are to get.
	Current() byte
}

// A Master is one master key, wherever it is kept: in memory, or in a hardware security module that never gives it away.
type Master interface {
	// Version is the key version number of the sets made of it.
	Version() byte
	// CMAC is AES-CMAC (NIST SP 800-38B) of a message under the master key of MasterKeySize bytes.
	CMAC(ctx context.Context, message []byte) ([16]byte, error)
}

// MasterKeySize is the size of a master key; the sets made of it are AES-256.
const MasterKeySize = 32

// ErrWeakKey says that a master key is one that is published, or patterned so
// that it was not drawn at random.
var ErrWeakKey = errors.New("master key is published or patterned")

// ErrKeyVersion says that there is no master key of a key version.
var ErrKeyVersion = errors.New("no master key of this version")

// MasterKey is a Master in memory, and the KeySource of its one version. It prints as [redacted].
type MasterKey struct {
	key     [MasterKeySize]byte
	version byte
}

// NewMasterKey copies a master key of 32 bytes, drawn at random. version is the
// key version number of the sets on the elements, 30 to 3F for SCP03, or 0 for
// an element's default set. Published and patterned keys are refused.
func NewMasterKey(key []byte, version byte) (*MasterKey, error) {
	if len(key) != MasterKeySize {
		return nil, fmt.Errorf("taking master key: %d bytes, want %d", len(key), MasterKeySize)
	}
	if weak(key) {
		return nil, fmt.Errorf("taking master key: %w", ErrWeakKey)
	}
	m := &MasterKey{version: version}
	copy(m.key[:], key)
	return m, nil
}

// OpenMasterKey reads a master key named by a URI. The one scheme is file:, of a
// regular file with the 32 bytes and nothing else, open to its owner only (mode
// 0600 or 0400).
func OpenMasterKey(uri string, version byte) (*MasterKey, error) {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "file" || (u.Host != "" && u.Host != "localhost") {
		return nil, errors.New("opening master key: not a file: URI")
	}
	path := u.Path
	if path == "" {
		path = u.Opaque // file:relative/path
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening master key: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("opening master key: %w", err)
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("opening master key: mode %v, want a regular file open to its owner only", info.Mode())
	}
	key, err := io.ReadAll(io.LimitReader(f, MasterKeySize+1))
	if err != nil {
		return nil, fmt.Errorf("reading master key: %w", err)
	}
	defer clear(key)
	return NewMasterKey(key, version)
}

// Version is that of the key sets.
func (m *MasterKey) Version() byte { return m.version }

// Current is the one version.
func (m *MasterKey) Current() byte { return m.version }

// CMAC is AES-CMAC under the master key.
func (m *MasterKey) CMAC(_ context.Context, message []byte) ([16]byte, error) {
	return cmac.Sum(m.key[:], message)
}

// Derive makes the key set of one element and refuses a weak one.
func (m *MasterKey) Derive(ctx context.Context, seID []byte, version byte) (scp03.Keys, error) {
	if version != m.version {
		return scp03.Keys{}, fmt.Errorf("deriving key set of version %02X: %w", version, ErrKeyVersion)
	}
	return derive(ctx, m, seID)
}

// Format prints [redacted].
func (*MasterKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[redacted]") }

// LogValue is [redacted].
func (*MasterKey) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// minDistinct is the fewest different byte values in a key taken for random.
// Of 32 random bytes about 30 differ; a random key has fewer than 16 about once
// in 2^50.
const minDistinct = 16

// weak finds keys that were typed, counted up, repeated or published rather than drawn: WeakKey says which, and here few
// different bytes are enough.
func weak(key []byte) bool {
	var seen [256]bool
	distinct := 0
	for _, b := range key {
		if !seen[b] {
			seen[b] = true
			distinct++
		}
	}
	_, known := scp03.WeakKey(key)
	return known || distinct < minDistinct
}
