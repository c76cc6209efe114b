package applet

import (
	"mobileid/mdoc/apdu"
	"mobileid/mdoc/pki"
	"mobileid/tsm/applet/receiver"
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

	stream  receiver.Receiver
	anchors *pki.Anchors // nil until the first commit
}

// Select starts a presentation: nothing is verified.
func (a *instance) Select() { a.consent.end() }

// Deselect ends it.
func (a *instance) Deselect() { a.consent.end() }

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
