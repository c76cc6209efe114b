package holder_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"

	"mobileid/mdoc"
	"mobileid/mdoc/holder"
	"mobileid/mdoc/mdoctest/world"
	"mobileid/mdoc/transport"
	"mobileid/mdoc/transport/ble"
	"mobileid/mdoc/transport/ble/bletest"
	"mobileid/mdoc/transport/loopback"
	"mobileid/mdoc/transport/nfc"
	"mobileid/mdoc/verdict"
)

// field is a reader's NFC field with a mdoc in it.
type field struct{ *nfc.Mdoc }

func (f field) Close() error {
	f.Deactivate()
	return nil
}

// connect joins a reader and a mdoc over each transport. Each runs in its own goroutine, as the two devices do.
func connect(t *testing.T, name string, m world.Meeting) (reader, device transport.Conn) {
	t.Helper()
	switch name {
	case "loopback":
		return loopback.Pipe()
	case "L2CAP":
		a, b := net.Pipe()
		return ble.NewStream(t.Context(), a, 0), ble.NewStream(t.Context(), b, 0)
	case "NFC, short":
		return connectNFC(t, nfc.Limits{})
	case "NFC, extended":
		return connectNFC(t, nfc.Most())
	case ble.PeripheralServer.String():
		client, server := connectBLE(t, ble.PeripheralServer, m)
		return client, server
	}
	client, server := connectBLE(t, ble.CentralClient, m)
	return server, client
}

func connectNFC(t *testing.T, limits nfc.Limits) (reader, device transport.Conn) {
	t.Helper()
	d, err := nfc.NewMdoc(nfc.Config{Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	r, err := nfc.Connect(t.Context(), field{d}, nfc.Config{Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	return r, d
}

// connectBLE has the reader derive Ident from the engagement it has read, and the mdoc from its own.
func connectBLE(t *testing.T, mode ble.Mode, m world.Meeting) (client, server transport.Conn) {
	t.Helper()
	ident, err := ble.IdentValue(m.Device.Engagement().EDeviceKeyBytes())
	if err != nil {
		t.Fatal(err)
	}
	radio, there := bletest.Link{MTU: 185, Ident: ident}.Join()
	cfg := ble.Config{Mode: mode}
	var wg sync.WaitGroup
	wg.Go(func() {
		var err error
		if server, err = ble.Serve(t.Context(), cfg, func(context.Context) (ble.Radio, error) { return there, nil }); err != nil {
			t.Error(err)
		}
	})
	mine := cfg
	if mode == ble.CentralClient {
		mine.Ident = ident
	}
	client, err = ble.Connect(t.Context(), mine, func(context.Context) (ble.ClientRadio, error) { return radio, nil })
	wg.Wait()
	if err != nil {
		t.Fatal(err)
	}
	return client, server
}

// A whole proximity session over every transport: session establishment, a signed request, a response with a portrait of
// 64 kB, a second request, and the end by the reader.
func TestPresentOverEveryTransport(t *testing.T) {
	for _, name := range []string{"loopback", "L2CAP", "NFC, short", "NFC, extended", ble.PeripheralServer.String(), ble.CentralClient.String()} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := world.New(t)
				draft := w.Draft(t)
				for i, e := range draft.Elements {
					if e.Identifier == "portrait" {
						draft.Elements[i].Value = world.Encode(t, make([]byte, 64<<10))
					}
				}
				h := w.Holder(t, w.Issue(t, draft), holder.BySignature)
				m := w.Meet(t)
				reader, device := connect(t, name, m)
				var wg sync.WaitGroup
				wg.Go(func() {
					if err := h.Present(t.Context(), device, m.Device); err != nil {
						t.Errorf("the holder: %v", err)
					}
					if err := device.Close(); err != nil {
						t.Errorf("the holder closes: %v", err)
					}
				})
				defer func() { // also when the reader's part ends the test
					_ = reader.Close()
					wg.Wait()
				}()
				ask(t, w, m, reader)
				wg.Wait()
				if err := reader.Close(); err != nil {
					t.Errorf("the reader closes: %v", err)
				}
				if _, err := reader.Receive(t.Context()); !errors.Is(err, transport.ErrClosed) {
					t.Errorf("after the end: error %v, want ErrClosed", err)
				}
			})
		})
	}
}

// ask is the reader's part.
func ask(t *testing.T, w *world.World, m world.Meeting, conn transport.Conn) {
	t.Helper()
	request := w.Request(t, m.Reader.Transcript(), world.Items(world.NameJP, "portrait"))
	message, s, err := m.Reader.Establish(request.Raw())
	for range 2 {
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.Send(t.Context(), message); err != nil {
			t.Fatal(err)
		}
		answer, err := conn.Receive(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		response, status, err := s.Decrypt(answer)
		if err != nil || status != nil || len(response) < 64<<10 {
			t.Fatalf("response of %d bytes, status %v, error %v", len(response), status, err)
		}
		answered(t, mdoc.Verification{Response: response, Transcript: m.Reader.Transcript(), Request: request, EReaderKey: m.Reader.EReaderKey(),
			Anchors: w.Anchors, Status: world.Status{Outcome: verdict.Pass, Measured: "valid"}, Revocation: w.Revocation, At: w.Now})
		if message, err = s.Encrypt(request.Raw()); err != nil {
			t.Fatal(err)
		}
	}
	end, err := s.Terminate()
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Send(t.Context(), end); err != nil {
		t.Fatal(err)
	}
}
