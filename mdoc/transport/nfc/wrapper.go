package nfc

import (
	"errors"
	"fmt"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/transport"
)

// aid is the application that transfers data (ISO/IEC 18013-5:2021, 8.3.3.1.2).
const aid = "\xA0\x00\x00\x02\x48\x04\x00"

// Instructions of ISO/IEC 7816-4 that the data transfer uses, and the class bit of a chain.
const (
	insSelect      = 0xA4
	insEnvelope    = 0xC3
	insGetResponse = 0xC0
	chained        = 0x10

	selectByName = 0x04 // P1
	noAnswer     = 0x0C // P2: no file control information; some readers send 00
)

const (
	tagMessage = 0x53
	// wrapperMax is the longest header of the wrapper: tag, 83, three bytes of length.
	wrapperMax = 5
)

// ErrTurn is returned by Send to a mdoc that was not asked: over NFC it answers each message of the reader once.
var ErrTurn = errors.New("the mdoc speaks only when it was asked")

// Limits are what an end of the link takes in one APDU, as the engagement's NFC options name it
// (ISO/IEC 18013-5:2021, 8.2.2.1).
type Limits struct {
	// MaxCommandData bounds the data of a command, 255 to 65535; 0 means 255.
	MaxCommandData int
	// MaxResponseData bounds the data of a response, 256 to 65536; 0 means 256.
	MaxResponseData int
}

// Most is what extended length carries at most.
func Most() Limits {
	return Limits{MaxCommandData: apdu.MaxExtendedLc, MaxResponseData: apdu.MaxExtendedLe}
}

// Shared gives what both ends take.
func (l Limits) Shared(o Limits) Limits {
	return Limits{MaxCommandData: min(l.MaxCommandData, o.MaxCommandData), MaxResponseData: min(l.MaxResponseData, o.MaxResponseData)}
}

func (l *Limits) complete() error {
	if l.MaxCommandData == 0 {
		l.MaxCommandData = apdu.MaxShortLc
	}
	if l.MaxResponseData == 0 {
		l.MaxResponseData = apdu.MaxShortLe
	}
	if l.MaxCommandData < apdu.MaxShortLc || l.MaxCommandData > apdu.MaxExtendedLc {
		return fmt.Errorf("maximum command data %d, want 255 to 65535", l.MaxCommandData)
	}
	if l.MaxResponseData < apdu.MaxShortLe || l.MaxResponseData > apdu.MaxExtendedLe {
		return fmt.Errorf("maximum response data %d, want 256 to 65536", l.MaxResponseData)
	}
	return nil
}

// Config describes an end of a connection.
type Config struct {
	// Limits are the mdoc's own at the mdoc, and what both ends take at the reader. The zero value is the short form, which
	// every device has to take.
	Limits Limits
	// MaxMessage bounds one message in bytes, both ways; 0 means [transport.DefaultMaxMessage].
	MaxMessage int
}

func (c *Config) complete() error {
	if c.MaxMessage <= 0 {
		c.MaxMessage = transport.DefaultMaxMessage
	}
	if c.MaxMessage >= 1<<24 {
		return fmt.Errorf("messages of %d bytes, the wrapper holds less than %d", c.MaxMessage, 1<<24)
	}
	return c.Limits.complete()
}

// wrap puts a message into the data object 53 (ISO/IEC 18013-5:2021, 8.3.3.1.2):
//
//	53 ‖ 00..7F | 81 xx | 82 xxxx | 83 xxxxxx ‖ message
func wrap(message []byte) []byte {
	return apdu.AppendTLV(make([]byte, 0, wrapperMax+len(message)), tagMessage, message)
}

// unwrap gives the message of exactly one data object 53. The result aliases b.
func unwrap(b []byte, limit int) ([]byte, error) {
	object, rest, err := apdu.ParseTLV(b)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", transport.ErrProtocol, err)
	case object.Tag != tagMessage:
		return nil, fmt.Errorf("a data object %X, want 53: %w", object.Tag, transport.ErrProtocol)
	case len(rest) > 0:
		return nil, fmt.Errorf("%d bytes after the message: %w", len(rest), transport.ErrProtocol)
	case len(object.Value) > limit:
		return nil, fmt.Errorf("a message of %d bytes, limit %d: %w", len(object.Value), limit, transport.ErrProtocol)
	}
	return object.Value, nil
}
