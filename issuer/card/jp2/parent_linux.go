package jp2

import (
	"os/exec"
	"syscall"
)

// endWithParent has the program killed when the thread that starts it ends, and so with this process, however that ends.
func endWithParent(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

// bounded puts prlimit before a command, which takes the program's place after it has set the bounds: 512 MiB of data, and no core
// dump, which would hold the picture. RLIMIT_DATA counts what can be written to, anonymous mappings among it, and not what is only reserved.
func bounded(command ...string) ([]string, error) {
	prlimit, err := exec.LookPath("prlimit")
	if err != nil {
		return nil, ErrNoLimit
	}
	return append([]string{prlimit, "--data=536870912", "--core=0", "--"}, command...), nil
}
