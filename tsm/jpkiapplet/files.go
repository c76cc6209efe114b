package jpkiapplet

import (
	"mobileid/mdoc/apdu"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/jpkiap"
)

// SelectFile is SELECT of a file by its identifier. There is no MF.
func (a *instance) SelectFile(c apdu.Command) apdu.Response {
	switch {
	case a.p.Locked():
		return status(apdu.Conditions)
	case c.P1 == 0x02 && c.P2 == 0x0C && len(c.Data) != 2:
		return status(apdu.WrongLength)
	case c.P1 == 0x02 && c.P2 == 0x0C:
		id := uint16(c.Data[0])<<8 | uint16(c.Data[1])
		if !a.has(id) {
			return status(apdu.NotFound)
		}
		a.file = id
		return status(apdu.OK)
	case c.P1 == 0x00 && len(c.Data) == 0:
		return status(apdu.OK) // and nothing changes
	case c.P1 == 0x00:
		return status(apdu.NotFound)
	default:
		return status(apdu.WrongParameters)
	}
}

// has tells whether there is such a file now. Keys and certificates are there when they are live, secrets always: they are chosen there.
func (a *instance) has(id uint16) bool {
	switch id {
	case jpkiap.TokenInfo, jpkiap.Presence, jpkiap.AuthenticationPIN, jpkiap.SignaturePassword:
		return true
	case jpkiap.AuthenticationKey, jpkiap.SignatureKey, jpkiap.SignatureCertificate, jpkiap.SignatureCA,
		jpkiap.AuthenticationCertificate, jpkiap.AuthenticationCA:
		_, live := a.p.Load(objLive)
		return live
	default:
		return false
	}
}

// content is what a file that can be read holds; ok is false for keys and secrets.
func (a *instance) content(id uint16) (data []byte, ok bool) {
	switch id {
	case jpkiap.TokenInfo:
		return jpkiap.TokenInformation(jpkiap.LabelAndroid), true
	case jpkiap.Presence:
		if a.has(jpkiap.SignatureKey) {
			return jpkiap.BothPresent(), true
		}
		return jpkiap.NonePresent(), true
	}
	set := a.certificates()
	if set == nil {
		return nil, false
	}
	switch id {
	case jpkiap.SignatureCertificate:
		return set.Signature, true
	case jpkiap.SignatureCA:
		return set.SignatureCA, true
	case jpkiap.AuthenticationCertificate:
		return set.Authentication, true
	case jpkiap.AuthenticationCA:
		return set.AuthenticationCA, true
	default:
		return nil, false
	}
}

// opener is the file of the secret that opens a file or lets a key be used, 0 for none.
func opener(id uint16) uint16 {
	switch id {
	case jpkiap.AuthenticationCertificate, jpkiap.AuthenticationKey:
		return jpkiap.AuthenticationPIN
	case jpkiap.SignatureCertificate, jpkiap.SignatureKey:
		return jpkiap.SignaturePassword
	default:
		return 0
	}
}

func (a *instance) open(id uint16) bool {
	secret := opener(id)
	return secret == 0 || a.verified[secret]
}

// read is READ BINARY. What is asked for beyond the end is left out without a warning, as on the card.
func (a *instance) read(c apdu.Command) apdu.Response {
	short, offset, sw := jpkiap.ReadAddress(c)
	if sw != apdu.OK {
		return status(sw)
	}
	if c.P1&0x80 != 0 {
		if !a.has(short) {
			return status(apdu.NotFound)
		}
		a.file = short
	}
	if a.file == 0 {
		return status(apdu.NoCurrentFile)
	}
	data, readable := a.content(a.file)
	switch {
	case !readable:
		return status(apdu.WrongFileType)
	case !a.open(a.file):
		return status(apdu.SecurityStatus)
	case offset >= len(data):
		return status(apdu.OffsetOutside)
	}
	data = data[offset:]
	return apdu.Response{Data: data[:min(len(data), c.Le)], SW: apdu.OK}
}

// current resolves P2 of the commands that use a secret or a key.
func (a *instance) current(p2 byte) (uint16, apdu.SW) {
	short, sw := jpkiap.Reference(p2)
	if sw != apdu.OK {
		return 0, sw
	}
	if short != 0 {
		if !a.has(short) {
			return 0, apdu.ReferenceNotFound
		}
		a.file = short
	}
	if a.file == 0 {
		return 0, apdu.NoCurrentFile
	}
	return a.file, apdu.OK
}

// sign is COMPUTE DIGITAL SIGNATURE.
func (a *instance) sign(c apdu.Command) apdu.Response {
	id, sw := a.current(c.P2)
	switch {
	case sw != apdu.OK:
		return status(sw)
	case id != jpkiap.AuthenticationKey && id != jpkiap.SignatureKey:
		return status(apdu.WrongFileType)
	case !a.open(id):
		return status(apdu.SecurityStatus)
	case len(c.Data) == 0 || c.Le == 0:
		return status(apdu.WrongLength)
	}
	name := objAuthKey
	if id == jpkiap.SignatureKey {
		name = objSignKey
	}
	key := rsaKey(a.p, name)
	if key == nil {
		return status(apdu.Conditions)
	}
	signature, sw := jpkiap.Sign(a.p.Rand(), key, c.P1, c.Data)
	if sw != apdu.OK {
		return status(sw)
	}
	return apdu.Response{Data: signature[:min(len(signature), c.Le)], SW: apdu.OK}
}

// Info is the state of the application: nothing in it is personal, so it needs no secret. Answer to GET DATA DF30, docs/provisioning.md,
// phone certificates:
//
//	{"version": tstr, "locked": bool, "committed": bool, "pending": bool, "pinSet": bool, "pinTries": uint,
//	 "passwordSet": bool, "passwordTries": uint}
type Info struct {
	Version       string `cbor:"version"`
	Locked        bool   `cbor:"locked"`
	Committed     bool   `cbor:"committed"`
	Pending       bool   `cbor:"pending"`
	PINSet        bool   `cbor:"pinSet"`
	PINTries      uint64 `cbor:"pinTries"`
	PasswordSet   bool   `cbor:"passwordSet"`
	PasswordTries uint64 `cbor:"passwordTries"`
}

const tagInfo = 0xDF30

// info answers GET DATA DF30, ISO/IEC 7816-4:2020, 11.4.3.
func (a *instance) info(c apdu.Command) apdu.Response {
	if uint32(c.P1)<<8|uint32(c.P2) != tagInfo {
		return status(apdu.ReferenceNotFound)
	}
	pin, password := secretOf(jpkiap.AuthenticationPIN), secretOf(jpkiap.SignaturePassword)
	out := Info{Version: Version, Locked: a.p.Locked(), Committed: a.has(jpkiap.SignatureKey),
		PINSet: a.isSet(pin), PINTries: uint64(a.triesLeft(pin)), //nolint:gosec // 0 to 5
		PasswordSet: a.isSet(password), PasswordTries: uint64(a.triesLeft(password))} //nolint:gosec // 0 to 5
	_, out.Pending = a.p.Load(objPending)
	data, err := cbor.Marshal(out)
	if err != nil {
		return status(apdu.ExecutionError)
	}
	return apdu.Response{Data: data, SW: apdu.OK}
}
