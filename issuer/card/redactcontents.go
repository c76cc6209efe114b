package card

import (
	"fmt"
	"log/slog"
)

// Format writes [redacted] for every verb.
func (Contents) Format(f fmt.State, _ rune) { redact(f) }

// LogValue is [redacted].
func (Contents) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText is [redacted].
func (Contents) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Format writes [redacted] for every verb.
func (Holder) Format(f fmt.State, _ rune) { redact(f) }

// LogValue is [redacted].
func (Holder) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText is [redacted].
func (Holder) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Format writes [redacted] for every verb.
func (HolderAttributes) Format(f fmt.State, _ rune) { redact(f) }

// LogValue is [redacted].
func (HolderAttributes) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText is [redacted].
func (HolderAttributes) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Format writes [redacted] for every verb.
func (CardFace) Format(f fmt.State, _ rune) { redact(f) }

// LogValue is [redacted].
func (CardFace) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText is [redacted].
func (CardFace) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Format writes [redacted] for every verb.
func (AgeRecord) Format(f fmt.State, _ rune) { redact(f) }

// LogValue is [redacted].
func (AgeRecord) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText is [redacted].
func (AgeRecord) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Format writes [redacted] for every verb.
func (NumberImage) Format(f fmt.State, _ rune) { redact(f) }

// LogValue is [redacted].
func (NumberImage) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText is [redacted].
func (NumberImage) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Format writes [redacted] for every verb.
func (CardNumber) Format(f fmt.State, _ rune) { redact(f) }

// LogValue is [redacted].
func (CardNumber) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText is [redacted].
func (CardNumber) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Format writes [redacted] for every verb.
func (NumberBParts) Format(f fmt.State, _ rune) { redact(f) }

// LogValue is [redacted].
func (NumberBParts) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText is [redacted].
func (NumberBParts) MarshalText() ([]byte, error) { return []byte(redacted), nil }
