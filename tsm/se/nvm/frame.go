package nvm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"slices"
)

// A bank begins with a header: 16 bytes that name the format and its version, 8 random bytes. The random bytes go into
// every checksum, so that content cannot be made to look like a frame of this bank, nor what an earlier turn of it left.
const (
	fileMagic  = "mobileid SE nvm\x02"
	versionAt  = len(fileMagic) - 1
	saltSize   = 8
	fileHeader = len(fileMagic) + saltSize
)

// A frame is
//
//	mark (2) ‖ flags (1) ‖ 00 ‖ sequence (4) ‖ length (4) ‖ CRC of the content (4) ‖ CRC of these 16 bytes (4) ‖ content
//
// all numbers big endian, CRC-32C over the bank's salt and the bytes.
const (
	frameMark   = "FR"
	frameHeader = 20
	flagBase    = 0x01 // the content is every live object, not a change
	maxFrame    = 2 << 20
)

// errTorn says that a frame is not whole. It never leaves the package.
var errTorn = errors.New("frame is torn")

type frame struct {
	flags    byte
	sequence uint32
	content  []byte
}

func checksum(salt, data []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	return crc32.Update(crc32.Checksum(salt, table), table, data)
}

func (f frame) appendTo(b, salt []byte) []byte {
	b = slices.Grow(b, frameHeader+len(f.content))
	begin := len(b)
	b = append(b, frameMark...)
	b = append(b, f.flags, 0)
	b = binary.BigEndian.AppendUint32(b, f.sequence)
	b = binary.BigEndian.AppendUint32(b, uint32(len(f.content))) //nolint:gosec // bounded by the limit of the memory
	b = binary.BigEndian.AppendUint32(b, checksum(salt, f.content))
	b = binary.BigEndian.AppendUint32(b, checksum(salt, b[begin:]))
	return append(b, f.content...)
}

// decodeHeader reads the front of the frame at the front of b: everything but the content, of which n is the length.
func decodeHeader(salt, b []byte) (f frame, n int, err error) {
	if len(b) < frameHeader || string(b[:2]) != frameMark || b[3] != 0 ||
		binary.BigEndian.Uint32(b[16:]) != checksum(salt, b[:16]) {
		return frame{}, 0, errTorn
	}
	size := binary.BigEndian.Uint32(b[8:])
	if size > maxFrame || int(size) > len(b)-frameHeader {
		return frame{}, 0, errTorn
	}
	return frame{flags: b[2], sequence: binary.BigEndian.Uint32(b[4:])}, int(size), nil
}

// decodeFrame reads the frame at the front of b and tells how many bytes it takes.
func decodeFrame(salt, b []byte) (frame, int, error) {
	f, n, err := decodeHeader(salt, b)
	if err != nil {
		return frame{}, 0, err
	}
	f.content = b[frameHeader : frameHeader+n]
	if checksum(salt, f.content) != binary.BigEndian.Uint32(b[12:]) {
		return frame{}, 0, errTorn
	}
	return f, frameHeader + n, nil
}

// anyFrame tells whether b holds, anywhere, a whole frame for which is holds. It says so too when b holds more beginnings of frames than there can
// be: frames do not lie over each other, so that together they are not longer than b.
func anyFrame(salt, b []byte, is func(frame) bool) bool {
	left := len(b)
	for {
		i := bytes.Index(b, []byte(frameMark))
		if i < 0 {
			return false
		}
		if _, n, err := decodeHeader(salt, b[i:]); err == nil {
			if left -= n; left < 0 {
				return true
			}
			if f, _, err := decodeFrame(salt, b[i:]); err == nil && is(f) {
				return true
			}
		}
		b = b[i+1:]
	}
}

// Content of a frame: per object
//
//	kind (1) ‖ key length (1) ‖ key ‖ value length (4) ‖ value
const (
	kindStore = 0x01
	kindErase = 0x02
	// objectOverhead is what an object costs beside its key and value, in the file and in the account of free memory.
	objectOverhead = 6
)

func appendObject(b []byte, kind byte, key string, value []byte) []byte {
	b = append(b, kind, byte(len(key)))
	b = append(b, key...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(value))) //nolint:gosec // bounded by the limit of the memory
	return append(b, value...)
}

// readObject reads one object of a frame whose checksum held; ok is false when it is not of the form above.
func readObject(b []byte) (kind byte, key string, value, rest []byte, ok bool) {
	if len(b) < objectOverhead || (b[0] != kindStore && b[0] != kindErase) {
		return 0, "", nil, nil, false
	}
	kind, n := b[0], int(b[1])
	if b = b[2:]; len(b) < n+4 {
		return 0, "", nil, nil, false
	}
	key = string(b[:n])
	size := binary.BigEndian.Uint32(b[n:])
	if b = b[n+4:]; size > maxFrame || len(b) < int(size) {
		return 0, "", nil, nil, false
	}
	return kind, key, b[:size], b[size:], true
}
