package jp2_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"mobileid/issuer/card/jp2"
)

// parentEnvironment names the folder in which the test binary decodes as a process of its own, to be killed.
const parentEnvironment = "JP2_TEST_PARENT"

// decodeFor is that process.
func decodeFor(dir string) int {
	self, err := os.Executable()
	if err != nil {
		return 3
	}
	d := jp2.Decoder{Program: self, Timeout: time.Hour, TempDir: dir}
	if _, err := d.Decode(context.Background(), portrait(holdsPipe)); err != nil {
		return 1
	}
	return 0
}

// holdPipe writes its process id into the pipe beside its folder and keeps the pipe open as long as it lives.
func holdPipe() int {
	p, err := os.OpenFile("../pipe", os.O_WRONLY, 0)
	if err != nil {
		return 3
	}
	fmt.Fprintln(p, os.Getpid())
	<-time.After(time.Hour)
	return 3
}

// The program ends when the process that decodes is killed: its end of the pipe closes.
func TestDecoderEndsWithItsParent(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := os.OpenFile(pipe, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close() //nolint:errcheck // read from alone
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	parent := exec.CommandContext(t.Context(), self)
	parent.Env = append(os.Environ(), parentEnvironment+"="+dir)
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	pid := 0
	for deadline := time.Now().Add(20 * time.Second); pid == 0; { // without a writer a pipe is at its end
		if _, err := fmt.Fscanln(p, &pid); err != nil && time.Now().After(deadline) {
			t.Fatalf("the program did not start: %v", errors.Join(err, parent.Process.Kill()))
		}
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // killed
	if err := p.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(p); err != nil {
		t.Errorf("the program goes on: %v", errors.Join(err, syscall.Kill(pid, syscall.SIGKILL)))
	}
}

// The folder is in memory when none is named, and nothing of it stays.
func TestDecoderWorksInMemory(t *testing.T) {
	d := decoder(t)
	d.TempDir = ""
	if _, err := d.Decode(t.Context(), portrait(worksInMemory)); err != nil {
		t.Error(err)
	}
}

// A program that takes more than its bound of memory fails, and without prlimit none is started.
func TestDecoderMemory(t *testing.T) {
	d := decoder(t)
	if _, err := d.Decode(t.Context(), portrait(takesMemory)); !errors.Is(err, jp2.ErrDecoder) {
		t.Errorf("768 MiB: %v", err)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := d.Decode(t.Context(), portrait(works)); !errors.Is(err, jp2.ErrNoLimit) {
		t.Errorf("without prlimit: %v", err)
	}
	empty(t, d)
}
