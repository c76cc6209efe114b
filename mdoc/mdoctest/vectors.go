// Package mdoctest finds the published test vectors and holds builders that tests share. Only tests import it.
//
// The vectors are data of other bodies and stay outside this module: the folder is named by the environment variable
// MOBILEID_VECTORS and defaults to ../shared/vectors beside the module.
package mdoctest

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// Vectors gives the folder of published vectors. Without it the test is skipped with a message, or fails when CI is
// set to true.
func Vectors(tb testing.TB) string {
	tb.Helper()
	dir := os.Getenv("MOBILEID_VECTORS")
	if dir == "" {
		dir = filepath.Join(moduleRoot(tb), "..", "shared", "vectors")
	}
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return dir
	}
	if os.Getenv("CI") == "true" {
		tb.Fatalf("the published test vectors are missing: set MOBILEID_VECTORS to their folder (looked in %s)", dir)
	}
	tb.Skip("the published test vectors are not here: set MOBILEID_VECTORS to their folder to run this test")
	return ""
}

func moduleRoot(tb testing.TB) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			tb.Fatal("no go.mod above the test's folder")
		}
		dir = up
	}
}

// ReadJSON reads the vector file at path (relative to the vectors folder) into v.
func ReadJSON(tb testing.TB, path string, v any) {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join(Vectors(tb), filepath.FromSlash(path)))
	if err != nil {
		tb.Fatal(err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		tb.Fatalf("%s: %v", path, err)
	}
}

// Hex decodes a hex string of a vector.
func Hex(tb testing.TB, s string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		tb.Fatalf("bad hex in a vector: %v", err)
	}
	return b
}

// AnnexD is the example data of ISO/IEC 18013-5 Annex D by entry name.
type AnnexD map[string][]byte

// LoadAnnexD reads iso18013-5/annex-d.json: the printed entries and those cut out of them.
func LoadAnnexD(tb testing.TB) AnnexD {
	tb.Helper()
	type entry struct {
		Hex string `json:"hex"`
	}
	var file struct {
		Entries map[string]entry `json:"entries"`
		Cut     map[string]entry `json:"cut_out_of_the_entries"`
	}
	ReadJSON(tb, "iso18013-5/annex-d.json", &file)
	out := AnnexD{}
	for _, m := range []map[string]entry{file.Entries, file.Cut} {
		for name, e := range m {
			out[name] = Hex(tb, e.Hex)
		}
	}
	if len(out) < 40 {
		tb.Fatalf("annex-d.json holds %d entries, expected at least 40", len(out))
	}
	return out
}

// Bytes gives an entry; a missing one fails the test.
func (a AnnexD) Bytes(tb testing.TB, name string) []byte {
	tb.Helper()
	b, ok := a[name]
	if !ok || len(b) == 0 {
		tb.Fatalf("annex-d.json has no entry %q", name)
	}
	return b
}
