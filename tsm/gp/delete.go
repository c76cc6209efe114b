package gp

import (
	"fmt"

	"mobileid/mdoc/apdu"
)

const (
	insDelete     = 0xE4
	deleteRelated = 0x80
)

// A Delete is DELETE [card content], Card Specification 2.3.1, 11.2:
// 80 E4 00 P2 { 4F AID [, 9E token] }. The answer is that of INSTALL.
type Delete struct {
	AID AID
	// Related deletes a load file's instances with it.
	Related bool
	// Token is empty but in delegated management.
	Token []byte
}

// Command builds the command.
func (d Delete) Command() (apdu.Command, error) {
	if err := d.AID.Validate(); err != nil {
		return apdu.Command{}, fmt.Errorf("building DELETE: %w", err)
	}
	c := apdu.Command{CLA: 0x80, INS: insDelete, Data: apdu.AppendTLV(nil, 0x4F, []byte(d.AID)), Le: apdu.MaxShortLe}
	if d.Related {
		c.P2 = deleteRelated
	}
	if len(d.Token) > 0 {
		c.Data = apdu.AppendTLV(c.Data, 0x9E, d.Token)
	}
	if len(c.Data) > BlockSize {
		return apdu.Command{}, fmt.Errorf("building DELETE: %d bytes: %w", len(c.Data), apdu.ErrTooLong)
	}
	return c, nil
}

// ParseDelete reads DELETE [card content] on the card. Deleting keys (D0, D2) is
// refused with 6A81, other parameters with 6A86, malformed data with 6A80.
func ParseDelete(c apdu.Command) (Delete, error) {
	const doing = "parsing DELETE"
	switch {
	case c.INS != insDelete:
		return Delete{}, refuse(doing, apdu.InsUnsupported, "instruction %02X", c.INS)
	case c.P1 != 0 || c.P2&^deleteRelated != 0:
		return Delete{}, refuse(doing, apdu.WrongParameters, "P1 P2 %02X%02X", c.P1, c.P2)
	}
	objects, err := apdu.ParseTLVs(c.Data)
	if err != nil {
		return Delete{}, refuse(doing, apdu.WrongData, "%v", err)
	}
	d := Delete{Related: c.P2&deleteRelated != 0}
	for _, o := range objects {
		switch {
		case o.Tag == 0x4F && d.AID == "" && AID(o.Value).Validate() == nil:
			d.AID = AID(o.Value)
		case o.Tag == 0x9E && d.AID != "" && d.Token == nil:
			d.Token = o.Value
		case o.Tag == 0xD0 || o.Tag == 0xD2:
			return Delete{}, refuse(doing, apdu.FunctionUnsupported, "key deletion")
		default:
			return Delete{}, refuse(doing, apdu.WrongData, "unexpected object %X", o.Tag)
		}
	}
	if d.AID == "" {
		return Delete{}, refuse(doing, apdu.WrongData, "no AID")
	}
	return d, nil
}
