package gp

import (
	"errors"
	"fmt"

	"mobileid/mdoc/apdu"
)

const (
	insInstall = 0xE6

	installMakeSelectable  = 0x0C
	installPersonalization = 0x20

	tagApplicationParameters = 0xC9
)

// An Install is INSTALL [for install and make selectable], Card Specification 2.3.1,
// 11.5.2.3.2 and table 11-49, each field behind its length (one byte, or BER over 7F):
//
//	load file AID, module AID, instance AID, privileges, parameters, token
//
// The parameters are { C9 application data, … }.
type Install struct {
	LoadFile, Module, Instance AID
	Privileges                 Privileges
	// Parameters is the value of C9, what the applet's install method gets.
	Parameters []byte
	// Token is empty but in delegated management.
	Token []byte
}

// Command builds the command. It fails when an AID is not one or the whole is over
// 239 bytes, the most that fits a short command at level 33.
func (i Install) Command() (apdu.Command, error) {
	for _, a := range []AID{i.LoadFile, i.Module, i.Instance} {
		if err := a.Validate(); err != nil {
			return apdu.Command{}, fmt.Errorf("building INSTALL: %w", err)
		}
	}
	data := appendFields(nil, []byte(i.LoadFile), []byte(i.Module), []byte(i.Instance), i.Privileges.Bytes(),
		apdu.AppendTLV(nil, tagApplicationParameters, i.Parameters), i.Token)
	if len(data) > BlockSize {
		return apdu.Command{}, fmt.Errorf("building INSTALL: %d bytes: %w", len(data), apdu.ErrTooLong)
	}
	return apdu.Command{CLA: 0x80, INS: insInstall, P1: installMakeSelectable, Data: data, Le: apdu.MaxShortLe}, nil
}

// Personalize is INSTALL [for personalization], Card Specification 2.3.1, 11.5.2.3.5:
// the STORE DATA blocks that follow go to this instance.
type Personalize struct{ Instance AID }

// Command builds the command.
func (p Personalize) Command() (apdu.Command, error) {
	if err := p.Instance.Validate(); err != nil {
		return apdu.Command{}, fmt.Errorf("building INSTALL: %w", err)
	}
	data := appendFields(nil, nil, nil, []byte(p.Instance), nil, nil, nil)
	return apdu.Command{CLA: 0x80, INS: insInstall, P1: installPersonalization, Data: data, Le: apdu.MaxShortLe}, nil
}

// ParseInstall reads, on the card, the two forms of INSTALL spoken here: exactly one
// of the results is not nil. Other forms are refused with 6A86, malformed ones with
// 6A80.
func ParseInstall(c apdu.Command) (*Install, *Personalize, error) {
	const doing = "parsing INSTALL"
	if c.INS != insInstall {
		return nil, nil, refuse(doing, apdu.InsUnsupported, "instruction %02X", c.INS)
	}
	if c.P2 != 0 || c.P1 != installMakeSelectable && c.P1 != installPersonalization {
		return nil, nil, refuse(doing, apdu.WrongParameters, "P1 P2 %02X%02X", c.P1, c.P2)
	}
	f, err := parseFields(c.Data)
	if err != nil {
		return nil, nil, refuse(doing, apdu.WrongData, "%v", err)
	}
	if c.P1 == installPersonalization {
		if len(f[0])+len(f[1])+len(f[3])+len(f[4])+len(f[5]) != 0 || AID(f[2]).Validate() != nil {
			return nil, nil, refuse(doing, apdu.WrongData, "more or less than an instance to personalize")
		}
		return nil, &Personalize{Instance: AID(f[2])}, nil
	}
	i, err := installOf(f)
	if err != nil {
		return nil, nil, refuse(doing, apdu.WrongData, "%v", err)
	}
	return i, nil, nil
}

func installOf(f [6][]byte) (*Install, error) {
	i := &Install{LoadFile: AID(f[0]), Module: AID(f[1]), Instance: AID(f[2]), Token: f[5]}
	for _, a := range []AID{i.LoadFile, i.Module, i.Instance} {
		if err := a.Validate(); err != nil {
			return nil, err
		}
	}
	var err error
	if i.Privileges, err = ParsePrivileges(f[3]); err != nil {
		return nil, err
	}
	params, err := apdu.ParseTLVs(f[4])
	if err != nil {
		return nil, err
	}
	v, ok := apdu.Find(params, tagApplicationParameters)
	if !ok {
		return nil, errors.New("no application parameters (tag C9)")
	}
	i.Parameters = v
	return i, nil
}

// appendFields appends each field behind its length.
func appendFields(b []byte, fields ...[]byte) []byte {
	for _, f := range fields {
		// A BER length is a TLV header without its tag.
		b = append(b, apdu.AppendTLVHeader(nil, 0x01, len(f))[1:]...)
		b = append(b, f...)
	}
	return b
}

// parseFields reads exactly six fields.
func parseFields(b []byte) (f [6][]byte, err error) {
	for i := range f {
		t, rest, err := apdu.ParseTLV(append([]byte{0x01}, b...))
		if err != nil {
			return f, fmt.Errorf("field %d: %w", i+1, err)
		}
		f[i], b = t.Value, rest
	}
	if len(b) != 0 {
		return f, fmt.Errorf("%d bytes after the last field", len(b))
	}
	return f, nil
}

// ParseConfirmation reads what INSTALL and DELETE answer: nothing, or one byte 00, or
// a receipt, which is returned as it came (Card Specification 2.3.1, 11.1.6).
func ParseConfirmation(b []byte) (receipt []byte, err error) {
	switch {
	case len(b) == 0 || len(b) == 1 && b[0] == 0:
		return nil, nil
	case len(b) == 1 || len(b) > apdu.MaxShortLe:
		return nil, fmt.Errorf("parsing confirmation: %d bytes", len(b))
	default:
		return b, nil
	}
}

// Confirmation is what a card without receipts answers to INSTALL and DELETE.
func Confirmation() []byte { return []byte{0} }
