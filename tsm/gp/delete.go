package gp

import (
	"fmt"

	"mobileid/mdoc/apdu"
)

const (
	insDelete     = 0xE4
	deleteRelated = 0x80
	deleteLast    = 0x01

	tagAID        = 0x4F
	tagToken      = 0x9E
	tagKeyID      = 0xD0
	tagKeyVersion = 0xD2
)

// A Deletion is one form of DELETE, Card Specification 2.3.1, 11.2: [Delete] or [DeleteKeys].
type Deletion interface {
	Command() (apdu.Command, error)
	deletes()
}

// A Delete is DELETE [card content], Card Specification 2.3.1, 11.2: 80 E4 00 P2 { 4F AID [, 9E token] }. The answer is
// that of INSTALL.
type Delete struct {
	AID AID
	// Related deletes a load file's instances with it.
	Related bool
	// Token is empty but in delegated management.
	Token []byte
}

// DeleteKeys is DELETE [key], Card Specification 2.3.1, 11.2.2.3.2: 80 E4 00 P2 { [D0 key id,] D2 key version }.
type DeleteKeys struct {
	Version byte
	// ID names one key of the set; 0 is all of them.
	ID byte
	// Last is P2 01, which some hosts send when they mean to delete the last set there is.
	Last bool
}

func (Delete) deletes()     {}
func (DeleteKeys) deletes() {}

// Command builds the command.
func (d Delete) Command() (apdu.Command, error) {
	if err := d.AID.Validate(); err != nil {
		return apdu.Command{}, fmt.Errorf("building DELETE: %w", err)
	}
	c := apdu.Command{CLA: 0x80, INS: insDelete, Data: apdu.AppendTLV(nil, tagAID, []byte(d.AID)), Le: apdu.MaxShortLe}
	if d.Related {
		c.P2 = deleteRelated
	}
	if len(d.Token) > 0 {
		c.Data = apdu.AppendTLV(c.Data, tagToken, d.Token)
	}
	if len(c.Data) > BlockSize {
		return apdu.Command{}, fmt.Errorf("building DELETE: %d bytes: %w", len(c.Data), apdu.ErrTooLong)
	}
	return c, nil
}

// Command builds the command.
func (d DeleteKeys) Command() (apdu.Command, error) {
	if d.Version == 0 || d.ID > maxKeyNumber || d.Version > maxKeyNumber && d.Version != 0xFF {
		return apdu.Command{}, fmt.Errorf("building DELETE: key version %02X, id %02X", d.Version, d.ID)
	}
	c := apdu.Command{CLA: 0x80, INS: insDelete, Le: apdu.MaxShortLe}
	if d.Last {
		c.P2 = deleteLast
	}
	if d.ID != 0 {
		c.Data = apdu.AppendTLV(c.Data, tagKeyID, []byte{d.ID})
	}
	c.Data = apdu.AppendTLV(c.Data, tagKeyVersion, []byte{d.Version})
	return c, nil
}

// ParseDelete reads DELETE on the card: 6A86 for other parameters, 6A80 for malformed data. Keys named by id alone,
// across sets, are refused with 6A80.
func ParseDelete(c apdu.Command) (Deletion, error) {
	const doing = "parsing DELETE"
	if c.INS != insDelete {
		return nil, refuse(doing, apdu.InsUnsupported, "instruction %02X", c.INS)
	}
	objects, err := apdu.ParseTLVs(c.Data)
	if err != nil || len(objects) == 0 {
		return nil, refuse(doing, apdu.WrongData, "no objects: %v", err)
	}
	keys := objects[0].Tag == tagKeyID || objects[0].Tag == tagKeyVersion
	switch {
	case c.P1 != 0, !keys && c.P2&^deleteRelated != 0, keys && c.P2&^deleteLast != 0:
		return nil, refuse(doing, apdu.WrongParameters, "P1 P2 %02X%02X", c.P1, c.P2)
	case keys:
		d := DeleteKeys{Last: c.P2 == deleteLast}
		if err := d.read(objects); err != nil {
			return nil, refuse(doing, apdu.WrongData, "%v", err)
		}
		return d, nil
	}
	d := Delete{Related: c.P2 == deleteRelated}
	if err := d.read(objects); err != nil {
		return nil, refuse(doing, apdu.WrongData, "%v", err)
	}
	return d, nil
}

func (d *Delete) read(objects []apdu.TLV) error {
	for _, o := range objects {
		switch {
		case o.Tag == tagAID && d.AID == "" && AID(o.Value).Validate() == nil:
			d.AID = AID(o.Value)
		case o.Tag == tagToken && d.AID != "" && d.Token == nil && len(o.Value) > 0:
			d.Token = o.Value
		default:
			return fmt.Errorf("unexpected object %X", o.Tag)
		}
	}
	return nil
}

func (d *DeleteKeys) read(objects []apdu.TLV) error {
	for _, o := range objects {
		n := byte(0)
		if len(o.Value) == 1 {
			n = o.Value[0]
		}
		switch {
		case n == 0:
			return fmt.Errorf("object %X of %d bytes", o.Tag, len(o.Value))
		case o.Tag == tagKeyID && d.ID == 0 && n <= maxKeyNumber:
			d.ID = n
		case o.Tag == tagKeyVersion && d.Version == 0 && (n <= maxKeyNumber || n == 0xFF):
			d.Version = n
		default:
			return fmt.Errorf("unexpected object %X", o.Tag)
		}
	}
	if d.Version == 0 {
		return fmt.Errorf("no key version (tag %X)", tagKeyVersion)
	}
	return nil
}
