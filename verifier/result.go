package verifier

import (
	"fmt"
	"log/slog"
	"time"

	"mobileid/mdoc/verdict"
	"mobileid/verifier/policy"
	"mobileid/verifier/reader"
)

// Result is the outcome of a check. Its JSON form is the till's API.
type Result struct {
	// Decision is accepted, refused or not_confirmed.
	Decision policy.Decision `json:"decision"`
	// Reasons explain it to staff; at least one.
	Reasons []policy.Reason `json:"reasons"`
	// CustomerDisplay is the text for the other side of the counter; it does not tell why.
	CustomerDisplay policy.Wording `json:"customer_display"`
	// ComparePortrait says that the decision holds only if staff find the person in Portrait before them.
	ComparePortrait bool `json:"compare_portrait"`
	// Portrait is there exactly when ComparePortrait is true.
	Portrait reader.Portrait `json:"portrait,omitempty"`
	// Profile names what was asked for.
	Profile string `json:"profile"`
	// Checks lists every check by id, also those that passed and those that could not be carried out.
	Checks []verdict.Check `json:"checks"`
	// At is when the response was judged.
	At time.Time `json:"at"`
	// DurationMS is the time from request to decision in milliseconds, the holder's time included.
	DurationMS int64 `json:"duration_ms"`
	// BytesReceived is the size of the response as it came over the radio.
	BytesReceived int `json:"bytes_received"`
}

func newResult(p policy.Profile, r *reader.Report) *Result {
	decision, reasons := policy.Decide(r.Verdict)
	result := &Result{
		Decision: decision, Reasons: reasons, CustomerDisplay: policy.CustomerWording(decision),
		Profile: p.Name, Checks: r.Verdict.Checks, At: r.Finished,
		DurationMS: r.Finished.Sub(r.Started).Milliseconds(), BytesReceived: r.BytesReceived,
	}
	if decision == policy.Accepted && p.Portrait != nil {
		result.ComparePortrait, result.Portrait = true, r.Portrait
		return result
	}
	r.Wipe()
	return result
}

// Wipe overwrites the portrait. Whoever has shown it calls this.
func (r *Result) Wipe() {
	clear(r.Portrait)
	r.Portrait = nil
}

// LogValue is the decision and its codes; nothing about the person.
func (r *Result) LogValue() slog.Value {
	codes := make([]string, len(r.Reasons))
	for i, reason := range r.Reasons {
		codes[i] = string(reason.Code)
	}
	return slog.GroupValue(
		slog.String("decision", string(r.Decision)),
		slog.Any("reasons", codes),
		slog.String("profile", r.Profile),
		slog.Int("checks", len(r.Checks)),
		slog.Int64("duration_ms", r.DurationMS),
		slog.Int("bytes_received", r.BytesReceived),
	)
}

// Format prints what LogValue says, whatever the verb.
func (r *Result) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, r.LogValue().String()) }
