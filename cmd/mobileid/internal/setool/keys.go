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
	"mobileid/tsm/cmac"
	"mobileid/tsm/gp"
	"mobileid/tsm/gp/manager"
	"mobileid/tsm/scp03"
)

// defaultVersion is the key version of SCP03 sets that are asked for with a master key.
const defaultVersion = "30"

// keys is where the key set comes from: a file with the set, or one with the master key it is made of.
func (t *Tool) keys(set, master, version string) (manager.Keys, error) {
	switch {
	case set != "":
		keys, err := readKeys(set)
		if err != nil {
			return nil, explain(err)
		}
		defer keys.Erase()
		return manager.Static(keys), nil
	case master != "":
		return t.masterKeys(master, version)
	}
	return nil, misuse("this needs keys: --keys FILE with a key set, or --master FILE with the master key it is made of")
}

// masterKeys diversifies by KDF3. The file holds the key and nothing else, as that of mobileid-tsm does.
func (t *Tool) masterKeys(path, version string) (manager.Keys, error) {
	if version == "" {
		version = defaultVersion
	}
	v, err := parseByte("key version", version)
	if err != nil {
		return nil, err
	}
	key, err := serve.ReadSecret(path)
	if err != nil {
		return nil, explain(err)
	}
	if n := len(key); n != 16 && n != 24 && n != 32 {
		return nil, fmt.Errorf("master key of %d bytes, want 16, 24 or 32 and nothing else in the file", n)
	}
	if reason, weak := scp03.WeakKey(key); weak {
		return nil, explain(fmt.Errorf("master key %s: %w", reason, scp03.ErrWeakKeys))
	}
	return manager.Diversified(masterKey(key), len(key), v), nil
}

// masterKey is a master key in memory.
type masterKey []byte

func (m masterKey) CMAC(_ context.Context, message []byte) ([16]byte, error) {
	return cmac.Sum(m, message)
}

// Format prints [redacted].
func (masterKey) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("[redacted]")) }

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
		return "", misuse("%q is no AID: 5 to 16 bytes in hex", text)
	}
	return gp.AID(b), nil
}

// parseByte reads a byte in hex.
func parseByte(what, text string) (byte, error) {
	n, err := strconv.ParseUint(text, 16, 8)
	if err != nil {
		return 0, misuse("%s %q is no byte in hex, such as 30", what, text)
	}
	return byte(n), nil
}
