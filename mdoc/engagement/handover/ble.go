package handover

import (
	"encoding/binary"
	"fmt"
	"slices"

	"mobileid/mdoc/cbor"
)

// Role is the LE role of whoever sends the record (Bluetooth Core Specification Supplement, part A, 1.17). A mdoc that is
// central does mdoc central client mode, one that is peripheral does mdoc peripheral server mode; a reader takes the other
// part.
type Role byte

// The LE roles.
const (
	PeripheralOnly      Role = 0
	CentralOnly         Role = 1
	PeripheralPreferred Role = 2
	CentralPreferred    Role = 3
)

// Peripheral tells whether the role can be that of the peripheral.
func (r Role) Peripheral() bool { return r != CentralOnly }

// Central tells whether the role can be that of the central.
func (r Role) Central() bool { return r != PeripheralOnly }

// BLE is the out-of-band record of BLE, ISO/IEC 18013-5:2021, 8.2.2.1: fields of length, type and value.
//
//	1B device address    1C LE role    07 UUID, lowest byte first    77 PSM    16 service data
type BLE struct {
	Role Role
	// UUID is of 16 bytes in the order in which it is written, as in the engagement's CBOR; nil without.
	UUID []byte
	// Address is the device address as received: 6 bytes, or 7 with the address type; nil without.
	Address []byte
	// PSM is that of an L2CAP channel, 0 without. Second edition draft, 9.2; deployed wallets send it in a field 77.
	PSM uint32
	// ServiceData is a field 16 as received: a UUID of 16 bits that the draft leaves open, and CBOR. It is not written.
	ServiceData []byte
}

const (
	fieldUUIDs       = 0x07
	fieldServiceData = 0x16
	fieldAddress     = 0x1B
	fieldRole        = 0x1C
	fieldPSM         = 0x77
)

const uuidSize = 16

// serviceData is the value of the service data, ISO/IEC 18013-5 second edition draft, 9.2:
//
//	{? 0: uint}        ; PSM
type serviceData struct {
	PSM uint32 `cbor:"0,keyasint,omitempty"`
}

func (o BLE) check() error {
	switch {
	case o.Role > CentralPreferred:
		return fmt.Errorf("LE role %d: %w", o.Role, ErrMalformed)
	case o.UUID != nil && len(o.UUID) != uuidSize:
		return fmt.Errorf("UUID of %d bytes: %w", len(o.UUID), ErrMalformed)
	case o.Address != nil && len(o.Address) != 6 && len(o.Address) != 7:
		return fmt.Errorf("device address of %d bytes: %w", len(o.Address), ErrMalformed)
	case o.PSM > 0xFFFF:
		return fmt.Errorf("PSM %d does not fit 16 bits: %w", o.PSM, ErrMalformed)
	}
	return nil
}

func (o BLE) payload() []byte {
	var b []byte
	if o.Address != nil {
		b = append(append(b, byte(1+len(o.Address)), fieldAddress), o.Address...)
	}
	b = append(b, 2, fieldRole, byte(o.Role))
	if o.UUID != nil {
		b = append(append(b, 1+uuidSize, fieldUUIDs), reversed(o.UUID)...)
	}
	if o.PSM != 0 {
		b = binary.BigEndian.AppendUint32(append(b, 5, fieldPSM), o.PSM)
	}
	return b
}

func reversed(b []byte) []byte {
	out := slices.Clone(b)
	slices.Reverse(out)
	return out
}

func parseBLE(b []byte) (*BLE, error) {
	fields, err := parseFields(b)
	if err != nil {
		return nil, fmt.Errorf("BLE carrier: %w", err)
	}
	out, role := new(BLE), false
	for _, f := range fields {
		if f.typ == fieldRole {
			role = true
		}
		if err := out.read(f); err != nil {
			return nil, fmt.Errorf("BLE carrier: %w", err)
		}
	}
	if !role {
		return nil, fmt.Errorf("BLE carrier: no LE role: %w", ErrMalformed)
	}
	if err := out.check(); err != nil {
		return nil, fmt.Errorf("BLE carrier: %w", err)
	}
	return out, nil
}

// read takes one field; those without meaning here, such as a local name, have no effect.
func (o *BLE) read(f field) error {
	switch f.typ {
	case fieldRole:
		if len(f.value) != 1 {
			return fmt.Errorf("LE role of %d bytes: %w", len(f.value), ErrMalformed)
		}
		o.Role = Role(f.value[0])
	case fieldUUIDs:
		o.UUID = append([]byte{}, reversed(f.value)...)
	case fieldAddress:
		o.Address = append([]byte{}, f.value...)
	case fieldPSM:
		if len(f.value) != 4 {
			return fmt.Errorf("PSM of %d bytes: %w", len(f.value), ErrMalformed)
		}
		o.PSM = binary.BigEndian.Uint32(f.value)
	case fieldServiceData:
		if len(f.value) < 2 {
			return fmt.Errorf("service data of %d bytes: %w", len(f.value), ErrMalformed)
		}
		o.ServiceData = append([]byte{}, f.value...)
		var s serviceData
		if err := cbor.Unmarshal(f.value[2:], &s); err == nil && o.PSM == 0 { // another service's data is no fault
			o.PSM = s.PSM
		}
	}
	return nil
}
