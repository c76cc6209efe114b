package manager_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/mdoctest"
	"mobileid/tsm/gp"
	"mobileid/tsm/gp/manager"
	"mobileid/tsm/scp03"
)

// fieldCard is a card as one of the field, which answers plain commands as it is told. Its secure channel is that of
// package scp03.
type fieldCard struct {
	keys    scp03.Keys
	state   scp03.SetState
	channel *scp03.Card
	session *scp03.CardSession

	selectAnswer apdu.Response
	// domain is the one selected, whatever selectAnswer tells.
	domain gp.AID
	// onlyNamed makes the card refuse SELECT without an AID.
	onlyNamed bool
	// plain answers commands, inside the session and outside.
	plain func(apdu.Command) apdu.Response
	// pieces sends answers over so many bytes by 61xx; wrongLe answers 6Cxx to the first command with Le 0.
	pieces  int
	wrongLe bool
	rest    []byte
	restSW  apdu.SW
	// cutAt pulls the card before the nth command.
	cutAt, commands int
	seen            []apdu.Command
}

var errPulled = errors.New("card pulled")

func (c *fieldCard) KeySet(version byte) (scp03.Keys, error) {
	if version != 0 && version != c.keys.Version {
		return scp03.Keys{}, scp03.ErrNoKeySet
	}
	return c.keys, nil
}

func (c *fieldCard) SetState(byte) (scp03.SetState, error) { return c.state, nil }

func (c *fieldCard) StoreSetState(_ byte, s scp03.SetState) error { c.state = s; return nil }

const kdd = "00003244342976208448"

func newFieldCard(t *testing.T, plain func(apdu.Command) apdu.Response) *fieldCard {
	t.Helper()
	return newFieldCardWith(t, scp03.OptionPseudoRandom, 16, plain)
}

func newFieldCardWith(t *testing.T, option scp03.Option, size int, plain func(apdu.Command) apdu.Response) *fieldCard {
	t.Helper()
	c := &fieldCard{keys: someKeys(0x30, size), plain: plain, domain: gp.ISD}
	c.selectAnswer = apdu.Response{Data: gp.FCI{AID: gp.ISD, MaxData: 255}.Bytes(), SW: apdu.OK}
	var err error
	if c.channel, err = scp03.NewCard(scp03.CardConfig{Keys: c, KDD: mdoctest.Hex(t, kdd), Option: option}); err != nil {
		t.Fatal(err)
	}
	return c
}

// someKeys are no published ones.
func someKeys(version byte, size int) scp03.Keys {
	key := func(n byte) []byte {
		out := make([]byte, size)
		for i := range out {
			out[i] = n + byte(i*i*7)
		}
		return out
	}
	return scp03.Keys{ENC: key(1), MAC: key(2), DEK: key(3), Version: version}
}

func (c *fieldCard) Transmit(_ context.Context, raw []byte) ([]byte, error) {
	if c.commands++; c.commands == c.cutAt {
		return nil, errPulled
	}
	cmd, err := apdu.ParseCommand(raw)
	if err != nil {
		return apdu.Response{SW: apdu.WrongLength}.Bytes(), nil
	}
	if cmd.INS == 0xC0 && c.rest != nil {
		return c.next(c.rest, c.restSW).Bytes(), nil
	}
	r := c.process(cmd)
	if c.pieces > 0 && len(r.Data) > c.pieces {
		return c.next(r.Data, r.SW).Bytes(), nil
	}
	return r.Bytes(), nil
}

// next gives a piece and says how much is left.
func (c *fieldCard) next(data []byte, sw apdu.SW) apdu.Response {
	n := min(c.pieces, len(data))
	c.rest, c.restSW = data[n:], sw
	if len(c.rest) == 0 {
		c.rest = nil
		return apdu.Response{Data: data[:n], SW: sw}
	}
	return apdu.Response{Data: data[:n], SW: apdu.BytesAvailable(min(len(c.rest), c.pieces))}
}

func (c *fieldCard) process(cmd apdu.Command) apdu.Response {
	switch {
	case cmd.INS == 0xA4:
		c.session = nil
		if c.onlyNamed && len(cmd.Data) == 0 {
			return apdu.Response{SW: apdu.NotFound}
		}
		return c.selectAnswer
	case cmd.INS == 0x50:
		return c.channel.InitializeUpdate(cmd, []byte(c.domain))
	case cmd.INS == 0x82:
		r, s := c.channel.ExternalAuthenticate(cmd)
		c.session = s
		return r
	case c.session == nil:
		return c.plain(cmd)
	}
	plain, err := c.session.Unwrap(cmd)
	if err != nil {
		c.session = nil
		return apdu.Response{SW: apdu.SecurityStatus}
	}
	c.seen = append(c.seen, plain)
	if c.wrongLe && plain.Le == apdu.MaxShortLe {
		return c.session.Wrap(apdu.Response{SW: 0x6C10})
	}
	return c.session.Wrap(c.plain(plain))
}

func (c *fieldCard) connect(t *testing.T) *manager.Session {
	t.Helper()
	s, err := manager.Connect(t.Context(), c, manager.Static(c.keys), manager.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// recorded gives the answers of real cards by command, the first of each.
func recorded(t *testing.T) map[string]apdu.Response {
	t.Helper()
	var file struct {
		Vectors []struct{ Command, Response string }
	}
	mdoctest.ReadJSON(t, "scp03/card-responses.json", &file)
	out := map[string]apdu.Response{}
	for _, v := range file.Vectors {
		r, err := apdu.ParseResponse(mdoctest.Hex(t, v.Response))
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := out[v.Command]; !ok {
			out[v.Command] = r
		}
	}
	return out
}

// replay answers from the recording, and 6A88 for what is not in it.
func replay(answers map[string]apdu.Response) func(apdu.Command) apdu.Response {
	return func(c apdu.Command) apdu.Response {
		c.CLA &^= 0x04
		b, err := c.Bytes()
		if r, ok := answers[fmt.Sprintf("%x", b)]; ok && err == nil {
			return r
		}
		return apdu.Response{SW: apdu.ReferenceNotFound}
	}
}
