package pcsc

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"mobileid/mdoc/apdu"
)

// A message to pcscd is a header of two numbers, the size of the body and the command, and the body: a C structure as the compiler
// lays it out, all fields of 4 bytes in the byte order of the host (pcsc-lite, src/winscard_msg.h). The answer is the same
// structure filled in, without a header; rv, its last field, is the return code.
const (
	cmdEstablishContext = 0x01 // scope, context, rv
	cmdReleaseContext   = 0x02 // context, rv
	cmdConnect          = 0x04 // context, reader (128 bytes), share, protocols, card, active protocol, rv
	cmdReconnect        = 0x05 // card, share, protocols, disposition, active protocol, rv
	cmdDisconnect       = 0x06 // card, disposition, rv
	cmdBegin            = 0x07 // card, rv
	cmdEnd              = 0x08 // card, disposition, rv
	cmdTransmit         = 0x09 // card, send protocol and its size, length, receive protocol and its size, length, rv; then the bytes
	cmdStatus           = 0x0B // card, rv
	cmdGetAttribute     = 0x0F // card, attribute, value (264 bytes), length, rv
	cmdVersion          = 0x11 // major, minor, rv
	cmdReaders          = 0x12 // nothing; 16 reader states
	cmdWait             = 0x13 // nothing; 16 reader states, and the event (time-out, rv) when there is one: 4.4 and 4.5
	cmdStopWaiting      = 0x14 // nothing; the event, once
	cmdReadersSize      = 0x16 // nothing; the number of reader states: from 4.6
	cmdReadersArray     = 0x17 // nothing; so many reader states: from 4.6
)

// Protocol versions.
const (
	protocolMajor = 4
	firstMinor    = 3
	firstOffer    = 4 // pcscd 1.8.24 to 2.2 take nothing else, 2.4.1 and later take it too
	eventsMinor   = 5 // the last whose cmdWait is known
	arrayMinor    = 6 // the first with cmdReadersSize
	lastMinor     = 6
)

// Sizes of pcsclite.h.
const (
	word           = 4
	readerName     = 128
	maxATR         = 33
	attributeValue = 264
	maxReaders     = 16
	// maxReaderArray bounds what cmdReadersSize may claim.
	maxReaderArray = 1024
	readerState    = readerName + 3*word + maxATR + 3 + 2*word
	// pciSize is the size of SCARD_IO_REQUEST on the 64-bit machines of today; pcscd passes it on unread.
	pciSize = 16
)

// message is a header with its body of words; a word is a uint32, the reader's name [readerName]byte, an attribute's value its
// length in zeros.
func message(command uint32, fields ...any) ([]byte, error) {
	body := []byte{}
	for _, f := range fields {
		switch f := f.(type) {
		case uint32:
			body = binary.NativeEndian.AppendUint32(body, f)
		case string:
			if len(f) >= readerName || bytes.IndexByte([]byte(f), 0) >= 0 {
				return nil, fmt.Errorf("reader name of %d bytes: %w", len(f), UnknownReader)
			}
			body = append(body, f...)
			body = append(body, make([]byte, readerName-len(f))...)
		case []byte:
			body = append(body, f...)
		}
	}
	m := binary.NativeEndian.AppendUint32(make([]byte, 0, 2*word+len(body)), uint32(len(body))) //nolint:gosec // at most a few hundred bytes
	return append(binary.NativeEndian.AppendUint32(m, command), body...), nil
}

// field reads one word of an answer.
func field(answer []byte, offset int) uint32 { return binary.NativeEndian.Uint32(answer[offset:]) }

// returned is the code at the end of an answer.
func returned(answer []byte) error {
	if rv := Code(field(answer, len(answer)-word)); rv != success {
		return rv
	}
	return nil
}

// parseReaders reads an array of reader states (pcsc-lite, src/eventhandler.h):
//
//	name 128 ‖ events ‖ state ‖ sharing ‖ ATR 33, filler 3 ‖ length of ATR ‖ protocol
//
// Places without a name are free.
func parseReaders(b []byte) ([]Reader, error) {
	if len(b)%readerState != 0 {
		return nil, fmt.Errorf("reader states of %d bytes: %w", len(b), ErrAnswer)
	}
	var readers []Reader
	for ; len(b) > 0; b = b[readerState:] {
		name, _, terminated := bytes.Cut(b[:readerName], []byte{0})
		if len(name) == 0 {
			continue
		}
		length := field(b, readerName+3*word+maxATR+3)
		if !terminated || length > maxATR {
			return nil, fmt.Errorf("reader state with an ATR of %d bytes: %w", length, ErrAnswer)
		}
		atr := b[readerName+3*word:]
		readers = append(readers, Reader{
			Name:    string(name),
			Events:  field(b, readerName),
			State:   State(field(b, readerName+word)),
			Sharing: int(int32(field(b, readerName+2*word))), //nolint:gosec // an int32 in the structure
			ATR:     bytes.Clone(atr[:length:length]),
		})
	}
	return readers, nil
}

// toT0 gives a command the form that T=0 carries (ISO/IEC 7816-3:2006, 12.2): five bytes at least, and no Le behind data; the
// answer is then fetched with GET RESPONSE, as the card's 61xx asks. Extended lengths would need ENVELOPE, which few cards have.
func toT0(command []byte) ([]byte, error) {
	c, err := apdu.ParseCommand(command)
	switch {
	case err != nil:
		return command, nil // the card says what it thinks of it
	case c.Extended:
		return nil, fmt.Errorf("sending an extended-length command: %w", ErrExtendedT0)
	case len(command) == 4:
		return append(bytes.Clone(command), 0), nil
	case len(c.Data) > 0 && c.Le > 0:
		return command[:len(command)-1], nil
	default:
		return command, nil
	}
}
