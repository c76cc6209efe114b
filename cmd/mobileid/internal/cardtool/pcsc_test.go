package cardtool_test

import (
	"context"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"mobileid/cmd/mobileid/internal/cardtool"
	"mobileid/issuer/card/cardsim"
	"mobileid/mdoc/apdu/pcsc"
	"mobileid/mdoc/apdu/pcsctest"
)

// TestEmptyReader waits for a card that never comes, for no reader, for a card that another program holds, and for no service.
func TestEmptyReader(t *testing.T) {
	d := newDesk(t, cardsim.Options{})
	daemon := pcsctest.Run(t)
	told := func(language, socket, reader string, command func(context.Context, *cardtool.Tool) error) string {
		t.Helper()
		err := d.do(func(o *cardtool.Options) {
			o.Model, o.Socket, o.Reader, o.Language, o.Timeout = "", socket, reader, language, time.Second
		}, "", command)
		if err == nil {
			t.Fatal("no error")
		}
		return err.Error()
	}
	japanese := regexp.MustCompile(`\p{Hiragana}`)
	for _, reader := range []string{"", daemon.Reader} {
		if got := told("en", daemon.Socket, reader, show); got != "no card came within 1 s: put it on the reader" {
			t.Errorf("reader %q: %s", reader, got)
		}
		if got := told("ja", daemon.Socket, reader, show); got != "1秒以内にカードが置かれませんでした。リーダーに置いてください" {
			t.Errorf("reader %q: %s", reader, got)
		}
	}
	if got := told("ja", daemon.Socket, "none", show); !strings.Contains(got, "そのリーダーはありません") || !strings.Contains(got, daemon.Reader) {
		t.Error(got)
	}
	for _, command := range []func(context.Context, *cardtool.Tool) error{show, list} {
		if got := told("en", d.path("none"), "", command); strings.Count(got, "listing the readers") != 1 {
			t.Error(got)
		}
		if got := told("ja", d.path("none"), "", command); !japanese.MatchString(got) || strings.Contains(got, "running") {
			t.Error(got)
		}
	}
	saved, err := os.ReadFile(d.model)
	must(t, err)
	k, err := cardsim.ParseCard(saved)
	must(t, err)
	stay, err := daemon.Insert(t.Context(), k)
	must(t, err)
	t.Cleanup(func() { _ = stay.Remove(context.Background()) })
	alone, err := daemon.Client().Connect(t.Context(), daemon.Reader, pcsc.ConnectOptions{})
	must(t, err)
	t.Cleanup(func() { _ = alone.Close() })
	if got := told("en", daemon.Socket, "", show); !strings.Contains(got, "another program is using the card") {
		t.Error(got)
	}
	if got := told("ja", daemon.Socket, "", show); !strings.Contains(got, "別のプログラム") {
		t.Error(got)
	}
}

// TestThroughPCSC runs every command against a card behind pcscd and a virtual reader.
func TestThroughPCSC(t *testing.T) {
	d := newDesk(t, cardsim.Options{})
	daemon := pcsctest.Run(t)
	saved, err := os.ReadFile(d.model)
	must(t, err)
	k, err := cardsim.ParseCard(saved)
	must(t, err)
	at := func(o *cardtool.Options) { o.Model, o.Socket = "", daemon.Socket }
	must(t, d.do(at, "", list))
	d.says("no card")
	stay, err := daemon.Insert(t.Context(), k)
	must(t, err)
	t.Cleanup(func() { _ = stay.Remove(t.Context()) })
	must(t, d.do(at, "", list))
	d.says(": card 3B")
	must(t, d.do(at, "", show))
	d.says("JPKIAPICCTOKEN2")
	must(t, d.do(at, "", status))
	must(t, d.do(at, d.person.AttributePIN+"\n", read(cardtool.ReadOptions{MunicipalRoots: d.cities})))
	d.says(d.person.Name)
	must(t, d.do(at, d.person.NumberB()+"\n", read(cardtool.ReadOptions{What: "face", MunicipalRoots: d.cities})))
	must(t, d.do(at, d.person.NumberB()+"\n", photo(cardtool.PhotoOptions{Out: d.path("face.jp2")})))
	must(t, d.do(at, d.person.SignaturePassword+"\n", certs(true, false)))
	must(t, d.do(at, d.person.AuthenticationPIN+"\n", sign(cardtool.SignOptions{Key: "auth", Hash: "sha256", Content: []byte("text")})))
	must(t, d.do(at, d.person.AuthenticationPIN+"\n8642\n", change("auth")))
	if err := d.do(func(o *cardtool.Options) { at(o); o.Reader = "no such reader" }, "", show); err == nil {
		t.Error("a reader that is not there was opened")
	}
	if err := d.do(func(o *cardtool.Options) { o.Model, o.Socket = "", d.path("no-socket") }, "", show); !errors.Is(err, pcsc.ErrNotRunning) || !strings.Contains(err.Error(), "start pcscd") {
		t.Errorf("without pcscd: %v", err)
	}
}
