package revocation

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestPermutationIsABijection(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		key := rapid.SliceOfN(rapid.Byte(), 32, 64).Draw(rt, "key")
		p, err := NewPermutation(key)
		if err != nil {
			rt.Fatal(err)
		}
		// Two counters never meet, wherever they lie.
		n := rapid.Uint64Range(0, ListSize-1)
		a, b := n.Draw(rt, "a"), n.Draw(rt, "b")
		if x, y := p.Index(a), p.Index(b); (a == b) != (x == y) || x >= ListSize {
			rt.Fatalf("%d and %d go to %d and %d", a, b, x, y)
		}
	})
}

func TestPermutationCoversTheList(t *testing.T) {
	p, err := NewPermutation([]byte("a key of at least thirty-two byte"))
	if err != nil {
		t.Fatal(err)
	}
	seen := make([]bool, ListSize)
	for n := range uint64(ListSize) {
		i := p.Index(n)
		if i >= ListSize || seen[i] {
			t.Fatalf("counter %d: position %d out of range or taken", n, i)
		}
		seen[i] = true
	}
}

// R5: the order of positions is independent of the order of issue. Over the first 4096 counters the correlation of the
// position with the counter, and with the position before, stays within four standard deviations (1/sqrt n) of zero,
// and the chi-squared of 64 equal bins within four of its own (63 ± 4·sqrt 126).
func TestPermutationLooksRandom(t *testing.T) {
	const n, bins = 4096, 64
	for _, name := range []string{"first", "second", "third"} {
		t.Run(name, func(t *testing.T) {
			p, err := NewPermutation([]byte(name + " key for the statistics, padded to 32 bytes"))
			if err != nil {
				t.Fatal(err)
			}
			var positions, counters [n]float64
			var histogram [bins]float64
			for i := range uint64(n) {
				x := p.Index(i)
				positions[i], counters[i] = float64(x), float64(i)
				histogram[x*bins/ListSize]++
			}
			limit := 4 / math.Sqrt(n)
			if r := correlation(positions[:], counters[:]); math.Abs(r) > limit {
				t.Errorf("correlation with the counter %.3f", r)
			}
			if r := correlation(positions[1:], positions[:n-1]); math.Abs(r) > limit {
				t.Errorf("correlation with the position before %.3f", r)
			}
			chi := 0.0
			for _, h := range histogram {
				chi += (h - n/bins) * (h - n/bins) / (n / bins)
			}
			if math.Abs(chi-(bins-1)) > 4*math.Sqrt(2*(bins-1)) {
				t.Errorf("chi-squared %.1f over %d bins", chi, bins)
			}
		})
	}
}

func correlation(x, y []float64) float64 {
	var mx, my float64
	for i := range x {
		mx += x[i] / float64(len(x))
		my += y[i] / float64(len(y))
	}
	var xy, xx, yy float64
	for i := range x {
		xy += (x[i] - mx) * (y[i] - my)
		xx += (x[i] - mx) * (x[i] - mx)
		yy += (y[i] - my) * (y[i] - my)
	}
	return xy / math.Sqrt(xx*yy)
}

func TestPermutationsOfTwoKeysDiffer(t *testing.T) {
	a, err := NewPermutation(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewPermutation(append(make([]byte, 31), 1))
	if err != nil {
		t.Fatal(err)
	}
	same := 0
	for n := range uint64(1000) {
		if a.Index(n) == b.Index(n) {
			same++
		}
	}
	if same > 10 {
		t.Errorf("%d of 1000 positions are the same", same)
	}
	if _, err := NewPermutation(make([]byte, 31)); err == nil {
		t.Error("short key accepted")
	}
}
