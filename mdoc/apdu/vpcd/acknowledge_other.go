//go:build !linux

package vpcd

import "net"

// acknowledge does nothing where the kernel has no such wish.
func acknowledge(net.Conn) {}
