package nvm

import (
	"bytes"
	crand "crypto/rand"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
)

// chain is an element's file through transactions, kills and losses of power, all drawn from a seed, and what it has to hold.
type chain struct {
	*testing.T
	*rand.Rand
	path    string
	v       *volatile
	holds   map[string]string
	pending map[string]string // what it may hold instead: a transaction that was not acknowledged
	tokens  int
	gone    map[string]bool // tokens of which no byte may be left
	cuts    int
	commits int
}

// value is a token over and over, across stripes at times.
func (c *chain) value() (token string, value []byte) {
	c.tokens++
	token = fmt.Sprintf("<token %07d>", c.tokens)
	return token, bytes.Repeat([]byte(token), 1+c.IntN([]int{3, 300, 6_000}[c.IntN(3)]))
}

// transaction draws a few changes and says what they lead to and which tokens they destroy.
func (c *chain) transaction() (changes []Change, after map[string]string, destroyed []string) {
	after = maps.Clone(c.holds)
	for range 1 + c.IntN(3) {
		change := Change{Key: fmt.Sprint("object", c.IntN(4)), Scrub: c.IntN(3) == 0}
		if old := after[change.Key]; change.Scrub && old != "" {
			destroyed = append(destroyed, old[:len("<token 0000000>")])
		}
		delete(after, change.Key)
		if c.IntN(4) > 0 {
			_, change.Value = c.value()
			after[change.Key] = string(change.Value)
		}
		changes = append(changes, change)
	}
	return changes, after, destroyed
}

// run opens the file and commits until the disk stops.
func (c *chain) run() {
	m, err := Open(c.path, Config{Rand: crand.Reader, Limit: MaxLimit, medium: c.v})
	if err != nil {
		if !errors.Is(err, errStopped) {
			c.Fatal(err)
		}
		return
	}
	defer m.Close() //nolint:errcheck // the test looks at the file
	if got := content(m); maps.Equal(got, c.pending) {
		c.holds = c.pending
	} else if !maps.Equal(got, c.holds) {
		c.Fatalf("neither old nor new after %d cuts", c.cuts)
	}
	c.pending = nil
	c.nothingLeft(m, slices.Collect(maps.Keys(c.gone))...)
	for {
		changes, after, destroyed := c.transaction()
		c.pending = after
		if err := m.Commit(changes...); err != nil {
			if !errors.Is(err, errStopped) {
				c.Fatal(err)
			}
			return
		}
		c.holds, c.pending = after, nil
		c.commits++
		for _, token := range destroyed {
			c.gone[token] = true
		}
		c.nothingLeft(m, destroyed...)
	}
}

// nothingLeft looks for what was destroyed, as it reads and as it holds.
func (c *chain) nothingLeft(m *Memory, tokens ...string) {
	c.Helper()
	i := c.v.inode(m.file.f)
	for _, data := range [][]byte{i.now, i.held} {
		for n, b := range split(data) {
			for _, token := range tokens {
				if bytes.Contains(b, []byte(token)) {
					c.Fatalf("%s is left in bank %d after %d cuts", token, n, c.cuts)
				}
			}
		}
	}
}

// cut kills the process, and takes the power away too at times: of what was not synced any sectors may be kept.
func (c *chain) cut() {
	c.cuts++
	if c.IntN(2) == 0 {
		c.v.stop, c.v.calls = 0, 0
		return
	}
	left := c.v.now[c.path].left(func(int, int) bool { return c.IntN(2) == 0 })
	if err := os.WriteFile(c.path, left, 0o600); err != nil {
		c.Fatal(err)
	}
	c.v = newVolatile(c, c.path)
}

// Whatever an element goes through, it holds what it acknowledged, all or nothing of what it did not, and nothing of what was destroyed; with objects that
// cross the stripes of the file, writes that stop in the middle, and sectors kept at random.
func TestRandomChains(t *testing.T) {
	cuts, commits := 0, 0
	for seed := range uint64(14) {
		c := &chain{T: t, Rand: rand.New(rand.NewPCG(seed, 18013)), path: newFile(t), holds: map[string]string{"id": "0123456789"}, gone: map[string]bool{}}
		c.v = newVolatile(t, c.path)
		for range 12 {
			c.v.stop = c.v.calls + 1 + c.IntN(40)
			c.v.part = func(n int) int { return c.IntN(n + 1) }
			c.run()
			c.cut()
		}
		c.v.stop = 0
		m, err := Open(c.path, Config{Rand: crand.Reader, Limit: MaxLimit, medium: c.v})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if got := content(m); !maps.Equal(got, c.holds) && !maps.Equal(got, c.pending) {
			t.Fatalf("seed %d: neither old nor new: %v", seed, slices.Sorted(maps.Keys(got)))
		}
		c.nothingLeft(m, slices.Collect(maps.Keys(c.gone))...)
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		cuts, commits = cuts+c.cuts, commits+c.commits
	}
	if commits < 500 {
		t.Errorf("only %d transactions", commits)
	}
	t.Logf("%d transactions, %d cuts", commits, cuts)
}
