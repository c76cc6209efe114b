// Command vectorcheck asks whether the tests would notice a wrong vector: it changes one value of a published vector file in a
// copy of the folder, runs the tests that read the file, and expects one to fail; then the next value. `make vectors` runs it.
//
// Values that describe and state nothing (titles, notes, origins, names) are left out by their keys, each named in describing; inputs of
// cases that must be refused by the case's result (place.open).
// Of files with thousands of cases a sample spread over the file is changed.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// folders are the vectors that must be exercised.
var folders = []string{"iso18013-5", "openid4vp", "cose", "cbor", "wycheproof", "scp03"} //nolint:gochecknoglobals // a table

func main() {
	if err := run(os.Stdout, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "vectorcheck:", err)
		os.Exit(1)
	}
}

// run checks the files whose path contains one of the parts, all if there are none.
func run(out io.Writer, parts []string) error {
	root := os.Getenv("MOBILEID_VECTORS")
	if root == "" {
		root = filepath.Join("..", "shared", "vectors")
	}
	root, err := filepath.Abs(root)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "vectorcheck")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	c := &checker{out: out, root: root, work: work, binaries: map[string]string{}}
	var files []string
	for _, folder := range folders {
		err := filepath.WalkDir(filepath.Join(root, folder), func(p string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && (strings.HasSuffix(p, ".json") || strings.HasSuffix(p, ".der")) {
				rel, _ := filepath.Rel(root, p)
				files = append(files, filepath.ToSlash(rel))
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	if len(parts) > 0 {
		files = slices.DeleteFunc(files, func(f string) bool {
			return !slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(f, part) })
		})
	}
	return c.all(files)
}

type checker struct {
	root, work string

	mu       sync.Mutex // guards out and binaries
	out      io.Writer
	binaries map[string]string
}

func (c *checker) print(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, _ = fmt.Fprintf(c.out, format, args...)
}

// all checks every file, two at a time, and prints what no test noticed.
func (c *checker) all(files []string) error {
	type result struct {
		file            string
		changed, missed int
		lines           []string
		err             error
	}
	results := make([]result, len(files))
	var wg sync.WaitGroup
	slots := make(chan struct{}, 2)
	for i, file := range files {
		wg.Add(1)
		go func() {
			defer wg.Done()
			slots <- struct{}{}
			defer func() { <-slots }()
			r := &results[i]
			r.file = file
			r.changed, r.lines, r.err = c.file(file)
			r.missed = len(r.lines)
			c.print("%-60s %4d changed %4d unnoticed\n", file, r.changed, r.missed)
			for _, l := range r.lines {
				c.print("unnoticed: %s %s\n", file, l)
			}
		}()
	}
	wg.Wait()
	changed, missed := 0, 0
	for _, r := range results {
		if r.err != nil {
			return fmt.Errorf("%s: %w", r.file, r.err)
		}
		changed, missed = changed+r.changed, missed+r.missed
	}
	c.print("vector files %d, values changed %d, noticed %d\n", len(files), changed, changed-missed)
	if missed > 0 || len(files) == 0 {
		return errors.New("some changes were not noticed")
	}
	return nil
}

// file changes one value after the other.
func (c *checker) file(file string) (changed int, unnoticed []string, err error) {
	data, err := os.ReadFile(filepath.Join(c.root, filepath.FromSlash(file)))
	if err != nil {
		return 0, nil, err
	}
	packages, err := readers(file)
	if err != nil {
		return 0, nil, err
	}
	if len(packages) == 0 {
		return 0, nil, errors.New("no test names it")
	}
	dir, err := c.mirror(file)
	if err != nil {
		return 0, nil, err
	}
	target := filepath.Join(dir, filepath.FromSlash(file))
	if err := os.WriteFile(target, data, 0o600); err != nil {
		return 0, nil, err
	}
	for i, p := range packages {
		if failed, out := c.fails(p.dir, dir, "."); failed {
			return 0, nil, fmt.Errorf("the tests of %s fail with the vectors as published:\n%s", p.dir, out)
		}
		packages[i].runs = slices.DeleteFunc(p.narrow(file), func(run string) bool { failed, _ := c.fails(p.dir, dir, run); return failed })
	}
	for _, v := range variants(file, data) {
		if err := os.WriteFile(target, v.data, 0o600); err != nil {
			return 0, nil, err
		}
		changed++
		if !c.noticed(packages, dir) {
			unnoticed = append(unnoticed, v.where)
		}
	}
	return changed, unnoticed, nil
}

// mirror makes a folder like that of the vectors, all links but for one file.
func (c *checker) mirror(file string) (string, error) {
	dir, err := os.MkdirTemp(c.work, "vectors")
	if err != nil {
		return "", err
	}
	return dir, filepath.WalkDir(c.root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(c.root, p)
		switch {
		case err != nil || rel == ".":
			return err
		case d.IsDir():
			return os.MkdirAll(filepath.Join(dir, rel), 0o700)
		case filepath.ToSlash(rel) == file:
			return nil
		}
		return os.Symlink(p, filepath.Join(dir, rel))
	})
}

// reader is a package whose tests read a vector file, those of its tests that stand in a file which names it, and the patterns
// to run them by, the narrowest first.
type reader struct {
	dir   string
	first []string
	runs  []string
}

// narrow gives the patterns: the subtests called as the file is, and all the tests that stand where it is named.
func (r reader) narrow(file string) []string {
	if len(r.first) == 0 {
		return nil
	}
	tests := "^(" + strings.Join(r.first, "|") + ")$"
	return []string{tests + "/^" + regexp.QuoteMeta(strings.TrimSuffix(path.Base(file), path.Ext(file))) + "$", tests}
}

// readers finds who reads a file: by its name, its folder, or the function of package mdoctest that loads it.
func readers(file string) ([]reader, error) {
	names := []string{file, strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))}
	switch {
	case file == "scp03/host-traces.json":
		names = []string{path.Base(file), "mdoctest.HostTrace"}
	case strings.HasPrefix(file, "scp03/"):
		names = []string{path.Base(file)}
	case strings.HasPrefix(file, "cose/"):
		names = []string{`"cose"`}
	case strings.HasSuffix(file, "/annex-d.json"):
		names = append(names, "LoadAnnexD")
	}
	found := map[string]*reader{}
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(p, "_test.go") || strings.Contains(p, "vectorcheck") {
			return err
		}
		text, err := os.ReadFile(p) //nolint:gosec // this module's sources
		if err != nil || !slices.ContainsFunc(names, func(n string) bool { return bytes.Contains(text, []byte(n)) }) {
			return err
		}
		dir := "./" + filepath.ToSlash(filepath.Dir(p))
		if found[dir] == nil {
			found[dir] = &reader{dir: dir}
		}
		for _, m := range regexp.MustCompile(`(?m)^func (Test[A-Za-z0-9_]*)`).FindAllSubmatch(text, -1) {
			found[dir].first = append(found[dir].first, string(m[1]))
		}
		return nil
	})
	var out []reader
	for _, dir := range slices.Sorted(maps.Keys(found)) {
		out = append(out, *found[dir])
	}
	return out, err
}

// noticed runs the narrow patterns, which pass with the published vectors, and only where those pass now all tests of the packages.
func (c *checker) noticed(all []reader, vectors string) bool {
	for i := range 2 {
		for _, r := range all {
			if i < len(r.runs) {
				if failed, _ := c.fails(r.dir, vectors, r.runs[i]); failed {
					return true
				}
			}
		}
	}
	return slices.ContainsFunc(all, func(r reader) bool { failed, _ := c.fails(r.dir, vectors, "."); return failed })
}

// fails runs a package's tests with another folder of vectors. Its binary is built once.
func (c *checker) fails(pkg, vectors, run string) (bool, string) {
	c.mu.Lock()
	binary, ok := c.binaries[pkg]
	if !ok {
		binary = filepath.Join(c.work, strings.ReplaceAll(strings.TrimPrefix(pkg, "./"), "/", "_")+".test")
		out, err := exec.Command("go", "test", "-c", "-o", binary, pkg).CombinedOutput() //nolint:gosec // this module's packages
		if err != nil {
			c.mu.Unlock()
			return true, string(out)
		}
		c.binaries[pkg] = binary
	}
	c.mu.Unlock()
	if _, err := os.Stat(binary); err != nil { // a package without tests
		return false, ""
	}
	cmd := exec.Command(binary, "-test.failfast", "-test.timeout=300s", "-test.run="+run) //nolint:gosec // built above
	cmd.Dir = strings.TrimPrefix(pkg, "./")
	cmd.Env = append(os.Environ(), "MOBILEID_VECTORS="+vectors, "CI=true")
	out, err := cmd.CombinedOutput()
	return err != nil, string(out)
}
