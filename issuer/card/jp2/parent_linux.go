package jp2

import (
	"os/exec"
	"syscall"
)

// endWithParent has the program killed when the thread that starts it ends, and so with this process, however that ends.
func endWithParent(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
