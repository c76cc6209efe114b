package annotate

import (
	"maps"
	"slices"
	"sync"
)

// form is what a rule expects to stand somewhere.
type form int

const (
	formAny    form = iota
	formMap         // members named in fields
	formDict        // any keys, each value by of
	formTuple       // elements named in fields
	formList        // each element by of
	formBytes       // a byte string; with of it holds that, encoded
	formText        // a text string
	formInt         // an integer, explained by codes
	formTag         // tag, holding of
	formBool        // a truth value
	formChoice      // the first of choices that fits
)

// rule describes one structure or element.
type rule struct {
	form    form
	clause  string
	meaning string
	fields  []field
	of      string              // of a list's or dictionary's elements, or what a tag or byte string holds
	name    string              // what a dictionary's keys are
	nameOf  func(string) string // or: what one key means
	tag     uint64
	codes   map[int64]string
	sayInt  func(v int64) string    // explains an integer
	say     func(b []byte) string   // explains a string's content
	open    func(n *Node, b []byte) // adds notes about a byte string's content
	pick    func(v view) string     // chooses another rule by what stands around
	choices []string
	hide    bool // the value is a secret and is not shown
}

// field is a member of a map or an element of a tuple.
type field struct {
	key     string // diagnostic notation; empty in a tuple
	label   string // what the standard calls it
	of      string // rule, or empty
	meaning string
	clause  string // empty: the rule's
}

// t is a member with a text key, n one with an integer key, e an element of a tuple.
func t(key, of, meaning string) field {
	return field{key: quote(key), label: key, of: of, meaning: meaning}
}
func n(key, label, of, meaning string) field {
	return field{key: key, label: label, of: of, meaning: meaning}
}
func e(label, of, meaning string) field { return field{label: label, of: of, meaning: meaning} }

// at gives the field another clause than its rule's.
func (f field) at(clause string) field {
	f.clause = clause
	return f
}

// The documents clauses come from.
func iso(clause string) string    { return "ISO/IEC 18013-5:2021, " + clause }
func ed2(clause string) string    { return "ISO/IEC 18013-5 second edition, " + clause }
func part7(clause string) string  { return "ISO/IEC TS 18013-7, " + clause }
func openid(clause string) string { return "OpenID4VP 1.0, " + clause }

// schema is the whole table by name. Names in upper case are the standard's; a name in lower case explains a value.
var schema = sync.OnceValue(func() map[string]*rule {
	all := map[string]*rule{}
	for _, part := range []map[string]rule{scalarRules(), coseRules(), responseRules(), issuerRules(), elementRules(), requestRules(),
		sessionRules(), engagementRules(), transcriptRules(), statusRules(), vicalRules(), onlineRules()} {
		for name, r := range part {
			all[name] = &r
		}
	}
	return all
})

// Types lists the names that [Walk] takes, sorted.
func Types() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(schema())), func(s string) bool { return !upper(s) })
}

// Has reports whether there is a rule of that name.
func Has(name string) bool { return schema()[name] != nil }

func upper(s string) bool { return s != "" && s[0] >= 'A' && s[0] <= 'Z' }

// accepts reports whether an item with that major type can be what the rule describes.
func (r *rule) accepts(major byte, arg uint64) bool {
	switch r.form {
	case formMap, formDict:
		return major == majorMap
	case formTuple, formList:
		return major == majorArray
	case formBytes:
		return major == majorBytes
	case formText:
		return major == majorText
	case formInt:
		return major == majorUint || major == majorNint
	case formTag:
		return major == majorTag && arg == r.tag
	case formBool:
		return major == majorSimple && (arg == simpleFalse || arg == simpleTrue)
	default:
		return true
	}
}

// due names what the rule wants, for a difference.
func (r *rule) due() string {
	switch r.form {
	case formMap, formDict:
		return "a map"
	case formTuple, formList:
		return "an array"
	case formBytes:
		return "a byte string"
	case formText:
		return "text"
	case formInt:
		return "an integer"
	case formTag:
		return "tag " + decimal(r.tag)
	case formBool:
		return "a truth value"
	default:
		return "another item"
	}
}
