// Package terminaltest gives tests a pseudo terminal: a person at one end, the program at the other. Only tests import it.
package terminaltest

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

// Open makes a terminal, which is closed with the test.
func Open(tb testing.TB) (person, program *os.File) {
	tb.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = person.Close() })
	var unlock, number int32
	for request, at := range map[uintptr]*int32{syscall.TIOCSPTLCK: &unlock, syscall.TIOCGPTN: &number} {
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, person.Fd(), request, uintptr(unsafe.Pointer(at))); errno != 0 { //nolint:gosec // a pseudo terminal has no other way
			tb.Fatal(errno)
		}
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = program.Close() })
	return person, program
}

// Echo tells whether the terminal shows what is typed.
func Echo(tb testing.TB, program *os.File) bool {
	tb.Helper()
	on, errno := echo(program)
	if errno != 0 {
		tb.Fatal(errno)
	}
	return on
}

func echo(end *os.File) (bool, syscall.Errno) {
	var state syscall.Termios
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, end.Fd(), syscall.TCGETS, uintptr(unsafe.Pointer(&state))) //nolint:gosec // see above
	return state.Lflag&syscall.ECHO != 0, errno
}

// Type answers each question on the terminal with the next line, once the echo is off, which a person is too slow to see; what came
// back on the screen is the result.
func Type(person *os.File, lines ...string) <-chan string {
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
			for on, errno := echo(person); on && errno == 0; on, errno = echo(person) {
				runtime.Gosched()
			}
			seen.WriteString("|")
			_, _ = io.WriteString(person, line+"\n")
		}
		screen <- seen.String()
	}()
	return screen
}
