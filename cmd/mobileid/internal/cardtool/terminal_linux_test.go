package cardtool_test

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"mobileid/cmd/internal/terminal/terminaltest"
	"mobileid/cmd/mobileid/internal/cardtool"
	"mobileid/issuer/card/cardsim"
)

// TestSecretsOnATerminal types secrets: they are not echoed, and the tries left are told with the question.
func TestSecretsOnATerminal(t *testing.T) {
	d := newDesk(t, cardsim.Options{})
	person, program := terminaltest.Open(t)
	at := func(o *cardtool.Options) { o.In, o.Err, o.PINStdin = program, program, false }
	screen := terminaltest.Type(person, d.person.AttributePIN)
	must(t, d.do(at, "", read(cardtool.ReadOptions{})))
	d.says(d.person.Name)
	if seen := <-screen; !strings.Contains(seen, "PIN of the attributes, 4 digits (3 tries left): ") || strings.Contains(seen, d.person.AttributePIN) {
		t.Errorf("screen: %q", seen)
	}
	screen = terminaltest.Type(person, d.person.AuthenticationPIN, "8642", "8643")
	if err := d.do(at, "", change("auth")); err == nil || !strings.Contains(err.Error(), "differ") {
		t.Errorf("%v", err)
	}
	<-screen
	screen = terminaltest.Type(person, d.person.AuthenticationPIN, "8642", "8642")
	must(t, d.do(at, "", change("auth")))
	<-screen
	for range 2 {
		screen = terminaltest.Type(person, "0000")
		_ = d.do(at, "", read(cardtool.ReadOptions{}))
		<-screen
	}
	// Nothing is asked where nothing would be sent.
	if err := d.do(at, "", read(cardtool.ReadOptions{})); err == nil || !strings.Contains(err.Error(), "1 try is left") {
		t.Errorf("%v", err)
	}
	spend := func(o *cardtool.Options) { at(o); o.SpendLastTry = true }
	screen = terminaltest.Type(person, "0000")
	_ = d.do(spend, "", read(cardtool.ReadOptions{}))
	<-screen
	if err := d.do(spend, "", read(cardtool.ReadOptions{})); err == nil || !strings.Contains(err.Error(), "blocked") {
		t.Errorf("%v", err)
	}
}

// TestInterruptWhileTyping ends the question, and gives the terminal its echo back.
func TestInterruptWhileTyping(t *testing.T) {
	d := newDesk(t, cardsim.Options{})
	_, program := terminaltest.Open(t)
	echo := func() bool { return terminaltest.Echo(t, program) }
	err := d.do(func(o *cardtool.Options) { o.In, o.Err = program, io.Discard }, "", func(ctx context.Context, tool *cardtool.Tool) error {
		ctx, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		defer cancel()
		return tool.Read(ctx, cardtool.ReadOptions{})
	})
	if err == nil || !echo() {
		t.Errorf("echo %v, %v", echo(), err)
	}
}
