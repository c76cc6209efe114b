//go:build pkcs11

package hsm

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"mobileid/cmd/internal/hsm/hsmtest"
	"mobileid/mdoc/cose"

	"github.com/miekg/pkcs11"
)

// A key pair in the module signs, COSE included, from many goroutines and beside a second key of the same token.
func TestSignerInTheModule(t *testing.T) {
	b := newBed(t)
	b.signingKey("ds 1", "01")
	b.signingKey("ds 2", "02")
	var o Opener
	defer func() { check(t, o.Close()) }()
	one, err := o.Signer(b.uri("ds 1"))
	check(t, err)
	two, err := o.Signer(URI{Token: "tsm", ID: []byte{2}, Type: "private", ModulePath: hsmtest.Module, PINFile: b.PINFile}.String())
	check(t, err)
	if one.Public().(*ecdsa.PublicKey).Equal(two.Public()) {
		t.Error("two keys are one")
	}
	digest := sha256.Sum256([]byte("text"))
	var all sync.WaitGroup
	for range 20 {
		for _, key := range []crypto.Signer{one, two} {
			all.Go(func() {
				signature, err := key.Sign(rand.Reader, digest[:], crypto.SHA256)
				if err != nil || !ecdsa.VerifyASN1(key.Public().(*ecdsa.PublicKey), digest[:], signature) {
					t.Errorf("signature does not verify: %v", err)
				}
			})
		}
	}
	all.Wait()
	if alg, err := cose.AlgorithmFor(one.Public()); err != nil || alg != cose.ES256 {
		t.Errorf("algorithm %v, %v", alg, err)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("key", "s", one)
	if text := log.String() + fmt.Sprintf("%v %+v %#v %s", one, one, one, one); strings.Contains(text, "canary") || strings.Count(text, "[redacted]") != 5 {
		t.Errorf("prints %s", text)
	}
}

func TestSignerRefused(t *testing.T) {
	b := newBed(t)
	b.signingKey("good", "01")
	b.signingKey("twice", "02")
	b.signingKey("twice", "03")
	b.Generate("--keypairgen", "--key-type", "EC:prime256v1", "--label", "loose", "--id", "04", "--usage-sign", "--sensitive", "--extractable")
	b.Generate("--keypairgen", "--key-type", "rsa:2048", "--label", "rsa", "--id", "05", "--sensitive")
	b.Generate("--keypairgen", "--key-type", "EC:secp256k1", "--label", "koblitz", "--id", "06", "--sensitive")
	b.swapPublic("good", "swapped")
	b.masterKey("secret")
	bad := URI{Token: "tsm", Object: "good", ModulePath: hsmtest.Module, PINFile: b.Write("wrong", "canary-wrong-pin")}
	secret := URI{Token: "tsm", Object: "good", Type: "secret-key", ModulePath: hsmtest.Module, PINFile: b.PINFile}
	refused(t, []refusal{
		{"no such key", b.uri("nobody"), ErrKey, ""},
		{"two keys", b.uri("twice"), ErrKey, "2 key pairs"},
		{"a secret key", b.uri("secret"), ErrKey, "0 key pairs"},
		{"extractable", b.uri("loose"), ErrKey, "extractable"},
		{"RSA", b.uri("rsa"), ErrKey, "not ECDSA"},
		{"a curve that is not taken", b.uri("koblitz"), ErrKey, ""},
		{"another's public key", b.uri("swapped"), ErrKey, "public key"},
		{"wrong PIN", bad.String(), ErrPIN, ""},
		{"a secret key's type", secret.String(), ErrURI, "type"},
		{"no such token", strings.Replace(b.uri("good"), "token=tsm", "token=other", 1), ErrKey, "0 tokens"},
		{"no URI", "pkcs11:", ErrURI, ""},
	}, func(o *Opener, uri string) (bool, error) {
		s, err := o.Signer(uri)
		return s != nil, err
	})
}

// swapPublic makes a private key under a new label whose public half is another's.
func (b *bed) swapPublic(other, label string) {
	b.signingKey(label, "0A")
	b.inside(func(ctx *pkcs11.Ctx, session pkcs11.SessionHandle) {
		public := func(label string) pkcs11.ObjectHandle {
			check(b.t, ctx.FindObjectsInit(session, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PUBLIC_KEY), pkcs11.NewAttribute(pkcs11.CKA_LABEL, label)}))
			found, _, err := ctx.FindObjects(session, 1)
			check(b.t, err)
			check(b.t, ctx.FindObjectsFinal(session))
			return found[0]
		}
		check(b.t, ctx.DestroyObject(session, public(label)))
		_, err := ctx.CopyObject(session, public(other), []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_LABEL, label),
			pkcs11.NewAttribute(pkcs11.CKA_ID, []byte{0x0A}), pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true)})
		check(b.t, err)
	})
}
