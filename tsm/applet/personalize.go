package applet

import (
	"bytes"
	"errors"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/applet/stream"
	"mobileid/tsm/gp"
)

// sequence is where a run of STORE DATA blocks stands.
type sequence struct {
	any    bool // a block was accepted
	last   gp.Block
	answer apdu.Response // to last
}

// next is the block number due.
func (s sequence) next() int {
	if !s.any || s.last.Last {
		return 0
	}
	return int(s.last.Number) + 1
}

// repeats tells whether a block has the number of the one before. A finished sequence of a single block is not repeated by
// another block 00: that one begins a sequence.
func (s sequence) repeats(b gp.Block) bool {
	return s.any && b.Number == s.last.Number && (!s.last.Last || b.Number != 0)
}

// refusal carries the status word of a data object that was refused.
type refusal apdu.SW

func (r refusal) Error() string { return "refused with " + apdu.SW(r).String() }

// StoreData takes a block of the stream; see package stream for how blocks repeat and what a gap does.
func (a *instance) StoreData(b gp.Block) apdu.Response {
	if !b.BERTLV || b.Encrypted {
		return a.fail(apdu.WrongParameters)
	}
	if a.sequence.repeats(b) {
		if l := a.sequence.last; b.Last != l.Last || b.Answer != l.Answer || !bytes.Equal(b.Data, l.Data) {
			return status(apdu.Conditions)
		}
		return a.sequence.answer
	}
	if int(b.Number) != a.sequence.next() {
		return a.fail(apdu.Conditions)
	}
	a.answer = status(apdu.OK)
	err := a.parser.Feed(b.Data, a.object)
	if sw, refused := errors.AsType[refusal](err); refused {
		return a.fail(apdu.SW(sw))
	}
	if err != nil || b.Last && a.parser.Inside() {
		return a.fail(apdu.WrongData)
	}
	b.Data = bytes.Clone(b.Data)
	a.sequence = sequence{any: true, last: b, answer: a.answer}
	return a.answer
}

// fail drops the stream; only a block 00 is taken next.
func (a *instance) fail(sw apdu.SW) apdu.Response {
	a.abandon()
	a.sequence = sequence{}
	return status(sw)
}

// object carries out one data object and sets the answer of the block.
func (a *instance) object(tag uint32, value []byte) error {
	if a.p.Locked() && tag != stream.TagWipe {
		return refusal(apdu.Conditions)
	}
	var data []byte
	sw := apdu.WrongData
	switch tag {
	case stream.TagGenerate:
		if g, err := stream.ParseGenerate(value); err == nil {
			data, sw = a.generate(g)
		}
	case stream.TagPage:
		if offset, next, err := stream.ParsePage(value); err == nil {
			data, sw = a.pages.read(offset, next)
		}
	case stream.TagBegin:
		if b, err := stream.ParseBegin(value); err == nil {
			sw = a.begin(b)
		}
	case stream.TagSealed:
		sw = a.sealed(value)
	case stream.TagCommit:
		if c, err := stream.ParseCommit(value); err == nil {
			data, sw = a.commit(c)
		}
	case stream.TagWipe:
		if w, err := stream.ParseWipe(value); err == nil {
			data, sw = a.wipe(w)
		}
	}
	if sw != apdu.OK {
		return refusal(sw)
	}
	a.answer = apdu.Response{Data: data, SW: apdu.OK}
	return nil
}
