package jp2

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrFormat says that bytes are no JP2 file that is taken here.
var ErrFormat = errors.New("no JP2 picture")

// Header is what a JP2 file says of its size.
type Header struct {
	Width, Height int
	// Components is 1 for grey, 3 for colour.
	Components int
}

// Boxes of a JP2 file (ISO/IEC 15444-1, I.4): length (4), type (4), content. The signature box comes first.
const (
	signatureBox = "\x00\x00\x00\x0CjP  \x0D\x0A\x87\x0A"
	boxHeader    = "jp2h"
	boxImage     = "ihdr"
	boxStream    = "jp2c"

	maxBoxes = 64
	maxSide  = 1 << 16
)

// ParseHeader reads the sizes of a JP2 file out of its image header box, and out of the SIZ marker segment of the codestream (A.5.1),
// which must say the same: a decoder goes by the second.
func ParseHeader(file []byte) (Header, error) {
	if !bytes.HasPrefix(file, []byte(signatureBox)) {
		return Header{}, fmt.Errorf("reading a picture: no signature box: %w", ErrFormat)
	}
	header, ok := findBox(file, boxHeader)
	if !ok {
		return Header{}, fmt.Errorf("reading a picture: no header box: %w", ErrFormat)
	}
	image, ok := findBox(header, boxImage)
	if !ok || len(image) != 14 {
		return Header{}, fmt.Errorf("reading a picture: no image header box: %w", ErrFormat)
	}
	h, err := size(binary.BigEndian.Uint32(image[4:]), binary.BigEndian.Uint32(image), binary.BigEndian.Uint16(image[8:]))
	if err != nil {
		return Header{}, err
	}
	stream, ok := findBox(file, boxStream)
	if !ok {
		return Header{}, fmt.Errorf("reading a picture: no codestream: %w", ErrFormat)
	}
	coded, err := parseSIZ(stream)
	if err != nil {
		return Header{}, err
	}
	if coded != h {
		return Header{}, fmt.Errorf("reading a picture: header and codestream disagree: %w", ErrFormat)
	}
	return h, nil
}

// findBox gives the content of the first box of a type. A length of 0 reaches to the end; lengths over 4 GiB are not taken.
func findBox(b []byte, kind string) ([]byte, bool) {
	for range maxBoxes {
		if len(b) < 8 {
			return nil, false
		}
		length := uint64(binary.BigEndian.Uint32(b))
		if length == 0 {
			length = uint64(len(b))
		}
		if length < 8 || length > uint64(len(b)) {
			return nil, false
		}
		if string(b[4:8]) == kind {
			return b[8:length], true
		}
		b = b[length:]
	}
	return nil, false
}

// parseSIZ reads the image and tile size marker segment: SOC FF4F, SIZ FF51, Lsiz, Rsiz, Xsiz, Ysiz, XOsiz, YOsiz, XTsiz, YTsiz,
// XTOsiz, YTOsiz, Csiz.
func parseSIZ(b []byte) (Header, error) {
	if len(b) < 42 || !bytes.HasPrefix(b, []byte("\xFF\x4F\xFF\x51")) {
		return Header{}, fmt.Errorf("reading a picture: no size in the codestream: %w", ErrFormat)
	}
	at := func(i int) uint32 { return binary.BigEndian.Uint32(b[8+4*i:]) }
	if at(2) > at(0) || at(3) > at(1) {
		return Header{}, fmt.Errorf("reading a picture: offset outside the picture: %w", ErrFormat)
	}
	return size(at(0)-at(2), at(1)-at(3), binary.BigEndian.Uint16(b[40:]))
}

func size(width, height uint32, components uint16) (Header, error) {
	if width == 0 || height == 0 || width > maxSide || height > maxSide || components == 0 || components > 4 {
		return Header{}, fmt.Errorf("reading a picture: impossible size: %w", ErrFormat)
	}
	return Header{Width: int(width), Height: int(height), Components: int(components)}, nil
}
