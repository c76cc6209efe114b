package nvm

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// volatile is a disk that says what a loss of power would leave: what was written to a file may be gone until the file is synced, and a
// name that was made, changed or removed until the folder is. A sync that fails forgets what it was to put down, as systems do.
type volatile struct {
	disk
	now, held map[string]*inode // by name: as it reads, and as it holds
	of        map[*os.File]*inode
	calls     int
	stop      int              // the call at which nothing is done any more, 0 for none
	part      func(of int) int // how much of a write is done all the same at that call; nil for nothing
	syncs     int
	fail      int      // the sync that fails, 0 for none
	dirs      []string // folders synced
}

// inode is a file as it reads and as it holds, and the sectors that a sync would put down.
type inode struct {
	now, held []byte
	dirty     map[int]bool
}

func newInode(data []byte) *inode {
	return &inode{now: data, held: bytes.Clone(data), dirty: map[int]bool{}}
}

var errStopped = errors.New("stopped")

// newVolatile begins with the state file, which holds.
func newVolatile(tb testing.TB, path string) *volatile {
	tb.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	i := newInode(data)
	return &volatile{now: map[string]*inode{path: i}, held: map[string]*inode{path: i}, of: map[*os.File]*inode{}}
}

func (v *volatile) call() error {
	v.calls++
	if v.stop > 0 && v.calls >= v.stop {
		return errStopped
	}
	return nil
}

// inode is what a handle was opened for.
func (v *volatile) inode(f *os.File) *inode {
	if i := v.of[f]; i != nil {
		return i
	}
	i := v.now[f.Name()]
	if i == nil { // it was just made
		i = newInode(nil)
		v.now[f.Name()] = i
	}
	v.of[f] = i
	return i
}

func (v *volatile) writeAt(f *os.File, b []byte, offset int64) error {
	err := v.call()
	if err != nil {
		if v.calls > v.stop || v.part == nil {
			return err
		}
		b = b[:v.part(len(b))]
	}
	i := v.inode(f)
	if missing := int(offset) + len(b) - len(i.now); missing > 0 {
		i.now = append(i.now, make([]byte, missing)...)
	}
	copy(i.now[offset:], b)
	for at := int(offset) / sector; len(b) > 0 && at <= (int(offset)+len(b)-1)/sector; at++ {
		i.dirty[at] = true
	}
	return errors.Join(err, v.disk.writeAt(f, b, offset))
}

func (v *volatile) sync(f *os.File) error {
	if err := v.call(); err != nil {
		return err
	}
	i := v.inode(f)
	v.syncs++
	if v.syncs == v.fail {
		clear(i.dirty)
		return errStopped
	}
	i.held = i.left(kept["all"])
	clear(i.dirty)
	return nil
}

func (v *volatile) rename(from, to string) error {
	if err := v.call(); err != nil {
		return err
	}
	v.now[to] = v.now[from]
	delete(v.now, from)
	return v.disk.rename(from, to)
}

func (v *volatile) remove(path string) error {
	if err := v.call(); err != nil {
		return err
	}
	delete(v.now, path)
	return v.disk.remove(path)
}

func (v *volatile) syncDir(dir string) error {
	if err := v.call(); err != nil {
		return err
	}
	v.dirs = append(v.dirs, dir)
	v.held = maps.Clone(v.now)
	return v.disk.syncDir(dir)
}

// sector is the smallest part of what was not synced that a disk keeps or loses by itself.
const sector = 512

// kept says which of the sectors that were not synced a loss of power keeps.
var kept = map[string]func(i, of int) bool{
	"none":              func(int, int) bool { return false },
	"all":               func(int, int) bool { return true },
	"the first half":    func(i, of int) bool { return i < of/2 },
	"the second half":   func(i, of int) bool { return i >= of/2 },
	"every other":       func(i, _ int) bool { return i%2 == 0 },
	"the others":        func(i, _ int) bool { return i%2 == 1 },
	"all but the first": func(i, _ int) bool { return i > 0 },
	"all but the last":  func(i, of int) bool { return i < of-1 },
}

// left is what a file holds when of the sectors not synced those are kept.
func (i *inode) left(keep func(n, of int) bool) []byte {
	data := append(bytes.Clone(i.held), make([]byte, max(len(i.now)-len(i.held), 0))...)
	for n, at := range slices.Sorted(maps.Keys(i.dirty)) {
		if keep(n, len(i.dirty)) {
			copy(data[at*sector:], i.now[at*sector:min((at+1)*sector, len(i.now))])
		}
	}
	return data
}

// after lays out what a loss of power may leave: names as they held or as they read, and of the sectors not synced all, none or some.
func (v *volatile) after(tb testing.TB, path string) (paths map[string]string) {
	tb.Helper()
	paths = map[string]string{}
	for _, namesKept := range []bool{false, true} {
		if namesKept && maps.Equal(v.held, v.now) {
			continue
		}
		for which, keep := range kept {
			dir := tb.TempDir()
			names := v.held
			if namesKept {
				names = v.now
			}
			for name, i := range names {
				if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), i.left(keep), 0o600); err != nil {
					tb.Fatal(err)
				}
			}
			paths[fmt.Sprintf("names kept %v, sectors kept: %s", namesKept, which)] = filepath.Join(dir, filepath.Base(path))
		}
	}
	return paths
}

// commit runs transactions until the disk stops, and tells how many were acknowledged.
func (v *volatile) commit(path string, all [][]Change) (acknowledged int, err error) {
	m, err := Open(path, Config{Rand: rand.Reader, medium: v})
	if err != nil {
		return 0, err
	}
	defer m.Close() //nolint:errcheck // the test looks at the file
	for _, changes := range all {
		if err := m.Commit(changes...); err != nil {
			return acknowledged, err
		}
		acknowledged++
	}
	return acknowledged, nil
}

// Power is lost at every call to the disk: what was acknowledged holds, what was not holds whole or not at all, and what an acknowledged
// transaction destroyed is nowhere, whatever part of the unsynced the disk had put down. The same after the process alone was killed
// and the file was opened and written again.
func TestPowerLostAtEveryCall(t *testing.T) {
	want := states(t)
	path := newFile(t)
	v := newVolatile(t, path)
	if n, err := v.commit(path, script()); err != nil || n != len(script()) {
		t.Fatalf("unbroken run: %d transactions, %v", n, err)
	}
	if bytes.Contains(v.held[path].held, []byte("SECRET-KEY")) {
		t.Error("the disk holds an erased key")
	}
	calls, judged := v.calls, 0
	for k := 1; k <= calls+1; k++ {
		killed := func() (string, *volatile, int) {
			path := newFile(t)
			v := newVolatile(t, path)
			v.stop = k
			acknowledged, err := v.commit(path, script())
			if acknowledged < len(script()) && !errors.Is(err, errStopped) || acknowledged == len(script()) && k <= calls {
				t.Fatalf("call %d: %v", k, err)
			}
			v.stop = 0
			return path, v, acknowledged
		}
		path, v, acknowledged := killed()
		judge := func(path string, v *volatile, when string, also Change) {
			t.Helper()
			for how, left := range v.after(t, path) {
				judgeLeft(t, left, fmt.Sprintf("killed at call %d of %d, power lost %s, %s", k, calls, when, how), also, want[acknowledged:min(acknowledged+2, len(want))])
				judged++
			}
		}
		judge(path, v, "at once", Change{})
		for l := 1; ; l++ { // the power goes while the next process opens the file and writes to it, and after it did
			path, v, _ := killed()
			v.stop = v.calls + l
			restarted := Change{Key: "restarted", Value: []byte{1}}
			n, err := v.commit(path, [][]Change{{restarted}})
			if n == 1 {
				judge(path, v, "after a restart", restarted)
				break
			}
			if !errors.Is(err, errStopped) {
				t.Fatalf("killed at call %d of %d: %v", k, calls, err)
			}
			judge(path, v, fmt.Sprintf("at call %d of a restart", l), Change{Key: "restarted"})
		}
	}
	t.Logf("killed at %d calls to the disk, and power lost then and at every call of a restart: %d states judged", calls, judged)
}

// judgeLeft opens what was left. also may be there too; with a value it has to be.
func judgeLeft(t *testing.T, path, when string, also Change, want []map[string]string) {
	t.Helper()
	m, err := Open(path, Config{Rand: rand.Reader})
	if err != nil {
		t.Fatalf("%s: %v", when, err)
	}
	got := content(m)
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if also.Value != nil && got[also.Key] != string(also.Value) {
		t.Fatalf("%s: what was committed after a restart is gone", when)
	}
	delete(got, also.Key)
	if !slices.ContainsFunc(want, func(w map[string]string) bool { return maps.Equal(w, got) }) {
		t.Fatalf("%s: neither old nor new: %s", when, cmp.Diff(want[0], got))
	}
	for _, secret := range []string{"FIRST-SECRET-KEY", "SECOND-SECRET-KEY"} {
		if where := holds(t, filepath.Dir(path), secret); len(where) > 0 && got["key"] != secret {
			t.Fatalf("%s: an erased key is still in %v", when, where)
		}
	}
}

// A sync fails, and what it was to put down is gone though it still reads: the memory dies, and what the next process finds and acknowledges holds.
func TestSyncFails(t *testing.T) {
	want := states(t)
	restarted := Change{Key: "restarted", Value: []byte{1}}
	for fail := 1; ; fail++ {
		path := newFile(t)
		v := newVolatile(t, path)
		v.fail = fail
		acknowledged, err := v.commit(path, script())
		if err == nil {
			if fail < 10 {
				t.Errorf("only %d syncs", fail-1)
			}
			return
		}
		if !errors.Is(err, errStopped) {
			t.Fatalf("sync %d: %v", fail, err)
		}
		allowed := want[acknowledged:min(acknowledged+2, len(want))]
		for how, left := range v.after(t, path) {
			judgeLeft(t, left, fmt.Sprintf("sync %d failed, power lost, %s", fail, how), Change{}, allowed)
		}
		if n, err := v.commit(path, [][]Change{{restarted}}); n != 1 {
			t.Fatalf("sync %d failed, restarted: %v", fail, err)
		}
		for how, left := range v.after(t, path) {
			judgeLeft(t, left, fmt.Sprintf("sync %d failed, power lost after a restart, %s", fail, how), restarted, allowed)
		}
	}
}

// The same with objects of many sectors, one of which is a key that is destroyed: on the medium itself, too, it is not to be found once a process that
// came after acknowledged something.
func TestSyncFailsOverManySectors(t *testing.T) {
	secret := append(bytes.Repeat([]byte("x"), 8000), "BIG-SECRET-KEY"...)
	before := [][]Change{{{Key: "key", Value: secret}}, {{Key: "big", Value: bytes.Repeat([]byte{1}, 50_000)}}, {{Key: "key", Scrub: true}}, {{Key: "big", Value: bytes.Repeat([]byte{2}, 90_000)}}}
	for fail := 1; ; fail++ {
		path := newFile(t)
		v := newVolatile(t, path)
		v.fail = fail
		if _, err := v.commit(path, before); err == nil {
			if fail < 6 {
				t.Errorf("only %d syncs", fail-1)
			}
			return
		}
		m, err := Open(path, Config{Rand: rand.Reader, medium: v})
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Commit(Change{Key: "restarted", Value: []byte{1}}); err != nil {
			t.Fatal(err)
		}
		want := content(m)
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		if want["key"] == "" && bytes.Contains(v.held[path].held, []byte("BIG-SECRET-KEY")) {
			t.Errorf("sync %d failed: the destroyed key is on the medium", fail)
		}
		for how, left := range v.after(t, path) {
			if got := content(open(t, left, nil)); !maps.Equal(got, want) {
				t.Errorf("sync %d failed, power lost after a restart, %s: other objects", fail, how)
			}
		}
	}
}

// A new element is there whole once it was acknowledged, and once something was acknowledged in it.
func TestPowerLostWhileCreating(t *testing.T) {
	id := []Change{{Key: "id", Value: []byte("0123456789")}}
	for k := 1; ; k++ {
		path := filepath.Join(t.TempDir(), "se.nvm")
		v := &volatile{now: map[string]*inode{}, held: map[string]*inode{}, of: map[*os.File]*inode{}, stop: k}
		err := Create(path, id, Config{Rand: rand.Reader, medium: v})
		if err != nil && !errors.Is(err, errStopped) {
			t.Fatal(err)
		}
		created := err == nil
		judge := func(when string, sure bool, want map[string]string) {
			t.Helper()
			for how, left := range v.after(t, path) {
				m, err := Open(left, Config{Rand: rand.Reader})
				if !sure && errors.Is(err, os.ErrNotExist) {
					continue
				}
				if err != nil {
					t.Fatalf("power lost at call %d, %s, %s: %v", k, when, how, err)
				}
				if got := content(m); !maps.Equal(got, want) {
					t.Errorf("power lost at call %d, %s, %s: %v", k, when, how, got)
				}
				if err := m.Close(); err != nil {
					t.Fatal(err)
				}
			}
		}
		judge("at once", created, map[string]string{"id": "0123456789"})
		v.stop = 0
		if _, err := os.Lstat(path); err == nil {
			if n, err := v.commit(path, [][]Change{{{Key: "restarted", Value: []byte{1}}}}); n != 1 {
				t.Fatal(err)
			}
			judge("after a restart", true, map[string]string{"id": "0123456789", "restarted": "\x01"})
		}
		if created {
			if k < 5 {
				t.Errorf("only %d calls to the disk", k-1)
			}
			return
		}
	}
}

// A secret that is stored and destroyed in one transaction reaches no file for longer than that.
func TestScrubWithinATransaction(t *testing.T) {
	path := newFile(t)
	m := open(t, path, nil)
	if err := m.Commit(Change{Key: "k", Value: []byte("PASSING-SECRET")}, Change{Key: "k", Scrub: true}); err != nil {
		t.Fatal(err)
	}
	if where := holds(t, filepath.Dir(path), "PASSING-SECRET"); len(where) > 0 {
		t.Errorf("the secret is in %v", where)
	}
}

// A torn tail may hold the beginning of a key, and so may a bank that was only begun or half destroyed: Open overwrites them to the last byte.
func TestWhatACutLeftIsDestroyed(t *testing.T) {
	end := func(path string) int64 {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	for name, tt := range map[string]struct {
		at   func(path string) int64
		junk string
	}{
		"a torn tail":              {end, frameMark + strings.Repeat("SECRET", 50)},
		"in the other bank":        {func(string) int64 { return stripe }, fileMagic + strings.Repeat("SECRET", 50)},
		"over a stripe's end":      {end, frameMark + strings.Repeat("SECRET", 2*stripe/6)},
		"in the other, many times": {func(string) int64 { return stripe }, fileMagic + strings.Repeat("SECRET", 3*stripe/6)},
	} {
		t.Run(name, func(t *testing.T) {
			path := newFile(t)
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			whole := end(path)
			to := bank{number: min(tt.at(path)/stripe, 1)}
			err = (&file{f: f, power: Config{}.power()}).write(to, []byte(tt.junk), tt.at(path)%stripe)
			if err := errors.Join(err, f.Close()); err != nil {
				t.Fatal(err)
			}
			m := open(t, path, nil)
			if v, _ := m.Load("id"); string(v) != "0123456789" {
				t.Errorf("the file holds %q", v)
			}
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			banks := split(data)
			clear(banks[m.file.number][:m.file.size])
			if m.file.size > whole || used(banks[0])+used(banks[1]) > 0 {
				t.Errorf("beside %d bytes that hold, %d and %d are left", m.file.size, used(banks[0]), used(banks[1]))
			}
		})
	}
}

// What others do to the name of an open element's file is noticed before anything is written that nobody would read, and a link stays one.
func TestNamesOfOthers(t *testing.T) {
	scrub := func(m *Memory, value string) error {
		return m.Commit(Change{Key: "key", Value: []byte(value), Scrub: true})
	}
	reads := func(t *testing.T, path, want string) {
		t.Helper()
		if v, _ := open(t, path, nil).Load("key"); string(v) != want {
			t.Errorf("the file holds %q, want %q", v, want)
		}
	}
	t.Run("the state file is replaced", func(t *testing.T) {
		path, other := newFile(t), newFile(t)
		m := open(t, path, nil)
		rename(t, other, path)
		if err := m.Commit(Change{Key: "key", Value: []byte("three")}); !errors.Is(err, ErrPowerCut) || !errors.Is(err, errReplaced) || m.Alive() {
			t.Errorf("committed: %v", err)
		}
		reads(t, path, "")
	})
	t.Run("and moved", func(t *testing.T) {
		path := newFile(t)
		m := open(t, path, nil)
		rename(t, path, path+".moved")
		if err := scrub(m, "three"); !errors.Is(err, ErrPowerCut) || !errors.Is(err, os.ErrNotExist) || m.Alive() {
			t.Errorf("committed: %v", err)
		}
		reads(t, path+".moved", "")
	})
	t.Run("a link", func(t *testing.T) {
		path, link := newFile(t), filepath.Join(t.TempDir(), "link")
		if err := os.Symlink(path, link); err != nil {
			t.Fatal(err)
		}
		v := newVolatile(t, path)
		if n, err := v.commit(link, nil); n != 0 || err != nil || !slices.Equal(v.dirs, []string{filepath.Dir(path)}) {
			t.Errorf("synced the folders %v: %v", v.dirs, err)
		}
		m := open(t, link, nil)
		for _, value := range []string{"one", "two", "three"} {
			if err := scrub(m, value); err != nil {
				t.Fatal(err)
			}
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		reads(t, link, "three")
		if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
			t.Errorf("the link is %v: %v", info, err)
		}
	})
}
