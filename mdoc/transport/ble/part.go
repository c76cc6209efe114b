package ble

import (
	"fmt"

	"mobileid/mdoc/transport"
)

const (
	// MinMTU is the smallest ATT_MTU that Bluetooth allows, MaxMTU the largest that makes parts longer.
	MinMTU = 23
	MaxMTU = 515
	// maxPart is the longest attribute value, the first byte of a part included.
	maxPart = 512
	// attHeader is what a write or a notification needs of the MTU.
	attHeader = 3

	more byte = 0x01
	last byte = 0x00
)

// PartSize is the longest part at an MTU, its first byte included: three bytes less than the MTU and at most 512
// (ISO/IEC 18013-5:2021, 8.3.3.1.1.6; second edition draft, 11.1).
func PartSize(mtu int) int { return min(mtu-attHeader, maxPart) }

// AppendPart appends the first part of a message to b and gives the rest of the message, which is nil after the last
// part. size is a [PartSize]. The part is:
//
//	01 (more follow) or 00 (the last one) ‖ up to size-1 bytes of the message
func AppendPart(b, message []byte, size int) (part, rest []byte) {
	if len(message) > size-1 {
		return append(append(b, more), message[:size-1]...), message[size-1:]
	}
	return append(append(b, last), message...), nil
}

// Joiner joins parts to a message. The zero value takes nothing: set Max.
type Joiner struct {
	// Max bounds the message.
	Max int

	message []byte
}

// Add takes a part, at most size bytes long, and gives the message when the part is its last. The message is the
// caller's; the part is not kept. Errors are [transport.ErrProtocol], after which the Joiner must not be used.
func (j *Joiner) Add(part []byte, size int) (message []byte, whole bool, err error) {
	switch {
	case len(part) == 0:
		return nil, false, fmt.Errorf("an empty part: %w", transport.ErrProtocol)
	case len(part) > size:
		return nil, false, fmt.Errorf("a part of %d bytes, at most %d: %w", len(part), size, transport.ErrProtocol)
	case part[0] != more && part[0] != last:
		return nil, false, fmt.Errorf("a part that begins with %02x: %w", part[0], transport.ErrProtocol)
	case len(j.message)+len(part)-1 > j.Max:
		return nil, false, fmt.Errorf("a message over %d bytes: %w", j.Max, transport.ErrProtocol)
	}
	j.message = append(j.message, part[1:]...)
	if part[0] == more {
		return nil, false, nil
	}
	message = j.message
	if message == nil {
		message = []byte{}
	}
	j.message = nil
	return message, true, nil
}
