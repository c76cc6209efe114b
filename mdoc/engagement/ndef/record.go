package ndef

import "fmt"

// TNF says what the type of a record is (NDEF 1.0, 3.2.6).
type TNF byte

// The type name formats. That of a chunk (6) and the reserved one (7) are refused.
const (
	Empty     TNF = 0
	WellKnown TNF = 1 // a type of the NFC Forum, such as Hs
	Media     TNF = 2 // a media type
	URI       TNF = 3
	External  TNF = 4 // a type under a domain name
	Unknown   TNF = 5 // no type
)

// Flags in the first byte of a record (NDEF 1.0, 3.2.1 to 3.2.5).
const (
	flagBegin = 0x80
	flagEnd   = 0x40
	flagChunk = 0x20
	flagShort = 0x10
	flagID    = 0x08
	maskTNF   = 0x07
)

// Record is one record:
//
//	flags and TNF, type length, payload length (1 or 4 bytes), [ID length], type, ID, payload
type Record struct {
	TNF  TNF
	Type string // 1 to 255 bytes; none with Empty and Unknown
	ID   string // at most 255 bytes; "" without
	// Payload is a slice of the message after Parse.
	Payload []byte
}

// check refuses a type where none may be and the other way round (NDEF 1.0, 3.2.6).
func (r Record) check() error {
	typed := r.TNF >= WellKnown && r.TNF <= External
	switch {
	case r.TNF > Unknown:
		return fmt.Errorf("type name format %d: %w", r.TNF, ErrMalformed)
	case typed && r.Type == "":
		return fmt.Errorf("no type where format %d has one: %w", r.TNF, ErrMalformed)
	case !typed && r.Type != "":
		return fmt.Errorf("a type where format %d has none: %w", r.TNF, ErrMalformed)
	case r.TNF == Empty && (r.ID != "" || len(r.Payload) > 0):
		return fmt.Errorf("an empty record with content: %w", ErrMalformed)
	case len(r.Type) > 255 || len(r.ID) > 255:
		return fmt.Errorf("type or ID over 255 bytes: %w", ErrMalformed)
	}
	return nil
}

// Is tells whether the record has this format and type.
func (r Record) Is(tnf TNF, typ string) bool { return r.TNF == tnf && r.Type == typ }

// append writes the record with the position flags given, in the short form where the payload has one.
func (r Record) append(b []byte, position byte) []byte {
	head := position | byte(r.TNF)
	n := len(r.Payload)
	if n <= 255 {
		head |= flagShort
	}
	if r.ID != "" {
		head |= flagID
	}
	b = append(b, head, byte(len(r.Type)))
	if n > 255 {
		b = append(b, byte(n>>24), byte(n>>16), byte(n>>8))
	}
	b = append(b, byte(n))
	if r.ID != "" {
		b = append(b, byte(len(r.ID)))
	}
	b = append(append(b, r.Type...), r.ID...)
	return append(b, r.Payload...)
}
