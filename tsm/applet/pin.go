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
	// pad fills a PIN up to MaxPIN bytes where two stand in one command.
	pad = 0xFF
)

// pinBlock brings a PIN to one length, so that comparing takes the same time for all. It refuses what can be no PIN, and knows
// nothing of the one that is set.
func pinBlock(pin []byte) ([]byte, apdu.SW) {
	if len(pin) < MinPIN || len(pin) > MaxPIN {
		return nil, apdu.WrongLength
	}
	for _, d := range pin {
		if d < '0' || d > '9' {
			return nil, apdu.WrongData
		}
	}
	block := make([]byte, 1+MaxPIN)
	block[0] = byte(len(pin))
	copy(block[1:], pin)
	return block, apdu.OK
}

// appendPadded appends a PIN filled up with FF.
func appendPadded(b []byte, pin string) []byte {
	b = append(b, pin...)
	for range MaxPIN - len(pin) {
		b = append(b, pad)
	}
	return b
}

// paddedBlock is pinBlock of a PIN filled up with FF. A wrong number of digits is wrong data here: the length of the command was right.
func paddedBlock(padded []byte) ([]byte, apdu.SW) {
	n := len(padded)
	for n > 0 && padded[n-1] == pad {
		n--
	}
	block, sw := pinBlock(padded[:n])
	if sw != apdu.OK {
		return nil, apdu.WrongData
	}
	return block, apdu.OK
}

// triesLeft is the stored counter.
func (a *instance) triesLeft() int {
	raw, ok := a.p.Load(objTries)
	if !ok || len(raw) != 1 {
		return 0
	}
	return int(raw[0])
}

// changeReference answers CHANGE REFERENCE DATA, ISO/IEC 7816-4:2020, 11.6.7.
func (a *instance) changeReference(c apdu.Command) apdu.Response {
	switch {
	case c.P1 == 0x01 && c.P2 == 0x80:
		return status(a.setPIN(c.Data))
	case c.P1 == 0x00 && c.P2 == 0x80:
		return status(a.changePIN(c.Data))
	default:
		return status(apdu.WrongParameters)
	}
}

// setPIN takes a new value alone (P1 01), and only while there is none.
func (a *instance) setPIN(pin []byte) apdu.SW {
	if _, set := a.p.Load(objPIN); set {
		return apdu.Conditions
	}
	block, sw := pinBlock(pin)
	if sw != apdu.OK {
		return sw
	}
	defer clear(block)
	return a.storePIN(block)
}

// changePIN takes the old value and the new one (P1 00), each filled up with FF to MaxPIN bytes: were they to follow each other
// bare, the answer would tell the length of the one that is set. The new PIN is judged before the old one is compared, and a
// command that cannot be right costs no try. A change is no verification.
func (a *instance) changePIN(data []byte) apdu.SW {
	a.consent.end()
	reference, tries, sw := a.reference()
	if sw != apdu.OK {
		return sw
	}
	defer clear(reference)
	if len(data) != 2*MaxPIN {
		return apdu.WrongLength
	}
	old, sw := paddedBlock(data[:MaxPIN])
	if sw != apdu.OK {
		return sw
	}
	defer clear(old)
	block, sw := paddedBlock(data[MaxPIN:])
	if sw != apdu.OK {
		return sw
	}
	defer clear(block)
	if sw := a.compare(old, reference, tries); sw != apdu.OK {
		return sw
	}
	return a.storePIN(block)
}

// verify answers VERIFY 00 20 00 80, ISO/IEC 7816-4:2020, 11.6.6. Without data it tells the tries left and changes nothing.
func (a *instance) verify(c apdu.Command) apdu.Response {
	if c.P1 != 0 || c.P2 != 0x80 {
		return status(apdu.WrongParameters)
	}
	if len(c.Data) > 0 {
		a.consent.end()
	}
	reference, tries, sw := a.reference()
	if sw != apdu.OK {
		return status(sw)
	}
	defer clear(reference)
	if len(c.Data) == 0 {
		return status(apdu.TriesLeft(tries))
	}
	block, sw := pinBlock(c.Data)
	if sw != apdu.OK {
		return status(sw)
	}
	defer clear(block)
	if sw = a.compare(block, reference, tries); sw == apdu.OK {
		sw = a.storeTries(tryLimit)
	}
	if sw == apdu.OK {
		a.consent = newConsent(a.p.Now())
	}
	return status(sw)
}

// reference gives the PIN that is set, for the caller to clear, and the tries left, at least one.
func (a *instance) reference() (block []byte, tries int, sw apdu.SW) {
	block, set := a.p.Load(objPIN)
	if !set {
		return nil, 0, apdu.ReferenceNotFound
	}
	if tries = a.triesLeft(); tries <= 0 {
		clear(block)
		a.consent.end()
		return nil, 0, apdu.Blocked
	}
	return block, tries, apdu.OK
}

// compare is one guess. A try is written off in the memory before the PINs are compared, and the caller gives the tries back after
// they were found equal: cutting the power can lose tries and never gain any.
func (a *instance) compare(block, reference []byte, tries int) apdu.SW {
	if sw := a.storeTries(tries - 1); sw != apdu.OK {
		return sw
	}
	if subtle.ConstantTimeCompare(block, reference) != 1 {
		return apdu.TriesLeft(tries - 1)
	}
	return apdu.OK
}

func (a *instance) storeTries(n int) apdu.SW {
	tx := a.p.Begin()
	tx.Store(objTries, []byte{byte(n)})
	return se.StatusOf(tx.Commit())
}

// storePIN makes a PIN the one that is set, with all its tries, and destroys its predecessor.
func (a *instance) storePIN(block []byte) apdu.SW {
	tx := a.p.Begin()
	tx.Replace(objPIN, block)
	tx.Store(objPINVersion, encodeNumber(pinVersion(a.p)+1))
	tx.Store(objTries, []byte{tryLimit})
	return se.StatusOf(tx.Commit())
}
