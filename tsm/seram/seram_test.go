package seram_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mobileid/tsm/seram"
)

// The examples of the published schema (GlobalPlatform/SERAM 2.0.0,
// spec/gpseram.yaml and spec/examples). The example APDU there has the letter O
// for a zero and an odd number of digits; here it has zeroes.
const (
	exampleReport = `{"localAgentStatus":{"localAgentStatusEnum":"PROCESSED","executedSeRamCommands":2},` +
		`"ramResponses":[{"ramResponseType":"seRamResponse","listOfRAPDU":["9000","9000"]},{"ramResponseType":"seRamResponse","listOfRAPDU":["9000"]}]}`
	examplePolling = `{"localAgentStatus":{"localAgentStatusEnum":"POLLING","executeRamCommands":0}}`
	exampleOrder   = `{"delay":0,"chosenSecureElement":{"seType":"eSE","seId":"89001012012341234012345678901224","seExtraInfo":"SAM"},` +
		`"ramCommands":[{"ramCommandType":"startCommand"},{"ramCommandType":"seRamCommand","listOfCAPDU":["00A404000A000102030405060708090A"]},` +
		`{"ramCommandType":"notificationCommand","deviceAppNotification":"step1/action2/OK"},{"ramCommandType":"stopCommand"}]}`
	exampleHandshake = `{"secureElements":[{"seType":"eSE","seId":"89001012012341234012345678901224","seExtraInfo":"SAM"}],` +
		`"supportedTransportProtocols":["HTTPS"],"supportedDataFormats":["application/json"],"supportedVersion":["2.0.0"]}`
)

func decode[T any](t *testing.T, text string) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func encode(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Published examples decode, and encode to the same bytes.
func TestExamples(t *testing.T) {
	if got := encode(t, decode[seram.Report](t, exampleReport)); got != exampleReport {
		t.Errorf("report became %s", got)
	}
	if got := encode(t, decode[seram.Order](t, exampleOrder)); got != exampleOrder {
		t.Errorf("order became %s", got)
	}
	if got := encode(t, decode[seram.HandshakeCommand](t, exampleHandshake)); got != exampleHandshake {
		t.Errorf("handshake became %s", got)
	}
	if s := decode[seram.Report](t, examplePolling).LocalAgentStatus.Status; s != seram.Polling {
		t.Errorf("status %q", s)
	}
	answers := decode[seram.Report](t, exampleReport).Answers()
	if diff := cmp.Diff([][]byte{{0x90, 0}, {0x90, 0}, {0x90, 0}}, answers); diff != "" {
		t.Error(diff)
	}
	if !decode[seram.HandshakeCommand](t, exampleHandshake).Common() {
		t.Error("the example of a handshake finds nothing in common")
	}
}

func TestCommon(t *testing.T) {
	for text, want := range map[string]bool{
		`{}`: true,
		`{"supportedVersions":["1.0.0","2.0.0"]}`:        true,
		`{"supportedVersion":["1.0.0"]}`:                 false,
		`{"supportedVersions":["2.0.1"]}`:                false,
		`{"supportedTransportProtocols":["https"]}`:      true,
		`{"supportedTransportProtocols":["CoAP"]}`:       false,
		`{"supportedDataFormats":["application/cbor"]}`:  false,
		`{"supportedDataFormats":["Application/JSON"]}`:  true,
		`{"supportedDataFormats":[]}`:                    true,
		`{"secureElements":[],"supportedVersions":null}`: true,
	} {
		if got := decode[seram.HandshakeCommand](t, text).Common(); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func TestSecureElementID(t *testing.T) {
	id := []byte{0xA0, 1, 2, 3, 4, 5, 6, 7, 8, 0xFF}
	e := seram.NewSecureElement(id)
	if e.SEID != "A00102030405060708FF" {
		t.Errorf("SEID %q", e.SEID)
	}
	for text, ok := range map[string]bool{
		e.SEID: true, strings.ToLower(e.SEID): true, "": false, e.SEID[2:]: false, e.SEID + "00": false, "89001012012341234012345678901224": false, strings.Repeat("z", 20): false,
	} {
		if _, err := (seram.SecureElement{SEID: text}).ID(); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// card answers with the command's last byte and a status word, or fails.
type card struct{ failAt, seen int }

func (c *card) Transmit(_ context.Context, command []byte) ([]byte, error) {
	c.seen++
	if c.seen == c.failAt {
		return nil, errors.New("gone")
	}
	return []byte{command[len(command)-1], 0x69, 0x85}, nil
}

// script is a manager that gives its orders one after the other and keeps what
// was reported.
func script(t *testing.T, card *card, orders ...string) (*seram.Agent, *[]seram.Report) {
	t.Helper()
	var reports []seram.Report
	mux := http.NewServeMux()
	mux.HandleFunc("POST /gp/seram/order", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write([]byte(`{"sessionID":"a b"}`))
	})
	mux.HandleFunc("POST /gp/seram/handshake", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("sessionId") != "a b" {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = w.Write([]byte(`{}`))
	})
	mux.HandleFunc("POST /gp/seram/remoteManagement", func(w http.ResponseWriter, r *http.Request) {
		var report seram.Report
		if err := json.NewDecoder(r.Body).Decode(&report); err != nil {
			t.Error(err)
		}
		reports = append(reports, report)
		n := min(len(reports), len(orders)) - 1
		_, _ = w.Write([]byte(orders[n]))
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return &seram.Agent{Client: s.Client(), BaseURL: s.URL, Element: seram.NewSecureElement(make([]byte, 10)), SE: card}, &reports
}

func TestAgent(t *testing.T) {
	c := &card{}
	a, reports := script(t, c,
		`{"delay":0,"ramCommands":[{"ramCommandType":"ramStartCommand"},{"ramCommandType":"seRamCommand","listOfCAPDU":["00a40400","00A4040001"]},{"ramCommandType":"seRamCommand","listOfCAPDU":["80F2"]}]}`,
		`{"delay":0}`,
		`{"delay":0,"ramCommands":[{"ramCommandType":"notificationCommand","deviceAppNotification":"hello"},{"ramCommandType":"ramStopCommand"},{"ramCommandType":"seRamCommand","listOfCAPDU":["00"]}]}`)
	var heard []string
	a.Notify = func(text string) { heard = append(heard, text) }
	res, err := a.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []seram.Report{
		{LocalAgentStatus: seram.LocalAgentStatus{Status: seram.Polling}},
		{LocalAgentStatus: seram.LocalAgentStatus{Status: seram.Processed, ExecutedSERAMCommands: 2}, RAMResponses: []seram.Response{
			{Type: "seRamResponse", ListOfRAPDU: []seram.APDU{{0x00, 0x69, 0x85}, {0x01, 0x69, 0x85}}},
			{Type: "seRamResponse", ListOfRAPDU: []seram.APDU{{0xF2, 0x69, 0x85}}},
		}},
		{LocalAgentStatus: seram.LocalAgentStatus{Status: seram.Polling}},
	}
	if diff := cmp.Diff(want, *reports); diff != "" {
		t.Errorf("reports (-want +got):\n%s", diff)
	}
	if res != (seram.Result{RoundTrips: 5, Managed: 3, APDUs: 3}) || c.seen != 3 || !cmp.Equal(heard, []string{"hello"}) {
		t.Errorf("%+v, card saw %d, heard %q", res, c.seen, heard)
	}
}

// An element that goes away: the rest is filled with empty answers and the
// manager is told.
func TestAgentElementGone(t *testing.T) {
	a, reports := script(t, &card{failAt: 2},
		`{"delay":0,"ramCommands":[{"ramCommandType":"seRamCommand","listOfCAPDU":["01","02","03"]}]}`, `{"ramCommands":[{"ramCommandType":"stopCommand"}]}`)
	if _, err := a.Run(t.Context()); !errors.Is(err, seram.ErrElement) {
		t.Fatalf("err = %v", err)
	}
	last := (*reports)[len(*reports)-1]
	if last.LocalAgentStatus.Status != seram.UnavailableSE || !cmp.Equal(last.Answers(), [][]byte{{1, 0x69, 0x85}, {}, {}}) {
		t.Errorf("reported %+v", last)
	}
}

// What a bad manager can do to a phone: end its session.
func TestAgentAgainstBadManager(t *testing.T) {
	for name, order := range map[string]string{
		"no JSON":         `hello`,
		"never stops":     `{"delay":0}`,
		"unknown command": `{"delay":0,"ramCommands":[{"ramCommandType":"format"}]}`,
		"APDU no hex":     `{"delay":0,"ramCommands":[{"ramCommandType":"seRamCommand","listOfCAPDU":["00A40400OA"]}]}`,
		"too many APDUs":  `{"delay":0,"ramCommands":[{"ramCommandType":"seRamCommand","listOfCAPDU":[` + strings.Repeat(`"00",`, seram.MaxCommands) + `"00"]}]}`,
		"too long":        `{"a":"` + strings.Repeat("a", seram.MaxOrderBytes) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			c := &card{}
			a, reports := script(t, c, order)
			if _, err := a.Run(t.Context()); err == nil {
				t.Error("no error")
			} else if strings.Contains(err.Error(), "a b") || strings.Contains(err.Error(), "a+b") {
				t.Errorf("the error holds the session id: %v", err)
			}
			if len(*reports) > seram.MaxRounds || c.seen > 0 {
				t.Errorf("%d reports, %d APDUs", len(*reports), c.seen)
			}
		})
	}
}

func TestAgentRefused(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	a := &seram.Agent{Client: s.Client(), BaseURL: s.URL, SE: &card{}}
	if _, err := a.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("err = %v", err)
	}
	a.BaseURL = "http://127.0.0.1:1"
	if _, err := a.Run(t.Context()); err == nil {
		t.Error("nobody there, and no error")
	}
}

// A report that decodes gives answers that encode and decode to themselves.
func FuzzReport(f *testing.F) {
	for _, seed := range []string{exampleReport, examplePolling, `{"ramResponses":[{"listOfRAPDU":["","6a82"]}]}`, `{"ramResponses":null}`, `{"ramResponses":[{"listOfRAPDU":["9"]}]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var r seram.Report
		if json.Unmarshal(raw, &r) != nil {
			return
		}
		again := decode[seram.Report](t, encode(t, r))
		if !cmp.Equal(r.Answers(), again.Answers()) {
			t.Fatalf("answers %x became %x", r.Answers(), again.Answers())
		}
		sameJSON(t, r, r.Bytes)
	})
}

// sameJSON compares what a message writes itself with what encoding/json makes of it.
func sameJSON[T any](t *testing.T, message T, bytes func() ([]byte, error)) {
	t.Helper()
	raw, err := bytes()
	if err != nil {
		t.Fatal(err)
	}
	if want := encode(t, message); string(raw) != string(want) {
		t.Errorf("written %s, want %s", raw, want)
	}
}

func TestOrderBytes(t *testing.T) {
	wait, element := 7, seram.NewSecureElement(make([]byte, 10))
	for name, o := range map[string]seram.Order{
		"empty": {},
		"stop":  {Delay: new(int), RAMCommands: []seram.Command{{Type: seram.TypeStart}, {Type: seram.TypeStop}}},
		"whole": {Delay: &wait, ChosenSecureElement: &element, RAMCommands: []seram.Command{
			{Type: seram.TypeSERAM, ListOfCAPDU: seram.APDUs{{0x00, 0xA4}, {}, {0xFF}}},
			{Type: seram.TypeNotification, Notification: "a \"word\" <of> 見本"},
		}},
	} {
		t.Run(name, func(t *testing.T) { sameJSON(t, o, o.Bytes) })
	}
}

// The list's own reader takes what encoding/json takes of a list of APDUs, and
// nothing else.
func FuzzAPDUs(f *testing.F) {
	for _, seed := range []string{
		`[]`, `null`, `["00A4","",  "ff"]`, `["\u0030\u0030"]`, `[["00"]]`, `["00",1]`, `{"a":"00"}`, `"00"`, `["0"]`, `["0G"]`, `[null]`, ` [ "00" , "01" ] `,
		`["00",null]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var slow []seram.APDU
		var fast seram.APDUs
		slowErr, fastErr := json.Unmarshal(raw, &slow), json.Unmarshal(raw, &fast)
		if (slowErr == nil) != (fastErr == nil) {
			t.Fatalf("%q: %v and %v", raw, slowErr, fastErr)
		}
		if slowErr == nil && fastErr == nil && (len(slow) != len(fast) || fmt.Sprintf("%x", slow) != fmt.Sprintf("%x", fast)) {
			t.Fatalf("%q: %x and %x", raw, slow, fast)
		}
	})
}
