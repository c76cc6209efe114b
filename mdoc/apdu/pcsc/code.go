package pcsc

import (
	"errors"
	"fmt"
)

// Errors that are not codes of the daemon.
var (
	// ErrNotRunning says that nobody listens at the socket.
	ErrNotRunning = errors.New("the PC/SC service is not running: start pcscd (Debian: apt install pcscd; systemctl start pcscd.socket)")
	// ErrNotAllowed says that the socket or the daemon's policy keeps this user out.
	ErrNotAllowed = errors.New("this user may not use the PC/SC service: ask the administrator (socket permissions, polkit)")
	// ErrVersion says that the daemon's protocol is none of 4.3 to 4.6.
	ErrVersion = errors.New("the PC/SC service speaks a protocol this program does not know: update one of them")
	// ErrTimeout says that no answer came in time; the connection is gone. It comes with context.DeadlineExceeded.
	ErrTimeout = errors.New("the reader did not answer in time: take the card off, put it on again, and start over")
	// ErrSeveral says that the choice of a reader is the caller's.
	ErrSeveral = errors.New("cards lie in several readers: name one, or take the others off")
	// ErrDropped says that the connection was given up earlier, or closed.
	ErrDropped = errors.New("the connection to the reader is gone: connect again")
	// ErrService says that the daemon closed the connection or cannot be reached any more.
	ErrService = errors.New("the PC/SC service went away: start over; if it happens again, restart pcscd")
	// ErrNoResponse says that the exchange succeeded and brought not one byte, as some drivers tell a card that is gone.
	ErrNoResponse = errors.New("the card gave no answer: leave it still on the reader and start over")
	// ErrAnswer says that the daemon's answer makes no sense.
	ErrAnswer = errors.New("malformed answer from the PC/SC service")
	// ErrExtendedT0 says that the card was connected with T=0, which carries short commands only.
	ErrExtendedT0 = errors.New("the card speaks T=0: use short commands")
)

// A Code is a return code of PC/SC other than success (pcsc-lite, src/PCSC/pcsclite.h). It is an error; compare with errors.Is.
type Code uint32

const success Code = 0

// The codes a caller may branch on. The others are told by number and name.
const (
	UnknownReader     Code = 0x80100009
	SharingViolation  Code = 0x8010000B
	NoCard            Code = 0x8010000C
	ProtocolMismatch  Code = 0x8010000F
	CommError         Code = 0x80100013
	NotTransacted     Code = 0x80100016
	ReaderUnavailable Code = 0x80100017
	ServiceStopped    Code = 0x8010001E
	NoReaders         Code = 0x8010002E
	UnsupportedCard   Code = 0x80100065
	UnresponsiveCard  Code = 0x80100066
	UnpoweredCard     Code = 0x80100067
	ResetCard         Code = 0x80100068
	RemovedCard       Code = 0x80100069
	SecurityViolation Code = 0x8010006A
)

// sentences say what happened and what to do.
func (c Code) sentence() string {
	switch c {
	case UnknownReader:
		return "there is no such reader: plug it in, or choose one that is listed"
	case SharingViolation:
		return "another program is using the card: close it and try again"
	case NoCard:
		return "no card in the reader: put the card on the reader"
	case ProtocolMismatch:
		return "card and reader have no protocol in common: check that the card lies right"
	case CommError, NotTransacted:
		return "the exchange with the card failed: leave the card still on the reader and start over"
	case ReaderUnavailable:
		return "the reader was unplugged: plug it in again"
	case ServiceStopped:
		return "the PC/SC service has stopped: start pcscd"
	case NoReaders:
		return "no reader: plug one in"
	case UnsupportedCard, UnresponsiveCard:
		return "the card does not answer: check that it lies right and is no other card"
	case UnpoweredCard:
		return "the card has no power: take it off and put it on again"
	case ResetCard:
		return "another program reset the card: start over"
	case RemovedCard:
		return "the card was taken off the reader: put it on again and start over"
	case SecurityViolation:
		return "this user may not use the card: ask the administrator (polkit)"
	default:
		return c.name()
	}
}

// name is what the rest has in common: the caller can do nothing but tell it.
func (c Code) name() string {
	switch c {
	case 0x80100001, 0x80100014:
		return "internal error of the PC/SC service"
	case 0x80100003, 0x80100004, 0x80100005, 0x80100011:
		return "the PC/SC service does not know the handle or value: connect again"
	case 0x80100006:
		return "the PC/SC service has no memory left"
	case 0x80100008:
		return "the answer is longer than any answer may be"
	case 0x80100002, 0x8010000A, 0x80100012:
		return "the PC/SC service gave up waiting"
	case 0x80100010:
		return "the reader is not ready yet: try again"
	case 0x80100015:
		return "the ATR of the card makes no sense: check that it lies right"
	case 0x8010001F:
		return "the reader cannot do that"
	default:
		return "PC/SC error"
	}
}

// Error is a sentence for people with the code behind it.
func (c Code) Error() string { return fmt.Sprintf("%s (%08X)", c.sentence(), uint32(c)) }
