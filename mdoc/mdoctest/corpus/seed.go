package corpus

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha512"
	"fmt"
	"math/rand/v2"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
)

// seed begins everything that is drawn. Another seed is another corpus.
const seed = "mobileid TEST corpus 1: "

// must is for steps of this package's own making, which cannot fail.
func must[T any](v T, err error) T {
	if err != nil {
		panic(fmt.Sprintf("corpus: internal error: %v", err))
	}
	return v
}

// draw gives n bytes that depend on the name alone.
func draw(name string, n int) []byte {
	out := make([]byte, n)
	_, _ = stream(name).Read(out) // a ChaCha8 never fails
	return out
}

func stream(name string) *rand.ChaCha8 {
	sum := sha512.Sum512_256([]byte(seed + name))
	return rand.NewChaCha8(sum)
}

// ecKey gives the TEST key of that name on a NIST curve.
func ecKey(curve elliptic.Curve, name string) *ecdsa.PrivateKey {
	bits := curve.Params().BitSize
	for try := 0; ; try++ {
		d := draw(fmt.Sprintf("key %s %s %d", curve.Params().Name, name, try), (bits+7)/8)
		if extra := bits % 8; extra != 0 {
			d[0] &= 1<<extra - 1
		}
		if key, err := ecdsa.ParseRawPrivateKey(curve, d); err == nil {
			return key
		}
	}
}

func p256Key(name string) *ecdsa.PrivateKey { return ecKey(elliptic.P256(), name) }

func edKey(name string) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(draw("key Ed25519 "+name, ed25519.SeedSize))
}

func agreementKey(name string) *ecdh.PrivateKey { return must(p256Key(name).ECDH()) }

// keyNode is the COSE_Key of a public key, as a tree to edit.
func keyNode(pub crypto.PublicKey) *node { return parse(must(cose.NewKey(pub)).Bytes()) }

// signBytes gives the COSE signature over a Sig_structure: r and s side by side after RFC 6979, or Ed25519.
func signBytes(key crypto.Signer, alg cose.Algorithm, toSign []byte) []byte {
	if ed, ok := key.(ed25519.PrivateKey); ok {
		return ed25519.Sign(ed, toSign)
	}
	ec := key.(*ecdsa.PrivateKey)
	hash := map[cose.Algorithm]crypto.Hash{cose.ES256: crypto.SHA256, cose.ES384: crypto.SHA384, cose.ES512: crypto.SHA512}[alg]
	if hash == 0 {
		hash = crypto.SHA256
	}
	h := hash.New()
	h.Write(toSign)
	der := must(ec.Sign(nil, h.Sum(nil), hash))
	return plainSignature(der, (ec.Curve.Params().BitSize+7)/8)
}

// structure is Sig_structure or MAC_structure (RFC 9052, 4.4 and 6.3) with empty external data.
func structure(context string, protected, payload []byte) []byte {
	return encode(array(text(context), bstr(protected), bstr(nil), bstr(payload)))
}

func tdate(s string) *node { return tagged(0, text(s)) }

func fullDate(s string) *node { return tagged(1004, text(s)) }

func embedBytes(content []byte) []byte { return cbor.AppendEmbedded(nil, content) }
