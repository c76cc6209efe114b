package tsm_test

import (
	"errors"
	"testing"
	"time"

	"mobileid/mdoc/provisioning"
	"mobileid/tsm"
	"mobileid/tsm/seram"
	"mobileid/tsm/store"
)

func TestSessionRules(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.provision(1)
	ctx := t.Context()
	mine := []seram.SecureElement{seram.NewSecureElement(w.seID)}
	open := func() string {
		id, err := w.service.Open(ctx, seram.SessionRequest{SecureElements: mine})
		check(t, err)
		return id
	}
	t.Run("unknown", func(t *testing.T) {
		if _, err := w.service.Report(ctx, "00", polling()); !errors.Is(err, tsm.ErrUnknownSession) {
			t.Error(err)
		}
	})
	t.Run("handshake first", func(t *testing.T) {
		if _, err := w.service.Report(ctx, open(), polling()); !errors.Is(err, tsm.ErrPhase) {
			t.Error(err)
		}
	})
	t.Run("handshake names another element", func(t *testing.T) {
		h := seram.HandshakeCommand{SecureElements: []seram.SecureElement{seram.NewSecureElement(random(10))}}
		if _, err := w.service.Handshake(ctx, open(), h); !errors.Is(err, tsm.ErrOtherElement) {
			t.Error(err)
		}
	})
	t.Run("no common version", func(t *testing.T) {
		for _, h := range []seram.HandshakeCommand{
			{SupportedVersions: []string{"1.0.0"}}, {SupportedDataFormats: []string{"application/xml"}}, {SupportedTransportProtocols: []string{"MQTT"}},
		} {
			if _, err := w.service.Handshake(ctx, open(), h); !errors.Is(err, tsm.ErrNoCommon) {
				t.Errorf("%v: %v", h, err)
			}
		}
	})
	t.Run("answers before anything was ordered", func(t *testing.T) {
		if _, err := w.service.Report(ctx, w.session(), processed(nil)); !errors.Is(err, tsm.ErrPhase) {
			t.Error(err)
		}
	})
	t.Run("unknown status", func(t *testing.T) {
		r := polling()
		r.LocalAgentStatus.Status = "DONE"
		if _, err := w.service.Report(ctx, w.session(), r); !errors.Is(err, tsm.ErrReport) {
			t.Error(err)
		}
	})
	t.Run("the element is out of reach", func(t *testing.T) {
		for _, s := range []seram.Status{seram.UnavailableSE, seram.UngrantedAccess, seram.UnknownFailure} {
			id, _ := w.reach(2)
			r := polling()
			r.LocalAgentStatus.Status = s
			if o, err := w.service.Report(ctx, id, r); err != nil || !stops(o) {
				t.Errorf("%s: %v", s, err)
			}
		}
	})
	t.Run("ends after five minutes", func(t *testing.T) {
		id := w.session()
		w.pass(5*time.Minute + time.Second)
		if _, err := w.service.Report(ctx, id, polling()); !errors.Is(err, tsm.ErrUnknownSession) {
			t.Error(err)
		}
	})
	t.Run("polling in the middle starts again", func(t *testing.T) {
		id, _ := w.reach(3)
		w.element.Reset()
		o, err := w.service.Report(ctx, id, polling())
		if err != nil || stops(o) || len(o.RAMCommands[0].ListOfCAPDU) != 2 {
			t.Fatalf("%v %v", o, err)
		}
	})
	t.Run("no element of our form", func(t *testing.T) {
		for _, elements := range [][]seram.SecureElement{nil, {{SEType: "uicc", SEID: "89001012012341234012345678901224"}}, {{SEID: "zz"}}} {
			if _, err := w.service.Open(ctx, seram.SessionRequest{SecureElements: elements}); !errors.Is(err, tsm.ErrNoElement) {
				t.Errorf("%v: %v", elements, err)
			}
		}
	})
	t.Run("the element with a job is chosen", func(t *testing.T) {
		id, err := w.service.Open(ctx, seram.SessionRequest{SecureElements: []seram.SecureElement{
			{SEType: "uicc", SEID: "89001012012341234012345678901224"}, seram.NewSecureElement(random(10)), mine[0],
		}})
		check(t, err)
		if _, err := w.service.Handshake(ctx, id, seram.HandshakeCommand{SecureElements: mine}); err != nil {
			t.Error(err)
		}
	})
}

// A job that comes to no end on one element of a phone, a lock of what is not there or a wipe that the phone hides everything
// from, does not keep another element of it from its turn, nor is it kept from its own.
func TestElementsTakeTurns(t *testing.T) {
	t.Parallel()
	for _, kind := range []provisioning.OrderKind{provisioning.OrderLock, provisioning.OrderWipe} {
		w := newWorld(t)
		stuck, second := w.order(kind, 1), random(seram.SEIDSize)
		w.submitted(stuck)
		w.submitted(w.order(provisioning.OrderProvision, 1, func(o *provisioning.Order) { o.SEID = second }))
		for range 12 {
			w.hiding(func(int) bool { return true })
		}
		if s := w.job(stuck).State; s != store.Queued {
			t.Fatalf("kind %d: job is %v", kind, s)
		}
		elements := []seram.SecureElement{seram.NewSecureElement(w.seID), seram.NewSecureElement(second), seram.NewSecureElement(random(seram.SEIDSize))}
		turns := map[string]int{}
		for range 64 {
			id, err := w.service.Open(t.Context(), seram.SessionRequest{SecureElements: elements})
			check(t, err)
			_, err = w.service.Handshake(t.Context(), id, seram.HandshakeCommand{})
			check(t, err)
			order, err := w.service.Report(t.Context(), id, polling())
			check(t, err)
			if order.ChosenSecureElement == nil {
				t.Fatalf("kind %d: an element without a job was chosen", kind)
			}
			turns[order.ChosenSecureElement.SEID]++
		}
		if len(turns) != 2 { // by chance once in 2^63 runs
			t.Errorf("kind %d: of two elements with a job %d were served in 64 sessions", kind, len(turns))
		}
	}
}

func TestSessionsAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	master, err := tsm.NewMasterKey(w.master, 0x30)
	check(t, err)
	s, err := tsm.New(tsm.Config{
		Store: w.store, Keys: master, Issuer: w.issuer, OrderKey: w.orderKey.Public(), Now: w.clock, MaxSessions: 3,
	})
	check(t, err)
	open := func(shake bool) string {
		w.pass(time.Second)
		id, err := s.Open(t.Context(), seram.SessionRequest{SecureElements: []seram.SecureElement{seram.NewSecureElement(random(10))}})
		check(t, err)
		if shake {
			_, err := s.Handshake(t.Context(), id, seram.HandshakeCommand{})
			check(t, err)
		}
		return id
	}
	gone := func(want bool, id string) {
		t.Helper()
		_, err := s.Report(t.Context(), id, processed(nil)) // neither starts anything nor ends the session
		if got := errors.Is(err, tsm.ErrUnknownSession); got != want {
			t.Errorf("session is gone: %v, want %v", got, want)
		}
	}
	shaken, first, second := open(true), open(false), open(false)
	third := open(false)
	gone(true, first) // the longest silent without a handshake, though a silent one shook hands before
	gone(false, second)
	gone(false, shaken)
	all := []string{open(true), open(true)} // in the place of second and third
	gone(true, third)
	gone(true, second)
	gone(false, all[0])
	gone(false, all[1])
	last := open(false)
	gone(true, shaken) // by now the longest silent of them
	gone(false, last)
}

// However many strangers open sessions and shake hands: the session of an element that
// proved its keys is not dropped for them, and when there are only such, the next one is
// told to wait.
func TestStrangersDoNotDropAProvedSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	master, err := tsm.NewMasterKey(w.master, 0x30)
	check(t, err)
	const most = 2
	w.service, err = tsm.New(tsm.Config{
		Store: w.store, Keys: master, Issuer: w.issuer, OrderKey: w.orderKey.Public(), Now: w.clock, MaxSessions: most,
	})
	check(t, err)
	_, err = w.service.Submit(t.Context(), w.order(provisioning.OrderProvision, 1))
	check(t, err)
	id, at := w.reach(3) // the element proved its keys with the attestation
	stranger := func() error {
		w.pass(time.Second)
		id, err := w.service.Open(t.Context(), seram.SessionRequest{SecureElements: []seram.SecureElement{seram.NewSecureElement(random(10))}})
		if err == nil {
			_, err = w.service.Handshake(t.Context(), id, seram.HandshakeCommand{})
		}
		return err
	}
	for range 10 * most {
		check(t, stranger())
	}
	at, err = w.step(id, at, nil)
	if err != nil || !stops(at) {
		t.Errorf("the element's session: %v, %v", at, err)
	}
	t.Run("nothing but such", func(t *testing.T) {
		s, err := tsm.New(tsm.Config{
			Store: w.store, Keys: master, Issuer: w.issuer, OrderKey: w.orderKey.Public(), Now: w.clock, MaxSessions: 1,
		})
		check(t, err)
		w.service = s
		_, err = s.Submit(t.Context(), w.order(provisioning.OrderProvision, 2))
		check(t, err)
		w.reach(3)
		if err := stranger(); !errors.Is(err, tsm.ErrTooManySessions) {
			t.Errorf("err = %v, want ErrTooManySessions", err)
		}
		w.pass(6 * time.Minute)
		check(t, stranger())
	})
}
