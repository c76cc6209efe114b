package store

import (
	"sync"

	"go.etcd.io/bbolt"
)

// maxGroup bounds the writes of one commit.
const maxGroup = 256

// group commits the writes that wait at the same time in one transaction, with one
// sync of the file. It waits for nobody: a write that finds no other goes alone,
// and those that come while it is being synced make up the next group. It holds no
// goroutine; of the callers that wait, the first commits for all.
type group struct {
	commit func(func(*bbolt.Tx) error) error

	mu      sync.Mutex // guards what follows
	waiting []*write
	busy    bool // somebody commits
}

// write is one caller's part. done gets its outcome, or nil with lead set when it
// is to commit the next group itself.
type write struct {
	fn   func(*bbolt.Tx) error
	done chan outcome
}

type outcome struct {
	err  error
	lead bool
}

// do carries fn out and returns once its changes are on disk. fn may be run again
// when another of its group fails.
func (g *group) do(fn func(*bbolt.Tx) error) error {
	w := &write{fn: fn, done: make(chan outcome, 1)}
	g.mu.Lock()
	g.waiting = append(g.waiting, w)
	lead := !g.busy
	g.busy = true
	g.mu.Unlock()
	if !lead {
		if o := <-w.done; !o.lead {
			return o.err
		}
	}
	defer g.next()
	return g.run(w, g.take())
}

// take removes the group to commit now from those that wait.
func (g *group) take() []*write {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := min(len(g.waiting), maxGroup)
	taken := g.waiting[:n:n]
	g.waiting = g.waiting[n:]
	return taken
}

// next hands the lead to the first that waits.
func (g *group) next() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.busy = len(g.waiting) > 0; g.busy {
		g.waiting[0].done <- outcome{lead: true}
	}
}

// run commits a group, of which own is one, tells the others, and returns what
// came of own. A write that fails spoils nobody else's: the rest is done again
// without it, and it alone after them.
func (g *group) run(own *write, all []*write) (result error) {
	tell := func(w *write, err error) {
		if w == own {
			result = err
			return
		}
		w.done <- outcome{err: err}
	}
	var failed []*write
	for len(all) > 0 {
		bad := -1
		err := g.commit(func(tx *bbolt.Tx) error {
			for i, w := range all {
				if err := w.fn(tx); err != nil {
					bad = i
					return err
				}
			}
			return nil
		})
		if bad < 0 || len(all) == 1 {
			for _, w := range all {
				tell(w, err)
			}
			break
		}
		failed = append(failed, all[bad])
		all = append(all[:bad:bad], all[bad+1:]...)
	}
	for _, w := range failed {
		tell(w, g.commit(w.fn))
	}
	return result
}
