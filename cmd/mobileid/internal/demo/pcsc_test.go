package demo

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mobileid/cmd/mobileid/internal/ceremony"
	"mobileid/issuer/card/cardsim"
	"mobileid/mdoc/apdu/pcsc"
	"mobileid/mdoc/apdu/pcsctest"
)

// TestThroughPCSC runs the whole chain with the card read through pcscd and the virtual reader of a daemon of its own.
func TestThroughPCSC(t *testing.T) {
	report := told(t, Options{Person: "birthday", Card: ThroughPCSC})
	if report.Figures.CardExchanges == 0 || report.Person != "birthday" {
		t.Errorf("%d exchanges with the card of %s", report.Figures.CardExchanges, report.Person)
	}
}

// TestCardInAReader runs it with a card that was made before and lies in a reader of the machine.
func TestCardInAReader(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "card")
	if err := ceremony.NewCard(t.Context(), ceremony.CardOptions{Dir: dir, Person: "leapday", Now: time.Now()}, &bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	chip, err := cardsim.OpenState(filepath.Join(dir, ceremony.CardState))
	if err != nil {
		t.Fatal(err)
	}
	daemon := pcsctest.Run(t)
	t.Setenv(pcsc.SocketEnvironment, daemon.Socket)
	stay, err := daemon.Insert(t.Context(), chip)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Person: "birthday", Card: ThroughPCSC, CardDir: dir, Reader: daemon.Reader}
	if report := told(t, o); report.Person != "leapday" {
		t.Errorf("the card of %s was read", report.Person)
	}
	if err := stay.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := chip.Close(); err != nil {
		t.Error(err)
	}
}

func TestCardOptions(t *testing.T) {
	for _, tc := range []struct {
		name string
		o    Options
		want string
	}{
		{"no such way", Options{Card: "radio"}, "--card"},
		{"a folder for the model", Options{CardDir: "x"}, "add --card pcsc"},
		{"a reader without the card's folder", Options{Card: ThroughPCSC, Reader: "x"}, "--card-dir"},
		{"no such folder", Options{Card: ThroughPCSC, CardDir: filepath.Join(t.TempDir(), "none")}, "mobileid card new"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.o.Person, tc.o.Language, tc.o.Stdout = "birthday", English, &bytes.Buffer{}
			if _, err := Run(t.Context(), tc.o); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v, want it to name %q", err, tc.want)
			}
		})
	}
}
