package provisioning

import (
	"fmt"
	"io"
	"log/slog"
)

// A secure element's id follows a phone, and with it a person, for years: messages that carry one never show
// themselves in logs or error texts.
const redacted = "[redacted]"

// LogValue hides the order.
func (Order) LogValue() slog.Value { return slog.StringValue(redacted) }

// Format hides the order under every verb.
func (Order) Format(f fmt.State, _ rune) { hide(f) }

// LogValue hides the attestation.
func (Attestation) LogValue() slog.Value { return slog.StringValue(redacted) }

// Format hides the attestation under every verb.
func (Attestation) Format(f fmt.State, _ rune) { hide(f) }

// LogValue hides the receipt.
func (Receipt) LogValue() slog.Value { return slog.StringValue(redacted) }

// Format hides the receipt under every verb.
func (Receipt) Format(f fmt.State, _ rune) { hide(f) }

// LogValue hides the attestation.
func (*SignedAttestation) LogValue() slog.Value { return slog.StringValue(redacted) }

// Format hides the attestation under every verb.
func (*SignedAttestation) Format(f fmt.State, _ rune) { hide(f) }

// LogValue hides the receipt.
func (*SignedReceipt) LogValue() slog.Value { return slog.StringValue(redacted) }

// Format hides the receipt under every verb.
func (*SignedReceipt) Format(f fmt.State, _ rune) { hide(f) }

// LogValue hides the attestation.
func (PhoneAttestation) LogValue() slog.Value { return slog.StringValue(redacted) }

// Format hides the attestation under every verb.
func (PhoneAttestation) Format(f fmt.State, _ rune) { hide(f) }

// LogValue hides the attestation.
func (*SignedPhoneAttestation) LogValue() slog.Value { return slog.StringValue(redacted) }

// Format hides the attestation under every verb.
func (*SignedPhoneAttestation) Format(f fmt.State, _ rune) { hide(f) }

// LogValue hides the certificates.
func (CertificateSet) LogValue() slog.Value { return slog.StringValue(redacted) }

// Format hides the certificates under every verb.
func (CertificateSet) Format(f fmt.State, _ rune) { hide(f) }

func hide(w io.Writer) { _, _ = io.WriteString(w, redacted) }
