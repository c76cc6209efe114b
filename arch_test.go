package mobileid_test

import (
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// arrow says what a package's code may import from this module. A pattern is
// a folder, or a folder with /... for it and all below it; a minus sign takes
// away; of several that match, the longest counts.
type arrow struct {
	from string
	to   []string
}

// arrows is the import table of docs/architecture.md; the first match counts.
func arrows() []arrow {
	base := []string{"schemas/...", "mdoc/cbor", "mdoc/apdu", "mdoc/jose", "mdoc/verdict"}
	formats := slices.Concat(base, []string{"mdoc/cose", "mdoc/transcript", "mdoc/pki", "mdoc/doctype"})
	moving := slices.Concat(base, []string{
		"mdoc/cose", "mdoc/pki", "mdoc/provisioning", "tsm/...", "-tsm/se/...", "-tsm/applet/...", "tsm/applet/stream", "-tsm/jpkiapplet",
	})
	return []arrow{
		{"schemas/...", nil},
		{"mdoc/cbor", nil},
		{"mdoc/apdu", nil},
		{"mdoc/apdu/...", []string{"mdoc/apdu/..."}},
		{"mdoc/jpkiap", []string{"mdoc/apdu"}},
		{"mdoc/jose", nil},
		{"mdoc/verdict", nil},

		{"mdoc/cose", base},
		{"mdoc/transcript", base},
		{"mdoc/pki", base},
		{"mdoc/doctype", base},
		{"mdoc/transport/...", slices.Concat(base, []string{"mdoc/transport/..."})},

		{"mdoc", slices.Concat(formats, []string{"mdoc/session", "mdoc/encryption"})},
		{"mdoc/engagement/...", slices.Concat(formats, []string{"mdoc/engagement/..."})},
		{"mdoc/encryption", formats},
		{"mdoc/vical", formats},
		{"mdoc/linkability", slices.Concat(formats, []string{"mdoc"})},
		{"mdoc/session", slices.Concat(formats, []string{"mdoc/engagement"})},
		{"mdoc/statuslist", formats},
		{"mdoc/provisioning", []string{"mdoc/cbor", "mdoc/cose", "mdoc/pki", "mdoc/verdict"}},
		{"mdoc/openid4vci", []string{"mdoc/...", "schemas/...", "-mdoc/holder/..."}},
		{"mdoc/openid4vp", []string{"mdoc/...", "schemas/...", "-mdoc/holder/..."}},
		{"mdoc/holder", []string{"mdoc/...", "schemas/..."}},
		{"mdoc/mdoctest/...", []string{"mdoc/...", "schemas/..."}},

		{"issuer/httpapi", []string{"issuer/...", "mdoc/...", "schemas/...", "-issuer/keys/..."}},
		{"issuer/pairing", []string{"mdoc/cbor"}},
		{"issuer/counter", []string{"issuer", "issuer/card/...", "issuer/pairing", "issuer/refusal", "issuer/issuertest", "mdoc/...", "schemas/..."}},
		{"issuer/...", []string{"issuer/...", "mdoc/...", "schemas/...", "-issuer/httpapi/..."}},
		{"verifier/...", []string{"verifier/...", "mdoc/...", "schemas/..."}},
		{"tsm/se/...", []string{"tsm/...", "mdoc/...", "schemas/...", "-tsm/httpapi/...", "-tsm/store/..."}},
		{"tsm/applet/stream", slices.Concat(base, []string{"mdoc/cose", "mdoc/provisioning"})},
		{"tsm/applet/...", []string{"tsm/...", "mdoc/...", "schemas/...", "-tsm/httpapi/...", "-tsm/store/..."}},
		{"tsm/jpkiapplet", []string{"tsm/...", "mdoc/...", "schemas/...", "-tsm/httpapi/...", "-tsm/store/..."}},
		{"tsm/...", moving},

		{"cmd/...", []string{"..."}},
		{".", []string{"..."}},
	}
}

// libraries names every module from outside that this one uses directly, and
// the folders that may: one library, one importer. "test" means test files.
func libraries() []arrow {
	return []arrow{
		{"github.com/fxamacker/cbor/v2", []string{"mdoc/cbor"}},
		{"github.com/veraison/go-cose", []string{"mdoc/cose"}},
		{"github.com/gin-gonic/gin", []string{"issuer/httpapi", "tsm/httpapi", "verifier/httpapi"}},
		{"go.etcd.io/bbolt", []string{"issuer/store/...", "tsm/store/...", "verifier/store/..."}},
		{"golang.org/x/crypto/cryptobyte", []string{"issuer/card/...", "mdoc/pki"}},
		{"golang.org/x/crypto/ocsp", []string{"issuer/card/jpki/...", "test"}},
		{"github.com/goccy/go-yaml", []string{"issuer/card/cardsim"}},
		{"github.com/spf13/cobra", []string{"cmd/..."}},
		{"github.com/skip2/go-qrcode", []string{"cmd/..."}},
		{"golang.org/x/term", []string{"cmd/internal/terminal"}},
		{"github.com/miekg/pkcs11", []string{"cmd/internal/hsm"}},
		{"github.com/ThalesGroup/crypto11", []string{"cmd/internal/hsm"}},
		{"github.com/makiuchi-d/gozxing", []string{"test"}},
		{"github.com/chromedp/chromedp", []string{"test"}},
		{"github.com/google/go-cmp", []string{"test"}},
		{"pgregory.net/rapid", []string{"test"}},
	}
}

// The rules hold over the tree as it lies on the disk.
func TestArchitecture(t *testing.T) {
	tree, err := parseTree(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	if len(tree.files) < 10 {
		t.Fatalf("found %d Go files: the walk does not see the module", len(tree.files))
	}
	for _, rule := range rules() {
		t.Run(rule.name, func(t *testing.T) {
			for _, v := range rule.check(tree) {
				t.Error(v)
			}
		})
	}
}

// The TSM moves sealed bytes. That it cannot read an element is a fact of the
// import graph: none of its packages reaches the document model.
func TestTSMCannotReachTheDocument(t *testing.T) {
	tree, err := parseTree(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	for _, service := range []string{"tsm", "tsm/cmac", "tsm/scp03", "tsm/gp", "tsm/seram", "tsm/store", "tsm/applet/stream", "tsm/httpapi", "cmd/mobileid-tsm"} {
		for _, secret := range []string{"mdoc", "mdoc/holder", "issuer", "tsm/se", "tsm/applet", "tsm/jpkiapplet"} {
			if path := tree.path(service, secret); path != nil {
				t.Errorf("%s reaches %s: %s", service, secret, strings.Join(path, " -> "))
			}
		}
	}
}

// Each rule is shown one small tree that breaks it, and one that does not.
func TestRulesCatchViolations(t *testing.T) {
	const doc = "// Package x is one.\n"
	cases := []struct {
		rule, name string
		tree       map[string]string
		want       string // "" for none
	}{
		{"arrows", "upwards", map[string]string{"mdoc/cbor/a.go": doc + `package cbor; import _ "mobileid/mdoc"`}, "mdoc/cbor may not import mdoc"},
		{"arrows", "sideways", map[string]string{"issuer/a.go": doc + `package issuer; import _ "mobileid/tsm/scp03"`}, "issuer may not import tsm/scp03"},
		{"arrows", "sideways in a test", map[string]string{"verifier/a_test.go": `package verifier; import _ "mobileid/issuer"`}, "verifier may not import issuer"},
		{"arrows", "document in the TSM", map[string]string{"tsm/httpapi/a.go": doc + `package httpapi; import _ "mobileid/mdoc"`}, "tsm/httpapi may not import mdoc"},
		{"arrows", "keys in a door", map[string]string{"issuer/httpapi/a.go": doc + `package httpapi; import _ "mobileid/issuer/keys"`}, "issuer/httpapi may not import issuer/keys"},
		{"arrows", "a folder without a rule", map[string]string{"extra/a.go": doc + "package extra"}, "no import rule for extra"},
		{"arrows", "cmd imported", map[string]string{"issuer/a.go": doc + `package issuer; import _ "mobileid/cmd/internal/serve"`}, "issuer may not import cmd/internal/serve"},
		{"arrows", "vectors in code", map[string]string{"mdoc/holder/a.go": doc + `package holder; import _ "mobileid/mdoc/mdoctest"`}, "only tests may import mdoc/mdoctest"},
		{"arrows", "corpus in a service", map[string]string{"cmd/mobileid-issuer/a.go": doc + `package main; import _ "mobileid/mdoc/mdoctest/corpus"`}, "only tests may import mdoc/mdoctest/corpus"},
		{"arrows", "pcscd in a service", map[string]string{"cmd/mobileid-issuer/a.go": doc + `package main; import _ "mobileid/mdoc/apdu/pcsctest"`}, "only tests may import mdoc/apdu/pcsctest"},
		{"arrows", "pcscd in the benchmark", map[string]string{"cmd/mobileid/internal/benchmark/a.go": doc + `package benchmark; import _ "mobileid/mdoc/apdu/pcsctest"`}, ""},
		{"arrows", "document in a reader", map[string]string{"mdoc/apdu/pcsc/a.go": doc + `package pcsc; import _ "mobileid/mdoc"`}, "mdoc/apdu/pcsc may not import mdoc"},
		{"arrows", "corpus in the tool", map[string]string{"cmd/mobileid/internal/export/a.go": doc + `package export; import _ "mobileid/mdoc/mdoctest/corpus"`}, ""},
		{"corpus", "testing", map[string]string{"mdoc/mdoctest/corpus/a.go": doc + `package corpus; import _ "testing"`}, "imports testing"},
		{"corpus", "testing in a test", map[string]string{"mdoc/mdoctest/corpus/a_test.go": `package corpus; import _ "testing"`}, ""},
		{"arrows", "applet in the TSM", map[string]string{"tsm/a.go": doc + `package tsm; import _ "mobileid/tsm/applet"`}, "tsm may not import tsm/applet"},
		{"arrows", "stream in the TSM", map[string]string{"tsm/a.go": doc + `package tsm; import _ "mobileid/tsm/applet/stream"`}, ""},
		{"arrows", "allowed", map[string]string{"tsm/applet/a.go": doc + `package applet; import ( _ "mobileid/mdoc"; _ "mobileid/tsm/scp03")`}, ""},
		{"arrows", "allowed in a test", map[string]string{"mdoc/cbor/a_test.go": `package cbor; import _ "mobileid/mdoc/mdoctest"`}, ""},

		{"libraries", "second importer", map[string]string{"mdoc/a.go": doc + `package mdoc; import _ "github.com/fxamacker/cbor/v2"`}, "mdoc may not import github.com/fxamacker/cbor/v2"},
		{"libraries", "part of a library", map[string]string{"issuer/a.go": doc + `package issuer; import _ "github.com/gin-gonic/gin/binding"`}, "issuer may not import github.com/gin-gonic/gin/binding"},
		{"libraries", "test library in code", map[string]string{"mdoc/a.go": doc + `package mdoc; import _ "pgregory.net/rapid"`}, "mdoc may not import pgregory.net/rapid"},
		{"libraries", "not in the table", map[string]string{"mdoc/a_test.go": `package mdoc; import _ "example.org/x"`}, "example.org/x is not in the table"},
		{"libraries", "allowed", map[string]string{"tsm/store/a.go": doc + `package store; import _ "go.etcd.io/bbolt"`, "mdoc/a_test.go": `package mdoc; import _ "pgregory.net/rapid"`}, ""},

		{"package comments", "none", map[string]string{"a/a.go": "package a"}, "a has 0 package comments"},
		{"package comments", "two", map[string]string{"a/a.go": doc + "package a", "a/b.go": doc + "package a"}, "a has 2 package comments"},
		{"package comments", "one", map[string]string{"a/a.go": doc + "package a", "a/b.go": "package a"}, ""},

		{"names", "folder", map[string]string{"mdoc/util/a.go": doc + "package util"}, "mdoc/util says nothing"},
		{"names", "file", map[string]string{"mdoc/types.go": "package mdoc"}, "mdoc/types.go says nothing"},
		{"names", "fine", map[string]string{"mdoc/mso.go": "package mdoc"}, ""},

		{"clauses", "no comment", map[string]string{"a/a.go": "package a\ntype T struct { X int `cbor:\"x\"` }"}, "a.T has a cbor tag and names no clause"},
		{"clauses", "comment without clause", map[string]string{"a/a.go": "package a\n// T is a thing.\ntype T struct { X int `cbor:\"1,keyasint\"` }"}, "a.T has"},
		{"clauses", "unnamed", map[string]string{"a/a.go": "package a\nvar x struct { X int `cbor:\"x\"` }"}, "unnamed struct"},
		{"clauses", "fine", map[string]string{"a/a.go": "package a\n// T is a thing (RFC 9052, 4.2).\ntype T struct { X int `cbor:\"x\"` }"}, ""},

		{"fuzz targets", "none", map[string]string{"a/a.go": "package a\nfunc ParseX(b []byte) {}"}, "a.ParseX has no fuzz target"},
		{"fuzz targets", "of another", map[string]string{"a/a.go": "package a\nfunc ParseX(b []byte) {}", "a/a_test.go": "package a\nfunc FuzzY(f *testing.F) { ParseY(nil) }"}, "a.ParseX has no fuzz target"},
		{"fuzz targets", "fine", map[string]string{"a/a.go": "package a\nfunc ParseX(b []byte) {}\nfunc ParseName(s string) {}", "a/a_test.go": "package a\nfunc FuzzX(f *testing.F) { f.Fuzz(func(t *testing.T, b []byte) { ParseX(b) }) }"}, ""},

		{"no init", "init", map[string]string{"a/a.go": "package a\nfunc init() {}"}, "a/a.go:2 declares init"},
		{"no init", "method of that name", map[string]string{"a/a.go": "package a\ntype T int\nfunc (T) init() {}"}, ""},

		{"no skips", "skip", map[string]string{"a/a_test.go": "package a\nfunc TestX(t *testing.T) { t.Skip() }"}, "a/a_test.go:2 skips"},
		{"no skips", "skip with words", map[string]string{"a/a_test.go": "package a\nfunc BenchmarkX(b *testing.B) { b.Skipf(\"\") }"}, "a/a_test.go:2 skips"},
		{"no skips", "where it is allowed", map[string]string{"mdoc/mdoctest/a.go": "package mdoctest\nfunc F(t testing.TB) { t.Skip() }"}, ""},

		{"sizes", "long file", map[string]string{"a/a.go": "package a\n" + strings.Repeat("\n", 800)}, "a/a.go has 801 lines"},
		{"sizes", "fine", map[string]string{"a/a.go": "package a\n"}, ""},

		{"words", "a path of one machine", map[string]string{"docs/x.md": "see /home" + "/x"}, "docs/x.md:1 mentions a path"},
		{"words", "a path of one machine in quotes", map[string]string{"a/a.go": "package a\nconst d = `/Users" + "/x`"}, "a/a.go:2 mentions a path"},
		{"words", "unfinished", map[string]string{"a/a.go": "package a\n// TO" + "DO"}, "a/a.go:2 mentions"},
		{"words", "fine", map[string]string{"docs/x.md": "see docs/workflow"}, ""},
		{"words", "a path inside the tree", map[string]string{"docs/x.md": "see testdata/home/x, https://example.com/root/"}, ""},
	}
	shown := make(map[string]bool)
	for _, c := range cases {
		t.Run(c.rule+"/"+c.name, func(t *testing.T) {
			files := fstest.MapFS{}
			for path, text := range c.tree {
				files[path] = &fstest.MapFile{Data: []byte(text), Mode: fs.FileMode(0o644)}
			}
			tree, err := parseTree(files)
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(rules(), func(r rule) bool { return r.name == c.rule })
			if i < 0 {
				t.Fatalf("no rule %q", c.rule)
			}
			got := rules()[i].check(tree)
			switch {
			case c.want == "" && len(got) > 0:
				t.Errorf("found %q in a good tree", got)
			case c.want != "" && !slices.ContainsFunc(got, func(v string) bool { return strings.Contains(v, c.want) }):
				t.Errorf("found %q, want one with %q", got, c.want)
			}
		})
		if c.want != "" {
			shown[c.rule] = true
		}
	}
	for _, r := range rules() {
		if !shown[r.name] {
			t.Errorf("rule %q has no example that breaks it", r.name)
		}
	}
}

func TestPathFindsAnIndirectImport(t *testing.T) {
	tree, err := parseTree(fstest.MapFS{
		"tsm/a.go":           {Data: []byte(`package tsm; import _ "mobileid/mdoc/pki"`)},
		"mdoc/pki/a.go":      {Data: []byte(`package pki; import _ "mobileid/mdoc"`)},
		"mdoc/a.go":          {Data: []byte(`package mdoc`)},
		"mdoc/cbor/a.go":     {Data: []byte(`package cbor`)},
		"mdoc/pki/b_test.go": {Data: []byte(`package pki; import _ "mobileid/mdoc/cbor"`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(tree.path("tsm", "mdoc"), " "); got != "tsm mdoc/pki mdoc" {
		t.Errorf("path to mdoc is %q", got)
	}
	if got := tree.path("tsm", "mdoc/cbor"); got != nil {
		t.Errorf("a test's import counts: %q", got)
	}
}
