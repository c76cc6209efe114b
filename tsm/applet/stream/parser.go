package stream

import (
	"errors"
	"fmt"

	"mobileid/mdoc/apdu"
)

// A Parser cuts the blocks of a stream into data objects, the card's end of it. The zero value stands at the start of
// a stream. It holds at most one object, so at most MaxSealed bytes and a header.
type Parser struct {
	pending []byte
}

// Feed takes the next block and calls object for each data object completed by it, in order. The value handed over
// is the callee's to keep. After an error, of the stream or of object, the parser stands at the start again and the
// rest of the block is dropped.
//
// An unknown tag, a coding that is not BER, and a length over the bound of its tag are refused as soon as the header
// is there, before the value is waited for.
func (p *Parser) Feed(block []byte, object func(tag uint32, value []byte) error) error {
	p.pending = append(p.pending, block...)
	for len(p.pending) > 0 {
		tag, length, header, err := apdu.ParseTLVHeader(p.pending)
		if errors.Is(err, apdu.ErrTruncated) {
			return nil
		}
		if err == nil {
			err = bound(tag, length)
		}
		if err != nil {
			p.Reset()
			return fmt.Errorf("reading personalization stream: %w", err)
		}
		if len(p.pending) < header+length {
			p.grow(header + length)
			return nil
		}
		value := p.take(header, header+length)
		if err := object(tag, value); err != nil {
			p.Reset()
			return err
		}
	}
	return nil
}

// grow makes room for the whole of an object at once. What it leaves behind is cleared.
func (p *Parser) grow(size int) {
	if cap(p.pending) >= size {
		return
	}
	grown := append(make([]byte, 0, size), p.pending...)
	clear(p.pending)
	p.pending = grown
}

// take gives the bytes from one offset to another, and keeps what is behind them. The last object of a block is handed over as it
// lies.
func (p *Parser) take(from, to int) []byte {
	if to == len(p.pending) {
		value := p.pending[from:to:to]
		p.pending = nil
		return value
	}
	value := append([]byte(nil), p.pending[from:to]...)
	rest := append([]byte(nil), p.pending[to:]...)
	clear(p.pending)
	p.pending = rest
	return value
}

// Inside tells whether an object is open, so that the stream must not end here.
func (p *Parser) Inside() bool { return len(p.pending) > 0 }

// Reset drops an open object and clears its bytes.
func (p *Parser) Reset() {
	clear(p.pending)
	p.pending = nil
}

func bound(tag uint32, length int) error {
	limit := MaxControl
	switch tag {
	case TagGenerate, TagPage, TagBegin, TagCommit, TagWipe:
	case TagSealed:
		limit = MaxSealed
	default:
		return fmt.Errorf("tag %X: %w", tag, ErrObject)
	}
	if length > limit {
		return fmt.Errorf("tag %X: %d bytes: %w", tag, length, ErrObject)
	}
	return nil
}
