package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// mutant is one check taken away.
type mutant struct {
	n      int // its number, from 1
	folder string
	file   string
	line   int
	code   string // the text that is changed
	text   string // the line it stands in
	id     string // of the check in a verdict, if it is one
	form   string // what becomes of it
	site   token.Pos
}

// planter collects the mutants of one file.
type planter struct {
	fset    *token.FileSet
	src     []byte
	folder  string
	file    string
	next    int
	mutants []mutant
	edits   []edit
	returns []*ast.FieldList // of the functions around the node
}

// edit wraps a stretch of the source.
type edit struct {
	from, to      int
	before, after string
}

// plant finds the checks of the target and gives the changed files by path: each check stands behind a switch.
func plant(root string, t target) ([]mutant, map[string][]byte, error) {
	var mutants []mutant
	files := make(map[string][]byte)
	for _, f := range t.code {
		paths, err := f.list(root)
		if err != nil {
			return nil, nil, err
		}
		name := ""
		for _, path := range paths {
			src, err := os.ReadFile(filepath.Join(root, path))
			if err != nil {
				return nil, nil, err
			}
			p := &planter{fset: token.NewFileSet(), src: src, folder: f.path, file: path, next: len(mutants) + 1}
			tree, err := parser.ParseFile(p.fset, path, src, parser.SkipObjectResolution)
			if err != nil {
				return nil, nil, err
			}
			name = tree.Name.Name
			p.walk(tree, f)
			mutants = append(mutants, p.mutants...)
			files[path] = p.apply()
		}
		files[filepath.Join(f.path, "mutant_switch.go")] = []byte(strings.Replace(switchSource, "NAME", name, 1))
	}
	return mutants, files, nil
}

func (f folder) list(root string) ([]string, error) {
	found, err := filepath.Glob(filepath.Join(root, f.path, "*.go"))
	if err != nil {
		return nil, err
	}
	var out []string
	for _, path := range found {
		relative, err := filepath.Rel(root, path)
		if err != nil {
			return nil, err
		}
		if !strings.HasSuffix(path, "_test.go") && !slices.Contains(f.except, filepath.Base(path)) {
			out = append(out, relative)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no files of %s", f.path)
	}
	return out, nil
}

// walk visits the functions that read and judge.
func (p *planter) walk(tree *ast.File, f folder) {
	for _, d := range tree.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil && !f.makes(fn.Name.Name) {
			p.function(fn.Type, fn.Body)
		}
	}
}

func (p *planter) function(t *ast.FuncType, body *ast.BlockStmt) {
	p.returns = append(p.returns, t.Results)
	defer func() { p.returns = p.returns[:len(p.returns)-1] }()
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			p.function(n.Type, n.Body)
			return false
		case *ast.ExprStmt:
			p.verdict(n)
		case *ast.IfStmt:
			if p.refuses(n.Body.List) {
				p.guard(n.Cond, n.Cond.Pos())
			}
		case *ast.SwitchStmt:
			if n.Tag == nil {
				p.cases(n)
			}
		case *ast.RangeStmt:
			p.search(n.Body.List)
		case *ast.ReturnStmt:
			for _, r := range n.Results {
				p.comparison(r)
			}
		case *ast.AssignStmt:
			for _, r := range n.Rhs {
				p.comparison(r)
			}
		}
		return true
	})
}

// verdict takes Record, record and Fail of a verdict.
func (p *planter) verdict(s *ast.ExprStmt) {
	call, ok := s.X.(*ast.CallExpr)
	if !ok {
		return
	}
	name, on := "", ""
	switch fn := call.Fun.(type) {
	case *ast.Ident:
		name = fn.Name
	case *ast.SelectorExpr:
		name, on = fn.Sel.Name, p.text(fn.X)
	}
	switch {
	case (name == "Record" && len(call.Args) == 4) || (name == "record" && len(call.Args) == 3):
		p.holds(call.Args[len(call.Args)-2], p.id(call), "recorded as passed", call.Pos())
	case name == "Fail" && on != "" && len(call.Args) == 3:
		n := p.add(s, p.id(call), "Pass in place of Fail", s.Pos())
		args := string(p.src[p.at(call.Args[0].Pos()) : p.at(call.Rparen)+1])
		p.edits = append(p.edits, edit{p.at(s.Pos()), p.at(s.End()), fmt.Sprintf("if mutantOn(%d) { %s.Pass(%s } else { ", n, on, args), " }"})
	}
}

func (p *planter) id(call *ast.CallExpr) string { return strings.Trim(p.text(call.Args[0]), `"`) }

// holds takes a condition that must hold, and each of several, as true.
func (p *planter) holds(cond ast.Expr, id, form string, site token.Pos) {
	if and, ok := cond.(*ast.BinaryExpr); ok && and.Op == token.LAND {
		p.holds(and.X, id, form, site)
		p.holds(and.Y, id, form, site)
		return
	}
	if paren, ok := cond.(*ast.ParenExpr); ok {
		p.holds(paren.X, id, form, site)
		return
	}
	if lit, ok := cond.(*ast.Ident); ok && (lit.Name == "true" || lit.Name == "false") {
		return
	}
	n := p.add(cond, id, form, site)
	p.edits = append(p.edits, edit{p.at(cond.Pos()), p.at(cond.End()), fmt.Sprintf("(mutantOn(%d) || (", n), "))"})
}

// guard takes a condition that refuses, and each of several, as false.
func (p *planter) guard(cond ast.Expr, site token.Pos) {
	if or, ok := cond.(*ast.BinaryExpr); ok && or.Op == token.LOR {
		p.guard(or.X, site)
		p.guard(or.Y, site)
		return
	}
	if paren, ok := cond.(*ast.ParenExpr); ok {
		p.guard(paren.X, site)
		return
	}
	n := p.add(cond, "", "guard removed", site)
	p.edits = append(p.edits, edit{p.at(cond.Pos()), p.at(cond.End()), fmt.Sprintf("(!mutantOn(%d) && (", n), "))"})
}

func (p *planter) cases(s *ast.SwitchStmt) {
	for _, c := range s.Body.List {
		if c := c.(*ast.CaseClause); p.refuses(c.Body) {
			for _, e := range c.List {
				p.guard(e, e.Pos())
			}
		}
	}
}

// search takes the condition by which a loop that does nothing else finds what it returns.
func (p *planter) search(body []ast.Stmt) {
	if len(body) != 1 {
		return
	}
	if found, ok := body[0].(*ast.IfStmt); ok && found.Init == nil && found.Else == nil && len(found.Body.List) == 1 {
		if r, ok := found.Body.List[0].(*ast.ReturnStmt); ok && len(r.Results) > 0 && !p.refusal(r) {
			p.holds(found.Cond, "", "taken as true", found.Cond.Pos())
		}
	}
}

// comparison takes a condition that is returned or kept, when it is written out.
func (p *planter) comparison(e ast.Expr) {
	switch e := e.(type) {
	case *ast.BinaryExpr:
		if slices.Contains([]token.Token{token.LAND, token.EQL, token.NEQ, token.LSS, token.LEQ, token.GTR, token.GEQ}, e.Op) {
			p.holds(e, "", "taken as true", e.Pos())
		}
	case *ast.UnaryExpr:
		if e.Op == token.NOT {
			p.holds(e, "", "taken as true", e.Pos())
		}
	case *ast.CallExpr:
		if fn, ok := e.Fun.(*ast.SelectorExpr); ok && fn.Sel.Name == "Equal" {
			p.holds(e, "", "taken as true", e.Pos())
		}
	}
}

// refuses tells whether a block only counts or marks something wrong, or ends by returning a refusal: an error, or a truth value.
func (p *planter) refuses(body []ast.Stmt) bool {
	if len(body) == 0 {
		return false
	}
	if last, ok := body[len(body)-1].(*ast.ReturnStmt); ok && p.refusal(last) {
		return true
	}
	return counts(body)
}

// counts tells whether a block counts something, or names a fault, and does nothing else but note it and go on elsewhere.
func counts(body []ast.Stmt) bool {
	counted := false
	for _, s := range body {
		switch s := s.(type) {
		case *ast.IncDecStmt:
			counted = true
		case *ast.AssignStmt:
			if len(s.Rhs) != 1 {
				return false
			}
			counted = counted || fault(s.Lhs[0])
		case *ast.BranchStmt:
		case *ast.ReturnStmt:
			if len(s.Results) > 0 {
				return false
			}
		default:
			return false
		}
	}
	return counted
}

// fault tells the variable or field in which a judgement keeps what is wrong.
func fault(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name == "fault"
	case *ast.SelectorExpr:
		return e.Sel.Name == "fault"
	}
	return false
}

func (p *planter) refusal(r *ast.ReturnStmt) bool {
	results := p.returns[len(p.returns)-1]
	if results == nil || len(r.Results) == 0 {
		return false
	}
	var types []string
	for _, f := range results.List {
		for range max(1, len(f.Names)) {
			types = append(types, p.text(f.Type))
		}
	}
	for i, e := range r.Results {
		kind := ""
		if i < len(types) {
			kind = types[i]
		}
		value := p.text(e)
		if (kind == "error" && value != "nil") || (kind == "bool" && (value == "false" || value == "true")) {
			return true
		}
	}
	return false
}

func (p *planter) add(n ast.Node, id, form string, site token.Pos) int {
	number := p.next + len(p.mutants)
	p.mutants = append(p.mutants, mutant{n: number, folder: p.folder, file: p.file, line: p.fset.Position(n.Pos()).Line,
		code: strings.Join(strings.Fields(p.text(n)), " "), text: p.lineOf(n), id: id, form: form, site: site})
	return number
}

// lineOf gives the line a node begins in, without the space around it.
func (p *planter) lineOf(n ast.Node) string {
	at := p.at(n.Pos())
	from := bytes.LastIndexByte(p.src[:at], '\n') + 1
	line, _, _ := bytes.Cut(p.src[from:], []byte("\n"))
	return string(bytes.TrimSpace(line))
}

func (p *planter) at(pos token.Pos) int   { return p.fset.Position(pos).Offset }
func (p *planter) text(n ast.Node) string { return string(p.src[p.at(n.Pos()):p.at(n.End())]) }

// is tells whether an exemption means the mutant.
func (e exemption) is(m mutant) bool { return e.file == m.file && e.line == m.text && e.code == m.code }

// apply writes the edits into the source. They nest and never cross.
func (p *planter) apply() []byte {
	type mark struct {
		at, span int
		opens    bool
		text     string
	}
	var marks []mark
	for _, e := range p.edits {
		marks = append(marks, mark{e.from, e.to - e.from, true, e.before}, mark{e.to, e.to - e.from, false, e.after})
	}
	slices.SortStableFunc(marks, func(a, b mark) int {
		switch {
		case a.at != b.at:
			return a.at - b.at
		case a.opens != b.opens: // what ends here ends before the next begins
			if a.opens {
				return 1
			}
			return -1
		case a.opens: // the outer one first
			return b.span - a.span
		}
		return a.span - b.span
	})
	var out []byte
	done := 0
	for _, m := range marks {
		out = append(append(out, p.src[done:m.at]...), m.text...)
		done = m.at
	}
	return append(out, p.src[done:]...)
}

// switchSource is added to each package: it tells whether a mutant is on, and writes down which were reached.
const switchSource = `package NAME

import (
	"fmt"
	"os"
	"strconv"
	"sync"
)

var (
	mutantNow, _ = strconv.Atoi(os.Getenv("MUTANT"))
	mutantTrace  = os.Getenv("MUTANT_TRACE")
	mutantSeen   sync.Map
)

func mutantOn(n int) bool {
	if mutantTrace != "" {
		if _, seen := mutantSeen.LoadOrStore(n, true); !seen {
			f, err := os.OpenFile(mutantTrace, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
			if err == nil {
				fmt.Fprintln(f, n)
				f.Close()
			}
		}
	}
	return n == mutantNow
}
`
