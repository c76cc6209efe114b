package nvm

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// script is a run of transactions that stores, replaces, erases and scrubs, over several pages.
func script() [][]Change {
	big := bytes.Repeat([]byte("portrait"), 90)
	return [][]Change{
		{{Key: "counter", Value: []byte{1}}},
		{{Key: "key", Value: []byte("FIRST-SECRET-KEY")}, {Key: "credential", Value: big}},
		{{Key: "counter", Value: []byte{2}}},
		{{Key: "key", Value: []byte("SECOND-SECRET-KEY"), Scrub: true}, {Key: "credential", Value: big[:300]}, {Key: "counter", Value: []byte{3}}},
		{{Key: "empty", Value: []byte{}}},
		{{Key: "key", Scrub: true}, {Key: "credential"}},
	}
}

func newFile(tb testing.TB) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "se.nvm")
	if err := Create(path, []Change{{Key: "id", Value: []byte("0123456789")}}, Config{Rand: rand.Reader}); err != nil {
		tb.Fatal(err)
	}
	return path
}

func open(tb testing.TB, path string, tear func(int) bool) *Memory {
	tb.Helper()
	m, err := Open(path, Config{Rand: rand.Reader, Tear: tear})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := m.Close(); err != nil {
			tb.Error(err)
		}
	})
	return m
}

func content(m *Memory) map[string]string {
	out := map[string]string{}
	for _, k := range m.Keys("") {
		v, _ := m.Load(k)
		out[k] = string(v)
	}
	return out
}

// states are the contents before and after each transaction of the script.
func states(tb testing.TB) []map[string]string {
	tb.Helper()
	m := open(tb, newFile(tb), nil)
	out := []map[string]string{content(m)}
	for _, changes := range script() {
		if err := m.Commit(changes...); err != nil {
			tb.Fatal(err)
		}
		out = append(out, content(m))
	}
	return out
}

// holds tells which of the folder's files hold the bytes.
func holds(tb testing.TB, dir string, secret string) []string {
	tb.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		tb.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			tb.Fatal(err)
		}
		if bytes.Contains(data, []byte(secret)) {
			out = append(out, e.Name())
		}
	}
	return out
}

// run commits the script until the power goes, and tells how many transactions were acknowledged.
func run(path string, tear func(int) bool) (acknowledged int, err error) {
	m, err := Open(path, Config{Rand: rand.Reader, Tear: tear})
	if err != nil {
		return 0, err
	}
	defer m.Close() //nolint:errcheck // the test looks at the file
	for _, changes := range script() {
		if err := m.Commit(changes...); err != nil {
			if _, ok := m.Load("id"); ok || m.Alive() {
				return acknowledged, errors.New("a dead memory still answers")
			}
			return acknowledged, err
		}
		acknowledged++
	}
	return acknowledged, nil
}

func TestTornAtEveryPoint(t *testing.T) {
	want := states(t)
	points := 0
	if n, err := run(newFile(t), func(int) bool { points++; return false }); err != nil || n != len(script()) {
		t.Fatalf("unbroken run: %d transactions, %v", n, err)
	}
	if points < 50 {
		t.Fatalf("only %d tear points", points)
	}
	for k := 1; k <= points; k++ {
		path := newFile(t)
		acknowledged, err := run(path, func(point int) bool { return point == k })
		if !errors.Is(err, ErrPowerCut) {
			t.Fatalf("point %d: %v", k, err)
		}
		m := open(t, path, nil)
		got := content(m)
		if !maps.Equal(got, want[acknowledged]) && !maps.Equal(got, want[acknowledged+1]) {
			t.Fatalf("point %d, %d acknowledged: neither old nor new: %s", k, acknowledged, cmp.Diff(want[acknowledged], got))
		}
		for _, secret := range []string{"FIRST-SECRET-KEY", "SECOND-SECRET-KEY"} {
			if where := holds(t, filepath.Dir(path), secret); len(where) > 0 && got["key"] != secret {
				t.Fatalf("point %d: an erased key is still in %v", k, where)
			}
		}
		if err := m.Commit(Change{Key: "after", Value: []byte("cut")}); err != nil {
			t.Fatalf("point %d: memory unusable after the cut: %v", k, err)
		}
	}
	t.Logf("power cut at %d points", points)
}

// The work Open does after a cut can itself be cut, any number of times.
func TestTornWhileOpening(t *testing.T) {
	// The first leaves a torn frame behind, the other one, which scrubs, half of a file to come.
	for _, torn := range []int{2, 4} {
		t.Run(fmt.Sprintf("transaction %d", torn), func(t *testing.T) { tornWhileOpening(t, torn) })
	}
}

func tornWhileOpening(t *testing.T, torn int) {
	t.Helper()
	want, cuts := states(t), 0
	for first := 1; ; first++ {
		path := newFile(t)
		m := open(t, path, nil)
		for _, changes := range script()[:torn-1] {
			if err := m.Commit(changes...); err != nil {
				t.Fatal(err)
			}
		}
		m.file.tear, *m.file.point = func(p int) bool { return p == first }, 0
		if err := m.Commit(script()[torn-1]...); err == nil {
			if cuts == 0 {
				t.Error("opening had nothing to do")
			}
			t.Logf("cut at %d points, and opening again at %d", first-1, cuts)
			return
		}
		for k := 1; ; k++ {
			again, err := Open(path, Config{Rand: rand.Reader, Tear: func(p int) bool { return p == k }})
			if err == nil {
				got := content(again)
				if err := again.Close(); err != nil {
					t.Fatal(err)
				}
				if !maps.Equal(got, want[torn-1]) && !maps.Equal(got, want[torn]) {
					t.Fatalf("cut at %d, reopened %d times: neither old nor new", first, k)
				}
				break
			}
			if !errors.Is(err, ErrPowerCut) {
				t.Fatalf("cut at %d, opening cut at %d: %v", first, k, err)
			}
			cuts++
		}
	}
}

// Any single changed byte is refused, or costs the last transaction and nothing else.
func TestChangedByte(t *testing.T) {
	for name, transactions := range map[string]int{"the first bank holds": 3, "the second bank holds": 5} {
		t.Run(name, func(t *testing.T) { changedByte(t, transactions) })
	}
}

func changedByte(t *testing.T, transactions int) {
	t.Helper()
	want := states(t)
	path := newFile(t)
	m := open(t, path, nil)
	for _, changes := range script()[:transactions] {
		if err := m.Commit(changes...); err != nil {
			t.Fatal(err)
		}
	}
	holding := m.file.bank
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	refused := int64(0)
	change := func(i int64, costs int) {
		t.Helper()
		bad := bytes.Clone(good)
		bad[i] ^= 0x40
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		m, err := Open(path, Config{Rand: rand.Reader})
		switch {
		case errors.Is(err, ErrDamaged) || errors.Is(err, ErrForeign):
			refused++
			return
		case err != nil:
			t.Fatalf("byte %d: %v", i, err)
		}
		if got := content(m); !maps.Equal(got, want[transactions-costs]) {
			t.Fatalf("byte %d: %s", i, cmp.Diff(want[transactions-costs], got))
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for offset := range holding.size {
		at, _ := holding.place(offset)
		change(at, 1)
	}
	if refused < holding.size/2 {
		t.Errorf("only %d of %d changed files were refused", refused, holding.size)
	}
	if holding.number == 0 {
		return
	}
	for at := range int64(2 * fileHeader) { // of the other bank, which holds nothing
		refused = 0
		if change(at, 0); (refused == 1) != (at < int64(len(fileMagic))) {
			t.Errorf("byte %d of the other bank: refused %d times", at, refused)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	write := func(t *testing.T, data []byte, mode os.FileMode) string {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, data, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good, err := os.ReadFile(newFile(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Run("absent", func(t *testing.T) {
		if _, err := Open(filepath.Join(t.TempDir(), "no"), Config{Rand: rand.Reader}); !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
	})
	t.Run("readable by others", func(t *testing.T) {
		if _, err := Open(write(t, good, 0o644), Config{Rand: rand.Reader}); err == nil || !strings.Contains(err.Error(), "0644") {
			t.Error(err)
		}
	})
	for name, data := range map[string][]byte{"empty": nil, "text": []byte("hello, world, this is no memory"), "other version": append([]byte("mobileid SE nvm\x01"), good[16:]...)} {
		t.Run(name, func(t *testing.T) {
			if _, err := Open(write(t, data, 0o600), Config{Rand: rand.Reader}); !errors.Is(err, ErrForeign) {
				t.Error(err)
			}
		})
	}
	t.Run("header alone", func(t *testing.T) {
		if _, err := Open(write(t, good[:fileHeader], 0o600), Config{Rand: rand.Reader}); !errors.Is(err, ErrDamaged) {
			t.Error(err)
		}
	})
	t.Run("too large", func(t *testing.T) {
		path := write(t, good, 0o600)
		if err := os.Truncate(path, maxFile+1); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path, Config{Rand: rand.Reader}); !errors.Is(err, ErrForeign) {
			t.Error(err)
		}
		if err := os.Truncate(path, maxFile); err != nil {
			t.Fatal(err)
		}
		open(t, path, nil)
	})
	t.Run("a device", func(t *testing.T) {
		if _, err := Open(os.DevNull, Config{Rand: rand.Reader}); !errors.Is(err, ErrForeign) {
			t.Error(err)
		}
	})
	t.Run("more objects than a compaction writes", func(t *testing.T) {
		salt := good[len(fileMagic):fileHeader]
		half := make([]byte, maxFrame/2)
		data := bytes.Clone(good)
		for i := range 3 {
			data = frame{sequence: uint32(2 + i), content: appendObject(nil, kindStore, fmt.Sprint(i), half)}.appendTo(data, salt)
		}
		path := write(t, nil, 0o600)
		if err := inBank(path, 0, data); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path, Config{Rand: rand.Reader}); !errors.Is(err, ErrDamaged) {
			t.Error(err)
		}
	})
	t.Run("base twice", func(t *testing.T) {
		if _, err := Open(write(t, append(append([]byte{}, good...), good[fileHeader:]...), 0o600), Config{Rand: rand.Reader}); !errors.Is(err, ErrDamaged) {
			t.Error(err)
		}
	})
	t.Run("in use", func(t *testing.T) {
		path := write(t, good, 0o600)
		open(t, path, nil)
		if _, err := Open(path, Config{Rand: rand.Reader}); !errors.Is(err, ErrInUse) {
			t.Error(err)
		}
	})
	t.Run("flag of no frame", func(t *testing.T) {
		salt := good[len(fileMagic):fileHeader]
		data := frame{sequence: 2}.appendTo(append([]byte{}, good...), salt)
		m, err := Open(write(t, data, 0o600), Config{Rand: rand.Reader})
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		data = frame{flags: 0x02, sequence: 3}.appendTo(data, salt)
		if _, err := Open(write(t, data, 0o600), Config{Rand: rand.Reader}); !errors.Is(err, ErrDamaged) {
			t.Error(err)
		}
	})
	t.Run("create over", func(t *testing.T) {
		if err := Create(write(t, good, 0o600), []Change{{Key: "id", Value: []byte{1}}}, Config{Rand: rand.Reader}); !errors.Is(err, ErrExists) {
			t.Error(err)
		}
	})
}

func TestLimit(t *testing.T) {
	path := newFile(t)
	m, err := Open(path, Config{Rand: rand.Reader, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close() //nolint:errcheck // the test is over
	free := m.Free()
	value := make([]byte, free-objectOverhead-1)
	if err := m.Commit(Change{Key: "a", Value: append(value, 0)}); !errors.Is(err, ErrFull) || m.Free() != free {
		t.Fatalf("one byte too many: %v, %d free", err, m.Free())
	}
	if err := m.Commit(Change{Key: "a", Value: value}); err != nil || m.Free() != 0 {
		t.Fatalf("to the brim: %v, %d free", err, m.Free())
	}
	// A full memory can still replace, and erase.
	if err := m.Commit(Change{Key: "a", Value: append([]byte{9}, value[1:]...)}); err != nil {
		t.Fatal(err)
	}
	if err := m.Commit(Change{Key: "a"}, Change{Key: "b", Value: value}); err != nil {
		t.Fatal(err)
	}
	if _, ok := m.Load("a"); ok {
		t.Error("the erased object is still there")
	}
}

// The largest limit is one that a compaction, one frame, can still be read back from; a larger one is refused.
func TestLargestLimit(t *testing.T) {
	id := []Change{{Key: "id", Value: []byte("0123456789")}}
	for _, limit := range []int{-1, MaxLimit + 1, 6 << 20} {
		cfg := Config{Rand: rand.Reader, Limit: limit}
		path := filepath.Join(t.TempDir(), "se.nvm")
		if err := Create(path, id, cfg); !errors.Is(err, ErrLimit) {
			t.Errorf("created with %d bytes: %v", limit, err)
		}
		if _, err := Open(newFile(t), cfg); !errors.Is(err, ErrLimit) {
			t.Errorf("opened with %d bytes: %v", limit, err)
		}
	}
	cfg := Config{Rand: rand.Reader, Limit: MaxLimit}
	path := filepath.Join(t.TempDir(), "se.nvm")
	if err := Create(path, id, cfg); err != nil {
		t.Fatal(err)
	}
	m, err := Open(path, cfg)
	if err != nil {
		t.Fatal(err)
	}
	half := make([]byte, MaxLimit/2)
	if err := m.Commit(Change{Key: "a", Value: half}); err != nil {
		t.Fatal(err)
	}
	if err := m.Commit(Change{Key: "a", Value: half}, Change{Key: "a", Value: half}); !errors.Is(err, ErrFull) || !m.Alive() {
		t.Errorf("more than a frame: %v", err)
	}
	rest := make([]byte, m.Free()-objectOverhead-1)
	for _, last := range []Change{{Key: "b", Value: rest}, {Key: "id", Value: []byte("9876543210"), Scrub: true}} {
		if err := m.Commit(last); err != nil {
			t.Fatal(err)
		}
	}
	if bank := fileHeader + growth*MaxLimit + slack + 2*frameHeader + maxFrame; 2*(bank+stripe) > maxFile { // a base, what was replaced, and one last frame
		t.Errorf("two banks of %d bytes are more than the %d that Open reads", bank, maxFile)
	}
	largest := int64(0)
	for i := range 7 { // each replaces nearly all
		rest[0] = byte(i)
		if err := m.Commit(Change{Key: "b", Value: rest}); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		largest = max(largest, info.Size())
	}
	if m.Free() != 0 || m.Close() != nil || largest < maxFile/2 {
		t.Errorf("%d bytes free, a file of %d", m.Free(), largest)
	}
	if m, err = Open(path, cfg); err != nil {
		t.Fatal(err)
	}
	if got, _ := m.Load("b"); len(got) != len(rest) || m.Close() != nil {
		t.Errorf("%d bytes came back", len(got))
	}
}

// A power cut right before the compaction that is due, each time, does not let the file grow.
func TestCutBeforeCompaction(t *testing.T) {
	path := newFile(t)
	value := make([]byte, 40<<10)
	for i := range 20 {
		value[0] = byte(i)
		m, err := Open(path, Config{Rand: rand.Reader})
		if err != nil {
			t.Fatal(err)
		}
		before := m.file.size
		m.file.tear = func(int) bool { return m.file.size > before } // the frame is whole
		if err := m.Commit(Change{Key: "credential", Value: value}); !errors.Is(err, ErrPowerCut) {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(path)
	if limit := int64(2 * 5 * stripe); err != nil || info.Size() > limit {
		t.Errorf("%d bytes of %d, %v", info.Size(), limit, err)
	}
	if v, _ := open(t, path, nil).Load("credential"); !bytes.Equal(v, value) {
		t.Error("the last value was lost")
	}
}

// Where a state file is to be made, what an earlier attempt left is destroyed, and nothing else is touched.
func TestLeftover(t *testing.T) {
	id := []Change{{Key: "id", Value: []byte("0123456789")}}
	whole, err := os.ReadFile(newFile(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		data string
		want error
	}{
		"whole":                 {string(whole), nil},
		"with two banks":        {string(whole) + strings.Repeat("\x00", stripe-len(whole)) + fileMagic + "SECRET", nil},
		"torn in its content":   {string(whole[:fileHeader+5]), nil},
		"torn in the magic":     {fileMagic[:7], nil},
		"half destroyed, short": {strings.Repeat("\x00", 10) + fileMagic[10:] + "salt", nil},
		"begun over zeros":      {fileMagic[:3] + strings.Repeat("\x00", 200), nil},
		"its first byte zero":   {"\x00" + fileMagic[1:], nil},
		"zeros, then a note":    {"\x00\x00\x00these are notes", ErrForeign},
		"empty":                 {"", nil},
		"half destroyed":        {strings.Repeat("\x00", 64) + "key", nil},
		"notes":                 {"these are notes and nothing else", ErrForeign},
		"a short note":          {"x", ErrForeign},
		"another version":       {"mobileid SE nvm\x01", ErrForeign},
		"too large":             {strings.Repeat("\x00", maxFile+1), ErrForeign},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "se.nvm")
			if err := os.WriteFile(path+newSuffix, []byte(c.data), 0o600); err != nil {
				t.Fatal(err)
			}
			before := hardLink(t, path+newSuffix)
			if err := Create(path, id, Config{Rand: rand.Reader}); !errors.Is(err, c.want) {
				t.Fatalf("created: %v", err)
			}
			left, err := os.ReadFile(before)
			if err != nil {
				t.Fatal(err)
			}
			_, err = os.Lstat(path + newSuffix)
			if c.want != nil {
				if err != nil || string(left) != c.data {
					t.Errorf("touched: %.20q, %v", left, err)
				}
				return
			}
			if !errors.Is(err, os.ErrNotExist) || len(bytes.Trim(left, "\x00")) > 0 {
				t.Errorf("left behind: %.20q, %v", left, err)
			}
			open(t, path, nil)
		})
	}
	t.Run("a link", func(t *testing.T) {
		path, other := filepath.Join(t.TempDir(), "se.nvm"), newFile(t)
		if err := os.Symlink(other, path+newSuffix); err != nil {
			t.Fatal(err)
		}
		if err := Create(path, id, Config{Rand: rand.Reader}); !errors.Is(err, ErrForeign) {
			t.Errorf("created: %v", err)
		}
		open(t, other, nil)
	})
	t.Run("in use", func(t *testing.T) {
		dir := t.TempDir()
		path := filepath.Join(dir, "se.nvm")
		if err := Create(path+newSuffix, id, Config{Rand: rand.Reader}); err != nil {
			t.Fatal(err)
		}
		m := open(t, path+newSuffix, nil)
		if err := Create(path, id, Config{Rand: rand.Reader}); !errors.Is(err, ErrInUse) {
			t.Errorf("created: %v", err)
		}
		if err := m.Commit(Change{Key: "after", Value: []byte{1}}); err != nil {
			t.Error(err)
		}
	})
}

// hardLink keeps a file in reach whatever becomes of its name.
func hardLink(t *testing.T, path string) string {
	t.Helper()
	kept := filepath.Join(t.TempDir(), "kept")
	if err := os.Link(path, kept); err != nil {
		t.Fatal(err)
	}
	return kept
}

// The file stays bounded however often an object is replaced.
func TestCompaction(t *testing.T) {
	path := newFile(t)
	m := open(t, path, nil)
	var banks [2]int
	salts := map[string]bool{}
	value := make([]byte, 5000)
	for i := range 60 {
		value[0] = byte(i)
		if err := m.Commit(Change{Key: "credential", Value: value}); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		// A bank is what lives, what was replaced, the frame that passed the limit; the file two of them, to the end of a stripe.
		bank := 2*5100 + slack + fileHeader + frameHeader + 5100 + frameHeader
		if limit := 2 * stripe * (bank/stripe + 1); info.Size() > int64(limit) || info.Mode().Perm() != 0o600 {
			t.Fatalf("after %d: %d bytes of %d, mode %v", i, info.Size(), limit, info.Mode())
		}
		banks[m.file.number]++
		salts[string(m.file.salt)] = true
	}
	if len(salts) < 3 {
		t.Errorf("%d salts, want one for each turn of a bank", len(salts))
	}
	if banks[0] == 0 || banks[1] == 0 {
		t.Errorf("transactions in either bank: %v", banks)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
		t.Errorf("%d files are left: %v", len(left), err)
	}
	got, ok := open(t, path, nil).Load("credential")
	if !ok || !bytes.Equal(got, value) {
		t.Error("the last value was lost")
	}
}

func TestLoadIsACopy(t *testing.T) {
	m := open(t, newFile(t), nil)
	v, _ := m.Load("id")
	v[0] = 'X'
	if again, _ := m.Load("id"); string(again) != "0123456789" {
		t.Errorf("a caller changed the memory: %s", again)
	}
}

func FuzzOpen(f *testing.F) {
	path := newFile(f)
	m := open(f, path, nil)
	for i, changes := range script() {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		f.Add(data[:len(data)-i-1])
		if err := m.Commit(changes...); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "se.nvm")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		m, err := Open(path, Config{Rand: rand.Reader})
		if err != nil {
			if m != nil {
				t.Fatal("a refused file gave a memory")
			}
			return
		}
		before := content(m)
		if err := m.Commit(Change{Key: "fuzz", Value: []byte{1}}); err != nil && !errors.Is(err, ErrFull) {
			t.Fatal(err)
		} else if err == nil {
			before["fuzz"] = "\x01"
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		if after := content(open(t, path, nil)); !maps.Equal(before, after) {
			t.Fatal(fmt.Errorf("reopened differently: %s", cmp.Diff(before, after)))
		}
	})
}
