//go:build pkcs11

package main

import (
	"bytes"
	"crypto/x509"
	"path/filepath"
	"strings"
	"testing"

	"mobileid/cmd/internal/hsm"
	"mobileid/cmd/internal/hsm/hsmtest"
	"mobileid/issuer/keys"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/pki"
)

// token makes a private SoftHSM with the token "issuer" and key pairs in it, and gives their URIs.
func token(t *testing.T, labels ...string) func(object string) string {
	t.Helper()
	k := hsmtest.New(t, "issuer")
	for _, label := range labels {
		k.Generate("--keypairgen", "--key-type", "EC:prime256v1", "--label", label, "--id", "0"+label[len(label)-1:], "--usage-sign", "--sensitive")
	}
	return func(object string) string {
		return hsm.URI{Token: "issuer", Object: object, ModulePath: hsmtest.Module, PINFile: k.PINFile}.String()
	}
}

// A document signer and an order key in a module: the issuer takes them at its start, what they sign verifies under their
// certificate, and no PIN is said.
func TestSignersInAModule(t *testing.T) {
	uri, dir := token(t, "ds-1", "order-2"), named(t)
	chain := certified(t, dir, uri("ds-1"))
	for name, alter := range map[string]func(map[string]any){
		"": func(s map[string]any) {
			s["document_signers"] = append(s["document_signers"].([]any), map[string]any{"key": uri("ds-1"), "chain": chain})
			s["order_key"] = uri("order-2")
		},
		"another's chain": func(s map[string]any) {
			s["document_signers"] = []any{map[string]any{"key": uri("order-2"), "chain": chain}}
		},
		"no such key": func(s map[string]any) { s["order_key"] = uri("absent") },
	} {
		var out bytes.Buffer
		code := run(t.Context(), []string{"-config", good(t, dir, alter), "-check"}, &out, &out)
		if (code == 0) != (name == "") || strings.Contains(out.String(), "canary") {
			t.Errorf("%q: exit %d: %s", name, code, out.String())
		}
	}
}

// certified signs once with a key in a module, and gives the file of the key's chain.
func certified(t *testing.T, dir, uri string) (chain string) {
	t.Helper()
	var o hsm.Opener
	defer func() { must(t, o.Close()) }()
	key, err := o.Signer(uri)
	must(t, err)
	a, err := keys.OpenAuthority(filepath.Join(dir, "keys"), keys.Ceremony{})
	must(t, err)
	ders, err := a.CertifyDocumentSigner("TEST document signer 2", key.Public())
	must(t, err)
	chain = write(t, filepath.Join(dir, "ds-1.pem"), string(pki.EncodePEM(ders...)))
	signer, err := keys.WithChain(key, chain)
	must(t, err)
	leaf, err := x509.ParseCertificate(ders[0])
	must(t, err)
	raw, err := cose.AppendSign1(nil, signer.Key, cose.Headers{X5Chain: ders}, []byte("payload"))
	must(t, err)
	signed, err := cose.ParseSign1(raw)
	must(t, err)
	must(t, signed.Verify(leaf.PublicKey))
	return chain
}
