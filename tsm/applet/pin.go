package applet

import (
	"crypto/subtle"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/se"
)

const (
	// tryLimit is how many wrong PINs block the instance.
	tryLimit = 3
	// MinPIN and MaxPIN bound the number of digits of a PIN.
	MinPIN = 4
	MaxPIN = 12
)

// pinBlock brings a PIN to one length, so that comparing takes the same time for all; nil when it is not 4 to 12 digits.
func pinBlock(pin []byte) []byte {
	if len(pin) < MinPIN || len(pin) > MaxPIN {
		return nil
	}
	for _, d := range pin {
		if d < '0' || d > '9' {
			return nil
		}
	}
	block := make([]byte, 1+MaxPIN)
	block[0] = byte(len(pin))
	copy(block[1:], pin)
	return block
}

// triesLeft is the stored counter.
func (a *instance) triesLeft() int {
	raw, ok := a.p.Load(objTries)
	if !ok || len(raw) != 1 {
		return 0
	}
	return int(raw[0])
}

// setPIN answers CHANGE REFERENCE DATA 00 24 01 80, ISO/IEC 7816-4:2020, 11.6.7: P1 01 brings a new value alone, which is
// taken only while there is none.
func (a *instance) setPIN(c apdu.Command) apdu.Response {
	if c.P1 != 0x01 || c.P2 != 0x80 {
		return status(apdu.WrongParameters)
	}
	if _, set := a.p.Load(objPIN); set {
		return status(apdu.Conditions)
	}
	block := pinBlock(c.Data)
	if block == nil {
		return status(apdu.WrongData)
	}
	defer clear(block)
	tx := a.p.Begin()
	tx.Replace(objPIN, block)
	tx.Store(objTries, []byte{tryLimit})
	return status(se.StatusOf(tx.Commit()))
}

// verify answers VERIFY 00 20 00 80, ISO/IEC 7816-4:2020, 11.6.6. A try is written off in the memory before the PINs are
// compared, and given back after they were found equal: cutting the power can lose tries and never gain any.
func (a *instance) verify(c apdu.Command) apdu.Response {
	if c.P1 != 0 || c.P2 != 0x80 {
		return status(apdu.WrongParameters)
	}
	reference, set := a.p.Load(objPIN)
	if !set {
		return status(apdu.ReferenceNotFound)
	}
	defer clear(reference)
	tries := a.triesLeft()
	switch {
	case tries <= 0:
		a.verified, a.fresh = false, false
		return status(apdu.Blocked)
	case len(c.Data) == 0:
		return status(apdu.TriesLeft(tries))
	case len(c.Data) < MinPIN || len(c.Data) > MaxPIN:
		return status(apdu.WrongLength)
	}
	a.verified, a.fresh = false, false
	if sw := a.storeTries(tries - 1); sw != apdu.OK {
		return status(sw)
	}
	block := pinBlock(c.Data)
	if block == nil || subtle.ConstantTimeCompare(block, reference) != 1 {
		return status(apdu.TriesLeft(tries - 1))
	}
	if sw := a.storeTries(tryLimit); sw != apdu.OK {
		return status(sw)
	}
	a.verified, a.fresh = true, true
	return status(apdu.OK)
}

func (a *instance) storeTries(n int) apdu.SW {
	tx := a.p.Begin()
	tx.Store(objTries, []byte{byte(n)})
	return se.StatusOf(tx.Commit())
}
