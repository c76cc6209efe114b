// Package benchmark measures what must stay fast, each function against the floor of cryptography below which no program can
// go. Absolute times depend on the machine and on its neighbours, so a figure is a ratio: the function and its floor run in
// turn in short batches, and the median of the ratios of the rounds counts. Sizes are counted on a document of the elements
// that an issuer signs. The keys, certificates and persons are made up for the run. Start at [Run].
package benchmark

import (
	"context"
	"fmt"
	"io"
	"runtime"
)

// workloadItems and portraitSize are the document of the two ratios: 43 items, one of them a portrait of 20 KiB.
const (
	workloadItems = 43
	portraitSize  = 20 << 10
)

// Run measures and prints one line "figure NAME VALUE" for each figure, and lines that begin with # for people. It takes a
// few seconds. What is measured is checked: a document that is not accepted is an error.
func Run(ctx context.Context, out io.Writer) error {
	return run(ctx, out, harness{rounds: rounds, batch: batch})
}

func run(ctx context.Context, out io.Writer, h harness) error {
	w, err := newWorld(h.clock())
	if err != nil {
		return fmt.Errorf("preparing the measurement: %w", err)
	}
	p := &printer{out: out}
	p.comment("%d processors, median of %d rounds, %s a batch", runtime.GOMAXPROCS(0), h.rounds, h.batch)
	for _, m := range []struct {
		name    string
		measure func(context.Context, harness, *world, *printer) error
	}{
		{"the issue", issue}, {"the verification", verifySignature}, {"the verification of an age", verifyAge},
		{"the verification by MAC", verifyMAC}, {"the verification with its chain", verifyChain},
		{"the reader's session", readerSession}, {"the answer", answerBytes}, {"hostile input", hostile},
		{"the modelled card", cardReads}, {"the card", cards}, {"the check of a card reading", evidence},
		{"the modelled element", elementCommands},
	} {
		if err := m.measure(ctx, h, w, p); err != nil {
			return fmt.Errorf("measuring %s: %w", m.name, err)
		}
	}
	return p.err
}
