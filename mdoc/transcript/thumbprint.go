package transcript

import (
	"crypto/ecdh"
	"crypto/sha256"
	"encoding/base64"
	"errors"
)

// JWKThumbprint is the SHA-256 thumbprint of a P-256 key as a JWK (RFC 7638, 3): over its members crv, kty, x and y alone,
// whatever else stands in the JWK. It is what OpenID4VP 1.0 binds an encrypted response to.
func JWKThumbprint(key *ecdh.PublicKey) ([]byte, error) {
	if key == nil || key.Curve() != ecdh.P256() {
		return nil, errors.New("JWK thumbprint: a P-256 key is needed")
	}
	point := key.Bytes()[1:]
	x, y := base64.RawURLEncoding.EncodeToString(point[:32]), base64.RawURLEncoding.EncodeToString(point[32:])
	sum := sha256.Sum256([]byte(`{"crv":"P-256","kty":"EC","x":"` + x + `","y":"` + y + `"}`))
	return sum[:], nil
}
