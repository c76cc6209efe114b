package jp2

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
)

// Errors of a Decoder.
var (
	// ErrNoProgram says that the program is not there.
	ErrNoProgram = errors.New("OpenJPEG's opj_decompress is not there: install it (Debian: apt install libopenjp2-tools)")
	// ErrTooLarge says that a picture is over a bound.
	ErrTooLarge = errors.New("picture over the bound")
	// ErrNoLimit says that nothing bounds the program's memory.
	ErrNoLimit = errors.New("prlimit is not there, which bounds the memory of the decoder: install it (Debian: apt install util-linux)")
	// ErrDecoder says that the program failed, or left no picture.
	ErrDecoder = errors.New("the decoder made no picture")
)

// Bounds where a Decoder names none. A portrait of a card has some 480 × 600 pixels.
const (
	defaultTimeout = 10 * time.Second
	defaultPixels  = 4 << 20
	maxInput       = 1 << 20
	maxOutput      = 32 << 20
	jpegQuality    = 92
)

// A Decoder runs opj_decompress. The zero value finds none: the program must be named. Its time, the picture that goes in and the one that comes
// out are bounded; on Linux its memory is too, by prlimit of util-linux, without which nothing is decoded there.
type Decoder struct {
	// Program is the path of opj_decompress, or its name to be looked for in PATH.
	Program string
	// Timeout ends the program; 0 is 10 s.
	Timeout time.Duration
	// MaxPixels bounds width × height; 0 is 4 Mi.
	MaxPixels int
	// TempDir is where the folder for the program is made and removed; "" is memory where there is a file system in it (/dev/shm), else the
	// system's folder for such.
	TempDir string
}

// memory is a file system that is gone with the power, on Linux.
const memory = "/dev/shm"

func (d Decoder) folder() (string, error) {
	if d.TempDir == "" {
		if dir, err := os.MkdirTemp(memory, "jp2-"); err == nil {
			return dir, nil
		}
	}
	return os.MkdirTemp(d.TempDir, "jp2-")
}

// Decode gives the picture. The JP2 goes to the program through a file only this user reads, in memory where the system has a file system in
// it. The folder is removed; should this process be killed meanwhile, the program ends with it and the folder stays until the machine is restarted.
func (d Decoder) Decode(ctx context.Context, jp2 []byte) (image.Image, error) {
	program, err := d.check(jp2)
	if err != nil {
		return nil, err
	}
	dir, err := d.folder()
	if err != nil {
		return nil, fmt.Errorf("decoding a picture: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := os.WriteFile(filepath.Join(dir, "in.jp2"), jp2, 0o600); err != nil {
		return nil, fmt.Errorf("decoding a picture: %w", err)
	}
	if err := d.run(ctx, program, dir); err != nil {
		return nil, err
	}
	return d.load(filepath.Join(dir, "out.png"))
}

func (d Decoder) check(jp2 []byte) (program string, err error) {
	if d.Program == "" {
		return "", fmt.Errorf("decoding a picture: no program was named: %w", ErrNoProgram)
	}
	if len(jp2) > maxInput {
		return "", fmt.Errorf("decoding a picture: %d bytes: %w", len(jp2), ErrTooLarge)
	}
	h, err := ParseHeader(jp2)
	if err != nil {
		return "", err
	}
	if h.Width*h.Height > d.pixels() {
		return "", fmt.Errorf("decoding a picture: %d × %d pixels: %w", h.Width, h.Height, ErrTooLarge)
	}
	if program, err = exec.LookPath(d.Program); err != nil {
		return "", fmt.Errorf("decoding a picture: %w", ErrNoProgram)
	}
	return filepath.Abs(program)
}

func (d Decoder) pixels() int {
	if d.MaxPixels > 0 {
		return d.MaxPixels
	}
	return defaultPixels
}

// run waits for the program, which gets no environment, no input, and nowhere to write but its folder.
func (d Decoder) run(ctx context.Context, program, dir string) error {
	timeout := d.Timeout
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	command, err := bounded(program, "-i", "in.jp2", "-o", "out.png")
	if err != nil {
		return fmt.Errorf("decoding a picture: %w", err)
	}
	c := exec.CommandContext(limited, command[0], command[1:]...) //nolint:gosec // the caller's own choice, without a shell
	c.Dir, c.Env, c.WaitDelay = dir, []string{}, time.Second
	endWithParent(c)
	runtime.LockOSThread() // the program ends with the thread that started it
	err = c.Run()
	runtime.UnlockOSThread()
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("decoding a picture: %w", ctx.Err())
	case limited.Err() != nil:
		return fmt.Errorf("decoding a picture: the program took over %s: %w", timeout, ErrDecoder)
	case err != nil:
		return fmt.Errorf("decoding a picture: %w", ErrDecoder) // what the program wrote may quote the picture
	}
	return nil
}

func (d Decoder) load(path string) (image.Image, error) {
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("decoding a picture: %w", ErrDecoder)
	}
	if info.Size() > maxOutput {
		return nil, fmt.Errorf("decoding a picture: %d bytes came out: %w", info.Size(), ErrTooLarge)
	}
	b, err := os.ReadFile(path) //nolint:gosec // in the folder made above
	if err != nil {
		return nil, fmt.Errorf("decoding a picture: %w", err)
	}
	c, err := png.DecodeConfig(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("decoding a picture: %w", ErrDecoder)
	}
	if c.Width > maxSide || c.Height > maxSide || c.Width*c.Height > d.pixels() {
		return nil, fmt.Errorf("decoding a picture: %d × %d pixels came out: %w", c.Width, c.Height, ErrTooLarge)
	}
	picture, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("decoding a picture: %w", ErrDecoder)
	}
	return picture, nil
}

// PNG is Decode, encoded again as PNG.
func (d Decoder) PNG(ctx context.Context, jp2 []byte) ([]byte, error) {
	picture, err := d.Decode(ctx, jp2)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := png.Encode(&out, picture); err != nil {
		return nil, fmt.Errorf("encoding a picture: %w", err)
	}
	return out.Bytes(), nil
}

// JPEG is Decode, encoded again as JPEG.
func (d Decoder) JPEG(ctx context.Context, jp2 []byte) ([]byte, error) {
	picture, err := d.Decode(ctx, jp2)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, picture, &jpeg.Options{Quality: jpegQuality}); err != nil {
		return nil, fmt.Errorf("encoding a picture: %w", err)
	}
	return out.Bytes(), nil
}
