package scp03

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/mdoctest"
)

type recordedWrapper struct {
	Name, Mode    string
	SecurityLevel string `json:"security_level"`
	SessionKeys   struct {
		ENC  string `json:"s_enc"`
		MAC  string `json:"s_mac"`
		RMAC string `json:"s_rmac"`
	} `json:"session_keys"`
	Start struct {
		MCV     string `json:"mac_chaining_value"`
		Counter uint32 `json:"command_counter"`
	}
	Response, Data, SW string // of a vector that is one answer
	Exchanges          []struct {
		Plain, Wrapped, Data, SW, Response string
		MCV                                string `json:"mac_chaining_value"`
		Counter                            uint32 `json:"command_counter"`
		EmptyEncrypted                     bool   `json:"empty_data_encrypted"`
	}
}

func (w recordedWrapper) channel(tb testing.TB) *channel {
	tb.Helper()
	mode := map[string]Mode{"S8": S8, "S16": S16}[w.Mode]
	ch, err := openChannel(sessionKeys{
		enc: mdoctest.Hex(tb, w.SessionKeys.ENC), mac: mdoctest.Hex(tb, w.SessionKeys.MAC), rmac: mdoctest.Hex(tb, w.SessionKeys.RMAC),
	}, mode)
	if err != nil {
		tb.Fatal(err)
	}
	if copy(ch.mcv[:], mdoctest.Hex(tb, w.Start.MCV)) != blockSize {
		tb.Fatal("chaining value is not whole")
	}
	ch.counter = w.Start.Counter
	return ch
}

func (w recordedWrapper) host(tb testing.TB) *HostSession {
	tb.Helper()
	option := map[string]Option{"S8": OptionPseudoRandom, "S16": OptionPseudoRandom | OptionS16}[w.Mode]
	return &HostSession{
		ch: w.channel(tb), level: Level(mdoctest.Hex(tb, w.SecurityLevel)[0]), card: CardInfo{Option: option}, opened: true, answered: w.Start.Counter,
	}
}

// Single messages from given session keys: block boundaries, channels, extended
// length, an answer of another implementation, a host that enciphers empty data.
func TestWrapperVectors(t *testing.T) {
	var file struct{ Vectors []recordedWrapper }
	mdoctest.ReadJSON(t, "scp03/wrapper.json", &file)
	vectors, exchanges, answers := 0, 0, 0
	for _, w := range file.Vectors {
		vectors++
		t.Run(w.Name, func(t *testing.T) {
			// This source has one key for all, and nothing that S-RMAC or, at level 01, S-ENC is for.
			if k := w.SessionKeys; strings.HasPrefix(w.Name, "openjavacard") && (k.ENC != k.MAC || k.RMAC != k.MAC || w.Start.Counter != 0) {
				t.Fatal("not the one key, or not from the start")
			}
			host := w.host(t)
			card := &CardSession{ch: w.channel(t), level: host.level}
			if w.Response != "" {
				ticket := Ticket{mcv: host.ch.mcv, counter: w.Start.Counter}
				host.answered--
				got, err := host.Unwrap(ticket, response(t, w.Response))
				if err != nil || fmt.Sprintf("%x %04x", got.Data, uint16(got.SW)) != w.Data+" "+w.SW {
					t.Fatalf("got %x, %v; want %s", got.Data, err, w.Data)
				}
				answers++
			}
			for i, e := range w.Exchanges {
				exchanges++
				plain, err := card.Unwrap(command(t, e.Wrapped))
				if err != nil || encode(t, plain) != e.Plain {
					t.Fatalf("%d: card unwrapped %s, %v; want %s", i, encode(t, plain), err, e.Plain)
				}
				ticket := Ticket{mcv: card.ch.mcv, counter: card.ch.counter}
				if e.EmptyEncrypted { // our host never sends this form
					host.ch.mcv, host.ch.counter = card.ch.mcv, card.ch.counter
				} else {
					var wrapped apdu.Command
					wrapped, ticket, err = host.Wrap(command(t, e.Plain))
					if err != nil || encode(t, wrapped) != e.Wrapped {
						t.Fatalf("%d: host wrapped %s, %v; want %s", i, encode(t, wrapped), err, e.Wrapped)
					}
				}
				if e.EmptyEncrypted != (len(plain.Data) == 0 && len(command(t, e.Wrapped).Data) > int(card.ch.mode)) {
					t.Fatalf("%d: is no padding block alone", i)
				}
				if e.Response == "" {
					continue // this source has commands only
				}
				answers++
				answer := card.Wrap(apdu.Response{Data: mdoctest.Hex(t, e.Data), SW: response(t, e.SW).SW})
				if fmt.Sprintf("%x", answer.Bytes()) != e.Response {
					t.Fatalf("%d: card wrapped %x, want %s", i, answer.Bytes(), e.Response)
				}
				if fmt.Sprintf("%x", card.ch.mcv) != e.MCV || card.ch.counter != e.Counter {
					t.Fatalf("%d: chaining value %x, counter %d; want %s, %d", i, card.ch.mcv, card.ch.counter, e.MCV, e.Counter)
				}
				got, err := host.Unwrap(ticket, response(t, e.Response))
				if err != nil || fmt.Sprintf("%x", got.Data) != e.Data {
					t.Fatalf("%d: host unwrapped %x, %v; want %s", i, got.Data, err, e.Data)
				}
			}
		})
	}
	t.Logf("%d vectors, %d commands, %d answers", vectors, exchanges, answers)
	if vectors != 6 || exchanges != 38 || answers != 23 {
		t.Error("want 6, 38 and 23")
	}
}

// Every recorded run of real hosts, GlobalPlatformPro, gpshell, yubikit with short commands and chaining and with extended
// length, PeculiarVentures and pySim with S16, at every level, against our card: it must answer with the very bytes of the
// recording.
func TestHostTracesCard(t *testing.T) {
	traces, commands, chained := mdoctest.HostTraces(t), 0, 0
	for _, tr := range traces {
		t.Run(tr.Name, func(t *testing.T) {
			key := mdoctest.Hex(t, tr.Key)
			if said := fmt.Sprintf("%02x..%02x (AES-%d), all three alike", key[0], key[len(key)-1], 8*len(key)); tr.Keys != said {
				t.Errorf("keys %s, want %s", tr.Keys, said)
			}
			set := TestSet{keys: Keys{ENC: key, MAC: key, DEK: key, Version: mdoctest.Hex(t, tr.KVN)[0]}}
			card, err := NewCard(CardConfig{
				Keys: &memorySet{keys: set.Keys()}, KDD: make([]byte, 10), Option: Option(mdoctest.Hex(t, tr.I)[0]), Test: set,
			})
			if err != nil {
				t.Fatal(err)
			}
			var s *CardSession
			var chain []byte
			for i, e := range tr.Exchanges {
				c := command(t, e.Command)
				var got apdu.Response
				switch {
				case c.INS == insInitializeUpdate:
					got = card.InitializeUpdate(c, mdoctest.Hex(t, tr.ISDAID))
				case c.INS == insExternalAuthenticate:
					got, s = card.ExternalAuthenticate(c)
				case c.Chained():
					chain = append(chain, c.Data...)
					chained++
					continue
				case !c.Secured():
					continue // before the session: SELECT, GET DATA
				default:
					if chain != nil {
						c.Data, c.Extended, chain = append(chain, c.Data...), true, nil
					}
					plain, err := s.Unwrap(c)
					header := fmt.Sprintf("%02x%02x%02x%02x", plain.CLA, plain.INS, plain.P1, plain.P2)
					if err != nil || header != e.PlainHeader || fmt.Sprintf("%x", plain.Data) != e.PlainData {
						t.Fatalf("command %d: %s %x, %v; want %s %s", i, header, plain.Data, err, e.PlainHeader, e.PlainData)
					}
					got = s.Wrap(apdu.Response{Data: mdoctest.Hex(t, e.PlainResponse), SW: apdu.SW(binary.BigEndian.Uint16(mdoctest.Hex(t, e.SW)))})
					commands++
				}
				if fmt.Sprintf("%x", got.Bytes()) != e.Response {
					t.Fatalf("exchange %d: answered %x, want %s", i, got.Bytes(), e.Response)
				}
			}
		})
	}
	t.Logf("%d traces, %d protected commands, %d pieces of chains", len(traces), commands, chained)
	if len(traces) != 19 || commands != 273 || chained != 2 {
		t.Error("want 19, 273, 2")
	}
}

// The same runs with our host in the place of the recorded one: it sends the very commands, and reads every answer. Where
// yubikit enciphers the padding of no data, which our host does not, its state is carried over.
func TestHostTracesHost(t *testing.T) {
	commands, chains, carried, answers := 0, 0, 0, 0
	for _, tr := range mdoctest.HostTraces(t) {
		t.Run(tr.Name, func(t *testing.T) {
			key := mdoctest.Hex(t, tr.Key)
			keys := Keys{ENC: key, MAC: key, DEK: key, Version: mdoctest.Hex(t, tr.KVN)[0]}
			var h *Host
			var s *HostSession
			var external apdu.Command
			var pieces []apdu.Command
			for i, e := range tr.Exchanges {
				c := command(t, e.Command)
				switch {
				case c.INS == insInitializeUpdate:
					var err error
					cfg := HostConfig{Mode: Mode(len(c.Data)), AID: mdoctest.Hex(t, tr.ISDAID), Rand: bytes.NewReader(c.Data)}
					if h, err = newHost(keys, cfg); err != nil {
						t.Fatal(err)
					}
					if external, s, err = h.Authenticate(response(t, e.Response), Level(command(t, tr.Exchanges[i+1].Command).P1)); err != nil {
						t.Fatal(err)
					}
				case c.INS == insExternalAuthenticate:
					if !c.Extended && !bytes.Equal(external.Data, c.Data) {
						t.Fatalf("EXTERNAL AUTHENTICATE %x, want %x", external.Data, c.Data)
					}
					if c.Extended { // its MAC covers three bytes of Lc
						s.ch.mcv = [blockSize]byte{}
						s.ch.mcv = s.ch.commandMAC(c, external.Data[:s.ch.mode])
					}
					if err := s.Opened(response(t, e.Response)); err != nil {
						t.Fatal(err)
					}
				case c.Chained():
					pieces = append(pieces, c)
				case c.Secured():
					pieces = append(pieces, c)
					header := mdoctest.Hex(t, e.PlainHeader)
					plain := apdu.Command{
						CLA: header[0], INS: header[1], P1: header[2], P2: header[3], Data: mdoctest.Hex(t, e.PlainData), Le: c.Le, Extended: c.Extended,
					}
					before := s.ch.mcv
					got, ticket, err := s.pieces(plain)
					if err != nil {
						t.Fatal(err)
					}
					if body := len(c.Data) - int(s.ch.mode); len(plain.Data) == 0 && body > 0 {
						s.ch.mcv = before
						s.ch.mcv = s.ch.commandMAC(c, c.Data[:body])
						ticket.mcv = s.ch.mcv
						got = pieces
						if !s.ch.agrees(&ticket.mcv, c.Data[body:]) {
							t.Fatalf("command %d: another MAC", i)
						}
						carried++
					}
					if len(got) != len(pieces) {
						t.Fatalf("command %d: %d pieces, want %d", i, len(got), len(pieces))
					}
					for k := range got {
						if encode(t, got[k]) != encode(t, pieces[k]) {
							t.Fatalf("command %d: %s, want %s", i, encode(t, got[k]), encode(t, pieces[k]))
						}
					}
					if len(got) > 1 {
						chains++
					}
					commands++
					pieces = nil
					r, err := s.Unwrap(ticket, response(t, e.Response))
					if err != nil || fmt.Sprintf("%x %04x", r.Data, uint16(r.SW)) != e.PlainResponse+" "+e.SW {
						t.Fatalf("answer %d: %x %v, %v", i, r.Data, r.SW, err)
					}
					answers++
				}
			}
		})
	}
	t.Logf("%d commands, %d chains, %d answers, %d commands of padding alone", commands, chains, answers, carried)
	if commands != 273 || chains != 2 || answers != 273 || carried != 11 {
		t.Error("want 273, 2, 273, 11")
	}
}
