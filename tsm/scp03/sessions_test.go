package scp03

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

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
	} `json:"session_keys"`
	I               string
	Mode            string
	SecurityLevel   string `json:"security_level"`
	AES             int
	HostChallenge   string `json:"host_challenge"`
	CardChallenge   string `json:"card_challenge"`
	SequenceCounter string `json:"sequence_counter"`
	ChallengeIsKDF  string `json:"card_challenge_is_kdf_of"`
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

func (r recordedSession) aid() (string, bool) {
	return strings.CutPrefix(r.ChallengeIsKDF, "sequence_counter||")
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

// spoken gives the sessions of level 33 with 8-byte MACs: all this package can do.
func spoken(tb testing.TB) []recordedSession {
	tb.Helper()
	var out []recordedSession
	for _, r := range loadSessions(tb) {
		if r.Mode == "S8" && r.SecurityLevel == "33" {
			out = append(out, r)
		}
	}
	return out
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

// openRecordedHost is the host of a recording, its challenge taken from there.
func openRecordedHost(tb testing.TB, r recordedSession) *HostSession {
	tb.Helper()
	h, err := NewHost(r.keys(tb), bytes.NewReader(mdoctest.Hex(tb, r.HostChallenge)))
	if err != nil {
		tb.Fatal(err)
	}
	if got, want := h.InitializeUpdate(), command(tb, r.InitializeUpdate.Command); encode(tb, got) != encode(tb, want) {
		tb.Fatalf("INITIALIZE UPDATE %v, want %v", got, want)
	}
	external, s, err := h.Authenticate(response(tb, r.InitializeUpdate.Response), Full)
	if err != nil {
		tb.Fatal(err)
	}
	if want := command(tb, r.ExternalAuthenticate.Command); external.Data == nil || encode(tb, external) != encode(tb, want) {
		tb.Fatalf("EXTERNAL AUTHENTICATE %s, want %s", encode(tb, external), encode(tb, want))
	}
	if err := s.Opened(response(tb, r.ExternalAuthenticate.Response)); err != nil {
		tb.Fatal(err)
	}
	return s
}

func TestRecordedSessionsHost(t *testing.T) {
	sessions, commands, answers := 0, 0, 0
	for _, r := range spoken(t) {
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
				answers++
			}
		})
	}
	// 10 with i = 70 and 3 with i = 60, AES-128, 192 and 256; the pySim recordings leave 12 commands unanswered.
	if sessions != 13 || commands != 57 || answers != 45 {
		t.Errorf("ran %d sessions, %d commands, %d answers; want 13, 57, 45", sessions, commands, answers)
	}
}

// All commands go out before the first answer is looked at.
func TestRecordedSessionsAsScripts(t *testing.T) {
	for _, r := range spoken(t) {
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
	n := 0
	for _, r := range loadSessions(t) {
		if r.Mode != "S8" {
			continue
		}
		n++
		t.Run(r.Name, func(t *testing.T) {
			keys := r.keys(t)
			context := append(mdoctest.Hex(t, r.HostChallenge), mdoctest.Hex(t, r.CardChallenge)...)
			got, err := deriveSessionKeys(keys, context)
			if err != nil {
				t.Fatal(err)
			}
			if fmt.Sprintf("%x %x %x", got.enc, got.mac, got.rmac) != r.SessionKeys.ENC+" "+r.SessionKeys.MAC+" "+r.SessionKeys.RMAC {
				t.Error("session keys differ from the recording")
			}
			_, card, host, err := newChannel(keys, context[:8], context[8:])
			if err != nil {
				t.Fatal(err)
			}
			u := mdoctest.Hex(t, r.InitializeUpdate.Response)
			if !bytes.Equal(card[:], u[21:29]) {
				t.Errorf("card cryptogram %x", card)
			}
			if e := command(t, r.ExternalAuthenticate.Command); !bytes.Equal(host[:], e.Data[:8]) {
				t.Errorf("host cryptogram %x", host)
			}
		})
	}
	// Keys and cryptograms do not depend on the level, so every S8 session counts.
	if n != 33 {
		t.Errorf("ran %d sessions, want 33", n)
	}
}

func TestRecordedCardChallenges(t *testing.T) {
	n := 0
	for _, r := range loadSessions(t) {
		aid, ok := r.aid()
		if !ok || r.Mode != "S8" {
			continue
		}
		n++
		b := mdoctest.Hex(t, r.SequenceCounter)
		counter := uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2])
		got, err := CardChallenge(r.keys(t).ENC, counter, mdoctest.Hex(t, aid))
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
func openRecordedCard(tb testing.TB, r recordedSession) *CardSession {
	tb.Helper()
	u := mdoctest.Hex(tb, r.InitializeUpdate.Response)
	keys := r.keys(tb)
	keys.Version = u[10]
	store := &memorySet{keys: keys}
	cfg := CardConfig{Keys: store, KDD: u[:10], Option: Option(u[12]), Rand: bytes.NewReader(u[13:21])}
	card, err := NewCard(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	aid, known := r.aid()
	if known || cfg.Option == OptionRandom {
		if known {
			b := mdoctest.Hex(tb, r.SequenceCounter)
			store.state.Counter = (uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2])) - 1
		}
		got := card.InitializeUpdate(command(tb, r.InitializeUpdate.Command), mdoctest.Hex(tb, aid))
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
	return s
}

func TestRecordedSessionsCard(t *testing.T) {
	sessions, commands, answers, unwrapOnly, whole := 0, 0, 0, 0, 0
	for _, r := range spoken(t) {
		t.Run(r.Name, func(t *testing.T) {
			s := openRecordedCard(t, r)
			sessions++
			if _, known := r.aid(); known || r.I == "60" {
				whole++
			}
			for i, e := range r.Exchanges {
				plain, err := s.Unwrap(command(t, e.Wrapped))
				if err != nil || encode(t, plain) != e.Plain {
					t.Fatalf("command %d: %s, %v; want %s", i, encode(t, plain), err, e.Plain)
				}
				commands++
				switch {
				case e.Response == "":
				case e.NonMinimalPadding:
					unwrapOnly++ // we pad with one block less; the host test reads it
				default:
					sw := response(t, e.SW).SW
					got := s.Wrap(apdu.Response{Data: mdoctest.Hex(t, e.Data), SW: sw})
					if fmt.Sprintf("%x", got.Bytes()) != e.Response {
						t.Fatalf("answer %d: %x, want %s", i, got.Bytes(), e.Response)
					}
					answers++
				}
			}
		})
	}
	if sessions != 13 || commands != 57 || answers != 43 || unwrapOnly != 2 || whole != 6 {
		t.Errorf("ran %d sessions (%d with the card's own challenge), %d commands, %d answers, %d read only; want 13 (6), 57, 43, 2", sessions, whole, commands, answers, unwrapOnly)
	}
}

// The sessions not spoken are refused at the first moment, for the reason they differ.
func TestOtherSessionsRefused(t *testing.T) {
	count := map[string]int{}
	for _, r := range loadSessions(t) {
		if r.Mode == "S8" && r.SecurityLevel == "33" {
			continue
		}
		keys := r.keys(t)
		challenge := append(mdoctest.Hex(t, r.HostChallenge), make([]byte, 8)...)
		h, err := NewHost(keys, bytes.NewReader(challenge))
		if err != nil {
			t.Fatal(err)
		}
		level := Level(mdoctest.Hex(t, r.SecurityLevel)[0])
		_, s, err := h.Authenticate(response(t, r.InitializeUpdate.Response), level)
		want, reason := ErrLevel, "level"
		if level == Full {
			want, reason = ErrOption, "i"
		}
		if !errors.Is(err, want) || s != nil {
			t.Errorf("%s: %v, want %v", r.Name, err, want)
		}
		count[reason]++

		card, err := NewCard(CardConfig{Keys: &memorySet{keys: keys}, KDD: make([]byte, 10)})
		if err != nil {
			t.Fatal(err)
		}
		iu := card.InitializeUpdate(command(t, r.InitializeUpdate.Command), nil)
		if r.Mode == "S16" {
			if iu.SW != apdu.WrongLength {
				t.Errorf("%s: INITIALIZE UPDATE with 16 bytes answered %v", r.Name, iu.SW)
			}
			continue
		}
		if got, cs := card.ExternalAuthenticate(command(t, r.ExternalAuthenticate.Command)); got.SW != apdu.WrongParameters || cs != nil {
			t.Errorf("%s: EXTERNAL AUTHENTICATE answered %v", r.Name, got.SW)
		}
	}
	if count["level"] != 25 || count["i"] != 6 {
		t.Errorf("refused %v, want 25 by level and 6 by i", count)
	}
}
