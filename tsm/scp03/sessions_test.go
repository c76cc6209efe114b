package scp03

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/mdoctest"
)

type recordedSession struct {
	Name string
	Keys struct{ ENC, MAC, DEK string }

	InitializeUpdate     struct{ Command, Response string } `json:"initialize_update"`
	ExternalAuthenticate struct{ Command, Response string } `json:"external_authenticate"`
	SessionKeys          struct {
		ENC  string `json:"s_enc"`
		MAC  string `json:"s_mac"`
		RMAC string `json:"s_rmac"`
		Ours bool   `json:"computed_here"`
	} `json:"session_keys"`
	I               string
	Kind, Mode      string
	SecurityLevel   string `json:"security_level"`
	AES             int
	HostChallenge   string `json:"host_challenge"`
	CardChallenge   string `json:"card_challenge"`
	SequenceCounter string `json:"sequence_counter"`
	ChallengeIsKDF  string `json:"card_challenge_is_kdf_of"`
	InvokingAID     string `json:"invoking_aid"`
	Exchanges       []recordedExchange
}

type recordedExchange struct {
	Plain, Wrapped, Response, Data, SW string
	NonMinimalPadding                  bool `json:"non_minimal_padding"`
}

func (r recordedSession) keys(tb testing.TB) Keys {
	tb.Helper()
	k := Keys{ENC: mdoctest.Hex(tb, r.Keys.ENC), MAC: mdoctest.Hex(tb, r.Keys.MAC), DEK: mdoctest.Hex(tb, r.Keys.DEK)}
	k.Version = command(tb, r.InitializeUpdate.Command).P1
	return k
}

const notReproduced = "not reproduced (AID of the source unknown or the challenge is not pseudo-random)"

// aid is the AID the recorded challenge was derived with, if it is known.
func (r recordedSession) aid(tb testing.TB) ([]byte, bool) {
	tb.Helper()
	aid, ok := strings.CutPrefix(r.ChallengeIsKDF, "sequence_counter||")
	if want := map[bool]string{true: notReproduced}[r.option(tb).PseudoRandom()]; !ok && r.ChallengeIsKDF != want {
		tb.Fatalf("%s: challenge is KDF of %q", r.Name, r.ChallengeIsKDF)
	}
	if ok && r.InvokingAID != "" && r.InvokingAID != aid {
		tb.Fatalf("%s: invoked %s, derived with %s", r.Name, r.InvokingAID, aid)
	}
	if !ok {
		return nil, false
	}
	return mdoctest.Hex(tb, aid), true
}

func (r recordedSession) option(tb testing.TB) Option {
	tb.Helper()
	return Option(mdoctest.Hex(tb, r.I)[0])
}

func (r recordedSession) level(tb testing.TB) Level {
	tb.Helper()
	return Level(mdoctest.Hex(tb, r.SecurityLevel)[0])
}

func (r recordedSession) counter(tb testing.TB) uint32 {
	tb.Helper()
	b := append([]byte{0}, mdoctest.Hex(tb, r.SequenceCounter)...)
	if len(b) != 4 {
		return 0
	}
	return binary.BigEndian.Uint32(b)
}

func loadSessions(tb testing.TB) []recordedSession {
	tb.Helper()
	var file struct{ Sessions []recordedSession }
	mdoctest.ReadJSON(tb, "scp03/sessions.json", &file)
	if len(file.Sessions) != 44 {
		tb.Fatalf("sessions.json holds %d sessions, want 44", len(file.Sessions))
	}
	return file.Sessions
}

func command(tb testing.TB, hex string) apdu.Command {
	tb.Helper()
	c, err := apdu.ParseCommand(mdoctest.Hex(tb, hex))
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func response(tb testing.TB, hex string) apdu.Response {
	tb.Helper()
	r, err := apdu.ParseResponse(mdoctest.Hex(tb, hex))
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func encode(tb testing.TB, c apdu.Command) string {
	tb.Helper()
	b, err := c.Bytes()
	if err != nil {
		tb.Fatal(err)
	}
	return fmt.Sprintf("%x", b)
}

// What a recording says of itself agrees with its bytes.
func TestRecordedSessionsDescribed(t *testing.T) {
	kinds, levels, modes, ours := map[string]int{}, map[string]int{}, map[string]int{}, 0
	for _, r := range loadSessions(t) {
		u, c := mdoctest.Hex(t, r.InitializeUpdate.Response), command(t, r.InitializeUpdate.Command)
		size := len(c.Data)
		from := 13 + size
		if r.Mode != fmt.Sprintf("S%d", size) || r.option(t) != Option(u[12]) || r.option(t).Mode() != Mode(size) ||
			8*len(r.keys(t).ENC) != r.AES || r.HostChallenge != fmt.Sprintf("%x", c.Data) || r.CardChallenge != fmt.Sprintf("%x", u[13:from]) ||
			command(t, r.ExternalAuthenticate.Command).P1 != byte(r.level(t)) {
			t.Errorf("%s does not describe its bytes", r.Name)
		}
		if got := fmt.Sprintf("%x", u[from+size:len(u)-2]); got != r.SequenceCounter {
			t.Errorf("%s: counter %s, sent %s", r.Name, r.SequenceCounter, got)
		}
		if r.SessionKeys.Ours {
			ours++
		}
		kinds[r.Kind]++
		levels[r.SecurityLevel]++
		modes[r.Mode]++
	}
	if d := cmp.Diff(map[string]int{"real-card": 15, "test-emulation": 6, "test-applet": 1, "spec-derived": 22}, kinds); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(map[string]int{"01": 2, "03": 12, "11": 6, "13": 5, "33": 19}, levels); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(map[string]int{"S8": 33, "S16": 11}, modes); d != "" {
		t.Error(d)
	}
	if ours != 42 {
		t.Errorf("session keys computed for %d sessions, want 42", ours)
	}
}

// openRecordedHost is the host of a recording, its challenge taken from there. Where the AID is known, the host checks the
// card challenge too.
func openRecordedHost(tb testing.TB, r recordedSession) *HostSession {
	tb.Helper()
	aid, _ := r.aid(tb)
	// These keys are published, so the door that refuses them is gone round.
	h, err := newHost(r.keys(tb), HostConfig{Mode: r.option(tb).Mode(), AID: aid, Rand: bytes.NewReader(mdoctest.Hex(tb, r.HostChallenge))})
	if err != nil {
		tb.Fatal(err)
	}
	if got, want := h.InitializeUpdate(), command(tb, r.InitializeUpdate.Command); encode(tb, got) != encode(tb, want) {
		tb.Fatalf("INITIALIZE UPDATE %v, want %v", got, want)
	}
	external, s, err := h.Authenticate(response(tb, r.InitializeUpdate.Response), r.level(tb))
	if err != nil {
		tb.Fatal(err)
	}
	if want := command(tb, r.ExternalAuthenticate.Command); encode(tb, external) != encode(tb, want) {
		tb.Fatalf("EXTERNAL AUTHENTICATE %s, want %s", encode(tb, external), encode(tb, want))
	}
	if err := s.Opened(response(tb, r.ExternalAuthenticate.Response)); err != nil {
		tb.Fatal(err)
	}
	if s.Level() != r.level(tb) || s.Card().Counter != r.counter(tb) {
		tb.Fatalf("level %v, card %+v", s.Level(), s.Card())
	}
	return s
}

func TestRecordedSessionsHost(t *testing.T) {
	sessions, commands, answers, refused := 0, 0, 0, 0
	for _, r := range loadSessions(t) {
		t.Run(r.Name, func(t *testing.T) {
			s := openRecordedHost(t, r)
			sessions++
			for i, e := range r.Exchanges {
				wrapped, ticket, err := s.Wrap(command(t, e.Plain))
				if err != nil || encode(t, wrapped) != e.Wrapped {
					t.Fatalf("command %d: %s, %v; want %s", i, encode(t, wrapped), err, e.Wrapped)
				}
				commands++
				if e.Response == "" {
					continue // recorded without an answer
				}
				got, err := s.Unwrap(ticket, response(t, e.Response))
				if err != nil || fmt.Sprintf("%x", got.Data) != e.Data || fmt.Sprintf("%04x", uint16(got.SW)) != e.SW {
					t.Fatalf("answer %d: %x %v, %v; want %s %s", i, got.Data, got.SW, err, e.Data, e.SW)
				}
				if !protected(got.SW) {
					refused++
				}
				answers++
			}
		})
	}
	// The recordings of pySim leave four commands each unanswered.
	t.Logf("%d sessions, %d commands, %d answers, %d of them error words", sessions, commands, answers, refused)
	if sessions != 44 || commands != 172 || answers != 136 || refused != 31 {
		t.Error("want 44 sessions, 172 commands, 136 answers, 31 error words")
	}
}

// All commands go out before the first answer is looked at.
func TestRecordedSessionsAsScripts(t *testing.T) {
	for _, r := range loadSessions(t) {
		t.Run(r.Name, func(t *testing.T) {
			s := openRecordedHost(t, r)
			var tickets []Ticket
			for i, e := range r.Exchanges {
				wrapped, ticket, err := s.Wrap(command(t, e.Plain))
				if err != nil || encode(t, wrapped) != e.Wrapped {
					t.Fatalf("command %d: %s, %v; want %s", i, encode(t, wrapped), err, e.Wrapped)
				}
				tickets = append(tickets, ticket)
			}
			for i, e := range r.Exchanges {
				if e.Response == "" {
					continue
				}
				got, err := s.Unwrap(tickets[i], response(t, e.Response))
				if err != nil || fmt.Sprintf("%x", got.Data) != e.Data {
					t.Fatalf("answer %d: %x, %v; want %s", i, got.Data, err, e.Data)
				}
			}
		})
	}
}

func TestRecordedSessionKeys(t *testing.T) {
	for _, r := range loadSessions(t) {
		t.Run(r.Name, func(t *testing.T) {
			keys := r.keys(t)
			size := int(r.option(t).Mode())
			context := append(mdoctest.Hex(t, r.HostChallenge), mdoctest.Hex(t, r.CardChallenge)...)
			got, err := deriveSessionKeys(keys, context)
			if err != nil {
				t.Fatal(err)
			}
			if fmt.Sprintf("%x %x %x", got.enc, got.mac, got.rmac) != r.SessionKeys.ENC+" "+r.SessionKeys.MAC+" "+r.SessionKeys.RMAC {
				t.Error("session keys differ from the recording")
			}
			_, card, host, err := newChannel(keys, context[:size], context[size:])
			if err != nil {
				t.Fatal(err)
			}
			u := mdoctest.Hex(t, r.InitializeUpdate.Response)
			if !bytes.Equal(card, u[13+size:13+2*size]) {
				t.Errorf("card cryptogram %x", card)
			}
			if e := command(t, r.ExternalAuthenticate.Command); !bytes.Equal(host, e.Data[:size]) {
				t.Errorf("host cryptogram %x", host)
			}
		})
	}
}

func TestRecordedCardChallenges(t *testing.T) {
	n := 0
	for _, r := range loadSessions(t) {
		aid, ok := r.aid(t)
		if !ok {
			continue
		}
		n++
		got, err := CardChallenge(r.keys(t).ENC, r.counter(t), aid, r.option(t).Mode())
		if err != nil || fmt.Sprintf("%x", got) != r.CardChallenge {
			t.Errorf("%s: %x, %v; want %s", r.Name, got, err, r.CardChallenge)
		}
	}
	if n != 15 {
		t.Errorf("ran %d challenges, want 15", n)
	}
}

// openRecordedCard is the card of a recording. Where the recording tells how its
// challenge came about, the whole card answers; else the challenge is put in.
func openRecordedCard(tb testing.TB, r recordedSession) (s *CardSession, whole bool) {
	tb.Helper()
	u := mdoctest.Hex(tb, r.InitializeUpdate.Response)
	size := int(r.option(tb).Mode())
	keys := r.keys(tb)
	keys.Version = u[10]
	store := &memorySet{keys: keys}
	cfg := CardConfig{Keys: store, KDD: u[:10], Option: Option(u[12]), Rand: bytes.NewReader(u[13 : 13+size]), Test: TestSet{keys: keys}}
	cfg.Least = cfg.Option == 0
	card, err := NewCard(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	aid, known := r.aid(tb)
	whole = known || !cfg.Option.PseudoRandom()
	if whole {
		if known {
			store.state.Counter = r.counter(tb) - 1
		}
		got := card.InitializeUpdate(command(tb, r.InitializeUpdate.Command), aid)
		if !bytes.Equal(got.Bytes(), u) {
			tb.Fatalf("INITIALIZE UPDATE answered %x, want %x", got.Bytes(), u)
		}
	} else if _, err := card.begin(keys, mdoctest.Hex(tb, r.HostChallenge), mdoctest.Hex(tb, r.CardChallenge)); err != nil {
		tb.Fatal(err)
	}
	got, s := card.ExternalAuthenticate(command(tb, r.ExternalAuthenticate.Command))
	if fmt.Sprintf("%x", got.Bytes()) != r.ExternalAuthenticate.Response || s == nil {
		tb.Fatalf("EXTERNAL AUTHENTICATE answered %v", got.SW)
	}
	if s.Level() != r.level(tb) {
		tb.Fatalf("level %v", s.Level())
	}
	return s, whole
}

func TestRecordedSessionsCard(t *testing.T) {
	sessions, commands, answers, unwrapOnly, wholes := 0, 0, 0, 0, 0
	for _, r := range loadSessions(t) {
		t.Run(r.Name, func(t *testing.T) {
			s, whole := openRecordedCard(t, r)
			sessions++
			if whole {
				wholes++
			}
			for i, e := range r.Exchanges {
				plain, err := s.Unwrap(command(t, e.Wrapped))
				if err != nil || encode(t, plain) != e.Plain {
					t.Fatalf("command %d: %s, %v; want %s", i, encode(t, plain), err, e.Plain)
				}
				commands++
				if e.Response == "" {
					continue
				}
				got := s.Wrap(apdu.Response{Data: mdoctest.Hex(t, e.Data), SW: response(t, e.SW).SW})
				if same := fmt.Sprintf("%x", got.Bytes()) == e.Response; same == e.NonMinimalPadding {
					t.Fatalf("answer %d: %x, recorded %s", i, got.Bytes(), e.Response)
				}
				if e.NonMinimalPadding {
					unwrapOnly++ // we pad with one block less; the host test reads it
				} else {
					answers++
				}
			}
		})
	}
	t.Logf("%d sessions, %d with the card's own challenge, %d commands, %d answers, %d read only", sessions, wholes, commands, answers, unwrapOnly)
	if sessions != 44 || commands != 172 || answers != 131 || unwrapOnly != 5 || wholes != 27 {
		t.Error("want 44 (27), 172, 131, 5")
	}
}

// A level that the card's "i" does not offer is refused at both ends, for every "i" there is.
func TestEveryOptionAndLevel(t *testing.T) {
	opened, refused := 0, 0
	for _, size := range []int{16, 24, 32} {
		for _, o := range []Option{0x00, 0x10, 0x20, 0x30, 0x60, 0x70, 0x01, 0x11, 0x21, 0x31, 0x61, 0x71} {
			for l := range 256 {
				level := Level(l)
				keys := goodKeys(t, size)
				card, err := NewCard(CardConfig{Keys: &memorySet{keys: keys}, KDD: run(1, 10), Option: o, Least: o == 0})
				if err != nil {
					t.Fatal(err)
				}
				h, err := NewHostWith(keys, HostConfig{Mode: o.Mode(), AID: testAID})
				if err != nil {
					t.Fatal(err)
				}
				answer := card.InitializeUpdate(h.InitializeUpdate(), testAID)
				external, hs, err := h.Authenticate(answer, level)
				want := level
				if level == 0 {
					want = Full
				}
				if !o.Offers(want) {
					refused++
					if hs != nil || !errors.Is(err, ErrOption) && !errors.Is(err, ErrLevel) {
						t.Fatalf("i %02X, level %02X: host said %v", byte(o), l, err)
					}
					// A host that asks all the same, with everything right.
					cryptogram := card.pending.host
					c := apdu.Command{CLA: 0x84, INS: 0x82, P1: byte(l)}
					mac := card.pending.ch.commandMAC(c, cryptogram)
					c.Data = slices.Concat(cryptogram, mac[:o.Mode()])
					if got, s := card.ExternalAuthenticate(c); s != nil || got.SW != apdu.WrongParameters {
						t.Fatalf("i %02X, level %02X: card said %v", byte(o), l, got.SW)
					}
					continue
				}
				opened++
				got, cs := card.ExternalAuthenticate(external)
				if err != nil || cs == nil || hs.Opened(got) != nil || cs.Level() != want || hs.Level() != want {
					t.Fatalf("i %02X, level %02X: %v, %v", byte(o), l, err, got.SW)
				}
				roundTrip(t, hs, cs)
			}
		}
	}
	t.Logf("%d sessions opened, %d refused", opened, refused)
	if opened != 3*(4*2+4*4+4*5+4) || opened+refused != 3*12*256 { // the four more are level 00, which is 33 to a host
		t.Errorf("opened %d, refused %d", opened, refused)
	}
}

// roundTrip sends data of every size around the block boundaries both ways, and the most a short command takes.
func roundTrip(t *testing.T, hs *HostSession, cs *CardSession) {
	t.Helper()
	for _, n := range []int{0, 1, 15, 16, 17, 31, 32, 33, hs.MaxData(false)} {
		data := run(byte(n), n)
		w, ticket, err := hs.Wrap(apdu.Command{CLA: 0x80, INS: 0xE2, Data: data, Le: 256})
		if err != nil {
			t.Fatal(err)
		}
		raw, err := w.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		c, err := apdu.ParseCommand(raw)
		if err != nil {
			t.Fatal(err)
		}
		p, err := cs.Unwrap(c)
		if err != nil || !bytes.Equal(p.Data, data) {
			t.Fatalf("%d bytes: %v", n, err)
		}
		r, err := hs.Unwrap(ticket, cs.Wrap(apdu.Response{Data: data, SW: apdu.OK}))
		if err != nil || !bytes.Equal(r.Data, data) {
			t.Fatalf("%d bytes back: %v", n, err)
		}
	}
	if _, _, err := hs.Wrap(apdu.Command{CLA: 0x80, INS: 0xE2, Data: make([]byte, hs.MaxData(false)+1)}); !errors.Is(err, apdu.ErrTooLong) {
		t.Fatalf("one byte too many: %v", err)
	}
}
