package engagement

import (
	"errors"
	"fmt"
	"io"

	"mobileid/mdoc/cbor"
)

// MethodType is the first element of a retrieval method, ISO/IEC 18013-5:2021, 8.2.1.1.
type MethodType uint64

// The retrieval method types of ISO/IEC 18013-5:2021, and that of ISO/IEC TS 18013-7, Annex A, for a website.
const (
	MethodNFC       MethodType = 1
	MethodBLE       MethodType = 2
	MethodWiFiAware MethodType = 3
	MethodREST      MethodType = 4
)

// RetrievalMethod is one way to reach the device. ISO/IEC 18013-5:2021, 8.2.1.1:
//
//	DeviceRetrievalMethod = [type: uint, version: uint, RetrievalOptions]
//
// The options of the four types in version 1 are decoded; those of every other type or version stay in Options as received
// and have no further effect.
type RetrievalMethod struct {
	Type      MethodType
	Version   uint64
	NFC       *NFCOptions
	BLE       *BLEOptions
	WiFiAware *WiFiAwareOptions
	REST      *RESTOptions
	Options   cbor.RawMessage
}

// wireMethod is DeviceRetrievalMethod on the wire, ISO/IEC 18013-5:2021, 8.2.1.1 (CDDL at RetrievalMethod).
type wireMethod struct {
	_       struct{} `cbor:",toarray"`
	Type    uint64
	Version uint64
	Options cbor.RawMessage
}

// NFCOptions are the options of type 1. ISO/IEC 18013-5:2021, 8.2.1.1:
//
//	NfcOptions = {0: uint, 1: uint}     ; 0: 255..65535, 1: 256..65536
type NFCOptions struct {
	MaxCommandData  uint64 `cbor:"0,keyasint"`
	MaxResponseData uint64 `cbor:"1,keyasint"`
}

// BLEOptions are the options of type 2. ISO/IEC 18013-5:2021, 8.2.1.1; key 21 is of the second edition draft, 9.3:
//
//	BleOptions = {
//	    0: bool,        ; mdoc peripheral server mode
//	    1: bool,        ; mdoc central client mode
//	  ? 10: bstr,       ; UUID of the peripheral server, there exactly when 0 is true
//	  ? 11: bstr,       ; UUID of the central client, there exactly when 1 is true
//	  ? 20: bstr,       ; device address, only with 0 true
//	  ? 21: uint        ; L2CAP PSM
//	}
type BLEOptions struct {
	PeripheralServer     bool   `cbor:"0,keyasint"`
	CentralClient        bool   `cbor:"1,keyasint"`
	PeripheralServerUUID []byte `cbor:"10,keyasint,omitempty"`
	CentralClientUUID    []byte `cbor:"11,keyasint,omitempty"`
	DeviceAddress        []byte `cbor:"20,keyasint,omitempty"`
	PSM                  uint64 `cbor:"21,keyasint,omitempty"`
}

const uuidSize = 16

// CentralClient makes a BLE method in mdoc central client mode under a random UUID (RFC 4122 version 4): the reader
// advertises it, so one reader is told from another. rand must not be nil.
func CentralClient(rand io.Reader) (RetrievalMethod, error) {
	uuid := make([]byte, uuidSize)
	if _, err := io.ReadFull(rand, uuid); err != nil {
		return RetrievalMethod{}, fmt.Errorf("drawing a service UUID: %w", err)
	}
	uuid[6] = uuid[6]&0x0f | 0x40
	uuid[8] = uuid[8]&0x3f | 0x80
	return RetrievalMethod{
		Type: MethodBLE, Version: 1,
		BLE: &BLEOptions{CentralClient: true, CentralClientUUID: uuid},
	}, nil
}

// MarshalCBOR encodes the method; exactly one kind of options must be set and fit Type.
func (m RetrievalMethod) MarshalCBOR() ([]byte, error) {
	options, err := m.encodeOptions()
	if err != nil {
		return nil, fmt.Errorf("encoding retrieval method: %w", err)
	}
	return cbor.Marshal(wireMethod{Type: uint64(m.Type), Version: m.Version, Options: options})
}

func (m RetrievalMethod) encodeOptions() (cbor.RawMessage, error) {
	typed, set := m.typed()
	if len(m.Options) > 0 {
		set++
	}
	switch {
	case set != 1:
		return nil, errors.New("exactly one kind of options is needed")
	case len(m.Options) > 0:
		return m.Options, nil
	case typed == nil:
		return nil, fmt.Errorf("options do not fit type %d version %d", m.Type, m.Version)
	}
	if err := typed.check(); err != nil {
		return nil, err
	}
	return cbor.Marshal(typed)
}

// options are those of a type and version that is known.
type options interface{ check() error }

// typed gives the options that fit the type and version, or nil, and how many kinds are set.
func (m RetrievalMethod) typed() (fitting options, set int) {
	for _, kind := range []struct {
		there bool
		t     MethodType
		o     options
	}{
		{m.NFC != nil, MethodNFC, m.NFC},
		{m.BLE != nil, MethodBLE, m.BLE},
		{m.WiFiAware != nil, MethodWiFiAware, m.WiFiAware},
		{m.REST != nil, MethodREST, m.REST},
	} {
		if !kind.there {
			continue
		}
		set++
		if kind.t == m.Type && m.Version == 1 {
			fitting = kind.o
		}
	}
	return fitting, set
}

// UnmarshalCBOR decodes one retrieval method and checks the options it knows.
func (m *RetrievalMethod) UnmarshalCBOR(raw []byte) error {
	var w wireMethod
	if err := cbor.Unmarshal(raw, &w); err != nil {
		return fmt.Errorf("decoding retrieval method: %w", err)
	}
	out := RetrievalMethod{Type: MethodType(w.Type), Version: w.Version}
	into := out.room()
	if into == nil {
		out.Options = append(cbor.RawMessage(nil), w.Options...)
		*m = out
		return nil
	}
	err := cbor.Unmarshal(w.Options, into)
	if err == nil {
		err = into.check()
	}
	if err != nil {
		return fmt.Errorf("decoding options of retrieval method type %d: %w", out.Type, err)
	}
	*m = out
	return nil
}

// room makes the options of the method's type and version and gives them; nil for one that is not known.
func (m *RetrievalMethod) room() options {
	if m.Version != 1 {
		return nil
	}
	switch m.Type {
	case MethodNFC:
		m.NFC = new(NFCOptions)
		return m.NFC
	case MethodBLE:
		m.BLE = new(BLEOptions)
		return m.BLE
	case MethodWiFiAware:
		m.WiFiAware = new(WiFiAwareOptions)
		return m.WiFiAware
	case MethodREST:
		m.REST = new(RESTOptions)
		return m.REST
	}
	return nil
}

func (o *NFCOptions) check() error {
	if o.MaxCommandData < 255 || o.MaxCommandData > 65535 {
		return fmt.Errorf("maximum command data %d, want 255 to 65535: %w", o.MaxCommandData, ErrMalformed)
	}
	if o.MaxResponseData < 256 || o.MaxResponseData > 65536 {
		return fmt.Errorf("maximum response data %d, want 256 to 65536: %w", o.MaxResponseData, ErrMalformed)
	}
	return nil
}

func (o *BLEOptions) check() error {
	if !o.PeripheralServer && !o.CentralClient {
		return fmt.Errorf("BLE: neither mode is supported: %w", ErrMalformed)
	}
	if err := checkUUID(o.PeripheralServer, o.PeripheralServerUUID); err != nil {
		return fmt.Errorf("BLE peripheral server: %w", err)
	}
	if err := checkUUID(o.CentralClient, o.CentralClientUUID); err != nil {
		return fmt.Errorf("BLE central client: %w", err)
	}
	if n := len(o.DeviceAddress); n > 0 && (!o.PeripheralServer || n < 6 || n > 7) {
		return fmt.Errorf("BLE device address: 6 or 7 bytes, and only in peripheral server mode: %w", ErrMalformed)
	}
	if o.PSM > 0xffff {
		return fmt.Errorf("BLE L2CAP PSM %d does not fit 16 bits: %w", o.PSM, ErrMalformed)
	}
	return nil
}

// checkUUID demands a 16-byte UUID exactly when the mode is supported. The variant bits are not checked: a UUID only
// names a service.
func checkUUID(supported bool, uuid []byte) error {
	switch {
	case supported && len(uuid) != uuidSize:
		return fmt.Errorf("UUID has %d bytes, want 16: %w", len(uuid), ErrMalformed)
	case !supported && len(uuid) != 0:
		return fmt.Errorf("UUID without the mode: %w", ErrMalformed)
	}
	return nil
}
