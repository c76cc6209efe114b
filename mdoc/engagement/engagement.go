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

	version10 = "1.0"
	version11 = "1.1"
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
//	  ? 5: [* OriginInfo],             ; second edition draft, 9.1: version 1.1
//	  ? 6: Capabilities,               ; likewise, and then 5 is there
//	  * int => any
//	}
type structure struct {
	Version      string            `cbor:"0,keyasint"`
	Security     security          `cbor:"1,keyasint"`
	Methods      []RetrievalMethod `cbor:"2,keyasint,omitempty"`
	OriginInfos  []OriginInfo      `cbor:"5,keyasint,omitzero"`
	Capabilities *Capabilities     `cbor:"6,keyasint,omitempty"`
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
	return build(eDeviceKey, structure{Version: version10, Methods: methods})
}

// build completes a structure with the key and encodes it.
func build(eDeviceKey *ecdh.PublicKey, s structure) (*DeviceEngagement, error) {
	var err error
	if s.Security, err = newSecurity(eDeviceKey); err != nil {
		return nil, fmt.Errorf("making device engagement: %w", err)
	}
	raw, err := cbor.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("making device engagement: %w", err)
	}
	e, err := Parse(raw) // what we send passes our own reader
	if err != nil {
		return nil, fmt.Errorf("making device engagement: %w", err)
	}
	return e, nil
}

func newSecurity(ephemeral *ecdh.PublicKey) (security, error) {
	if ephemeral == nil {
		return security{}, errors.New("no ephemeral key")
	}
	key, err := cose.NewKey(ephemeral)
	if err != nil {
		return security{}, err
	}
	embedded, err := cbor.NewEmbedded(key)
	return security{CipherSuite: CipherSuite1, EDeviceKey: embedded}, err
}

// key gives the ephemeral key of cipher suite 1, on its curve.
func (s security) key() (*ecdh.PublicKey, error) {
	if s.CipherSuite != CipherSuite1 {
		return nil, fmt.Errorf("cipher suite %d, want 1: %w", s.CipherSuite, ErrMalformed)
	}
	key, err := s.EDeviceKey.Value.ECDH()
	if err != nil {
		return nil, fmt.Errorf("ephemeral key: %w: %w", ErrMalformed, err)
	}
	return key, nil
}

// checkVersion accepts 1.x.
func checkVersion(v string) error {
	if !strings.HasPrefix(v, "1.") || len(v) > 8 {
		return fmt.Errorf("major version is not 1: %w", ErrMalformed)
	}
	return nil
}

// Parse reads a DeviceEngagement and copies the bytes. It accepts versions 1.x and cipher suite 1 only, refuses an
// ephemeral key that is not on its curve and members of version 1.1 that do not fit the version, and ignores members it
// does not know.
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
	if err := checkVersion(e.structure.Version); err != nil {
		return err
	}
	key, err := e.structure.Security.key()
	if err != nil {
		return err
	}
	e.key = key
	if err := checkMethods(e.structure.Methods); err != nil {
		return err
	}
	return e.structure.checkExtension()
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
