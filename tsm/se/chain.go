package se

import "mobileid/mdoc/apdu"

// chain collects the parts of a chained command (ISO/IEC 7816-4:2020, 5.3.3), at most 65,535 bytes on each channel.
type chain struct {
	header [4]byte // of the first part, without the chaining bit
	data   []byte
}

// join collects chained parts. The whole of a chain over 255 bytes counts as one extended command, which is how a host
// that protects before it cuts has computed its MAC. An open chain is dropped by SELECT, which begins anew in every respect,
// and by any other command that does not continue it, which is refused.
func (ch *channel) join(c apdu.Command) (whole apdu.Command, sw apdu.SW, ok bool) {
	header := [4]byte{c.CLA &^ 0x10, c.INS, c.P1, c.P2}
	if c.INS == insSelect && c.CLA == 0x00 {
		ch.chained = nil
	}
	if ch.chained != nil && ch.chained.header != header {
		ch.chained = nil
		ch.endSession()
		return c, apdu.LastOfChainExpected, false
	}
	if ch.chained == nil && !c.Chained() {
		return c, apdu.OK, true
	}
	if ch.chained == nil {
		ch.chained = &chain{header: header}
	}
	if len(ch.chained.data)+len(c.Data) > apdu.MaxExtendedLc {
		ch.chained = nil
		ch.endSession()
		return c, apdu.WrongLength, false
	}
	ch.chained.data = append(ch.chained.data, c.Data...)
	if c.Chained() {
		return c, apdu.OK, false
	}
	c.Data = ch.chained.data
	c.Extended = c.Extended || len(c.Data) > apdu.MaxShortLc
	ch.chained = nil
	return c, apdu.OK, true
}
