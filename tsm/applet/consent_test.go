package applet_test

import (
	"errors"
	"testing"
	"time"

	"mobileid/mdoc"
	"mobileid/mdoc/apdu"
	"mobileid/mdoc/mdoctest/world"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm/applet"
	"mobileid/tsm/applet/stream"
	"mobileid/tsm/gp"
	"mobileid/tsm/se"
	"mobileid/tsm/se/setest"
)

// consented is an element with a credential and a PIN, and a structure its key may sign.
type consented struct {
	*bench
	*applet.Client
	element   *se.SE
	structure []byte
}

func newConsented(t *testing.T) *consented {
	t.Helper()
	b := newBench(t)
	s, _, c := provisioned(t, b, provisioning.PurposeSign)
	tr, _, err := someTranscript()
	if err != nil {
		t.Fatal(err)
	}
	return &consented{b, c, s, sigStructure("Signature1", []byte{0xA1, 0x01, 0x26}, nil, mdoc.DeviceAuthenticationBytes(tr, world.DocType, noNameSpaces()))}
}

// holds tells what the element still lets be done, and checks that the state says the same. Trying to sign uses a consent up.
func (c *consented) holds(t *testing.T) (seconds uint64, reads, signs bool) {
	t.Helper()
	ctx := t.Context()
	state, err := c.State(ctx)
	if err != nil {
		t.Fatal(err)
	}
	_, read := c.Credential(ctx)
	_, sign := c.SignDevice(ctx, c.structure)
	for _, err := range []error{read, sign} {
		if sw := setest.StatusWord(err); sw != apdu.OK && sw != apdu.SecurityStatus && sw != apdu.Conditions {
			t.Fatal(err)
		}
	}
	reads, signs = read == nil, sign == nil
	if reads != (state.ConsentSeconds > 0) || signs != (state.ConsentUses > 0) {
		t.Errorf("the state tells %d seconds and %d uses; reading %v, signing %v", state.ConsentSeconds, state.ConsentUses, read, sign)
	}
	return state.ConsentSeconds, reads, signs
}

// The holder's consent holds for 60 seconds of the element's clock, and a clock that goes back ends it.
func TestConsentExpires(t *testing.T) {
	t.Parallel()
	c := newConsented(t)
	start := c.Now
	for name, tc := range map[string]struct {
		clock   []time.Duration // readings after the verification; the element is asked for its state at each
		seconds uint64
	}{
		"at once":                  {[]time.Duration{0}, 60},
		"a moment later":           {[]time.Duration{time.Millisecond}, 60},
		"half way":                 {[]time.Duration{30 * time.Second}, 30},
		"at the end":               {[]time.Duration{60*time.Second - time.Nanosecond}, 1},
		"over":                     {[]time.Duration{60 * time.Second}, 0},
		"long over":                {[]time.Duration{24 * time.Hour}, 0},
		"clock put back":           {[]time.Duration{-time.Nanosecond}, 0},
		"put back after a look":    {[]time.Duration{50 * time.Second, 49 * time.Second}, 0},
		"put back and forth":       {[]time.Duration{40 * time.Second, 0, 40 * time.Second}, 0},
		"over and put back":        {[]time.Duration{60 * time.Second, 10 * time.Second}, 0},
		"looked at, then half way": {[]time.Duration{time.Second, 2 * time.Second, 30 * time.Second}, 30},
	} {
		t.Run(name, func(t *testing.T) {
			c.World.Now = start
			if err := c.VerifyPIN(t.Context(), testPIN); err != nil {
				t.Fatal(err)
			}
			for _, d := range tc.clock {
				c.World.Now = start.Add(d)
				if _, err := c.State(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if seconds, reads, signs := c.holds(t); seconds != tc.seconds || reads != (tc.seconds > 0) || signs != (tc.seconds > 0) {
				t.Errorf("%d seconds left, expected %d; reads %v, signs %v", seconds, tc.seconds, reads, signs)
			}
			if _, _, again := c.holds(t); again {
				t.Error("one consent, two signatures")
			}
		})
	}
	c.World.Now = start
}

// What ends a consent, and what does not.
func TestConsentEnds(t *testing.T) {
	t.Parallel()
	c := newConsented(t)
	ctx := t.Context()
	plain := func(cmd apdu.Command) func(*testing.T) {
		return func(t *testing.T) {
			t.Helper()
			if _, err := apdu.Exchange(t.Context(), c.element, cmd); err != nil {
				t.Fatal(err)
			}
		}
	}
	selected := func(aid []byte) func(*testing.T) { return plain(gp.Select(gp.AID(aid))) }
	again := func(t *testing.T) { // back on the instance, for the cases that left it
		t.Helper()
		if _, err := c.Info(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	locked := func(meanwhile func(*testing.T)) func(*testing.T) { // from another channel
		return func(t *testing.T) {
			t.Helper()
			ways := setest.OpenChannels(t, c.element)
			defer ways.Close(t)
			h := host(t, c.bench, ways.Way(1))
			for _, p2 := range []byte{0x80, 0x07} {
				if _, err := h.Must(t.Context(), apdu.Command{CLA: 0x80, INS: 0xF0, P1: 0x40, P2: p2, Data: stream.InstanceAID(1)}); err != nil {
					t.Fatal(err)
				}
				if p2 == 0x80 {
					meanwhile(t)
				}
			}
		}
	}
	for name, tc := range map[string]struct {
		do    func(t *testing.T)
		holds bool
	}{
		"nothing":                     {func(*testing.T) {}, true},
		"asking for the tries":        {plain(apdu.Command{INS: 0x20, P2: 0x80}), true},
		"asking for the state":        {plain(apdu.Command{INS: 0xCA, P1: 0xDF, P2: 0x30, Le: 256}), true},
		"a command that is unknown":   {plain(apdu.Command{INS: 0x84, Le: 8}), true},
		"setting the PIN":             {plain(apdu.Command{INS: 0x24, P1: 1, P2: 0x80, Data: []byte("1111")}), true},
		"a wrong PIN":                 {plain(apdu.Command{INS: 0x20, P2: 0x80, Data: []byte("0000")}), false},
		"a PIN that can be none":      {plain(apdu.Command{INS: 0x20, P2: 0x80, Data: []byte("00")}), false},
		"a change that can be none":   {plain(apdu.Command{INS: 0x24, P2: 0x80, Data: []byte("1111")}), false},
		"a change":                    {plain(apdu.Command{INS: 0x24, P2: 0x80, Data: append(pad12(testPIN), pad12(testPIN)...)}), false},
		"SELECT of the instance":      {selected(stream.InstanceAID(1)), false},
		"SELECT by a partial AID":     {selected(stream.InstanceAID(1)[:8]), false},
		"SELECT of the ISD, and back": {func(t *testing.T) { selected([]byte(gp.ISD))(t); again(t) }, false},
		"SELECT of nothing there":     {selected([]byte{1, 2, 3, 4, 5}), true},
		"reset":                       {func(t *testing.T) { c.element.Reset(); again(t) }, false},
		"lock and unlock":             {locked(func(*testing.T) {}), false},
		"a command while it is locked": {locked(func(t *testing.T) {
			t.Helper()
			if _, err := c.SignDevice(t.Context(), c.structure); setest.StatusWord(err) != apdu.Conditions {
				t.Errorf("signed while locked: %v", err)
			}
		}), false},
		"lock and unlock of the card": {func(t *testing.T) {
			ways := setest.OpenChannels(t, c.element)
			defer ways.Close(t)
			h := host(t, c.bench, ways.Way(1))
			for _, state := range []gp.CardState{gp.CardLocked, gp.CardSecured} { // and no command on the holder's channel between them
				if _, err := h.Must(t.Context(), apdu.Command{CLA: 0x80, INS: 0xF0, P1: 0x80, P2: byte(state)}); err != nil {
					t.Fatal(err)
				}
			}
		}, false},
		"a renewal on another channel": {func(t *testing.T) {
			ways := setest.OpenChannels(t, c.element)
			defer ways.Close(t)
			if err := newJob(t, c.bench, 1, provisioning.PurposeSign).run(t.Context(), c.bench, ways.Way(2)); err != nil {
				t.Fatal(err)
			}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if err := c.VerifyPIN(ctx, testPIN); err != nil {
				t.Fatal(err)
			}
			tc.do(t)
			if _, reads, signs := c.holds(t); reads != tc.holds || signs != tc.holds {
				t.Errorf("reads %v, signs %v, expected %v", reads, signs, tc.holds)
			}
		})
	}
}

// A consent belongs to the channel it was given on: the instance is selected on no other, and is told when its channel closes.
func TestConsentOfAChannel(t *testing.T) {
	t.Parallel()
	c := newConsented(t)
	ctx := t.Context()
	ways := setest.OpenChannels(t, c.element)
	here, there := applet.NewClient(ways.Turn(t, 1), 1), applet.NewClient(ways.Way(2), 1)
	if err := here.VerifyPIN(ctx, testPIN); err != nil {
		t.Fatal(err)
	}
	if _, err := there.Info(ctx); !errors.Is(err, apdu.ErrConditions) {
		t.Errorf("selected on a second channel: %v", err)
	}
	if _, err := there.SignDevice(ctx, c.structure); err == nil {
		t.Error("signed on another channel")
	}
	ways.Close(t)
	if _, err := c.SignDevice(ctx, c.structure); err == nil {
		t.Error("signed after the channel was closed")
	}
	here = applet.NewClient(setest.OpenChannels(t, c.element).Turn(t, 1), 1)
	if _, err := here.Info(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := here.SignDevice(ctx, c.structure); setest.StatusWord(err) != apdu.SecurityStatus {
		t.Errorf("signed on a channel that was closed and opened: %v", err)
	}
}
