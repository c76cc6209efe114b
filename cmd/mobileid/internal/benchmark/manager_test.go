package benchmark

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"mobileid/mdoc/provisioning"
	"mobileid/tsm"
)

// What a rate counts is carried out: the issuer model refuses a receipt that another signed, that is about another document,
// or that nobody waits for.
func TestReceiptsAreVerified(t *testing.T) {
	w, err := newWorld(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	m, err := newManager(t.Context(), w, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := m.close(); err != nil {
			t.Error(err)
		}
	}()
	e, err := m.newElement(m.dir, extendedData)
	if err != nil {
		t.Fatal(err)
	}
	order, err := m.order(e)
	if err != nil {
		t.Fatal(err)
	}
	_, err = m.provision(t.Context(), e, order)
	if err := errors.Join(err, m.committed(t.Context(), order), e.Close()); err != nil {
		t.Fatal(err)
	}
	o, err := provisioning.VerifyOrder(order, m.orderKey.Public(), w.now)
	if err != nil {
		t.Fatal(err)
	}
	job, err := m.store.Job(t.Context(), hex.EncodeToString(o.ID))
	if err != nil || len(job.Receipts) != 1 {
		t.Fatal(len(job.Receipts), err)
	}
	receipt := job.Receipts[0].Signed
	if err := m.Receipt(t.Context(), receipt); err != nil {
		t.Errorf("the genuine one: %v", err)
	}
	known, _ := m.issued.Load(string(o.ID))
	is, ok := known.(issued)
	if !ok {
		t.Fatal("nothing was issued")
	}
	changed := bytes.Clone(receipt)
	changed[len(changed)-1] ^= 1
	if err := m.Receipt(t.Context(), changed); err == nil {
		t.Error("a receipt with another signature is taken")
	}
	is.digest[0] ^= 1
	m.issued.Store(string(o.ID), is)
	if err := m.Receipt(t.Context(), receipt); !errors.Is(err, tsm.ErrIssuerRefused) {
		t.Errorf("of another document: %v", err)
	}
	m.issued.Delete(string(o.ID))
	if err := m.Receipt(t.Context(), receipt); !errors.Is(err, tsm.ErrIssuerRefused) {
		t.Errorf("of no order: %v", err)
	}
}

// What is called a figure of one core is taken on one, and the others come back.
func TestElementCommandsUseOneCore(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	most := 0
	clock := func() time.Time {
		most = max(most, runtime.GOMAXPROCS(0))
		return time.Now()
	}
	w, err := newWorld(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := elementCommands(t.Context(), harness{rounds: 1, batch: time.Millisecond, now: clock}, w, &printer{out: io.Discard}); err != nil {
		t.Fatal(err)
	}
	if most != 1 || runtime.GOMAXPROCS(0) != 2 {
		t.Errorf("measured on %d cores, %d afterwards", most, runtime.GOMAXPROCS(0))
	}
}

// The two rates are told apart.
func TestProvisionRateTellsFirsts(t *testing.T) {
	w, err := newWorld(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := provisionRate(t.Context(), harness{rounds: 1, batch: time.Millisecond}, w, &printer{out: &out}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "renewals in place") || !strings.Contains(out.String(), "which installs: ") {
		t.Error(out.String())
	}
}
