// Package virtualreader is what the commands share that put a modelled card into a virtual PC/SC reader (vpcd of the
// vsmartcard project): which addresses they go to, and what they tell meanwhile.
//
// Nothing is trusted of the address: whoever answers there gets the card, so only this machine may. Start with [Loopback].
package virtualreader

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"

	"mobileid/mdoc/apdu/vpcd"
)

// ErrAddress says that an address is none a card may be shown at. It is the caller's mistake.
var ErrAddress = errors.New("not an address for a virtual reader")

// Loopback resolves an address and refuses one that another machine may answer at. What it gives is what was looked at, so
// that no later answer of the resolver counts.
func Loopback(ctx context.Context, address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", fmt.Errorf("%w: HOST:PORT is needed", ErrAddress)
	}
	all, err := new(net.Resolver).LookupNetIP(ctx, "ip", host)
	if err != nil || len(all) == 0 {
		return "", fmt.Errorf("%w: there is no host %q", ErrAddress, host)
	}
	for _, ip := range all {
		if !ip.Unmap().IsLoopback() {
			return "", fmt.Errorf("%w: %s is not this machine: the reader is not authenticated, so the address must be loopback, such as 127.0.0.1", ErrAddress, host)
		}
	}
	at := all[0]
	if i := slices.IndexFunc(all, netip.Addr.Is4); i >= 0 {
		at = all[i] // where vpcd listens
	}
	return net.JoinHostPort(at.Unmap().String(), port), nil
}

// Notices tells what happens, each thing once in a row. It is safe for concurrent use.
type Notices struct {
	w       io.Writer
	address string
	mu      sync.Mutex
	last    vpcd.EventKind
}

// NewNotices writes lines that begin with the address.
func NewNotices(w io.Writer, address string) *Notices { return &Notices{w: w, address: address} }

// Tell is for vpcd.Options.Notice.
func (n *Notices) Tell(e vpcd.Event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if e.Kind != n.last {
		fmt.Fprintf(n.w, "%s: %s\n", n.address, e.Kind)
	}
	n.last = e.Kind
}
