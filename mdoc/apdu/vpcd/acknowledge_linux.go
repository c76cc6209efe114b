package vpcd

import (
	"net"
	"syscall"
)

// acknowledge asks the kernel to acknowledge what was read at once. The kernel forgets it, so it is asked after every read; where
// it cannot, nothing is lost but time.
func acknowledge(nc net.Conn) {
	c, ok := nc.(syscall.Conn)
	if !ok {
		return
	}
	if raw, err := c.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) {
			_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 1) //nolint:gosec // a file descriptor
		})
	}
}
