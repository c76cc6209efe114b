package cardsim

import (
	"crypto/ecdsa"
	"crypto/rsa"

	"mobileid/issuer/card"
	"mobileid/mdoc/apdu"
	"mobileid/mdoc/jpkiap"
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
		signature, sw = jpkiap.Sign(k.rand, key, c.P1, c.Data)
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
	signature, sw := jpkiap.Sign(k.rand, f.key.(*rsa.PrivateKey), 0x03, c.Data) //nolint:forcetypeassert // personalised so
	return signature[:min(len(signature), c.Le)], sw
}
