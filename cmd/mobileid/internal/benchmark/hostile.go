package benchmark

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"mobileid/mdoc"
	"mobileid/mdoc/cbor"
)

// hostileSize is the size of the hostile messages; each is also made in the size that each parser still takes.
const hostileSize = 1 << 20

// bomb is a message that must be refused, made in a size of n bytes at most.
type bomb struct {
	name string
	make func(n int) []byte
}

func bombs() []bomb {
	return []bomb{
		{"nested arrays", func(n int) []byte { return bytes.Repeat([]byte{0x81}, n) }},
		{"nested maps", func(n int) []byte { return bytes.Repeat([]byte{0xa1, 0x00}, n/2) }},
		{"nested tags", func(n int) []byte { return bytes.Repeat([]byte{0xc1}, n) }},
		{"embedded items in one another", nestedEmbedded},
		{"a map of 100000 equal keys", func(n int) []byte {
			return append(cbor.AppendMapHead(nil, 100_000), make([]byte, n-16)...)
		}},
		{"an array that claims 2^63 elements", func(n int) []byte {
			return append(cbor.AppendHead(nil, 4, math.MaxInt64+1), make([]byte, n-16)...)
		}},
		{"a byte string that claims 2^63 bytes", func(n int) []byte {
			return append(cbor.AppendHead(nil, 2, math.MaxInt64+1), make([]byte, n-16)...)
		}},
		{"small items", smallItems},
		{"wide maps, the last key doubled", wideMaps},
		{"one map of long keys, the last doubled", longKeys},
		{"long text that ends in bad UTF-8", func(n int) []byte { return badText(n, "a") }},
		{"long Japanese text that ends in bad UTF-8", func(n int) []byte { return badText(n, "本") }},
		{"floats that are not numbers behind small items", func(n int) []byte {
			return slices.Concat(cbor.AppendArrayHead(nil, 16_000), make([]byte, 15_999), []byte{0xf9, 0x7e, 0x00})
		}},
	}
}

// nestedEmbedded puts tag 24 into tag 24, seven bytes a level.
func nestedEmbedded(n int) []byte {
	out := make([]byte, 0, n)
	for n > 16 {
		out = append(out, 0xd8, 24, 0x5a, byte((n-7)>>24), byte((n-7)>>16), byte((n-7)>>8), byte(n-7)) //nolint:gosec // four bytes of n
		n -= 7
	}
	return append(out, make([]byte, n)...)
}

// smallItems are arrays of 16000 zeros: more than the number of items a message may hold.
func smallItems(n int) []byte {
	arrays := n / 16_004
	out := cbor.AppendArrayHead(make([]byte, 0, n), arrays)
	for range arrays {
		out = append(cbor.AppendArrayHead(out, 16_000), make([]byte, 16_000)...)
	}
	return out
}

// wideMaps are maps of 1000 different integer keys, as many as a message may hold; the last one doubles its last key.
func wideMaps(n int) []byte {
	const pairs = 1000
	maps := min(n/(4*pairs+4), 31)
	out := cbor.AppendArrayHead(make([]byte, 0, n), maps)
	for m := range maps {
		out = cbor.AppendMapHead(out, pairs)
		for k := range pairs {
			if m == maps-1 && k == pairs-1 {
				k--
			}
			out = append(cbor.AppendUint(out, uint64(1000+k)), 0) //nolint:gosec // positive
		}
	}
	return out
}

// longKeys is one map of 1000 keys that differ only at their ends.
func longKeys(n int) []byte {
	const pairs = 1000
	long := string(bytes.Repeat([]byte{'k'}, n/pairs-10))
	out := cbor.AppendMapHead(make([]byte, 0, n), pairs)
	for k := range pairs {
		if k == pairs-1 {
			k--
		}
		out = append(cbor.AppendText(out, long+strconv.Itoa(1000+k)), 0)
	}
	return out
}

func badText(n int, of string) []byte {
	text := bytes.Repeat([]byte(of), (n-16)/len(of))
	text[len(text)-1] = 0xff
	return cbor.AppendText(make([]byte, 0, n), string(text))
}

// parser is a way in for foreign bytes, with the size it takes.
type parser struct {
	name  string
	limit int
	parse func([]byte) error
	wrap  func(content []byte) []byte // puts an item where the parser has to read it
}

func parsers() []parser {
	// inMember puts an item into a member that no structure names.
	inMember := func(content []byte) []byte {
		return append(cbor.AppendText(cbor.AppendMapHead(nil, 1), "x"), content...)
	}
	asElement := func(content []byte) []byte {
		list := append(cbor.AppendArrayHead(cbor.AppendText(cbor.AppendMapHead(nil, 1), "ns"), 1), content...)
		return append(cbor.AppendText(cbor.AppendMapHead(nil, 1), "nameSpaces"), list...)
	}
	unmarshal := func(b []byte) error { var r mdoc.DeviceResponse; return cbor.Unmarshal(b, &r) }
	response := func(b []byte) error { _, err := mdoc.ParseDeviceResponse(b); return err }
	issued := func(b []byte) error { _, err := mdoc.ParseIssuerSigned(b); return err }
	request := func(b []byte) error { _, err := mdoc.ParseDeviceRequest(b); return err }
	asIs := func(content []byte) []byte { return content }
	return []parser{
		{"cbor.Wellformed and cbor.Unmarshal", hostileSize, func(b []byte) error {
			_ = cbor.Wellformed(b)
			return unmarshal(b)
		}, asIs},
		{"cbor.Unmarshal", hostileSize, unmarshal, inMember},
		{"ParseDeviceResponse", mdoc.MaxMessage, response, inMember},
		{"ParseIssuerSigned", mdoc.MaxIssuerSigned, issued, inMember},
		{"ParseIssuerSigned, as an element", mdoc.MaxIssuerSigned, issued, asElement},
		{"ParseDeviceRequest", mdoc.MaxMessage, request, inMember},
	}
}

// hostile gives every bomb to every parser, in 1 MiB and in the size the parser takes, and reports the longest time and
// the most memory that a refusal cost.
func hostile(ctx context.Context, h harness, _ *world, p *printer) error {
	var longest time.Duration
	var most uint64
	slow, big := "", ""
	for _, to := range parsers() {
		for _, b := range bombs() {
			for _, size := range []int{hostileSize, to.limit} {
				if err := ctx.Err(); err != nil {
					return err
				}
				took, bytes, err := refusal(h, to, b, size)
				if err != nil {
					return fmt.Errorf("%s to %s: %w", b.name, to.name, err)
				}
				if took > longest {
					longest, slow = took, b.name+" to "+to.name
				}
				if bytes > most {
					most, big = bytes, b.name+" to "+to.name
				}
			}
		}
	}
	p.comment("slowest refusal: %s", slow)
	p.amount("hostile_cbor_ms", float64(longest.Microseconds())/1000)
	p.comment("most memory: %s", big)
	p.amount("hostile_cbor_alloc_mb", float64(most)/(1<<20))
	return nil
}

// refusal gives the time of one refusal, the median of five, and the memory it takes.
func refusal(h harness, to parser, b bomb, size int) (time.Duration, uint64, error) {
	const room = 64 // for what is put round it
	message := to.wrap(b.make(size - room))
	refuse := func() error {
		if to.parse(message) == nil {
			return errors.New("accepted")
		}
		return nil
	}
	_, bytes, err := memory(3, refuse)
	if err != nil {
		return 0, 0, err
	}
	times := make([]time.Duration, 5)
	for i := range times {
		begun := h.clock()
		if err := refuse(); err != nil {
			return 0, 0, err
		}
		times[i] = h.clock().Sub(begun)
	}
	return median(times), bytes, nil
}
