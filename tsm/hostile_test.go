package tsm_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm"
	"mobileid/tsm/seram"
	"mobileid/tsm/store"
)

// session opens a session and shakes hands, by the service itself.
func (w *world) session() string {
	w.t.Helper()
	w.element.Reset()
	elements := []seram.SecureElement{seram.NewSecureElement(w.seID)}
	id, err := w.service.Open(w.t.Context(), seram.SessionRequest{SecureElements: elements})
	check(w.t, err)
	_, err = w.service.Handshake(w.t.Context(), id, seram.HandshakeCommand{SecureElements: elements})
	check(w.t, err)
	return id
}

// step executes the commands of an order at the element, lets spoil change the
// answers, and reports them.
func (w *world) step(id string, order seram.Order, spoil func([]seram.APDU) []seram.APDU) (seram.Order, error) {
	w.t.Helper()
	var answers []seram.APDU
	for _, c := range order.RAMCommands {
		for _, command := range c.ListOfCAPDU {
			r, err := w.element.Transmit(w.t.Context(), command)
			check(w.t, err)
			answers = append(answers, r)
		}
	}
	if spoil != nil {
		answers = spoil(answers)
	}
	return w.service.Report(w.t.Context(), id, processed(answers))
}

func processed(answers []seram.APDU) seram.Report {
	return seram.Report{
		LocalAgentStatus: seram.LocalAgentStatus{Status: seram.Processed, ExecutedSERAMCommands: 1},
		RAMResponses:     []seram.Response{{Type: seram.TypeResponse, ListOfRAPDU: answers}},
	}
}

func polling() seram.Report {
	return seram.Report{LocalAgentStatus: seram.LocalAgentStatus{Status: seram.Polling}}
}

func stops(o seram.Order) bool {
	return len(o.RAMCommands) > 0 && o.RAMCommands[len(o.RAMCommands)-1].Type == seram.TypeStop
}

// reach goes to the given report (1: the handshake's answers, 2: attestation,
// 3: receipt) and gives the order whose answers are due.
func (w *world) reach(report int) (id string, order seram.Order) {
	w.t.Helper()
	id = w.session()
	order, err := w.service.Report(w.t.Context(), id, polling())
	check(w.t, err)
	for range report - 1 {
		order, err = w.step(id, order, nil)
		check(w.t, err)
		if stops(order) {
			w.t.Fatal("the run stopped early")
		}
	}
	return id, order
}

func (w *world) failedAuth() int {
	w.t.Helper()
	n, err := w.store.FailedAuth(w.t.Context(), hex.EncodeToString(w.seID))
	check(w.t, err)
	return n
}

// What a hostile phone can do with the answers: none of it advances the job, all
// of it ends the attempt, and the honest phone finishes the job afterwards.
func TestHostileAnswers(t *testing.T) {
	t.Parallel()
	all := func(change func(seram.APDU) seram.APDU) func([]seram.APDU) []seram.APDU {
		return func(in []seram.APDU) []seram.APDU {
			out := make([]seram.APDU, len(in))
			for i, a := range in {
				out[i] = change(bytes.Clone(a))
			}
			return out
		}
	}
	last := func(change func(seram.APDU) seram.APDU) func([]seram.APDU) []seram.APDU {
		return func(in []seram.APDU) []seram.APDU {
			in[len(in)-1] = change(bytes.Clone(in[len(in)-1]))
			return in
		}
	}
	sw := func(word string) func(seram.APDU) seram.APDU {
		return func(seram.APDU) seram.APDU { b, _ := hex.DecodeString(word); return b }
	}
	start := newWorld(t).image()
	for _, tt := range []struct {
		name    string
		spoil   func([]seram.APDU) []seram.APDU
		refused error   // the report itself is refused
		counts  [3]bool // whether a failed authentication is counted, by report: not once an answer was authentic
	}{
		{"every answer empty", all(func(seram.APDU) seram.APDU { return nil }), nil, [3]bool{}},
		{"no answers at all", func([]seram.APDU) []seram.APDU { return nil }, nil, [3]bool{}},
		{"last answer missing", func(in []seram.APDU) []seram.APDU { return in[:len(in)-1] }, nil, [3]bool{}},
		{"last answer one byte", last(func(seram.APDU) seram.APDU { return seram.APDU{0x90} }), nil, [3]bool{}},
		{"last answer no status word", last(func(seram.APDU) seram.APDU { return make([]byte, 40) }), nil, [3]bool{}},
		{"last answer huge", last(func(seram.APDU) seram.APDU { return make([]byte, apdu.MaxResponse+1) }), nil, [3]bool{}},
		{"every answer 9000 without R-MAC", all(sw("9000")), nil, [3]bool{false, true, false}},
		{"last answer 9000 without R-MAC", last(sw("9000")), nil, [3]bool{}},
		{"last answer 6985", last(sw("6985")), nil, [3]bool{}},
		{"every answer 6985", all(sw("6985")), nil, [3]bool{false, true, false}},
		{"error word with data", last(func(a seram.APDU) seram.APDU { return append(a[:len(a)-2], 0x69, 0x85) }), nil, [3]bool{}},
		{"R-MAC changed", last(func(a seram.APDU) seram.APDU { a[len(a)-3] ^= 1; return a }), nil, [3]bool{}},
		{"every R-MAC changed", all(func(a seram.APDU) seram.APDU {
			if len(a) > 2 {
				a[len(a)-3] ^= 1
			}
			return a
		}), nil, [3]bool{false, true, false}},
		{"first byte changed", last(func(a seram.APDU) seram.APDU { a[0] ^= 1; return a }), nil, [3]bool{}},
		{"cut by a byte", last(func(a seram.APDU) seram.APDU { return append(a[:len(a)-3], 0x90, 0x00) }), nil, [3]bool{}},
		{"swapped", func(in []seram.APDU) []seram.APDU {
			n := len(in)
			in[n-1], in[n-2] = in[n-2], in[n-1]
			return in
		}, nil, [3]bool{}},
		{"one answer too many", func(in []seram.APDU) []seram.APDU { return append(in, seram.APDU{0x90, 0}) }, tsm.ErrReport, [3]bool{}},
	} {
		for report := 1; report <= 3; report++ {
			if strings.HasSuffix(tt.name, "R-MAC changed") && report == 1 {
				continue // there it is the sequence counter, which nothing is derived from here
			}
			t.Run(fmt.Sprintf("%s, report %d", tt.name, report), func(t *testing.T) {
				w := start.world(t)
				order := w.provision(1)
				id, at := w.reach(report)
				before := w.job(order)
				next, err := w.step(id, at, tt.spoil)
				if !errors.Is(err, tt.refused) || (err == nil && !stops(next)) {
					t.Fatalf("order after it: %d commands, %v", len(next.RAMCommands), err)
				}
				after := w.job(order)
				if after.Cursor != before.Cursor || after.State != store.Queued {
					t.Errorf("job went from %v to %v, %v", before.Cursor, after.Cursor, after.State)
				}
				want := 0
				if tt.counts[report-1] {
					want = 1
				}
				if n := w.failedAuth(); n != want {
					t.Errorf("%d failed authentications, want %d", n, want)
				}
				w.settle(order)
				if w.failedAuth() != 0 {
					t.Error("the count did not go back to 0 after a success")
				}
			})
		}
	}
}

// Answers that carry no R-MAC prove no keys, though a script allows them: a phone that carries no command to its element but
// INITIALIZE UPDATE, and makes up the rest, does not clear what was counted.
func TestMadeUpAnswersProveNoKeys(t *testing.T) {
	t.Parallel()
	const counted = 3
	for _, tt := range []struct {
		kind  provisioning.OrderKind
		words map[byte][]byte // by instruction; every other answer is missing
	}{
		{provisioning.OrderWipe, map[byte][]byte{0x82: {0x90, 0x00}, 0xF2: {0x6A, 0x88}}},
		{provisioning.OrderLock, map[byte][]byte{0x82: {0x90, 0x00}, 0xF0: {0x6A, 0x88}, 0xF2: {0x6A, 0x88}}},
		{provisioning.OrderProvision, map[byte][]byte{0x82: {0x90, 0x00}, 0xE6: {0x69, 0x85}}},
	} {
		w := newWorld(t)
		w.submitted(w.order(tt.kind, 1))
		for range counted {
			_, err := w.store.CountFailedAuth(t.Context(), hex.EncodeToString(w.seID))
			check(t, err)
		}
		a, made := w.agent(), 0
		inner := a.SE
		a.SE = transmit(func(ctx context.Context, command []byte) ([]byte, error) {
			if command[1] == 0xA4 || command[1] == 0x50 {
				return inner.Transmit(ctx, command)
			}
			made++
			return tt.words[command[1]], nil
		})
		_, err := a.Run(t.Context())
		check(t, err)
		if n := w.failedAuth(); n != counted || made < 2 {
			t.Errorf("kind %d: %d answers made up, %d failed authentications counted, want %d", tt.kind, made, n, counted)
		}
		w.element.Reset()
		_, err = w.contact()
		check(t, err)
		if n := w.failedAuth(); tt.kind == provisioning.OrderProvision && n != 0 {
			t.Errorf("%d failed authentications counted after an honest contact", n)
		}
	}
}

// A session that stands on nothing but made-up answers is dropped for another as any that did no more than shake hands.
func TestMadeUpAnswersKeepNoSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	master, err := tsm.NewMasterKey(w.master, 0x30)
	check(t, err)
	w.service, err = tsm.New(tsm.Config{
		Store: w.store, Keys: master, Issuer: w.issuer, OrderKey: w.orderKey.Public(), Now: w.clock, MaxSessions: 1,
	})
	check(t, err)
	_, err = w.service.Submit(t.Context(), w.order(provisioning.OrderWipe, 0))
	check(t, err)
	id, _ := w.reach(2)
	at, err := w.service.Report(t.Context(), id, processed([]seram.APDU{{0x90, 0x00}, {0x6A, 0x88}}))
	if err != nil || stops(at) {
		t.Fatalf("the session is over: %v", err)
	}
	_, err = w.service.Open(t.Context(), seram.SessionRequest{SecureElements: []seram.SecureElement{seram.NewSecureElement(random(10))}})
	check(t, err)
}

// Any flipped bit of the card cryptogram or challenge is a failed
// authentication; a flipped bit of the KDD is another element.
func TestHandshakeBits(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		offset int
		counts bool
	}{
		{"KDD", 9, false},
		{"card challenge", 13, true},
		{"card cryptogram", 28, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.provision(1)
			id, at := w.reach(1)
			next, err := w.step(id, at, func(in []seram.APDU) []seram.APDU { in[1][tt.offset] ^= 4; return in })
			if err != nil || !stops(next) {
				t.Fatalf("not stopped: %v", err)
			}
			if got := w.failedAuth() == 1; got != tt.counts {
				t.Errorf("counted %v, want %v", got, tt.counts)
			}
		})
	}
}

// An element is left alone after too many failures in a row, long before its
// keys would block, and an operator can release it.
func TestParkedAfterFailedAuthentications(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	order := w.provision(1)
	tries := 0
	for range 20 {
		id := w.session()
		at, err := w.service.Report(t.Context(), id, polling())
		check(t, err)
		if stops(at) {
			break
		}
		tries++
		_, err = w.step(id, at, func(in []seram.APDU) []seram.APDU { in[1][28] ^= 1; return in })
		check(t, err)
	}
	if tries != 6 || w.job(order).State != store.Parked || w.job(order).Reason != "failed_auth" {
		t.Errorf("%d tries, job %v (%s)", tries, w.job(order).State, w.job(order).Reason)
	}
	again := w.provision(2)
	before := len(w.exchanges)
	_, err := w.contact()
	check(t, err)
	if len(w.exchanges) != before || w.job(again).State != store.Parked {
		t.Errorf("a new order was tried on a parked element: %v", w.job(again).State)
	}
	n, err := w.service.Release(t.Context(), w.seID)
	if err != nil || n != 2 {
		t.Errorf("released %d, %v", n, err)
	}
	w.settle(order)
}

// A job the element keeps refusing is parked too, and does not stand in the way
// of others.
func TestParkedAfterRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	order := w.provision(1)
	for range 10 {
		id, at := w.reach(2)
		_, err := w.step(id, at, func(in []seram.APDU) []seram.APDU { in[3] = seram.APDU{0x6A, 0x80}; return in })
		check(t, err)
	}
	if j := w.job(order); j.State != store.Parked || j.Reason != "element_refused" {
		t.Fatalf("job is %v (%s) after %d attempts", j.State, j.Reason, j.Attempts)
	}
	other := w.provision(2)
	_, err := w.contact()
	check(t, err)
	if w.job(other).State != store.Done || w.job(order).State != store.Parked {
		t.Errorf("other job %v, parked one %v", w.job(other).State, w.job(order).State)
	}
}

// Two phones claim one element: the later is served, the earlier session is
// gone, and one credential comes of it.
func TestTwoPhonesOneElement(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	order := w.provision(1)
	first, at := w.reach(2)
	res, err := w.contact()
	check(t, err)
	if res.RoundTrips != 6 {
		t.Errorf("%d round trips", res.RoundTrips)
	}
	if _, err := w.step(first, at, nil); !errors.Is(err, tsm.ErrUnknownSession) {
		t.Errorf("the earlier session: %v, want ErrUnknownSession", err)
	}
	w.settle(order)
	if w.issuer.asked != 1 {
		t.Errorf("issuer was asked %d times", w.issuer.asked)
	}
}

// While a request of a session is at work, a second phone is told to wait and a
// second request of the same session too.
func TestBusy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	order := w.provision(1)
	id, at := w.reach(2)
	tried := 0
	w.issuer.before = func() { // the issuer is being asked for the first request
		w.issuer.before = nil
		tried++
		element := []seram.SecureElement{seram.NewSecureElement(w.seID)}
		if _, err := w.service.Open(context.Background(), seram.SessionRequest{SecureElements: element}); !errors.Is(err, tsm.ErrBusy) {
			t.Errorf("second phone: %v, want ErrBusy", err)
		}
		if _, err := w.service.Report(context.Background(), id, polling()); !errors.Is(err, tsm.ErrBusy) {
			t.Errorf("second request: %v, want ErrBusy", err)
		}
	}
	at, err := w.step(id, at, nil)
	check(t, err)
	if tried != 1 {
		t.Fatal("the issuer was not asked")
	}
	if _, err = w.step(id, at, nil); err != nil {
		t.Fatal(err)
	}
	w.settle(order)
}

// Nothing of what travels may stand in the log, however a run goes.
func TestLogHoldsNoSecrets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	order := w.provision(1)
	id, at := w.reach(2)
	_, err := w.step(id, at, func(in []seram.APDU) []seram.APDU { in[1][0] ^= 1; return in })
	check(t, err)
	w.submit([]byte("no order"))
	w.settle(order)
	text := strings.ToLower(w.logged.String())
	if !strings.Contains(text, "job advanced") || !strings.Contains(text, "failed authentication counted") {
		t.Fatalf("the log is not where it is looked for")
	}
	secrets := map[string][]byte{
		"element id": w.seID, "master key": w.master, "order": order[:16],
		"sealed bytes": w.issuer.issued[w.job(order).OrderID].sealed[:16], "session id": []byte(id),
	}
	for i, x := range w.exchanges {
		if len(x.command) > 16 {
			secrets[fmt.Sprintf("command %d", i)] = x.command[:16]
		}
		if len(x.response) > 16 {
			secrets[fmt.Sprintf("response %d", i)] = x.response[:16]
		}
	}
	for name, s := range secrets {
		if strings.Contains(text, hex.EncodeToString(s)) || strings.Contains(text, strings.ToLower(string(s))) {
			t.Errorf("the log holds the %s", name)
		}
	}
}

// The doors refuse what JSON a stranger makes up, with documents that repeat
// none of it.
func TestDoorsAgainstStrangers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, tt := range []struct {
		path, body string
		code       int
	}{
		{seram.PathOrder, `{"secureElements":"x"}`, 400},
		{seram.PathOrder, `[]`, 400},
		{seram.PathOrder, `{} {}`, 400},
		{seram.PathOrder, `{"secureElements":[{"seId":"SECRET"}]}`, 400},
		{seram.PathRemoteManagement + "?sessionId=SECRET", `{"localAgentStatus":{"localAgentStatusEnum":"POLLING"}}`, 404},
		{seram.PathRemoteManagement + "?sessionId=x", `{"ramResponses":[{"listOfRAPDU":["SECRET"]}]}`, 400},
		{seram.PathHandshake, `{}`, 404},
		{seram.PathOrder, `{"secureElements":[` + strings.Repeat(" ", 20<<10) + `]}`, 413},
	} {
		code, body := w.call(tt.path, tt.body)
		if code != tt.code || fmt.Sprint(body["status"]) != fmt.Sprint(tt.code) {
			t.Errorf("%s %.40s: %d %v, want %d", tt.path, tt.body, code, body["status"], tt.code)
		}
		if strings.Contains(fmt.Sprint(body), "SECRET") {
			t.Errorf("%s repeats what it was sent", tt.path)
		}
	}
	if strings.Contains(w.logged.String(), "SECRET") {
		t.Error("the log repeats what a stranger sent")
	}
}
