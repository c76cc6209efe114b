package setest

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"mobileid/tsm/se"
	"mobileid/tsm/se/nvm"
)

// memoryDir is a folder in memory where there is one: what is tested is the order of writes, not the disk.
func memoryDir(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "setest")
	if err != nil {
		return tb.TempDir()
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// On switches the element on until the test is over, unless the test closes it before.
func (e *Element) On(tb testing.TB) *se.SE {
	tb.Helper()
	s, err := se.Open(e.Path, e.Config)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

// Powered switches the element on, does something and switches it off. tear says where the power goes, see [nvm.Config]; nil is nowhere. It
// gives the number of tear points passed. The medium is spared in either case.
func (e *Element) Powered(tear func(point int) bool, do func(*se.SE) error) (points int, err error) {
	cfg := e.Config
	cfg.Tear = func(p int) bool {
		points = p
		return tear != nil && tear(p)
	}
	s, err := se.Open(e.Path, cfg)
	if err != nil {
		return points, err
	}
	return points, errors.Join(do(s), s.Close())
}

// At lets the power go at one point.
func At(k int) func(point int) bool { return func(p int) bool { return p == k } }

// Snapshot reads the state file.
func (e *Element) Snapshot(tb testing.TB) []byte {
	tb.Helper()
	data, err := os.ReadFile(e.Path)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// Restore puts a state file in the place of the element's.
func (e *Element) Restore(tb testing.TB, data []byte) {
	tb.Helper()
	if err := os.WriteFile(e.Path, data, 0o600); err != nil {
		tb.Fatal(err)
	}
}

// In is the same element with a copy of its state file in a folder.
func (e *Element) In(tb testing.TB, dir string) *Element {
	tb.Helper()
	return e.with(tb, dir, e.Snapshot(tb))
}

func (e *Element) with(tb testing.TB, dir string, file []byte) *Element {
	tb.Helper()
	own := *e
	own.Path = filepath.Join(dir, "se.nvm")
	own.Restore(tb, file)
	return &own
}

// Fork is the same element with a copy of its state file in a folder of its own.
func (e *Element) Fork(tb testing.TB) *Element {
	tb.Helper()
	return e.In(tb, memoryDir(tb))
}

// Copied is the same element with a copy of its state file beside it, the only one there is, so that looking at it changes nothing.
func (e *Element) Copied(tb testing.TB) *Element {
	tb.Helper()
	dir := e.copies()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		tb.Fatal(err)
	}
	return e.In(tb, dir)
}

// A Mould makes an element once, for all tests of a package: they get copies with the same identity and keys, each with a state file of its own.
type Mould struct {
	once    sync.Once
	element *Element
	file    []byte
}

// Cast gives a copy of what was made the first time.
func (m *Mould) Cast(tb testing.TB, made func(tb testing.TB) *Element) *Element {
	tb.Helper()
	m.once.Do(func() {
		m.element = made(tb)
		m.file = m.element.Snapshot(tb)
	})
	if m.file == nil {
		tb.Fatal("the element was not made")
	}
	return m.element.with(tb, memoryDir(tb), m.file)
}

func (e *Element) copies() string { return filepath.Join(filepath.Dir(e.Path), "copy") }

// Objects are what the memory holds of the one instance there is, by name, which a test may read and no command can. The element is off.
func (e *Element) Objects(tb testing.TB) map[string]string {
	tb.Helper()
	m, err := nvm.Open(e.Path, nvm.Config{Rand: rand.Reader})
	if err != nil {
		tb.Fatal(err)
	}
	defer m.Close() //nolint:errcheck // read only
	out := map[string]string{}
	for _, key := range m.Keys("object/") {
		name := key[strings.LastIndex(key, "/")+1:]
		if _, twice := out[name]; twice {
			tb.Fatalf("two instances hold %s", name)
		}
		value, _ := m.Load(key)
		out[name] = string(value)
	}
	return out
}
