package scp03

import (
	"fmt"

	"mobileid/tsm/cmac"
)

const blockSize = cmac.Size

// Derivation constants, Amendment D 4.1.5, table 4-1.
const (
	derivCardCryptogram byte = 0x00
	derivHostCryptogram byte = 0x01
	derivCardChallenge  byte = 0x02
	derivSENC           byte = 0x04
	derivSMAC           byte = 0x06
	derivSRMAC          byte = 0x07
)

// KDF is the data derivation of Amendment D 4.1.5: NIST SP 800-108 in counter mode
// with AES-CMAC, over
//
//	00 × 11 ‖ constant ‖ 00 ‖ L (2 bytes, in bits) ‖ counter (1 byte, from 01) ‖ context
//
// giving n bytes, 1 to 4080 (255 blocks).
func KDF(key []byte, constant byte, context []byte, n int) ([]byte, error) {
	m, err := cmac.New(key)
	if err != nil {
		return nil, err
	}
	defer m.Erase()
	if n < 1 || n > 255*blockSize {
		return nil, fmt.Errorf("deriving %d bytes: outside 1 to %d", n, 255*blockSize)
	}
	out := make([]byte, n)
	derive(m, out, constant, context)
	return out, nil
}

func derive(m *cmac.MAC, out []byte, constant byte, context []byte) {
	bits := len(out) * 8
	var before [15]byte
	before[11] = constant
	before[13], before[14] = byte(bits>>8), byte(bits)
	counterMode(m, out, before[:], context)
}

// counterMode is SP 800-108r1 4.1 with a one-byte counter between two fixed parts.
func counterMode(m *cmac.MAC, out, before, after []byte) {
	for i := byte(1); len(out) > 0; i++ {
		m.Add(before)
		m.Add([]byte{i})
		m.Add(after)
		block := m.Sum()
		k := copy(out, block[:])
		out = out[k:]
	}
}

// CardChallenge is the pseudo-random card challenge of Amendment D 6.2.2.1: from
// the static Key-ENC, the sequence counter (the low three bytes of counter) and the
// AID of the application that was selected. It has the size of the mode.
func CardChallenge(keyENC []byte, counter uint32, aid []byte, m Mode) ([]byte, error) {
	context := append([]byte{byte(counter >> 16), byte(counter >> 8), byte(counter)}, aid...)
	return KDF(keyENC, derivCardChallenge, context, int(m))
}
