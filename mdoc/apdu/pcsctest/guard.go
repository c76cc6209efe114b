package pcsctest

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// guarding waits for the end of standard input, then ends the process $1 and removes the folder $2, and $3 if nobody uses it.
const guarding = `trap "" HUP INT TERM
read -r _
kill -TERM "$1"
n=0
while kill -0 "$1" && [ $n -lt 50 ]; do sleep 0.1; n=$((n+1)); done
kill -KILL "$1"
rm -rf "$2"
rmdir "$3"`

// A guard is a shell that cleans up after a process that was killed: the other end of its standard input is open in this process alone,
// and closes with it, however it ends. The kernel's own signal at a parent's death (prctl PR_SET_PDEATHSIG) comes at the end of the
// thread that started the child, and would leave the folder.
type guard struct {
	cmd  *exec.Cmd
	keep *os.File // its end is what the shell waits for
}

func newGuard(pid int, folder string) (*guard, error) {
	in, keep, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("guarding the daemon: %w", err)
	}
	defer in.Close()                                                                                          //nolint:errcheck // the shell has it
	g := &guard{exec.Command("/bin/sh", "-c", guarding, "guard", strconv.Itoa(pid), folder, runFolder), keep} //nolint:gosec // a constant script
	g.cmd.Stdin = in
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // SIGKILL to this process's group does not reach it
	if err := g.cmd.Start(); err != nil {
		_ = keep.Close()
		return nil, fmt.Errorf("guarding the daemon: %w", err)
	}
	return g, nil
}

// end dismisses the guard, for all is cleaned up.
func (g *guard) end() {
	if g == nil {
		return
	}
	_ = g.cmd.Process.Kill()
	_ = g.cmd.Wait() // it was killed
	_ = g.keep.Close()
}
