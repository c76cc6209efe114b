package problem

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
)

// HeaderRequestID is the response header that names a request. The server in
// front sets it before any handler runs; a value sent by a client is not used.
const HeaderRequestID = "X-Request-Id"

// NewRequestID returns 16 random bytes in hex. A nil reader means
// crypto/rand.Reader.
func NewRequestID(random io.Reader) (string, error) {
	if random == nil {
		random = rand.Reader
	}
	var id [16]byte
	if _, err := io.ReadFull(random, id[:]); err != nil {
		return "", fmt.Errorf("drawing request id: %w", err)
	}
	return hex.EncodeToString(id[:]), nil
}
