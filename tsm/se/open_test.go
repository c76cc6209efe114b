package se_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
	"mobileid/tsm/se"
	"mobileid/tsm/se/setest"
)

func TestManufactureRefuses(t *testing.T) {
	good := newElement(t).Factory
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*se.Factory){
		"identity of 9 bytes":     func(f *se.Factory) { f.ID = f.ID[:9] },
		"key version of SCP02":    func(f *se.Factory) { f.Keys.Version = 0x20 },
		"keys of unequal length":  func(f *se.Factory) { f.Keys.MAC = f.Keys.MAC[:16] },
		"no attestation key":      func(f *se.Factory) { f.AttestationKey = nil },
		"attestation key P-384":   func(f *se.Factory) { f.AttestationKey = p384 },
		"certificate of another":  func(f *se.Factory) { f.AttestationKey = other },
		"no certificate":          func(f *se.Factory) { f.AttestationChain = nil },
		"something else for one":  func(f *se.Factory) { f.AttestationChain = [][]byte{{1, 2, 3}} },
		"no issuer to be trusted": func(f *se.Factory) { f.IssuerAnchors = nil },
	} {
		t.Run(name, func(t *testing.T) {
			f := good
			change(&f)
			path := filepath.Join(t.TempDir(), "se.nvm")
			if err := se.Manufacture(path, f); err == nil {
				t.Error("manufactured")
			}
			if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
				t.Error("left a file")
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	e := newElement(t)
	t.Run("manufactured twice", func(t *testing.T) {
		if err := se.Manufacture(e.Path, e.Factory); !errors.Is(err, se.ErrExists) {
			t.Error(err)
		}
	})
	t.Run("in use", func(t *testing.T) {
		open(t, e, se.Config{})
		if _, err := se.Open(e.Path, se.Config{}); !errors.Is(err, se.ErrInUse) {
			t.Error(err)
		}
	})
	t.Run("foreign", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "notes.txt")
		if err := os.WriteFile(path, []byte("these are notes and nothing else"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := se.Open(path, se.Config{}); !errors.Is(err, se.ErrForeign) {
			t.Error(err)
		}
	})
	t.Run("an instance without its program", func(t *testing.T) {
		s := open(t, e, se.Config{})
		install(t, session(t, e, s), 1)
		closeSE(t, s)
		if _, err := se.Open(e.Path, se.Config{}); err == nil || !strings.Contains(err.Error(), "no applet kind") {
			t.Error(err)
		}
	})
	if info, err := os.Stat(e.Path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

// What was stored outlives a restart, also one without Close.
func TestReopen(t *testing.T) {
	e := newElement(t)
	s := open(t, e, se.Config{})
	h := session(t, e, s)
	install(t, h, 3)
	closeSE(t, s)
	if _, err := s.Transmit(context.Background(), []byte{0, 0xA4, 4, 0}); !errors.Is(err, se.ErrPowerCut) {
		t.Errorf("a closed element answers: %v", err)
	}
	s = open(t, e, se.Config{})
	if !bytes.Equal(s.ID(), e.Factory.ID) {
		t.Errorf("identity %X", s.ID())
	}
	h = session(t, e, s)
	if r := secure(t, h, gp.GetStatus{Scope: gp.ScopeApplications}.Command()); r.SW != apdu.OK {
		t.Errorf("the instance is gone: %v", r.SW)
	}
	if r := secure(t, h, command(t, "80CA00C100")); !bytes.Equal(r.Data, []byte{0xC1, 3, 0, 0, 2}) {
		t.Errorf("sequence counter %X after two sessions", r.Data)
	}
}

func TestRedacted(t *testing.T) {
	e := newElement(t)
	s := open(t, e, se.Config{})
	var out bytes.Buffer
	slog.New(slog.NewTextHandler(&out, nil)).InfoContext(context.Background(), "element", "se", s)
	fmt.Fprintf(&out, "%v %+v %#v %s %d", s, s, s, s, s)
	if strings.Contains(out.String(), fmt.Sprint(e.Factory.ID)) || !strings.Contains(out.String(), "[redacted] [redacted] [redacted] [redacted] [redacted]") {
		t.Error(out.String())
	}
}

// A cancelled caller gets an error and nothing happens.
func TestCancelled(t *testing.T) {
	s := open(t, newElement(t), se.Config{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Transmit(ctx, []byte{0, 0xA4, 4, 0}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// Whatever is sent to it, the element answers with a response APDU, and stays usable.
func FuzzTransmit(f *testing.F) {
	e := setest.New(f, testNow, []byte("anchor"))
	s := open(f, e, se.Config{})
	install(f, session(f, e, s), 1)
	for _, seed := range []string{
		"00A40400", "00A4040009F04D49444D444F430100", "80CA00CF00", "8050000008000102030405060700", "80F28002024F0000",
		"848233001000000000000000000000000000000000", "10010203 02 AABB", "84F2800218000000000000000000000000000000000000000000000000",
	} {
		c := command(f, seed)
		b, err := c.Bytes()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, []byte{0, 0xA4, 4, 0})
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		for _, c := range [][]byte{first, second} {
			out, err := s.Transmit(context.Background(), c)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := apdu.ParseResponse(out); err != nil {
				t.Fatalf("%X answered %X", c, out)
			}
		}
		send(t, s, command(t, "00A40400"))
		if r := send(t, s, command(t, "80CA00CF00")); r.SW != apdu.OK || !bytes.Equal(r.Data[2:], e.Factory.ID) {
			t.Fatalf("afterwards: %X %v", r.Data, r.SW)
		}
	})
}
