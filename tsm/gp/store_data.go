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
	blockLast      = 0x80 // of LOAD as well
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
	out, err := blocks(insStoreData, storeBERTLV, stream, blockSize)
	if err != nil {
		return nil, fmt.Errorf("building STORE DATA: %w", err)
	}
	if answer {
		last := &out[len(out)-1]
		last.P1 |= storeResponse
		last.Le = apdu.MaxShortLe
	}
	return out, nil
}

// StoreDGIs cuts data groups into STORE DATA commands in the same way; encrypted tells that values are under Key-DEK.
func StoreDGIs(stream []byte, blockSize int, encrypted bool) ([]apdu.Command, error) {
	p1 := byte(storeDGI)
	if encrypted {
		p1 |= storeEncrypted
	}
	out, err := blocks(insStoreData, p1, stream, blockSize)
	if err != nil {
		return nil, fmt.Errorf("building STORE DATA: %w", err)
	}
	return out, nil
}

// blocks cuts a stream into numbered commands, the last one marked.
func blocks(ins, p1 byte, stream []byte, blockSize int) ([]apdu.Command, error) {
	if blockSize == 0 {
		blockSize = BlockSize
	}
	if blockSize < 1 || blockSize > apdu.MaxExtendedLc {
		return nil, fmt.Errorf("block size %d", blockSize)
	}
	if len(stream) == 0 {
		return nil, ErrEmptyStream
	}
	n := (len(stream) + blockSize - 1) / blockSize
	if n > MaxBlocks {
		return nil, fmt.Errorf("%d bytes in %d blocks, at most %d: %w", len(stream), n, MaxBlocks, apdu.ErrTooLong)
	}
	out := make([]apdu.Command, n)
	for i := range out {
		k := min(blockSize, len(stream))
		out[i] = apdu.Command{
			CLA: 0x80, INS: ins, P1: p1, P2: byte(i),
			Data: stream[:k:k], Extended: blockSize > apdu.MaxShortLc,
		}
		stream = stream[k:]
	}
	out[n-1].P1 |= blockLast
	return out, nil
}

// A Block is one STORE DATA command as the card reads it.
type Block struct {
	Number byte // P2, from 0
	Last   bool
	Answer bool // the host expects data
	// BERTLV tells that the stream holds BER-TLV objects, DGI that it holds data groups;
	// neither is no statement.
	BERTLV, DGI bool
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
		Number: c.P2, Last: c.P1&blockLast != 0, Answer: c.P1&storeResponse != 0,
		BERTLV: c.P1&storeFormat == storeBERTLV, DGI: c.P1&storeFormat == storeDGI,
		Encrypted: c.P1&storeEncrypted != 0, Data: c.Data,
	}, nil
}
