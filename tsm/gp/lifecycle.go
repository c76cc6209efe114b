package gp

import "fmt"

// CardState is the life cycle of the card as its issuer security domain shows it,
// Card Specification 2.3.1, table 11-6.
type CardState byte

// The card's states. Terminated is final.
const (
	OPReady         CardState = 0x01
	CardInitialized CardState = 0x07
	CardSecured     CardState = 0x0F
	CardLocked      CardState = 0x7F
	CardTerminated  CardState = 0xFF
)

// String is the state's name in the specification.
func (s CardState) String() string {
	switch s {
	case OPReady:
		return "OP_READY"
	case CardInitialized:
		return "INITIALIZED"
	case CardSecured:
		return "SECURED"
	case CardLocked:
		return "CARD_LOCKED"
	case CardTerminated:
		return "TERMINATED"
	default:
		return fmt.Sprintf("unknown card state %02X", byte(s))
	}
}

// CanBecome tells whether SET STATUS may bring the card from s to next (Card
// Specification 2.3.1, 5.1.1 and figure 5-1): forward one step, SECURED and
// CARD_LOCKED back and forth, to TERMINATED from either of those.
func (s CardState) CanBecome(next CardState) bool {
	switch s {
	case OPReady:
		return next == CardInitialized
	case CardInitialized:
		return next == CardSecured
	case CardSecured:
		return next == CardLocked || next == CardTerminated
	case CardLocked:
		return next == CardSecured || next == CardTerminated
	default:
		return false
	}
}

// State is the life cycle of a load file, an application or a supplementary
// security domain, Card Specification 2.3.1, tables 11-3 to 11-5. The bit
// StateLocked lies over the state before the lock, which unlocking brings back.
type State byte

// The states of GlobalPlatform and, by custom, of personalized applications.
const (
	StateLoaded       State = 0x01
	StateInstalled    State = 0x03
	StateSelectable   State = 0x07
	StatePersonalized State = 0x0F
	StateLocked       State = 0x80
)

// Locked tells whether the lock bit is set.
func (s State) Locked() bool { return s&StateLocked != 0 }

// String is the state's name, "LOCKED, was …" under a lock.
func (s State) String() string {
	if s.Locked() {
		return "LOCKED, was " + (s &^ StateLocked).String()
	}
	switch s {
	case StateLoaded:
		return "LOADED"
	case StateInstalled:
		return "INSTALLED"
	case StateSelectable:
		return "SELECTABLE"
	case StatePersonalized:
		return "PERSONALIZED"
	default:
		return fmt.Sprintf("application state %02X", byte(s))
	}
}
