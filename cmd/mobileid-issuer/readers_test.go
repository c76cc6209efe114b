package main

import (
	"bytes"
	"context"
	"errors"
	"image/png"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mobileid/issuer/card"
	"mobileid/issuer/card/cardsim"
	"mobileid/issuer/card/jp2"
	"mobileid/issuer/issuertest"
	"mobileid/mdoc/apdu"
	"mobileid/mdoc/apdu/pcsctest"
)

// A card in a PC/SC reader is waited for, read, let go and met again; the tries are asked for without spending one.
func TestPCSCReader(t *testing.T) {
	daemon := pcsctest.Run(t)
	client := daemon.Client()
	defer client.Close()
	chip := issuertest.New(t).Card(t, "nineteen", nil)
	for _, name := range []string{daemon.Reader, ""} {
		stay, err := daemon.Insert(t.Context(), chip)
		check(t, err)
		k, release, err := pcscReader{client: client, name: name}.Wait(t.Context())
		check(t, err)
		reading, err := card.Read(t.Context(), k, chip.Person().Secrets(), card.Options{Challenge: make([]byte, 32), Binding: []byte("element-01")})
		check(t, err)
		if _, ok := reading.File(card.FaceFile); !ok {
			t.Error("no card face")
		}
		release()
		check(t, stay.Remove(t.Context()))
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, _, err := (pcscReader{client: client}).Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a visit that ended: %v", err)
	}
}

// The reader is looked for at the start: one that is there is not spoken of, one that is not is named in the log.
func TestReaderIsLookedFor(t *testing.T) {
	daemon := pcsctest.Run(t)
	client := daemon.Client()
	defer client.Close()
	for name, told := range map[string]bool{"": false, daemon.Reader: false, "another reader": true} {
		var log bytes.Buffer
		check(t, look(t.Context(), client, name, slog.New(slog.NewTextHandler(&log, nil))))
		if text := log.String(); told != strings.Contains(text, "plug it in") || told != strings.Contains(text, "another reader") {
			t.Errorf("of %q the log says %q", name, text)
		}
	}
}

// A saved model is a card while its file is there.
func TestModelReader(t *testing.T) {
	chip := issuertest.New(t).Card(t, "nineteen", nil)
	raw, err := chip.Save()
	check(t, err)
	path := filepath.Join(t.TempDir(), "card.secret")
	m := modelReader{path: path}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, _, err := m.Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("without the file: %v", err)
	}
	check(t, os.WriteFile(path, raw, 0o600))
	k, release, err := m.Wait(t.Context())
	check(t, err)
	if _, err := card.Connect(t.Context(), k, card.ClientOptions{}); err != nil {
		t.Error(err)
	}
	if _, _, err := m.Wait(t.Context()); !errors.Is(err, cardsim.ErrInUse) {
		t.Errorf("a second visit: %v", err)
	}
	release()
	check(t, os.Remove(path))
	if _, err := apdu.Exchange(t.Context(), k, apdu.Command{INS: 0xA4, P1: 4}); !errors.Is(err, cardsim.ErrPulled) {
		t.Errorf("after the file went: %v", err)
	}
}

// The model's portrait becomes a PNG through OpenJPEG; a program that is not there, and bytes that are no picture, make none.
func TestDecoder(t *testing.T) {
	portrait, err := os.ReadFile("../../issuer/card/cardsim/portrait.jp2")
	check(t, err)
	show := decoder{jp2.Decoder{Program: "opj_decompress"}}.show
	picture, mediaType, err := show(t.Context(), portrait)
	check(t, err)
	if decoded, err := png.Decode(bytes.NewReader(picture)); err != nil || mediaType != "image/png" || decoded.Bounds().Empty() {
		t.Errorf("%s, %v", mediaType, err)
	}
	if _, _, err := show(t.Context(), portrait[:100]); err == nil {
		t.Error("half a picture was shown")
	}
	if _, _, err := (decoder{jp2.Decoder{Program: filepath.Join(t.TempDir(), "none")}}).show(t.Context(), portrait); !errors.Is(err, jp2.ErrNoProgram) {
		t.Errorf("without the program: %v", err)
	}
}
