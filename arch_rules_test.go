package mobileid_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const module = "mobileid"

// source is one file of the tree.
type source struct {
	path string
	data []byte
	ast  *ast.File // nil unless it is Go
}

func (s source) dir() string  { return path.Dir(s.path) }
func (s source) isTest() bool { return strings.HasSuffix(s.path, "_test.go") }
func (s source) line(f *token.FileSet, n ast.Node) string {
	return fmt.Sprintf("%s:%d", s.path, f.Position(n.Pos()).Line)
}

// imports gives the import paths of a Go file.
func (s source) imports() []string {
	var out []string
	for _, i := range s.ast.Imports {
		if p, err := strconv.Unquote(i.Path.Value); err == nil {
			out = append(out, p)
		}
	}
	return out
}

// sourceTree is a module's text, with its Go files parsed.
type sourceTree struct {
	fset  *token.FileSet
	files []source // Go files
	texts []source // all files that are text
}

// parseTree reads everything but build output, history and test data.
func parseTree(fsys fs.FS) (*sourceTree, error) {
	t := &sourceTree{fset: token.NewFileSet()}
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); name == ".git" || name == "testdata" || p == "bin" || p == "state" {
				return fs.SkipDir
			}
			return nil
		}
		if p == ".git" { // a second working tree has a file there
			return nil
		}
		data, err := fs.ReadFile(fsys, p)
		if err != nil {
			return err
		}
		s := source{path: p, data: data}
		if strings.HasSuffix(p, ".go") {
			if s.ast, err = parser.ParseFile(t.fset, p, data, parser.ParseComments|parser.SkipObjectResolution); err != nil {
				return err
			}
			t.files = append(t.files, s)
		}
		if !bytes.ContainsRune(data, 0) {
			t.texts = append(t.texts, s)
		}
		return nil
	})
	return t, err
}

// path gives the shortest chain of imports in code (not in tests) from one
// folder to another, or nil.
func (t *sourceTree) path(from, to string) []string {
	edges := make(map[string][]string)
	for _, f := range t.files {
		if f.isTest() {
			continue
		}
		for _, i := range f.imports() {
			if dir, ok := inModule(i); ok {
				edges[f.dir()] = append(edges[f.dir()], dir)
			}
		}
	}
	seen := map[string]bool{from: true}
	for queue := [][]string{{from}}; len(queue) > 0; queue = queue[1:] {
		for _, next := range edges[queue[0][len(queue[0])-1]] {
			if seen[next] {
				continue
			}
			seen[next] = true
			chain := append(slices.Clone(queue[0]), next)
			if next == to {
				return chain
			}
			queue = append(queue, chain)
		}
	}
	return nil
}

// rule is one thing the house holds to.
type rule struct {
	name  string
	check func(*sourceTree) []string
}

func rules() []rule {
	return []rule{
		{"arrows", checkArrows},
		{"libraries", checkLibraries},
		{"corpus", checkCorpus},
		{"package comments", checkPackageComments},
		{"names", checkNames},
		{"clauses", checkClauses},
		{"fuzz targets", checkFuzzTargets},
		{"no init", checkNoInit},
		{"no skips", checkNoSkips},
		{"sizes", checkSizes},
		{"words", checkWords},
	}
}

// inModule gives the folder of an import path of this module.
func inModule(importPath string) (string, bool) {
	if importPath == module {
		return ".", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

// matches tells whether a folder is meant by a pattern of an [arrow].
func matches(pattern, dir string) bool {
	if pattern == "..." {
		return true
	}
	if root, ok := strings.CutSuffix(pattern, "/..."); ok {
		return dir == root || strings.HasPrefix(dir, root+"/")
	}
	return dir == pattern
}

// allowed lets the longest pattern that matches decide.
func allowed(patterns []string, dir string) bool {
	ok, longest := false, -1
	for _, p := range patterns {
		pattern, minus := strings.CutPrefix(p, "-")
		if matches(pattern, dir) && len(pattern) > longest {
			ok, longest = !minus, len(pattern)
		}
	}
	return ok
}

func checkArrows(t *sourceTree) []string {
	var out []string
	table := arrows()
	for _, f := range t.files {
		dir := f.dir()
		i := slices.IndexFunc(table, func(a arrow) bool { return matches(a.from, dir) })
		if i < 0 {
			out = append(out, "no import rule for "+dir)
			continue
		}
		to := table[i].to
		if f.isTest() { // a test may build what its own side of the house offers
			own, _, _ := strings.Cut(dir, "/")
			to = []string{"mdoc/...", "schemas/...", own + "/..."}
			if dir == "." || own == "cmd" {
				to = []string{"..."}
			}
		}
		for _, p := range f.imports() {
			target, ok := inModule(p)
			switch {
			case !ok || target == dir:
			case target == corpusRoom && matches("cmd/mobileid/...", dir): // exports it
			case target == readerRoom && matches("cmd/mobileid/internal/benchmark", dir): // measures through it
			case testSupport(target) && !f.isTest() && !testSupport(dir):
				out = append(out, fmt.Sprintf("%s: only tests may import %s", f.path, target))
			case !allowed(to, target):
				out = append(out, fmt.Sprintf("%s: %s may not import %s", f.path, dir, target))
			}
		}
	}
	return out
}

// corpusRoom is the one folder of test support that a binary holds: mobileid
// gives the corpus to other projects.
const corpusRoom = "mdoc/mdoctest/corpus"

// readerRoom starts a PC/SC daemon, for tests and for the figures of mobileid bench.
const readerRoom = "mdoc/apdu/pcsctest"

// testSupport names the folders whose code only tests may import: by their
// name, which ends in test as httptest does, and all below mdoc/mdoctest.
func testSupport(dir string) bool {
	return matches("mdoc/mdoctest/...", dir) || strings.HasSuffix(path.Base(dir), "test")
}

func checkLibraries(t *sourceTree) []string {
	var out []string
	for _, f := range t.files {
		for _, p := range f.imports() {
			host, _, _ := strings.Cut(p, "/")
			if _, ok := inModule(p); ok || !strings.Contains(host, ".") {
				continue
			}
			i := slices.IndexFunc(libraries(), func(a arrow) bool { return matches(a.from+"/...", p) })
			if i < 0 {
				out = append(out, fmt.Sprintf("%s: %s is not in the table of libraries", f.path, p))
				continue
			}
			to := libraries()[i].to
			inTest := (f.isTest() || testSupport(f.dir())) && slices.Contains(to, "test")
			if !inTest && !allowed(to, f.dir()) {
				out = append(out, fmt.Sprintf("%s: %s may not import %s", f.path, f.dir(), p))
			}
		}
	}
	return out
}

func checkPackageComments(t *sourceTree) []string {
	comments := make(map[string]int)
	for _, f := range t.files {
		if f.isTest() {
			continue
		}
		comments[f.dir()] += 0
		if f.ast.Doc != nil && strings.TrimSpace(f.ast.Doc.Text()) != "" {
			comments[f.dir()]++
		}
	}
	var out []string
	for _, dir := range slices.Sorted(maps.Keys(comments)) {
		if n := comments[dir]; n != 1 {
			out = append(out, fmt.Sprintf("%s has %d package comments, want 1", dir, n))
		}
	}
	return out
}

func checkCorpus(t *sourceTree) []string {
	var out []string
	for _, f := range t.files {
		if f.dir() == corpusRoom && !f.isTest() && slices.Contains(f.imports(), "testing") {
			out = append(out, f.path+" imports testing, and a binary imports it")
		}
	}
	return out
}

func checkNames(t *sourceTree) []string {
	empty := []string{"util", "utils", "common", "helper", "helpers", "types", "model", "models", "misc", "pkg"}
	var out []string
	for _, f := range t.files {
		for part := range strings.SplitSeq(f.dir(), "/") {
			if slices.Contains(empty, part) {
				out = append(out, f.dir()+" says nothing of what is in it")
			}
		}
		if slices.Contains(empty, strings.TrimSuffix(path.Base(f.path), ".go")) {
			out = append(out, f.path+" says nothing of what is in it")
		}
	}
	return slices.Compact(out)
}

// checkClauses wants the document and clause that a wire structure comes from
// in the comment of its type.
func checkClauses(t *sourceTree) []string {
	clause := regexp.MustCompile(`ISO/IEC|RFC \d|GlobalPlatform|BSI TR|Token Status List|OpenID4V|docs/[a-z]+\.md|[Oo]wn (profile|format)|mobileid's own`)
	var out []string
	for _, f := range t.files {
		if f.isTest() {
			continue
		}
		var stack []ast.Node
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if n == nil {
				stack = stack[:len(stack)-1]
				return true
			}
			stack = append(stack, n)
			st, ok := n.(*ast.StructType)
			if !ok || !hasCBORTag(st) {
				return true
			}
			name, doc := typeOf(stack)
			switch {
			case name == "":
				out = append(out, f.line(t.fset, n)+": unnamed struct with a cbor tag: give it a name and its clause")
			case !clause.MatchString(doc):
				out = append(out, fmt.Sprintf("%s: %s.%s has a cbor tag and names no clause", f.line(t.fset, n), f.ast.Name, name))
			}
			return true
		})
	}
	return out
}

func hasCBORTag(st *ast.StructType) bool {
	return slices.ContainsFunc(st.Fields.List, func(f *ast.Field) bool {
		return f.Tag != nil && strings.Contains(f.Tag.Value, `cbor:"`)
	})
}

// typeOf gives the name and comment of the type declaration a node stands in.
func typeOf(stack []ast.Node) (name, doc string) {
	for i := len(stack) - 1; i > 0; i-- {
		spec, ok := stack[i].(*ast.TypeSpec)
		if !ok {
			continue
		}
		doc = spec.Doc.Text()
		if decl, ok := stack[i-1].(*ast.GenDecl); ok && doc == "" {
			doc = decl.Doc.Text()
		}
		return spec.Name.Name, doc
	}
	return "", ""
}

// checkFuzzTargets wants every exported decoder of bytes named in a test file
// that declares a fuzz target.
func checkFuzzTargets(t *sourceTree) []string {
	fuzzed := make(map[string]map[string]bool) // folder, then identifiers beside a target
	for _, f := range t.files {
		if !f.isTest() || !declares(f.ast, func(d *ast.FuncDecl) bool { return strings.HasPrefix(d.Name.Name, "Fuzz") }) {
			continue
		}
		if fuzzed[f.dir()] == nil {
			fuzzed[f.dir()] = make(map[string]bool)
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok {
				fuzzed[f.dir()][id.Name] = true
			}
			return true
		})
	}
	var out []string
	for _, f := range t.files {
		if f.isTest() {
			continue
		}
		declares(f.ast, func(d *ast.FuncDecl) bool {
			name := d.Name.Name
			decoder := strings.HasPrefix(name, "Parse") || strings.HasPrefix(name, "Unmarshal")
			if d.Recv == nil && decoder && takesBytes(d) && !fuzzed[f.dir()][name] {
				out = append(out, fmt.Sprintf("%s: %s.%s has no fuzz target", f.line(t.fset, d), f.ast.Name, name))
			}
			return false
		})
	}
	return out
}

func declares(f *ast.File, is func(*ast.FuncDecl) bool) bool {
	return slices.ContainsFunc(f.Decls, func(d ast.Decl) bool {
		fn, ok := d.(*ast.FuncDecl)
		return ok && is(fn)
	})
}

func takesBytes(d *ast.FuncDecl) bool {
	return slices.ContainsFunc(d.Type.Params.List, func(p *ast.Field) bool {
		a, ok := p.Type.(*ast.ArrayType)
		if !ok || a.Len != nil {
			return false
		}
		elem, ok := a.Elt.(*ast.Ident)
		return ok && elem.Name == "byte"
	})
}

func checkNoInit(t *sourceTree) []string {
	var out []string
	for _, f := range t.files {
		declares(f.ast, func(d *ast.FuncDecl) bool {
			if d.Recv == nil && d.Name.Name == "init" {
				out = append(out, f.line(t.fset, d)+" declares init")
			}
			return false
		})
	}
	return out
}

// checkNoSkips allows one place to skip: the one that looks for the vectors.
func checkNoSkips(t *sourceTree) []string {
	var out []string
	for _, f := range t.files {
		if f.dir() == "mdoc/mdoctest" {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			sel, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || !slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, sel.Sel.Name) {
				return true
			}
			if on, ok := sel.X.(*ast.Ident); ok && slices.Contains([]string{"t", "b", "f", "tb"}, on.Name) {
				out = append(out, f.line(t.fset, n)+" skips")
			}
			return true
		})
	}
	return out
}

func checkSizes(t *sourceTree) []string {
	var out []string
	for _, f := range t.files {
		if n := bytes.Count(f.data, []byte("\n")); n > 800 {
			out = append(out, fmt.Sprintf("%s has %d lines: split it at a noun", f.path, n))
		}
	}
	return out
}

// machinePath is an absolute path below a folder that every machine fills in its own way.
var machinePath = regexp.MustCompile(`(?:^|[^\w.-])/(?:builds|home|media|mnt|root|srv|Users|work|workspace)/`)

// checkWords keeps out paths of one machine and marks of what was never finished. The marks are written in two parts so that this file does
// not hold them.
func checkWords(t *sourceTree) []string {
	marks := []string{"TO" + "DO", "FIX" + "ME", "not yet " + "implemented"}
	var out []string
	for _, f := range t.texts {
		for n, line := range bytes.Split(f.data, []byte("\n")) {
			if machinePath.Match(line) {
				out = append(out, fmt.Sprintf("%s:%d mentions a path of one machine", f.path, n+1))
			}
			for _, m := range marks {
				if bytes.Contains(line, []byte(m)) {
					out = append(out, fmt.Sprintf("%s:%d mentions %s", f.path, n+1, m))
				}
			}
		}
	}
	return out
}
