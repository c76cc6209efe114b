package gp

import (
	"errors"
	"fmt"

	"mobileid/mdoc/apdu"
)

const (
	insStoreData = 0xE2

	// BlockSize is the most plain data a short command carries at security level 33.
	BlockSize = 239
	// MaxBlocks is how many blocks one sequence may have: the block number is a byte.
	MaxBlocks = 256
)

// P1 of STORE DATA, Card Specification 2.3.1, table 11-89.
const (
	storeLast      = 0x80
	storeEncrypted = 0x60
	storeFormat    = 0x18
	storeDGI       = 0x08
	storeBERTLV    = 0x10
	storeResponse  = 0x01
	storeReserved  = 0x06
)

// ErrEmptyStream says that there is nothing to store.
var ErrEmptyStream = errors.New("no data to store")

// StoreData cuts a stream of BER-TLV objects into STORE DATA commands (Card
// Specification 2.3.1, 11.11) of at most blockSize bytes, 0 meaning BlockSize. Blocks
// are cut anywhere, also inside an object: the receiver reads a stream. The last block
// says so; when an answer is expected, it asks for it. Blocks over 255 bytes take
// extended length. The data of the commands alias the stream.
func StoreData(stream []byte, blockSize int, answer bool) ([]apdu.Command, error) {
	if blockSize == 0 {
		blockSize = BlockSize
	}
	if blockSize < 1 || blockSize > apdu.MaxExtendedLc {
		return nil, fmt.Errorf("building STORE DATA: block size %d", blockSize)
	}
	if len(stream) == 0 {
		return nil, fmt.Errorf("building STORE DATA: %w", ErrEmptyStream)
	}
	blocks := (len(stream) + blockSize - 1) / blockSize
	if blocks > MaxBlocks {
		return nil, fmt.Errorf("building STORE DATA: %d bytes in %d blocks, at most %d: %w", len(stream), blocks, MaxBlocks, apdu.ErrTooLong)
	}
	out := make([]apdu.Command, blocks)
	for i := range out {
		n := min(blockSize, len(stream))
		out[i] = apdu.Command{
			CLA: 0x80, INS: insStoreData, P1: storeBERTLV, P2: byte(i),
			Data: stream[:n:n], Extended: blockSize > apdu.MaxShortLc,
		}
		stream = stream[n:]
	}
	last := &out[blocks-1]
	last.P1 |= storeLast
	if answer {
		last.P1 |= storeResponse
		last.Le = apdu.MaxShortLe
	}
	return out, nil
}

// A Block is one STORE DATA command as the card reads it.
type Block struct {
	Number byte // P2, from 0
	Last   bool
	Answer bool // the host expects data
	// BERTLV tells that the stream holds BER-TLV objects; false means data groups of
	// the DGI format or no statement.
	BERTLV bool
	// Encrypted tells that values are encrypted under Key-DEK besides, in whole or
	// part.
	Encrypted bool
	Data      []byte
}

// ParseStoreData reads a STORE DATA command on the card. Reserved bits in P1 are
// refused with 6A86, empty blocks with 6A80.
func ParseStoreData(c apdu.Command) (Block, error) {
	const doing = "parsing STORE DATA"
	switch {
	case c.INS != insStoreData:
		return Block{}, refuse(doing, apdu.InsUnsupported, "instruction %02X", c.INS)
	case c.P1&storeReserved != 0 || c.P1&storeFormat == storeFormat:
		return Block{}, refuse(doing, apdu.WrongParameters, "P1 %02X", c.P1)
	case len(c.Data) == 0:
		return Block{}, refuse(doing, apdu.WrongData, "empty block")
	}
	return Block{
		Number: c.P2, Last: c.P1&storeLast != 0, Answer: c.P1&storeResponse != 0,
		BERTLV: c.P1&storeFormat == storeBERTLV, Encrypted: c.P1&storeEncrypted != 0, Data: c.Data,
	}, nil
}
