package jp2_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"strings"
	"testing"
	"time"

	"mobileid/issuer/card/jp2"
)

// TestMain lets the test binary stand in for opj_decompress: what it does is the last byte of the picture.
func TestMain(m *testing.M) {
	if state := os.Getenv(parentEnvironment); state != "" {
		os.Exit(decodeFor(state))
	}
	if len(os.Args) == 5 && os.Args[1] == "-i" && os.Args[3] == "-o" {
		os.Exit(standIn(os.Args[2], os.Args[4]))
	}
	os.Exit(m.Run())
}

const (
	works byte = iota
	fails
	hangs
	leavesNothing
	leavesGarbage
	leavesLink
	leavesHuge
	leavesCut
	leavesMany
	takesMemory
	worksInMemory
	holdsPipe
)

func standIn(in, out string) int {
	b, err := os.ReadFile(in)
	if err != nil || len(os.Environ()) != 0 || open(".") || open(in) {
		return 3
	}
	write := func(b []byte) int {
		if os.WriteFile(out, b, 0o600) != nil {
			return 3
		}
		return 0
	}
	switch b[len(b)-1] {
	case works:
		return write(picture(40, 50))
	case hangs:
		<-time.After(time.Hour)
		return 3
	case takesMemory:
		much := make([]byte, 768<<20)
		return write(picture(40, 50+int(much[len(much)-1])))
	case worksInMemory:
		if dir, err := os.Getwd(); err != nil || !strings.HasPrefix(dir, "/dev/shm/") {
			return 3
		}
		return write(picture(40, 50))
	case holdsPipe:
		return holdPipe()
	case leavesNothing:
		return 0
	case leavesGarbage:
		return write([]byte("no picture"))
	case leavesLink:
		if os.Symlink("in.jp2", out) != nil {
			return 3
		}
		return 0
	case leavesHuge:
		f, err := os.Create(out)
		if err != nil || f.Truncate(64<<20) != nil {
			return 3
		}
		return 0
	case leavesCut:
		whole := picture(40, 50)
		return write(whole[:60])
	case leavesMany:
		return write(picture(3000, 2000))
	default:
		return 1
	}
}

// open tells whether others than the owner reach something.
func open(path string) bool {
	info, err := os.Stat(path)
	return err != nil || info.Mode().Perm()&0o077 != 0
}

func picture(width, height int) []byte {
	p := image.NewGray(image.Rect(0, 0, width, height))
	p.SetGray(1, 2, color.Gray{Y: 200})
	var out bytes.Buffer
	_ = png.Encode(&out, p)
	return out.Bytes()
}

func box(kind string, content []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(8+len(content)))
	return append(append(b, kind...), content...)
}

// portrait is a JP2 file of 40 × 50 pixels up to its SIZ marker segment, as ISO/IEC 15444-1, A.5.1 and I.5.3.1 lay them out.
func portrait(does byte) []byte {
	const image = "\x00\x00\x00\x32\x00\x00\x00\x28\x00\x01\x07\x07\x00\x00" // height 50, width 40, 1 component
	const siz = "\xFF\x4F\xFF\x51\x00\x29\x00\x00" +
		"\x00\x00\x00\x28\x00\x00\x00\x32\x00\x00\x00\x00\x00\x00\x00\x00" +
		"\x00\x00\x00\x28\x00\x00\x00\x32\x00\x00\x00\x00\x00\x00\x00\x00" + "\x00\x01\x07\x01\x01"
	b := []byte("\x00\x00\x00\x0CjP  \x0D\x0A\x87\x0A")
	b = append(b, box("ftyp", []byte("jp2 \x00\x00\x00\x00jp2 "))...)
	b = append(b, box("jp2h", box("ihdr", []byte(image)))...)
	return append(b, box("jp2c", append([]byte(siz), does))...)
}

func decoder(t *testing.T) jp2.Decoder {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return jp2.Decoder{Program: self, Timeout: time.Minute, TempDir: t.TempDir()}
}

func TestParseHeader(t *testing.T) {
	h, err := jp2.ParseHeader(portrait(works))
	if err != nil || h != (jp2.Header{Width: 40, Height: 50, Components: 1}) {
		t.Fatalf("%+v, %v", h, err)
	}
	replace := func(from, to string) []byte { return bytes.Replace(portrait(works), []byte(from), []byte(to), 1) }
	for name, b := range map[string][]byte{
		"nothing":               nil,
		"JPEG":                  {0xFF, 0xD8, 0xFF, 0xE0},
		"signature alone":       portrait(works)[:12],
		"no header box":         replace("jp2h", "free"),
		"no image header":       replace("ihdr", "free"),
		"no codestream":         replace("jp2c", "free"),
		"box longer than file":  replace("\x00\x00\x00\x14ftyp", "\x00\x01\x00\x14ftyp"),
		"box of seven bytes":    replace("\x00\x00\x00\x14ftyp", "\x00\x00\x00\x07ftyp"),
		"another size":          replace("\xFF\x51\x00\x29\x00\x00\x00\x00\x00\x28", "\xFF\x51\x00\x29\x00\x00\x00\x00\x00\x29"),
		"no SIZ":                replace("\xFF\x4F\xFF\x51", "\xFF\x4F\xFF\x52"),
		"height 0":              replace("\x00\x00\x00\x32\x00\x00\x00\x28\x00\x01\x07\x07", "\x00\x00\x00\x00\x00\x00\x00\x28\x00\x01\x07\x07"),
		"five components":       replace("\x00\x28\x00\x01\x07\x07", "\x00\x28\x00\x05\x07\x07"),
		"offset beyond picture": replace("\x00\x32\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x28", "\x00\x32\x00\x00\x00\x29\x00\x00\x00\x00\x00\x00\x00\x28"),
	} {
		t.Run(name, func(t *testing.T) {
			if h, err := jp2.ParseHeader(b); !errors.Is(err, jp2.ErrFormat) || h != (jp2.Header{}) {
				t.Errorf("%+v, %v", h, err)
			}
		})
	}
	last := portrait(works) // a length of 0 reaches to the end
	at := bytes.Index(last, []byte("jp2c")) - 4
	copy(last[at:], "\x00\x00\x00\x00")
	if _, err := jp2.ParseHeader(last); err != nil {
		t.Error(err)
	}
}

func TestDecode(t *testing.T) {
	d := decoder(t)
	b, err := d.PNG(t.Context(), portrait(works))
	if err != nil {
		t.Fatal(err)
	}
	p, err := png.Decode(bytes.NewReader(b))
	if err != nil || p.Bounds().Dx() != 40 || p.Bounds().Dy() != 50 {
		t.Errorf("PNG: %v", err)
	}
	if b, err = d.JPEG(t.Context(), portrait(works)); err != nil {
		t.Fatal(err)
	}
	if c, err := jpeg.DecodeConfig(bytes.NewReader(b)); err != nil || c.Width != 40 {
		t.Errorf("JPEG: %v", err)
	}
	empty(t, d)
}

func empty(t *testing.T, d jp2.Decoder) {
	t.Helper()
	left, err := os.ReadDir(d.TempDir)
	if err != nil || len(left) != 0 {
		t.Errorf("%d things stayed, %v", len(left), err)
	}
}

func TestDecoderFails(t *testing.T) {
	for name, tc := range map[string]struct {
		does byte
		edit func(*jp2.Decoder)
		want error
	}{
		"program fails":       {fails, nil, jp2.ErrDecoder},
		"program hangs":       {hangs, func(d *jp2.Decoder) { d.Timeout = 300 * time.Millisecond }, jp2.ErrDecoder},
		"no picture":          {leavesNothing, nil, jp2.ErrDecoder},
		"garbage":             {leavesGarbage, nil, jp2.ErrDecoder},
		"a link":              {leavesLink, nil, jp2.ErrDecoder},
		"cut short":           {leavesCut, nil, jp2.ErrDecoder},
		"over the file bound": {leavesHuge, nil, jp2.ErrTooLarge},
		"over the pixels":     {leavesMany, nil, jp2.ErrTooLarge},
		"header over pixels":  {works, func(d *jp2.Decoder) { d.MaxPixels = 1999 }, jp2.ErrTooLarge},
		"none named":          {works, func(d *jp2.Decoder) { d.Program = "" }, jp2.ErrNoProgram},
		"not installed":       {works, func(d *jp2.Decoder) { d.Program = "no-such-program" }, jp2.ErrNoProgram},
	} {
		t.Run(name, func(t *testing.T) {
			d := decoder(t)
			if tc.edit != nil {
				tc.edit(&d)
			}
			p, err := d.Decode(t.Context(), portrait(tc.does))
			if !errors.Is(err, tc.want) || p != nil || strings.Contains(err.Error(), "took over") != (tc.does == hangs) {
				t.Errorf("%v", err)
			}
			if b, err := d.PNG(t.Context(), portrait(tc.does)); err == nil || b != nil {
				t.Errorf("PNG: %v", err)
			}
			if b, err := d.JPEG(t.Context(), portrait(tc.does)); err == nil || b != nil {
				t.Errorf("JPEG: %v", err)
			}
			empty(t, d)
		})
	}
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := decoder(t).Decode(ctx, portrait(works)); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	})
	t.Run("no folder", func(t *testing.T) {
		d := decoder(t)
		d.TempDir += "/not/there"
		if _, err := d.Decode(t.Context(), portrait(works)); err == nil {
			t.Error("decoded")
		}
	})
	t.Run("over a megabyte", func(t *testing.T) {
		if _, err := decoder(t).Decode(t.Context(), append(portrait(works), make([]byte, 1<<20)...)); !errors.Is(err, jp2.ErrTooLarge) {
			t.Errorf("%v", err)
		}
	})
	t.Run("no JP2", func(t *testing.T) {
		if _, err := decoder(t).Decode(t.Context(), []byte("BM")); !errors.Is(err, jp2.ErrFormat) {
			t.Errorf("%v", err)
		}
	})
}

func FuzzParseHeader(f *testing.F) {
	f.Add(portrait(works))
	f.Add(portrait(works)[:70])
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := jp2.ParseHeader(b)
		if (h == jp2.Header{}) != (err != nil) || h.Width < 0 || h.Height < 0 {
			t.Fatalf("%+v, %v", h, err)
		}
	})
}
