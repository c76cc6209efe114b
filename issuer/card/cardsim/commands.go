package cardsim

import (
	"bytes"
	"io"

	"mobileid/issuer/card"
	"mobileid/mdoc/apdu"
	"mobileid/mdoc/jpkiap"
)

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

// selectApplication keeps the security status of the application it selects, so also when the same one is selected again, and clears that
// of all others.
func (k *Card) selectApplication(c apdu.Command) ([]byte, apdu.SW) {
	if len(c.Data) == 0 {
		return nil, apdu.NotFound
	}
	for i := range k.applications {
		a := &k.applications[i]
		if !bytes.HasPrefix(a.aid, c.Data) {
			continue
		}
		for s := range k.verified {
			if s.Application() != a.id {
				delete(k.verified, s)
			}
		}
		k.current, k.selected, k.secure = a, nil, nil
		if c.P2 == 0x00 {
			return a.fci[:min(len(a.fci), c.Le)], apdu.OK
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

// reference resolves P2 of the commands that use a secret or a key: 80 is the selected file, 80|id another, which is then selected.
func (k *Card) reference(p2 byte) (*file, apdu.SW) {
	short, sw := jpkiap.Reference(p2)
	if sw != apdu.OK {
		return nil, sw
	}
	if short != 0 {
		f := k.find(short)
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

// readBinary is READ BINARY (ISO/IEC 7816-4): a 15-bit offset in the selected file, or a short identifier and 8 bits of offset. The
// answer aliases the file.
func (k *Card) readBinary(c apdu.Command) ([]byte, apdu.SW) {
	short, offset, sw := jpkiap.ReadAddress(c)
	if sw != apdu.OK {
		return nil, sw
	}
	if c.P1&0x80 != 0 {
		f := k.find(short)
		if f == nil {
			return nil, apdu.NotFound
		}
		k.selected = f
	}
	switch {
	case k.selected == nil:
		return nil, apdu.NoCurrentFile
	case k.selected.kind != transparent:
		return nil, apdu.WrongFileType
	case !k.open(k.selected):
		return nil, apdu.SecurityStatus
	case offset >= len(k.selected.data):
		return nil, apdu.OffsetOutside
	}
	rest := k.selected.data[offset:]
	if len(rest) < c.Le && k.warnAtEnd {
		return rest, apdu.WarnEndOfFile
	}
	return rest[:min(len(rest), c.Le)], apdu.OK
}

// readRecord is READ RECORD of one record by its number, in the selected file or, by short identifier, in another. The form that reads
// on to the last record is not offered.
func (k *Card) readRecord(c apdu.Command) ([]byte, apdu.SW) {
	if len(c.Data) > 0 || c.Le == 0 {
		return nil, apdu.WrongLength
	}
	short := c.P2 >> 3
	switch {
	case c.P2&0x07 == 0x05:
		return nil, apdu.FunctionUnsupported
	case c.P2&0x07 != 0x04, short == 0x1F:
		return nil, apdu.WrongParameters
	}
	if short != 0 {
		f := k.find(uint16(short))
		if f == nil {
			return nil, apdu.NotFound
		}
		k.selected = f
	}
	switch {
	case k.selected == nil:
		return nil, apdu.NoCurrentFile
	case k.selected.kind != record:
		return nil, apdu.WrongFileType
	case !k.open(k.selected):
		return nil, apdu.SecurityStatus
	case c.P1 != 1: // every record file has one
		return nil, apdu.RecordNotFound
	}
	return k.selected.data[:min(len(k.selected.data), c.Le)], apdu.OK
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

// domain is where the objects of the Issuer Security Domain are kept among the files: GET DATA finds them by tag, no SELECT does.
const domain card.Application = 0

const atrTag = 0x5F51

// objectData is GET DATA. The objects are the Issuer Security Domain's; the ATR is told in every application. An object that is longer
// than Le is refused whole, so that the large ones need an extended Le.
func (k *Card) objectData(c apdu.Command) ([]byte, apdu.SW) {
	if len(c.Data) > 0 || c.Le == 0 {
		return nil, apdu.WrongLength
	}
	tag := uint16(c.P1)<<8 | uint16(c.P2)
	f := k.files[card.NewFileID(domain, tag)]
	switch {
	case f == nil, k.current.id != domain && tag != atrTag:
		return nil, apdu.ReferenceNotFound
	case len(f.data) > c.Le:
		return nil, apdu.WrongLength
	}
	return f.data, apdu.OK
}
