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

// Labels of COSE_Key, RFC 9052, 7 and RFC 9053, 7.
const (
	labelKty = 1
	labelCrv = -1
	labelX   = -2
	labelY   = -3
)

// keyMap is COSE_Key, RFC 9052, 7 and RFC 9053, 7; ISO/IEC 18013-5:2021, 9.1.1.4.
//
//	COSE_Key = {1: kty, -1: crv, -2: bstr x, ? -3: bstr y / bool sign, * label => any}
type keyMap struct {
	kty, crv int64
	x        []byte
	y        cbor.RawMessage // nil where it is absent
}

func (m *keyMap) encode() []byte {
	n := 3
	if m.y != nil {
		n++
	}
	out := cbor.AppendMapHead(make([]byte, 0, len(m.x)+len(m.y)+24), n)
	out = cbor.AppendInt(cbor.AppendInt(out, labelKty), m.kty)
	out = cbor.AppendInt(cbor.AppendInt(out, labelCrv), m.crv)
	out = cbor.AppendBytes(cbor.AppendInt(out, labelX), m.x)
	if m.y != nil {
		out = append(cbor.AppendInt(out, labelY), m.y...)
	}
	return out
}

// ReadKey reads a COSE_Key; the result keeps slices of the cursor's input.
func ReadKey(c *cbor.Cursor, k *Key) {
	start := c.Offset()
	for m := c.Labels(labelKty, labelCrv, labelX); m.Next(); {
		switch label, _ := m.Label(); label {
		case labelKty:
			k.m.kty = c.Int()
		case labelCrv:
			k.m.crv = c.Int()
		case labelX:
			k.m.x = c.Bytes()
		case labelY:
			k.m.y = c.Raw()
		default:
			c.Skip()
		}
	}
	k.raw = c.Since(start)
}

// Key is a public COSE_Key with the bytes it was decoded from. Members other than those of the curve are ignored. A
// decoded Key may still name an unknown curve or a point off its curve: Public and ECDH refuse those.
type Key struct {
	m      keyMap
	raw    []byte
	proved bool // made of a Go key, so on its curve
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
			k.m = keyMap{kty: ktyOKP, crv: crvX25519, x: p.Bytes()}
			break
		}
		var crv int64
		switch p.Curve() {
		case ecdh.P256():
			crv = crvP256
		case ecdh.P384():
			crv = crvP384
		case ecdh.P521():
			crv = crvP521
		default:
			return Key{}, fmt.Errorf("cose: key: %w", ErrCurve)
		}
		point := p.Bytes()[1:]
		k.m = keyMap{kty: ktyEC2, crv: crv, x: point[:len(point)/2], y: cbor.AppendBytes(nil, point[len(point)/2:])}
	case ed25519.PublicKey:
		k.m = keyMap{kty: ktyOKP, crv: crvEd25519, x: p}
	default:
		return Key{}, fmt.Errorf("cose: no COSE_Key for %T", pub)
	}
	k.raw, k.proved = k.m.encode(), true
	return k, nil
}

// UnmarshalCBOR decodes the map and keeps its bytes.
func (k *Key) UnmarshalCBOR(data []byte) error {
	var read Key
	c := cbor.NewCursor(data)
	ReadKey(c, &read)
	if err := c.Done(); err != nil {
		return err
	}
	*k = read
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
	if k.m.crv != o.m.crv { // of two types of one curve one at most is valid
		return false
	}
	a, _ := k.valid() // nothing if it is refused, which no valid key is
	b, err := o.valid()
	return err == nil && bytes.Equal(a, b)
}

// Compressed reports whether the y coordinate is given by its sign alone.
func (k Key) Compressed() bool {
	return k.m.kty == ktyEC2 && len(k.m.y) == 1
}

// Curve names the key's curve as the COSE registry does.
func (k Key) Curve() string { return curveName(k.m.crv) }

// Public gives the key for signature checks: *ecdsa.PublicKey or ed25519.PublicKey, proved to lie on its curve.
func (k Key) Public() (crypto.PublicKey, error) {
	point, err := k.point()
	if err != nil {
		return nil, err
	}
	switch {
	case k.m.kty == ktyEC2:
		curve, _ := k.curve()
		pub, err := ecdsa.ParseUncompressedPublicKey(curve, point)
		if err != nil {
			return nil, fmt.Errorf("cose: key: the point is not on %s", k.Curve())
		}
		return pub, nil
	case k.m.crv == crvEd25519:
		return ed25519.PublicKey(point), nil
	}
	return nil, fmt.Errorf("cose: key: %s does not sign", k.Curve())
}

// CheckSigning reports why the key cannot check a signature, in the way [Key.Public] does.
func (k Key) CheckSigning() error {
	if k.proved && k.m.crv != crvX25519 {
		return nil
	}
	_, err := k.Public()
	return err
}

// ECDH gives the key for key agreement, proved to lie on its curve.
func (k Key) ECDH() (*ecdh.PublicKey, error) {
	point, err := k.point()
	if err != nil {
		return nil, err
	}
	var c ecdh.Curve
	switch k.m.crv {
	case crvP256:
		c = ecdh.P256()
	case crvP384:
		c = ecdh.P384()
	case crvP521:
		c = ecdh.P521()
	case crvX25519:
		c = ecdh.X25519()
	default:
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
	if k.m.kty == ktyOKP {
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
	if k.m.kty == ktyOKP && (k.m.crv == crvEd25519 || k.m.crv == crvX25519) {
		if len(k.m.x) != 32 || len(k.m.y) != 0 {
			return nil, fmt.Errorf("cose: key: wrong coordinates for %s", k.Curve())
		}
		return k.m.x, nil
	}
	curve, err := k.curve()
	if err != nil {
		return nil, err
	}
	size := (curve.Params().BitSize + 7) / 8
	if len(k.m.x) != size {
		return nil, fmt.Errorf("cose: key: x of %d bytes where %s has %d", len(k.m.x), k.Curve(), size)
	}
	if k.Compressed() {
		return decompress(curve, k.m.x, k.m.y)
	}
	y := cbor.NewCursor(k.m.y).Bytes() // nothing if it is no byte string
	if len(y) != size {
		return nil, fmt.Errorf("cose: key: y is not a coordinate of %s", k.Curve())
	}
	out := append(make([]byte, 0, 1+2*size), 4)
	return append(append(out, k.m.x...), y...), nil
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
	if k.m.kty == ktyEC2 {
		switch k.m.crv {
		case crvP256:
			return elliptic.P256(), nil
		case crvP384:
			return elliptic.P384(), nil
		case crvP521:
			return elliptic.P521(), nil
		}
	}
	return nil, fmt.Errorf("cose: key type %d, %s: %w", k.m.kty, k.Curve(), ErrCurve)
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
