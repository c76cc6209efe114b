package jpkiap

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"io"

	"mobileid/mdoc/apdu"
)

// SignClass and SignInstruction are COMPUTE DIGITAL SIGNATURE, which a token of the application knows in its own class.
const (
	SignClass       = 0x80
	SignInstruction = 0x2A
)

// Sign makes the signature of COMPUTE DIGITAL SIGNATURE as P1 says: 00 PKCS#1 v1.5 over the data as they are (for an ordinary signature a
// DigestInfo), 01 over their bare SHA-256, 02 over a SHA-256 with its DigestInfo, 03 over the SHA-256 of the data with its DigestInfo, 04 and
// 05 RSASSA-PSS of a SHA-256 and of the data (RFC 8017, 8). Nothing looks inside the data with P1 00. random gives the salts.
func Sign(random io.Reader, key *rsa.PrivateKey, p1 byte, data []byte) ([]byte, apdu.SW) {
	const maxRaw, maxHashed = 245, 255
	digest := sha256.Sum256(data)
	var (
		out []byte
		err error
	)
	switch {
	case p1 > 0x05:
		return nil, apdu.WrongParameters
	case p1 == 0x00 && len(data) > maxRaw, len(data) > maxHashed, (p1 == 0x02 || p1 == 0x04) && len(data) != sha256.Size:
		return nil, apdu.Conditions
	case p1 == 0x00:
		out, err = rsa.SignPKCS1v15(nil, key, crypto.Hash(0), data)
	case p1 == 0x01:
		out, err = rsa.SignPKCS1v15(nil, key, crypto.Hash(0), digest[:])
	case p1 == 0x02:
		out, err = rsa.SignPKCS1v15(nil, key, crypto.SHA256, data)
	case p1 == 0x03:
		out, err = rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
	case p1 == 0x04:
		out, err = rsa.SignPSS(random, key, crypto.SHA256, data, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	default:
		out, err = rsa.SignPSS(random, key, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	}
	if err != nil {
		return nil, apdu.ExecutionError
	}
	return out, apdu.OK
}
