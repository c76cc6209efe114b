package card_test

import (
	"bytes"
	"errors"
	"testing"

	"mobileid/issuer/card"
)

func TestMunicipalRoots(t *testing.T) {
	w := fixture(t)
	text, err := card.EncodeMunicipalRoots(w.authority.MunicipalRoots())
	if err != nil {
		t.Fatal(err)
	}
	roots, err := card.ParseMunicipalRoots(text)
	if err != nil {
		t.Fatal(err)
	}
	for id, key := range w.authority.MunicipalRoots() {
		if got := roots[id]; got == nil || !got.Equal(key) {
			t.Errorf("root %v is missing or another", id)
		}
	}
	for name, bad := range map[string][]byte{
		"nothing":      nil,
		"no PEM":       []byte("roots"),
		"text between": append(append(bytes.Clone(text), "x\n"...), text...),
		"twice":        append(bytes.Clone(text), text...),
		"cut":          text[:len(text)-40],
		"no key id":    bytes.ReplaceAll(text, []byte("Key-Id"), []byte("Key-No")),
		"certificate":  bytes.ReplaceAll(text, []byte("PUBLIC KEY"), []byte("CERTIFICATE")),
		"broken key":   bytes.ReplaceAll(text, []byte("\nMIIB"), []byte("\nMIIC")),
	} {
		t.Run(name, func(t *testing.T) {
			if roots, err := card.ParseMunicipalRoots(bad); !errors.Is(err, card.ErrRoots) || roots != nil {
				t.Errorf("%d roots, error %v", len(roots), err)
			}
		})
	}
}

func FuzzParseMunicipalRoots(f *testing.F) {
	text, err := card.EncodeMunicipalRoots(fixture(f).authority.MunicipalRoots())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Fuzz(func(t *testing.T, text []byte) {
		roots, err := card.ParseMunicipalRoots(text)
		if (err == nil) != (len(roots) > 0) {
			t.Fatalf("%d roots, error %v", len(roots), err)
		}
		if err == nil {
			if _, err := card.EncodeMunicipalRoots(roots); err != nil {
				t.Fatal(err)
			}
		}
	})
}
