package cose

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"errors"
	"fmt"

	"mobileid/mdoc/cbor"
)

// Key types and curves of the COSE registry that an mdoc may name.
const (
	ktyOKP = 1
	ktyEC2 = 2

	crvP256    = 1
	crvP384    = 2
	crvP521    = 3
	crvX25519  = 4
	crvX448    = 5
	crvEd25519 = 6
	crvEd448   = 7
	crvBP256   = 256
	crvBP320   = 257
	crvBP384   = 258
	crvBP512   = 259
)

// ErrCurve is wrapped by errors about curves that the standard names and this implementation does not have.
var ErrCurve = errors.New("curve not supported")

// keyMap is COSE_Key, RFC 9052, 7 and RFC 9053, 7; ISO/IEC 18013-5:2021, 9.1.1.4.
//
//	COSE_Key = {1: kty, -1: crv, -2: bstr x, ? -3: bstr y / bool sign, * label => any}
type keyMap struct {
	Kty int64           `cbor:"1,keyasint"`
	Crv int64           `cbor:"-1,keyasint"`
	X   []byte          `cbor:"-2,keyasint"`
	Y   cbor.RawMessage `cbor:"-3,keyasint,omitzero"`
}

// Key is a public COSE_Key with the bytes it was decoded from. Members other than those of the curve are ignored. A
// decoded Key may still name an unknown curve or a point off its curve: Public and ECDH refuse those.
type Key struct {
	m   keyMap
	raw []byte
}

// NewKey makes a Key of a *ecdsa.PublicKey, *ecdh.PublicKey or ed25519.PublicKey, coordinates uncompressed.
func NewKey(pub crypto.PublicKey) (Key, error) {
	var k Key
	switch p := pub.(type) {
	case *ecdsa.PublicKey:
		e, err := p.ECDH()
		if err != nil {
			return Key{}, fmt.Errorf("cose: %w", err)
		}
		return NewKey(e)
	case *ecdh.PublicKey:
		if p.Curve() == ecdh.X25519() {
			k.m = keyMap{Kty: ktyOKP, Crv: crvX25519, X: p.Bytes()}
			break
		}
		crv, ok := map[ecdh.Curve]int64{ecdh.P256(): crvP256, ecdh.P384(): crvP384, ecdh.P521(): crvP521}[p.Curve()]
		if !ok {
			return Key{}, fmt.Errorf("cose: key: %w", ErrCurve)
		}
		point := p.Bytes()[1:]
		k.m = keyMap{Kty: ktyEC2, Crv: crv, X: point[:len(point)/2], Y: cbor.AppendBytes(nil, point[len(point)/2:])}
	case ed25519.PublicKey:
		k.m = keyMap{Kty: ktyOKP, Crv: crvEd25519, X: p}
	default:
		return Key{}, fmt.Errorf("cose: no COSE_Key for %T", pub)
	}
	raw, err := cbor.Marshal(k.m)
	if err != nil {
		return Key{}, err
	}
	k.raw = raw
	return k, nil
}

// UnmarshalCBOR decodes the map and keeps its bytes.
func (k *Key) UnmarshalCBOR(data []byte) error {
	var m keyMap
	if err := cbor.Unmarshal(data, &m); err != nil {
		return err
	}
	*k = Key{m: m, raw: data}
	return nil
}

// MarshalCBOR gives the bytes the key was made of or decoded from.
func (k Key) MarshalCBOR() ([]byte, error) {
	if len(k.raw) == 0 {
		return nil, errors.New("cose: an empty COSE_Key")
	}
	return k.raw, nil
}

// Bytes gives the encoded COSE_Key. The caller must not change it.
func (k Key) Bytes() []byte { return k.raw }

// Equal reports whether both are the same point on the same curve, however encoded. Keys that are refused are never equal.
func (k Key) Equal(o Key) bool {
	if k.m.Kty != o.m.Kty || k.m.Crv != o.m.Crv {
		return false
	}
	a, err := k.valid()
	if err != nil {
		return false
	}
	b, err := o.valid()
	return err == nil && bytes.Equal(a, b)
}

// Compressed reports whether the y coordinate is given by its sign alone.
func (k Key) Compressed() bool {
	return k.m.Kty == ktyEC2 && len(k.m.Y) == 1
}

// Curve names the key's curve as the COSE registry does.
func (k Key) Curve() string { return curveName(k.m.Crv) }

// Public gives the key for signature checks: *ecdsa.PublicKey or ed25519.PublicKey, proved to lie on its curve.
func (k Key) Public() (crypto.PublicKey, error) {
	point, err := k.point()
	if err != nil {
		return nil, err
	}
	switch {
	case k.m.Kty == ktyEC2:
		curve, _ := k.curve()
		pub, err := ecdsa.ParseUncompressedPublicKey(curve, point)
		if err != nil {
			return nil, fmt.Errorf("cose: key: the point is not on %s", k.Curve())
		}
		return pub, nil
	case k.m.Crv == crvEd25519:
		return ed25519.PublicKey(point), nil
	}
	return nil, fmt.Errorf("cose: key: %s does not sign", k.Curve())
}

// ECDH gives the key for key agreement, proved to lie on its curve.
func (k Key) ECDH() (*ecdh.PublicKey, error) {
	point, err := k.point()
	if err != nil {
		return nil, err
	}
	c, ok := map[int64]ecdh.Curve{crvP256: ecdh.P256(), crvP384: ecdh.P384(), crvP521: ecdh.P521(), crvX25519: ecdh.X25519()}[k.m.Crv]
	if !ok {
		return nil, fmt.Errorf("cose: key: %s agrees on no key", k.Curve())
	}
	pub, err := c.NewPublicKey(point)
	if err != nil {
		return nil, fmt.Errorf("cose: key: the point is not on %s", k.Curve())
	}
	return pub, nil
}

// valid gives the point, proved to lie on its curve.
func (k Key) valid() ([]byte, error) {
	if k.m.Kty == ktyOKP {
		return k.point()
	}
	pub, err := k.ECDH()
	if err != nil {
		return nil, err
	}
	return pub.Bytes(), nil
}

// point gives the uncompressed SEC 1 point, or the bare key of an OKP curve, with its length checked.
func (k Key) point() ([]byte, error) {
	if k.m.Kty == ktyOKP && (k.m.Crv == crvEd25519 || k.m.Crv == crvX25519) {
		if len(k.m.X) != 32 || len(k.m.Y) != 0 {
			return nil, fmt.Errorf("cose: key: wrong coordinates for %s", k.Curve())
		}
		return k.m.X, nil
	}
	curve, err := k.curve()
	if err != nil {
		return nil, err
	}
	size := (curve.Params().BitSize + 7) / 8
	if len(k.m.X) != size {
		return nil, fmt.Errorf("cose: key: x of %d bytes where %s has %d", len(k.m.X), k.Curve(), size)
	}
	if k.Compressed() {
		return decompress(curve, k.m.X, k.m.Y)
	}
	var y []byte
	if err := cbor.Unmarshal(k.m.Y, &y); err != nil || len(y) != size {
		return nil, fmt.Errorf("cose: key: y is not a coordinate of %s", k.Curve())
	}
	return append(append([]byte{4}, k.m.X...), y...), nil
}

func decompress(curve elliptic.Curve, x, sign []byte) ([]byte, error) {
	var odd bool
	if err := cbor.Unmarshal(sign, &odd); err != nil {
		return nil, errors.New("cose: key: the sign of y is not a truth value")
	}
	first := byte(2)
	if odd {
		first = 3
	}
	px, py := elliptic.UnmarshalCompressed(curve, append([]byte{first}, x...))
	if px == nil {
		return nil, fmt.Errorf("cose: key: no point of %s has this x", curve.Params().Name)
	}
	size := len(x)
	out := make([]byte, 1+2*size)
	out[0] = 4
	px.FillBytes(out[1 : 1+size])
	py.FillBytes(out[1+size:])
	return out, nil
}

func (k Key) curve() (elliptic.Curve, error) {
	if k.m.Kty == ktyEC2 {
		switch k.m.Crv {
		case crvP256:
			return elliptic.P256(), nil
		case crvP384:
			return elliptic.P384(), nil
		case crvP521:
			return elliptic.P521(), nil
		}
	}
	return nil, fmt.Errorf("cose: key type %d, %s: %w", k.m.Kty, k.Curve(), ErrCurve)
}

func curveName(crv int64) string {
	names := map[int64]string{
		crvP256: "P-256", crvP384: "P-384", crvP521: "P-521", crvX25519: "X25519", crvX448: "X448", crvEd25519: "Ed25519",
		crvEd448: "Ed448", crvBP256: "brainpoolP256r1", crvBP320: "brainpoolP320r1", crvBP384: "brainpoolP384r1",
		crvBP512: "brainpoolP512r1",
	}
	if n, ok := names[crv]; ok {
		return n
	}
	return fmt.Sprintf("curve %d", crv)
}
