package annotate

import (
	"encoding/hex"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"

	"mobileid/mdoc/cbor"
)

const (
	simpleFalse = 20
	simpleTrue  = 21
	simpleNull  = 22
)

func kindOf(h cbor.Head) string {
	switch h.Major {
	case majorUint:
		return "uint"
	case majorNint:
		return "nint"
	case majorBytes:
		return "bstr"
	case majorText:
		return "tstr"
	case majorArray:
		return "array"
	case majorMap:
		return "map"
	case majorTag:
		return "tag"
	}
	switch h.Info {
	case simpleFalse, simpleTrue:
		return "bool"
	case simpleNull:
		return "null"
	case 25, 26, 27:
		return "float"
	}
	return "simple"
}

func brackets(h cbor.Head, open, shut string) (string, string) {
	if h.Indefinite() {
		return open + "_", shut
	}
	return open, shut
}

func integer(node *Node, r *rule, h cbor.Head) {
	node.Value = decimal(h.Arg)
	if h.Major == majorNint {
		node.Value = new(big.Int).Not(new(big.Int).SetUint64(h.Arg)).String()
	}
	v, err := strconv.ParseInt(node.Value, 10, 64)
	if err == nil && r.codes != nil {
		words, ok := r.codes[v]
		if !ok {
			words = "a value the standard does not name"
		}
		node.say(words)
	}
	if err == nil && r.sayInt != nil {
		node.say(r.sayInt(v))
	}
}

func (w *walker) simple(node *Node, h cbor.Head, off int) (int, error) {
	switch h.Info {
	case simpleFalse:
		node.Value = "false"
	case simpleTrue:
		node.Value = "true"
	case simpleNull:
		node.Value = "null"
	case 23:
		node.Value = "undefined"
	case 25:
		node.Value = float(half(uint16(h.Arg))) //nolint:gosec // two bytes were read
	case 26:
		node.Value = float(float64(math.Float32frombits(uint32(h.Arg)))) //nolint:gosec // four bytes were read
	case 27:
		node.Value = float(math.Float64frombits(h.Arg))
	case 24:
		if h.Arg < 32 {
			return off, w.fault(off, "simple value %d in two bytes", h.Arg)
		}
		node.Value = "simple(" + decimal(h.Arg) + ")"
	default:
		node.Value = "simple(" + decimal(h.Arg) + ")"
	}
	return h.Next, nil
}

// half reads an IEEE 754 half-precision number, RFC 8949, appendix D.
func half(bits uint16) float64 {
	exponent, fraction := int(bits>>10&0x1f), float64(bits&0x3ff)
	var v float64
	switch exponent {
	case 0:
		v = math.Ldexp(fraction, -24)
	case 31:
		v = math.Inf(1)
		if fraction != 0 {
			v = math.NaN()
		}
	default:
		v = math.Ldexp(fraction+1024, exponent-25)
	}
	if bits&0x8000 != 0 {
		v = -v
	}
	return v
}

func float(v float64) string {
	switch {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 1):
		return "Infinity"
	case math.IsInf(v, -1):
		return "-Infinity"
	}
	if a := math.Abs(v); a != 0 && (a < 1e-6 || a >= 1e21) {
		mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(v, 'e', -1, 64), "e")
		return point(mantissa) + "e" + exponent[:1] + strings.TrimLeft(exponent[1:], "0")
	}
	return point(strconv.FormatFloat(v, 'f', -1, 64))
}

// point makes a number look like a float also when it is whole.
func point(s string) string {
	if strings.Contains(s, ".") {
		return s
	}
	return s + ".0"
}

// quote writes text in diagnostic notation: JSON's escapes, everything printable as it is.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b.WriteRune('\\')
			b.WriteRune(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\t':
			b.WriteString(`\t`)
		case c == '\r':
			b.WriteString(`\r`)
		case strconv.IsPrint(c) || c == '\u3000':
			b.WriteRune(c)
		case c > 0xffff:
			fmt.Fprintf(&b, `\u{%x}`, c)
		default:
			fmt.Fprintf(&b, `\u%04x`, c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// unquote gives the text of a simple quoted key and leaves every other notation as it is.
func unquote(s string) string {
	if len(s) >= 2 && s[0] == '"' {
		return s[1 : len(s)-1]
	}
	return s
}

func decimal(v uint64) string { return strconv.FormatUint(v, 10) }
func hexText(b []byte) string { return hex.EncodeToString(b) }
func bigOf(b []byte) string   { return new(big.Int).SetBytes(b).String() }
func plural(n int, s string) string {
	if n == 1 {
		return "1 " + s
	}
	return strconv.Itoa(n) + " " + s + "s"
}
