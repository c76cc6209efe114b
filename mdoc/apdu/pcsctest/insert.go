package pcsctest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/apdu/pcsc"
	"mobileid/mdoc/apdu/vpcd"
)

// TB is what Run and Insert need of a testing.TB.
type TB interface {
	Helper()
	Fatal(args ...any)
	Cleanup(f func())
	Context() context.Context
}

// Run starts a daemon that ends with the test. What is missing fails the test with the name of the package.
func Run(t TB) *Daemon {
	t.Helper()
	d, err := Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Stop)
	return d
}

// A Stay is a card in the reader.
type Stay struct {
	daemon *Daemon
	events uint32 // the reader's count after the card came
	end    context.CancelFunc
	done   chan struct{}
}

// Insert puts a card into the reader and waits until the daemon has seen it. The reader must be empty. Remove takes it out.
func (d *Daemon) Insert(ctx context.Context, card vpcd.Card) (*Stay, error) {
	return d.InsertWith(ctx, card, vpcd.Options{Retry: 10 * time.Millisecond})
}

// InsertWith is Insert with options of vpcd.Serve.
func (d *Daemon) InsertWith(ctx context.Context, card vpcd.Card, o vpcd.Options) (*Stay, error) {
	serving, end := context.WithCancel(context.WithoutCancel(ctx))
	s := &Stay{daemon: d, end: end, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		_ = vpcd.Serve(serving, d.Address, card, o)
	}()
	err := d.await(ctx, func(r pcsc.Reader) bool { s.events = r.Events; return r.State&pcsc.Present != 0 })
	if err != nil {
		s.Pull()
		return nil, fmt.Errorf("inserting a card: %w", err)
	}
	return s, nil
}

// Pull takes the card out without waiting until the daemon has noticed: the next command finds no card.
func (s *Stay) Pull() {
	s.end()
	<-s.done
}

// Remove takes the card out and waits until the daemon has seen that.
func (s *Stay) Remove(ctx context.Context) error {
	s.Pull()
	gone := func(r pcsc.Reader) bool { return r.State&pcsc.Present == 0 && r.Events != s.events }
	if err := s.daemon.await(ctx, gone); err != nil {
		return fmt.Errorf("removing the card: %w", err)
	}
	return nil
}

// await waits until the reader is as wanted. The count of events matters beside the state: after a failed exchange pcscd says that
// there is no card before it has looked, and would take the next card for the same one.
func (d *Daemon) await(ctx context.Context, wanted func(pcsc.Reader) bool) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	readers, err := d.client.Readers(ctx)
	for err == nil {
		for _, r := range readers {
			if r.Name == d.Reader && wanted(r) {
				return nil
			}
		}
		readers, err = d.client.Wait(ctx, readers)
	}
	return err
}

// Measure is the time one exchange takes, the median of n: of a command that changes nothing, such as READ BINARY, through
// whatever t is. The clock is now.
func Measure(ctx context.Context, t apdu.Transmitter, c apdu.Command, n int, now func() time.Time) (time.Duration, error) {
	times := make([]time.Duration, 0, n)
	for range n {
		before := now()
		r, err := apdu.Exchange(ctx, t, c)
		if err == nil {
			err = r.Err()
		}
		if err != nil {
			return 0, fmt.Errorf("measuring: %w", err)
		}
		times = append(times, now().Sub(before))
	}
	return median(times), nil
}

func median(times []time.Duration) time.Duration {
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	return times[len(times)/2]
}
