package cardtool_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"mobileid/cmd/mobileid/internal/cardtool"
	"mobileid/issuer/card/cardsim"
)

// terminal is a pseudo terminal: a person at one end, the program at the other.
func terminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	must(t, err)
	t.Cleanup(func() { _ = person.Close() })
	var unlock, number int32
	for request, at := range map[uintptr]*int32{syscall.TIOCSPTLCK: &unlock, syscall.TIOCGPTN: &number} {
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, person.Fd(), request, uintptr(unsafe.Pointer(at))); errno != 0 { //nolint:gosec // a pseudo terminal has no other way
			t.Fatal(errno)
		}
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	must(t, err)
	t.Cleanup(func() { _ = program.Close() })
	return person, program
}

// typing answers each question on the terminal with the next line; what came back on the screen is the result.
func typing(person *os.File, lines ...string) <-chan string {
	screen := make(chan string, 1)
	go func() {
		var seen strings.Builder
		b := make([]byte, 256)
		for _, line := range lines {
			for !strings.HasSuffix(seen.String(), ": ") {
				n, err := person.Read(b)
				if err != nil {
					screen <- seen.String()
					return
				}
				seen.Write(b[:n])
			}
			seen.WriteString("|")
			_, _ = io.WriteString(person, line+"\n")
		}
		screen <- seen.String()
	}()
	return screen
}

// TestSecretsOnATerminal types secrets: they are not echoed, and the tries left are told with the question.
func TestSecretsOnATerminal(t *testing.T) {
	d := newDesk(t, cardsim.Options{})
	person, program := terminal(t)
	at := func(o *cardtool.Options) { o.In, o.Err, o.PINStdin = program, program, false }
	screen := typing(person, d.person.AttributePIN)
	must(t, d.do(at, "", read(cardtool.ReadOptions{})))
	d.says(d.person.Name)
	if seen := <-screen; !strings.Contains(seen, "PIN of the attributes, 4 digits (3 tries left): ") || strings.Contains(seen, d.person.AttributePIN) {
		t.Errorf("screen: %q", seen)
	}
	screen = typing(person, d.person.AuthenticationPIN, "8642", "8643")
	if err := d.do(at, "", change("auth")); err == nil || !strings.Contains(err.Error(), "differ") {
		t.Errorf("%v", err)
	}
	<-screen
	screen = typing(person, d.person.AuthenticationPIN, "8642", "8642")
	must(t, d.do(at, "", change("auth")))
	<-screen
	for range 2 {
		screen = typing(person, "0000")
		_ = d.do(at, "", read(cardtool.ReadOptions{}))
		<-screen
	}
	// Nothing is asked where nothing would be sent.
	if err := d.do(at, "", read(cardtool.ReadOptions{})); err == nil || !strings.Contains(err.Error(), "1 try is left") {
		t.Errorf("%v", err)
	}
	spend := func(o *cardtool.Options) { at(o); o.SpendLastTry = true }
	screen = typing(person, "0000")
	_ = d.do(spend, "", read(cardtool.ReadOptions{}))
	<-screen
	if err := d.do(spend, "", read(cardtool.ReadOptions{})); err == nil || !strings.Contains(err.Error(), "blocked") {
		t.Errorf("%v", err)
	}
}

// TestInterruptWhileTyping ends the question, and gives the terminal its echo back.
func TestInterruptWhileTyping(t *testing.T) {
	d := newDesk(t, cardsim.Options{})
	_, program := terminal(t)
	echo := func() bool {
		var state syscall.Termios
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, program.Fd(), syscall.TCGETS, uintptr(unsafe.Pointer(&state))); errno != 0 { //nolint:gosec // see above
			t.Fatal(errno)
		}
		return state.Lflag&syscall.ECHO != 0
	}
	err := d.do(func(o *cardtool.Options) { o.In, o.Err = program, io.Discard }, "", func(ctx context.Context, tool *cardtool.Tool) error {
		ctx, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		defer cancel()
		return tool.Read(ctx, cardtool.ReadOptions{})
	})
	if err == nil || !echo() {
		t.Errorf("echo %v, %v", echo(), err)
	}
}
