package ble

import (
	"encoding/hex"
	"errors"
)

// Mode says who offers the service (ISO/IEC 18013-5:2021, 8.3.3.1.1.2).
type Mode int

// The two GATT modes. The mdoc names those it takes in the engagement.
const (
	// PeripheralServer is mdoc peripheral server mode: the mdoc offers the service.
	PeripheralServer Mode = iota + 1
	// CentralClient is mdoc central client mode: the reader offers the service.
	CentralClient
)

// String names the mode as the standard does.
func (m Mode) String() string {
	switch m {
	case PeripheralServer:
		return "mdoc peripheral server mode"
	case CentralClient:
		return "mdoc central client mode"
	}
	return "unknown mode"
}

// ErrNoMode says that the mdoc offers neither GATT mode.
var ErrNoMode = errors.New("the engagement offers neither GATT mode")

// Choose is the reader's choice among the modes the engagement offers: mdoc central client mode when both are there
// (ISO/IEC 18013-5:2021, 8.3.3.1.1.2).
func Choose(peripheralServer, centralClient bool) (Mode, error) {
	switch {
	case centralClient:
		return CentralClient, nil
	case peripheralServer:
		return PeripheralServer, nil
	}
	return 0, ErrNoMode
}

// Characteristic is one of a service's characteristics.
type Characteristic int

// The characteristics of ISO/IEC 18013-5:2021, 8.3.3.1.1.4, Tables 11 and 12; L2CAP is of the second edition draft, 11.1.
const (
	State Characteristic = iota + 1
	Client2Server
	Server2Client
	Ident
	L2CAP
)

// String names the characteristic as the standard does.
func (c Characteristic) String() string {
	switch c {
	case State:
		return "State"
	case Client2Server:
		return "Client2Server"
	case Server2Client:
		return "Server2Client"
	case Ident:
		return "Ident"
	case L2CAP:
		return "L2CAP"
	}
	return "unknown characteristic"
}

// UUID is a 128-bit UUID in the order in which it is written. On the air it goes the other way round.
type UUID [16]byte

// String gives the usual form with hyphens, upper case as the standard prints it.
func (u UUID) String() string {
	var b [36]byte
	at := 0
	for i, v := range u {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			b[at] = '-'
			at++
		}
		const digits = "0123456789ABCDEF"
		b[at], b[at+1] = digits[v>>4], digits[v&15]
		at += 2
	}
	return string(b[:])
}

// Definition is how a characteristic is offered by the GATT server.
type Definition struct {
	Characteristic Characteristic
	UUID           UUID
	// Notify asks for the descriptor 2902, in which the client subscribes.
	Notify               bool
	WriteWithoutResponse bool
	Read                 bool
}

// Service lists the characteristics of the service of a mode; L2CAP is optional. The UUID of the service is the one of the
// engagement and is no constant. An unknown mode has none.
func Service(m Mode) []Definition {
	switch m {
	case PeripheralServer:
		return []Definition{
			{Characteristic: State, UUID: uuid(0x01), Notify: true, WriteWithoutResponse: true},
			{Characteristic: Client2Server, UUID: uuid(0x02), WriteWithoutResponse: true},
			{Characteristic: Server2Client, UUID: uuid(0x03), Notify: true},
			{Characteristic: L2CAP, UUID: uuid(0x0A), Read: true},
		}
	case CentralClient:
		return []Definition{
			{Characteristic: State, UUID: uuid(0x05), Notify: true, WriteWithoutResponse: true},
			{Characteristic: Client2Server, UUID: uuid(0x06), WriteWithoutResponse: true},
			{Characteristic: Server2Client, UUID: uuid(0x07), Notify: true},
			{Characteristic: Ident, UUID: uuid(0x08), Read: true},
			{Characteristic: L2CAP, UUID: uuid(0x0B), Read: true},
		}
	}
	return nil
}

// uuid completes the first four bytes, of which only the last differs.
func uuid(last byte) UUID {
	u := UUID{3: last}
	_, _ = hex.Decode(u[4:], []byte("A12348CE896B4C76973373E6")) // twelve bytes, a constant
	return u
}
