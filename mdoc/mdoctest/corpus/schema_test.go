package corpus_test

import (
	"encoding/json"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"mobileid/mdoc/mdoctest/corpus"
	"mobileid/schemas"
)

// definition is as much of JSON Schema as the corpus uses.
type definition struct {
	Required   []string              `json:"required"`
	Properties map[string]definition `json:"properties"`
	Defs       map[string]definition `json:"$defs"`
	Pattern    string                `json:"pattern"`
	Enum       []string              `json:"enum"`
	Const      string                `json:"const"`
}

// TestSchema holds the published schema and the form together: the same members, and every value of the corpus fits.
func TestSchema(t *testing.T) {
	var s definition
	if err := json.Unmarshal(schemas.Corpus, &s); err != nil {
		t.Fatal(err)
	}
	if s.Properties["format"].Const != corpus.Format {
		t.Errorf("the schema is of format %q", s.Properties["format"].Const)
	}
	for name, of := range map[string]reflect.Type{"case": reflect.TypeFor[corpus.Case](), "file": reflect.TypeFor[corpus.File]()} {
		var members, required []string
		for i := range of.NumField() {
			member, options, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
			if member == "-" {
				continue
			}
			members = append(members, member)
			if options == "" {
				required = append(required, member)
			}
		}
		d := s.Defs[name]
		if got := slices.Sorted(maps.Keys(d.Properties)); !slices.Equal(got, slices.Sorted(slices.Values(members))) {
			t.Errorf("members of a %s %v, the schema names %v", name, members, got)
		}
		if !slices.Equal(slices.Sorted(slices.Values(d.Required)), slices.Sorted(slices.Values(required))) {
			t.Errorf("required members of a %s %v, the schema names %v", name, required, d.Required)
		}
	}
	c, f := s.Defs["case"].Properties, s.Defs["file"].Properties
	for _, k := range made() {
		one := map[string]string{"name": k.Name, "kind": string(k.Kind), "outcome": string(k.Outcome), "check": k.Check, "profile": k.Profile, "side": k.Side}
		for member, value := range one {
			fits(t, k.Name, c[member], value)
		}
		if len(k.Files) == 0 {
			t.Errorf("%s has no files", k.Name)
		}
		for _, file := range k.Files {
			fits(t, k.Name, f["role"], file.Role)
		}
	}
}

func fits(t *testing.T, name string, d definition, value string) {
	t.Helper()
	if value == "" {
		return // left out
	}
	if d.Pattern != "" && !regexp.MustCompile(d.Pattern).MatchString(value) || len(d.Enum) > 0 && !slices.Contains(d.Enum, value) {
		t.Errorf("%s: the schema refuses %q", name, value)
	}
}

// TestChecksAreDocumented looks up every check of a case: docs/verdicts.md lists those of the library, docs/corpus.md the stages.
func TestChecksAreDocumented(t *testing.T) {
	text := ""
	for _, path := range []string{"../../../docs/verdicts.md", "../../../docs/corpus.md"} {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text += string(b)
	}
	for _, c := range made() {
		written := regexp.MustCompile(`_\d\d$`).ReplaceAllString(c.Check, "_NN") // an age's id ends with two digits
		if c.Check != "" && !strings.Contains(text, "`"+written+"`") {
			t.Errorf("%s: no document lists %s", c.Name, c.Check)
		}
	}
	for row := range corpus.Rows() {
		if !strings.Contains(text, "`"+row+"`") {
			t.Errorf("no document lists the row %s", row)
		}
	}
}
