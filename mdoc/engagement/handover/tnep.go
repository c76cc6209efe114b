package handover

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"mobileid/mdoc/engagement/ndef"
)

// Records of the Tag NDEF Exchange Protocol 1.0.
const (
	typeServiceParameter = "Tp"
	typeServiceSelect    = "Ts"
	typeStatus           = "Te"

	serviceName = "urn:nfc:sn:handover"
	selected    = "\x13" + serviceName // after its length
	tnepVersion = 0x10
	maxWait     = 63 // larger ones are reserved
)

// service is a service parameter record (TNEP 1.0, 4.1.2):
//
//	version, length and service name, communication mode, minimum wait, extensions of it, maximum message size (2)
type service struct {
	wait       byte
	extensions byte
	maxMessage int
}

func (s service) record() ndef.Record {
	b := append([]byte{tnepVersion, byte(len(serviceName))}, serviceName...)
	b = append(b, 0, s.wait, s.extensions)
	return ndef.Record{TNF: ndef.WellKnown, Type: typeServiceParameter, Payload: binary.BigEndian.AppendUint16(b, uint16(s.maxMessage))}
}

// duration is the minimum wait, 2^(WT/4-1) milliseconds.
func (s service) duration() time.Duration {
	return time.Duration(math.Exp2(float64(s.wait)/4-1) * float64(time.Millisecond))
}

// findService looks for the handover service among the records a tag shows; ok is false when there is none.
func findService(records []ndef.Record) (s service, ok bool, err error) {
	for _, r := range records {
		if !r.Is(ndef.WellKnown, typeServiceParameter) {
			continue
		}
		s, ok, err = parseService(r.Payload)
		if ok || err != nil {
			return s, ok, err
		}
	}
	return service{}, false, nil
}

// parseService reads a service parameter record; ok is false when it is that of another service.
func parseService(b []byte) (s service, ok bool, err error) {
	if len(b) < 2 || len(b) != 2+int(b[1])+5 {
		return s, false, fmt.Errorf("service parameter record of %d bytes: %w", len(b), ErrMalformed)
	}
	name, rest := string(b[2:len(b)-5]), b[len(b)-5:]
	if name != serviceName {
		return s, false, nil
	}
	s = service{wait: rest[1], extensions: rest[2], maxMessage: int(binary.BigEndian.Uint16(rest[3:]))}
	switch {
	case b[0]>>4 != tnepVersion>>4:
		return s, false, fmt.Errorf("service parameter record: version: %w", ErrMalformed)
	case rest[0] != 0:
		return s, false, fmt.Errorf("service parameter record: communication mode %d: %w", rest[0], ErrMalformed)
	case s.wait > maxWait:
		return s, false, fmt.Errorf("service parameter record: waiting time %d: %w", s.wait, ErrMalformed)
	}
	return s, true, nil
}

// serviceSelect is the message with which a reader selects the service.
func serviceSelect() []byte {
	out, _ := ndef.Append(nil, ndef.Record{TNF: ndef.WellKnown, Type: typeServiceSelect, Payload: []byte(selected)}) // 24 bytes: cannot fail
	return out
}

// isServiceSelect tells whether a message selects the service.
func isServiceSelect(raw []byte) bool {
	records, _ := ndef.Parse(raw) // none on failure
	if len(records) != 1 || !records[0].Is(ndef.WellKnown, typeServiceSelect) {
		return false
	}
	return string(records[0].Payload) == selected
}

// statusMessage is the message with a status; 0 is success.
func statusMessage(status byte) ([]byte, error) {
	return ndef.Append(nil, ndef.Record{TNF: ndef.WellKnown, Type: typeStatus, Payload: []byte{status}})
}

// StatusError is a TNEP status other than success.
type StatusError struct{ Status byte }

func (e *StatusError) Error() string {
	return fmt.Sprintf("tag answered with TNEP status %02X", e.Status)
}

// checkStatus reads a status message.
func checkStatus(raw []byte) error {
	records, err := ndef.Parse(raw)
	switch {
	case err != nil:
		return fmt.Errorf("status message: %w: %w", ErrMalformed, err)
	case !records[0].Is(ndef.WellKnown, typeStatus) || len(records[0].Payload) != 1:
		return fmt.Errorf("no status where one is due: %w", ErrMalformed)
	case records[0].Payload[0] != 0:
		return &StatusError{Status: records[0].Payload[0]}
	}
	return nil
}
