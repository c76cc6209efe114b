package pcsctest_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"mobileid/mdoc/apdu/pcsctest"
)

// childVariable makes the test binary a process that starts a daemon, tells its socket, and stays until it is killed.
const childVariable = "PCSCTEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) == "" {
		os.Exit(m.Run())
	}
	d, err := pcsctest.Start(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Fprintln(os.Stdout, d.Socket)
	_, _ = os.Stdin.Read(make([]byte, 1)) // nothing comes
	os.Exit(1)
}

// A process that is killed, alone or with all of its group, leaves neither a daemon nor a folder.
func TestKilled(t *testing.T) {
	for name, sign := range map[string]int{"alone": 1, "with its group": -1} {
		t.Run(name, func(t *testing.T) { killed(t, sign) })
	}
}

func killed(t *testing.T, sign int) {
	t.Helper()
	child := exec.Command(os.Args[0]) //nolint:gosec // the test itself
	child.Env = append(os.Environ(), childVariable+"=1")
	child.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close() //nolint:errcheck // nothing was written
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	socket := strings.TrimSpace(line)
	daemon, err := new(net.Dialer).DialContext(t.Context(), "unix", socket) // a client would keep it alive
	failed := syscall.Kill(sign*child.Process.Pid, syscall.SIGKILL)
	_ = child.Wait() // it was killed
	if err != nil || failed != nil {
		t.Fatal(socket, err, failed)
	}
	defer daemon.Close() //nolint:errcheck // nothing was written
	_ = daemon.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := daemon.Read(make([]byte, 1)); err == nil || os.IsTimeout(err) {
		t.Errorf("the daemon is alive: %v", err)
	}
	for tick, end := time.Tick(10*time.Millisecond), time.After(20*time.Second); ; {
		if _, err := os.Stat(filepath.Dir(socket)); os.IsNotExist(err) {
			return
		}
		select {
		case <-tick:
		case <-end:
			t.Fatal("its folder is left")
		}
	}
}
