package judge

import (
	"fmt"
	"io"
	"time"

	"mobileid/cmd/mobileid/internal/inspect"
	"mobileid/mdoc"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/verdict"
)

// outcome is the JSON form.
type outcome struct {
	Accepted bool            `json:"accepted"`
	At       time.Time       `json:"at"`
	Checks   []verdict.Check `json:"checks"`
	// Documents are the proved ones.
	Documents []answered `json:"documents"`
}

// answered tells how far a proved document answers its request.
type answered struct {
	DocType  string    `json:"doc_type"`
	Complete bool      `json:"complete"`
	Missing  []element `json:"missing"`
}

// element is the name of an element, never its value.
type element struct {
	Namespace  string `json:"namespace"`
	Identifier string `json:"identifier"`
}

func newOutcome(r *mdoc.Result, request *mdoc.DeviceRequest, at time.Time) outcome {
	o := outcome{Accepted: r.OK(), At: at, Checks: r.Checks, Documents: []answered{}}
	for _, d := range r.Documents {
		a := answered{DocType: d.DocType, Complete: d.Complete, Missing: []element{}}
		for _, m := range request.DocRequests[d.Request].ItemsRequest.Value.Select(returned{d}).Missing {
			a.Missing = append(a.Missing, element{m.NameSpace, m.Identifier})
		}
		o.Documents = append(o.Documents, a)
	}
	return o
}

// missing counts the elements asked for that no proved document returned.
func (o outcome) missing() int {
	n := 0
	for _, d := range o.Documents {
		n += len(d.Missing)
	}
	return n
}

func (o outcome) write(out io.Writer, asJSON bool) error {
	if asJSON {
		return inspect.WriteJSON(out, o)
	}
	if err := inspect.WriteChecks(out, o.Checks); err != nil {
		return err
	}
	if err := o.writeDocuments(out); err != nil {
		return err
	}
	word, but := "not accepted", ""
	if o.Accepted {
		word = "accepted"
	}
	switch n := o.missing(); {
	case o.Accepted && n == 1:
		but = ", but 1 element asked for was not returned"
	case o.Accepted && n > 1:
		but = fmt.Sprintf(", but %d elements asked for were not returned", n)
	}
	v := verdict.Verdict{Checks: o.Checks}
	_, err := fmt.Fprintf(out, "\n%s at %s: %d checks, %d failed, %d not run%s\n", word, o.At.UTC().Format(time.RFC3339), len(v.Checks),
		len(v.Failed()), len(v.Unknown()), but)
	return err
}

func (o outcome) writeDocuments(out io.Writer) error {
	for _, d := range o.Documents {
		all := "everything asked for was returned"
		if !d.Complete {
			all = fmt.Sprintf("%d elements asked for were not returned:", len(d.Missing))
		}
		if _, err := fmt.Fprintf(out, "\n%s: %s\n", d.DocType, all); err != nil {
			return err
		}
		for _, m := range d.Missing {
			if _, err := fmt.Fprintf(out, "  %s %s\n", m.Namespace, m.Identifier); err != nil {
				return err
			}
		}
	}
	return nil
}

// returned is what a proved document holds, as a [mdoc.Stock].
type returned struct{ mdoc.VerifiedDocument }

// Has implements mdoc.Stock.
func (r returned) Has(namespace, identifier string) bool {
	_, ok := r.Element(namespace, identifier)
	return ok
}

// Ages implements mdoc.Stock. An attestation that is no truth value answers nothing.
func (r returned) Ages(namespace string) map[int]bool {
	ages := map[int]bool{}
	for _, e := range r.Elements {
		var is bool
		if nn, ok := mdoc.AgeOver(e.Identifier); ok && e.NameSpace == namespace && cbor.Unmarshal(e.Value, &is) == nil {
			ages[nn] = is
		}
	}
	return ages
}
