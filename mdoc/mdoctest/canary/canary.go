// Package canary is for tests that look for a value where it must not be: in a log, a file, an answer, a process's memory. [Forms] are
// the disguises to look for, [Log] keeps what is logged meanwhile. Only tests import it.
//
// It looks for whole values. One that is cut, compressed or enciphered is not found; a test shows that its search finds what is there.
package canary

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf16"
)

// Forms are the ways in which a value can stand in a text, by name. Of base64 it is the part that does not depend on what stands around
// the value, for each of the three places at which it can begin.
func Forms(value string) map[string][]byte {
	raw := []byte(value)
	var little, big []byte
	for _, u := range utf16.Encode([]rune(value)) {
		little, big = append(little, byte(u), byte(u>>8)), append(big, byte(u>>8), byte(u))
	}
	forms := map[string][]byte{
		"plain": raw, "hex": []byte(hex.EncodeToString(raw)), "HEX": []byte(strings.ToUpper(hex.EncodeToString(raw))),
		"percent": []byte(url.PathEscape(value)), "percent of a form": []byte(url.QueryEscape(value)), "UTF-16LE": little, "UTF-16BE": big,
	}
	for shift := range 3 {
		padded := append(bytes.Repeat([]byte{0}, shift), raw...)
		from, to := (8*shift+5)/6, 8*len(padded)/6 // all the characters of 6 bits that are the value's alone: a short one is not to be found by chance
		for name, encoding := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64url": base64.RawURLEncoding} {
			if from < to {
				forms[name+" at "+strconv.Itoa(shift)] = []byte(encoding.EncodeToString(padded)[from:to])
			}
		}
	}
	return forms
}
