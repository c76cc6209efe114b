package se_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
	"mobileid/tsm/scp03"
	"mobileid/tsm/se"
	"mobileid/tsm/se/setest"
)

func TestManageChannel(t *testing.T) {
	e := newElement(t)
	s := open(t, e, se.Config{})
	for i, c := range []struct{ name, command, want string }{
		{"close one that is not open", "00708001", "6200"},
		{"open the next", "0070000001", "019000"},
		{"open one by number", "00700003", "9000"},
		{"open it again", "00700003", "6985"},
		{"open the next free", "0070000001", "029000"},
		{"there are no more", "0070000001", "6A81"},
		{"there are four", "00700004", "6881"},
		{"the basic one cannot be closed", "00708000", "6A86"},
		{"close one that is none", "00708004", "6881"},
		{"other parameters", "00704000", "6A86"},
		{"data", "007000000101", "6A80"},
		{"under secure messaging", "04700000", "6882"},
		{"the ISD is selected on it", "82CA00D300", "D301009000"},
		{"close it on itself", "02708002", "9000"},
		{"it is closed", "82CA00D300", "6881"},
		{"SELECT opens it", "02A4040008A000000151000000", "6F108408A000000151000000A5049F6501FF9000"},
		{"close it on another", "01708002", "9000"},
		{"a SELECT that finds nothing does not", "02A4040005F04D494499", "6A82"},
		{"it is closed still", "82CA00D300", "6881"},
		{"protected commands open nothing", "06A4040008A000000151000000", "6881"},
		{"channel 4", "40A4040008A000000151000000", "6881"},
		{"channel 19", "CFCA00D300", "6881"},
	} {
		if got := fmt.Sprintf("%X", raw(t, s, unhex(t, c.command)).Bytes()); got != c.want {
			t.Errorf("%d, %s: answered %s, expected %s", i, c.name, got, c.want)
		}
	}
	s.Reset()
	if r := send(t, s, command(t, "81CA00D300")); r.SW != apdu.ChannelUnsupported {
		t.Errorf("channel 1 after a reset: %v", r.SW)
	}
}

func openChannel(tb testing.TB, s apdu.Transmitter) setest.Channel {
	tb.Helper()
	r, err := apdu.Exchange(context.Background(), s, apdu.Command{INS: 0x70, Le: 1})
	if err != nil || r.SW != apdu.OK || len(r.Data) != 1 {
		tb.Fatalf("MANAGE CHANNEL: %X %v %v", r.Data, r.SW, err)
	}
	return setest.Channel{Transmitter: s, Number: r.Data[0]}
}

// Each channel has its own session; what happens on one leaves the others alone.
func TestSessionsOfChannels(t *testing.T) {
	e := newElement(t)
	s := open(t, e, se.Config{})
	basic := session(t, e, s)
	other := openChannel(t, s)
	second, err := setest.Open(t.Context(), other, e.Factory.Keys)
	if err != nil {
		t.Fatal(err)
	}
	list := command(t, "80F28002024F0000")
	works := func(h *setest.Host, want apdu.SW) {
		t.Helper()
		if r := secure(t, h, list); r.SW != want {
			t.Errorf("%v, expected %v", r.SW, want)
		}
	}
	for range 3 {
		works(basic, apdu.OK)
		works(second, apdu.OK)
	}
	send(t, s, command(t, "0070000001"))
	send(t, s, command(t, "83CA00CF00"))
	works(basic, apdu.OK)
	if _, err := other.Transmit(t.Context(), unhex(t, "80CA00CF00")); err != nil { // unprotected: it ends this session
		t.Fatal(err)
	}
	works(second, apdu.SecurityStatus)
	works(basic, apdu.OK)

	if second, err = setest.Open(t.Context(), other, e.Factory.Keys); err != nil {
		t.Fatal(err)
	}
	send(t, s, command(t, "00708001"))
	send(t, s, command(t, "00700001"))
	works(second, apdu.SecurityStatus)
	works(basic, apdu.OK)
}

// MANAGE CHANNEL goes past a session, which neither counts it nor ends with it; with the secure messaging bit it is refused.
// With class 84 it is a command to the domain like any other.
func TestManageChannelInSession(t *testing.T) {
	for _, level := range []scp03.Level{0x01, 0x03, 0x11, 0x13, 0x33} {
		e := newElement(t)
		s := open(t, e, se.Config{})
		isd := driveAt(t, s, e.Factory.Keys, gp.ISD, level)
		for _, c := range []struct {
			command, want string
			then          apdu.SW
		}{
			{"0070000001", "019000", apdu.OK},
			{"0470000001", "6882", apdu.OK},
			{"00704000", "6A86", apdu.OK},
			{"00708002", "6200", apdu.OK},
			{"00708001", "9000", apdu.OK},
			{"84700000080102030405060708", "6982", apdu.SecurityStatus},
		} {
			if got := fmt.Sprintf("%X", raw(t, s, unhex(t, c.command)).Bytes()); got != c.want {
				t.Errorf("level %v, %s: %s, expected %s", level, c.command, got, c.want)
			}
			isd.send(command(t, "80CA00D300"), c.then)
		}
	}
}

// EXTERNAL AUTHENTICATE follows INITIALIZE UPDATE directly: after anything between them it is 6985, and so is a second one.
func TestHandshakeInOnePiece(t *testing.T) {
	authenticate := func(t *testing.T, class byte) func(*se.SE, apdu.Command) apdu.Response {
		return func(s *se.SE, external apdu.Command) apdu.Response {
			external.CLA = class
			return send(t, s, external)
		}
	}
	plain := func(t *testing.T, c string) func(*se.SE, apdu.Command) apdu.Response {
		return func(s *se.SE, _ apdu.Command) apdu.Response { return raw(t, s, unhex(t, c)) }
	}
	for name, c := range map[string]struct {
		between func(*se.SE, apdu.Command) apdu.Response
		want    apdu.SW
	}{
		"MANAGE CHANNEL, open":           {plain(t, "0070000001"), apdu.OK},
		"MANAGE CHANNEL, close":          {plain(t, "00708001"), apdu.WarnUnchanged},
		"MANAGE CHANNEL, secured":        {plain(t, "0470000001"), apdu.SecureUnsupported},
		"EXTERNAL AUTHENTICATE class 80": {authenticate(t, 0x80), apdu.Conditions},
		"EXTERNAL AUTHENTICATE class 04": {authenticate(t, 0x04), apdu.Conditions},
		"EXTERNAL AUTHENTICATE class 00": {authenticate(t, 0x00), apdu.Conditions},
		"EXTERNAL AUTHENTICATE class 88": {authenticate(t, 0x88), apdu.ClaUnsupported},
		"GET DATA":                       {plain(t, "80CA00CF00"), apdu.OK},
		"protected GET DATA":             {plain(t, "84CA00CF0801020304050607080"+"0"), apdu.SecurityStatus},
		"an unknown instruction":         {plain(t, "8001000000"), apdu.InsUnsupported},
		"a class that is none":           {plain(t, "0CCA00CF00"), apdu.ClaUnsupported},
		"the beginning of a chain":       {plain(t, "90E2000001AA"), apdu.OK},
		"garbage":                        {plain(t, "8082"), apdu.WrongLength},
		"SELECT":                         {plain(t, "00A4040008A000000151000000"), apdu.OK},
		"SELECT of nobody":               {plain(t, "00A4040005F04D494499"), apdu.NotFound},
	} {
		t.Run(name, func(t *testing.T) {
			e := newElement(t)
			s := open(t, e, se.Config{})
			h, err := scp03.NewHost(e.Factory.Keys, nil)
			if err != nil {
				t.Fatal(err)
			}
			external, _, err := h.Authenticate(send(t, s, h.InitializeUpdate()), scp03.Full)
			if err != nil {
				t.Fatal(err)
			}
			if r := c.between(s, external); r.SW != c.want {
				t.Errorf("between: %v, expected %v", r.SW, c.want)
			}
			for range 2 {
				if r := send(t, s, external); r.SW != apdu.Conditions && r.SW != apdu.LastOfChainExpected {
					t.Errorf("afterwards: %v", r.SW)
				}
			}
		})
	}
}

// A command of one channel's session is of no use on another channel, with a session of its own or without.
func TestCommandOnTheWrongChannel(t *testing.T) {
	e := newElement(t)
	s := open(t, e, se.Config{})
	openChannel(t, s)
	h, err := scp03.NewHost(e.Factory.Keys, nil)
	if err != nil {
		t.Fatal(err)
	}
	external, hs, err := h.Authenticate(send(t, s, h.InitializeUpdate()), scp03.Full)
	if err != nil {
		t.Fatal(err)
	}
	moved := external
	moved.CLA |= 1
	if r := send(t, s, moved); r.SW != apdu.Conditions {
		t.Errorf("EXTERNAL AUTHENTICATE on another channel: %v", r.SW)
	}
	if r := send(t, s, external); r.SW != apdu.OK {
		t.Fatalf("EXTERNAL AUTHENTICATE: %v", r.SW)
	}
	second, err := setest.Open(t.Context(), setest.Channel{Transmitter: s, Number: 1}, e.Factory.Keys)
	if err != nil {
		t.Fatal(err)
	}
	wrapped, _, err := hs.Wrap(command(t, "80F28002024F0000"))
	if err != nil {
		t.Fatal(err)
	}
	moved = wrapped
	moved.CLA |= 2
	if r := send(t, s, moved); r.SW != apdu.ChannelUnsupported {
		t.Errorf("on a closed channel: %v", r.SW)
	}
	send(t, s, command(t, "0070000001"))
	if r := send(t, s, moved); r.SW != apdu.SecurityStatus {
		t.Errorf("on a channel without session: %v", r.SW)
	}
	moved.CLA = wrapped.CLA | 1
	if r := send(t, s, moved); r.SW != apdu.SecurityStatus {
		t.Errorf("on a channel with another session: %v", r.SW)
	}
	if r := secure(t, second, command(t, "80F28002024F0000")); r.SW != apdu.SecurityStatus {
		t.Errorf("the session that was given a foreign command: %v", r.SW)
	}
	if r := send(t, s, wrapped); r.SW != apdu.OK {
		t.Errorf("on its own channel: %v", r.SW)
	}
	if r := send(t, s, wrapped); r.SW != apdu.SecurityStatus {
		t.Errorf("a second time: %v", r.SW)
	}
}

// An instance is selected on one channel at a time.
func TestOneChannelForAnInstance(t *testing.T) {
	var log []string
	e := newElement(t)
	s := open(t, e, se.Config{Applets: []se.Kind{echo{log: &log}}})
	install(t, session(t, e, s), 1)
	install(t, session(t, e, s), 2)
	for i, c := range []struct{ name, command, want string }{
		{"open", "0070000001", "019000"},
		{"select it", "01A4040009F04D49444D444F4301", "6F118409F04D49444D444F4301A5049F6501FF9000"},
		{"select it on the basic channel", "00A4040009F04D49444D444F4301", "6985"},
		{"and by its beginning", "00A4040008F04D49444D444F43", "6985"},
		{"select another", "00A4040009F04D49444D444F4302", "6F118409F04D49444D444F4302A5049F6501FF9000"},
		{"one answers here", "0101000002AABB00", "AABB9000"},
		{"the other there", "0001000002CCDD00", "CCDD9000"},
		{"a chain here", "1101000001AA", "9000"},
		{"and one there", "1001000001CC", "9000"},
		{"go on here", "0101000001BB", "AABB9000"},
		{"and there", "0001000001DD", "CCDD9000"},
		{"open from a channel with an application", "0170000001", "6985"},
		{"close", "00708001", "9000"},
		{"now it can be selected here", "00A4040009F04D49444D444F4301", "6F118409F04D49444D444F4301A5049F6501FF9000"},
	} {
		if got := fmt.Sprintf("%X", raw(t, s, unhex(t, c.command)).Bytes()); got != c.want {
			t.Errorf("%d, %s: answered %s, expected %s", i, c.name, got, c.want)
		}
	}
	if want := []string{"select", "select", "deselect", "deselect", "select"}; !slices.Equal(log, want) {
		t.Errorf("the applets were told %v, expected %v", log, want)
	}
	// What is selected anywhere is not deleted.
	other := openChannel(t, s)
	h, err := setest.Open(t.Context(), other, e.Factory.Keys)
	if err != nil {
		t.Fatal(err)
	}
	remove := func(n byte) apdu.Command {
		c, err := gp.Delete{AID: gp.AID(instanceAID(n))}.Command()
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if r := secure(t, h, remove(1)); r.SW != apdu.Conditions {
		t.Errorf("deleting what is selected: %v", r.SW)
	}
	if r := secure(t, h, remove(2)); r.SW != apdu.OK {
		t.Errorf("deleting what is not: %v", r.SW)
	}
}

// Ten wrong guesses block a key set, over whatever channels they come.
func TestGuessesOverChannels(t *testing.T) {
	e := newElement(t)
	s := open(t, e, se.Config{})
	lines := []apdu.Transmitter{s, openChannel(t, s), openChannel(t, s), openChannel(t, s)}
	guesses := 0
	for range 4 {
		for _, line := range lines {
			h, err := scp03.NewHost(e.Factory.Keys, nil)
			if err != nil {
				t.Fatal(err)
			}
			r, err := apdu.Exchange(t.Context(), line, h.InitializeUpdate())
			if err != nil {
				t.Fatal(err)
			}
			if r.SW == apdu.Blocked {
				continue
			}
			external, _, err := h.Authenticate(r, scp03.Full)
			if err != nil {
				t.Fatal(err)
			}
			external.Data[0] ^= 1
			if r, err = apdu.Exchange(t.Context(), line, external); err != nil || r.SW != apdu.WarnChanged {
				t.Fatal(r.SW, err)
			}
			guesses++
		}
	}
	if _, err := setest.Open(t.Context(), s, e.Factory.Keys); guesses != scp03.MaxFailures || !errors.Is(err, apdu.ErrBlocked) {
		t.Errorf("%d guesses, then %v", guesses, err)
	}
	t.Logf("E1: %d guesses over %d channels", guesses, len(lines))
}
