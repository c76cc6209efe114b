//go:build pkcs11

package hsm

import (
	"errors"
	"fmt"

	"github.com/miekg/pkcs11"
)

// tokenOf finds the one token that the URI names, in its slot.
func tokenOf(ctx *pkcs11.Ctx, u URI) (slot uint, info pkcs11.TokenInfo, err error) {
	slots, err := ctx.GetSlotList(true)
	if err != nil {
		return 0, info, fmt.Errorf("listing slots: %w", err)
	}
	found := 0
	for _, s := range slots {
		t, err := ctx.GetTokenInfo(s)
		if err != nil {
			continue // a token pulled since; if it was the one, none is found
		}
		if fits(u.Token, t.Label) && fits(u.Serial, t.SerialNumber) && fits(u.Manufacturer, t.ManufacturerID) && fits(u.Model, t.Model) {
			slot, info = s, t
			found++
		}
	}
	if found != 1 {
		return 0, info, fmt.Errorf("%d tokens fit: %w", found, ErrKey)
	}
	return slot, info, nil
}

func fits(want, is string) bool { return want == "" || want == is }

// mayTry tells whether the PIN may be tried: not when the token is locked, nor when the try could lock it. A service that
// starts again and again would otherwise spend every try on one wrong file.
func mayTry(flags uint) error {
	switch {
	case flags&pkcs11.CKF_USER_PIN_LOCKED != 0:
		return fmt.Errorf("the token is locked: %w", ErrPIN)
	case flags&pkcs11.CKF_USER_PIN_FINAL_TRY != 0:
		return fmt.Errorf("the token has one try left, which is not spent here: %w", ErrPIN)
	case flags&pkcs11.CKF_TOKEN_INITIALIZED == 0 || flags&pkcs11.CKF_USER_PIN_INITIALIZED == 0:
		return fmt.Errorf("the token has no user PIN: %w", ErrPIN)
	}
	return nil
}

// login opens the token to the user. That it is open to the process already is good.
func login(ctx *pkcs11.Ctx, session pkcs11.SessionHandle, u URI, flags uint) error {
	if err := mayTry(flags); err != nil {
		return err
	}
	pin, err := u.pin()
	if err != nil {
		return err
	}
	defer clear(pin)
	switch err := ctx.Login(session, pkcs11.CKU_USER, string(pin)); {
	case err == nil || errors.Is(err, pkcs11.Error(pkcs11.CKR_USER_ALREADY_LOGGED_IN)):
		return nil
	case errors.Is(err, pkcs11.Error(pkcs11.CKR_PIN_INCORRECT)), errors.Is(err, pkcs11.Error(pkcs11.CKR_PIN_LEN_RANGE)),
		errors.Is(err, pkcs11.Error(pkcs11.CKR_PIN_INVALID)), errors.Is(err, pkcs11.Error(pkcs11.CKR_PIN_LOCKED)), errors.Is(err, pkcs11.Error(pkcs11.CKR_PIN_EXPIRED)):
		return fmt.Errorf("logging in: %w: %w", ErrPIN, err)
	default:
		return fmt.Errorf("logging in: %w", err)
	}
}

// secretKey finds the one secret key that the URI names, and judges it.
func secretKey(ctx *pkcs11.Ctx, session pkcs11.SessionHandle, u URI) (pkcs11.ObjectHandle, error) {
	template := []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY)}
	if u.Object != "" {
		template = append(template, pkcs11.NewAttribute(pkcs11.CKA_LABEL, u.Object))
	}
	if len(u.ID) > 0 {
		template = append(template, pkcs11.NewAttribute(pkcs11.CKA_ID, u.ID))
	}
	if err := ctx.FindObjectsInit(session, template); err != nil {
		return 0, fmt.Errorf("looking for key: %w", err)
	}
	found, _, err := ctx.FindObjects(session, 2)
	if err = errors.Join(err, ctx.FindObjectsFinal(session)); err != nil {
		return 0, fmt.Errorf("looking for key: %w", err)
	}
	if len(found) != 1 {
		return 0, fmt.Errorf("%d secret keys fit, or more: %w", len(found), ErrKey)
	}
	return found[0], holds(ctx, session, found[0])
}

// holds refuses a key that is not AES-256, not for MACs, or could come out of the module.
func holds(ctx *pkcs11.Ctx, session pkcs11.SessionHandle, key pkcs11.ObjectHandle) error {
	for _, want := range []struct {
		name  string
		value *pkcs11.Attribute
	}{
		{"not AES", pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_AES)},
		// softhsm2-util --import cuts a key at its first zero byte or line's end; what is left of it is found here.
		{"not of 32 bytes", pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, keySize)},
		{"not sensitive", pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true)},
		{"extractable", pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, false)},
		{"not for signing", pkcs11.NewAttribute(pkcs11.CKA_SIGN, true)},
	} {
		is, err := ctx.GetAttributeValue(session, key, []*pkcs11.Attribute{{Type: want.value.Type}})
		if err != nil {
			return fmt.Errorf("reading the key's attributes: %w", err)
		}
		if string(is[0].Value) != string(want.value.Value) {
			return fmt.Errorf("the key is %s: %w", want.name, ErrKey)
		}
	}
	return nil
}
