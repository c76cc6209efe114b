package inspect

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"mobileid/cmd/mobileid/internal/inspect/annotate"
	"mobileid/cmd/mobileid/internal/inspect/apdulog"
)

// kind is what remains of an input once its text encoding is off.
type kind int

const (
	kindBinary kind = iota
	kindPEM
	kindAPDU
	kindJSON
)

// material is an input without its text encoding.
type material struct {
	encoding string // for people
	kind     kind
	data     []byte // binary, or the text itself
	as       string // the type, where the encoding tells it
}

// unwrap recognises the encoding of an input. Binary data that happens to be printable is taken for text first, and for what it is if no
// text form fits.
func unwrap(raw []byte) (material, *annotate.Fault) {
	binary := material{encoding: "binary", data: raw}
	text := strings.TrimSpace(strings.TrimPrefix(string(raw), "\ufeff"))
	switch {
	case len(raw) == 0 || printable(raw) && text == "":
		return binary, annotate.Faultf(0, "the input is empty")
	case !printable(raw):
		return binary, nil
	}
	m, f := unwrapText(text)
	if f != nil && annotate.Recognise(raw) != "" {
		return binary, nil
	}
	return m, f
}

func printable(b []byte) bool {
	if !utf8.Valid(b) {
		return false
	}
	return !bytes.ContainsFunc(b, func(r rune) bool { return r < ' ' && r != '\n' && r != '\r' && r != '\t' || r == 0x7f })
}

func unwrapText(text string) (material, *annotate.Fault) {
	lower := strings.ToLower(text[:min(len(text), len("mdoc://"))])
	braced := text[0] == '{' || text[0] == '['
	switch {
	case braced && json.Valid([]byte(text)):
		return material{encoding: "JSON", kind: kindJSON, data: []byte(text)}, nil
	case strings.Contains(text, "-----BEGIN "):
		return material{encoding: "PEM", kind: kindPEM, data: []byte(text)}, nil
	case strings.HasPrefix(lower, "mdoc://"):
		return unwrapURI(text, "mdoc://", "ReaderEngagement")
	case strings.HasPrefix(lower, "mdoc:"):
		return unwrapURI(text, "mdoc:", "DeviceEngagement")
	case apdulog.Is(text): // a line of one may begin with a time in brackets
		return material{encoding: "APDU log", kind: kindAPDU, data: []byte(text)}, nil
	case braced: // broken; the fault says where
		return material{encoding: "JSON", kind: kindJSON, data: []byte(text)}, nil
	case text[0] == '"' && text[len(text)-1] == '"' && len(text) > 1:
		m, f := unwrapText(text[1:len(text)-1] + " ") // an empty string is text too
		m.encoding += " in quotes"
		return m, f
	}
	return unwrapDigits(strings.TrimSpace(text))
}

func unwrapURI(text, scheme, as string) (material, *annotate.Fault) {
	m := material{encoding: scheme + " URI", as: as}
	body := strings.TrimRight(text[len(scheme):], "=")
	if i := strings.IndexFunc(body, func(r rune) bool { return !base64URL(r) }); i >= 0 {
		return m, annotate.Faultf(len(scheme)+i, "a character after %s that is not base64url", scheme)
	}
	data, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil || len(data) == 0 {
		return m, annotate.Faultf(len(scheme), "no base64url after %s", scheme)
	}
	m.data = data
	return m, nil
}

func base64URL(r rune) bool {
	return r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_'
}

// unwrapDigits reads hex, base64url and base64, in this order: a text of hex digits alone is hex.
func unwrapDigits(text string) (material, *annotate.Fault) {
	digits := bare(text)
	if digits == "" {
		return material{}, annotate.Faultf(0, "the input is empty")
	}
	if data, err := hex.DecodeString(digits); err == nil {
		return material{encoding: "hex", data: data}, nil
	}
	if allHex(digits) {
		return material{encoding: "hex"}, annotate.Faultf(len(digits)/2, "hex with an odd number of digits")
	}
	if parts := strings.Count(digits, "."); parts == 2 || parts == 4 {
		return material{}, annotate.Faultf(0, "a JWT or JWE, which holds no CBOR that can be shown")
	}
	packed := strings.TrimRight(strings.NewReplacer(":", "!", ",", "!").Replace(strings.Join(strings.Fields(text), "")), "=")
	for _, e := range []struct {
		name string
		enc  *base64.Encoding
	}{{"base64url", base64.RawURLEncoding}, {"base64", base64.RawStdEncoding}} {
		if data, err := e.enc.DecodeString(packed); err == nil && len(data) > 0 {
			return material{encoding: e.name, data: data}, nil
		}
	}
	return material{}, annotate.Faultf(0, "text that is none of hex, base64url, base64, PEM, JSON, an mdoc: URI and an APDU log")
}

// bare takes out of hex what may stand between digits: white space, colons, commas and 0x.
func bare(text string) string {
	var b strings.Builder
	b.Grow(len(text))
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ':' || c == ',':
		case c == '0' && i+1 < len(text) && text[i+1]|0x20 == 'x':
			i++
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func allHex(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'f') && (r < 'A' || r > 'F')
	})
}
