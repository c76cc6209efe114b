package cardsim_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mobileid/issuer/card"
	"mobileid/issuer/card/cardsim"
	"mobileid/mdoc/apdu"
	"mobileid/mdoc/apdu/pcsc"
	"mobileid/mdoc/apdu/pcsctest"
	"mobileid/mdoc/apdu/vpcd"
)

// faulty is the model until After commands are done; the next one is answered by then.
type faulty struct {
	*cardsim.Card
	after int
	then  func(context.Context) ([]byte, error)
	done  atomic.Int64
}

func (f *faulty) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if int(f.done.Add(1)) == f.after+1 {
		return f.then(ctx)
	}
	return f.Card.Transmit(ctx, command)
}

func pulled(context.Context) ([]byte, error) { return nil, cardsim.ErrPulled }

func silent(ctx context.Context) ([]byte, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// readThrough takes a whole reading through a daemon, within the time given for each exchange.
func readThrough(t testing.TB, d *pcsctest.Daemon, p cardsim.Person, within time.Duration) (*card.Reading, error) {
	t.Helper()
	c := pcsc.New(pcsc.Options{Socket: d.Socket, Timeout: within})
	defer c.Close()
	k, err := c.Connect(t.Context(), d.Reader, pcsc.ConnectOptions{})
	if err != nil {
		return nil, err
	}
	defer k.Close() //nolint:errcheck // the card may be gone
	var reading *card.Reading
	err = k.Exclusively(t.Context(), func(tx apdu.Transmitter) error {
		reading, err = card.Read(t.Context(), tx, p.Secrets(), card.Options{
			Challenge: bytes.Repeat([]byte{7}, 32), Binding: []byte("element"), WithIndividualNumber: true,
		})
		return err
	})
	return reading, err
}

// stays puts the card in, runs f, and takes it out.
func stays(t testing.TB, d *pcsctest.Daemon, k vpcd.Card, f func()) {
	t.Helper()
	if err := stay(t.Context(), d, k, f); err != nil {
		t.Fatal(err)
	}
}

func stay(ctx context.Context, d *pcsctest.Daemon, k vpcd.Card, f func()) error {
	s, err := d.InsertWith(ctx, k, vpcd.Options{Retry: time.Hour}) // once out, it stays out
	if err != nil {
		return err
	}
	f()
	return s.Remove(ctx)
}

// The card is pulled at every exchange of a whole reading with short commands. Each time there is a sentence that says so and no
// reading, and the next tap of the same card gives one. The daemon takes 0.4 s to see a card come or go, so many are at work.
func TestPulledAtEveryExchange(t *testing.T) {
	model := newCard(t, "birthday", nil)
	exchanges := 0
	count := apdu.Tap{Transmitter: model, Seen: func(_, _ []byte, _ error) { exchanges++ }}
	if _, err := card.Read(t.Context(), count, model.Person().Secrets(), card.Options{
		Challenge: bytes.Repeat([]byte{7}, 32), Binding: []byte("element"), WithIndividualNumber: true,
	}); err != nil {
		t.Fatal(err)
	}
	const lanes = 16
	var running sync.WaitGroup
	for lane := range lanes {
		d, k := pcsctest.Run(t), newCard(t, "birthday", nil)
		running.Go(func() {
			for n := lane; n < exchanges; n += lanes {
				if err := pulledAt(t, d, k, n); err != nil {
					t.Errorf("pulled at exchange %d: %v", n, err)
				}
			}
		})
	}
	running.Wait()
}

func pulledAt(t testing.TB, d *pcsctest.Daemon, k *cardsim.Card, n int) error {
	err := stay(t.Context(), d, &faulty{Card: k, after: n, then: pulled}, func() {
		r, err := readThrough(t, d, k.Person(), 10*time.Second)
		if r != nil || !errors.Is(err, pcsc.ErrNoResponse) && !errors.Is(err, pcsc.RemovedCard) && !errors.Is(err, pcsc.NotTransacted) {
			t.Errorf("pulled at exchange %d: %v", n, err)
		}
	})
	if err != nil {
		return err
	}
	return stay(t.Context(), d, k, func() {
		if r, err := readThrough(t, d, k.Person(), 10*time.Second); err != nil || len(r.Signature) == 0 {
			t.Errorf("the tap after exchange %d: %v", n, err)
		}
	})
}

// A card that falls silent, says one byte, or nothing, ends the reading with a sentence within the time-out; the next tap works.
func TestMisbehavingCard(t *testing.T) {
	d := pcsctest.Run(t)
	k := newCard(t, "birthday", nil)
	for _, tc := range []struct {
		name   string
		then   func(context.Context) ([]byte, error)
		within time.Duration
		want   error
	}{
		{"silent", silent, 500 * time.Millisecond, pcsc.ErrTimeout},
		{"one byte", func(context.Context) ([]byte, error) { return []byte{0x90}, nil }, time.Minute, apdu.ErrLength},
		{"no status word", func(context.Context) ([]byte, error) { return make([]byte, 300), nil }, time.Minute, nil},
		{"more than was asked for", func(context.Context) ([]byte, error) { return append(make([]byte, 65000), 0x90, 0), nil }, time.Minute, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			stays(t, d, &faulty{Card: k, after: 4, then: tc.then}, func() {
				r, err := readThrough(t, d, k.Person(), tc.within)
				if err == nil || r != nil || tc.want != nil && !errors.Is(err, tc.want) {
					t.Errorf("error %v", err)
				}
			})
			stays(t, d, k, func() {
				if _, err := readThrough(t, d, k.Person(), 10*time.Second); err != nil {
					t.Errorf("the next tap: %v", err)
				}
			})
		})
	}
}

// Two readings, with the whole of PC/SC between, are the same but for what is drawn at random; the second takes its time.
func TestReadingThroughPCSC(t *testing.T) {
	d := pcsctest.Run(t)
	k := newCard(t, "birthday", nil)
	direct, err := card.Read(t.Context(), k, k.Person().Secrets(), card.Options{
		Challenge: bytes.Repeat([]byte{7}, 32), Binding: []byte("element"), WithIndividualNumber: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	k.Unpower()
	stays(t, d, k, func() {
		before := time.Now()
		r, err := readThrough(t, d, k.Person(), 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("whole reading: %v", time.Since(before))
		if len(r.Files) != len(direct.Files) {
			t.Fatalf("%d files, want %d", len(r.Files), len(direct.Files))
		}
		for i, f := range direct.Files {
			if r.Files[i].ID != f.ID || !bytes.Equal(r.Files[i].Content, f.Content) {
				t.Errorf("file %v differs", f.ID)
			}
		}
		if !bytes.Equal(r.Signature, direct.Signature) {
			t.Error("the signatures differ")
		}
		again, err := pcsc.New(pcsc.Options{Socket: d.Socket}).Connect(t.Context(), d.Reader, pcsc.ConnectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer again.Close() //nolint:errcheck // the end of the test
		// The disconnect took the power away, and what the PINs opened with it.
		for _, c := range []struct {
			command apdu.Command
			want    apdu.SW
		}{
			{apdu.Command{INS: 0xA4, P1: 4, P2: 12, Data: card.JPKI.AID()}, apdu.OK},
			{apdu.Command{INS: 0xA4, P1: 2, P2: 12, Data: []byte{0, 1}}, apdu.OK},
			{apdu.Command{INS: 0xB0, Le: 4}, apdu.SecurityStatus},
		} {
			if got, err := apdu.Exchange(t.Context(), again, c.command); err != nil || got.SW != c.want {
				t.Errorf("%v: %v, %v", c.command, got.SW, err)
			}
		}
	})
}
