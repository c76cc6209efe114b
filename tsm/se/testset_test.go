package se_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/scp03"
	"mobileid/tsm/se"
	"mobileid/tsm/se/setest"
)

// Published keys come into an element as its test set alone (E3).
func TestE3PublishedKeys(t *testing.T) {
	e := newElement(t)
	for name, change := range map[string]func(f *se.Factory){
		"as keys":        func(f *se.Factory) { f.Keys = scp03.TestKeys().Keys() },
		"as keys too":    func(f *se.Factory) { f.TestKeys = scp03.TestKeys() },
		"one key thrice": func(f *se.Factory) { f.Keys.MAC, f.Keys.DEK = f.Keys.ENC, f.Keys.ENC },
	} {
		f := e.Factory
		change(&f)
		if err := se.Manufacture(filepath.Join(t.TempDir(), "se.nvm"), f); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	e.Factory.Keys, e.Factory.TestKeys = scp03.Keys{}, scp03.TestKeys()
	ordinary := e.Path
	e.Again(t)
	// The file says what it is, and opens only for who means it.
	if _, err := se.Open(e.Path, se.Config{Applets: []se.Kind{echo{}}}); !errors.Is(err, se.ErrTestElement) {
		t.Errorf("as an ordinary element: %v", err)
	}
	if _, err := se.Open(ordinary, se.Config{Applets: []se.Kind{echo{}}, TestElement: true}); !errors.Is(err, se.ErrNoTestElement) {
		t.Errorf("an ordinary element as one of a bench: %v", err)
	}
	s := open(t, e, se.Config{})
	// Other people's hosts get in (TestHostTraces); ours does not take such keys.
	if _, err := setest.Open(context.Background(), s, scp03.TestKeys().Keys()); !errors.Is(err, scp03.ErrWeakKeys) {
		t.Errorf("our host: %v", err)
	}
	if r := send(t, s, command(t, "8050300008000102030405060700")); r.SW != apdu.OK {
		t.Errorf("INITIALIZE UPDATE: %v", r.SW)
	}
}
