package verdict_test

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"testing"

	"mobileid/mdoc/verdict"
	"mobileid/schemas"
)

type schema struct {
	Required   []string          `json:"required"`
	Properties map[string]schema `json:"properties"`
	Defs       map[string]schema `json:"$defs"`
	Pattern    string            `json:"pattern"`
	MaxLength  int               `json:"maxLength"`
	Enum       []string          `json:"enum"`
}

// TestSchema holds the published schema and the JSON form together: the same members, the same outcomes, and a pattern that
// every documented id fits.
func TestSchema(t *testing.T) {
	var s schema
	if err := json.Unmarshal(schemas.Verdict, &s); err != nil {
		t.Fatal(err)
	}
	var v verdict.Verdict
	v.Pass("a.b", "clause", "seen")
	v.Fail("a.c", "clause", "seen")
	v.NotRun("a.d", "clause", "seen")
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var form struct {
		Checks []map[string]string `json:"checks"`
	}
	if err := json.Unmarshal(raw, &form); err != nil {
		t.Fatal(err)
	}
	check := s.Defs["check"]
	if !slices.Equal(s.Required, []string{"checks"}) || len(s.Properties) != 1 {
		t.Errorf("members of a verdict: %v", s.Required)
	}
	var outcomes []string
	for _, c := range form.Checks {
		if got := slices.Sorted(maps.Keys(c)); !slices.Equal(got, slices.Sorted(slices.Values(check.Required))) ||
			!slices.Equal(got, slices.Sorted(maps.Keys(check.Properties))) {
			t.Errorf("members of a check %v, the schema names %v", got, check.Required)
		}
		outcomes = append(outcomes, c["outcome"])
	}
	if !slices.Equal(outcomes, check.Properties["outcome"].Enum) {
		t.Errorf("outcomes %v, the schema names %v", outcomes, check.Properties["outcome"].Enum)
	}
	documented(t, check.Properties["id"])
}

func documented(t *testing.T, id schema) {
	t.Helper()
	text, err := os.ReadFile("../../docs/verdicts.md")
	if err != nil {
		t.Fatal(err)
	}
	pattern := regexp.MustCompile(id.Pattern)
	count := 0
	for _, m := range regexp.MustCompile("`([a-z_]+(?:\\.[a-z0-9_]+)+)`").FindAllStringSubmatch(string(text), -1) {
		count++
		if !pattern.MatchString(m[1]) || len(m[1]) > id.MaxLength {
			t.Errorf("the schema refuses %s", m[1])
		}
	}
	if count < 100 {
		t.Errorf("%d ids found in the document", count)
	}
}
