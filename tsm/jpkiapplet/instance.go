package jpkiapplet

import (
	"crypto/rsa"
	"io"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/jpkiap"
	"mobileid/tsm/applet/ledger"
	"mobileid/tsm/applet/receiver"
	"mobileid/tsm/gp"
	"mobileid/tsm/se"
)

// Instructions of the application.
const (
	insVerify          = 0x20
	insChangeReference = 0x24
	insChallenge       = 0x84
	insReadBinary      = 0xB0
	insGetData         = 0xCA
	insPublicICKey     = 0xA2 // class 80: what P1 and P2 select is not known
)

// instance is the program of the one instance. Everything but p and newKey is volatile.
type instance struct {
	p      *se.Platform
	newKey func(io.Reader) (*rsa.PrivateKey, error)

	file     uint16          // current elementary file, 0 for none
	verified map[uint16]bool // security status, by the file of the secret

	ledger.Ledger
	stream receiver.Receiver
}

var _ se.FileSelector = (*instance)(nil)

// Select starts anew: nothing is verified, no file is current.
func (a *instance) Select() { a.file, a.verified = 0, nil }

// Deselect ends it.
func (a *instance) Deselect() { a.Select() }

// Reselect keeps the security status, as on the card: readers verify, select again and go on.
func (a *instance) Reselect() { a.file = 0 }

// StoreData takes a block of the stream.
func (a *instance) StoreData(b gp.Block) apdu.Response { return a.stream.Block(b) }

// EndPersonalization drops what was received and not committed.
func (a *instance) EndPersonalization() { a.stream.End() }

// Delete drops what is volatile.
func (a *instance) Delete() {
	a.EndPersonalization()
	a.Deselect()
}

func status(sw apdu.SW) apdu.Response { return apdu.Response{SW: sw} }

// Process answers the commands of the application; JPKI's own have the class 80.
func (a *instance) Process(c apdu.Command) apdu.Response {
	if c.CLA == 0x00 && c.INS == insGetData {
		return a.info(c)
	}
	do, sw := a.commandOf(c)
	switch {
	case sw != apdu.OK:
		return status(sw)
	case a.p.Locked():
		return status(apdu.Conditions)
	}
	return do(c)
}

func (a *instance) commandOf(c apdu.Command) (func(apdu.Command) apdu.Response, apdu.SW) {
	switch {
	case c.CLA == jpkiap.SignClass && c.INS == jpkiap.SignInstruction:
		return a.sign, apdu.OK
	case c.CLA == jpkiap.SignClass && c.INS == insPublicICKey:
		return nil, apdu.WrongParameters
	case c.CLA != 0x00 && c.CLA != jpkiap.SignClass:
		return nil, apdu.ClaUnsupported
	case c.CLA != 0x00:
		return nil, apdu.InsUnsupported
	}
	switch c.INS {
	case insReadBinary:
		return a.read, apdu.OK
	case insVerify:
		return a.verify, apdu.OK
	case insChangeReference:
		return a.change, apdu.OK
	case insChallenge:
		return a.challenge, apdu.OK
	default:
		return nil, apdu.InsUnsupported
	}
}

// challenge is GET CHALLENGE (ISO/IEC 7816-4:2020, 11.6.3), in its short form only.
func (a *instance) challenge(c apdu.Command) apdu.Response {
	switch {
	case c.Extended:
		return status(apdu.Conditions)
	case c.P1 != 0 || c.P2 != 0:
		return status(apdu.WrongParameters)
	case len(c.Data) > 0 || c.Le == 0:
		return status(apdu.WrongLength)
	}
	b := make([]byte, c.Le)
	if _, err := io.ReadFull(a.p.Rand(), b); err != nil {
		return status(apdu.ExecutionError)
	}
	return apdu.Response{Data: b, SW: apdu.OK}
}
