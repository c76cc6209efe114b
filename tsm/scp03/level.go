package scp03

import (
	"errors"
	"fmt"
	"strings"
)

// Level is a security level, Amendment D 7.1.2, P1 of EXTERNAL AUTHENTICATE: 01, 03, 11, 13 or 33. Its zero value, level
// 00 with no protection at all, is spoken by neither end; a host that is given it takes Full.
type Level byte

// The bits of a level.
const (
	CommandMAC         Level = 0x01
	CommandEncryption  Level = 0x02
	ResponseMAC        Level = 0x10
	ResponseEncryption Level = 0x20

	// Full is level 33: every command and every answer with MAC and encrypted.
	Full = CommandMAC | CommandEncryption | ResponseMAC | ResponseEncryption
)

// ErrLevel says that a security level is not one of the five.
var ErrLevel = errors.New("no such security level")

// Check is nil for 01, 03, 11, 13 and 33 and wraps ErrLevel for every other level.
func (l Level) Check() error {
	switch l {
	case CommandMAC, CommandMAC | CommandEncryption, CommandMAC | ResponseMAC, CommandMAC | CommandEncryption | ResponseMAC, Full:
		return nil
	default:
		return fmt.Errorf("security level %02X: %w", byte(l), ErrLevel)
	}
}

// Has tells whether a level has all the bits of another.
func (l Level) Has(bits Level) bool { return l&bits == bits }

// String is the level in hex with its parts: "33 C-MAC C-DECRYPTION R-MAC R-ENCRYPTION".
func (l Level) String() string {
	parts := []string{fmt.Sprintf("%02X", byte(l))}
	for _, p := range []struct {
		bit  Level
		name string
	}{{CommandMAC, "C-MAC"}, {CommandEncryption, "C-DECRYPTION"}, {ResponseMAC, "R-MAC"}, {ResponseEncryption, "R-ENCRYPTION"}} {
		if l.Has(p.bit) {
			parts = append(parts, p.name)
		}
	}
	return strings.Join(parts, " ")
}

// Mode is the size in bytes of challenges, cryptograms and MACs.
type Mode int

const (
	// S8 is the size of Amendment D 1.1.2; a host whose mode is zero takes it.
	S8 Mode = 8
	// S16 came with Amendment D 1.2.
	S16 Mode = 16
)

// Sizes of the data field at most, in bytes.
const (
	shortData        = 255
	extendedData     = 65535
	extendedResponse = 65536

	// MaxShortData is the most plain data a short command carries at level 33 with S8: 15 blocks less a byte of padding,
	// and the MAC, in 255 bytes. Other levels and sizes: MaxData.
	MaxShortData = 239
	// MaxExtendedData is the same for extended length: 4,095 blocks less one byte.
	MaxExtendedData = 65519
)

// MaxData is the most plain data one command carries.
func MaxData(l Level, m Mode, extended bool) int {
	whole := shortData
	if extended {
		whole = extendedData
	}
	return room(whole, m, l.Has(CommandMAC), l.Has(CommandEncryption))
}

// room is what is left of a data field for plain data.
func room(whole int, m Mode, mac, encryption bool) int {
	if mac {
		whole -= int(m)
	}
	if encryption {
		whole = whole/blockSize*blockSize - 1
	}
	return whole
}

// Option is the parameter "i" of a card, Amendment D 5.1, table 5-1: what it offers.
type Option byte

const (
	// OptionRandom is i = 60: the card challenge is random, no sequence counter is told.
	OptionRandom = optionResponseMAC | optionResponseEncryption
	// OptionPseudoRandom is i = 70: the card challenge is derived from a sequence
	// counter, which INITIALIZE UPDATE returns.
	OptionPseudoRandom = OptionRandom | optionCounter
	// OptionS16 makes an option one of 16-byte challenges, cryptograms and MACs:
	// OptionPseudoRandom | OptionS16 is i = 71.
	OptionS16 Option = 0x01

	optionCounter            Option = 0x10
	optionResponseMAC        Option = 0x20
	optionResponseEncryption Option = 0x40
)

// ErrOption says that a card's "i" has bits that mean nothing, or lacks what the host asks for: its level or its mode.
var ErrOption = errors.New("secure channel option not offered")

// Check is nil for the twelve options there are, 00, 10, 20, 30, 60 and 70 and the same with S16, and wraps ErrOption for
// all others: bits reserved, or R-ENCRYPTION without R-MAC.
func (o Option) Check() error {
	const known = OptionPseudoRandom | OptionS16
	if o&^known != 0 || o&optionResponseEncryption != 0 && o&optionResponseMAC == 0 {
		return fmt.Errorf("i = %02X: %w", byte(o), ErrOption)
	}
	return nil
}

// Mode tells the size the card speaks.
func (o Option) Mode() Mode {
	if o&OptionS16 != 0 {
		return S16
	}
	return S8
}

// PseudoRandom tells whether the card derives its challenge from a sequence counter.
func (o Option) PseudoRandom() bool { return o&optionCounter != 0 }

// Offers tells whether a card with this option takes a level: 01 and 03 always, 11
// and 13 with R-MAC, 33 with R-ENCRYPTION, others never.
func (o Option) Offers(l Level) bool {
	switch {
	case l.Check() != nil:
		return false
	case l.Has(ResponseEncryption):
		return o&OptionRandom == OptionRandom
	case l.Has(ResponseMAC):
		return o&optionResponseMAC != 0
	default:
		return true
	}
}
