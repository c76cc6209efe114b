package jpkiapplet

import (
	"crypto/subtle"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/jpkiap"
	"mobileid/tsm/se"
)

// secret is one of the two, by what is fixed of it.
type secret struct {
	file            uint16
	object, counter string
	limit           int
	form            func([]byte) bool
}

// secretOf gives the secret of a file, nil for another file.
func secretOf(file uint16) *secret {
	switch file {
	case jpkiap.AuthenticationPIN:
		return &secret{file, objPIN, objPINTries, jpkiap.PINTries, jpkiap.IsPIN}
	case jpkiap.SignaturePassword:
		return &secret{file, objPassword, objPasswordTries, jpkiap.PasswordTries, jpkiap.IsPassword}
	default:
		return nil
	}
}

// block brings a secret to one length, so that comparing takes the same time for all.
func block(value []byte) []byte {
	out := make([]byte, 1+jpkiap.MaxPassword)
	out[0] = byte(len(value)) //nolint:gosec // the form bounds it
	copy(out[1:], value)
	return out
}

func (a *instance) isSet(s *secret) bool {
	_, set := a.p.Load(s.object)
	return set
}

// triesLeft is the stored counter; 0 for a secret that was not chosen yet.
func (a *instance) triesLeft(s *secret) int {
	raw, ok := a.p.Load(s.counter)
	if !ok || len(raw) != 1 {
		return 0
	}
	return int(raw[0])
}

func (a *instance) storeTries(s *secret, n int) apdu.SW {
	tx := a.p.Begin()
	tx.Store(s.counter, []byte{byte(n)}) //nolint:gosec // 0 to 5
	return se.StatusOf(tx.Commit())
}

// secretAt finds the secret that a command without Le is about.
func (a *instance) secretAt(c apdu.Command, p1 byte) (*secret, apdu.SW) {
	if c.P1 != p1 {
		return nil, apdu.WrongParameters
	}
	if c.Le != 0 {
		return nil, apdu.WrongLength
	}
	id, sw := a.current(c.P2)
	if sw != apdu.OK {
		return nil, sw
	}
	s := secretOf(id)
	if s == nil {
		return nil, apdu.WrongFileType
	}
	return s, apdu.OK
}

// verify is VERIFY, ISO/IEC 7816-4:2020, 11.6.6. Without data it tells the tries left, always as 63Cx. With data a try is written off in the
// memory before the secret is compared, and given back after it was found equal: cutting the power can lose tries and never gain any.
func (a *instance) verify(c apdu.Command) apdu.Response {
	s, sw := a.secretAt(c, 0x00)
	if sw != apdu.OK {
		return status(sw)
	}
	tries := a.triesLeft(s)
	if len(c.Data) == 0 {
		return status(apdu.TriesLeft(tries))
	}
	delete(a.verified, s.file)
	reference, set := a.p.Load(s.object)
	if !set || tries <= 0 {
		return status(apdu.ReferenceUnusable)
	}
	defer clear(reference)
	if sw := a.storeTries(s, tries-1); sw != apdu.OK {
		return status(sw)
	}
	given := block(c.Data[:min(len(c.Data), jpkiap.MaxPassword)])
	defer clear(given)
	if subtle.ConstantTimeCompare(given, reference) != 1 || len(c.Data) > jpkiap.MaxPassword {
		return status(apdu.TriesLeft(tries - 1))
	}
	if sw := a.storeTries(s, s.limit); sw != apdu.OK {
		return status(sw)
	}
	if a.verified == nil {
		a.verified = map[uint16]bool{}
	}
	a.verified[s.file] = true
	return status(apdu.OK)
}

// change is CHANGE REFERENCE DATA with a new value alone (P1 01): the first choice, or after VERIFY another one. A blocked secret cannot be
// chosen anew here.
func (a *instance) change(c apdu.Command) apdu.Response {
	s, sw := a.secretAt(c, 0x01)
	switch {
	case sw != apdu.OK:
		return status(sw)
	case a.isSet(s) && !a.verified[s.file]:
		return status(apdu.SecurityStatus)
	case !s.form(c.Data):
		return status(apdu.WrongLength)
	}
	value := block(c.Data)
	defer clear(value)
	tx := a.p.Begin()
	tx.Replace(s.object, value)
	tx.Store(s.counter, []byte{byte(s.limit)}) //nolint:gosec // 3 or 5
	return status(se.StatusOf(tx.Commit()))
}
