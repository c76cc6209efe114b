package nfc_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/mdoctest"
	"mobileid/mdoc/transport"
	"mobileid/mdoc/transport/nfc"
	"mobileid/mdoc/transport/transporttest"
)

// answers is a card that gives its responses in order, then its field is gone.
type answers struct {
	t    *testing.T
	next *[]string
}

func (a answers) Transmit(context.Context, []byte) ([]byte, error) {
	if a.next == nil || len(*a.next) == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	r := (*a.next)[0]
	*a.next = (*a.next)[1:]
	return mdoctest.Hex(a.t, r), nil
}

func TestConnectRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		response string
		want     error
	}{"no application": {"6A82", apdu.ErrNotFound}, "conditions": {"6985", apdu.ErrConditions}, "no status word": {"90", apdu.ErrLength}, "field gone": {"", io.ErrUnexpectedEOF}} {
		t.Run(name, func(t *testing.T) {
			next := strings.Fields(tc.response)
			if _, err := nfc.Connect(t.Context(), answers{t, &next}, nfc.Config{}); !errors.Is(err, tc.want) {
				t.Errorf("error %v, want %v", err, tc.want)
			}
		})
	}
}

// What a mdoc may answer to a message of three bytes, and what comes of it.
func TestAnswers(t *testing.T) {
	full := strings.Repeat("00", 256)
	for name, tc := range map[string]struct {
		responses []string
		want      string // the message
		err       error
	}{
		"whole":                                {[]string{"5302AABB9000"}, "AABB", nil},
		"in two":                               {[]string{"530" + "4AA6103", "BBCCDD9000"}, "AABBCCDD", nil},
		"the first response empty":             {[]string{"6104", "5302AABB9000"}, "AABB", nil},
		"less announced than left":             {[]string{"5304AA6101", "BB6102", "CCDD9000"}, "AABBCCDD", nil},
		"more brought than announced":          {[]string{"5304AA6101", "BBCCDD9000"}, "AABBCCDD", nil},
		"6100 though little is left":           {[]string{"5304AA6100", "BBCCDD9000"}, "AABBCCDD", nil},
		"nothing":                              {[]string{"9000"}, "", transport.ErrClosed},
		"ended":                                {[]string{"6985"}, "", transport.ErrClosed},
		"an error":                             {[]string{"6F00"}, "", transport.ErrProtocol},
		"a warning":                            {[]string{"5302AABB6282"}, "", transport.ErrProtocol},
		"an error after a piece":               {[]string{"5304AA6103", "6F00"}, "", transport.ErrProtocol},
		"no status word":                       {[]string{"53"}, "", transport.ErrProtocol},
		"the field gone":                       {nil, "", transport.ErrLost},
		"the field gone after a piece":         {[]string{"5304AA6103"}, "", transport.ErrLost},
		"pieces of nothing":                    {[]string{"5304AA6103", "6103"}, "", transport.ErrProtocol},
		"another data object":                  {[]string{"5402AABB9000"}, "", transport.ErrProtocol},
		"less than its length":                 {[]string{"5303AABB9000"}, "", transport.ErrProtocol},
		"more than its length":                 {[]string{"5301AABB9000"}, "", transport.ErrProtocol},
		"two messages":                         {[]string{"5301AA5301BB9000"}, "", transport.ErrProtocol},
		"a message over the bound":             {[]string{"538201F5" + strings.Repeat("00", 501) + "9000"}, "", transport.ErrProtocol},
		"pieces without end, over the bound":   {[]string{"538201F46100", full + "6100", full + "6100"}, "", transport.ErrProtocol},
		"a whole message, and a byte too many": {[]string{"5302AABB6101", "009000"}, "", transport.ErrProtocol},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				next := append([]string{"9000"}, tc.responses...)
				r, err := nfc.Connect(t.Context(), answers{t, &next}, nfc.Config{MaxMessage: 500})
				if err != nil {
					t.Fatal(err)
				}
				if err := r.Send(t.Context(), []byte{1, 2, 3}); err != nil {
					t.Fatal(err)
				}
				m, err := r.Receive(t.Context())
				if !errors.Is(err, tc.err) || !bytes.Equal(m, mdoctest.Hex(t, tc.want)) {
					t.Errorf("%x, error %v; want %s, %v", m, err, tc.want, tc.err)
				}
				if tc.err == transport.ErrClosed && (errors.Is(err, transport.ErrLost) || errors.Is(err, transport.ErrProtocol)) { //nolint:errorlint // the table's own value
					t.Errorf("error %v, want an orderly end", err)
				}
				if len(next) != 0 {
					t.Errorf("%d responses were not fetched", len(next))
				}
				transporttest.Close(t, r)
			})
		})
	}
}

// A piece that is not answered 9000 without data ends the connection before the message is out.
func TestRefusedPieces(t *testing.T) {
	for name, response := range map[string]string{"an error": "6700", "data": "AA9000", "more available": "6101"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				next := []string{"9000", response}
				r, err := nfc.Connect(t.Context(), answers{t, &next}, nfc.Config{})
				if err != nil {
					t.Fatal(err)
				}
				if err := r.Send(t.Context(), make([]byte, 600)); !errors.Is(err, transport.ErrProtocol) {
					t.Errorf("error %v, want ErrProtocol", err)
				}
				transporttest.Close(t, r)
			})
		})
	}
}

// eager is a mdoc that always brings blocks of 256 bytes, whatever it was asked for, and names what will be left one block
// early, as some do.
type eager struct{ rest []byte }

func (e *eager) Transmit(_ context.Context, command []byte) ([]byte, error) {
	if command[1] == 0xA4 {
		return []byte{0x90, 0}, nil
	}
	n := min(256, len(e.rest))
	r := apdu.Response{Data: e.rest[:n], SW: apdu.OK}
	e.rest = e.rest[n:]
	if left := len(e.rest); left > 256+255 {
		r.SW = 0x6100
	} else if left > 0 {
		r.SW = 0x6100 + apdu.SW((left-256)&0xFF) //nolint:gosec // a byte
	}
	return r.Bytes(), nil
}

func TestBlocksNamedEarly(t *testing.T) {
	for n := range 1400 {
		synctest.Test(t, func(t *testing.T) {
			r, err := nfc.Connect(t.Context(), &eager{apdu.AppendTLV(nil, 0x53, transporttest.Pattern(n))}, nfc.Config{})
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Send(t.Context(), []byte("request")); err != nil {
				t.Fatal(err)
			}
			if m, err := r.Receive(t.Context()); err != nil || !bytes.Equal(m, transporttest.Pattern(n)) {
				t.Fatalf("%d bytes of %d, error %v", len(m), n, err)
			}
			transporttest.Close(t, r)
		})
	}
}

// stuck is a mdoc that takes pieces and never answers anything else.
type stuck struct{ after int }

func (s *stuck) Transmit(ctx context.Context, _ []byte) ([]byte, error) {
	if s.after > 0 {
		s.after--
		return []byte{0x90, 0}, nil
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestReaderCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, err := nfc.Connect(t.Context(), &stuck{after: 2}, nfc.Config{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := r.Send(ctx, make([]byte, 600)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("in a message: error %v, want DeadlineExceeded", err)
		}
		if _, err := r.Receive(t.Context()); !errors.Is(err, transport.ErrClosed) || errors.Is(err, transport.ErrLost) {
			t.Errorf("after it: error %v, want ErrClosed", err)
		}
		transporttest.Close(t, r)
	})
}

// Close gives the last message a little time and then breaks off.
func TestReaderCloseIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, err := nfc.Connect(t.Context(), &stuck{after: 1}, nfc.Config{})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Send(t.Context(), []byte("the end")); err != nil {
			t.Fatal(err)
		}
		before := time.Now() //nolint:forbidigo // the bubble's clock
		transporttest.Close(t, r)
		if took := time.Since(before); took > time.Second {
			t.Errorf("closing took %s", took)
		}
	})
}

// scripted is a card whose responses come from a stream: a length and as many bytes, twice the length when it is large.
type scripted struct{ stream []byte }

func (s *scripted) Transmit(context.Context, []byte) ([]byte, error) {
	if len(s.stream) == 0 {
		return nil, io.EOF
	}
	n := min(int(s.stream[0]), len(s.stream)-1)
	out := s.stream[1 : 1+n]
	s.stream = s.stream[1+n:]
	return out, nil
}

// Whatever a card answers, the reader comes to an end, and a message it gives was really wrapped in the answers.
func FuzzAnswers(f *testing.F) {
	for _, responses := range [][]string{{"9000", "5302AABB9000"}, {"9000", "5304AA6103", "BBCCDD9000"}, {"6A82"}, {"9000", "6985"}, {"9000", "5304AA6100", "6100"}} {
		var stream []byte
		for _, r := range responses {
			b := mdoctest.Hex(f, r)
			stream = append(append(stream, byte(len(b))), b...)
		}
		f.Add(stream)
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		r, err := nfc.Connect(t.Context(), &scripted{bytes.Clone(stream)}, nfc.Config{MaxMessage: 300})
		if err != nil {
			return
		}
		for range 3 {
			if err := r.Send(t.Context(), []byte("request")); err != nil {
				break
			}
			m, err := r.Receive(t.Context())
			if err != nil {
				if m != nil || !errors.Is(err, transport.ErrClosed) {
					t.Fatalf("error %v with %d bytes", err, len(m))
				}
				break
			}
			if len(m) > 300 || len(m) > len(stream) {
				t.Fatalf("a message of %d bytes", len(m))
			}
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
