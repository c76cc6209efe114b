//go:build pkcs11

package hsm

import (
	"errors"
	"strings"
	"testing"

	"github.com/miekg/pkcs11"

	"mobileid/cmd/internal/hsm/hsmtest"
)

// bed is a private SoftHSM with one token, "tsm".
type bed struct {
	*hsmtest.Token
	t *testing.T
}

func newBed(t *testing.T) *bed {
	t.Helper()
	return &bed{hsmtest.New(t, "tsm"), t}
}

func (b *bed) masterKey(label string) {
	b.t.Helper()
	b.Generate("--keygen", "--key-type", "AES:32", "--label", label, "--usage-sign", "--sensitive")
}

func (b *bed) signingKey(label, id string) {
	b.t.Helper()
	b.Generate("--keypairgen", "--key-type", "EC:prime256v1", "--label", label, "--id", id, "--usage-sign", "--sensitive")
}

// uri names an object of the token.
func (b *bed) uri(object string) string {
	return URI{Token: "tsm", Object: object, ModulePath: hsmtest.Module, PINFile: b.PINFile}.String()
}

// inside works on the token as its user.
func (b *bed) inside(work func(*pkcs11.Ctx, pkcs11.SessionHandle)) {
	b.t.Helper()
	ctx := pkcs11.New(hsmtest.Module)
	check(b.t, ctx.Initialize())
	defer ctx.Destroy()
	defer ctx.Finalize() //nolint:errcheck // the test is over
	slot, _, err := tokenOf(ctx, URI{Token: "tsm"})
	check(b.t, err)
	session, err := ctx.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	check(b.t, err)
	check(b.t, ctx.Login(session, pkcs11.CKU_USER, hsmtest.UserPIN))
	work(ctx, session)
}

// importKey puts a known AES key into the token; alter changes the attributes.
func (b *bed) importKey(label string, key []byte, alter ...*pkcs11.Attribute) {
	b.t.Helper()
	b.inside(func(ctx *pkcs11.Ctx, session pkcs11.SessionHandle) {
		template := []*pkcs11.Attribute{
			pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY), pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_AES),
			pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true), pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, true), pkcs11.NewAttribute(pkcs11.CKA_LABEL, label),
			pkcs11.NewAttribute(pkcs11.CKA_ID, label), pkcs11.NewAttribute(pkcs11.CKA_VALUE, key),
		}
		with := map[uint]*pkcs11.Attribute{pkcs11.CKA_SENSITIVE: pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true),
			pkcs11.CKA_EXTRACTABLE: pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, false), pkcs11.CKA_SIGN: pkcs11.NewAttribute(pkcs11.CKA_SIGN, true)}
		for _, a := range alter {
			with[a.Type] = a
		}
		for _, a := range with {
			template = append(template, a)
		}
		_, err := ctx.CreateObject(session, template)
		check(b.t, err)
	})
}

// refusal is a key that is not opened, the error it is refused with, and what that says.
type refusal struct {
	name, uri string
	is        error // nil for one without a sentinel
	says      string
}

// refused opens each, with an opener of its own.
func refused(t *testing.T, cases []refusal, open func(o *Opener, uri string) (opened bool, err error)) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var o Opener
			defer func() { check(t, o.Close()) }()
			opened, err := open(&o, c.uri)
			if err == nil || opened || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got %v", err)
			}
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("the error holds a PIN: %v", err)
			}
		})
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
