package applet

import (
	"time"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm/applet/ledger"
)

// read answers READ BINARY with offset and data objects, ISO/IEC 7816-4:2020, 11.3.3: the offset in 54 (three bytes), the
// content in 53. A credential is longer than the 15-bit offset of the plain form reaches. Fewer bytes than asked for mean
// the end.
func (a *instance) read(c apdu.Command) apdu.Response {
	if c.P1 != 0 || c.P2 != 0 {
		return status(apdu.WrongParameters)
	}
	credential, ok := a.p.Load(objCredential)
	switch {
	case !ok:
		return status(apdu.Conditions)
	case a.consent.left(a.p.Now()) == 0:
		return status(apdu.SecurityStatus)
	case c.Le == 0:
		return status(apdu.WrongLength)
	}
	tlvs, err := apdu.ParseTLVs(c.Data)
	at, found := apdu.Find(tlvs, 0x54)
	if err != nil || !found || len(tlvs) != 1 || len(at) != 3 {
		return status(apdu.WrongData)
	}
	offset := int(at[0])<<16 | int(at[1])<<8 | int(at[2])
	if offset > len(credential) {
		return status(apdu.OffsetOutside)
	}
	n := min(len(credential)-offset, c.Le)
	for n > 0 && len(apdu.AppendTLVHeader(nil, 0x53, n))+n > c.Le {
		n--
	}
	return apdu.Response{Data: apdu.AppendTLV(nil, 0x53, credential[offset:offset+n]), SW: apdu.OK}
}

// Info is the state of a slot: nothing in it is personal, so it needs no PIN. Answer to GET DATA DF30, own profile:
//
//	{"version": tstr, "slot": 1..15, "locked": bool, "committed": bool, "pending": bool, "purpose": 0 / 1 / 2,
//	 "length": uint, "keyUses": uint, "pinSet": bool, "triesLeft": 0..3, "pinVersion": uint,
//	 "consentSeconds": 0..60, "consentUses": 0 / 1}
//
// purpose, length and keyUses are of the live credential, 0 without one. pinVersion is 0 without a PIN and rises when
// one is set or changed: after a change that was cut off it tells which PIN is in force, and no try is spent to find out. consentSeconds, rounded up, and consentUses are what is left
// of the last verification of the PIN since SELECT.
type Info struct {
	Version   string               `cbor:"version"`
	Slot      uint64               `cbor:"slot"`
	Locked    bool                 `cbor:"locked"`
	Committed bool                 `cbor:"committed"`
	Pending   bool                 `cbor:"pending"`
	Purpose   provisioning.Purpose `cbor:"purpose"`
	Length    uint64               `cbor:"length"`
	KeyUses   uint64               `cbor:"keyUses"`
	PINSet    bool                 `cbor:"pinSet"`
	TriesLeft uint64               `cbor:"triesLeft"`

	PINVersion     uint64 `cbor:"pinVersion"`
	ConsentSeconds uint64 `cbor:"consentSeconds"`
	ConsentUses    uint64 `cbor:"consentUses"`
}

const tagInfo = 0xDF30

// info answers GET DATA DF30, ISO/IEC 7816-4:2020, 11.4.3.
func (a *instance) info(c apdu.Command) apdu.Response {
	if uint32(c.P1)<<8|uint32(c.P2) != tagInfo {
		return status(apdu.ReferenceNotFound)
	}
	out := Info{Version: Version, Slot: uint64(a.slot), Locked: a.p.Locked(), TriesLeft: uint64(a.triesLeft())} //nolint:gosec // 0 to 3
	if l := ledger.Record[live](a.p, objLive); l != nil {
		credential, _ := a.p.Load(objCredential)
		out.Committed, out.Purpose, out.Length, out.KeyUses = true, l.Purpose, uint64(len(credential)), uses(a.p)
	}
	_, out.Pending = a.p.Load(objPending)
	_, out.PINSet = a.p.Load(objPIN)
	out.PINVersion = pinVersion(a.p)
	if left := a.consent.left(a.p.Now()); left > 0 && !out.Locked {
		out.ConsentSeconds = uint64((left + time.Second - 1) / time.Second) //nolint:gosec // 1 to 60
		if a.consent.use {
			out.ConsentUses = 1
		}
	}
	data, err := cbor.Marshal(out)
	if err != nil {
		return status(apdu.ExecutionError)
	}
	return apdu.Response{Data: data, SW: apdu.OK}
}
