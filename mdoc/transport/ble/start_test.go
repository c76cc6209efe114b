package ble_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mobileid/mdoc/transport"
	"mobileid/mdoc/transport/ble"
	"mobileid/mdoc/transport/ble/bletest"
	"mobileid/mdoc/transport/transporttest"
)

var ident = []byte("0123456789abcdef")

// The client reads Ident first, subscribes to State and Server2Client, and then starts.
func TestOrderOfTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []string
		link := bletest.Link{Fault: func(d bletest.Direction, _ int, e ble.Event) []ble.Event {
			if d == bletest.FromClient {
				what := "writes "
				if e.Subscription {
					what = "subscribes "
				}
				seen = append(seen, what+e.Characteristic.String()+" "+string('0'+rune(e.Value[0])))
			}
			return []ble.Event{e}
		}}
		client, server, _ := join(t, ble.Config{Mode: ble.CentralClient}, link)
		transporttest.Close(t, client, server)
		want := []string{"subscribes State 1", "subscribes Server2Client 1", "writes State 1", "writes State 2"}
		if !slices.Equal(seen, want) {
			t.Errorf("the client %s; want %s", strings.Join(seen, ", "), strings.Join(want, ", "))
		}
	})
}

func TestConfigRefuses(t *testing.T) {
	noClient := func(context.Context) (ble.ClientRadio, error) { t.Error("dialled"); return nil, errors.New("dialled") }
	noServer := func(context.Context) (ble.Radio, error) { t.Error("accepted"); return nil, errors.New("accepted") }
	for name, cfg := range map[string]ble.Config{
		"no mode":                    {},
		"unknown mode":               {Mode: 3},
		"mdoc without Ident":         {Mode: ble.CentralClient},
		"mdoc with a short Ident":    {Mode: ble.CentralClient, Ident: ident[:15]},
		"reader that compares Ident": {Mode: ble.PeripheralServer, Ident: ident},
		"reader with a short Ident":  {Mode: ble.PeripheralServer, Ident: ident[:3]},
	} {
		if c, err := ble.Connect(t.Context(), cfg, noClient); err == nil || c != nil {
			t.Errorf("%s: connected", name)
		}
	}
	for name, cfg := range map[string]ble.Config{"no mode": {}, "server that compares": {Mode: ble.CentralClient, Ident: ident}} {
		if c, err := ble.Serve(t.Context(), cfg, noServer); err == nil || c != nil {
			t.Errorf("%s: serving", name)
		}
	}
}

func TestAnotherReadersIdent(t *testing.T) {
	for name, offered := range map[string]string{"another": "fedcba9876543210", "shorter": "0123456789abcde", "longer": "0123456789abcdef0", "empty": ""} {
		t.Run(name, func(t *testing.T) {
			radio, there := bletest.Link{Ident: []byte(offered)}.Join()
			dials := 0
			cfg := ble.Config{Mode: ble.CentralClient, Ident: ident}
			_, err := ble.Connect(t.Context(), cfg, func(context.Context) (ble.ClientRadio, error) { dials++; return radio, nil })
			if !errors.Is(err, ble.ErrIdent) || dials != 1 {
				t.Errorf("error %v after %d connections, want ErrIdent after one", err, dials)
			}
			if _, err := there.Next(t.Context()); !errors.Is(err, bletest.ErrDisconnected) {
				t.Errorf("the reader sees %v, want a disconnect and nothing before it", err)
			}
		})
	}
}

func TestCheckIdent(t *testing.T) {
	radio, _ := bletest.Link{Ident: ident}.Join()
	if err := ble.CheckIdent(t.Context(), radio, ident); err != nil {
		t.Error(err)
	}
	if err := ble.CheckIdent(t.Context(), radio, []byte("another Ident...")); !errors.Is(err, ble.ErrIdent) {
		t.Errorf("error %v, want ErrIdent", err)
	}
	radio.Cut()
	if err := ble.CheckIdent(t.Context(), radio, ident); !errors.Is(err, bletest.ErrDisconnected) {
		t.Errorf("error %v, want the radio's", err)
	}
}

func TestSmallMTU(t *testing.T) {
	radio, there := bletest.Link{MTU: 22}.Join()
	cfg := ble.Config{Mode: ble.PeripheralServer, Attempts: 1}
	if _, err := ble.Connect(t.Context(), cfg, func(context.Context) (ble.ClientRadio, error) { return radio, nil }); !errors.Is(err, transport.ErrProtocol) {
		t.Errorf("client: error %v", err)
	}
	if _, err := ble.Serve(t.Context(), cfg, func(context.Context) (ble.Radio, error) { return there, nil }); !errors.Is(err, transport.ErrProtocol) {
		t.Errorf("server: error %v", err)
	}
}

// A client whose link breaks at each step of the start connects again, and not once the start was sent.
func TestLostBeforeTheStart(t *testing.T) {
	for step, name := range []string{"at the first subscription", "at the second subscription", "at the start"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var radio bletest.Client
				var there bletest.Server
				cut := bletest.Link{Fault: func(_ bletest.Direction, n int, e ble.Event) []ble.Event {
					if n == step {
						radio.Cut()
					}
					return []ble.Event{e}
				}}
				dialled := make(chan bletest.Server, 2)
				dials := 0
				dial := func(context.Context) (ble.ClientRadio, error) {
					dials++
					link := cut
					if dials == 2 {
						link = bletest.Link{}
					}
					radio, there = link.Join()
					dialled <- there
					return radio, nil
				}
				accept := func(ctx context.Context) (ble.Radio, error) {
					select {
					case r := <-dialled:
						return r, nil
					case <-ctx.Done():
						return nil, ctx.Err()
					}
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				var server *ble.Conn
				var errServer error
				var wg sync.WaitGroup
				wg.Go(func() { server, errServer = ble.Serve(ctx, ble.Config{Mode: ble.PeripheralServer}, accept) })
				client, err := ble.Connect(ctx, ble.Config{Mode: ble.PeripheralServer}, dial)
				wg.Wait()
				if step == 2 {
					if !errors.Is(err, transport.ErrLost) || dials != 1 {
						t.Errorf("lost at the start: error %v after %d connections, want ErrLost after one", err, dials)
					}
					if !errors.Is(errServer, context.DeadlineExceeded) {
						t.Errorf("server: error %v", errServer)
					}
					return
				}
				if err != nil || errServer != nil || dials != 2 {
					t.Fatalf("client %v, server %v, %d connections", err, errServer, dials)
				}
				transporttest.Exchange(t, client, server, []byte("request"), []byte("answer"))
				transporttest.Close(t, client, server)
			})
		})
	}
}

func TestAttemptsAreBounded(t *testing.T) {
	dials := 0
	dial := func(context.Context) (ble.ClientRadio, error) {
		dials++
		radio, _ := bletest.Link{}.Join()
		radio.Cut()
		return radio, nil
	}
	if _, err := ble.Connect(t.Context(), ble.Config{Mode: ble.CentralClient, Ident: ident}, dial); !errors.Is(err, transport.ErrLost) || dials != 4 {
		t.Errorf("error %v after %d connections, want ErrLost after 4", err, dials)
	}
	gone := errors.New("Bluetooth is off")
	if _, err := ble.Connect(t.Context(), ble.Config{Mode: ble.PeripheralServer}, func(context.Context) (ble.ClientRadio, error) { return nil, gone }); !errors.Is(err, gone) {
		t.Errorf("client: error %v", err)
	}
	if _, err := ble.Serve(t.Context(), ble.Config{Mode: ble.PeripheralServer}, func(context.Context) (ble.Radio, error) { return nil, gone }); !errors.Is(err, gone) {
		t.Errorf("server: error %v", err)
	}
}

// A client that breaks the order of the start is put off, and the next one served.
func TestWrongStarts(t *testing.T) {
	state := ble.Event{Characteristic: ble.State, Value: []byte{1, 0}, Subscription: true}
	data := ble.Event{Characteristic: ble.Server2Client, Value: []byte{1, 0}, Subscription: true}
	off := ble.Event{Characteristic: ble.Server2Client, Value: []byte{0, 0}, Subscription: true}
	short := ble.Event{Characteristic: ble.Server2Client, Value: []byte{1}, Subscription: true}
	start := ble.Event{Characteristic: ble.State, Value: []byte{1}}
	for name, events := range map[string][]ble.Event{
		"start without subscriptions":        {start},
		"start with one":                     {state, start},
		"start with the other":               {data, start},
		"start after a subscription was off": {state, data, off, start},
		"a descriptor of one byte":           {state, short, start},
		"data first":                         {state, data, {Characteristic: ble.Client2Server, Value: []byte{0}}},
		"end first":                          {state, data, {Characteristic: ble.State, Value: []byte{2}}},
		"a start of two bytes":               {state, data, {Characteristic: ble.State, Value: []byte{1, 1}}},
		"an empty start":                     {state, data, {Characteristic: ble.State}},
		"subscriptions without end":          {{Characteristic: 11, Subscription: true}, {Characteristic: 12, Subscription: true}, {Characteristic: 13, Subscription: true}, {Characteristic: 14, Subscription: true}, {Characteristic: 15, Subscription: true}},
	} {
		t.Run(name, func(t *testing.T) {
			radio, there := bletest.Link{}.Join()
			for _, e := range events {
				if err := radio.Inject(t.Context(), e); err != nil {
					t.Fatal(err)
				}
			}
			_, err := ble.Serve(t.Context(), ble.Config{Mode: ble.PeripheralServer, Attempts: 1}, func(context.Context) (ble.Radio, error) { return there, nil })
			if !errors.Is(err, transport.ErrProtocol) {
				t.Errorf("error %v, want ErrProtocol", err)
			}
			if _, err := radio.Next(t.Context()); !errors.Is(err, bletest.ErrDisconnected) {
				t.Errorf("the client sees %v, want a disconnect", err)
			}
		})
	}
}

func TestContextEndsTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, there := bletest.Link{}.Join()
		if _, err := ble.Serve(ctx, ble.Config{Mode: ble.PeripheralServer}, func(context.Context) (ble.Radio, error) { return there, nil }); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("server: error %v", err)
		}
		radio, _ := bletest.Link{}.Join()
		if _, err := ble.Connect(ctx, ble.Config{Mode: ble.PeripheralServer}, func(context.Context) (ble.ClientRadio, error) { return radio, nil }); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("client: error %v", err)
		}
	})
}
