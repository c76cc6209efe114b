package mobileid_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// documents gives the Markdown files of the tree by path.
func documents(t *testing.T) (*sourceTree, map[string]string) {
	t.Helper()
	tree, err := parseTree(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	docs := make(map[string]string)
	for _, s := range tree.texts {
		if strings.HasSuffix(s.path, ".md") {
			docs[s.path] = string(s.data)
		}
	}
	if len(docs) < 10 {
		t.Fatalf("found %d documents: the walk does not see them", len(docs))
	}
	return tree, docs
}

// A document that names a test names one that exists.
func TestDocumentsNameRealTests(t *testing.T) {
	tree, docs := documents(t)
	exists := make(map[string]bool)
	for _, f := range tree.files {
		if f.isTest() {
			declares(f.ast, func(d *ast.FuncDecl) bool { exists[d.Name.Name] = true; return false })
		}
	}
	named := regexp.MustCompile("`((?:Test|Fuzz|Benchmark|Example)[A-Z][A-Za-z0-9_]*)`")
	count := 0
	for path, text := range docs {
		for _, m := range named.FindAllStringSubmatch(text, -1) {
			count++
			if !exists[m[1]] {
				t.Errorf("%s names %s, which does not exist", path, m[1])
			}
		}
	}
	if count == 0 {
		t.Error("no document names a test")
	}
}

// docs/verdicts.md lists the check ids the code uses: those in packages that
// make verdicts, and no others.
func TestVerdictIDsAreDocumented(t *testing.T) {
	tree, docs := documents(t)
	id := regexp.MustCompile(`^[a-z]+(_[a-z]+)*(\.[a-z0-9_]+)+$`)
	makes := make(map[string]bool) // folders that import the verdict package; commands only show verdicts
	for _, f := range tree.files {
		if !f.isTest() && !testSupport(f.dir()) && !strings.HasPrefix(f.dir(), "cmd/") && slices.Contains(f.imports(), module+"/mdoc/verdict") {
			makes[f.dir()] = true
		}
	}
	used := make(map[string]string)
	for _, f := range tree.files {
		if f.isTest() || !makes[f.dir()] {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			if s, err := strconv.Unquote(lit.Value); err == nil && id.MatchString(s) && !strings.HasPrefix(s, "org.") && !strings.HasPrefix(s, "jp.") { // a reversed domain is no id
				used[s] = f.line(tree.fset, n)
			}
			return true
		})
	}
	for s, at := range used {
		// An age's id ends with two digits, an id made in parts with an underscore.
		written := regexp.MustCompile(`_(\d\d)?$`).ReplaceAllString(s, "_NN")
		if !strings.Contains(docs["docs/verdicts.md"], "`"+written+"`") {
			t.Errorf("%s: docs/verdicts.md does not list %s", at, written)
		}
	}
	for _, m := range regexp.MustCompile("`([a-z_]+\\.[a-zN0-9_.]+)`").FindAllStringSubmatch(docs["docs/verdicts.md"], -1) {
		_, whole := used[m[1]]
		_, part := used[strings.TrimSuffix(m[1], "NN")]
		if !whole && !part && !strings.HasSuffix(m[1], ".") && !strings.HasPrefix(m[1], "mdoc.") && !strings.HasPrefix(m[1], "pki.") {
			t.Errorf("docs/verdicts.md lists %s, which no package makes", m[1])
		}
	}
}

// A link inside the repository leads somewhere.
func TestDocumentLinks(t *testing.T) {
	_, docs := documents(t)
	link := regexp.MustCompile(`\]\(([^)#]+)(?:#[^)]*)?\)`)
	for from, text := range docs {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(path.Join(path.Dir(from), m[1])); err != nil {
				t.Errorf("%s: link to %s leads nowhere", from, m[1])
			}
		}
	}
}

// A document that code refers to is there.
func TestCodeRefersToRealDocuments(t *testing.T) {
	tree, docs := documents(t)
	named := regexp.MustCompile(`docs/[a-z0-9/-]+\.md`)
	for _, f := range tree.files {
		if f.isTest() {
			continue
		}
		for _, name := range named.FindAllString(string(f.data), -1) {
			if _, ok := docs[name]; !ok {
				t.Errorf("%s refers to %s, which does not exist", f.path, name)
			}
		}
	}
}

// A make target that a document names is in the Makefile.
func TestDocumentedTargets(t *testing.T) {
	_, docs := documents(t)
	makefile, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	target := regexp.MustCompile("(?m)(?:`|^)make ([a-z]+)")
	for from, text := range docs {
		for _, m := range target.FindAllStringSubmatch(text, -1) {
			if !regexp.MustCompile(`(?m)^` + m[1] + `:`).Match(makefile) {
				t.Errorf("%s names make %s, which does not exist", from, m[1])
			}
		}
	}
}

// Decisions are numbered without gaps or doubles, and say what they must.
func TestDecisionRecords(t *testing.T) {
	entries, err := os.ReadDir("docs/adr")
	if err != nil {
		t.Fatal(err)
	}
	numbered := regexp.MustCompile(`^(\d{4})-[a-z0-9-]+\.md$`)
	for i, e := range entries {
		number := fmt.Sprintf("%04d", i+1)
		m := numbered.FindStringSubmatch(e.Name())
		if m == nil || m[1] != number {
			t.Errorf("docs/adr/%s: want number %s", e.Name(), number)
			continue
		}
		b, err := os.ReadFile(path.Join("docs/adr", e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range []string{"# " + m[1] + " ", "**Context.**", "**Decision.**", "**What it saves.**", "**Who keeps it.**", "**Also looked at.**"} {
			if !strings.Contains(string(b), part) {
				t.Errorf("docs/adr/%s lacks %q", e.Name(), part)
			}
		}
	}
}
