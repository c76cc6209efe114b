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
	EReaderKey cbor.Embedded[cose.Key]
	Data       []byte
}

// StatusMessage encodes a SessionData that carries only a status.
func StatusMessage(s Status) ([]byte, error) {
	return appendStatus(cbor.AppendMapHead(nil, 1), s), nil
}

func appendStatus(b []byte, s Status) []byte {
	return cbor.AppendUint(cbor.AppendText(b, "status"), uint64(s))
}

// appendData begins a SessionData or a SessionEstablishment member with data: the n bytes of the ciphertext follow.
func appendData(b []byte, n int) []byte { return cbor.AppendBytesHead(cbor.AppendText(b, "data"), n) }

// establish writes SessionEstablishment around the request, encrypted in place.
func establish(eReaderKeyBytes []byte, out *channel, request []byte) ([]byte, error) {
	b := make([]byte, 0, len(eReaderKeyBytes)+len(request)+overhead)
	b = append(cbor.AppendText(cbor.AppendMapHead(b, 2), "eReaderKey"), eReaderKeyBytes...)
	return out.seal(appendData(b, len(request)+tagSize), request)
}

// sealed writes a SessionData around the plaintext, encrypted in place, and when last status 20.
func sealed(out *channel, plaintext []byte, last bool) ([]byte, error) {
	members := 1
	if last {
		members = 2
	}
	b := cbor.AppendMapHead(make([]byte, 0, len(plaintext)+overhead), members)
	b, err := out.seal(appendData(b, len(plaintext)+tagSize), plaintext)
	if err != nil || !last {
		return b, err
	}
	return appendStatus(b, StatusTermination), nil
}

// parseData reads a SessionData, ISO/IEC 18013-5:2021, 9.1.1.4:
//
//	SessionData = {? "data": bstr, ? "status": uint, * tstr => any}
//
// data is nil, or status is, when the message does not have it.
func parseData(message []byte) (data []byte, status *Status, err error) {
	if len(message) > MaxMessage {
		return nil, nil, fmt.Errorf("%d bytes, limit %d: %w", len(message), MaxMessage, ErrMalformed)
	}
	c := cbor.NewCursor(message)
	for m := c.Struct(); m.Next(); {
		switch string(m.Name()) {
		case "data":
			data = c.Bytes() // not nil, also when it is empty
		case "status":
			s := Status(c.Uint())
			status = &s
		default:
			c.Skip()
		}
	}
	if err := c.Done(); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	switch {
	case data == nil && status == nil:
		return nil, nil, fmt.Errorf("neither data nor status: %w", ErrMalformed)
	case data != nil && len(data) == 0:
		return nil, nil, fmt.Errorf("empty data: %w", ErrMalformed)
	case data != nil && status != nil && *status != StatusTermination:
		return nil, nil, fmt.Errorf("data together with status %s: %w", *status, ErrMalformed)
	}
	return data, status, nil
}

func parseEstablishment(message []byte) (establishment, error) {
	if len(message) > MaxMessage {
		return establishment{}, fmt.Errorf("%d bytes, limit %d: %w", len(message), MaxMessage, ErrMalformed)
	}
	var e establishment
	c := cbor.NewCursor(message)
	for m := c.Struct("eReaderKey", "data"); m.Next(); {
		switch string(m.Name()) {
		case "eReaderKey":
			cbor.ReadEmbedded(c, &e.EReaderKey, cose.ReadKey)
		case "data":
			e.Data = c.Bytes()
		default:
			c.Skip()
		}
	}
	if err := c.Done(); err != nil {
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
