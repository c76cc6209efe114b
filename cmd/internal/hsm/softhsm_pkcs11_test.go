//go:build pkcs11

package hsm

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/miekg/pkcs11"
)

const (
	softHSM = "/usr/lib/softhsm/libsofthsm2.so"
	userPIN = "canary-pin-7413"
	soPIN   = "canary-so-pin-9021"
)

// bed is a private SoftHSM with one token, "tsm".
type bed struct {
	t   *testing.T
	dir string
	pin string // file of the user's PIN
}

func newBed(t *testing.T) *bed {
	t.Helper()
	b := &bed{t: t, dir: t.TempDir()}
	if err := os.Mkdir(b.path("tokens"), 0o700); err != nil {
		t.Fatal(err)
	}
	b.write("softhsm2.conf", "directories.tokendir = "+b.path("tokens")+"\nobjectstore.backend = file\nlog.level = ERROR\n")
	t.Setenv("SOFTHSM2_CONF", b.path("softhsm2.conf"))
	b.pin = b.write("pin", userPIN+"\n")
	b.initToken("tsm")
	return b
}

func (b *bed) path(name string) string { return filepath.Join(b.dir, name) }

func (b *bed) write(name, text string) string {
	b.t.Helper()
	if err := os.WriteFile(b.path(name), []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
	return b.path(name)
}

func (b *bed) command(name string, args ...string) {
	b.t.Helper()
	if out, err := exec.CommandContext(b.t.Context(), name, args...).CombinedOutput(); err != nil {
		b.t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

func (b *bed) initToken(label string) {
	b.t.Helper()
	b.command("softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", soPIN, "--pin", userPIN)
}

// generate makes a key as docs/operations.md says.
func (b *bed) generate(args ...string) {
	b.t.Helper()
	b.command("pkcs11-tool", append([]string{"--module", softHSM, "--token-label", "tsm", "--login", "--pin", userPIN}, args...)...)
}

func (b *bed) masterKey(label string) {
	b.t.Helper()
	b.generate("--keygen", "--key-type", "AES:32", "--label", label, "--usage-sign", "--sensitive")
}

func (b *bed) signingKey(label, id string) {
	b.t.Helper()
	b.generate("--keypairgen", "--key-type", "EC:prime256v1", "--label", label, "--id", id, "--usage-sign", "--sensitive")
}

// uri names an object of the token.
func (b *bed) uri(object string) string {
	return URI{Token: "tsm", Object: object, ModulePath: softHSM, PINFile: b.pin}.String()
}

// inside works on the token as its user.
func (b *bed) inside(work func(*pkcs11.Ctx, pkcs11.SessionHandle)) {
	b.t.Helper()
	ctx := pkcs11.New(softHSM)
	check(b.t, ctx.Initialize())
	defer ctx.Destroy()
	defer ctx.Finalize() //nolint:errcheck // the test is over
	slot, _, err := tokenOf(ctx, URI{Token: "tsm"})
	check(b.t, err)
	session, err := ctx.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	check(b.t, err)
	check(b.t, ctx.Login(session, pkcs11.CKU_USER, userPIN))
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

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
