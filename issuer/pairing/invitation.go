package pairing

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"mobileid/mdoc/cbor"
)

const (
	// Scheme begins the text of an invitation.
	Scheme = "mobileid-join:"

	idSize     = 16
	secretSize = 16
	// maxInvitation bounds the text: scheme and 50 characters are usual.
	maxInvitation = 256
)

// ErrInvitation says that a text is no invitation.
var ErrInvitation = errors.New("not an invitation")

// Invitation is what the QR code at the counter carries. It names no address: a phone goes to the issuer it was made for, so
// that a code cannot lead it elsewhere. Formatting one gives [redacted].
//
// docs/counter.md, invitation:
//
//	invitation = { 1: bstr .size 16, 2: bstr .size 16, * uint => any }   ; session, secret
//
// The text is Scheme and the encoding in base64url without padding (RFC 4648, 5).
type Invitation struct {
	SessionID []byte `cbor:"1,keyasint"`
	SecretKey []byte `cbor:"2,keyasint"`
}

// ParseInvitation reads the text of a QR code of at most 256 characters.
func ParseInvitation(text string) (Invitation, error) {
	encoded, ok := strings.CutPrefix(text, Scheme)
	if !ok || len(text) > maxInvitation {
		return Invitation{}, fmt.Errorf("reading invitation: %w", ErrInvitation)
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return Invitation{}, fmt.Errorf("reading invitation: %w", ErrInvitation)
	}
	var i Invitation
	if err := cbor.Unmarshal(raw, &i); err != nil || len(i.SessionID) != idSize || len(i.SecretKey) != secretSize {
		return Invitation{}, fmt.Errorf("reading invitation: %w", ErrInvitation)
	}
	return i, nil
}

// Reveal gives the text for the QR code.
func (i Invitation) Reveal() (string, error) {
	raw, err := cbor.Marshal(i)
	if err != nil {
		return "", fmt.Errorf("writing invitation: %w", err)
	}
	return Scheme + base64.RawURLEncoding.EncodeToString(raw), nil
}

// Session names the session at the issuer.
func (i Invitation) Session() string { return hex.EncodeToString(i.SessionID) }

// Secret is the bearer token with which one phone takes the session up.
func (i Invitation) Secret() string { return base64.RawURLEncoding.EncodeToString(i.SecretKey) }

// Format keeps the secret out of formatted text.
func (Invitation) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("[redacted]")) }

// LogValue keeps the secret out of logs.
func (Invitation) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// MarshalText is [redacted]; the text for a phone is [Invitation.Reveal].
func (Invitation) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }
