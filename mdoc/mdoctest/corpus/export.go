package corpus

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// Format names the form of an export; another number is another form.
const Format = "mobileid-corpus-1"

const manifestName = "manifest.json"

// manifest is what manifest.json holds; schemas/corpus.schema.json describes it.
type manifest struct {
	Format string `json:"format"`
	Cases  []Case `json:"cases"`
}

// Export writes the cases into dir, which must not exist yet: manifest.json, and a folder for each kind with the files of its
// cases (docs/corpus.md). Cases of one kind share files that are equal.
func Export(dir string, cases []Case) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return fmt.Errorf("exporting corpus: %w", err)
	}
	m := manifest{Format: Format}
	held := make(map[[sha256.Size]byte]string)
	for _, c := range cases {
		named, files, err := c.named(held)
		if err != nil {
			return fmt.Errorf("exporting corpus: %w", err)
		}
		for _, f := range files {
			if err := write(dir, f); err != nil {
				return fmt.Errorf("exporting corpus: %w", err)
			}
		}
		m.Cases = append(m.Cases, named)
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(m); err != nil {
		return fmt.Errorf("exporting corpus: %w", err)
	}
	if err := write(dir, File{Path: manifestName, Data: out.Bytes()}); err != nil {
		return fmt.Errorf("exporting corpus: %w", err)
	}
	return nil
}

// named gives the case with a path for each file, and the files that are not held yet.
func (c Case) named(held map[[sha256.Size]byte]string) (Case, []File, error) {
	files := make([]File, len(c.Files))
	copy(files, c.Files)
	c.Files = files
	count := make(map[string]int)
	var added []File
	for i := range files {
		f := &files[i]
		ending, ok := endings()[f.Role]
		if !ok {
			return Case{}, nil, fmt.Errorf("%s has a file of an unknown role %q", c.Name, f.Role)
		}
		count[f.Role]++
		sum := sha256.Sum256(append([]byte(string(c.Kind)+" "+f.Role+" "), f.Data...))
		if f.Path, ok = held[sum]; ok {
			continue
		}
		name := f.Role
		if n := count[f.Role]; n > 1 {
			name += fmt.Sprintf("-%d", n)
		}
		f.Path = path.Join(c.Name, name+ending)
		held[sum] = f.Path
		added = append(added, *f)
	}
	return c, added, nil
}

// endings are the roles of files and how their names end.
func endings() map[string]string {
	return map[string]string{
		"response": ".cbor", "request": ".cbor", "transcript": ".cbor", "issuer_signed": ".cbor", "engagement": ".cbor", "message": ".cbor",
		"item": ".cbor", "token": ".cwt", "status_token": ".cwt", "anchor": ".der", "issuer": ".der", "crl": ".crl", "vical": ".cbor", "certificate": ".der", "document_signer": ".der",
		"reader_key": ".bin", "device_key": ".bin", "identifier": ".bin", "uri": ".txt",
		"handover_select": ".ndef", "handover_request": ".ndef", "recipient_key": ".bin",
	}
}

func write(dir string, f File) error {
	at := filepath.Join(dir, filepath.FromSlash(f.Path))
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		return err
	}
	return os.WriteFile(at, f.Data, 0o644)
}

// Import reads an export back, such as os.DirFS of its folder. It refuses another format, members it does not know, and paths
// that lead out of the folder.
func Import(fsys fs.FS) ([]Case, error) {
	raw, err := fs.ReadFile(fsys, manifestName)
	if err != nil {
		return nil, fmt.Errorf("importing corpus: %w", err)
	}
	var m manifest
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return nil, fmt.Errorf("importing corpus: %w", err)
	}
	if m.Format != Format {
		return nil, fmt.Errorf("importing corpus: format %q, want %q", m.Format, Format)
	}
	if len(m.Cases) == 0 {
		return nil, errors.New("importing corpus: no cases")
	}
	for i := range m.Cases {
		for n := range m.Cases[i].Files {
			f := &m.Cases[i].Files[n]
			if f.Data, err = fs.ReadFile(fsys, f.Path); err != nil {
				return nil, fmt.Errorf("importing corpus: %w", err)
			}
		}
	}
	return m.Cases, nil
}
