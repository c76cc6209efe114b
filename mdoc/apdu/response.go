package apdu

import "fmt"

// A Response is a response APDU: data and a status word (ISO/IEC 7816-4:2020, 5.2).
type Response struct {
	// Data aliases the bytes parsed. At most MaxExtendedLe bytes.
	Data []byte
	SW   SW
}

// ParseResponse reads exactly one response APDU, 2 to MaxResponse bytes, whose
// status word begins with 6 or 9 as the standard demands (but not 60, which is a
// T=0 procedure byte). The Data of the result aliases b.
func ParseResponse(b []byte) (Response, error) {
	if len(b) < 2 || len(b) > MaxResponse {
		return Response{}, fmt.Errorf("parsing response: %d bytes: %w", len(b), ErrLength)
	}
	n := len(b) - 2
	sw := SW(b[n])<<8 | SW(b[n+1])
	if hi := b[n] >> 4; hi != 6 && hi != 9 || b[n] == 0x60 {
		return Response{}, fmt.Errorf("parsing response: %04X is no status word", uint16(sw))
	}
	return Response{Data: b[:n:n], SW: sw}, nil
}

// Bytes encodes data and status word.
func (r Response) Bytes() []byte {
	return r.AppendTo(make([]byte, 0, len(r.Data)+2))
}

// AppendTo is Bytes onto b, for callers that reuse a buffer.
func (r Response) AppendTo(b []byte) []byte {
	b = append(b, r.Data...)
	return append(b, byte(r.SW>>8), byte(r.SW))
}

// Err is nil for 9000 and a *StatusError for everything else, warnings (62xx,
// 63xx) included: the caller names the ones it expects.
func (r Response) Err() error { return r.SW.Err() }
