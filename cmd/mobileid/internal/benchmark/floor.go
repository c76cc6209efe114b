package benchmark

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"errors"

	"mobileid/mdoc"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/doctype"
)

// floor is the cryptography without which a judgement cannot be made: P-256 verifications (V), key agreements (D), key
// generations, and the SHA-256 of the portrait's item.
type floor struct {
	verifications, agreements, keys int
	portrait                        bool
	times                           int // how often all of it, at least once
}

// of makes the floor of an answer into a function.
func (f floor) of(w *world, in mdoc.Verification) (func() error, error) {
	var hashed []byte
	if f.portrait {
		response, err := mdoc.ParseDeviceResponse(in.Response)
		if err != nil {
			return nil, err
		}
		item, ok := response.Documents[0].IssuerSigned.Item(doctype.NameSpaceJP, "portrait")
		if !ok {
			return nil, errors.New("the answer holds no portrait")
		}
		hashed = item.Bytes()
	}
	digest := sha256.Sum256([]byte("a digest"))
	signature, err := cose.Deterministic(w.signer.key).Sign(nil, digest[:], crypto.SHA256)
	if err != nil {
		return nil, err
	}
	own, err := w.device.ECDH()
	if err != nil {
		return nil, err
	}
	other, err := w.signer.key.PublicKey.ECDH()
	if err != nil {
		return nil, err
	}
	once := func() error {
		if hashed != nil && sha256.Sum256(hashed) == digest {
			return errors.New("two digests are equal")
		}
		for range f.verifications {
			if !ecdsa.VerifyASN1(&w.signer.key.PublicKey, digest[:], signature) {
				return errors.New("the signature of the floor does not verify")
			}
		}
		for range f.agreements {
			if _, err := own.ECDH(other); err != nil {
				return err
			}
		}
		for range f.keys {
			if _, err := ecdh.P256().GenerateKey(rand.Reader); err != nil {
				return err
			}
		}
		return nil
	}
	return func() error {
		for range max(1, f.times) {
			if err := once(); err != nil {
				return err
			}
		}
		return nil
	}, nil
}
