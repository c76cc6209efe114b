package serve

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// maxSettings bounds a settings file: one screen is usual.
const maxSettings = 1 << 20

// maxDepth bounds the nesting of a settings file.
const maxDepth = 16

// Settings is a service's configuration as its JSON file gives it. Secrets are
// not in it, only the names of the files that hold them.
type Settings interface {
	// Validate says what is wrong with the values alone, all of it, without
	// opening files or sockets.
	Validate() error
}

// Load reads the JSON file at path into settings and validates it. An unknown
// name, a name given twice (also in another case, which encoding/json would
// take), anything after the value, and a file over 1 MiB are refused.
func Load(path string, settings Settings) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("reading settings: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSettings+1))
	if err != nil {
		return fmt.Errorf("reading settings: %w", err)
	}
	if len(b) > maxSettings {
		return fmt.Errorf("reading settings: %s is over %d bytes", path, maxSettings)
	}
	if err := Parse(b, settings); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// Parse is [Load] on the bytes themselves.
func Parse(b []byte, settings Settings) error {
	if err := uniqueNames(json.NewDecoder(bytes.NewReader(b)), 0); err != nil {
		return fmt.Errorf("decoding settings: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(settings); err != nil {
		return fmt.Errorf("decoding settings: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("decoding settings: text after the closing brace")
	}
	if err := settings.Validate(); err != nil {
		return fmt.Errorf("checking settings: %w", err)
	}
	return nil
}

// uniqueNames reads one JSON value and refuses an object that gives a name twice.
func uniqueNames(dec *json.Decoder, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("nested deeper than %d", maxDepth)
	}
	tok, err := dec.Token()
	if err != nil {
		return err
	}
	open, ok := tok.(json.Delim)
	if !ok {
		return nil
	}
	seen := make(map[string]bool)
	for dec.More() {
		if open == '{' {
			name, err := dec.Token()
			if err != nil {
				return err
			}
			key := strings.ToLower(fmt.Sprint(name))
			if seen[key] {
				return fmt.Errorf("%q is given twice", key)
			}
			seen[key] = true
		}
		if err := uniqueNames(dec, depth+1); err != nil {
			return err
		}
	}
	_, err = dec.Token() // the closing delimiter
	return err
}

// Duration is a time.Duration written as text in settings: "30s", "24h".
type Duration time.Duration

// UnmarshalText takes what time.ParseDuration takes, and nothing negative.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil {
		return err
	}
	if v < 0 {
		return fmt.Errorf("duration %s is negative", v)
	}
	*d = Duration(v)
	return nil
}

// MarshalText writes the form UnmarshalText reads.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }
