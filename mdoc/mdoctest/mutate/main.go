// Command mutate shows that every check of the verifying code is held by a test: it takes each check away in turn and demands
// that some test notices. It is run by make mutate, from the module's root.
//
// All mutants are compiled in at once, behind a switch that an environment variable sets (the overlay of go build leaves the
// tree as it is). A first run of each test without a mutant finds out which checks it reaches and how long it takes; then each mutant
// is shown to those that reach it, the fastest first, until one fails.
//
// What counts as a check is in plant.go; which code is searched in targets.go; the checks that no input can make fail, each with
// its reason, in unreachable.go. A mutant that nobody notices is printed, and the exit code is 1.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	survived, err := run(ctx, ".", targets(), os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "mutate: error: %v\n", err)
		os.Exit(1)
	}
	if survived > 0 {
		os.Exit(1)
	}
}

// outlived refuses an exemption for a check that is not in the code any more.
func outlived(t target, mutants []mutant) error {
	for _, e := range t.unreachable {
		if !slices.ContainsFunc(mutants, func(m mutant) bool { return e.is(m) }) {
			return fmt.Errorf("%s has no check %s in a line %q: take it out of the list of unreachable ones", e.file, e.code, e.line)
		}
	}
	return nil
}

// run plants the mutants of the targets in the module at root and hunts them. With folders only the mutants of those are hunted.
func run(ctx context.Context, root string, t target, folders []string, out io.Writer) (survived int, err error) {
	mutants, files, err := plant(root, t)
	if err != nil {
		return 0, err
	}
	if err := outlived(t, mutants); err != nil {
		return 0, err
	}
	work, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(work) }()
	h := &hunt{root: root, work: work, target: t, mutants: mutants, folders: folders, out: out}
	if err := h.build(ctx, files); err != nil {
		return 0, err
	}
	if err := h.survey(ctx); err != nil {
		return 0, err
	}
	return h.all(ctx)
}
