package setest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"mobileid/mdoc/provisioning"
	"mobileid/tsm/se"
)

// A Run is one undertaking that may be cut off and taken up again.
type Run struct {
	Resume func(ctx context.Context, s *se.SE) error // does what is left of it
	Job    *Job                                      // with the receipt and what was issued; nil when there is neither
}

// Receipt is the job's without its order id, which Settle compared and which is another in each run; the zero value when there is none.
func (r Run) Receipt() (out provisioning.Receipt) {
	if r.Job != nil && r.Job.Receipt != nil {
		out = *r.Job.Receipt
		out.OrderID = nil
	}
	return out
}

// A Sweep cuts the power of an undertaking: at every point of it, and at two random points, the second while the element recovers or the
// undertaking is taken up again. After each cut it has the undertaking taken up to its end. What is to be found is the caller's to judge, by
// looking at [Element.Copied].
type Sweep struct {
	Element *Element
	Start   []byte                                                       // the state file before the undertaking
	Begin   func(t *testing.T) Run                                       // makes what one run knows outside the element
	Destroy map[string]string                                            // what of the start, by name, is in no file afterwards
	Cut     func(t *testing.T, r Run, when string, cuts int) (done bool) // judges what a cut left: all as before, or all done
	End     func(t *testing.T, r Run, when string)                       // judges what the undertaking ended in

	points, old, new, doubled, recovering int
}

// Unbroken makes the run that the others are compared with.
func (w *Sweep) Unbroken(t *testing.T) Run {
	t.Helper()
	w.Element.Restore(t, w.Start)
	r := w.Begin(t)
	var err error
	if w.points, err = w.Element.Powered(nil, func(s *se.SE) error { return r.Resume(t.Context(), s) }); err != nil {
		t.Fatal(err)
	}
	return r
}

// Everywhere cuts at each point that the unbroken run passed.
func (w *Sweep) Everywhere(t *testing.T) {
	t.Helper()
	for k := 1; k <= w.points; k++ {
		w.Element.Restore(t, w.Start)
		r, when := w.Begin(t), fmt.Sprintf("point %d", k)
		if torn, _ := w.cut(t, r, k); !torn {
			t.Fatalf("%s: not reached", when)
		}
		w.halfway(t, r, when, 1)
		w.end(t, r, when)
	}
	if w.old == 0 || w.new == 0 {
		t.Errorf("%d cuts found the old state and %d the new: they do not straddle the change", w.old, w.new)
	}
}

// Twice cuts at two points, as often as both cuts came. The first is any; second draws the other of as many points as the unbroken run passed.
func (w *Sweep) Twice(t *testing.T, times int, seed uint64, second func(random *rand.Rand, points int) int) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, uint64(w.points))) //nolint:gosec // where to cut, so that a failure repeats
	for w.doubled < times {
		w.Element.Restore(t, w.Start)
		first := 1 + random.IntN(w.points)
		then := second(random, w.points)
		r, when := w.Begin(t), fmt.Sprintf("points %d and %d", first, then)
		w.cut(t, r, first)
		torn, recovering := w.cut(t, r, then)
		if torn {
			w.doubled++
			w.halfway(t, r, when, 2)
		}
		if recovering {
			w.recovering++
		}
		w.end(t, r, when)
	}
}

// Recovering draws one of the first points, at which the element still recovers if there is something to recover.
func Recovering(random *rand.Rand) int { return 1 + random.IntN(16) }

// String tells what was cut and found.
func (w *Sweep) String() string {
	return fmt.Sprintf("power cut at %d points and %d times at two points (%d of these while recovering): %d found the old state, %d the new, 0 between; all resumed",
		w.points, w.doubled, w.recovering, w.old, w.new)
}

// cut runs under power that goes at point k, and tells whether it went.
func (w *Sweep) cut(t *testing.T, r Run, k int) (torn, recovering bool) {
	t.Helper()
	recovering = true
	_, err := w.Element.Powered(At(k), func(s *se.SE) error {
		recovering = false
		return r.Resume(t.Context(), s)
	})
	if err != nil && !errors.Is(err, se.ErrPowerCut) {
		t.Fatalf("point %d: %v", k, err)
	}
	return err != nil, recovering
}

func (w *Sweep) halfway(t *testing.T, r Run, when string, cuts int) {
	t.Helper()
	if !w.Cut(t, r, when, cuts) {
		w.old++
		return
	}
	w.new++
	w.destroyed(t, when)
}

func (w *Sweep) end(t *testing.T, r Run, when string) {
	t.Helper()
	if _, err := w.Element.Powered(nil, func(s *se.SE) error { return r.Resume(t.Context(), s) }); err != nil {
		t.Fatalf("%s, resumed: %v", when, err)
	}
	w.End(t, r, when)
	w.destroyed(t, when)
}

// destroyed looks in all files of the copy that was judged, in which the element has recovered.
func (w *Sweep) destroyed(t *testing.T, when string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(w.Element.copies(), "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %d files were judged: %v", when, len(files), err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range w.Destroy {
			if bytes.Contains(data, []byte(value)) {
				t.Fatalf("%s: %s is still in %s", when, name, filepath.Base(f))
			}
		}
	}
}
