package demo

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"mobileid/mdoc/verdict"
	"mobileid/verifier"
)

// Report is the JSON form of a run.
type Report struct {
	Person  string   `json:"person"`
	Steps   []Step   `json:"steps"`
	Checks  []Shown  `json:"presentations"`
	Figures Figures  `json:"figures"`
	Files   []string `json:"files,omitempty"`
	// Milliseconds is the time of the whole run.
	Milliseconds int64 `json:"milliseconds"`
}

// Step is one of the five steps and the lines it printed.
type Step struct {
	Number       int      `json:"number"`
	Title        string   `json:"title"`
	Lines        []string `json:"lines"`
	Milliseconds int64    `json:"milliseconds"`
}

// Shown is one presentation at the till.
type Shown struct {
	When     string          `json:"when"`
	Decision string          `json:"decision"`
	Reasons  []string        `json:"reasons"`
	Checks   []verdict.Check `json:"checks"`
}

// Figures are the counts and sizes of a run.
type Figures struct {
	CardExchanges       int `json:"card_exchanges"`
	SealedBytes         int `json:"sealed_bytes"`
	ProvisionExchanges  int `json:"provision_exchanges"`
	ProvisionRoundTrips int `json:"provision_round_trips"`
	AnswerBytes         int `json:"answer_bytes"`
}

// printer writes the run for people, or keeps it for JSON.
type printer struct {
	out    io.Writer
	json   bool
	ja     bool
	now    func() time.Time
	report Report
	begun  time.Time

	mu  sync.Mutex // guards err and the order of writes
	err error      // the first failure to write
}

// say picks the language.
func (p *printer) say(ja, en string) string {
	if p.ja {
		return ja
	}
	return en
}

// write prints text for people; it may be called from several goroutines.
func (p *printer) write(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.json || p.err != nil {
		return
	}
	_, p.err = fmt.Fprintf(p.out, format, args...)
}

// step begins one of the five steps.
func (p *printer) step(title string) {
	p.finish()
	p.begun = p.now()
	p.report.Steps = append(p.report.Steps, Step{Number: len(p.report.Steps) + 1, Title: title})
	p.write("\n[%d/5] %s\n", len(p.report.Steps), title)
}

// line adds one line to the step.
func (p *printer) line(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	s := &p.report.Steps[len(p.report.Steps)-1]
	s.Lines = append(s.Lines, text)
	p.write("      %s\n", text)
}

func (p *printer) finish() {
	if n := len(p.report.Steps); n > 0 && !p.begun.IsZero() {
		s := &p.report.Steps[n-1]
		s.Milliseconds = p.now().Sub(p.begun).Milliseconds()
		p.write("      (%d ms)\n", s.Milliseconds)
		p.begun = time.Time{}
	}
}

// shown prints a decision of the till, with the table of its checks when table is set.
func (p *printer) shown(when string, r *verifier.Result, table bool) {
	s := Shown{When: when, Decision: string(r.Decision), Checks: r.Checks}
	for _, reason := range r.Reasons {
		text := p.say(reason.Japanese, reason.English)
		if reason.Detail != "" {
			text += " [" + reason.Detail + "]"
		}
		s.Reasons = append(s.Reasons, string(reason.Code)+": "+text)
	}
	p.report.Checks = append(p.report.Checks, s)
	p.line("%s → %s", when, s.Decision)
	for _, reason := range s.Reasons {
		p.line("   %s", reason)
	}
	if !table {
		return
	}
	for _, c := range r.Checks {
		mark := map[verdict.Outcome]string{verdict.Pass: "pass", verdict.Fail: "FAIL", verdict.NotRun: "not run"}[c.Outcome]
		p.write("        %-8s %-32s %-48s %s\n", mark, c.ID, c.Clause, c.Measured)
	}
}

// close writes the JSON document.
func (p *printer) close() error {
	p.finish()
	if !p.json || p.err != nil {
		return p.err
	}
	e := json.NewEncoder(p.out)
	e.SetIndent("", "  ")
	return e.Encode(p.report)
}
