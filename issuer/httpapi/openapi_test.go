package httpapi_test

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"mobileid/schemas"
	"mobileid/schemas/problem"
)

// operation is one door of the OpenAPI document.
type operation struct {
	method, path string
	security     string // the name of the scheme, empty for none
	media        string // of the request body
	codes        []string
}

// operations reads the document by its layout: two spaces before a path, four before a method.
func operations(t *testing.T) []operation {
	t.Helper()
	var out []operation
	path := ""
	for line := range strings.Lines(string(schemas.IssuerOpenAPI)) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "  /"):
			path = strings.TrimSuffix(strings.TrimSpace(line), ":")
		case path != "" && regexp.MustCompile(`^    (get|post|put|patch|delete):$`).MatchString(line):
			out = append(out, operation{method: strings.ToUpper(strings.Trim(line, " :")), path: path})
		case line == "components:":
			return out
		case len(out) > 0:
			op := &out[len(out)-1]
			if m := regexp.MustCompile(`^      security: \[\{ (\w+): \[\] \}\]$`).FindStringSubmatch(line); m != nil {
				op.security = m[1]
			}
			if m := regexp.MustCompile(`^          (application/(?:cbor|cose)): \{\}$`).FindStringSubmatch(line); m != nil && op.media == "" && len(op.codes) == 0 {
				op.media = m[1]
			}
			if strings.HasPrefix(line, "      requestBody: { $ref:") {
				op.media = "application/json"
			}
			if m := regexp.MustCompile(`^        '(\d{3})':`).FindStringSubmatch(line); m != nil {
				op.codes = append(op.codes, m[1])
			}
		}
	}
	t.Fatal("the document has no components")
	return nil
}

// Every door of the document is served, and nothing beside them.
func TestDocumentIsServed(t *testing.T) {
	a := newAPI(t, nil)
	ops := operations(t)
	if len(ops) != 29 {
		t.Fatalf("%d doors in the document", len(ops))
	}
	for _, op := range ops {
		t.Run(op.method+" "+op.path, func(t *testing.T) {
			path := strings.NewReplacer("{id}", "00000000000000000000000000000000", "{n}", "1").Replace(op.path)
			rec := a.do(op.method, path, op.media, "", nil)
			if rec.Code == http.StatusMethodNotAllowed {
				t.Error("not served")
			}
			if p, err := problem.Parse(rec.Body.Bytes()); err == nil && p.Detail == "there is no such door" {
				t.Error("not served")
			}
			if !slices.Contains(op.codes, strconv.Itoa(rec.Code)) {
				t.Errorf("status %d is not in the document (%v)", rec.Code, op.codes)
			}
			for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
				documented := false
				for _, other := range ops {
					documented = documented || other.path == op.path && other.method == method
				}
				if rec := a.do(method, path, op.media, "", nil); !documented && rec.Code != http.StatusMethodNotAllowed {
					t.Errorf("%s is served and not documented", method)
				}
			}
		})
	}
}

// V7: every door that takes a token refuses none, a foreign and a malformed one.
func TestDoorsWithTokens(t *testing.T) {
	a := newAPI(t, nil)
	guarded := 0
	for _, op := range operations(t) {
		if op.security == "" {
			continue
		}
		guarded++
		path := strings.ReplaceAll(op.path, "{id}", "00000000000000000000000000000000")
		body := deskBody([]byte("element-01"))
		for _, token := range []string{"", "x", strings.Repeat("A", 43)} {
			rec := a.do(op.method, path, op.media, token, body)
			wantProblem(t, rec, http.StatusUnauthorized, problem.CodeUnauthorized)
		}
	}
	if guarded != 11 {
		t.Errorf("%d doors take a token, expected 11", guarded)
	}
}

// Every code that is answered stands in the document.
func TestCodesAreDocumented(t *testing.T) {
	document := string(schemas.IssuerOpenAPI)
	for _, code := range codes() {
		if !strings.Contains(document, "            - "+code+"\n") {
			t.Errorf("code %s is not documented", code)
		}
	}
}
