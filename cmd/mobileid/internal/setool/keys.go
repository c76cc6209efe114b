package setool

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"mobileid/cmd/internal/serve"
	"mobileid/cmd/internal/usage"
	"mobileid/tsm/diversify"
	"mobileid/tsm/gp"
	"mobileid/tsm/gp/manager"
	"mobileid/tsm/scp03"
)

// defaultVersion is the key version of SCP03 sets that are asked for with a master key.
const defaultVersion = "30"

// source is where key sets of a version come from, and what erases the secret they come from.
type source struct {
	keys    manager.Keys
	version byte
	erase   func()
}

// keys is the source of a file with the set, or of one with the master key it is made of.
func (t *Tool) keys(set, master, version string) (source, error) {
	switch {
	case set != "":
		keys, err := readKeys(set)
		if err != nil {
			return source{}, explain(err)
		}
		give := func(context.Context, func() ([]byte, error)) (scp03.Keys, error) { return keys.Clone(), nil }
		return source{give, keys.Version, keys.Erase}, nil
	case master != "":
		return t.masterKeys(master, version)
	}
	return source{}, usage.Errorf("this needs keys: --keys FILE with a key set, or --master FILE with the master key it is made of")
}

// masterKeys diversifies by KDF3. The file holds the key and nothing else, as that of mobileid-tsm does.
func (t *Tool) masterKeys(path, version string) (source, error) {
	if version == "" {
		version = defaultVersion
	}
	v, err := parseByte("key version", version)
	if err != nil {
		return source{}, err
	}
	key, err := serve.ReadSecret(path)
	if err != nil {
		return source{}, explain(err)
	}
	if err := checkMaster(key); err != nil {
		clear(key)
		return source{}, explain(err)
	}
	return source{manager.Diversified(diversify.Memory(key), len(key), v), v, func() { clear(key) }}, nil
}

func checkMaster(key []byte) error {
	if n := len(key); n != 16 && n != 24 && n != 32 {
		return fmt.Errorf("master key of %d bytes, want 16, 24 or 32 and nothing else in the file", n)
	}
	if reason, weak := scp03.WeakKey(key); weak {
		return fmt.Errorf("master key %s: %w", reason, scp03.ErrWeakKeys)
	}
	return nil
}

// readKeys reads a key set: lines of a name and a value in hex, # before remarks.
//
//	version 30
//	enc 0123…
//	mac 4567…
//	dek 89AB…
func readKeys(path string) (scp03.Keys, error) {
	text, err := serve.ReadSecret(path)
	if err != nil {
		return scp03.Keys{}, err
	}
	defer clear(text)
	var keys scp03.Keys
	for n, line := range bytes.Split(text, []byte("\n")) {
		line, _, _ = bytes.Cut(line, []byte("#"))
		f := bytes.Fields(line)
		if len(f) == 0 {
			continue
		}
		if len(f) != 2 || setKey(&keys, string(f[0]), f[1]) != nil {
			keys.Erase()
			return scp03.Keys{}, fmt.Errorf("%s, line %d: want enc, mac or dek and the key in hex, or version and its number, each once", path, n+1)
		}
	}
	if err := keys.Validate(); err != nil {
		keys.Erase()
		return scp03.Keys{}, fmt.Errorf("%s: %w", path, err)
	}
	return keys, nil
}

var errKeyLine = errors.New("line malformed")

// setKey takes one line.
func setKey(keys *scp03.Keys, name string, value []byte) error {
	b := make([]byte, hex.DecodedLen(len(value)))
	if _, err := hex.Decode(b, value); err != nil {
		return errKeyLine // without the text, which may be part of a key
	}
	to := map[string]*[]byte{"enc": &keys.ENC, "mac": &keys.MAC, "dek": &keys.DEK}[strings.ToLower(name)]
	switch {
	case to != nil && *to == nil:
		*to = b
	case strings.EqualFold(name, "version") && len(b) == 1 && keys.Version == 0:
		keys.Version = b[0]
	default:
		return errKeyLine
	}
	return nil
}

// parseAID reads an AID in hex, as people type it.
func parseAID(text string) (gp.AID, error) {
	b, err := hex.DecodeString(strings.NewReplacer(" ", "", ":", "").Replace(text))
	if err != nil || gp.AID(b).Validate() != nil {
		return "", usage.Errorf("%q is no AID: 5 to 16 bytes in hex", text)
	}
	return gp.AID(b), nil
}

// parseByte reads a byte in hex.
func parseByte(what, text string) (byte, error) {
	n, err := strconv.ParseUint(text, 16, 8)
	if err != nil {
		return 0, usage.Errorf("%s %q is no byte in hex, such as 30", what, text)
	}
	return byte(n), nil
}
