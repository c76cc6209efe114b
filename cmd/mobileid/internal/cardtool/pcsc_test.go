package cardtool_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"mobileid/cmd/mobileid/internal/cardtool"
	"mobileid/issuer/card/cardsim"
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
