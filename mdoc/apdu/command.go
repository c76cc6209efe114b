package apdu

import (
	"errors"
	"fmt"
)

const (
	// MaxShortLe is the largest answer a short command can ask for (Le byte 00).
	MaxShortLe = 256
	// MaxExtendedLe is the largest answer an extended command can ask for (Le 0000).
	MaxExtendedLe = 65536
	// MaxShortLc and MaxExtendedLc are the largest command data fields.
	MaxShortLc    = 255
	MaxExtendedLc = 65535
	// MaxCommand is the longest command there is: header, extended Lc, data, Le.
	MaxCommand = 4 + 3 + MaxExtendedLc + 2
	// MaxResponse is the longest response there is: data and status word.
	MaxResponse = MaxExtendedLe + 2
)

// Errors of [ParseCommand], [ParseResponse] and [Command.Bytes].
var (
	// ErrLength says that a length field and the bytes at hand disagree.
	ErrLength = errors.New("lengths disagree")
	// ErrTooLong says that a value has no encoding in the form asked for.
	ErrTooLong = errors.New("too long for its form")
)

// A Command is a command APDU.
//
// ISO/IEC 7816-4:2020, 5.2 and 12.2:
//
//	CLA INS P1 P2 [Lc data] [Le]
//
// Lc is one byte, or 00 and two bytes; Le has one byte, two after an extended
// Lc, three (00 and two) without one.
type Command struct {
	CLA, INS, P1, P2 byte
	// Data may be empty. After ParseCommand it aliases the bytes parsed.
	Data []byte
	// Le is the number of answer bytes expected at most: 0 when the field is
	// absent, else 1 to MaxShortLe, or to MaxExtendedLe when Extended.
	Le int
	// Extended selects the three-byte length form. A command without data and
	// without Le has one form only, and parses with Extended false.
	Extended bool
}

// ParseCommand reads exactly one command APDU. The Data of the result aliases b.
func ParseCommand(b []byte) (Command, error) {
	if len(b) < 4 {
		return Command{}, fmt.Errorf("parsing command: %d bytes: %w", len(b), ErrLength)
	}
	c := Command{CLA: b[0], INS: b[1], P1: b[2], P2: b[3]}
	body := b[4:]
	var ok bool
	switch {
	case len(body) == 0: // case 1
		return c, nil
	case len(body) == 1: // case 2, short
		c.Le = leShort(body[0])
		return c, nil
	case body[0] != 0:
		ok = c.parseShort(body)
	default:
		ok = c.parseExtended(body)
	}
	if !ok {
		return Command{}, fmt.Errorf("parsing command %02X%02X: %d bytes after the header: %w", c.CLA, c.INS, len(body), ErrLength)
	}
	return c, nil
}

// parseShort reads Lc data [Le]: cases 3 and 4 with one-byte lengths.
func (c *Command) parseShort(body []byte) bool {
	lc := int(body[0])
	switch len(body) {
	case 1 + lc:
	case 1 + lc + 1:
		c.Le = leShort(body[1+lc])
	default:
		return false
	}
	c.Data = body[1 : 1+lc : 1+lc]
	return true
}

// parseExtended reads 00 Le Le, or 00 Lc Lc data [Le Le].
func (c *Command) parseExtended(body []byte) bool {
	if len(body) < 3 {
		return false
	}
	c.Extended = true
	n := int(body[1])<<8 | int(body[2])
	if len(body) == 3 { // case 2
		c.Le = leExtended(n)
		return true
	}
	if n == 0 {
		return false
	}
	switch len(body) {
	case 3 + n:
	case 3 + n + 2:
		c.Le = leExtended(int(body[3+n])<<8 | int(body[4+n]))
	default:
		return false
	}
	c.Data = body[3 : 3+n : 3+n]
	return true
}

func leShort(b byte) int {
	if b == 0 {
		return MaxShortLe
	}
	return int(b)
}

func leExtended(n int) int {
	if n == 0 {
		return MaxExtendedLe
	}
	return n
}

// Bytes encodes the command, with extended lengths exactly when Extended is set.
// It fails with ErrTooLong when Data or Le do not fit the form.
func (c Command) Bytes() ([]byte, error) {
	return c.AppendTo(make([]byte, 0, 4+3+len(c.Data)+2))
}

// AppendTo is Bytes onto b, for callers that reuse a buffer.
func (c Command) AppendTo(b []byte) ([]byte, error) {
	maxData, maxLe := MaxShortLc, MaxShortLe
	if c.Extended {
		maxData, maxLe = MaxExtendedLc, MaxExtendedLe
	}
	if len(c.Data) > maxData || c.Le < 0 || c.Le > maxLe {
		return nil, fmt.Errorf("encoding command %02X%02X: %d data bytes, Le %d: %w", c.CLA, c.INS, len(c.Data), c.Le, ErrTooLong)
	}
	b = append(b, c.CLA, c.INS, c.P1, c.P2)
	if len(c.Data) > 0 {
		b = AppendLc(b, len(c.Data), c.Extended)
		b = append(b, c.Data...)
	}
	switch {
	case c.Le == 0:
	case !c.Extended:
		b = append(b, byte(c.Le))
	case len(c.Data) == 0:
		b = append(b, 0, byte(c.Le>>8), byte(c.Le))
	default:
		b = append(b, byte(c.Le>>8), byte(c.Le))
	}
	return b, nil
}

// AppendLc appends a data length in its short or extended form. Secure
// messaging needs it alone, because it authenticates the field as it is sent.
// The length must fit the form; it is cut to its low bytes otherwise.
func AppendLc(b []byte, n int, extended bool) []byte {
	if extended {
		return append(b, 0, byte(n>>8), byte(n))
	}
	return append(b, byte(n))
}

// String shows header, data length and Le, and no data: a command may carry a PIN.
func (c Command) String() string {
	return fmt.Sprintf("%02X %02X %02X %02X Lc=%d Le=%d", c.CLA, c.INS, c.P1, c.P2, len(c.Data), c.Le)
}
