package apdu

import (
	"errors"
	"fmt"
)

// SW is a status word, SW1 in the high byte.
type SW uint16

// Status words of ISO/IEC 7816-4:2020, 5.6 (table 6 and 7), of GlobalPlatform
// Card Specification 2.3.1, 11.1.3 where it says something of its own, and the two
// words the My Number card adds.
const (
	OK SW = 0x9000

	WarnUnchanged       SW = 0x6200 // no information; GlobalPlatform: the channel was closed already
	WarnEndOfFile       SW = 0x6282 // file ended before Le bytes
	WarnCardLocked      SW = 0x6283 // selected, but locked
	WarnChanged         SW = 0x6300 // no information; GlobalPlatform: the host cryptogram is wrong
	MoreAvailable       SW = 0x6310 // GET STATUS: next page with P2 bit 01
	NoTriesLeft         SW = 0x63C0 // verification failed, none left
	ExecutionError      SW = 0x6400
	MemoryFailure       SW = 0x6581
	NoKeyDelivery       SW = 0x66F1 // My Number card: no key delivery is configured
	WrongLength         SW = 0x6700
	ChannelUnsupported  SW = 0x6881
	SecureUnsupported   SW = 0x6882
	LastOfChainExpected SW = 0x6883
	ChainingUnsupported SW = 0x6884
	WrongFileType       SW = 0x6981
	SecurityStatus      SW = 0x6982
	Blocked             SW = 0x6983
	ReferenceUnusable   SW = 0x6984 // reference data blocked or not usable
	Conditions          SW = 0x6985 // conditions of use not satisfied
	NoCurrentFile       SW = 0x6986
	SecureMissing       SW = 0x6987 // secure messaging objects missing
	SecureIncorrect     SW = 0x6988 // secure messaging objects incorrect
	ChannelLost         SW = 0x69FC // My Number card: secure messaging after the channel died
	WrongData           SW = 0x6A80
	FunctionUnsupported SW = 0x6A81
	NotFound            SW = 0x6A82 // file or application
	RecordNotFound      SW = 0x6A83
	NoSpace             SW = 0x6A84
	WrongParameters     SW = 0x6A86
	ReferenceNotFound   SW = 0x6A88 // referenced data, key or object
	OffsetOutside       SW = 0x6B00
	InsUnsupported      SW = 0x6D00
	ClaUnsupported      SW = 0x6E00
	Unknown             SW = 0x6F00 // no precise diagnosis
	AlgorithmUnknown    SW = 0x9484
	KeyCheckWrong       SW = 0x9485
)

// TriesLeft is the status word 63Cx of a failed verification; n is cut to 0..15.
func TriesLeft(n int) SW { return NoTriesLeft | SW(min(max(n, 0), 15)) }

// BytesAvailable is the status word 61xx; n over 255 is told as 6100.
func BytesAvailable(n int) SW {
	if n > 255 {
		n = 0
	}
	return 0x6100 | SW(n)
}

// Tries reads a 63Cx word: the tries left, and whether it is one.
func (s SW) Tries() (int, bool) { return int(s & 0x0F), s&0xFFF0 == NoTriesLeft }

// SW1 is the high byte.
func (s SW) SW1() byte { return byte(s >> 8) }

// SW2 is the low byte.
func (s SW) SW2() byte { return byte(s) }

// Warning tells 62xx and 63xx: the command was processed, with a remark.
// GlobalPlatform protects these under R-MAC, as it does 9000.
func (s SW) Warning() bool { return s.SW1() == 0x62 || s.SW1() == 0x63 }

// Text describes the word, without the word itself; never empty.
func (s SW) Text() string {
	if n, ok := s.Tries(); ok {
		return fmt.Sprintf("verification failed, %d tries left", n)
	}
	if t := s.exactText(); t != "" {
		return t
	}
	switch s.SW1() {
	case 0x61:
		return "more bytes available"
	case 0x62, 0x63:
		return "warning"
	case 0x64, 0x65, 0x66:
		return "execution error"
	case 0x6C:
		return "wrong Le"
	}
	return "unknown status"
}

// exactText is the text of a word that has a name, else empty.
func (s SW) exactText() string {
	switch s {
	case OK:
		return "success"
	case WarnUnchanged:
		return "warning, nothing changed"
	case WarnEndOfFile:
		return "end of file before the length asked for"
	case WarnCardLocked:
		return "selected, but locked"
	case WarnChanged:
		return "warning, or authentication failed"
	case MoreAvailable:
		return "more data available"
	case ExecutionError:
		return "execution error"
	case MemoryFailure:
		return "memory failure"
	case NoKeyDelivery:
		return "no key delivery configured"
	case WrongLength:
		return "wrong length"
	case ChannelUnsupported:
		return "logical channel not supported"
	case SecureUnsupported:
		return "secure messaging not supported"
	case LastOfChainExpected:
		return "last command of the chain expected"
	case ChainingUnsupported:
		return "command chaining not supported"
	case WrongFileType:
		return "wrong file type"
	case SecurityStatus:
		return "security status not satisfied"
	case Blocked:
		return "authentication method blocked"
	case ReferenceUnusable:
		return "reference data blocked or not usable"
	case Conditions:
		return "conditions of use not satisfied"
	case NoCurrentFile:
		return "no file selected"
	case SecureMissing:
		return "secure messaging objects missing"
	case SecureIncorrect:
		return "secure messaging objects incorrect"
	case ChannelLost:
		return "secure channel lost"
	case WrongData:
		return "wrong data"
	case FunctionUnsupported:
		return "function not supported"
	case NotFound:
		return "file or application not found"
	case RecordNotFound:
		return "record not found"
	case NoSpace:
		return "not enough memory"
	case WrongParameters:
		return "wrong P1 or P2"
	case ReferenceNotFound:
		return "referenced data not found"
	case OffsetOutside:
		return "offset outside the file"
	case InsUnsupported:
		return "instruction not supported"
	case ClaUnsupported:
		return "class not supported"
	case Unknown:
		return "no precise diagnosis"
	case AlgorithmUnknown:
		return "algorithm not supported"
	case KeyCheckWrong:
		return "key check value wrong"
	default:
		return ""
	}
}

// String is the word in hex with its text: "6A82 file or application not found".
func (s SW) String() string { return fmt.Sprintf("%04X %s", uint16(s), s.Text()) }

// Err is nil for 9000 and a *StatusError otherwise.
func (s SW) Err() error {
	if s == OK {
		return nil
	}
	return &StatusError{SW: s}
}

// What callers branch on; a *StatusError unwraps to one of them where it fits.
var (
	// ErrNotFound is 6A82, 6A83 and 6A88.
	ErrNotFound = errors.New("not found on the card")
	// ErrSecurityStatus is 6982.
	ErrSecurityStatus = errors.New("security status not satisfied")
	// ErrBlocked is 6983, 6984 and, through AuthError, 63C0.
	ErrBlocked = errors.New("authentication blocked")
	// ErrConditions is 6985.
	ErrConditions = errors.New("conditions of use not satisfied")
)

// A StatusError is a status word other than 9000. Match the word with
// errors.AsType[*StatusError], the common cases with errors.Is and *AuthError.
type StatusError struct{ SW SW }

func (e *StatusError) Error() string { return "card answered " + e.SW.String() }

// Unwrap gives the sentinel or the *AuthError the word stands for, or nil.
func (e *StatusError) Unwrap() error {
	if n, ok := e.SW.Tries(); ok {
		return &AuthError{Retries: n}
	}
	switch e.SW {
	case NotFound, RecordNotFound, ReferenceNotFound:
		return ErrNotFound
	case SecurityStatus:
		return ErrSecurityStatus
	case Blocked, ReferenceUnusable:
		return ErrBlocked
	case Conditions:
		return ErrConditions
	default:
		return nil
	}
}

// An AuthError is a failed verification of a PIN or password (63Cx).
type AuthError struct {
	// Retries is the number of tries left, 0 to 15. At 0 the error is also ErrBlocked.
	Retries int
}

func (e *AuthError) Error() string {
	return fmt.Sprintf("verification failed, %d tries left", e.Retries)
}

// Unwrap gives ErrBlocked when no try is left.
func (e *AuthError) Unwrap() error {
	if e.Retries == 0 {
		return ErrBlocked
	}
	return nil
}
