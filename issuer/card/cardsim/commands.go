package cardsim

import (
	"bytes"
	"io"

	"mobileid/issuer/card"
	"mobileid/mdoc/apdu"
)

// application is one that can be selected; the first is the Issuer Security Domain, which has no files.
type application struct {
	id  card.Application
	aid []byte
}

var applications = [...]application{
	{0, []byte{0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00}},
	{card.Face, card.Face.AID()},
	{card.Attributes, card.Attributes.AID()},
	{card.JPKI, card.JPKI.AID()},
}

// selectCommand is SELECT (ISO/IEC 7816-4): applications by name or a prefix of it, files by identifier. There is no MF.
func (k *Card) selectCommand(c apdu.Command) ([]byte, apdu.SW) {
	switch {
	case c.P1 == 0x04 && (c.P2 == 0x00 || c.P2 == 0x0C):
		return k.selectApplication(c)
	case c.P1 == 0x02 && c.P2 == 0x0C:
		return nil, k.selectFile(c.Data)
	case c.P1 == 0x00 && len(c.Data) == 0 && k.current.id != 0:
		return nil, apdu.OK // and nothing changes
	case c.P1 == 0x00 && len(c.Data) > 0:
		return nil, apdu.NotFound
	default:
		return nil, apdu.WrongParameters
	}
}

// selectApplication clears the security status of the application it leaves, and keeps it when the same one is selected again.
func (k *Card) selectApplication(c apdu.Command) ([]byte, apdu.SW) {
	if len(c.Data) == 0 {
		return nil, apdu.NotFound
	}
	for i := range applications {
		a := &applications[i]
		if !bytes.HasPrefix(a.aid, c.Data) {
			continue
		}
		if a != k.current {
			for s := range k.verified {
				if s.Application() == k.current.id {
					delete(k.verified, s)
				}
			}
		}
		k.current, k.selected = a, nil
		if c.P2 == 0x00 {
			return outer(0x6F, object(0x84, a.aid)), apdu.OK
		}
		return nil, apdu.OK
	}
	return nil, apdu.NotFound
}

func (k *Card) selectFile(id []byte) apdu.SW {
	if len(id) != 2 {
		return apdu.WrongLength
	}
	if k.current.id == 0 {
		return apdu.NoCurrentFile
	}
	f := k.find(uint16(id[0])<<8 | uint16(id[1]))
	if f == nil {
		return apdu.NotFound
	}
	k.selected = f
	return apdu.OK
}

// reference resolves P2 of VERIFY, CHANGE REFERENCE DATA and COMPUTE DIGITAL SIGNATURE: 80 is the selected file, 80|id another, which
// is then selected.
func (k *Card) reference(p2 byte) (*file, apdu.SW) {
	if p2&0x80 == 0 || p2&0x60 != 0 {
		return nil, apdu.WrongParameters
	}
	if short := p2 & 0x1F; short != 0 {
		f := k.find(uint16(short))
		if f == nil {
			return nil, apdu.ReferenceNotFound
		}
		k.selected = f
	}
	if k.selected == nil {
		return nil, apdu.NoCurrentFile
	}
	return k.selected, apdu.OK
}

// readBinary is READ BINARY (ISO/IEC 7816-4): a 15-bit offset in the selected file, or a short identifier and 8 bits of offset.
func (k *Card) readBinary(c apdu.Command) ([]byte, apdu.SW) {
	if len(c.Data) > 0 || c.Le == 0 {
		return nil, apdu.WrongLength
	}
	offset := int(c.P1)<<8 | int(c.P2)
	if c.P1&0x80 != 0 {
		if c.P1&0x60 != 0 {
			return nil, apdu.WrongParameters
		}
		f := k.find(uint16(c.P1 & 0x1F))
		if f == nil {
			return nil, apdu.NotFound
		}
		k.selected, offset = f, int(c.P2)
	}
	switch {
	case k.selected == nil:
		return nil, apdu.NoCurrentFile
	case k.selected.key != nil || k.selected.secret != nil:
		return nil, apdu.WrongFileType
	case !k.open(k.selected):
		return nil, apdu.SecurityStatus
	case offset >= len(k.selected.data):
		return nil, apdu.OffsetOutside
	}
	rest := k.selected.data[offset:]
	return rest[:min(len(rest), c.Le)], apdu.OK
}

// noRecords is READ RECORD in applications whose files are all transparent.
func (k *Card) noRecords() apdu.SW {
	if k.selected == nil {
		return apdu.NoCurrentFile
	}
	return apdu.WrongFileType
}

// verify is VERIFY. Without data, and then exactly four bytes long, it tells the tries left, always as 63Cx.
func (k *Card) verify(c apdu.Command) apdu.SW {
	if c.P1 != 0 {
		return apdu.WrongParameters
	}
	if c.Le != 0 {
		return apdu.WrongLength
	}
	f, sw := k.reference(c.P2)
	if sw != apdu.OK {
		return sw
	}
	s := f.secret
	switch {
	case s == nil:
		return apdu.WrongFileType
	case len(c.Data) == 0:
		return apdu.TriesLeft(s.tries)
	case s.tries == 0:
		return apdu.ReferenceUnusable
	case !s.verify(c.Data):
		delete(k.verified, f.id)
		return apdu.TriesLeft(s.tries)
	}
	k.verified[f.id] = true
	return apdu.OK
}

// changeReference is CHANGE REFERENCE DATA with the new value alone (P1 01), after a VERIFY of the same secret.
func (k *Card) changeReference(c apdu.Command) apdu.SW {
	if c.P1 != 0x01 {
		return apdu.WrongParameters
	}
	f, sw := k.reference(c.P2)
	switch {
	case sw != apdu.OK:
		return sw
	case f.secret == nil:
		return apdu.WrongFileType
	case f.secret.changes == nil:
		return apdu.Conditions
	case !k.verified[f.id]:
		return apdu.SecurityStatus
	case !f.secret.changes(c.Data):
		return apdu.WrongLength
	}
	f.secret.value = bytes.Clone(c.Data)
	return apdu.OK
}

// challenge is GET CHALLENGE, in its short form only.
func (k *Card) challenge(c apdu.Command) ([]byte, apdu.SW) {
	switch {
	case c.Extended:
		return nil, apdu.Conditions
	case c.P1 != 0 || c.P2 != 0:
		return nil, apdu.WrongParameters
	case len(c.Data) > 0 || c.Le == 0:
		return nil, apdu.WrongLength
	}
	b := make([]byte, c.Le)
	if _, err := io.ReadFull(k.rand, b); err != nil {
		return nil, apdu.ExecutionError
	}
	return b, apdu.OK
}

// contactATR is the ATR of the current card on contacts, without its first byte.
const contactATR = "\xDA\x13\xFF\x81\x31\xFB\x46\x80\x12\x39\x2F\x31\xC1\x73\xC6\x01\xC0\x3B"

// objectData is GET DATA of the Issuer Security Domain.
func (k *Card) objectData(c apdu.Command) ([]byte, apdu.SW) {
	if c.Le == 0 {
		return nil, apdu.WrongLength
	}
	if k.current.id != 0 {
		return nil, apdu.ReferenceNotFound
	}
	var data []byte
	switch uint16(c.P1)<<8 | uint16(c.P2) {
	case 0x0042:
		id := caKeyID("9000020")
		data = id[:]
	case 0x0045:
		data = []byte("TEST" + k.person.Municipality + k.person.SecurityCode)
	case 0x0066: // card recognition data of GlobalPlatform, its OID alone
		data = outer(0x66, outer(0x73, object(0x06, []byte{0x2A, 0x86, 0x48, 0x86, 0xFC, 0x6B, 0x01})))
	case 0x00F0:
		data = []byte(k.person.Municipality)
	case 0x00F2:
		data = []byte(digits(k.person.Expiry))
	case 0x5F51:
		data = []byte(contactATR)
	default:
		return nil, apdu.ReferenceNotFound
	}
	return data[:min(len(data), c.Le)], apdu.OK
}
