package applet

import (
	"mobileid/mdoc/apdu"
	"mobileid/mdoc/pki"
	"mobileid/tsm/applet/ledger"
	"mobileid/tsm/applet/receiver"
	"mobileid/tsm/gp"
	"mobileid/tsm/se"
)

// Instructions of the presentation side.
const (
	insVerify          = 0x20
	insChangeReference = 0x24
	insSecurity        = 0x2A
	insReadBinary      = 0xB1
	insGetData         = 0xCA
)

// instance is the program of one slot. Everything but p and slot is volatile.
type instance struct {
	p    *se.Platform
	slot byte

	consent consent

	ledger.Ledger
	receiver receiver.Receiver
	anchors  *pki.Anchors // nil until the first commit
}

// Select starts a presentation: nothing is verified.
func (a *instance) Select() { a.consent.end() }

// Deselect ends it.
func (a *instance) Deselect() { a.consent.end() }

// StoreData takes a block of the stream; see package stream for how blocks repeat and what a gap does.
func (a *instance) StoreData(b gp.Block) apdu.Response { return a.receiver.Block(b) }

// EndPersonalization drops what was received and not committed.
func (a *instance) EndPersonalization() { a.receiver.End() }

// Delete drops what is volatile.
func (a *instance) Delete() {
	a.EndPersonalization()
	a.Deselect()
}

func status(sw apdu.SW) apdu.Response { return apdu.Response{SW: sw} }

// Process answers a presentation command.
func (a *instance) Process(c apdu.Command) apdu.Response {
	if c.CLA != 0x00 {
		return status(apdu.ClaUnsupported)
	}
	if c.INS == insGetData {
		return a.info(c)
	}
	var do func(apdu.Command) apdu.Response
	switch c.INS {
	case insVerify:
		do = a.verify
	case insChangeReference:
		do = a.changeReference
	case insReadBinary:
		do = a.read
	case insSecurity:
		do = a.perform
	default:
		return status(apdu.InsUnsupported)
	}
	if a.p.Locked() {
		a.consent.end()
		return status(apdu.Conditions)
	}
	return do(c)
}
