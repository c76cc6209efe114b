package tsm_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm"
	"mobileid/tsm/store"
)

func TestSubmitRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good := w.order(provisioning.OrderProvision, 1)
	tampered := bytes.Clone(good)
	tampered[len(tampered)-1] ^= 1
	stranger, err := provisioning.SignOrder(newKey(t), provisioning.Order{
		ID: random(16), Kind: provisioning.OrderWipe, SEID: w.seID, NotAfter: cbor.NewTDate(w.now.Add(time.Hour)),
	})
	check(t, err)
	receipt, err := provisioning.SignReceipt(w.orderKey, provisioning.Receipt{
		Kind: provisioning.ReceiptWiped, OrderID: random(16), SEID: w.seID, Slot: 1, Counter: 1,
	})
	check(t, err)
	for _, tt := range []struct {
		name  string
		order []byte
		want  error
		code  int
	}{
		{"empty", nil, tsm.ErrOrderMalformed, 400},
		{"no COSE", []byte("order"), tsm.ErrOrderMalformed, 400},
		{"too long", make([]byte, tsm.MaxOrder+1), tsm.ErrOrderMalformed, 400},
		{"another message signed with the order key", receipt, tsm.ErrOrderMalformed, 400},
		{"one signature bit", tampered, tsm.ErrOrderSignature, 403},
		{"wrong signer", stranger, tsm.ErrOrderSignature, 403},
		{"expired", w.order(provisioning.OrderProvision, 1, func(o *provisioning.Order) {
			o.NotAfter = cbor.NewTDate(w.now.Add(-time.Second))
		}), tsm.ErrOrderExpired, 422},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := w.service.Submit(t.Context(), tt.order); !errors.Is(err, tt.want) {
				t.Errorf("err = %v, want %v", err, tt.want)
			}
			if code := w.submit(tt.order); code != tt.code {
				t.Errorf("status %d, want %d", code, tt.code)
			}
		})
	}
	if res, err := w.contact(); err != nil || res.APDUs != 0 {
		t.Errorf("a refused order is run: %d APDUs, %v", res.APDUs, err)
	}
}

// The same order again gives the same answer for as long as the job is kept,
// and is never carried out again.
func TestDuplicateOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	order := w.order(provisioning.OrderProvision, 1)
	var wg sync.WaitGroup
	ids := make([]string, 64)
	for i := range ids {
		wg.Go(func() {
			id, err := w.service.Submit(t.Context(), order)
			if err != nil {
				t.Error(err)
			}
			ids[i] = id
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id != ids[0] || id == "" {
			t.Fatalf("one order has the ids %q and %q", id, ids[0])
		}
	}
	w.settle(order)
	w.pass(2 * time.Hour)
	if id, err := w.service.Submit(t.Context(), order); err != nil || id != ids[0] {
		t.Errorf("replayed after it was done and past its end: %q, %v", id, err)
	}
	before := len(w.exchanges)
	_, err := w.contact()
	check(t, err)
	if len(w.exchanges) != before || w.issuer.asked != 1 {
		t.Error("a replayed order was carried out again")
	}
	w.pass(31 * 24 * time.Hour)
	check(t, w.service.Sweep(t.Context()))
	if _, err := w.service.Submit(t.Context(), order); !errors.Is(err, tsm.ErrOrderExpired) {
		t.Errorf("replayed after it was forgotten: %v", err)
	}
}

func TestOrderIDTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := random(16)
	same := func(o *provisioning.Order) { o.ID = id }
	first := w.order(provisioning.OrderProvision, 1, same)
	if code := w.submit(first); code != http.StatusAccepted {
		t.Fatalf("status %d", code)
	}
	other := w.order(provisioning.OrderProvision, 2, same)
	if _, err := w.service.Submit(t.Context(), other); !errors.Is(err, tsm.ErrOrderConflict) {
		t.Errorf("err = %v, want ErrOrderConflict", err)
	}
	if job := w.job(first); job.Slot != 1 {
		t.Error("the second order changed the first")
	}
}

func TestOrderForAnotherElement(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	order := w.order(provisioning.OrderProvision, 1, func(o *provisioning.Order) { o.SEID = random(10) })
	w.submit(order)
	res, err := w.contact()
	check(t, err)
	if res.APDUs != 0 || w.job(order).State != store.Queued {
		t.Errorf("%d APDUs went to this element, the job is %v", res.APDUs, w.job(order).State)
	}
}

// A phone that names an element it does not have: the KDD gives it away before
// any key is tried, and nothing is counted against the element it named.
func TestAnotherElementAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := random(10)
	order := w.order(provisioning.OrderProvision, 1, func(o *provisioning.Order) { o.SEID = other })
	w.submit(order)
	a := w.agent()
	a.Element.SEID = hex.EncodeToString(other)
	res, err := a.Run(t.Context())
	check(t, err)
	if res.APDUs != 2 || w.job(order).State != store.Queued {
		t.Errorf("%d APDUs, job %v", res.APDUs, w.job(order).State)
	}
	if n, err := w.store.FailedAuth(t.Context(), hex.EncodeToString(other)); err != nil || n != 0 {
		t.Errorf("%d failed authentications counted, %v", n, err)
	}
}

// call posts a JSON message to a door.
func (w *world) call(path string, body any) (int, map[string]any) {
	w.t.Helper()
	raw, isRaw := body.(string)
	if !isRaw {
		b, err := json.Marshal(body)
		check(w.t, err)
		raw = string(b)
	}
	req := httptest.NewRequest(http.MethodPost, path, bytes.NewReader([]byte(raw)))
	req.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, req)
	var out map[string]any
	if err := json.Unmarshal(rec.Body.Bytes(), &out); err != nil {
		w.t.Fatalf("%s answered %d with no JSON object", path, rec.Code)
	}
	return rec.Code, out
}
