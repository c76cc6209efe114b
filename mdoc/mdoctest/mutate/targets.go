package main

import (
	"slices"
	"strings"

	"mobileid/mdoc/mdoctest/corpus"
)

// target is the code that is searched for checks, and the tests that are to notice.
type target struct {
	module string
	// code are the folders that are searched.
	code []folder
	// first is the folder whose tests are run part by part.
	first     string
	firstRuns []string // its parts
	// tests are folders with tests beside those of the code.
	tests []string
	// unreachable are checks that no input can make fail, by file and text, with the reason.
	unreachable []exemption
}

// folder is searched but for the files and functions that make structures.
type folder struct {
	path   string
	except []string // files
	makers []string // functions beside those that maker tells by their names
	judges []string // functions that judge, in spite of their names
}

// makes tells functions that make structures from those that read and judge them.
func (f folder) makes(name string) bool {
	return slices.Contains(f.makers, name) || maker(name) && !slices.Contains(f.judges, name)
}

// exemption is a check that is there for safety and cannot fail: a condition in a line of a file, both as they are written.
type exemption struct{ file, line, code, reason string }

// targets is the verifying code of this module.
func targets() target {
	return target{
		module:    "mobileid",
		first:     "mdoc/mdoctest/corpus",
		firstRuns: corpusRuns(),
		code: []folder{
			{path: "mdoc/cose"},
			{path: "mdoc/engagement", except: []string{"nan.go"}, makers: []string{"build", "newSecurity"}},
			{path: "mdoc/engagement/ndef"},
			// The tag is the mdoc's own end: it answers commands and judges nothing but the request, which ParseRequest reads.
			{path: "mdoc/engagement/handover", except: []string{"tag.go", "process.go"}, makers: []string{"record"}, judges: []string{"New"}},
			{path: "mdoc/encryption", makers: []string{"Seal", "SealDocuments", "SealResponse"}},
			{path: "mdoc/pki", except: []string{"create.go", "crlcreate.go", "pem.go"}, judges: []string{"NewAnchorsFor", "signedBy"}},
			{path: "mdoc/session"},
			{path: "mdoc/statuslist", except: []string{"encode.go", "sign.go"}, judges: []string{"signer"}},
			{path: "mdoc/transcript"},
			{path: "mdoc/vical", except: []string{"sign.go"}},
			{path: "mdoc", except: []string{"builder.go", "buildrequest.go", "draftdevice.go"}},
			{path: "mdoc/cbor", except: []string{"shape.go"}},
			{path: "mdoc/doctype"},
			{path: "mdoc/linkability"},
			{path: "verifier/policy"},
			{path: "verifier/reader"},
			{path: "verifier/trust"},
		},
		tests:       []string{"mdoc/holder", "verifier"},
		unreachable: unreachable(),
	}
}

// corpusRuns are the kinds of the corpus, so that only those are made that reach a check.
func corpusRuns() []string {
	var out []string
	for _, k := range corpus.Kinds() {
		out = append(out, "^TestCorpus$/^"+string(k)+"$")
	}
	return out
}

// maker tells functions that make structures from those that read and judge them. What is made is judged before it leaves; a
// check taken away there only moves the refusal.
func maker(name string) bool {
	for _, prefix := range []string{"New", "Build", "Create", "Prepare", "Issue", "Marshal", "Append", "Encode", "encode", "String", "Central", "Diagnose",
		"assemble", "compile", "structure", "plain", "due", "missing", "majorName", "curveName", "keyMajors", "Deterministic", "append", "present", "sign", "issuerAltName", "ascii"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
