package applet_test

import (
	"errors"
	"testing"

	"mobileid/tsm/se"
)

// TestTryIsWrittenBeforeTheComparison cuts the power at every point of a right and of a wrong VERIFY: up to the first answer both
// must look the same from outside, or a cut would tell a right guess from a wrong one without costing a try.
func TestTryIsWrittenBeforeTheComparison(t *testing.T) {
	b := newBench(t)
	start := pinned(t, b)
	ctx := t.Context()
	for k := 1; ; k++ {
		b.restore(t, start)
		wrongAnswered, _, wrong := b.attempt(ctx, "000000", at(k))
		wrongLeft := b.triesLeft(t)
		b.restore(t, start)
		rightAnswered, _, right := b.attempt(ctx, testPIN, at(k))
		rightLeft := b.triesLeft(t)
		if wrongAnswered {
			if wrongLeft != 2 || k < 3 {
				t.Errorf("point %d: a wrong guess was answered with %d tries left", k, wrongLeft)
			}
			return
		}
		if !errors.Is(wrong, se.ErrPowerCut) || !errors.Is(right, se.ErrPowerCut) || rightAnswered || wrongLeft != rightLeft {
			t.Fatalf("point %d tells a right guess (%v, %d left) from a wrong one (%v, %d left)", k, right, rightLeft, wrong, wrongLeft)
		}
	}
}
