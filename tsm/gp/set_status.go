package gp

import (
	"fmt"

	"mobileid/mdoc/apdu"
)

const insSetStatus = 0xF0

// What SET STATUS is about, Card Specification 2.3.1, table 11-85.
const (
	StatusOfCard        byte = 0x80
	StatusOfApplication byte = 0x40
	StatusOfDomain      byte = 0x60 // a security domain with its applications
)

// A SetStatus is the command of that name, Card Specification 2.3.1, 11.10:
// 80 F0 scope state [AID]. To lock an application, set StateLocked; to unlock it,
// send its state without.
type SetStatus struct {
	Scope byte
	// State is a State, or a CardState with StatusOfCard.
	State byte
	// AID may be empty with StatusOfCard.
	AID AID
}

// Command builds the command.
func (s SetStatus) Command() (apdu.Command, error) {
	if err := s.validate(); err != nil {
		return apdu.Command{}, fmt.Errorf("building SET STATUS: %w", err)
	}
	return apdu.Command{CLA: 0x80, INS: insSetStatus, P1: s.Scope, P2: s.State, Data: []byte(s.AID)}, nil
}

func (s SetStatus) validate() error {
	switch s.Scope {
	case StatusOfCard:
		if s.AID == "" {
			return nil
		}
	case StatusOfApplication, StatusOfDomain:
	default:
		return fmt.Errorf("scope %02X", s.Scope)
	}
	return s.AID.Validate()
}

// ParseSetStatus reads the command on the card: 6A86 for an unknown scope, 6A80 for
// an AID that is none.
func ParseSetStatus(c apdu.Command) (SetStatus, error) {
	const doing = "parsing SET STATUS"
	s := SetStatus{Scope: c.P1, State: c.P2, AID: AID(c.Data)}
	switch {
	case c.INS != insSetStatus:
		return SetStatus{}, refuse(doing, apdu.InsUnsupported, "instruction %02X", c.INS)
	case c.P1 != StatusOfCard && c.P1 != StatusOfApplication && c.P1 != StatusOfDomain:
		return SetStatus{}, refuse(doing, apdu.WrongParameters, "P1 %02X", c.P1)
	}
	if err := s.validate(); err != nil {
		return SetStatus{}, refuse(doing, apdu.WrongData, "%v", err)
	}
	return s, nil
}
