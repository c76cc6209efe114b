package nvm

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"
)

// Of two banks the one with the later base holds, and the other may have nothing that came after it.
func TestBanks(t *testing.T) {
	salt := []byte("saltsalt")
	bankOf := func(frames ...frame) []byte {
		b := append([]byte(fileMagic), salt...)
		for _, f := range frames {
			b = f.appendTo(b, salt)
		}
		return b
	}
	base := func(sequence uint32) frame {
		return frame{flagBase, sequence, appendObject(nil, kindStore, "from", []byte{byte(sequence)})}
	}
	change := func(sequence uint32) frame {
		return frame{0, sequence, appendObject(nil, kindStore, "changed", []byte{byte(sequence)})}
	}
	torn := func(b []byte, from, to int) []byte {
		b = bytes.Clone(b)
		clear(b[from:to])
		return b
	}
	first := bankOf(base(5), change(6), change(7))
	second := bankOf(base(8))
	last := uint32(1<<32 - 1)
	for name, tt := range map[string]struct {
		banks [2][]byte
		from  byte // of the base that holds
		want  error
	}{
		"the first alone":                     {[2][]byte{first, nil}, 5, nil},
		"the second alone":                    {[2][]byte{nil, first}, 5, nil},
		"the second is later":                 {[2][]byte{first, second}, 8, nil},
		"the first is later":                  {[2][]byte{second, first}, 8, nil},
		"around":                              {[2][]byte{bankOf(base(last-1), change(last)), bankOf(base(0))}, 0, nil},
		"and the other way":                   {[2][]byte{bankOf(base(0)), bankOf(base(last-1), change(last))}, 0, nil},
		"the later is torn":                   {[2][]byte{first, second[:len(second)-1]}, 5, nil},
		"the later is torn in its header":     {[2][]byte{first, second[:fileHeader+3]}, 5, nil},
		"the former is destroyed in front":    {[2][]byte{torn(first, 0, 40), second}, 8, nil},
		"in its base alone":                   {[2][]byte{torn(first, 30, 50), second}, 8, nil},
		"in its magic alone":                  {[2][]byte{torn(first, 3, 5), second}, 8, nil},
		"behind":                              {[2][]byte{torn(first, 40, len(first)), second}, 8, nil},
		"a base as late as the other's last":  {[2][]byte{first, bankOf(base(7))}, 0, ErrDamaged},
		"two of one age":                      {[2][]byte{first, bankOf(base(5))}, 0, ErrDamaged},
		"frames behind a torn base":           {[2][]byte{first, torn(bankOf(base(8), change(9)), 30, 40)}, 0, ErrDamaged},
		"the other is somebody's":             {[2][]byte{first, []byte("notes")}, 0, ErrDamaged},
		"of another format":                   {[2][]byte{first, []byte("mobileid SE nvm\x01")}, 0, ErrDamaged},
		"the second alone, torn":              {[2][]byte{nil, torn(first, 30, 40)}, 0, ErrDamaged},
		"both torn":                           {[2][]byte{torn(first, 30, 40), torn(second, 30, 40)}, 0, ErrDamaged},
		"a change where the base is":          {[2][]byte{bankOf(change(5)), nil}, 0, ErrDamaged},
		"beginnings of frames over others":    {[2][]byte{first, overlapping(salt, 8)}, 0, ErrDamaged},
		"nothing":                             {[2][]byte{make([]byte, 100), nil}, 0, ErrForeign},
		"neither is ours":                     {[2][]byte{[]byte("a file of somebody else"), []byte("and more")}, 0, ErrForeign},
		"a torn front, and nothing otherwise": {[2][]byte{torn(first, 3, 5), nil}, 0, ErrForeign},
	} {
		t.Run(name, func(t *testing.T) {
			data := make([]byte, stripe, stripe+len(tt.banks[1]))
			copy(data, tt.banks[0])
			if data = append(data, tt.banks[1]...); len(tt.banks[1]) == 0 {
				data = data[:len(tt.banks[0])]
			}
			path := filepath.Join(t.TempDir(), "se.nvm")
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			m, err := Open(path, Config{Rand: rand.Reader})
			if tt.want != nil {
				if left, _ := os.ReadFile(path); !errors.Is(err, tt.want) || !bytes.Equal(left, data) {
					t.Errorf("err = %v, want %v; touched: %v", err, tt.want, !bytes.Equal(left, data))
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if v, _ := m.Load("from"); len(v) != 1 || v[0] != tt.from {
				t.Errorf("the base %d holds, want %d", v, tt.from)
			}
			if err := errors.Join(m.Commit(Change{Key: "after", Value: []byte{1}}), m.Close()); err != nil {
				t.Fatal(err)
			}
			if v, ok := open(t, path, nil).Load("after"); !ok {
				t.Errorf("what was committed is lost: %v", v)
			}
		})
	}
}

// inBank writes a bank's content into a file.
func inBank(path string, number int64, data []byte) error {
	h, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	err = (&file{f: h, power: Config{}.power()}).write(bank{number: number}, data, 0)
	return errors.Join(err, h.Close())
}

// overlapping is a bank of beginnings of frames, each of which would be half as long as the bank and is not whole: judging every one would take long.
func overlapping(salt []byte, sequence uint32) []byte {
	b := append([]byte(fileMagic), salt...)
	long := frame{flagBase, sequence, make([]byte, 1<<10)}.appendTo(nil, salt)[:frameHeader]
	for len(b) < 2<<10 {
		b = append(b, long...)
	}
	return b
}

// What a bank holds is found again wherever it crosses a stripe, in either bank.
func TestStripes(t *testing.T) {
	path := newFile(t)
	want := map[string]string{"id": "0123456789"}
	for i := range 30 {
		m, err := Open(path, Config{Rand: rand.Reader, Limit: MaxLimit})
		if err != nil {
			t.Fatal(err)
		}
		value := make([]byte, 1+i*4999)
		_, _ = rand.Read(value)
		key := fmt.Sprint("object", i%5)
		if err := m.Commit(Change{Key: key, Value: value, Scrub: i%3 == 0}); err != nil {
			t.Fatal(err)
		}
		want[key] = string(value)
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		if m, err = Open(path, Config{Rand: rand.Reader, Limit: MaxLimit}); err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(content(m), want) || m.Close() != nil {
			t.Fatalf("after %d: other objects came back", i)
		}
	}
}
