package card

import (
	"fmt"
	"io"
	"log/slog"
)

// redacted stands for personal data and secrets wherever a value is formatted, logged or turned into JSON.
const redacted = "[redacted]"

func redact(w io.Writer) { _, _ = io.WriteString(w, redacted) }

// Format writes [redacted] for every verb.
func (Secrets) Format(f fmt.State, _ rune) { redact(f) }

// LogValue is [redacted].
func (Secrets) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText is [redacted]: secrets are never written out.
func (Secrets) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Format writes [redacted] for every verb.
func (Reading) Format(f fmt.State, _ rune) { redact(f) }

// LogValue is [redacted].
func (Reading) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText is [redacted]; the form for sending is [Reading.Bytes].
func (Reading) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Format writes [redacted] for every verb.
func (File) Format(f fmt.State, _ rune) { redact(f) }

// LogValue is [redacted].
func (File) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText is [redacted].
func (File) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Format writes [redacted] for every verb.
func (Identity) Format(f fmt.State, _ rune) { redact(f) }

// LogValue is [redacted].
func (Identity) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText is [redacted].
func (Identity) MarshalText() ([]byte, error) { return []byte(redacted), nil }
