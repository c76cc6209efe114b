package tsm_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm"
	"mobileid/tsm/diversify"
	"mobileid/tsm/gp"
	"mobileid/tsm/scp03"
	"mobileid/tsm/seram"
	"mobileid/tsm/store"
)

// rogue is an element that has the right keys and does or says something else: every
// answer of it is authentic. Behind it is the world's element, over a session of its own.
type rogue struct {
	w *world
	// act answers a command as it was before it was wrapped; do has it carried out.
	act  func(c apdu.Command, do func(apdu.Command) apdu.Response) apdu.Response
	host *scp03.Host
	card *scp03.Card

	update apdu.Response // of the element
	behind *scp03.HostSession
	before *scp03.CardSession
	seen   []apdu.Command
}

// rogueKeys is one key set and its state.
type rogueKeys struct {
	keys  scp03.Keys
	state scp03.SetState
}

func (k *rogueKeys) KeySet(byte) (scp03.Keys, error)                  { return k.keys.Clone(), nil }
func (k *rogueKeys) SetState(byte) (scp03.SetState, error)            { return k.state, nil }
func (k *rogueKeys) StoreSetState(_ byte, s scp03.SetState) (_ error) { k.state = s; return nil }

func (r *rogue) Transmit(ctx context.Context, raw []byte) ([]byte, error) {
	c, err := apdu.ParseCommand(raw)
	if err != nil {
		return nil, err
	}
	var answer apdu.Response
	switch {
	case c.INS == 0x50:
		answer, err = r.initialize(ctx, c)
	case c.INS == 0x82:
		answer, err = r.authenticate(ctx, c)
	case c.Secured():
		answer, err = r.command(ctx, c)
	default:
		return r.w.transmit(ctx, raw)
	}
	return answer.Bytes(), err
}

func (r *rogue) initialize(ctx context.Context, c apdu.Command) (apdu.Response, error) {
	var keys scp03.Keys
	var err error
	if r.w.keys == nil {
		keys, err = diversify.KDF3(r.w.t.Context(), diversify.Memory(r.w.master), r.w.seID, tsm.MasterKeySize, 0x30)
	} else {
		keys, err = r.w.keys.Derive(ctx, r.w.seID, c.P1)
	}
	if err != nil {
		return apdu.Response{}, err
	}
	if r.host, err = scp03.NewHost(keys, nil); err != nil {
		return apdu.Response{}, err
	}
	if r.update, err = apdu.Exchange(ctx, r.w.element, r.host.InitializeUpdate()); err != nil || r.update.SW != apdu.OK {
		return apdu.Response{SW: r.update.SW}, err
	}
	r.card, err = scp03.NewCard(scp03.CardConfig{Keys: &rogueKeys{keys: keys}, KDD: r.w.seID})
	if err != nil {
		return apdu.Response{}, err
	}
	return r.card.InitializeUpdate(c, []byte(gp.ISD)), nil
}

func (r *rogue) authenticate(ctx context.Context, c apdu.Command) (answer apdu.Response, err error) {
	external, behind, err := r.host.Authenticate(r.update, scp03.Full)
	if err != nil {
		return answer, err
	}
	opened, err := apdu.Exchange(ctx, r.w.element, external)
	if err != nil {
		return answer, err
	}
	r.behind = behind
	answer, r.before = r.card.ExternalAuthenticate(c)
	return answer, behind.Opened(opened)
}

func (r *rogue) command(ctx context.Context, c apdu.Command) (apdu.Response, error) {
	plain, err := r.before.Unwrap(c)
	if err != nil {
		return apdu.Response{SW: apdu.SecurityStatus}, nil //nolint:nilerr // as an element does
	}
	plain.Data = bytes.Clone(plain.Data)
	r.seen = append(r.seen, plain)
	answer := r.act(plain, func(c apdu.Command) apdu.Response {
		var out apdu.Response
		if out, err = r.behind.Exchange(ctx, r.w.element, c); err != nil {
			return apdu.Response{SW: 0x6F00}
		}
		return out
	})
	if err != nil {
		return apdu.Response{}, err
	}
	return r.before.Wrap(answer), nil
}

// meets lets the phone come by with a rogue in the element's place.
func (w *world) meets(act func(c apdu.Command, do func(apdu.Command) apdu.Response) apdu.Response) *rogue {
	w.t.Helper()
	r := &rogue{w: w, act: act}
	a := w.agent()
	a.SE = r
	w.element.Reset()
	_, err := a.Run(w.t.Context())
	check(w.t, err)
	if len(r.seen) == 0 {
		w.t.Fatal("the element was asked nothing")
	}
	return r
}

// through lets the phone come by with somebody between it and the element: meddle gets each command, and reaches the element by next.
func (w *world) through(meddle func(ctx context.Context, command []byte, next apdu.Transmitter) ([]byte, error)) error {
	a := w.agent()
	next := a.SE
	a.SE = transmit(func(ctx context.Context, command []byte) ([]byte, error) { return meddle(ctx, command, next) })
	w.element.Reset()
	_, err := a.Run(w.t.Context())
	return err
}

// The instructions that the tests below meddle with.
const (
	insDelete    = 0xE4
	insPutKey    = 0xD8
	insSetStatus = 0xF0
	insStoreData = 0xE2
)

// An element that confirms other keys than it was sent keeps its former set: nothing is
// deleted, no session is opened under the new one, and in the end the job is parked.
func TestRekeyWrongCheckValue(t *testing.T) {
	t.Parallel()
	w, _ := filled(t, 1)
	w.setPIN(1)
	w.newMaster(0x31)
	id, err := w.service.Rekey(t.Context(), w.seID)
	check(t, err)
	for n := 1; n <= 10; n++ {
		r := w.meets(func(c apdu.Command, _ func(apdu.Command) apdu.Response) apdu.Response {
			if c.INS != insPutKey {
				t.Fatalf("contact %d: %02X is asked of an element that confirmed nothing", n, c.INS)
			}
			confirmation := []byte{0x31}
			for range 3 {
				confirmation = append(confirmation, 0x88, 16, 3, 1, 2, 3)
			}
			return apdu.Response{Data: confirmation, SW: apdu.OK}
		})
		if j := w.jobOf(id); len(r.seen) != 1 || j.Cursor != store.KeySent || j.Attempts != n {
			t.Fatalf("contact %d: %d commands, job at %v after %d attempts", n, len(r.seen), j.Cursor, j.Attempts)
		}
	}
	if j := w.jobOf(id); j.State != store.Parked || j.Reason != "key_check" {
		t.Errorf("rekey is %v (%s), want parked for key_check", j.State, j.Reason)
	}
	w.keySets(0x30)
	w.presents(1)
}

// An element that has new keys and does not know them (or a phone that says so) is not
// asked for ever.
func TestRekeyNewKeysUnused(t *testing.T) {
	t.Parallel()
	w, _ := filled(t, 1)
	w.setPIN(1)
	w.newMaster(0x31)
	id, err := w.service.Rekey(t.Context(), w.seID)
	check(t, err)
	asked := 0
	check(t, w.through(func(ctx context.Context, command []byte, next apdu.Transmitter) ([]byte, error) {
		if command[1] == 0x50 && command[2] == 0x31 {
			asked++
			return []byte{0x6A, 0x88}, nil
		}
		return next.Transmit(ctx, command)
	}))
	if j := w.jobOf(id); j.State != store.Parked || j.Reason != "new_keys_unused" || j.Attempts != 10 || asked != 10 {
		t.Errorf("rekey is %v (%s) after %d attempts, the new set asked for %d times", j.State, j.Reason, j.Attempts, asked)
	}
	w.keySets(0x30, 0x31)
	w.reachable()
	w.presents(1)
	if n, err := w.service.Release(t.Context(), w.seID); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	_, err = w.contact()
	check(t, err)
	if s := w.jobOf(id).State; s != store.Done {
		t.Errorf("released and met honestly, the rekey is %v", s)
	}
	w.keySets(0x31)
}

// SET STATUS that the element refuses, or did not carry out, is not noted: the listing shows it.
func TestLockNotApplied(t *testing.T) {
	t.Parallel()
	for _, sw := range []apdu.SW{apdu.Conditions, apdu.OK} {
		for kind, want := range map[provisioning.OrderKind][]byte{provisioning.OrderLock: nil, provisioning.OrderUnlock: {1}} {
			w, _ := filled(t, 1)
			if kind == provisioning.OrderUnlock {
				w.switchTo(provisioning.OrderLock, 1)
			}
			order := w.order(kind, 1)
			w.submitted(order)
			w.meets(func(c apdu.Command, do func(apdu.Command) apdu.Response) apdu.Response {
				if c.INS == insSetStatus {
					return apdu.Response{SW: sw}
				}
				return do(c)
			})
			if j := w.job(order); j.State != store.Queued || j.Cursor != store.Ordered || j.Attempts != 1 {
				t.Errorf("kind %d, answered %v: job is %v at %v after %d attempts", kind, sw, j.State, j.Cursor, j.Attempts)
			}
			w.lockedSlots(want...)
			w.element.Reset()
			_, err := w.contact()
			check(t, err)
			if s := w.job(order).State; s != store.Done {
				t.Errorf("kind %d: job is %v after an honest contact", kind, s)
			}
		}
	}
}

// An instance that is still listed after DELETE succeeded keeps the wipe open.
func TestWipeNotCleared(t *testing.T) {
	t.Parallel()
	w, _ := filled(t, 1, 2)
	order := w.wipe(1)
	r := w.meets(func(c apdu.Command, do func(apdu.Command) apdu.Response) apdu.Response {
		if c.INS == insDelete {
			return apdu.Response{Data: []byte{0}, SW: apdu.OK}
		}
		return do(c)
	})
	if j := w.job(order); j.State != store.Queued || j.Cursor != store.Wiped || j.Attempts != 1 || len(j.Receipts) != 1 {
		t.Errorf("wipe is %v at %v after %d attempts, %d receipts, %d commands", j.State, j.Cursor, j.Attempts, len(j.Receipts), len(r.seen))
	}
	_, err := w.contact()
	check(t, err)
	w.emptied(order, []byte{1}, []byte{2})
}

// A receipt of another kind, order, slot or element than the job's is not filed.
func TestReceiptAboutSomethingElse(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	for _, tt := range []struct {
		name   string
		change func(*provisioning.Receipt)
		files  bool
	}{
		{"what was ordered", func(*provisioning.Receipt) {}, true},
		{"the other kind", func(r *provisioning.Receipt) {
			if r.Kind == provisioning.ReceiptCommitted {
				r.Kind, r.Digest = provisioning.ReceiptWiped, nil
			} else {
				r.Kind, r.Digest = provisioning.ReceiptCommitted, random(32)
			}
		}, false},
		{"another order", func(r *provisioning.Receipt) { r.OrderID = random(16) }, false},
		{"another element", func(r *provisioning.Receipt) { r.SEID = random(10) }, false},
		{"another slot", func(r *provisioning.Receipt) { r.Slot++ }, false},
		{"phone certificates", func(r *provisioning.Receipt) { r.Application = provisioning.ApplicationPhoneCertificates }, false},
	} {
		for _, kind := range []provisioning.OrderKind{provisioning.OrderProvision, provisioning.OrderWipe} {
			t.Run(tt.name, func(t *testing.T) {
				w, _ := filled(t, 1)
				order := w.order(kind, 1)
				w.submitted(order)
				w.meets(func(c apdu.Command, do func(apdu.Command) apdu.Response) apdu.Response {
					r := do(c)
					if c.INS != insStoreData || !isReceipt(r.Data) {
						return r
					}
					r.Data = meddled(t, key, r.Data, tt.change)
					return r
				})
				if files := len(w.job(order).Receipts) == 1; files != tt.files {
					t.Errorf("order of kind %d: receipt filed %v, job at %v", kind, files, w.job(order).Cursor)
				}
			})
		}
	}
}

func isReceipt(b []byte) bool {
	_, err := provisioning.ParseReceipt(b)
	return err == nil
}

func meddled(t *testing.T, key *ecdsa.PrivateKey, raw []byte, change func(*provisioning.Receipt)) []byte {
	t.Helper()
	signed, err := provisioning.ParseReceipt(raw)
	check(t, err)
	r := signed.Claimed()
	change(&r)
	out, err := provisioning.SignReceipt(key, r)
	check(t, err)
	return out
}

// Whoever answers in an element's name cannot have a wipe or a lock parked, whatever is
// refused and however often.
func TestRefusalsDoNotParkUrgentJobs(t *testing.T) {
	t.Parallel()
	const contacts = 15 // a job of another kind is parked after 10
	for _, kind := range []provisioning.OrderKind{provisioning.OrderWipe, provisioning.OrderLock} {
		w, _ := filled(t, 1)
		order := w.order(kind, 1)
		w.submitted(order)
		for range contacts {
			check(t, w.through(func(ctx context.Context, command []byte, next apdu.Transmitter) ([]byte, error) {
				r, err := next.Transmit(ctx, command)
				if command[1] == 0xF2 {
					return []byte{0x6A, 0x80}, err
				}
				return r, err
			}))
		}
		if j := w.job(order); j.State != store.Queued || j.Attempts != contacts {
			t.Errorf("kind %d is %v (%s) after %d attempts", kind, j.State, j.Reason, j.Attempts)
		}
		w.element.Reset()
		_, err := w.contact()
		check(t, err)
		if s := w.job(order).State; s != store.Done {
			t.Errorf("kind %d is %v after an honest contact", kind, s)
		}
	}
}

// A list of answers of which a later one was changed on its way: what came before it
// counts, and as the keys are proved, no failed authentication does.
func TestWipeReceiptsBeforeAChangedAnswer(t *testing.T) {
	t.Parallel()
	w, _ := filled(t, 1, 2)
	order := w.wipe(0)
	id, at := w.reach(3) // the answers to personalize, wipe, personalize, wipe are due
	next, err := w.step(id, at, func(in []seram.APDU) []seram.APDU {
		in[3][0] ^= 1
		return in
	})
	if err != nil || !stops(next) {
		t.Fatalf("%v %v", next, err)
	}
	if j := w.job(order); len(j.Receipts) != 1 || j.Cursor != store.Ordered || j.State != store.Queued {
		t.Errorf("%d receipts filed, job %v at %v", len(j.Receipts), j.State, j.Cursor)
	}
	if n := w.failedAuth(); n != 0 {
		t.Errorf("%d failed authentications of an element whose keys are proved", n)
	}
	_, err = w.contact()
	check(t, err)
	w.emptied(order, []byte{1, 2}, nil)
}
