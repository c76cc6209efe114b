package ble_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"sync"
	"testing"
	"testing/synctest"

	"mobileid/mdoc/transport"
	"mobileid/mdoc/transport/ble"
	"mobileid/mdoc/transport/ble/bletest"
	"mobileid/mdoc/transport/transporttest"
)

// join opens both ends over a link, the GATT client first.
func join(tb testing.TB, cfg ble.Config, link bletest.Link) (client, server *ble.Conn, radio bletest.Client) {
	tb.Helper()
	if cfg.Mode == ble.CentralClient && link.Ident == nil {
		link.Ident = make([]byte, ble.IdentSize)
		_, _ = rand.Read(link.Ident)
	}
	radio, there := link.Join()
	var wg sync.WaitGroup
	var errServer error
	wg.Go(func() {
		server, errServer = ble.Serve(tb.Context(), cfg, func(context.Context) (ble.Radio, error) { return there, nil })
	})
	mine := cfg
	if cfg.Mode == ble.CentralClient {
		mine.Ident = link.Ident
	}
	client, err := ble.Connect(tb.Context(), mine, func(context.Context) (ble.ClientRadio, error) { return radio, nil })
	wg.Wait()
	if err != nil || errServer != nil {
		tb.Fatalf("client %v, server %v", err, errServer)
	}
	return client, server, radio
}

func TestContractGATT(t *testing.T) {
	for _, mtu := range []int{23, 185, 515, 517} {
		for _, mode := range []ble.Mode{ble.PeripheralServer, ble.CentralClient} {
			t.Run(fmt.Sprintf("%s at %d", mode, mtu), func(t *testing.T) {
				transporttest.Run(t, transporttest.Subject{Open: func(tb testing.TB, maxMessage int) (reader, mdoc transport.Conn) {
					client, server, _ := join(tb, ble.Config{Mode: mode, MaxMessage: maxMessage}, bletest.Link{MTU: mtu})
					if mode == ble.PeripheralServer {
						return client, server
					}
					return server, client
				}})
			})
		}
	}
}

func TestContractL2CAP(t *testing.T) {
	transporttest.Run(t, transporttest.Subject{Open: func(tb testing.TB, maxMessage int) (reader, mdoc transport.Conn) {
		a, b := net.Pipe()
		return ble.NewStream(tb.Context(), a, maxMessage), ble.NewStream(tb.Context(), b, maxMessage)
	}})
}

// Every MTU carries messages of every size around the edges of its parts.
func TestEveryMTU(t *testing.T) {
	for mtu := ble.MinMTU; mtu <= ble.MaxMTU; mtu++ {
		synctest.Test(t, func(t *testing.T) {
			client, server, _ := join(t, ble.Config{Mode: ble.PeripheralServer}, bletest.Link{MTU: mtu})
			defer transporttest.Close(t, client, server)
			room := mtu - 4 // of one part, without its first byte
			for _, n := range []int{0, 1, room - 1, room, room + 1, 2*room - 1, 2 * room, 2*room + 1, 9*room + 1} {
				transporttest.Exchange(t, client, server, transporttest.Pattern(n), transporttest.Pattern(n))
			}
		})
	}
}
