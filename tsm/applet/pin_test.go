package applet_test

import (
	"bytes"
	"errors"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm/applet"
	"mobileid/tsm/se"
	"mobileid/tsm/se/setest"
)

// pinBench is an element with an instance that has no PIN yet, and what is asked of it all the time.
type pinBench struct {
	*bench
	*applet.Client
	element *se.SE
}

func newPINBench(t *testing.T) *pinBench {
	t.Helper()
	b := newBench(t)
	s := b.On(t)
	session(t, b, s)
	return &pinBench{b, applet.NewClient(s, 1), s}
}

func (b *pinBench) tries(t *testing.T, want int) {
	t.Helper()
	if n, err := b.TriesLeft(t.Context()); err != nil || n != want {
		t.Errorf("%d tries left, expected %d: %v", n, want, err)
	}
	if info, err := b.Info(t.Context()); err != nil || info.TriesLeft != uint64(want) {
		t.Errorf("state tells %d tries left, expected %d: %v", info.TriesLeft, want, err)
	}
}

// wrong checks that an error is a wrong PIN with that many tries left.
func wrong(t *testing.T, err error, want int) {
	t.Helper()
	if auth, ok := errors.AsType[*apdu.AuthError](err); !ok || auth.Retries != want {
		t.Errorf("wrong PIN: %v, expected %d tries left", err, want)
	}
}

// send sends a plain command to the instance of slot 1, which is selected first.
func (b *pinBench) send(t *testing.T, c apdu.Command) apdu.SW {
	t.Helper()
	if _, err := b.Info(t.Context()); err != nil {
		t.Fatal(err)
	}
	r, err := apdu.Exchange(t.Context(), b.element, c)
	if err != nil {
		t.Fatal(err)
	}
	return r.SW
}

// pad12 fills up with FF, as two PINs in one command are.
func pad12(pin string) []byte { return append([]byte(pin), bytes.Repeat([]byte{0xFF}, 12-len(pin))...) }

func TestPINIsSetOnce(t *testing.T) {
	t.Parallel()
	b, ctx := newPINBench(t), t.Context()
	if err := b.VerifyPIN(ctx, testPIN); !errors.Is(err, apdu.ErrNotFound) {
		t.Errorf("verified before it was set: %v", err)
	}
	if err := b.ChangePIN(ctx, testPIN, "1111"); !errors.Is(err, apdu.ErrNotFound) {
		t.Errorf("changed before it was set: %v", err)
	}
	for bad, sw := range map[string]apdu.SW{"": apdu.WrongLength, "123": apdu.WrongLength, "1234567890123": apdu.WrongLength,
		"12a4": apdu.WrongData, "１２３４": apdu.WrongData, "1234\xFF\xFF": apdu.WrongData} {
		if err := b.SetPIN(ctx, bad); setest.StatusWord(err) != sw {
			t.Errorf("set %d bytes: %v, expected %v", len(bad), err, sw)
		}
	}
	if err := b.SetPIN(ctx, testPIN); err != nil {
		t.Fatal(err)
	}
	if err := b.SetPIN(ctx, "1111"); !errors.Is(err, apdu.ErrConditions) {
		t.Errorf("set a second time: %v", err)
	}
	b.tries(t, 3)
}

func TestPIN(t *testing.T) {
	t.Parallel()
	b, ctx := newPINBench(t), t.Context()
	if err := b.SetPIN(ctx, testPIN); err != nil {
		t.Fatal(err)
	}
	wrong(t, b.VerifyPIN(ctx, "246811"), 2)
	wrong(t, b.VerifyPIN(ctx, "2468100"), 1) // the right one and a digit more
	b.tries(t, 1)
	for bad, sw := range map[string]apdu.SW{"12": apdu.WrongLength, "1234567890123": apdu.WrongLength, "": apdu.WrongLength,
		"abcdef": apdu.WrongData, "24681\x00": apdu.WrongData, string(pad12(testPIN)): apdu.WrongData} {
		if err := b.VerifyPIN(ctx, bad); setest.StatusWord(err) != sw {
			t.Errorf("what can be no PIN, %d bytes: %v, expected %v", len(bad), err, sw)
		}
	}
	b.tries(t, 1)
	if err := b.VerifyPIN(ctx, testPIN); err != nil {
		t.Fatal(err)
	}
	b.tries(t, 3)
	for left := 2; left >= 0; left-- {
		wrong(t, b.VerifyPIN(ctx, "24681"), left)
	}
	b.blocked(t)
}

// Blocked: nothing that the holder of the phone can do gives a try back. A renewal leaves the PIN as it is, so that nobody
// gets tries by asking for one; a wipe by order takes it away with all that it protected.
func (b *pinBench) blocked(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	b.tries(t, 0)
	for range 2 {
		if err := b.VerifyPIN(ctx, testPIN); !errors.Is(err, apdu.ErrBlocked) {
			t.Errorf("the right PIN when blocked: %v", err)
		}
		if err := b.ChangePIN(ctx, testPIN, "1111"); !errors.Is(err, apdu.ErrBlocked) {
			t.Errorf("changed when blocked: %v", err)
		}
		if err := b.SetPIN(ctx, "1111"); !errors.Is(err, apdu.ErrConditions) {
			t.Errorf("set while blocked: %v", err)
		}
		b.element.Reset()
	}
	for range 2 {
		j := newJob(t, b.bench, 1, provisioning.PurposeSign)
		if err := j.run(ctx, b.bench, b.element); err != nil {
			t.Fatal(err)
		}
		b.tries(t, 0)
		if err := b.VerifyPIN(ctx, testPIN); !errors.Is(err, apdu.ErrBlocked) {
			t.Errorf("the right PIN after a renewal: %v", err)
		}
		wiped := newJob(t, b.bench, 1, provisioning.PurposeSign)
		wiped.SEKey = j.SEKey
		if t.Failed() {
			return
		}
		if err := wiped.wipe(ctx, b.bench, b.element); err != nil {
			t.Fatal(err)
		}
		if info, err := b.Info(ctx); err != nil || info.PINSet || info.Committed {
			t.Errorf("after a wipe: %+v, %v", info, err)
		}
		if err := errors.Join(b.SetPIN(ctx, testPIN), b.VerifyPIN(ctx, testPIN)); err != nil {
			t.Errorf("PIN after a wipe: %v", err)
		}
		b.tries(t, 3)
		for left := 2; left >= 0; left-- {
			wrong(t, b.ChangePIN(ctx, "0000", "1111"), left)
		}
	}
}

func TestPINChange(t *testing.T) {
	t.Parallel()
	b, ctx := newPINBench(t), t.Context()
	if err := b.SetPIN(ctx, testPIN); err != nil {
		t.Fatal(err)
	}
	wrong(t, b.ChangePIN(ctx, "246811", "1111"), 2)
	wrong(t, b.ChangePIN(ctx, "24681", "01111"), 1) // the right digits, cut elsewhere
	if err := b.ChangePIN(ctx, testPIN, "123456789012"); err != nil {
		t.Fatal(err)
	}
	b.tries(t, 3)
	wrong(t, b.VerifyPIN(ctx, testPIN), 2)
	if err := b.VerifyPIN(ctx, "123456789012"); err != nil {
		t.Fatal(err)
	}
	if err := b.ChangePIN(ctx, "123456789012", "1111"); err != nil {
		t.Fatal(err)
	}
	if err := b.VerifyPIN(ctx, "1111"); err != nil {
		t.Fatal(err)
	}
	// Forms that can be no change cost no try, whether the old PIN in them is right or wrong.
	for _, old := range []string{"1111", "2222"} {
		for name, tc := range map[string]struct {
			data []byte
			sw   apdu.SW
		}{
			"nothing":                   {nil, apdu.WrongLength},
			"the old PIN alone":         {pad12(old), apdu.WrongLength},
			"one after the other":       {[]byte(old + "3333"), apdu.WrongLength},
			"a byte more":               {append(append(pad12(old), pad12("3333")...), 0xFF), apdu.WrongLength},
			"a byte less":               {append(pad12(old), pad12("3333")...)[:23], apdu.WrongLength},
			"new PIN too short":         {append(pad12(old), pad12("333")...), apdu.WrongData},
			"no new PIN":                {append(pad12(old), pad12("")...), apdu.WrongData},
			"new PIN of letters":        {append(pad12(old), pad12("abcd")...), apdu.WrongData},
			"new PIN filled with zeros": {append(pad12(old), "3333\x00\x00\x00\x00\x00\x00\x00\x00"...), apdu.WrongData},
			"filling in between":        {append(pad12(old), pad12("33\xFF33")...), apdu.WrongData},
			"old PIN too short":         {append(pad12(old[:3]), pad12("3333")...), apdu.WrongData},
		} {
			if sw := b.send(t, apdu.Command{INS: 0x24, P2: 0x80, Data: tc.data}); sw != tc.sw {
				t.Errorf("%s: %v, expected %v", name, sw, tc.sw)
			}
		}
	}
	for _, p := range [][2]byte{{0x02, 0x80}, {0x00, 0x00}, {0x00, 0x81}, {0x01, 0x00}} {
		if sw := b.send(t, apdu.Command{INS: 0x24, P1: p[0], P2: p[1], Data: append(pad12("1111"), pad12("3333")...)}); sw != apdu.WrongParameters {
			t.Errorf("CHANGE REFERENCE DATA %X: %v", p, sw)
		}
	}
	if err := b.ChangePIN(ctx, "1111", "1234567890123"); setest.StatusWord(err) != apdu.WrongLength {
		t.Errorf("a new PIN of 13 digits: %v", err)
	}
	b.tries(t, 3)
	for left := 2; left >= 0; left-- {
		wrong(t, b.ChangePIN(ctx, "2222", "3333"), left)
	}
	if err := b.VerifyPIN(ctx, "1111"); !errors.Is(err, apdu.ErrBlocked) {
		t.Errorf("wrong changes did not block: %v", err)
	}
}
