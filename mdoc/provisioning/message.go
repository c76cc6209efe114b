package provisioning

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
)

// The types of the protected header. A change of a message's meaning gets a new name.
const (
	typeOrder       = "application/mobileid-order+cose"
	typeAttestation = "application/mobileid-attestation+cose"
	typeReceipt     = "application/mobileid-receipt+cose"
	typeHandover    = "application/mobileid-handover+cose"

	typePhoneAttestation = "application/mobileid-phone-attestation+cose"
)

// maxMessage bounds a received message: the largest, an attestation of RSA keys with its certificate, has about 1700 bytes.
const maxMessage = 8 << 10

// Lengths of the identifiers.
const (
	orderIDLength   = 16
	seIDLength      = 10
	challengeLength = 32
	digestLength    = 32
	maxSlot         = 15
)

// Errors that callers branch on.
var (
	// ErrType says that a message is of another type than asked for.
	ErrType = errors.New("message of another type")
	// ErrExpired says that an order is past its notAfter.
	ErrExpired = errors.New("order expired")
	// ErrMismatch says that an answer belongs to another order, secure element, slot or purpose.
	ErrMismatch = errors.New("answer to another order")
)

// Purpose says what a device key is for. ISO/IEC 18013-5:2021, 9.1.3: one key never makes both signatures and MACs.
type Purpose uint64

// The purposes.
const (
	PurposeSign Purpose = 1
	PurposeMAC  Purpose = 2
)

func (p Purpose) valid() bool { return p == PurposeSign || p == PurposeMAC }

// A message is the payload of a signed message.
type message interface {
	// kind is the message's name in errors and its type in the protected header.
	kind() (name, messageType string)
	validate() error
}

// sign signs a message that holds to its CDDL.
func sign(signer crypto.Signer, chain [][]byte, payload message) ([]byte, error) {
	name, messageType := payload.kind()
	raw, err := signed(signer, messageType, chain, payload)
	if err != nil {
		return nil, fmt.Errorf("signing %s: %w", name, err)
	}
	return raw, nil
}

func signed(signer crypto.Signer, messageType string, chain [][]byte, payload message) ([]byte, error) {
	if err := payload.validate(); err != nil {
		return nil, err
	}
	body, err := cbor.Marshal(payload)
	if err != nil {
		return nil, fmt.Errorf("encoding payload: %w", err)
	}
	h := cose.Headers{
		X5Chain:          chain,
		X5ChainProtected: true,
		Protected:        cbor.Map[int64, cbor.RawMessage]{{Key: cose.HeaderType, Value: cbor.AppendText(nil, messageType)}},
	}
	m, err := cose.NewSign1(signer, h, body)
	if err != nil {
		return nil, err
	}
	return m.Bytes(), nil
}

// parse reads a message of the payload's type that holds to its CDDL, and verifies nothing.
func parse(raw []byte, payload message) (*cose.Sign1, error) {
	name, messageType := payload.kind()
	m, err := parsed(raw, messageType, payload)
	if err == nil {
		err = payload.validate()
	}
	if err != nil {
		return nil, fmt.Errorf("decoding %s: %w", name, err)
	}
	return m, nil
}

func parsed(raw []byte, messageType string, payload any) (*cose.Sign1, error) {
	if len(raw) > maxMessage {
		return nil, fmt.Errorf("%d bytes, more than the limit of %d", len(raw), maxMessage)
	}
	m, err := cose.ParseSign1(bytes.Clone(raw)) // what is decoded must not follow the caller's buffer
	if err != nil {
		return nil, err
	}
	value, found := m.ProtectedHeader(cose.HeaderType)
	if !found {
		return nil, ErrType
	}
	var got string
	if err := cbor.Unmarshal(value, &got); err != nil || got != messageType {
		return nil, ErrType
	}
	if m.Payload() == nil {
		return nil, errors.New("detached payload")
	}
	if err := cbor.Unmarshal(m.Payload(), payload); err != nil {
		return nil, fmt.Errorf("decoding payload: %w", err)
	}
	return m, nil
}

// attested compares what every attestation repeats of its order; an error wraps [ErrMismatch].
func (o *Order) attested(a Application, orderID, challenge, seID []byte) error {
	switch {
	case o.Kind != OrderProvision:
		return fmt.Errorf("%w: the order provisions nothing", ErrMismatch)
	case o.Application.orCredential() != a:
		return fmt.Errorf("%w: application", ErrMismatch)
	case !bytes.Equal(orderID, o.ID):
		return fmt.Errorf("%w: order id", ErrMismatch)
	case !bytes.Equal(challenge, o.Challenge):
		return fmt.Errorf("%w: challenge", ErrMismatch)
	case !bytes.Equal(seID, o.SEID):
		return fmt.Errorf("%w: secure element id", ErrMismatch)
	default:
		return nil
	}
}

// length is one field that has a fixed number of bytes.
type length struct {
	name string
	got  []byte
	want int
}

func checkLengths(fields ...length) error {
	for _, f := range fields {
		if len(f.got) != f.want {
			return fmt.Errorf("%s of %d bytes, expected %d", f.name, len(f.got), f.want)
		}
	}
	return nil
}
