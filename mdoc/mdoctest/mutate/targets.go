package main

import "strings"

// target is the code that is searched for checks, and the tests that are to notice.
type target struct {
	module string
	// code are folders with the files that are searched; no files means all.
	code []folder
	// first is the folder whose tests are shown every mutant first.
	first string
	// tests are folders with tests beside those of the code.
	tests []string
	// unreachable are checks that no input can make fail, by file and text, with the reason.
	unreachable []exemption
}

type folder struct {
	path  string
	files []string
}

// exemption is a check that is there for safety and cannot fail.
type exemption struct{ file, code, reason string }

// targets is the verifying code of this module.
func targets() target {
	return target{
		module: "mobileid",
		first:  "mdoc/mdoctest/corpus",
		code: []folder{
			{path: "mdoc", files: []string{"verify*.go", "check*.go", "reader*.go", "request*.go", "response*.go", "issuersigned.go", "mso.go", "ageover.go"}},
			{path: "mdoc/cbor", files: []string{"check.go", "date.go", "embedded.go", "head.go", "map.go", "shape.go", "codec.go"}},
			{path: "mdoc/cose", files: []string{"header.go", "key.go", "mac0.go", "sign1.go", "algorithm.go"}},
			{path: "mdoc/engagement", files: []string{"engagement.go", "method.go", "uri.go"}},
			{path: "mdoc/pki", files: []string{"anchors.go", "certificate.go", "check.go", "eku.go", "altname.go", "lint.go", "profile.go"}},
			{path: "mdoc/session", files: []string{"channel.go", "device.go", "keys.go", "link.go", "message.go", "reader.go", "given.go"}},
			{path: "mdoc/statuslist", files: []string{"encode.go", "list.go", "token.go", "verify.go"}},
			{path: "mdoc/transcript"},
		},
		tests:       []string{"mdoc/holder", "verifier/policy", "verifier/reader", "verifier/trust"},
		unreachable: unreachable(),
	}
}

// maker tells functions that make structures from those that read and judge them. What is made is judged before it leaves; a
// check taken away there only moves the refusal.
func maker(name string) bool {
	for _, prefix := range []string{"New", "Build", "Create", "Prepare", "Issue", "Marshal", "Append", "Encode", "encode", "String", "Central", "Diagnose",
		"assemble", "compile", "structure", "plain", "due", "missing", "majorName", "curveName", "keyMajors", "Deterministic", "validateDraft"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
