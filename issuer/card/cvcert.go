package card

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
)

// A KeyID names a key of the municipal hierarchy: for a CA seven ASCII digits ‖ 08 05 ‖ three ASCII digits ‖ four bytes;
// for a municipality's key the first six digits are its code with the check digit.
type KeyID [16]byte

// String is the number of a CA key; of other keys it tells nothing but that it is none.
func (k KeyID) String() string {
	if n := string(k[:7]); digits(n) && k[7] == 0x08 && k[8] == 0x05 {
		return n
	}
	return "no CA key id"
}

// role is the part of a CA's number that tells which application its certificates are for: 23 for 券面AP, 33 for 補助AP.
func (k KeyID) role() string { return string(k[5:7]) }

const (
	roleFace       = "23"
	roleAttributes = "33"
)

// municipality is the code a municipality's key is for, if its check digit is right.
func (k KeyID) municipality() (string, bool) {
	code := string(k[:5])
	check, ok := MunicipalityCheckDigit(code)
	return code, ok && check == k[5]
}

// cvCertificate is the card-verifiable certificate of the key that signed an application's records:
//
//	7F21 { 5F4E { issuer key id (16) ‖ subject key id (16) ‖ 90 03 010001 ‖ 91 820100 modulus }, 5F37 signature }
type cvCertificate struct {
	issuer, subject KeyID
	key             *rsa.PublicKey
	body, signature []byte
}

func parseCVCertificate(file []byte) (*cvCertificate, error) {
	list, err := objects(file, 0x7F21, 0x5F4E, 0x5F37)
	if err != nil {
		return nil, fmt.Errorf("CV certificate: %w", err)
	}
	c := &cvCertificate{body: list[0].value, signature: list[1].value}
	if len(list) != 2 || len(c.body) < 2*len(KeyID{}) {
		return nil, fmt.Errorf("CV certificate: %w", ErrFile)
	}
	copy(c.issuer[:], c.body)
	copy(c.subject[:], c.body[len(c.issuer):])
	if c.key, err = parsePublicKey(c.body[2*len(KeyID{}):]); err != nil {
		return nil, fmt.Errorf("CV certificate: %w", err)
	}
	return c, nil
}

var (
	errIssuerUnknown   = errors.New("issuer key is not among the roots")
	errIssuerRole      = errors.New("issuer key is for another application")
	errSignatureWrong  = errors.New("signature does not verify")
	errSignatureLength = errors.New("signature has the wrong length")
)

// verify checks the certificate under the roots, for one application.
func (c *cvCertificate) verify(roots map[KeyID]*rsa.PublicKey, role string) error {
	root, ok := roots[c.issuer]
	if !ok {
		return errIssuerUnknown
	}
	if c.issuer.role() != role {
		return errIssuerRole
	}
	return verifySHA256(root, c.body, c.signature)
}

// verifySHA256 checks RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017, 8.2.2).
func verifySHA256(key *rsa.PublicKey, signed, signature []byte) error {
	if len(signature) != key.Size() {
		return errSignatureLength
	}
	digest := sha256.Sum256(signed)
	if rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], signature) != nil {
		return errSignatureWrong
	}
	return nil
}

// faceDigestInfo is the DigestInfo of the card face signature: it names SHA-256, but its OCTET STRING holds three digests.
const faceDigestInfo = "\x30\x71\x30\x0D\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x60"

// verifyFace checks DF28. Libraries refuse a DigestInfo of 96 bytes under the name of SHA-256, so the whole DigestInfo is given as what is
// signed, without a hash of its own: EMSA-PKCS1-v1_5 (RFC 8017, 9.2) is then built round it and compared whole, and nothing in it is parsed.
func verifyFace(key *rsa.PublicKey, digests, signature []byte) error {
	if len(signature) != key.Size() {
		return errSignatureLength
	}
	if rsa.VerifyPKCS1v15(key, 0, append([]byte(faceDigestInfo), digests...), signature) != nil {
		return errSignatureWrong
	}
	return nil
}

// jp2Signature is the signature box every JP2 file begins with (ISO/IEC 15444-1, I.5.1).
const jp2Signature = "\x00\x00\x00\x0CjP  \x0D\x0A\x87\x0A"

func isJP2(b []byte) bool {
	return len(b) > len(jp2Signature) && string(b[:len(jp2Signature)]) == jp2Signature
}
