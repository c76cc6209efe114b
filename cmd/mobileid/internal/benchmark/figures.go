package benchmark

import (
	"fmt"
	"io"
)

// DemoFigures are what the caller measured on one run of the demonstration.
type DemoFigures struct {
	// Exchanges are the APDU exchanges of one provisioning, RoundTrips the HTTP requests of its phone to the TSM, session and
	// handshake among them. They are no figures of their own.
	Exchanges, RoundTrips int
	// SealedBytes is the size of the sealed handover.
	SealedBytes int
	// Seconds is the whole run, RSSMB the most memory it held, in MiB.
	Seconds, RSSMB float64
	// AnswerBytes is the answer of the demonstration, for comparison with answer_bytes; it is no figure of its own.
	AnswerBytes int
}

// PrintDemo prints the figures of the demonstration. What the writer refuses is lost.
func PrintDemo(out io.Writer, f DemoFigures) {
	p := &printer{out: out}
	p.comment("demonstration: %d sealed bytes provisioned in %d APDU exchanges and %d HTTP requests, answer of %d bytes",
		f.SealedBytes, f.Exchanges, f.RoundTrips, f.AnswerBytes)
	p.amount("demo_seconds", f.Seconds)
	p.amount("demo_rss_mb", f.RSSMB)
}

// printer writes lines and keeps the first error.
type printer struct {
	out io.Writer
	err error
}

func (p *printer) line(format string, a ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.out, format+"\n", a...)
	}
}

func (p *printer) comment(format string, a ...any) { p.line("# "+format, a...) }

func (p *printer) count(name string, n int) { p.line("figure %s %d", name, n) }

func (p *printer) ratio(name string, v float64) { p.line("figure %s %.3f", name, v) }

func (p *printer) amount(name string, v float64) { p.line("figure %s %.2f", name, v) }
