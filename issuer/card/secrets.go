package card

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Secrets are what the holder knows or has printed on the card. They are used for VERIFY and go nowhere else; formatting
// one gives [redacted].
type Secrets struct {
	// AttributePIN is the 券面事項入力補助用暗証番号: 4 digits, 3 tries.
	AttributePIN string
	// SignaturePassword is the 署名用電子証明書用暗証番号: 6 to 16 of A-Z and 0-9, 5 tries. Small letters are taken as capitals.
	SignaturePassword string
	// NumberB is the 照合番号B: birth date YYMMDD, year of expiry, security code; 14 digits, 10 tries. See [NumberBParts].
	NumberB string
}

// A SecretName says which secret an error is about.
type SecretName string

// The secrets by name.
const (
	AuthenticationPIN SecretName = "authentication PIN" //nolint:gosec // a name
	SignaturePassword SecretName = "signature password"
	AttributePIN      SecretName = "attribute PIN"
	NumberA           SecretName = "number A"
	NumberB           SecretName = "number B"
	BirthDateKey      SecretName = "birth date"
	ResidentPIN       SecretName = "resident register PIN"
	CommonPIN         SecretName = "common PIN"
	unusedSecret      SecretName = "unused secret"
)

// The files that hold secrets, each with a counter of its own: the two of number A and the two of number B are four counters.
const (
	AuthenticationPINFile FileID = 0x10018
	SignaturePasswordFile FileID = 0x1001B
	AttributesPINFile     FileID = 0x20011
	AttributesUnusedFile  FileID = 0x20012 // blocked from birth
	AttributesNumberAFile FileID = 0x20014
	AttributesNumberBFile FileID = 0x20015
	BirthDateKeyFile      FileID = 0x30011
	FaceNumberBFile       FileID = 0x30012
	FaceNumberAFile       FileID = 0x30013
	CommonPINFile         FileID = 0x4001C
	ResidentPINFile       FileID = 0x5001C
)

// SecretFiles lists the files that hold secrets on a token of the kind, grouped by application. A phone has those of JPKI-AP only.
func SecretFiles(k Kind) []FileID {
	all := []FileID{
		AuthenticationPINFile, SignaturePasswordFile, AttributesPINFile, AttributesUnusedFile, AttributesNumberAFile,
		AttributesNumberBFile, BirthDateKeyFile, FaceNumberBFile, FaceNumberAFile, CommonPINFile, ResidentPINFile,
	}
	if k.Phone() {
		return all[:2]
	}
	return all
}

// Secret names the secret a file holds; false for a file that holds none.
func (f FileID) Secret() (SecretName, bool) {
	switch f {
	case AuthenticationPINFile:
		return AuthenticationPIN, true
	case SignaturePasswordFile:
		return SignaturePassword, true
	case AttributesPINFile:
		return AttributePIN, true
	case AttributesUnusedFile:
		return unusedSecret, true
	case AttributesNumberAFile, FaceNumberAFile:
		return NumberA, true
	case AttributesNumberBFile, FaceNumberBFile:
		return NumberB, true
	case BirthDateKeyFile:
		return BirthDateKey, true
	case CommonPINFile:
		return CommonPIN, true
	case ResidentPINFile:
		return ResidentPIN, true
	default:
		return "", false
	}
}

// Errors about secrets; they come inside a *SecretError.
var (
	// ErrSecretForm says that a secret cannot be right, and that it was therefore not sent: no try is spent.
	ErrSecretForm = errors.New("not of the form of this secret")
	// ErrWrongSecret says that the card refused the secret: one try is spent.
	ErrWrongSecret = errors.New("wrong value")
	// ErrLastTry says that one try is left and SpendLastTry was not set: nothing was sent.
	ErrLastTry = errors.New("one try is left, and it was not spent")
	// ErrSecretBlocked says that no try is left; a municipal office can unlock the secret.
	ErrSecretBlocked = errors.New("blocked")
	// ErrSecretFixed says that nobody changes this secret: it is printed on the card.
	ErrSecretFixed = errors.New("cannot be changed")
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
func (s Secrets) normalized() (_ Secrets, err error) {
	if s.AttributePIN, err = AttributePIN.normalize(s.AttributePIN); err != nil {
		return Secrets{}, err
	}
	if s.SignaturePassword, err = SignaturePassword.normalize(s.SignaturePassword); err != nil {
		return Secrets{}, err
	}
	if s.NumberB, err = NumberB.normalize(s.NumberB); err != nil {
		return Secrets{}, err
	}
	return s, nil
}

// normalize gives the value as it is sent, or an error of ErrSecretForm.
func (n SecretName) normalize(value string) (string, error) {
	ok := false
	switch n {
	case SignaturePassword:
		value = strings.ToUpper(value)
		ok = signaturePasswordForm(value)
	case NumberA:
		ok = ValidNumber(value)
	case NumberB:
		ok = len(value) == 14 && digits(value)
	case BirthDateKey:
		ok = len(value) == 6 && digits(value)
	case CommonPIN: // its form is not public
		ok = len(value) >= 4 && len(value) <= 16 && !slices.ContainsFunc([]byte(value), func(c byte) bool { return c < ' ' || c > '~' })
	case AuthenticationPIN, AttributePIN, ResidentPIN:
		ok = len(value) == 4 && digits(value)
	case unusedSecret:
	}
	if !ok {
		return "", &SecretError{Secret: n, TriesLeft: -1, Err: ErrSecretForm}
	}
	return value, nil
}

// normalizeNew is normalize for a value that is to replace another. A new signature password must have a letter and a digit, as
// municipal offices ask it.
func (n SecretName) normalizeNew(value string) (string, error) {
	switch n {
	case NumberA, NumberB, BirthDateKey, unusedSecret:
		return "", &SecretError{Secret: n, TriesLeft: -1, Err: ErrSecretFixed}
	case SignaturePassword:
		if !strings.ContainsAny(value, "0123456789") || digits(value) {
			return "", &SecretError{Secret: n, TriesLeft: -1, Err: ErrSecretForm}
		}
	case AuthenticationPIN, AttributePIN, ResidentPIN, CommonPIN:
	}
	return n.normalize(value)
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
