package engagement

import (
	"bytes"
	"crypto/ecdh"
	"errors"
	"fmt"
	"strings"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
)

const (
	// MaxSize bounds a DeviceEngagement. A QR code holds at most 2953 bytes, so at most 2214 before base64url; an NDEF
	// record may be longer.
	MaxSize = 4096
	// MaxRetrievalMethods bounds the list of key 2; the standard defines four types.
	MaxRetrievalMethods = 16
	// CipherSuite1 is the only cipher suite of ISO/IEC 18013-5:2021, 9.1.5.2.
	CipherSuite1 = 1
)

// ErrMalformed is wrapped by every refusal of foreign bytes.
var ErrMalformed = errors.New("malformed device engagement")

// structure is DeviceEngagement, ISO/IEC 18013-5:2021, 8.2.1.1:
//
//	DeviceEngagement = {
//	    0: tstr,                       ; version
//	    1: Security,
//	  ? 2: [+ DeviceRetrievalMethod],
//	  ? 3: ServerRetrievalMethods,     ; not offered, ignored when read
//	  ? 4: ProtocolInfo,               ; never defined
//	  * int => any                     ; 1.1: 5 origin infos, 6 capabilities
//	}
type structure struct {
	Version  string            `cbor:"0,keyasint"`
	Security security          `cbor:"1,keyasint"`
	Methods  []RetrievalMethod `cbor:"2,keyasint,omitempty"`
}

// security is Security, ISO/IEC 18013-5:2021, 8.2.1.1:
//
//	Security = [int, #6.24(bstr .cbor COSE_Key)]      ; cipher suite, EDeviceKeyBytes
type security struct {
	_           struct{} `cbor:",toarray"`
	CipherSuite int64
	EDeviceKey  cbor.Embedded[cose.Key]
}

// DeviceEngagement is a well-formed engagement together with the bytes it stood in. It does not change once made.
type DeviceEngagement struct {
	raw       []byte
	structure structure
	key       *ecdh.PublicKey
}

// New makes an engagement of version 1.0 for cipher suite 1. For a QR code methods must name at least one way to be
// reached; for NFC it is empty, as the handover carries them. eDeviceKey must be fresh for every engagement.
func New(eDeviceKey *ecdh.PublicKey, methods []RetrievalMethod) (*DeviceEngagement, error) {
	if eDeviceKey == nil {
		return nil, errors.New("making device engagement: no ephemeral key")
	}
	key, err := cose.NewKey(eDeviceKey)
	if err != nil {
		return nil, fmt.Errorf("making device engagement: %w", err)
	}
	embedded, err := cbor.NewEmbedded(key)
	if err != nil {
		return nil, fmt.Errorf("making device engagement: %w", err)
	}
	raw, err := cbor.Marshal(structure{
		Version:  "1.0",
		Security: security{CipherSuite: CipherSuite1, EDeviceKey: embedded},
		Methods:  methods,
	})
	if err != nil {
		return nil, fmt.Errorf("making device engagement: %w", err)
	}
	e, err := Parse(raw) // what we send passes our own reader
	if err != nil {
		return nil, fmt.Errorf("making device engagement: %w", err)
	}
	return e, nil
}

// Parse reads a DeviceEngagement and copies the bytes. It accepts versions 1.x and cipher suite 1 only, refuses an
// ephemeral key that is not on its curve, and ignores members it does not know.
func Parse(raw []byte) (*DeviceEngagement, error) {
	if len(raw) > MaxSize {
		return nil, fmt.Errorf("parsing device engagement: %d bytes, limit %d: %w", len(raw), MaxSize, ErrMalformed)
	}
	e := &DeviceEngagement{raw: bytes.Clone(raw)}
	if err := cbor.Unmarshal(e.raw, &e.structure); err != nil {
		return nil, fmt.Errorf("parsing device engagement: %w: %w", ErrMalformed, err)
	}
	if err := e.check(); err != nil {
		return nil, fmt.Errorf("parsing device engagement: %w", err)
	}
	return e, nil
}

func (e *DeviceEngagement) check() error {
	if !strings.HasPrefix(e.structure.Version, "1.") || len(e.structure.Version) > 8 {
		return fmt.Errorf("major version is not 1: %w", ErrMalformed)
	}
	if e.structure.Security.CipherSuite != CipherSuite1 {
		return fmt.Errorf("cipher suite %d, want 1: %w", e.structure.Security.CipherSuite, ErrMalformed)
	}
	key, err := e.structure.Security.EDeviceKey.Value.ECDH()
	if err != nil {
		return fmt.Errorf("ephemeral device key: %w: %w", ErrMalformed, err)
	}
	e.key = key
	return checkMethods(e.structure.Methods)
}

func checkMethods(methods []RetrievalMethod) error {
	if len(methods) > MaxRetrievalMethods {
		return fmt.Errorf("%d retrieval methods, limit %d: %w", len(methods), MaxRetrievalMethods, ErrMalformed)
	}
	type kind struct {
		t MethodType
		v uint64
	}
	seen := make(map[kind]bool, len(methods))
	for _, m := range methods {
		k := kind{m.Type, m.Version}
		if seen[k] {
			return fmt.Errorf("retrieval method type %d version %d is there twice: %w", m.Type, m.Version, ErrMalformed)
		}
		seen[k] = true
	}
	return nil
}

// Version is the text of key 0, such as "1.0".
func (e *DeviceEngagement) Version() string { return e.structure.Version }

// EDeviceKey is the device's ephemeral public key, on its curve.
func (e *DeviceEngagement) EDeviceKey() (*ecdh.PublicKey, error) {
	if e.key == nil {
		return nil, errors.New("device engagement: no ephemeral key")
	}
	return e.key, nil
}

// EDeviceKeyBytes is the whole tag 24 item as received; BLE Ident and the Wi-Fi Aware names are derived from it.
func (e *DeviceEngagement) EDeviceKeyBytes() []byte {
	return bytes.Clone(e.structure.Security.EDeviceKey.Bytes())
}

// RetrievalMethods lists key 2 in the received order; empty after NFC, where the handover carries them.
func (e *DeviceEngagement) RetrievalMethods() []RetrievalMethod {
	return append([]RetrievalMethod(nil), e.structure.Methods...)
}

// Bytes returns the DeviceEngagement map as it was sent or received.
func (e *DeviceEngagement) Bytes() []byte { return bytes.Clone(e.raw) }
