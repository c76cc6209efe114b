// Package receiver is the card's end of a personalization stream (package stream), for any applet program: the numbering and repetition of
// STORE DATA blocks (GlobalPlatform Card Specification 2.3.1, 11.11), the pages of an attestation, and the gathering of sealed bytes between
// begin and commit.
//
// It checks shapes, order, lengths and the digest of what was gathered, and nothing of what the objects say: that is the [Program]'s. What it
// keeps is volatile; [Receiver.End] drops it.
//
// Start at [Receiver.Block].
package receiver

import (
	"bytes"
	"crypto/sha256"
	"errors"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/applet/stream"
	"mobileid/tsm/gp"
)

// A Program carries out the objects of a stream.
type Program interface {
	// Refuses tells that nothing but a wipe is taken: the instance is locked.
	Refuses() bool
	// Generate answers DF01 with the whole signed attestation.
	Generate(g stream.Generate) ([]byte, apdu.SW)
	// Begin tells whether sealed bytes of an order may come; repeated when that order was committed before, so that they are counted and
	// dropped.
	Begin(orderID []byte) (repeated bool, sw apdu.SW)
	// Repeat gives the receipt of a commit that was carried out before, found when the order was.
	Repeat(c stream.Commit) (receipt []byte, found bool, sw apdu.SW)
	// Commit makes sealed bytes live, of the SHA-256 digest named, and answers with the receipt.
	Commit(orderID, sealed, digest []byte) ([]byte, apdu.SW)
	// Wipe empties the instance and answers with the receipt.
	Wipe(w stream.Wipe) ([]byte, apdu.SW)
}

// A Receiver takes the blocks for one program. It is not safe for concurrent use.
type Receiver struct {
	Program Program

	any    bool // a block was accepted
	last   gp.Block
	repeat apdu.Response // the answer to last

	parser   stream.Parser
	answer   apdu.Response // to the block under way
	pages    pages
	delivery *delivery
}

// delivery is what begin announced and what has come of it.
type delivery struct {
	stream.Begin
	sealed   []byte
	received uint64
	repeated bool
}

// refusal carries the status word of a data object that was refused.
type refusal apdu.SW

func (r refusal) Error() string { return "refused with " + apdu.SW(r).String() }

// Block answers one STORE DATA block; see package stream for how blocks repeat and what a gap does.
func (r *Receiver) Block(b gp.Block) apdu.Response {
	if !b.BERTLV || b.Encrypted {
		return r.fail(apdu.WrongParameters)
	}
	if r.repeats(b) {
		if b.Last != r.last.Last || b.Answer != r.last.Answer || !bytes.Equal(b.Data, r.last.Data) {
			return apdu.Response{SW: apdu.Conditions}
		}
		return r.repeat
	}
	if int(b.Number) != r.due() {
		return r.fail(apdu.Conditions)
	}
	r.answer = apdu.Response{SW: apdu.OK}
	err := r.parser.Feed(b.Data, r.object)
	if sw, refused := errors.AsType[refusal](err); refused {
		return r.fail(apdu.SW(sw))
	}
	if err != nil || b.Last && r.parser.Inside() {
		return r.fail(apdu.WrongData)
	}
	b.Data = bytes.Clone(b.Data)
	r.any, r.last, r.repeat = true, b, r.answer
	return r.answer
}

// due is the block number that comes next.
func (r *Receiver) due() int {
	if !r.any || r.last.Last {
		return 0
	}
	return int(r.last.Number) + 1
}

// repeats tells whether a block has the number of the one before. A finished sequence of a single block is not repeated by another block 00:
// that one begins a sequence.
func (r *Receiver) repeats(b gp.Block) bool {
	return r.any && b.Number == r.last.Number && (!r.last.Last || b.Number != 0)
}

// fail drops the stream; only a block 00 is taken next.
func (r *Receiver) fail(sw apdu.SW) apdu.Response {
	r.parser.Reset()
	r.drop()
	r.any = false
	return apdu.Response{SW: sw}
}

// End drops what was received and not committed.
func (r *Receiver) End() {
	r.fail(apdu.OK)
	r.pages = pages{}
}

func (r *Receiver) drop() {
	if r.delivery != nil {
		clear(r.delivery.sealed)
		r.delivery = nil
	}
}

// object carries out one data object and sets the answer of the block.
func (r *Receiver) object(tag uint32, value []byte) error {
	if r.Program.Refuses() && tag != stream.TagWipe {
		return refusal(apdu.Conditions)
	}
	data, sw := r.carryOut(tag, value)
	if sw != apdu.OK {
		return refusal(sw)
	}
	r.answer = apdu.Response{Data: data, SW: apdu.OK}
	return nil
}

func (r *Receiver) carryOut(tag uint32, value []byte) ([]byte, apdu.SW) {
	switch tag {
	case stream.TagGenerate:
		if g, err := stream.ParseGenerate(value); err == nil {
			return r.generate(g)
		}
	case stream.TagPage:
		if offset, next, err := stream.ParsePage(value); err == nil {
			return r.pages.read(offset, next)
		}
	case stream.TagBegin:
		if b, err := stream.ParseBegin(value); err == nil {
			return nil, r.begin(b)
		}
	case stream.TagSealed:
		return nil, r.sealed(value)
	case stream.TagCommit:
		if c, err := stream.ParseCommit(value); err == nil {
			return r.commit(c)
		}
	case stream.TagWipe:
		if w, err := stream.ParseWipe(value); err == nil {
			r.drop()
			r.pages = pages{}
			return r.Program.Wipe(w)
		}
	}
	return nil, apdu.WrongData
}

func (r *Receiver) generate(g stream.Generate) ([]byte, apdu.SW) {
	signed, sw := r.Program.Generate(g)
	if sw != apdu.OK {
		return nil, sw
	}
	r.pages = pages{data: signed}
	return r.pages.read(0, false)
}

func (r *Receiver) begin(b stream.Begin) apdu.SW {
	r.drop()
	repeated, sw := r.Program.Begin(b.OrderID)
	if sw == apdu.OK {
		r.delivery = &delivery{Begin: b, repeated: repeated}
	}
	return sw
}

func (r *Receiver) sealed(part []byte) apdu.SW {
	d := r.delivery
	if d == nil {
		return apdu.Conditions
	}
	d.received += uint64(len(part))
	if d.received > d.Length {
		return apdu.WrongData
	}
	switch {
	case d.repeated:
	case d.sealed == nil:
		d.sealed = part
	default:
		d.sealed = append(d.sealed, part...)
	}
	return apdu.OK
}

// commit hands the gathered bytes to the program if they are whole and of the digest that begin and commit name.
func (r *Receiver) commit(c stream.Commit) ([]byte, apdu.SW) {
	defer r.drop()
	if receipt, found, sw := r.Program.Repeat(c); found {
		return receipt, sw
	}
	d := r.delivery
	if d == nil || !bytes.Equal(d.OrderID, c.OrderID) {
		return nil, apdu.Conditions
	}
	digest := sha256.Sum256(d.sealed)
	if d.received != d.Length || !bytes.Equal(digest[:], d.SHA256) || !bytes.Equal(digest[:], c.SHA256) {
		return nil, apdu.WrongData
	}
	return r.Program.Commit(d.OrderID, d.sealed, digest[:])
}

// pages is an attestation being read out.
type pages struct {
	data []byte
	next int
}

// read gives the page at offset, or the next one; nothing beyond the end.
func (p *pages) read(offset int, next bool) ([]byte, apdu.SW) {
	if p.data == nil {
		return nil, apdu.Conditions
	}
	if next {
		offset = p.next
	}
	offset = min(offset, len(p.data))
	end := min(offset+stream.PageSize, len(p.data))
	p.next = end
	return p.data[offset:end], apdu.OK
}
