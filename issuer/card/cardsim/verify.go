package cardsim

import (
	"bytes"
	"crypto/subtle"
	"slices"

	"mobileid/mdoc/apdu"
)

// Instructions that replace a secret: each application knows one of them.
const (
	insChangeReference byte = 0x24 // CHANGE REFERENCE DATA in JPKI-AP and 補助AP
	insChangeKey       byte = 0x32 // CHANGE KEY, class 80, in 共通カードAP and 住基AP
)

// secret is a PIN, a password or a 照合番号 with its counter.
type secret struct {
	value        []byte
	tries, limit int
	// change is the instruction that replaces it, 0 for none, and form says what it may put in its place.
	change byte
	form   func([]byte) bool
}

func isDigits(b []byte, n int) bool {
	return len(b) == n && !slices.ContainsFunc(b, func(c byte) bool { return c < '0' || c > '9' })
}

// verify is VERIFY. Without data, and then exactly four bytes long, it tells the tries left, always as 63Cx.
func (k *Card) verify(c apdu.Command) apdu.SW {
	f, sw := k.secretFile(c, 0)
	if sw != apdu.OK {
		return sw
	}
	if len(c.Data) == 0 {
		return apdu.TriesLeft(f.secret.tries)
	}
	return k.try(f, c.Data)
}

// secretFile finds the secret that a command with the one P1 that is allowed, and without Le, is about.
func (k *Card) secretFile(c apdu.Command, p1 byte) (*file, apdu.SW) {
	if c.P1 != p1 {
		return nil, apdu.WrongParameters
	}
	if c.Le != 0 {
		return nil, apdu.WrongLength
	}
	f, sw := k.reference(c.P2)
	if sw == apdu.OK && f.secret == nil {
		sw = apdu.WrongFileType
	}
	return f, sw
}

// try spends a try, has that on disk, and only then compares: no cut of power gives a guess for nothing. The comparison takes the same
// time wherever the values differ. A right value resets the counter; when that cannot be written, it does not count.
func (k *Card) try(f *file, value []byte) apdu.SW {
	s := f.secret
	if s.tries == 0 {
		return apdu.ReferenceUnusable
	}
	s.tries--
	if k.persist() != nil {
		delete(k.verified, f.id)
		return apdu.MemoryFailure
	}
	if subtle.ConstantTimeCompare(s.value, value) != 1 {
		delete(k.verified, f.id)
		return apdu.TriesLeft(s.tries)
	}
	left := s.tries
	s.tries = s.limit
	if k.persist() != nil {
		s.tries = left
		delete(k.verified, f.id)
		return apdu.MemoryFailure
	}
	k.verified[f.id] = true
	return apdu.OK
}

// change replaces a secret after a VERIFY of the same secret, with the instruction that its application knows and the new value alone.
func (k *Card) change(c apdu.Command, p1 byte) apdu.SW {
	f, sw := k.secretFile(c, p1)
	switch {
	case sw != apdu.OK:
		return sw
	case f.secret.change != c.INS:
		return apdu.Conditions
	case !k.verified[f.id]:
		return apdu.SecurityStatus
	case !f.secret.form(c.Data):
		return apdu.WrongLength
	}
	old := f.secret.value
	f.secret.value = bytes.Clone(c.Data)
	if k.persist() != nil {
		f.secret.value = old
		return apdu.MemoryFailure
	}
	return apdu.OK
}
