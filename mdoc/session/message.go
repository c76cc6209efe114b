package session

import (
	"crypto/ecdh"
	"fmt"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
)

const (
	// MaxMessage bounds one session message. A response with a portrait of 100 kB and a certificate chain stays below a
	// fifth of it.
	MaxMessage = 1 << 20
	// MaxMessages bounds how many messages a session carries in each direction, the first included.
	MaxMessages = 64
	// overhead is more than the CBOR around data and the GCM tag add.
	overhead = 256
)

// Status is the status code of SessionData, ISO/IEC 18013-5:2021, 9.1.1.4, Table 20. Each ends the session.
type Status uint64

// The defined status codes.
const (
	StatusEncryptionError Status = 10
	StatusDecodingError   Status = 11
	StatusTermination     Status = 20
)

// String names the code as the standard does.
func (s Status) String() string {
	switch s {
	case StatusEncryptionError:
		return "10 (session encryption error)"
	case StatusDecodingError:
		return "11 (CBOR decoding error)"
	case StatusTermination:
		return "20 (session termination)"
	}
	return fmt.Sprintf("%d (reserved)", uint64(s))
}

// Error is a refusal of a received message. Status is what the other side should be told with [StatusMessage].
type Error struct {
	Status Status
	Err    error
}

// Error gives the cause; the status is not repeated.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

func refuse(s Status, op string, err error) *Error {
	return &Error{Status: s, Err: fmt.Errorf("%s: %w", op, err)}
}

// establishment is SessionEstablishment, ISO/IEC 18013-5:2021, 9.1.1.4:
//
//	SessionEstablishment = {"eReaderKey": #6.24(bstr .cbor COSE_Key), "data": bstr, * tstr => any}
type establishment struct {
	EReaderKey cbor.Embedded[cose.Key] `cbor:"eReaderKey"`
	Data       []byte                  `cbor:"data"`
}

// sessionData is SessionData, ISO/IEC 18013-5:2021, 9.1.1.4. The members stay encoded, so that one that is null or empty
// is not taken for one that is absent:
//
//	SessionData = {? "data": bstr, ? "status": uint, * tstr => any}
type sessionData struct {
	Data   cbor.RawMessage `cbor:"data,omitzero"`
	Status cbor.RawMessage `cbor:"status,omitzero"`
}

// StatusMessage encodes a SessionData that carries only a status.
func StatusMessage(s Status) ([]byte, error) {
	return cbor.Marshal(sessionData{Status: cbor.AppendUint(nil, uint64(s))})
}

// dataMessage encodes a SessionData with data and, when last, status 20.
func dataMessage(ciphertext []byte, last bool) ([]byte, error) {
	d := sessionData{Data: cbor.AppendBytes(nil, ciphertext)}
	if last {
		d.Status = cbor.AppendUint(nil, uint64(StatusTermination))
	}
	return cbor.Marshal(d)
}

// parseData reads a SessionData. data is nil, or status is, when the message does not have it.
func parseData(message []byte) (data []byte, status *Status, err error) {
	if len(message) > MaxMessage {
		return nil, nil, fmt.Errorf("%d bytes, limit %d: %w", len(message), MaxMessage, ErrMalformed)
	}
	var d sessionData
	if err := cbor.Unmarshal(message, &d); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if d.Status != nil {
		status = new(Status)
		if err := cbor.Unmarshal(d.Status, status); err != nil {
			return nil, nil, fmt.Errorf("status: %w: %w", ErrMalformed, err)
		}
	}
	if d.Data != nil {
		if err := cbor.Unmarshal(d.Data, &data); err != nil {
			return nil, nil, fmt.Errorf("data: %w: %w", ErrMalformed, err)
		}
	}
	switch {
	case d.Data == nil && d.Status == nil:
		return nil, nil, fmt.Errorf("neither data nor status: %w", ErrMalformed)
	case d.Data != nil && len(data) == 0:
		return nil, nil, fmt.Errorf("empty data: %w", ErrMalformed)
	case d.Data != nil && status != nil && *status != StatusTermination:
		return nil, nil, fmt.Errorf("data together with status %s: %w", *status, ErrMalformed)
	}
	return data, status, nil
}

func parseEstablishment(message []byte) (establishment, error) {
	if len(message) > MaxMessage {
		return establishment{}, fmt.Errorf("%d bytes, limit %d: %w", len(message), MaxMessage, ErrMalformed)
	}
	var e establishment
	if err := cbor.Unmarshal(message, &e); err != nil {
		return establishment{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return e, nil
}

// readerKey checks EReaderKey before anything is decrypted with it: on its curve, on the device's curve, and not
// compressed (ISO/IEC 18013-5:2021, 9.1.1.4).
func readerKey(key cbor.Embedded[cose.Key], curve ecdh.Curve) (*ecdh.PublicKey, error) {
	if key.Value.Compressed() {
		return nil, fmt.Errorf("ephemeral reader key is compressed: %w", ErrMalformed)
	}
	pub, err := key.Value.ECDH()
	if err != nil {
		return nil, fmt.Errorf("ephemeral reader key: %w: %w", ErrMalformed, err)
	}
	if pub.Curve() != curve {
		return nil, fmt.Errorf("ephemeral reader key is not on the curve of the device key: %w", ErrMalformed)
	}
	return pub, nil
}

func checkPayload(plaintext []byte) error {
	if len(plaintext) > MaxMessage-overhead {
		return fmt.Errorf("%d bytes of data, limit %d: %w", len(plaintext), MaxMessage-overhead, ErrLimit)
	}
	return nil
}
