package cbor

import "fmt"

// Error says what is wrong with an input and where. Offset counts bytes from the start of the item that was given to
// the decoder; inside embedded CBOR it counts from the start of the embedded item.
type Error struct {
	Offset int
	Reason string
}

func (e *Error) Error() string { return fmt.Sprintf("cbor: offset %d: %s", e.Offset, e.Reason) }

func fail(offset int, format string, args ...any) error {
	return &Error{Offset: offset, Reason: fmt.Sprintf(format, args...)}
}
