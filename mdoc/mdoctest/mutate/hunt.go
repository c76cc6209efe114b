package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Tests that hang with a mutant have noticed it: those that take this much longer than without one, and at least so long.
const (
	patience = 20 * time.Second
	longer   = 20
)

// slowest is how long tests may run without a mutant.
const slowest = 2 * time.Minute

// hunt shows mutants to tests.
type hunt struct {
	root, work string
	target     target
	mutants    []mutant
	folders    []string // only mutants of these, if any
	out        io.Writer
	printing   sync.Mutex
	binaries   []*binary
}

// binary is the compiled tests of one folder.
type binary struct {
	folder, path string
	units        []*unit
}

// unit is one test, or one part of the first.
type unit struct {
	*binary
	run   string // for -test.run
	took  time.Duration
	reach map[int]bool
}

// slow tests are run by themselves.
const slow = time.Second

// build compiles every test binary with all mutants in it.
func (h *hunt) build(ctx context.Context, files map[string][]byte) error {
	replace := make(map[string]string, len(files))
	i := 0
	for path, content := range files {
		i++
		changed := filepath.Join(h.work, fmt.Sprintf("%d.go", i))
		if err := os.WriteFile(changed, content, 0o600); err != nil {
			return err
		}
		original, err := filepath.Abs(filepath.Join(h.root, path))
		if err != nil {
			return err
		}
		replace[original] = changed
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return err
	}
	list := filepath.Join(h.work, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		return err
	}
	folders := []string{h.target.first}
	for _, f := range h.target.code {
		folders = append(folders, f.path)
	}
	for n, f := range append(folders, h.target.tests...) {
		h.binaries = append(h.binaries, &binary{folder: f, path: filepath.Join(h.work, fmt.Sprintf("%d.test", n))})
	}
	failed := make([]error, len(h.binaries))
	each(len(h.binaries), func(i int) { failed[i] = h.compile(ctx, h.binaries[i], list) })
	return errors.Join(failed...)
}

func (h *hunt) compile(ctx context.Context, b *binary, overlay string) error {
	c := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-overlay", overlay, "-o", b.path, "./"+b.folder)
	c.Dir = h.root
	if text, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("compiling the tests of %s: %w\n%s", b.folder, err, text)
	}
	return nil
}

// survey runs every test without a mutant, as many at a time as there are processors, and learns which checks it reaches.
func (h *hunt) survey(ctx context.Context) error {
	var all []*unit
	for _, b := range h.binaries {
		runs, err := h.runs(ctx, b)
		if err != nil {
			return err
		}
		for _, run := range runs {
			b.units = append(b.units, &unit{binary: b, run: run})
		}
		all = append(all, b.units...)
	}
	failed := make([]error, len(all))
	each(len(all), func(i int) { failed[i] = h.trace(ctx, all[i], filepath.Join(h.work, fmt.Sprintf("%d.trace", i))) })
	return errors.Join(failed...)
}

// runs gives the tests of a binary, each for -test.run.
func (h *hunt) runs(ctx context.Context, b *binary) ([]string, error) {
	if b.folder == h.target.first {
		return h.target.firstRuns, nil
	}
	list, err := h.exec(ctx, b, "", slowest, "MUTANT=0")
	if err != nil {
		return nil, fmt.Errorf("listing the tests of %s: %w\n%s", b.folder, err, list)
	}
	var out []string
	for name := range strings.Lines(string(list)) {
		if name = strings.TrimSpace(name); strings.HasPrefix(name, "Test") || strings.HasPrefix(name, "Fuzz") {
			out = append(out, name)
		}
	}
	return out, nil
}

// each does n things, as many at a time as there are processors and at least two, as tests also wait.
func each(n int, do func(i int)) {
	next := make(chan int)
	var wait sync.WaitGroup
	for range max(2, runtime.NumCPU()) {
		wait.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wait.Wait()
}

func (h *hunt) trace(ctx context.Context, u *unit, trace string) error {
	begun := time.Now()
	if _, err := h.exec(ctx, u.binary, pattern(u), slowest, "MUTANT_TRACE="+trace); err != nil {
		// A test that counts allocations or time may fail for the tracing alone.
		if text, err := h.exec(ctx, u.binary, pattern(u), slowest, "MUTANT=0"); err != nil {
			return fmt.Errorf("%s of %s fails without a mutant: %w\n%s", u.run, u.folder, err, text)
		}
	}
	u.took = time.Since(begun)
	u.reach = make(map[int]bool)
	reached, err := os.ReadFile(trace)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for line := range strings.Lines(string(reached)) {
		if n, err := strconv.Atoi(strings.TrimSpace(line)); err == nil {
			u.reach[n] = true
		}
	}
	return nil
}

// pattern is the -test.run of some tests of one binary.
func pattern(units ...*unit) string {
	if strings.Contains(units[0].run, "/") {
		return units[0].run
	}
	names := make([]string, len(units))
	for i, u := range units {
		names[i] = u.run
	}
	return "^(" + strings.Join(names, "|") + ")$"
}

// exec runs some tests of a binary; without a pattern it lists them.
func (h *hunt) exec(ctx context.Context, b *binary, run string, within time.Duration, environment ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	args := []string{"-test.failfast", "-test.count=1", "-test.run", run}
	if run == "" {
		args = []string{"-test.list", "."}
	}
	c := exec.CommandContext(ctx, b.path, args...)
	c.Dir = filepath.Join(h.root, b.folder)
	c.Env = append(os.Environ(), append(environment, "GOMEMLIMIT=2GiB")...)
	c.WaitDelay = time.Second
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	err := c.Run()
	return out.Bytes(), err
}

// all hunts every mutant, as many at a time as there are processors, and prints those that nobody noticed.
func (h *hunt) all(ctx context.Context) (survived int, err error) {
	hunted, exempt := h.choose()
	results := make([]bool, len(hunted))
	each(len(hunted), func(i int) {
		results[i] = h.noticed(ctx, hunted[i])
		if m := hunted[i]; !results[i] && ctx.Err() == nil {
			h.print("survived %s:%d %s: %s %s\n", m.file, m.line, m.form, m.code, m.id)
		}
	})
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	sites := make(map[string]bool)
	for i, m := range hunted {
		sites[fmt.Sprint(m.file, m.site)] = true
		if !results[i] {
			survived++
		}
	}
	for _, e := range exempt {
		h.print("unreachable %s: %s: %s\n", e.file, e.code, e.reason)
	}
	h.print("checks %d, mutants %d, noticed %d, survived %d\n", len(sites), len(hunted), len(hunted)-survived, survived)
	return survived, nil
}

func (h *hunt) print(format string, args ...any) {
	h.printing.Lock()
	defer h.printing.Unlock()
	fmt.Fprintf(h.out, format, args...)
}

// choose leaves out what is listed as unreachable.
func (h *hunt) choose() (hunted []mutant, exempt []exemption) {
	for _, m := range h.mutants {
		if len(h.folders) > 0 && !slices.Contains(h.folders, m.folder) {
			continue
		}
		i := slices.IndexFunc(h.target.unreachable, func(e exemption) bool { return e.is(m) })
		if i < 0 {
			hunted = append(hunted, m)
		} else if !slices.Contains(exempt, h.target.unreachable[i]) {
			exempt = append(exempt, h.target.unreachable[i])
		}
	}
	return hunted, exempt
}

// noticed shows a mutant to the tests that reach it, the fastest first.
func (h *hunt) noticed(ctx context.Context, m mutant) bool {
	for _, g := range h.order(m) {
		if _, err := h.exec(ctx, g.units[0].binary, pattern(g.units...), patience+longer*g.took, "MUTANT="+strconv.Itoa(m.n)); err != nil {
			return true
		}
	}
	return false
}

// group is what is run together: the quick tests of a binary, or one other.
type group struct {
	units []*unit
	took  time.Duration
}

func (h *hunt) order(m mutant) []group {
	var out []group
	for _, b := range h.binaries {
		var quick group
		for _, u := range b.units {
			switch {
			case !u.reach[m.n]:
			case b.folder == h.target.first || u.took > slow:
				out = append(out, group{[]*unit{u}, u.took})
			default:
				quick.units, quick.took = append(quick.units, u), quick.took+u.took
			}
		}
		if len(quick.units) > 0 {
			out = append(out, quick)
		}
	}
	slices.SortStableFunc(out, func(a, b group) int { return cmp.Compare(a.took, b.took) })
	return out
}
