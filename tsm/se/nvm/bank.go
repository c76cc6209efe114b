package nvm

import (
	"bytes"
	"fmt"
)

// A state file is two banks in stripes of this size that lie in turn, so that either can grow. A stripe of a bank that was not yet written takes
// no room on a file system that keeps holes.
const stripe = 64 << 10

// bank is one of the two logs in the file: where its next page goes, and the salt of its frames.
type bank struct {
	number int64 // 0 or 1
	salt   []byte
	size   int64 // behind it there are zeros, if anything
}

// place tells where in the file a byte of the bank lies, and how many bytes follow it there, itself included.
func (b bank) place(offset int64) (at, room int64) {
	return (2*(offset/stripe)+b.number)*stripe + offset%stripe, stripe - offset%stripe
}

// split gives what each bank holds.
func split(data []byte) (banks [2][]byte) {
	for i := 0; len(data) > 0; i ^= 1 {
		n := min(stripe, len(data))
		banks[i] = append(banks[i], data[:n]...)
		data = data[n:]
	}
	return banks
}

// used is the size of what a bank holds without the zeros behind it, which are nothing.
func used(data []byte) int64 { return int64(len(bytes.TrimRight(data, "\x00"))) }

// base gives the first frame of a bank; ok is false when it is not whole. Whether it is a base, replay tells.
func base(data []byte) (f frame, ok bool) {
	if len(data) < fileHeader || string(data[:len(fileMagic)]) != fileMagic {
		return frame{}, false
	}
	f, _, err := decodeFrame(data[len(fileMagic):fileHeader], data[fileHeader:])
	return f, err == nil
}

// before tells which of two frames came first. Sequence numbers begin again when they end.
func before(a, b uint32) bool { return int32(a-b) < 0 } //nolint:gosec // the difference, around

// current tells which bank holds: the one that begins with the later base. A power cut can leave of the other the front of a base to come, or what was
// not overwritten yet of the frames before the base; if it holds anything else the file is damaged.
func current(banks [2][]byte) (number int, err error) {
	first, ok := base(banks[0])
	second, both := base(banks[1])
	if both && (!ok || before(first.sequence, second.sequence)) {
		number, first, ok = 1, second, true
	}
	switch {
	case ok:
		return number, superseded(banks[1-number], first.sequence)
	case bytes.HasPrefix(banks[0], []byte(fileMagic)) || bytes.HasPrefix(banks[1], []byte(fileMagic)):
		return 0, fmt.Errorf("no whole frame: %w", ErrDamaged)
	case len(banks[0]) >= len(fileMagic) && string(banks[0][:versionAt]) == fileMagic[:versionAt]:
		return 0, fmt.Errorf("it has format %d, expected %d: %w", banks[0][versionAt], fileMagic[versionAt], ErrForeign)
	default:
		return 0, ErrForeign
	}
}

// superseded refuses a bank that does not begin as a power cut leaves the one that does not hold, or has a frame that is none from before a base.
func superseded(data []byte, base uint32) error {
	if !begunOrDestroyed(data) {
		return fmt.Errorf("the other bank is not ours: %w", ErrDamaged)
	}
	if len(data) > fileHeader && anyFrame(data[len(fileMagic):fileHeader], data[fileHeader:], func(f frame) bool { return !before(f.sequence, base) }) {
		return fmt.Errorf("the other bank has later frames: %w", ErrDamaged)
	}
	return nil
}

// begunOrDestroyed tells whether something can be what a power cut left of a bank: it begins with the magic, with zeros before that, or after it in a
// part of that.
func begunOrDestroyed(data []byte) bool {
	for i, b := range data[:min(len(data), len(fileMagic))] {
		if b != 0 && b != fileMagic[i] {
			return false
		}
	}
	return true
}
