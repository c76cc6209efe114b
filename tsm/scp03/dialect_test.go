package scp03

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"mobileid/mdoc/apdu"
)

// openPeerCard opens a session of our host with the peer's card.
func openPeerCard(t *testing.T, p *peer, cfg HostConfig, l Level) (*HostSession, error) {
	t.Helper()
	h, err := NewHostWith(p.keys, cfg)
	if err != nil {
		t.Fatal(err)
	}
	r, err := apdu.Exchange(context.Background(), p, h.InitializeUpdate())
	if err != nil {
		t.Fatal(err)
	}
	external, s, err := h.Authenticate(r, l)
	if err != nil {
		return nil, err
	}
	if r, err = apdu.Exchange(context.Background(), p, external); err != nil {
		t.Fatal(err)
	}
	return s, s.Opened(r)
}

var errDiffers = errors.New("another answer")

// exchanges are the commands the peer's card answers, and how.
func exchanges(t *testing.T, s *HostSession, p *peer) error {
	t.Helper()
	for _, e := range []struct {
		c    apdu.Command
		want string
		sw   apdu.SW
	}{
		{apdu.Command{CLA: 0x80, INS: 0xE2, Data: []byte("stored"), Le: 256}, "re:stored", apdu.OK},
		{apdu.Command{CLA: 0x80, INS: 0xCA, Le: 256}, "", apdu.OK},
		{apdu.Command{CLA: 0x80, INS: 0xE4, Data: []byte("gone"), Le: 256}, "", apdu.ReferenceNotFound},
		{apdu.Command{CLA: 0x80, INS: 0xF2, Data: []byte("sixteen bytes of"), Le: 256}, "re:sixteen bytes of", apdu.MoreAvailable},
		{apdu.Command{CLA: 0x80, INS: 0xE2, Data: bytes.Repeat([]byte{5}, 200), Le: 256}, "re:" + string(bytes.Repeat([]byte{5}, 200)), apdu.OK},
	} {
		r, err := s.Exchange(context.Background(), p, e.c)
		if err != nil {
			return err
		}
		if string(r.Data) != e.want || r.SW != e.sw {
			return fmt.Errorf("%02X: %q %v: %w", e.c.INS, r.Data, r.SW, errDiffers)
		}
	}
	return nil
}

// Our host and a card written from the text alone agree.
func TestHostAgainstPeer(t *testing.T) {
	for _, size := range []int{16, 24, 32} {
		everySession(t, func(t *testing.T, o Option, l Level) {
			for name, d := range map[string]dialect{"plain": {}, "GET RESPONSE": {chains: true}, "a block more of padding": {wholeBlock: true}, "6Cxx": {wantsLe: true}} {
				p := &peer{keys: goodKeys(t, size), dialect: d}
				s, err := openPeerCard(t, p, HostConfig{Mode: o.Mode(), AID: testAID}, l)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if err := exchanges(t, s, p); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
			}
		})
	}
}

// A host written from the text alone and our card agree, also on padding that stands for no data.
func TestCardAgainstPeer(t *testing.T) {
	for _, size := range []int{16, 24, 32} {
		everySession(t, func(t *testing.T, o Option, l Level) {
			for _, d := range []dialect{{}, {paddingOnly: true}, {wholeBlock: true}} {
				p := &peer{keys: goodKeys(t, size), dialect: d, level: byte(l)}
				cs := openPeerHost(t, p, o)
				for i, data := range [][]byte{[]byte("stored"), nil, bytes.Repeat([]byte{0}, 16), run(0x70, 100), {0x80}, {0x80, 0}} {
					plain, err := cs.Unwrap(p.wrap(apdu.Command{CLA: 0x80 | byte(i%4), INS: 0xE2, Data: data, Extended: i%2 == 1}))
					if err != nil || !bytes.Equal(plain.Data, data) || plain.CLA != 0x80|byte(i%4) {
						t.Fatalf("%d: %X, %v", i, plain.Data, err)
					}
					if got := p.unwrap(t, cs.Wrap(apdu.Response{Data: data, SW: apdu.OK})); !bytes.Equal(got, data) {
						t.Fatalf("%d: answered %X", i, got)
					}
				}
			}
		})
	}
}

// openPeerHost opens a session of the peer's host with our card.
func openPeerHost(t *testing.T, p *peer, o Option) *CardSession {
	t.Helper()
	card, err := NewCard(CardConfig{Keys: &memorySet{keys: p.keys}, KDD: run(1, 10), Option: o})
	if err != nil {
		t.Fatal(err)
	}
	challenge := run(0x11, int(o.Mode()))
	r := card.InitializeUpdate(apdu.Command{CLA: 0x80, INS: insInitializeUpdate, Data: challenge}, testAID)
	if r.SW != apdu.OK {
		t.Fatal(r.SW)
	}
	p.begin(challenge, r.Data[13:13+len(challenge)])
	c := apdu.Command{CLA: 0x84, INS: insExternalAuthenticate, P1: p.level, Le: 256}
	c.Data = append(p.kdf(p.session.mac, 1, p.context, p.mode), make([]byte, p.mode)...)
	mac := p.commandMAC(c)
	copy(c.Data[p.mode:], mac)
	r, cs := card.ExternalAuthenticate(c)
	if r.SW != apdu.OK {
		t.Fatal(r.SW)
	}
	return cs
}

// What cards of the field do of their own ends a session of ours where it breaks Amendment D.
func TestDialectsOfCards(t *testing.T) {
	keys := goodKeys(t, 16)
	for _, tc := range []struct {
		name string
		d    dialect
		cfg  HostConfig
		want error
	}{
		{"commands without data not counted", dialect{countsDataOnly: true, word: apdu.SecurityStatus}, HostConfig{}, errDiffers},
		{"challenge of another AID", dialect{aid: []byte("an applet")}, HostConfig{AID: testAID}, ErrChallenge},
		{"challenge of another AID, which the host was told", dialect{aid: []byte("an applet")}, HostConfig{AID: []byte("an applet")}, nil},
		{"challenge of another AID, nobody asks", dialect{aid: []byte("an applet")}, HostConfig{}, nil},
		{"S16 as bit 08", dialect{s16Bit: 8}, HostConfig{Mode: S16}, ErrOption},
		{"GET RESPONSE a byte short", dialect{chains: true, wrongPieces: true}, HostConfig{}, ErrResponse},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := &peer{keys: keys, dialect: tc.d}
			s, err := openPeerCard(t, p, tc.cfg, Full)
			if err == nil {
				err = exchanges(t, s, p)
			}
			if !errors.Is(err, tc.want) || tc.want == nil && err != nil {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
			if s != nil && (s.Err() != nil) != errors.Is(err, ErrResponse) {
				t.Errorf("session %v", s.Err())
			}
		})
	}
}

// The same host counts all commands; a card that does not is told apart by the first command without data, and a card of
// ours ends the session of a host that does not.
func TestDialectOfHosts(t *testing.T) {
	p := &peer{keys: goodKeys(t, 16), level: byte(Full)}
	cs := openPeerHost(t, p, OptionPseudoRandom)
	if _, err := cs.Unwrap(p.wrap(apdu.Command{CLA: 0x80, INS: 0xCA})); err != nil {
		t.Fatal(err)
	}
	p.counter-- // as a host for SE05x before 4.3.0
	_, err := cs.Unwrap(p.wrap(apdu.Command{CLA: 0x80, INS: 0xE2, Data: []byte("stored")}))
	wantDead(t, cs, err)
}

// 6988 for a wrong MAC, as some cards answer, ends nothing at the host by itself: it is an error word without proof.
func TestAnotherWordForMAC(t *testing.T) {
	p := &peer{keys: goodKeys(t, 16), dialect: dialect{word: apdu.SecureIncorrect}}
	s, err := openPeerCard(t, p, HostConfig{}, Full)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Wrap(storeData); err != nil { // never sent
		t.Fatal(err)
	}
	r, err := s.Exchange(context.Background(), p, storeData)
	if err != nil || r.SW != apdu.SecureIncorrect {
		t.Fatalf("%v, %v", r.SW, err)
	}
}
