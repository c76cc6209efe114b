package nfc_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/transport"
	"mobileid/mdoc/transport/nfc"
	"mobileid/mdoc/transport/transporttest"
)

// field is a reader's field with a mdoc in it.
type field struct {
	*nfc.Mdoc
	seen func(command, response []byte)
}

func (f field) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	response, err := f.Mdoc.Transmit(ctx, command)
	if f.seen != nil && err == nil {
		f.seen(command, response)
	}
	return response, err
}

// Close switches the field off.
func (f field) Close() error {
	f.Deactivate()
	return nil
}

func join(tb testing.TB, cfg nfc.Config, seen func(command, response []byte)) (*nfc.Reader, *nfc.Mdoc) {
	tb.Helper()
	mdoc, err := nfc.NewMdoc(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	reader, err := nfc.Connect(tb.Context(), field{mdoc, seen}, cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return reader, mdoc
}

func allLimits() []nfc.Limits {
	return []nfc.Limits{
		{}, {MaxCommandData: 256, MaxResponseData: 257}, {MaxCommandData: 300, MaxResponseData: 256}, {MaxCommandData: 255, MaxResponseData: 65536},
		{MaxCommandData: 65535, MaxResponseData: 256}, {MaxCommandData: 4096, MaxResponseData: 4096}, nfc.Most(),
	}
}

func TestContract(t *testing.T) {
	for _, limits := range allLimits() {
		t.Run(fmt.Sprint(limits), func(t *testing.T) {
			transporttest.Run(t, transporttest.Subject{Turns: true, Open: func(tb testing.TB, maxMessage int) (transport.Conn, transport.Conn) {
				return join(tb, nfc.Config{Limits: limits, MaxMessage: maxMessage}, nil)
			}})
		})
	}
}

// traced is one command and its response, without the data.
type traced struct {
	command apdu.Command
	sw      apdu.SW
	n       int
}

// Messages of every size around the edges of commands, responses and the wrapper's length, both ways, in short and
// extended form: they arrive, and every APDU on the way follows ISO/IEC 18013-5:2021, 8.3.3.1.2.
func TestSizes(t *testing.T) {
	for _, limits := range allLimits() {
		t.Run(fmt.Sprint(limits), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log []traced
				reader, mdoc := join(t, nfc.Config{Limits: limits}, func(command, response []byte) {
					c, err := apdu.ParseCommand(command)
					r, err2 := apdu.ParseResponse(response)
					if err != nil || err2 != nil {
						t.Errorf("%v, %v", err, err2)
					}
					c.Data = bytes.Clone(c.Data)
					log = append(log, traced{c, r.SW, len(r.Data)})
				})
				most := nfc.Most().Shared(nfc.Limits{MaxCommandData: max(limits.MaxCommandData, 255), MaxResponseData: max(limits.MaxResponseData, 256)})
				for _, n := range edges(most) {
					log = nil
					transporttest.Exchange(t, reader, mdoc, transporttest.Pattern(n), transporttest.Pattern(n))
					synctest.Wait()
					checkTrace(t, log, most, n)
				}
				transporttest.Close(t, reader, mdoc)
			})
		})
	}
}

// edges gives sizes around one and two full commands and responses, with the wrapper and without, and around the steps of
// its length.
func edges(l nfc.Limits) []int {
	var out []int
	for _, full := range []int{0, 128, 256, 65536, l.MaxCommandData, 2 * l.MaxCommandData, l.MaxResponseData, l.MaxResponseData + 255, 2 * l.MaxResponseData, 2*l.MaxResponseData + 255} {
		for d := -6; d <= 6; d++ {
			if n := full + d; n >= 0 && n <= 140000 {
				out = append(out, n)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// checkTrace holds a whole exchange of n bytes each way against the clause.
func checkTrace(t *testing.T, log []traced, l nfc.Limits, n int) {
	t.Helper()
	wrapped := len(apdu.AppendTLV(nil, 0x53, make([]byte, n)))
	sent := 0
	for len(log) > 0 && log[0].command.INS == 0xC3 {
		c, sw := log[0].command, log[0].sw
		sent += len(c.Data)
		final := sent == wrapped
		switch {
		case len(c.Data) > l.MaxCommandData, !final && len(c.Data) < l.MaxCommandData:
			t.Fatalf("size %d: a command of %d bytes, limit %d", n, len(c.Data), l.MaxCommandData)
		case c.Chained() == final, final != (c.Le == l.MaxResponseData), !final && c.Le != 0:
			t.Fatalf("size %d: after %d of %d bytes: %s", n, sent, wrapped, c)
		case !final && (sw != apdu.OK || log[0].n != 0):
			t.Fatalf("size %d: a piece is answered %s with %d bytes", n, sw, log[0].n)
		case c.Extended != (len(c.Data) > 255 || c.Le > 256):
			t.Fatalf("size %d: %s in the wrong form", n, c)
		}
		if final {
			break
		}
		log = log[1:]
	}
	left := wrapped
	for i, x := range log {
		le := x.command.Le
		wantLen := min(le, left)
		left -= wantLen
		want := apdu.OK
		switch {
		case left > 255:
			want = 0x6100
		case left > 0:
			want = 0x6100 + apdu.SW(left)
		}
		if x.n != wantLen || x.sw != want {
			t.Fatalf("size %d: response %d has %d bytes and %s, want %d bytes and %04X", n, i, x.n, x.sw, wantLen, uint16(want))
		}
		if i+1 == len(log) {
			break
		}
		next := int(want & 0xFF)
		if next == 0 {
			next = l.MaxResponseData
		}
		if c := log[i+1].command; c.CLA != 0 || c.INS != 0xC0 || c.P1 != 0 || c.P2 != 0 || len(c.Data) > 0 || c.Le != next {
			t.Fatalf("size %d: %s after %04X", n, c, uint16(want))
		}
	}
	if left != 0 || sent != wrapped {
		t.Fatalf("size %d: %d bytes sent, %d left", n, sent, left)
	}
}

// An exchange as it looks on the air.
func TestAPDUs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log []string
		reader, mdoc := join(t, nfc.Config{}, func(command, response []byte) {
			log = append(log, cut(command)+" > "+cut(response))
		})
		transporttest.Exchange(t, reader, mdoc, []byte{1, 2, 3}, make([]byte, 300))
		transporttest.Exchange(t, reader, mdoc, make([]byte, 300), nil)
		transporttest.Close(t, reader, mdoc)
		want := []string{
			"00A4040C07A0000002480400 > 9000",
			"00C30000055303010203" + "00 > 5382012C.. 256 ..6130",
			"00C0000030 > 00000000.. 48 ..9000",
			"10C30000FF5382.. 255 .. > 9000",
			"00C30000310000.. 49 ..00 > 53009000",
		}
		if !slices.Equal(log, want) {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(log, "\n"), strings.Join(want, "\n"))
		}
	})
}

// cut shortens an APDU to its ends.
func cut(b []byte) string {
	s := strings.ToUpper(hex.EncodeToString(b))
	switch n := len(b); {
	case n < 16:
		return s
	case n > 255 && b[0] == 0x53: // a full response
		return fmt.Sprintf("%s.. %d ..%s", s[:8], n-2, s[len(s)-4:])
	case b[0] == 0x10:
		return fmt.Sprintf("%s.. %d ..", s[:14], n-5)
	case b[0] == 0 && b[1] == 0xC3:
		return fmt.Sprintf("%s.. %d ..%s", s[:14], n-6, s[len(s)-2:])
	default:
		return fmt.Sprintf("%s.. %d ..%s", s[:8], n-2, s[len(s)-4:])
	}
}
