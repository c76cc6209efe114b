package gp

import (
	"fmt"
	"strings"

	"mobileid/mdoc/apdu"
)

// An AID is an application identifier, ISO/IEC 7816-4:2020, 12.3.4: 5 to 16 bytes,
// as a string so that it compares and serves as a key. The empty AID stands for
// "none" or "all", as each use says.
type AID string

const (
	// ISD is the issuer security domain.
	ISD AID = "\xA0\x00\x00\x01\x51\x00\x00\x00"
	// LoadFile is the load file of the credential applet ("MIDMDOC" under the
	// proprietary category F0, which needs no registration).
	LoadFile AID = "\xF0\x4D\x49\x44\x4D\x44\x4F\x43"
	// Module is the applet class inside LoadFile.
	Module AID = LoadFile + "\x01"

	// PhoneLoadFile and PhoneModule are the applet of the phone certificates ("MIDJPKI"), of the same category.
	PhoneLoadFile AID = "\xF0\x4D\x49\x44\x4A\x50\x4B\x49"
	PhoneModule   AID = PhoneLoadFile + "\x01"
	// PhoneInstance is the one instance of it: the AID of 公的個人認証AP, by which readers find it in a phone as in a card.
	PhoneInstance AID = "\xD3\x92\xF0\x00\x26\x01\x00\x00\x00\x01"
)

// The slots an element may hold credentials in: one applet instance each, so that
// deleting the instance deletes the credential.
const (
	FirstSlot = 1
	LastSlot  = 15
	// PhonePlace stands beside the slots for the phone certificates, wherever a number says what an instance holds.
	PhonePlace = 16
)

// Instance is the AID of the applet instance of a slot, LoadFile and the slot byte, or of PhonePlace.
func Instance(slot byte) AID {
	if slot == PhonePlace {
		return PhoneInstance
	}
	return LoadFile + AID([]byte{slot})
}

// ProgramOf gives the load file and the module that an instance of a slot, or of PhonePlace, is made of.
func ProgramOf(slot byte) (loadFile, module AID) {
	if slot == PhonePlace {
		return PhoneLoadFile, PhoneModule
	}
	return LoadFile, Module
}

// Slot tells which slot's instance an AID names; PhonePlace for that of the phone certificates.
func (a AID) Slot() (slot byte, ok bool) {
	if a == PhoneInstance {
		return PhonePlace, true
	}
	rest, ok := strings.CutPrefix(string(a), string(LoadFile))
	if !ok || len(rest) != 1 || rest[0] < FirstSlot || rest[0] > LastSlot {
		return 0, false
	}
	return rest[0], true
}

// Validate tells whether the AID has 5 to 16 bytes.
func (a AID) Validate() error {
	if len(a) < 5 || len(a) > 16 {
		return fmt.Errorf("AID of %d bytes, want 5 to 16", len(a))
	}
	return nil
}

// String is the AID in upper-case hex.
func (a AID) String() string { return fmt.Sprintf("%X", string(a)) }

// refuse makes the error of a card-side parser: a reason for the log and the status
// word to answer.
func refuse(doing string, sw apdu.SW, format string, args ...any) error {
	return fmt.Errorf("%s: %s: %w", doing, fmt.Sprintf(format, args...), sw.Err())
}
