package tsm_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"mobileid/mdoc/apdu"
	"mobileid/tsm"
	"mobileid/tsm/gp"
	"mobileid/tsm/seram"
	"mobileid/tsm/store"
)

// An element that tells of longer commands gets longer blocks, as long as it says
// and at most 4 KiB.
func TestProvisionExtended(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		tells, block, most int
	}{
		{0, 255, 126}, {255, 255, 126}, {256, 256, 125}, {1024, 1024, 39}, {4 << 10, 4 << 10, 20}, {0xFFFF, 4 << 10, 20},
	} {
		t.Run(fmt.Sprint(tt.tells), func(t *testing.T) {
			w := newWorld(t)
			w.longest = tt.tells
			w.power()
			w.issuer.portrait = 26_300
			order := w.provision(3)
			res, err := w.contact()
			check(t, err)
			if w.job(order).State != store.Done || res.APDUs > tt.most || res.RoundTrips > 6 || res.Managed > 4 {
				t.Errorf("%v after %d APDUs in %d round trips, at most %d", w.job(order).State, res.APDUs, res.RoundTrips, tt.most)
			}
			w.setPIN(3)
			w.holds(3, order)
			longest := 0
			for _, x := range w.exchanges {
				c, err := apdu.ParseCommand(x.command)
				check(t, err)
				longest = max(longest, len(c.Data))
				if c.Extended != (len(c.Data) > 255) && c.INS == 0xE2 && c.P1&0x80 == 0 {
					t.Errorf("a block of %d bytes has extended length %v", len(c.Data), c.Extended)
				}
			}
			if longest > tt.block {
				t.Errorf("the longest command has %d bytes of data, want at most %d", longest, tt.block)
			}
			t.Logf("%d sealed bytes in %d APDUs", len(w.issuer.issued[w.job(order).OrderID].sealed), res.APDUs)
		})
	}
}

// What a phone makes of the FCI, which no MAC protects, costs exchanges and nothing
// else.
func TestFCIChanged(t *testing.T) {
	t.Parallel()
	for _, longest := range []int{1, 254, 300, 0xFFFF} {
		t.Run(fmt.Sprint(longest), func(t *testing.T) {
			w := newWorld(t)
			order := w.provision(1)
			a := w.agent()
			inner := a.SE
			a.SE = transmit(func(ctx context.Context, command []byte) ([]byte, error) {
				r, err := inner.Transmit(ctx, command)
				if command[1] == 0xA4 {
					r = append(gp.FCI{AID: gp.ISD, MaxData: longest}.Bytes(), 0x90, 0x00)
				}
				return r, err
			})
			_, err := a.Run(t.Context())
			check(t, err)
			w.settle(order)
		})
	}
	t.Run("none", func(t *testing.T) {
		w := newWorld(t)
		order := w.provision(1)
		id, at := w.reach(1)
		at, err := w.step(id, at, func(in []seram.APDU) []seram.APDU { in[0] = seram.APDU{0x90, 0x00}; return in })
		check(t, err)
		if stops(at) {
			t.Fatal("an element without FCI is refused")
		}
		w.settle(order)
	})
}

func TestReady(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	check(t, w.service.Ready(t.Context()))
	check(t, w.store.Close())
	if err := w.service.Ready(t.Context()); !errors.Is(err, tsm.ErrUnavailable) {
		t.Errorf("without its store: %v, want ErrUnavailable", err)
	}
	w.start()
}

// Run keeps house at once, and ends with its context.
func TestRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	order := w.provision(1)
	fail := &failingReceipts{issuer: w.issuer, fail: true}
	w.port = fail
	w.restart()
	_, err := w.contact()
	check(t, err)
	fail.asked = make(chan struct{}, 1)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { w.service.Run(ctx, time.Hour); close(ended) }()
	<-fail.asked // the first round meets an issuer that is away
	stop()
	<-ended
	if !w.job(order).Owes() {
		t.Error("a receipt that nobody took is not owed any more")
	}
	fail.fail = false
	check(t, w.service.Sweep(t.Context()))
	if j := w.job(order); j.State != store.Done {
		t.Errorf("job is %v", j.State)
	}
}
