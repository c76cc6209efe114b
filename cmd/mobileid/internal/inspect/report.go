package inspect

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"mobileid/cmd/mobileid/internal/inspect/annotate"
	"mobileid/mdoc"
	"mobileid/mdoc/verdict"
)

// Report is the outcome of an inspection; docs/inspect.md describes its JSON form.
type Report struct {
	// Encoding is how the input was written: hex, base64url, binary, PEM and so on.
	Encoding string `json:"encoding"`
	// Type is that of the outermost structure.
	Type string `json:"type"`
	// Length is the number of bytes once the encoding is off.
	Length int `json:"length"`
	// Tree is the annotated structure; with a fault it goes as far as the bytes were good, and may be missing.
	Tree *annotate.Node `json:"tree,omitempty"`
	// Fault says why and where the input could not be read to its end.
	Fault *annotate.Fault `json:"fault,omitempty"`
	// Checks are the judgements, in the form of docs/verdicts.md. There are none beside a fault.
	Checks []verdict.Check `json:"checks"`
}

// Failed reports whether a check failed.
func (r *Report) Failed() bool { return len(verdict.Verdict{Checks: r.Checks}.Failed()) > 0 }

// Inspect recognises raw, annotates it and checks what it can. as forces a type; see [annotate.Types].
func Inspect(raw []byte, as string, g Given) *Report { return inspect(raw, Options{As: as, Given: g}) }

func inspect(raw []byte, o Options) *Report {
	m, f := unwrap(raw)
	r := &Report{Encoding: m.encoding, Length: len(m.data), Fault: f, Checks: []verdict.Check{}}
	if f != nil {
		return r
	}
	if o.Pick != "" && m.kind != kindJSON {
		r.Fault = annotate.Faultf(0, "--pick takes a structure out of JSON, and this is %s", m.encoding)
		return r
	}
	var found []Found
	r.Tree, found, r.Fault = m.look(o.As, o.Pick)
	if r.Tree != nil {
		r.Type = r.Tree.Type
	}
	if r.listed() {
		r.Fault = nil // its line tells it
		return r
	}
	if r.Fault == nil {
		r.Checks = append(r.Checks, check(found, m.kind, o.Given).Checks...)
		markDigests(r.Tree, found)
	}
	return r
}

// listed reports whether the structures of a JSON document were listed and none was opened.
func (r *Report) listed() bool {
	return r.Tree != nil && r.Tree.Type == "JSON" && len(r.Tree.Children) > 1
}

// markDigests says at each item whether its digest stands in the MSO, so that a person finds the one that does not.
func markDigests(root *annotate.Node, found []Found) {
	for _, f := range found {
		var signed []*mdoc.IssuerSigned
		switch f.Type {
		case "IssuerSigned":
			if s, err := mdoc.ParseIssuerSigned(f.Data); err == nil {
				signed = append(signed, s)
			}
		case "DeviceResponse":
			if r, err := mdoc.ParseDeviceResponse(f.Data); err == nil {
				for i := range r.Documents {
					signed = append(signed, &r.Documents[i].IssuerSigned)
				}
			}
		default:
			continue
		}
		verdicts := map[[sha256.Size]byte]bool{}
		for _, s := range signed {
			compare(verdicts, s)
		}
		root.Each(func(n *annotate.Node) { markDigest(n, f.Data, verdicts) })
	}
}

// compare notes for each item whether its digest is the one of the MSO.
func compare(verdicts map[[sha256.Size]byte]bool, s *mdoc.IssuerSigned) {
	mso, err := s.MSO()
	if err != nil || mso.DigestAlgorithm != "SHA-256" {
		return
	}
	for _, ns := range s.NameSpaces {
		digests, _ := mso.ValueDigests.Get(ns.Key)
		for _, item := range ns.Value {
			sum := sha256.Sum256(item.Bytes())
			due, ok := digests.Get(item.Value.DigestID)
			verdicts[sum] = ok && string(due) == string(sum[:])
		}
	}
}

func markDigest(n *annotate.Node, data []byte, verdicts map[[sha256.Size]byte]bool) {
	if n.Type != "IssuerSignedItemBytes" || n.Offset < 0 || n.Offset+n.Length > len(data) {
		return
	}
	if same, ok := verdicts[sha256.Sum256(data[n.Offset:n.Offset+n.Length])]; ok && same {
		n.Say("it matches")
	} else if ok {
		n.Say("IT DOES NOT MATCH")
	}
}

// WriteJSON prints a value as the one JSON document of a command.
func WriteJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// WriteText prints the report for people.
func (r *Report) WriteText(out io.Writer, full bool) error {
	if r.Tree == nil {
		return nil
	}
	if _, err := fmt.Fprintf(out, "%s, %d bytes, given as %s\n\n", title(r.Type), r.Length, r.Encoding); err != nil {
		return err
	}
	if err := annotate.WriteText(out, r.Tree, annotate.TextOptions{Full: full}); err != nil {
		return err
	}
	if r.Fault != nil || len(r.Checks) == 0 {
		return nil
	}
	v := verdict.Verdict{Checks: r.Checks}
	failed, unknown := len(v.Failed()), len(v.Unknown())
	if _, err := fmt.Fprintf(out, "\nchecks: %d pass, %d fail, %d not_run\n", len(r.Checks)-failed-unknown, failed, unknown); err != nil {
		return err
	}
	return WriteChecks(out, r.Checks)
}

func title(typ string) string {
	if typ == strings.ToLower(typ) {
		return "CBOR (" + typ + ") of no structure known here"
	}
	return typ
}

// WriteChecks prints checks one a line: outcome, id, what was measured, clause.
func WriteChecks(out io.Writer, checks []verdict.Check) error {
	id, measured := 0, 0
	for _, c := range checks {
		id, measured = max(id, len(c.ID)), max(measured, utf8.RuneCountInString(c.Measured))
	}
	measured = min(measured, 64)
	for _, c := range checks {
		_, err := fmt.Fprintf(out, "  %-7s  %-*s  %-*s  ; %s\n", c.Outcome, id, c.ID, measured, c.Measured, annotate.ShortClause(c.Clause))
		if err != nil {
			return err
		}
	}
	return nil
}
