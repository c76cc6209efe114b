//go:build pkcs11

package hsm

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"mobileid/mdoc/cose"

	"github.com/ThalesGroup/crypto11"
	"github.com/miekg/pkcs11"
)

// waitForSession bounds the wait for one of a token's sessions.
const waitForSession = 10 * time.Second

// session gives crypto11's way to the URI's token; keys of one token share it.
func (m *modules) session(u URI) (*crypto11.Context, error) {
	c := crypto11.Config{Path: u.ModulePath, TokenLabel: u.Token, MaxSessions: maxSessions, PoolWaitTimeout: waitForSession}
	if u.Token == "" {
		c.TokenSerial = u.Serial
	}
	if s := m.signing[c]; s != nil {
		return s, nil
	}
	if err := m.mayLogIn(u); err != nil {
		return nil, err
	}
	pin, err := u.pin()
	if err != nil {
		return nil, err
	}
	defer clear(pin)
	named := c
	named.Pin = string(pin)
	s, err := crypto11.Configure(&named)
	if errors.Is(err, pkcs11.Error(pkcs11.CKR_PIN_INCORRECT)) || errors.Is(err, pkcs11.Error(pkcs11.CKR_PIN_LEN_RANGE)) {
		return nil, fmt.Errorf("logging in: %w", ErrPIN)
	}
	if err != nil {
		return nil, fmt.Errorf("logging in: %w", err)
	}
	if m.signing == nil {
		m.signing = make(map[crypto11.Config]*crypto11.Context)
	}
	m.signing[c] = s
	return s, nil
}

// mayLogIn looks at the token before crypto11, which does not. It leaves the module as it was, since crypto11 initialises
// it itself and only once.
func (m *modules) mayLogIn(u URI) error {
	if m.loaded[u.ModulePath] != nil {
		return errors.New("one process takes either secret keys or signing keys of a module")
	}
	var look modules
	ctx, err := look.load(u.ModulePath)
	if err != nil {
		return err
	}
	_, info, err := tokenOf(ctx, u)
	if err == nil {
		err = mayTry(info.Flags)
	}
	return errors.Join(err, look.close())
}

// findSigner finds the one key pair the URI names, refuses one that could come out of the module, and has it sign once.
func findSigner(session *crypto11.Context, u URI) (crypto.Signer, error) {
	found, err := session.FindKeyPairs(u.ID, []byte(u.Object))
	if err != nil {
		return nil, fmt.Errorf("looking for key: %w: %w", ErrKey, err)
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("%d key pairs fit: %w", len(found), ErrKey)
	}
	for _, want := range []struct {
		name  string
		value *pkcs11.Attribute
	}{
		{"not sensitive", pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true)},
		{"extractable", pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, false)},
	} {
		is, err := session.GetAttribute(found[0], want.value.Type)
		if err != nil {
			return nil, fmt.Errorf("reading the key's attributes: %w", err)
		}
		if is == nil || string(is.Value) != string(want.value.Value) {
			return nil, fmt.Errorf("the key is %s: %w", want.name, ErrKey)
		}
	}
	return tried(found[0])
}

// tried takes a key whose curve is known here and whose halves belong together.
func tried(key crypto.Signer) (crypto.Signer, error) {
	public, ok := key.Public().(*ecdsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("the key is not ECDSA: %w", ErrKey)
	}
	if _, err := cose.AlgorithmFor(public); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	digest := sha256.Sum256([]byte("mobileid: do the halves of this key belong together?"))
	signature, err := key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("trying key: %w", err)
	}
	if !ecdsa.VerifyASN1(public, digest[:], signature) {
		return nil, fmt.Errorf("the public key is not the private one's: %w", ErrKey)
	}
	return hidden{key}, nil
}

// hidden is a signer that prints as [redacted]: crypto11's holds the PIN.
type hidden struct{ crypto.Signer }

// Format prints [redacted].
func (hidden) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[redacted]") }

// LogValue is [redacted].
func (hidden) LogValue() slog.Value { return slog.StringValue("[redacted]") }
