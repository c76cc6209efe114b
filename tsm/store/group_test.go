package store

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"go.etcd.io/bbolt"
)

var errOne = errors.New("one of the group")

// What waits while a commit is under way goes with the next one, all together; the
// write that fails is told so, and costs the others a second try and nothing else.
func TestGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var commits, committed atomic.Int64
		gate := make(chan struct{})
		g := &group{}
		g.commit = func(fn func(*bbolt.Tx) error) error {
			commits.Add(1)
			<-gate
			err := fn(nil)
			if err == nil {
				committed.Add(1)
			}
			return err
		}
		results := make([]error, 9)
		runs := make([]atomic.Int64, len(results))
		start := func(i int, err error) {
			go func() {
				results[i] = g.do(func(*bbolt.Tx) error { runs[i].Add(1); return err })
			}()
			synctest.Wait()
		}
		start(0, nil)
		for i := 1; i < len(results); i++ {
			var err error
			if i == 4 {
				err = errOne
			}
			start(i, err)
		}
		if commits.Load() != 1 {
			t.Fatalf("%d commits begun, want the first alone", commits.Load())
		}
		close(gate)
		synctest.Wait()
		for i, err := range results {
			if want := map[bool]error{i == 4: errOne}[true]; !errors.Is(err, want) {
				t.Errorf("write %d: %v, want %v", i, err, want)
			}
		}
		// The first, the group that failed, the group without the bad one, the bad one alone.
		if commits.Load() != 4 || committed.Load() != 2 {
			t.Errorf("%d commits of which %d succeeded, want 4 and 2", commits.Load(), committed.Load())
		}
		if runs[0].Load() != 1 || runs[1].Load() != 2 || runs[4].Load() != 2 || runs[8].Load() != 1 {
			t.Errorf("runs of writes 0, 1, 4 and 8: %d %d %d %d", runs[0].Load(), runs[1].Load(), runs[4].Load(), runs[8].Load())
		}
		if g.busy || len(g.waiting) != 0 {
			t.Error("the group is left busy")
		}
	})
}

// A medium that fails fails every write of its group, and the next one is tried.
func TestGroupMediumFails(t *testing.T) {
	g := &group{commit: func(func(*bbolt.Tx) error) error { return errOne }}
	for range 3 {
		if err := g.do(func(*bbolt.Tx) error { return nil }); !errors.Is(err, errOne) {
			t.Error(err)
		}
	}
	if g.busy {
		t.Error("the group is left busy")
	}
}
