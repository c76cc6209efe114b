package scp03

import (
	"errors"
	"fmt"
	"strings"
)

// Level is a security level, Amendment D 7.1.2, P1 of EXTERNAL AUTHENTICATE.
type Level byte

// The bits of a level.
const (
	CommandMAC         Level = 0x01
	CommandEncryption  Level = 0x02
	ResponseMAC        Level = 0x10
	ResponseEncryption Level = 0x20

	// Full is level 33, the only one this package speaks.
	Full = CommandMAC | CommandEncryption | ResponseMAC | ResponseEncryption
)

// ErrLevel says that a security level other than Full was asked for.
var ErrLevel = errors.New("security level not offered: only 33 is")

// Check is nil for Full and wraps ErrLevel for every other level.
func (l Level) Check() error {
	if l != Full {
		return fmt.Errorf("security level %02X: %w", byte(l), ErrLevel)
	}
	return nil
}

// String is the level in hex with its parts: "33 C-MAC C-DECRYPTION R-MAC R-ENCRYPTION".
func (l Level) String() string {
	parts := []string{fmt.Sprintf("%02X", byte(l))}
	for _, p := range []struct {
		bit  Level
		name string
	}{{CommandMAC, "C-MAC"}, {CommandEncryption, "C-DECRYPTION"}, {ResponseMAC, "R-MAC"}, {ResponseEncryption, "R-ENCRYPTION"}} {
		if l&p.bit != 0 {
			parts = append(parts, p.name)
		}
	}
	return strings.Join(parts, " ")
}

// Mode is the size in bytes of challenges, cryptograms and MACs.
type Mode int

const (
	// S8 is the size of Amendment D 1.1.2; zero means the same to a host.
	S8 Mode = 8
	// S16 came with Amendment D 1.2.
	S16 Mode = 16
)

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
	switch l {
	case CommandMAC, CommandMAC | CommandEncryption:
		return true
	case CommandMAC | ResponseMAC, CommandMAC | CommandEncryption | ResponseMAC:
		return o&optionResponseMAC != 0
	case Full:
		return o&OptionRandom == OptionRandom
	default:
		return false
	}
}

// ErrOption says that a card's "i" lacks what level 33 needs or has what this
// package does not speak (16-byte challenges and MACs, bits reserved).
var ErrOption = errors.New("secure channel option not offered: only i = 60 and 70 are")

// Check is nil for the two options spoken here and wraps ErrOption for all others.
func (o Option) Check() error {
	switch {
	case o == OptionRandom || o == OptionPseudoRandom:
		return nil
	case o&OptionS16 != 0:
		return fmt.Errorf("i = %02X, 16-byte MACs: %w", byte(o), ErrOption)
	default:
		return fmt.Errorf("i = %02X: %w", byte(o), ErrOption)
	}
}
