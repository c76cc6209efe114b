package se

import (
	"encoding/binary"
	"errors"
	"math"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
)

// errConfirmations says that the confirmation counter is at its end: what cannot be confirmed is not done.
var errConfirmations = errors.New("confirmation counter used up")

// confirmations is the number of the ISD's last receipt.
func (s *SE) confirmations() uint16 {
	v, ok := s.mem.Load(keyConfirm)
	if !ok || len(v) != 2 {
		return 0
	}
	return binary.BigEndian.Uint16(v)
}

// confirm gives what LOAD, INSTALL and DELETE answer: 00, or, once there is a receipt key (71), a receipt over the AIDs
// (GlobalPlatform Card Specification 2.3.1, C.5), whose counter is stored with the changes.
func (u *update) confirm(aids ...gp.AID) ([]byte, error) {
	key, ok := u.se.keySets(gp.ISD).single(receiptVersion)
	if !ok {
		return gp.Confirmation(), nil
	}
	defer clear(key)
	last := u.se.confirmations()
	if last == math.MaxUint16 {
		return nil, errConfirmations
	}
	r, err := gp.NewReceipt(key, last+1, u.se.id, aids...)
	if err != nil {
		return nil, err
	}
	u.set(keyConfirm, binary.BigEndian.AppendUint16(nil, last+1))
	return r.Bytes(), nil
}

// finish carries content management out and confirms it.
func (u *update) finish(aids ...gp.AID) apdu.Response {
	data, err := u.confirm(aids...)
	if err != nil {
		return status(apdu.Conditions)
	}
	if err := u.commit(); err != nil {
		return status(StatusOf(err))
	}
	return apdu.Response{Data: data, SW: apdu.OK}
}

// verifyToken checks the issuer's token under the token key (70) of the ISD.
func (s *SE) verifyToken(c apdu.Command, token []byte) apdu.SW {
	key, ok := s.keySets(gp.ISD).single(tokenVersion)
	if !ok || gp.VerifyToken(key, c, token) != nil {
		clear(key)
		return apdu.SecurityStatus
	}
	clear(key)
	return apdu.OK
}
