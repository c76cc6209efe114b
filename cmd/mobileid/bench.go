package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"mobileid/cmd/internal/usage"
	"mobileid/cmd/mobileid/internal/benchmark"
	"mobileid/cmd/mobileid/internal/demo"

	"github.com/spf13/cobra"
)

func benchCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "bench",
		Short:   "Measure, one line \"figure NAME VALUE\" for each figure",
		Long:    "Measure each hot path in turn with its floor, and one run of the demonstration as a process of its own.",
		Example: "  mobileid bench",
		Args:    usage.AtMost(0),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := benchmark.Run(c.Context(), c.OutOrStdout()); err != nil {
				return err
			}
			f, err := measureDemo(c)
			if err != nil {
				return err
			}
			benchmark.PrintDemo(c.OutOrStdout(), f)
			return nil
		},
	}
}

// measureDemo runs this program's own demonstration as a process and measures it.
func measureDemo(c *cobra.Command) (benchmark.DemoFigures, error) {
	self, err := os.Executable()
	if err != nil {
		return benchmark.DemoFigures{}, fmt.Errorf("finding this program: %w", err)
	}
	child := exec.CommandContext(c.Context(), self, "demo", "--json") //nolint:gosec // this very program
	var out bytes.Buffer
	child.Stdout, child.Stderr = &out, c.ErrOrStderr()
	begun := time.Now()
	if err := child.Run(); err != nil {
		return benchmark.DemoFigures{}, fmt.Errorf("running the demonstration: %w", err)
	}
	seconds := time.Since(begun).Seconds()
	var report demo.Report
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		return benchmark.DemoFigures{}, fmt.Errorf("reading the demonstration's report: %w", err)
	}
	f := benchmark.DemoFigures{Exchanges: report.Figures.ProvisionExchanges, RoundTrips: report.Figures.ProvisionRoundTrips,
		SealedBytes: report.Figures.SealedBytes, AnswerBytes: report.Figures.AnswerBytes, Seconds: seconds}
	if usage, ok := child.ProcessState.SysUsage().(*syscall.Rusage); ok {
		f.RSSMB = float64(usage.Maxrss) / 1024 // Linux counts kilobytes
	}
	return f, nil
}
