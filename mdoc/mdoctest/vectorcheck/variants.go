package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// most bounds the changes of one file in the folders of others' collections, whose files hold hundreds of cases alike; in all
// other files every value is changed.
const most = 24

func sampled(file string) bool {
	return strings.HasPrefix(file, "wycheproof/") || strings.HasPrefix(file, "cose/") || strings.HasPrefix(file, "cbor/")
}

// describing are the keys whose values describe a vector and state nothing that could be held against code.
//
//nolint:gochecknoglobals // a table
var describing = []string{"title", "description", "note", "notes", "origin", "source", "sources", "comment", "comments", "name", "header",
	"notes_url", "schema", "algorithm", "generatorVersion", "version", "type", "encoding", "kid", "use", "alg_name", "section", "page",
	"clause", "printed", "licence", "license", "rng_description", "flags", "bugType", "effect", "links", "cves", "kty", "iss", "reference",
	"what_holds", "what_to_see", "quirks", "form", "hpke"}

type variant struct {
	where string
	data  []byte
}

// inputs are keys of single files whose values are fed to the code and stand for many others that would do as well: a malformed
// item with another digit is malformed too. Of the two encrypted answers of Annex C nobody has the key of one, so its bytes can
// be held against nothing; the other one opens in the tests. A single place is named in full: the one answer of its session that is
// published needs no S-MAC.
//
//nolint:gochecknoglobals // a table
var inputs = map[string][]string{
	"cbor/appendix_f.json":              {"hex", "kind"},
	"openid4vp/iso18013-7-annex-c.json": {"encrypted_response_b64"},
	"scp03/wrapper.json":                {".vectors[2].session_keys.s_mac"},
}

// howMade are the parts of a COSE example that say how it was made, beside what was made: the change that spoils it, private
// keys, parameters of recipients and certificates that stand in the message itself.
var howMade = regexp.MustCompile(`\.failures\.|\.d(_hex)?$|\.recipients\[\d+\]\.unprotected|\.unprotected\.(kid|x5)|\.title$`) //nolint:gochecknoglobals // a pattern

// variants changes one value each: a digit of a number, a truth value, one character of a text.
func variants(file string, data []byte) []variant {
	if path.Ext(file) != ".json" {
		changed := bytes.Clone(data)
		changed[len(changed)/2] ^= 1
		return []variant{{"one bit", changed}}
	}
	var out []variant
	for _, p := range places(data) {
		if slices.Contains(inputs[file], p.key) || slices.Contains(inputs[file], p.where) || strings.HasPrefix(file, "wycheproof/") && p.open() || strings.HasPrefix(file, "cose/") && howMade.MatchString(p.where) {
			continue
		}
		changed, ok := change(data[p.from:p.to])
		if ok {
			out = append(out, variant{p.where, slices.Concat(data[:p.from], changed, data[p.to:])})
		}
	}
	if len(out) <= most || !sampled(file) {
		return out
	}
	sample := make([]variant, 0, most)
	for i := range most {
		sample = append(sample, out[i*len(out)/most])
	}
	return sample
}

type place struct {
	where    string
	key      string
	from, to int
	of       *vectorCase
}

// vectorCase is what the object that holds a value says of itself where it is a case with a result.
type vectorCase struct {
	result string
	flags  []string
}

// open tells values that no test of this module can hold against anything, by the result of the case they stand in. A case that
// must be refused is refused with other inputs too. What the acceptable cases state is compared but for two inputs: of a key whose
// encoding is malformed or whose parameters are spelled out only the point can be (another malformed encoding is malformed too),
// and with a point of low order every private key has the secret of zeros.
func (p place) open() bool {
	switch {
	case p.of == nil || p.key == "result" || p.key == "tcId":
		return false
	case p.of.result == "invalid":
		return true
	case p.of.result != "acceptable":
		return false
	case p.key == "public":
		return slices.Contains(p.of.flags, "InvalidAsn") || slices.Contains(p.of.flags, "UnnamedCurve")
	}
	return p.key == "private" && slices.Contains(p.of.flags, "ZeroSharedSecret")
}

// places walks the JSON text and gives each value that is no object or array with where it stands.
func places(data []byte) []place {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var out []place
	var walk func(where, key string, of *vectorCase)
	walk = func(where, key string, of *vectorCase) {
		token, err := d.Token()
		if err != nil {
			return
		}
		to := int(d.InputOffset())
		switch t := token.(type) {
		case json.Delim:
			if t == '{' {
				of = new(vectorCase)
			}
			for i := 0; d.More(); i++ {
				if t == '{' {
					k, _ := d.Token()
					name, _ := k.(string)
					walk(where+"."+name, name, of)
				} else {
					walk(where+"["+strconv.Itoa(i)+"]", key, of)
				}
			}
			_, _ = d.Token()
		default:
			if text, _ := token.(string); of != nil && key == "result" {
				of.result = text
			} else if of != nil && key == "flags" {
				of.flags = append(of.flags, text)
			}
			if !slices.Contains(describing, key) {
				out = append(out, place{where, key, to - length(data[:to], token), to, of})
			}
		}
	}
	walk("", "", nil)
	return out
}

// length gives the size of a value's text that ends before end.
func length(before []byte, token any) int {
	switch t := token.(type) {
	case string:
		for i := len(before) - 2; i >= 0; i-- { // the opening quote: nothing in these files escapes one
			if before[i] == '"' && (i == 0 || before[i-1] != '\\') {
				return len(before) - i
			}
		}
	case bool, nil:
		return len(fmt.Sprint(map[any]string{true: "true", false: "false", nil: "null"}[token]))
	case json.Number:
		return len(t.String())
	}
	return 0
}

func change(text []byte) ([]byte, bool) {
	s := string(text)
	switch {
	case s == "true":
		return []byte("false"), true
	case s == "false":
		return []byte("true"), true
	case s == "null" || s == `""`:
		return nil, false
	case s[0] != '"':
		n := len(s) - 1
		return []byte(s[:n] + string('0'+(s[n]-'0'+1)%10)), true
	case s == `"valid"`:
		return []byte(`"invalid"`), true
	case s == `"invalid"` || s == `"acceptable"`:
		return []byte(`"valid"`), true
	}
	return []byte(changeText(s)), true
}

// changeText alters one character in the second half, so that a hex or base64 text stays one.
func changeText(s string) string {
	const swap = "0123456789abcdefABCDEF"
	for i := len(s)/2 + 1; i < len(s)-1; i++ {
		if at := strings.IndexByte(swap, s[i]); at >= 0 && s[i-1] != '\\' {
			next := swap[at^1]
			return s[:i] + string(next) + s[i+1:]
		}
	}
	for i := 1; i < len(s)-1; i++ {
		if s[i] >= 'a' && s[i] < 'z' && s[i-1] != '\\' {
			return s[:i] + string(s[i]+1) + s[i+1:]
		}
	}
	return s[:len(s)-1] + "x" + s[len(s)-1:]
}
