package apdu_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"mobileid/mdoc/apdu"
)

func TestParseResponse(t *testing.T) {
	r, err := apdu.ParseResponse(unhex(t, "6f108408a000000151000000a5049f6501ff9000"))
	if err != nil || r.SW != apdu.OK || len(r.Data) != 18 || r.Err() != nil {
		t.Fatalf("got %v, %v", r, err)
	}
	for _, raw := range [][]byte{nil, {0x90}, {0x00, 0x00}, {0x60, 0x00}, {0x82, 0x69}, make([]byte, 70000)} {
		if _, err := apdu.ParseResponse(raw); err == nil {
			t.Errorf("%d bytes beginning %.4X accepted", len(raw), raw)
		}
	}
}

// Every length a hostile card can send is answered without a panic.
func TestParseResponseEveryLength(t *testing.T) {
	b := bytes.Repeat([]byte{0x90, 0x00}, apdu.MaxResponse)
	for n := range apdu.MaxResponse + 3 {
		r, err := apdu.ParseResponse(b[:n])
		// An odd length ends in 0090, which is no status word.
		if ok := n >= 2 && n <= apdu.MaxResponse && n%2 == 0; ok != (err == nil) {
			t.Fatalf("length %d: %v", n, err)
		}
		if err == nil && len(r.Data) != n-2 {
			t.Fatalf("length %d: %d data bytes", n, len(r.Data))
		}
	}
}

func TestStatusErrors(t *testing.T) {
	for _, tc := range []struct {
		sw   apdu.SW
		want error
	}{
		{0x6A82, apdu.ErrNotFound}, {0x6A83, apdu.ErrNotFound}, {0x6A88, apdu.ErrNotFound},
		{0x6982, apdu.ErrSecurityStatus}, {0x6983, apdu.ErrBlocked}, {0x6984, apdu.ErrBlocked},
		{0x63C0, apdu.ErrBlocked}, {0x6985, apdu.ErrConditions},
	} {
		err := apdu.Response{SW: tc.sw}.Err()
		for _, s := range []error{apdu.ErrNotFound, apdu.ErrSecurityStatus, apdu.ErrBlocked, apdu.ErrConditions} {
			if got := errors.Is(err, s); got != errors.Is(tc.want, s) {
				t.Errorf("%04X is %q: %v", uint16(tc.sw), s, got)
			}
		}
		if se, ok := errors.AsType[*apdu.StatusError](err); !ok || se.SW != tc.sw {
			t.Errorf("%04X: no *StatusError in %v", uint16(tc.sw), err)
		}
	}
}

func TestAuthError(t *testing.T) {
	for n := range 16 {
		ae, ok := errors.AsType[*apdu.AuthError](apdu.TriesLeft(n).Err())
		if !ok || ae.Retries != n || errors.Is(ae, apdu.ErrBlocked) != (n == 0) {
			t.Errorf("63C%X: %v", n, ae)
		}
	}
	if apdu.TriesLeft(99) != 0x63CF || apdu.TriesLeft(-1) != 0x63C0 {
		t.Error("tries are not cut to one digit")
	}
	if _, ok := errors.AsType[*apdu.AuthError](apdu.SW(0x6300).Err()); ok {
		t.Error("6300 tells no count of tries")
	}
}

func TestStatusTexts(t *testing.T) {
	for sw, want := range map[apdu.SW]string{
		apdu.OK:         "9000 success",
		0x63C2:          "63C2 verification failed, 2 tries left",
		apdu.NotFound:   "6A82 file or application not found",
		0x6112:          "6112 more bytes available",
		0x6C10:          "6C10 wrong Le",
		0x62F1:          "62F1 warning",
		0x6501:          "6501 execution error",
		0x9ABC:          "9ABC unknown status",
		apdu.Conditions: "6985 conditions of use not satisfied",
	} {
		if got := sw.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if err := apdu.SW(0x6A82).Err(); !strings.HasPrefix(err.Error(), "card answered 6A82") {
		t.Errorf("got %q", err)
	}
	if apdu.BytesAvailable(16) != 0x6110 || apdu.BytesAvailable(256) != 0x6100 {
		t.Error("61xx wrong")
	}
}

func FuzzParseResponse(f *testing.F) {
	for _, s := range []string{"9000", "6A82", "6f108408a000000151000000a5049f6501ff9000", "60FF", ""} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := apdu.ParseResponse(b)
		if err != nil {
			if r.Data != nil || r.SW != 0 {
				t.Fatal("a refused response left something behind")
			}
			return
		}
		if back := r.Bytes(); !bytes.Equal(back, b) {
			t.Fatalf("%X encodes back to %X", b, back)
		}
		if (r.Err() == nil) != (r.SW == apdu.OK) || r.SW.Text() == "" {
			t.Fatalf("%v: error %v", r.SW, r.Err())
		}
	})
}
