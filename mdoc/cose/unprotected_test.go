package cose_test

import (
	"crypto/elliptic"
	"slices"
	"testing"

	"mobileid/mdoc/cose"
)

func TestUnprotectedBesides(t *testing.T) {
	m, err := cose.ParseSign1(message(t, newKey(t, elliptic.P256()), "a10126", "a41821410104410220646162636461780a"))
	if err != nil {
		t.Fatal(err)
	}
	if n, labels := m.UnprotectedBesides(33); n != 3 || !slices.Equal(labels, []int64{4, -1}) {
		t.Errorf("%d, %v", n, labels)
	}
	if n, labels := m.UnprotectedBesides(0); n != 4 || len(labels) != 3 {
		t.Errorf("%d, %v", n, labels)
	}
}

// TestProtectedBesides: a text label is none of the given ones, also not 0.
func TestProtectedBesides(t *testing.T) {
	m, err := cose.ParseSign1(message(t, newKey(t, elliptic.P256()), "a3012604410161780a", "a0"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		labels []int64
		want   int
	}{{nil, 3}, {[]int64{1}, 2}, {[]int64{1, 4}, 1}, {[]int64{0, 1, 4}, 1}} {
		if got := m.ProtectedBesides(c.labels...); got != c.want {
			t.Errorf("besides %v: %d, want %d", c.labels, got, c.want)
		}
	}
}

func TestX5ChainIsArray(t *testing.T) {
	for _, c := range []struct {
		protected, unprotected string
		want                   bool
	}{{"a10126", "a118214101", false}, {"a10126", "a11821814101", true}, {"a201261821814101", "a0", true}, {"a10126", "a0", false}} {
		m, err := cose.ParseSign1(message(t, newKey(t, elliptic.P256()), c.protected, c.unprotected))
		if err != nil {
			t.Fatal(err)
		}
		if got := m.X5ChainIsArray(); got != c.want {
			t.Errorf("%s %s: %v", c.protected, c.unprotected, got)
		}
	}
}
