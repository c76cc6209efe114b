package card

import (
	"errors"
	"fmt"
	"strings"
)

// Secrets are what the holder knows or has printed on the card. They are used for VERIFY and go nowhere else; formatting
// one gives [redacted].
type Secrets struct {
	// AttributePIN is the 券面事項入力補助用暗証番号: 4 digits, 3 tries.
	AttributePIN string
	// SignaturePassword is the 署名用電子証明書用暗証番号: 6 to 16 of A-Z and 0-9, 5 tries. Small letters are taken as capitals.
	SignaturePassword string
	// NumberB is the 照合番号B: birth date YYMMDD, year of expiry, security code; 14 digits, 10 tries.
	NumberB string
}

// A SecretName says which secret an error is about.
type SecretName string

// The secrets by name.
const (
	AttributePIN      SecretName = "attribute PIN"
	SignaturePassword SecretName = "signature password"
	NumberB           SecretName = "number B"
)

// Errors about secrets; Read returns them inside a *SecretError.
var (
	// ErrSecretForm says that a secret cannot be right, and that it was therefore not sent: no try is spent.
	ErrSecretForm = errors.New("not of the form of this secret")
	// ErrWrongSecret says that the card refused the secret: one try is spent.
	ErrWrongSecret = errors.New("wrong value")
	// ErrLastTry says that one try is left and Options.SpendLastTry was not set: nothing was sent.
	ErrLastTry = errors.New("one try is left, and it was not spent")
	// ErrSecretBlocked says that no try is left; a municipal office can unlock the secret.
	ErrSecretBlocked = errors.New("blocked")
)

// A SecretError says what became of one secret. It never holds the secret.
type SecretError struct {
	Secret SecretName
	// TriesLeft is the number the card told, -1 when it told none.
	TriesLeft int
	// Err is one of the errors above.
	Err error
}

func (e *SecretError) Error() string {
	if e.TriesLeft < 0 || errors.Is(e.Err, ErrLastTry) || errors.Is(e.Err, ErrSecretBlocked) {
		return fmt.Sprintf("verifying the %s: %v", e.Secret, e.Err)
	}
	return fmt.Sprintf("verifying the %s: %v, %d tries left", e.Secret, e.Err, e.TriesLeft)
}

// Unwrap gives the cause.
func (e *SecretError) Unwrap() error { return e.Err }

// normalized checks every form before any secret is sent, so that a slip of the finger costs no try.
func (s Secrets) normalized() (Secrets, error) {
	s.SignaturePassword = strings.ToUpper(s.SignaturePassword)
	switch {
	case len(s.AttributePIN) != 4 || !digits(s.AttributePIN):
		return Secrets{}, &SecretError{Secret: AttributePIN, TriesLeft: -1, Err: ErrSecretForm}
	case !signaturePasswordForm(s.SignaturePassword):
		return Secrets{}, &SecretError{Secret: SignaturePassword, TriesLeft: -1, Err: ErrSecretForm}
	case len(s.NumberB) != 14 || !digits(s.NumberB):
		return Secrets{}, &SecretError{Secret: NumberB, TriesLeft: -1, Err: ErrSecretForm}
	}
	return s, nil
}

func signaturePasswordForm(s string) bool {
	if len(s) < 6 || len(s) > 16 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}
