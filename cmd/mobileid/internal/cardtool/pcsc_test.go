package cardtool_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"mobileid/cmd/mobileid/internal/cardtool"
	"mobileid/issuer/card"
	"mobileid/issuer/card/cardsim"
	"mobileid/mdoc/apdu"
	"mobileid/mdoc/apdu/pcsc"
	"mobileid/mdoc/apdu/pcsctest"
)

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
	for language, want := range map[string]string{"en": "no card came within 50ms", "ja": "カードが置かれませんでした"} {
		err := d.do(func(o *cardtool.Options) { at(o); o.Timeout, o.Language = 50*time.Millisecond, language }, "", show)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("an empty reader: %v", err)
		}
	}
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

// TestSlowCard: a card that answers each command just in time does not hold a command up for ever.
func TestSlowCard(t *testing.T) {
	d := newDesk(t, cardsim.Options{})
	begun := time.Now()
	err := d.do(func(o *cardtool.Options) {
		o.Timeout = 40 * time.Millisecond
		o.Wrap = func(tr apdu.Transmitter) apdu.Transmitter {
			return &sluggish{Transmitter: tr, after: 30 * time.Millisecond}
		}
	}, d.person.NumberB()+"\n", read(cardtool.ReadOptions{What: "face"}))
	if err == nil || !strings.Contains(err.Error(), "put it back") && !errors.Is(err, card.ErrCardSilent) {
		t.Errorf("after %s: %v", time.Since(begun), err)
	}
}

// sluggish answers after a time, unless it is not waited for so long.
type sluggish struct {
	apdu.Transmitter
	after time.Duration
}

func (s *sluggish) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	timer := time.NewTimer(s.after)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-timer.C:
		return s.Transmitter.Transmit(ctx, command)
	}
}
