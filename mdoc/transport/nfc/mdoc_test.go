package nfc_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/mdoctest"
	"mobileid/mdoc/transport"
	"mobileid/mdoc/transport/nfc"
	"mobileid/mdoc/transport/transporttest"
)

const (
	selectIt  = "00A4040C07A0000002480400"
	firstHalf = "10C3000003530401"
	envelope  = "00C30000035301AA00"
)

// echo answers every message with one of n bytes until the mdoc ends.
func echo(t *testing.T, m *nfc.Mdoc, n int) {
	t.Helper()
	for {
		if _, err := m.Receive(t.Context()); err != nil {
			return
		}
		if err := m.Send(t.Context(), transporttest.Pattern(n)); err != nil && !errors.Is(err, transport.ErrClosed) {
			t.Errorf("answering: %v", err)
		}
	}
}

// What a reader may send, and the status word it gets. The last of the commands is the one that counts; "*" stands for
// data before 9000 or 61XX.
func TestStatusWords(t *testing.T) {
	for name, tc := range map[string]struct {
		commands []string
		want     string
	}{
		"SELECT":                              {[]string{selectIt}, "9000"},
		"SELECT with P2 00":                   {[]string{"00A4040007A0000002480400"}, "9000"},
		"SELECT with Le":                      {[]string{"00A4040007A000000248040000"}, "9000"},
		"SELECT twice":                        {[]string{selectIt, selectIt}, "9000"},
		"SELECT of another":                   {[]string{"00A4040C07D2760000850101"}, "6A82"},
		"SELECT of a part":                    {[]string{"00A4040C06A00000024804"}, "6A82"},
		"SELECT of more":                      {[]string{"00A4040C08A000000248040000"}, "6A82"},
		"SELECT without a name":               {[]string{"00A4040C"}, "6A82"},
		"SELECT by file":                      {[]string{"00A4000C07A0000002480400"}, "6A86"},
		"SELECT next":                         {[]string{"00A4040207A0000002480400"}, "6A86"},
		"SELECT in a chain":                   {[]string{"10A4040C07A0000002480400"}, "6884"},
		"another SELECT keeps the first":      {[]string{selectIt, "00A4040C07D2760000850101", firstHalf}, "9000"},
		"ENVELOPE without SELECT":             {[]string{envelope}, "6985"},
		"ENVELOPE, not the last":              {[]string{selectIt, firstHalf}, "9000"},
		"ENVELOPE, the last":                  {[]string{selectIt, envelope}, "*6163"},
		"ENVELOPE in two":                     {[]string{selectIt, firstHalf, "00C3000003020304" + "00"}, "*6163"},
		"ENVELOPE without Le":                 {[]string{selectIt, "00C30000035301AA"}, "6100"},
		"ENVELOPE with Le 1":                  {[]string{selectIt, "00C30000035301AA01"}, "*6100"},
		"ENVELOPE in extended form":           {[]string{selectIt, "00C3000000" + "0003" + "5301AA" + "0000"}, "*9000"},
		"ENVELOPE, P1":                        {[]string{selectIt, "00C30100035301AA00"}, "6A86"},
		"ENVELOPE, P2":                        {[]string{selectIt, "00C30001035301AA00"}, "6A86"},
		"ENVELOPE without data":               {[]string{selectIt, "00C3000000"}, "6700"},
		"ENVELOPE over the limit":             {[]string{selectIt, "00C3000000012D" + strings.Repeat("00", 301)}, "6700"},
		"ENVELOPE over the message":           {[]string{selectIt, "10C3000000012C" + strings.Repeat("00", 300), "10C3000000012C" + strings.Repeat("00", 300)}, "6700"},
		"another data object":                 {[]string{selectIt, "00C30000035401AA00"}, "6A80"},
		"a length short of the data":          {[]string{selectIt, "00C300000453" + "01AABB00"}, "6A80"},
		"a length over the data":              {[]string{selectIt, "00C30000035302AA00"}, "6A80"},
		"a length in a long form":             {[]string{selectIt, "00C30000045381" + "01AA00"}, "6A80"},
		"an indefinite length":                {[]string{selectIt, "00C30000045380AA0000"}, "6A80"},
		"after a broken message":              {[]string{selectIt, "00C30000035401AA00", envelope}, "6985"},
		"SELECT after a message":              {[]string{selectIt, envelope, selectIt}, "6985"},
		"GET RESPONSE without SELECT":         {[]string{"00C0000000"}, "6985"},
		"GET RESPONSE without a message":      {[]string{selectIt, "00C0000000"}, "6985"},
		"GET RESPONSE":                        {[]string{selectIt, envelope, "00C0000063"}, "*9000"},
		"GET RESPONSE for more than is left":  {[]string{selectIt, envelope, "00C0000000"}, "*9000"},
		"GET RESPONSE for a part":             {[]string{selectIt, envelope, "00C0000001"}, "*6162"},
		"GET RESPONSE after all":              {[]string{selectIt, envelope, "00C0000063", "00C0000000"}, "6985"},
		"GET RESPONSE without Le":             {[]string{selectIt, envelope, "00C00000"}, "6700"},
		"GET RESPONSE with data":              {[]string{selectIt, envelope, "00C0000001AA00"}, "6700"},
		"GET RESPONSE, P1":                    {[]string{selectIt, envelope, "00C0010000"}, "6A86"},
		"GET RESPONSE in a message":           {[]string{selectIt, firstHalf, "00C0000000"}, "6883"},
		"the chain is gone after that":        {[]string{selectIt, firstHalf, "00C0000000", "00C300000402030405" + "00"}, "6A80"},
		"the answer is gone at a new message": {[]string{selectIt, envelope, firstHalf, "00C0000000"}, "6883"},
		"READ BINARY":                         {[]string{selectIt, "00B0000000"}, "6D00"},
		"a proprietary class":                 {[]string{selectIt, "80C30000035301AA00"}, "6E00"},
		"a reserved class":                    {[]string{selectIt, "20C30000035301AA00"}, "6E00"},
		"another channel":                     {[]string{selectIt, "01C30000035301AA00"}, "6881"},
		"secure messaging":                    {[]string{selectIt, "0CC30000035301AA00"}, "6882"},
		"three bytes":                         {[]string{"00A404"}, "6700"},
		"nothing":                             {[]string{""}, "6700"},
		"lengths that disagree":               {[]string{selectIt, "00C30000055301AA00"}, "6700"},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := nfc.NewMdoc(nfc.Config{Limits: nfc.Limits{MaxCommandData: 300, MaxResponseData: 65536}, MaxMessage: 400})
			if err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			wg.Go(func() { echo(t, m, 351) })
			var response []byte
			for _, c := range tc.commands {
				if response, err = m.Transmit(t.Context(), mdoctest.Hex(t, c)); err != nil {
					t.Fatal(err)
				}
			}
			m.Deactivate()
			wg.Wait()
			got := strings.ToUpper(hex.EncodeToString(response[len(response)-2:]))
			if len(response) > 2 {
				got = "*" + got
			}
			if got != tc.want {
				t.Errorf("answered %s with %d bytes, want %s", got, len(response)-2, tc.want)
			}
		})
	}
}

func TestLimits(t *testing.T) {
	for _, l := range []nfc.Limits{{MaxCommandData: 254}, {MaxCommandData: 65536}, {MaxResponseData: 255}, {MaxResponseData: 65537}, {MaxCommandData: -1}} {
		if _, err := nfc.NewMdoc(nfc.Config{Limits: l}); err == nil {
			t.Errorf("%v accepted", l)
		}
		if _, err := nfc.Connect(t.Context(), answers{}, nfc.Config{Limits: l}); err == nil {
			t.Errorf("%v accepted", l)
		}
	}
	if _, err := nfc.NewMdoc(nfc.Config{MaxMessage: 1 << 24}); err == nil {
		t.Error("a message that the wrapper cannot hold")
	}
	got := nfc.Most().Shared(nfc.Limits{MaxCommandData: 300, MaxResponseData: 65536})
	if got != (nfc.Limits{MaxCommandData: 300, MaxResponseData: 65536}) {
		t.Errorf("shared %v", got)
	}
}

// A mdoc gives no more than its own limit, whatever the reader asks for.
func TestResponseLimit(t *testing.T) {
	m, err := nfc.NewMdoc(nfc.Config{})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() { echo(t, m, 1000) })
	var response []byte
	for _, c := range []string{selectIt, "00C3000000" + "0003" + "5301AA" + "0000"} {
		if response, err = m.Transmit(t.Context(), mdoctest.Hex(t, c)); err != nil {
			t.Fatal(err)
		}
	}
	m.Deactivate()
	wg.Wait()
	if len(response) != 258 || !bytes.Equal(response[256:], []byte{0x61, 0}) {
		t.Errorf("%d bytes", len(response))
	}
}

func TestMdocSpeaksWhenAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader, mdoc := join(t, nfc.Config{}, nil)
		if err := mdoc.Send(t.Context(), []byte("x")); !errors.Is(err, nfc.ErrTurn) {
			t.Errorf("unasked: error %v, want ErrTurn", err)
		}
		transporttest.Exchange(t, reader, mdoc, []byte("request"), []byte("answer"))
		if err := mdoc.Send(t.Context(), []byte("x")); !errors.Is(err, nfc.ErrTurn) {
			t.Errorf("a second answer: error %v, want ErrTurn", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := mdoc.Send(ctx, []byte("x")); !errors.Is(err, context.Canceled) {
			t.Errorf("ended context: error %v", err)
		}
		transporttest.Close(t, reader, mdoc)
	})
}

// A field that goes is an error at both ends, wherever in the exchange.
func TestFieldLost(t *testing.T) {
	t.Run("while the wallet thinks", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			reader, mdoc := join(t, nfc.Config{}, nil)
			if err := reader.Send(t.Context(), []byte("request")); err != nil {
				t.Fatal(err)
			}
			if _, err := mdoc.Receive(t.Context()); err != nil {
				t.Fatal(err)
			}
			mdoc.Deactivate()
			if err := mdoc.Send(t.Context(), []byte("answer")); !errors.Is(err, transport.ErrLost) {
				t.Errorf("mdoc sends: error %v, want ErrLost", err)
			}
			if _, err := mdoc.Receive(t.Context()); !errors.Is(err, transport.ErrLost) {
				t.Errorf("mdoc receives: error %v, want ErrLost", err)
			}
			transporttest.Close(t, reader, mdoc)
		})
	})
	t.Run("at the command processor", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			mdoc, err := nfc.NewMdoc(nfc.Config{})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if _, err := mdoc.Transmit(ctx, mdoctest.Hex(t, selectIt)); err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			wg.Go(func() {
				if _, err := mdoc.Transmit(ctx, mdoctest.Hex(t, envelope)); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("error %v, want DeadlineExceeded", err)
				}
			})
			synctest.Wait()
			wg.Go(func() { // a second command while the first is processed
				if _, err := mdoc.Transmit(ctx, mdoctest.Hex(t, envelope)); err == nil {
					t.Error("processed beside another")
				}
			})
			wg.Wait()
			if m, err := mdoc.Receive(t.Context()); err != nil || !bytes.Equal(m, []byte{0xAA}) {
				t.Errorf("%x, %v", m, err)
			}
			if _, err := mdoc.Receive(t.Context()); !errors.Is(err, transport.ErrLost) {
				t.Errorf("mdoc receives: error %v, want ErrLost", err)
			}
			transporttest.Close(t, mdoc)
		})
	})
}

// Whatever commands come, each gets a response that parses, within the limit, and no message over the bound arrives.
func FuzzCommands(f *testing.F) {
	for _, s := range [][]string{{selectIt, envelope, "00C0000000"}, {selectIt, firstHalf, "00C300000302030400"}, {selectIt, "00C3000000" + "0003" + "5301AA" + "0000"}, {"00A4040007A000000248040000"}} {
		var stream []byte
		for _, c := range s {
			b := mdoctest.Hex(f, c)
			stream = append(append(stream, byte(len(b))), b...)
		}
		f.Add(stream)
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		m, err := nfc.NewMdoc(nfc.Config{Limits: nfc.Limits{MaxCommandData: 300}, MaxMessage: 500})
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			for {
				message, err := m.Receive(t.Context())
				if err != nil {
					return
				}
				if len(message) > 500 {
					t.Errorf("a message of %d bytes", len(message))
				}
				_ = m.Send(t.Context(), message)
			}
		})
		for len(stream) > 0 {
			n := min(int(stream[0]), len(stream)-1)
			response, err := m.Transmit(t.Context(), stream[1:1+n])
			stream = stream[1+n:]
			if err != nil {
				t.Fatal(err)
			}
			if r, err := apdu.ParseResponse(response); err != nil || len(r.Data) > 256 {
				t.Fatalf("response of %d bytes: %v", len(response), err)
			}
		}
		m.Deactivate()
		wg.Wait()
	})
}
