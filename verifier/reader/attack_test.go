package reader_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"mobileid/mdoc/engagement"
	"mobileid/mdoc/holder"
	"mobileid/mdoc/transport"
	"mobileid/mdoc/transport/loopback"
	"mobileid/verifier/policy"
	"mobileid/verifier/reader"
)

// TestFaultsOnTheAir: whatever the radio does to the response, it is not accepted, and the phone is told.
func TestFaultsOnTheAir(t *testing.T) {
	back := func(f func(n int, m []byte) [][]byte) loopback.Config {
		return loopback.Config{Fault: func(d loopback.Direction, n int, m []byte) [][]byte {
			if d == loopback.SecondToFirst {
				return f(n, m)
			}
			return [][]byte{m}
		}}
	}
	for name, pipe := range map[string]loopback.Config{
		"bit flipped in the middle": back(func(_ int, m []byte) [][]byte { m[len(m)/2] ^= 4; return [][]byte{m} }),
		"bit flipped in the head":   back(func(_ int, m []byte) [][]byte { m[0] ^= 1; return [][]byte{m} }),
		"cut":                       back(func(_ int, m []byte) [][]byte { return [][]byte{m[:len(m)-1]} }),
		"empty":                     back(func(int, []byte) [][]byte { return [][]byte{{}} }),
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, policy.AgeTill(20, false), holder.BySignature)
			report, _, err := s.meet(t.Context(), pipe)
			if err != nil {
				t.Fatal(err)
			}
			if decision, code := codes(report.Verdict); decision != policy.NotConfirmed || code != "session_failed" {
				t.Errorf("%s because of %q: %s", decision, code, report.Verdict)
			}
		})
	}
	t.Run("doubled response is judged once", func(t *testing.T) {
		s := newShop(t, policy.AgeTill(20, false), holder.BySignature)
		report, _, err := s.meet(t.Context(), back(func(_ int, m []byte) [][]byte { return [][]byte{m, m} }))
		if err != nil || !report.Verdict.OK() {
			t.Errorf("error %v, verdict %s", err, report.Verdict)
		}
	})
	t.Run("request altered", func(t *testing.T) {
		s := newShop(t, policy.AgeTill(20, false), holder.BySignature)
		report, atPhone, err := s.meet(t.Context(), loopback.Config{Fault: func(d loopback.Direction, _ int, m []byte) [][]byte {
			if d == loopback.FirstToSecond {
				m[len(m)-1] ^= 1
			}
			return [][]byte{m}
		}})
		if err != nil || report.Verdict.OK() || atPhone == nil {
			t.Errorf("till: %v %v, phone: %v", report, err, atPhone)
		}
	})
}

func TestLostConnectionIsAnError(t *testing.T) {
	s := newShop(t, policy.AgeTill(20, false), holder.BySignature)
	t.Run("closed by the phone", func(t *testing.T) {
		till, air := loopback.Pipe()
		_ = air.Close()
		report, err := s.reader.Run(t.Context(), till, s.phone().Engagement().URI())
		if report != nil || !errors.Is(err, transport.ErrClosed) {
			t.Errorf("report %v, error %v", report, err)
		}
	})
	t.Run("never answered", func(t *testing.T) {
		till, air := loopback.Pipe()
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := air.Receive(t.Context()); err != nil {
				t.Error(err)
			}
			cancel()
		})
		report, err := s.reader.Run(ctx, till, s.phone().Engagement().URI())
		wg.Wait()
		if report != nil || !errors.Is(err, context.Canceled) {
			t.Errorf("report %v, error %v", report, err)
		}
		if _, err := air.Receive(t.Context()); !errors.Is(err, transport.ErrClosed) {
			t.Errorf("the connection stays open: %v", err)
		}
	})
	t.Run("not an engagement", func(t *testing.T) {
		till, _ := loopback.Pipe()
		if _, err := s.reader.Run(t.Context(), till, "https://example.com/"); !errors.Is(err, engagement.ErrMalformed) {
			t.Errorf("error %v, want ErrMalformed", err)
		}
	})
}

// TestReplay records a whole good check and plays the phone's side again: to the same exchange, the same reader, another
// reader, and a reader that reads the same QR code.
func TestReplay(t *testing.T) {
	s := newShop(t, policy.AgeTill(20, false), holder.BySignature)
	phone := s.phone()
	uri := phone.Engagement().URI()
	x, establishment, err := s.reader.Begin(uri)
	if err != nil {
		t.Fatal(err)
	}
	request, ds, err := phone.Accept(establishment)
	if err != nil {
		t.Fatal(err)
	}
	response, err := s.wallet.Answer(t.Context(), request, ds.Transcript(), ds.EReaderKey())
	if err != nil {
		t.Fatal(err)
	}
	recorded, err := ds.Encrypt(response, false)
	if err != nil {
		t.Fatal(err)
	}
	report, end, err := x.Finish(recorded)
	if err != nil || !report.Verdict.OK() || end == nil {
		t.Fatalf("the genuine check: error %v, verdict %s", err, report.Verdict)
	}
	if _, _, err := x.Finish(recorded); !errors.Is(err, reader.ErrFinished) {
		t.Errorf("same exchange: error %v, want ErrFinished", err)
	}
	restarted := s.newReader(policy.AgeTill(20, false))
	for name, r := range map[string]*reader.Reader{"same reader": s.reader, "reader after restart": restarted} {
		t.Run(name, func(t *testing.T) {
			x, _, err := r.Begin(uri) // the attacker shows the recorded QR code
			if err != nil {
				t.Fatal(err)
			}
			report, _, err := x.Finish(recorded)
			if err != nil {
				t.Fatal(err)
			}
			if decision, code := codes(report.Verdict); decision != policy.NotConfirmed || code != "session_failed" {
				t.Errorf("%s because of %q", decision, code)
			}
		})
	}
	t.Run("old response inside a new session", func(t *testing.T) {
		// A phone in the attacker's hands can encrypt whatever it recorded; the device signature covers the old transcript.
		fresh := s.phone()
		x, establishment, err := s.reader.Begin(fresh.Engagement().URI())
		if err != nil {
			t.Fatal(err)
		}
		_, ds, err := fresh.Accept(establishment)
		if err != nil {
			t.Fatal(err)
		}
		message, err := ds.Encrypt(response, false)
		if err != nil {
			t.Fatal(err)
		}
		report, _, err := x.Finish(message)
		if err != nil {
			t.Fatal(err)
		}
		if decision, code := codes(report.Verdict); decision != policy.Refused || code != "holder_not_proved" {
			t.Errorf("%s because of %q", decision, code)
		}
	})
}

func TestTwoChecksAtOnceDoNotMix(t *testing.T) {
	adult := newShop(t, policy.AgeTill(20, false), holder.BySignature)
	d := adult.Draft(t)
	nineteen(&d)
	young := adult.Holder(t, adult.Issue(t, d), holder.BySignature)
	type check struct {
		x       *reader.Exchange
		message []byte
	}
	begin := func(h *holder.Holder) check {
		phone := adult.phone()
		x, establishment, err := adult.reader.Begin(phone.Engagement().URI())
		if err != nil {
			t.Fatal(err)
		}
		request, ds, err := phone.Accept(establishment)
		if err != nil {
			t.Fatal(err)
		}
		response, err := h.Answer(t.Context(), request, ds.Transcript(), ds.EReaderKey())
		if err != nil {
			t.Fatal(err)
		}
		m, err := ds.Encrypt(response, true)
		if err != nil {
			t.Fatal(err)
		}
		return check{x, m}
	}
	a, b := begin(adult.wallet), begin(young)
	swapped, _, err := b.x.Finish(a.message) // the adult's message in the young one's check
	if err != nil || swapped.Verdict.OK() {
		t.Errorf("error %v, verdict %s", err, swapped.Verdict)
	}
	own, end, err := a.x.Finish(a.message)
	if err != nil || !own.Verdict.OK() {
		t.Errorf("the adult's own check: error %v, verdict %s", err, own.Verdict)
	}
	if end != nil {
		t.Error("a session the phone has ended is ended again")
	}
}

func TestAbandonedExchangeTakesNothing(t *testing.T) {
	s := newShop(t, policy.AgeTill(20, false), holder.BySignature)
	x, _, err := s.reader.Begin(s.phone().Engagement().URI())
	if err != nil {
		t.Fatal(err)
	}
	if x.Abandon() == nil {
		t.Error("no message ends the session")
	}
	if x.Abandon() != nil {
		t.Error("the session ends twice")
	}
	if _, _, err := x.Finish([]byte{0xa0}); !errors.Is(err, reader.ErrFinished) {
		t.Errorf("error %v, want ErrFinished", err)
	}
}
