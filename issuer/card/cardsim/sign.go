package cardsim

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"

	"mobileid/issuer/card"
	"mobileid/mdoc/apdu"
)

// computeSignature is COMPUTE DIGITAL SIGNATURE (80 2A P1 P2). P2 names the key: 80 the selected file, 80|id another, 00 the
// application's own in 券面AP and 補助AP. P1 says how the input is padded.
func (k *Card) computeSignature(c apdu.Command) ([]byte, apdu.SW) {
	f, sw := k.signingKey(c.P2)
	switch {
	case sw != apdu.OK:
		return nil, sw
	case f.key == nil:
		return nil, apdu.WrongFileType
	case f.id == commonKey: // answers INTERNAL AUTHENTICATE alone
		return nil, apdu.Conditions
	case !k.open(f):
		return nil, apdu.SecurityStatus
	case len(c.Data) == 0 || c.Le == 0:
		return nil, apdu.WrongLength
	}
	var signature []byte
	switch key := f.key.(type) {
	case *rsa.PrivateKey:
		signature, sw = k.pad(key, c.P1, c.Data)
	case *ecdsa.PrivateKey:
		signature, sw = signNext(key, c.P1, c.Data)
	default:
		return nil, apdu.Unknown
	}
	if sw != apdu.OK {
		return nil, sw
	}
	return signature[:min(len(signature), c.Le)], apdu.OK
}

func (k *Card) signingKey(p2 byte) (*file, apdu.SW) {
	if p2 != 0x00 {
		return k.reference(p2)
	}
	switch k.current.id {
	case card.Face:
		return k.files[faceKey], apdu.OK
	case card.Attributes:
		return k.files[attributesKey], apdu.OK
	default:
		return nil, apdu.WrongParameters
	}
}

// pad signs as P1 says. Nothing looks inside the data with P1 00: a caller gives a DigestInfo for an ordinary signature.
func (k *Card) pad(key *rsa.PrivateKey, p1 byte, data []byte) ([]byte, apdu.SW) {
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
		out, err = rsa.SignPSS(k.rand, key, crypto.SHA256, data, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	default:
		out, err = rsa.SignPSS(k.rand, key, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	}
	if err != nil {
		return nil, apdu.ExecutionError
	}
	return out, apdu.OK
}

// internalAuthenticate is INTERNAL AUTHENTICATE (00 88 00 80|id): one key of 共通カードAP signs a challenge of 1 to 255 bytes, without any
// secret. The other keys refuse, those behind a secret for want of it.
func (k *Card) internalAuthenticate(c apdu.Command) ([]byte, apdu.SW) {
	if c.P1 != 0x00 {
		return nil, apdu.WrongParameters
	}
	const maxChallenge = 255
	f, sw := k.reference(c.P2)
	switch {
	case sw != apdu.OK:
		return nil, sw
	case f.key == nil:
		return nil, apdu.WrongFileType
	case !k.open(f):
		return nil, apdu.SecurityStatus
	case f.id != commonKey:
		return nil, apdu.Conditions
	case len(c.Data) == 0 || len(c.Data) > maxChallenge || c.Le == 0:
		return nil, apdu.WrongLength
	}
	signature, sw := k.pad(f.key.(*rsa.PrivateKey), 0x03, c.Data) //nolint:forcetypeassert // personalised so
	return signature[:min(len(signature), c.Le)], sw
}
