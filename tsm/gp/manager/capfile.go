package manager

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
)

// maxComponent bounds one component of a CAP file: its size is two bytes, and three stand before it.
const maxComponent = 1<<16 + 2

// capComponents are the components a card gets, in their order (Java Card Virtual Machine Specification 3.0.5, 4.1.1):
// Descriptor and Debug stay outside.
func capComponents() []string {
	return []string{"Header", "Directory", "Import", "Applet", "Class", "Method", "StaticField", "Export", "ConstantPool", "RefLocation"}
}

// ReadCAP makes the load file data block of a CAP file as compilers write it: a ZIP archive with one file for each
// component, of one package. Each is bounded.
func ReadCAP(archive []byte) ([]byte, error) {
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return nil, fmt.Errorf("reading CAP file: %w", err)
	}
	found := map[string][]byte{}
	for _, f := range z.File {
		name, ok := strings.CutSuffix(path.Base(f.Name), ".cap")
		if !ok || !slices.Contains(capComponents(), name) {
			continue
		}
		if _, twice := found[name]; twice {
			return nil, errors.New("reading CAP file: more than one package")
		}
		if found[name], err = readComponent(f); err != nil {
			return nil, fmt.Errorf("reading CAP file: component %s: %w", name, err)
		}
	}
	var out []byte
	for _, name := range capComponents() {
		out = append(out, found[name]...)
	}
	if len(found["Header"]) == 0 {
		return nil, errors.New("reading CAP file: no Header component")
	}
	return out, nil
}

func readComponent(f *zip.File) ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, maxComponent+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxComponent {
		return nil, fmt.Errorf("over %d bytes", maxComponent)
	}
	return b, nil
}
