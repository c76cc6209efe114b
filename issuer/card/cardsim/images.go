package cardsim

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
)

// The card's text images are black and white renderings. A model has no font for Japanese, so a character is drawn as the four
// hexadecimal digits of its code point, in seven segments.
const (
	digitWidth, digitHeight = 6, 12
	charactersPerLine       = 20
)

// segments a to g of a seven-segment digit, bit 0 to bit 6, for 0 to F.
var segments = [16]byte{0x3F, 0x06, 0x5B, 0x4F, 0x66, 0x6D, 0x7D, 0x07, 0x7F, 0x6F, 0x77, 0x7C, 0x39, 0x5E, 0x79, 0x71}

// digitImage is a PNG of one line of digits, six by twelve pixels each: DF2A (4 digits) and DF41 (12 digits).
func digitImage(digits string) []byte { return render([]string{digits}) }

// textImage is a PNG of a text, twenty characters a line.
func textImage(text string) []byte {
	var lines []string
	line, n := "", 0
	for _, r := range text {
		line += fmt.Sprintf("%04X", r&0xFFFF)
		if n++; n%charactersPerLine == 0 {
			lines, line = append(lines, line), ""
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return render(lines)
}

func render(lines []string) []byte {
	width := 1
	for _, l := range lines {
		width = max(width, digitWidth*len(l))
	}
	img := image.NewPaletted(image.Rect(0, 0, width, max(1, digitHeight*len(lines))), color.Palette{color.White, color.Black})
	for y, l := range lines {
		for x := range len(l) {
			drawDigit(img, x*digitWidth, y*digitHeight, l[x])
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic("cardsim: internal error: " + err.Error()) // a buffer takes everything and the image is not empty
	}
	return b.Bytes()
}

func drawDigit(img *image.Paletted, x, y int, c byte) {
	var n byte
	switch {
	case c >= '0' && c <= '9':
		n = c - '0'
	case c >= 'A' && c <= 'F':
		n = c - 'A' + 10
	default:
		return
	}
	for s, r := range [7]image.Rectangle{
		image.Rect(1, 1, 5, 2), image.Rect(4, 1, 5, 6), image.Rect(4, 5, 5, 11), image.Rect(1, 10, 5, 11),
		image.Rect(1, 5, 2, 11), image.Rect(1, 1, 2, 6), image.Rect(1, 5, 5, 6),
	} {
		if segments[n]>>s&1 == 0 {
			continue
		}
		for py := r.Min.Y; py < r.Max.Y; py++ {
			for px := r.Min.X; px < r.Max.X; px++ {
				img.SetColorIndex(x+px, y+py, 1)
			}
		}
	}
}
