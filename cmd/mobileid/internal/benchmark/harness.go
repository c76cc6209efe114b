package benchmark

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"time"
)

// A batch is long against the clock's grain and short against a neighbour's burst, which then meets both halves of a round.
const (
	rounds = 60
	batch  = 8 * time.Millisecond
)

// harness runs a function and its floor in turn.
type harness struct {
	rounds int
	batch  time.Duration
	// now gives the time; nil means the clock.
	now func() time.Time
	// aside is the time that calls spent on what is not measured, such as the phone's part of a session.
	aside *time.Duration
}

// withAside makes room for the time of what is not measured.
func (h harness) withAside() harness {
	h.aside = new(time.Duration)
	return h
}

// without runs what is not measured, from inside a measured function.
func (h harness) without(f func() error) error {
	begun := h.clock()
	err := f()
	*h.aside += h.clock().Sub(begun)
	return err
}

// measured is what a comparison found: the median of the rounds' ratios, and the medians of the times of one call.
type measured struct {
	ratio           float64
	function, floor time.Duration
}

func (h harness) clock() time.Time {
	if h.now != nil {
		return h.now()
	}
	return time.Now()
}

// compare measures the function against its floor. Both must succeed every time.
func (h harness) compare(ctx context.Context, function, floor func() error) (measured, error) {
	if h.rounds < 1 || h.batch <= 0 {
		return measured{}, errors.New("no rounds to measure")
	}
	if h.aside == nil {
		h = h.withAside()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	functionCalls, err := h.calls(function)
	if err != nil {
		return measured{}, err
	}
	floorCalls, err := h.calls(floor)
	if err != nil {
		return measured{}, err
	}
	ratios, functions, floors := make([]float64, 0, h.rounds), make([]time.Duration, 0, h.rounds), make([]time.Duration, 0, h.rounds)
	for range h.rounds {
		if err := ctx.Err(); err != nil {
			return measured{}, err
		}
		runtime.GC() // what one half leaves behind is not paid by the other
		a, err := h.time(function, functionCalls)
		if err != nil {
			return measured{}, err
		}
		runtime.GC()
		b, err := h.time(floor, floorCalls)
		if err != nil {
			return measured{}, err
		}
		if b <= 0 {
			return measured{}, errors.New("the clock does not resolve a batch")
		}
		ratios, functions, floors = append(ratios, float64(a)/float64(b)), append(functions, a), append(floors, b)
	}
	return measured{ratio: median(ratios), function: median(functions), floor: median(floors)}, nil
}

// calls finds how many calls fill a batch, and warms the function up on the way.
func (h harness) calls(f func() error) (int, error) {
	n := 1
	for {
		each, err := h.time(f, n)
		if err != nil {
			return 0, err
		}
		if took := each * time.Duration(n); took >= h.batch/2 {
			return max(1, int(h.batch/each)), nil
		}
		if n > 1<<24 {
			return 0, errors.New("the clock stands still")
		}
		n *= 2
	}
}

// time gives the time of one call, out of n.
func (h harness) time(f func() error, n int) (time.Duration, error) {
	asideBefore := *h.aside
	begun := h.clock()
	for range n {
		if err := f(); err != nil {
			return 0, err
		}
	}
	took := h.clock().Sub(begun) - (*h.aside - asideBefore)
	return took / time.Duration(n), nil
}

// median is the middle value, or the mean of the two in the middle; values is sorted by it and not empty.
func median[T float64 | time.Duration](values []T) T {
	slices.Sort(values)
	half := len(values) / 2
	if len(values)%2 == 1 {
		return values[half]
	}
	return (values[half-1] + values[half]) / 2
}
