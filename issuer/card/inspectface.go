package card

import (
	"cmp"
	"crypto/rsa"
	"errors"
)

func (in *inspector) face() {
	in.parse(ruleBasicFormat, BasicFile, func(file []byte) error {
		b, err := ParseBasicData(file)
		if err == nil {
			in.out.Basic = &b
		}
		return err
	})
	read := in.files[FaceFile] != nil || in.files[AgeFile] != nil || in.files[NumberImageFile] != nil
	in.faceKey = in.certified(ruleFaceCV, FaceCVFile, roleFace, read)
	if in.files[FaceFile] == nil {
		return
	}
	var f *face
	formed := in.parse(ruleFaceFormat, FaceFile, func(file []byte) (err error) {
		f, err = parseFace(file)
		return err
	})
	missing := need(formed, notWellFormed)
	signed := in.judge(ruleFaceSignature, cmp.Or(missing, need(in.faceKey != nil, "the signing key is not proved")), "verified", func() error {
		return verifyFace(in.faceKey, f.digests, f.signature)
	})
	in.judge(ruleFacePortrait, missing, "JP2", func() error {
		if !isJP2(f.portrait) {
			return errors.New("no JP2 signature box")
		}
		return nil
	})
	in.judge(ruleFaceImages, missing, "PNG", func() error {
		return errors.Join(checkPNG(f.name), checkPNG(f.address), checkPNG(f.securityCode))
	})
	in.judge(ruleCardExpiry, cmp.Or(missing, need(!in.c.At.IsZero(), noInstant)), "in force", func() error {
		if in.c.At.After(EndOfDay(f.expiry)) {
			return errors.New("the card has expired")
		}
		return nil
	})
	var key *rsa.PublicKey
	if formed {
		in.face1, key = f, f.key
		in.out.Face = &CardFace{
			BirthDate: f.birth, Expiry: f.expiry, Sex: f.sex, Name: f.name, Address: f.address, Portrait: f.portrait,
			SecurityCodeImage: f.securityCode,
		}
	}
	in.presence(ruleFaceActiveAuth, signed, key, in.c.FaceProof)
}

func (in *inspector) age() {
	if in.files[AgeFile] == nil {
		return
	}
	formed := in.parse(ruleAgeFormat, AgeFile, func(file []byte) (err error) {
		in.out.Age, err = ParseAgeRecord(file)
		return err
	})
	a := in.out.Age
	signed := in.judge(ruleAgeSignature, cmp.Or(need(formed, notWellFormed), need(in.faceKey != nil, "the signing key is not proved")), "verified",
		func() error { return verifySHA256(in.faceKey, a.signed, a.signature) })
	var key *rsa.PublicKey
	if a != nil {
		key = a.Key
	}
	in.presence(ruleAgeActiveAuth, signed, key, in.c.FaceProof)
}

func (in *inspector) numberImage() {
	if in.files[NumberImageFile] == nil {
		return
	}
	formed := in.parse(ruleNumberImageFormat, NumberImageFile, func(file []byte) (err error) {
		in.out.NumberImage, err = ParseNumberImage(file)
		return err
	})
	n := in.out.NumberImage
	missing := cmp.Or(need(formed, notWellFormed), need(in.faceKey != nil, "the signing key is not proved"))
	signed := in.judge(ruleNumberImageSignature, missing, "verified", func() error {
		return verifySHA256(in.faceKey, n.signed, n.signature)
	})
	var key *rsa.PublicKey
	if n != nil {
		key = n.Key
	}
	in.presence(ruleNumberImageActiveAuth, signed, key, in.c.FaceProof)
}

// faceKeys compares the keys of the records of 券面AP, when two or more were read.
func (in *inspector) faceKeys() {
	var keys []*rsa.PublicKey
	if in.face1 != nil {
		keys = append(keys, in.face1.key)
	}
	if in.out.Age != nil {
		keys = append(keys, in.out.Age.Key)
	}
	if in.out.NumberImage != nil {
		keys = append(keys, in.out.NumberImage.Key)
	}
	if len(keys) < 2 {
		return
	}
	in.judge(ruleAgreeFaceKey, "", "equal", func() error {
		for _, k := range keys[1:] {
			if !k.Equal(keys[0]) {
				return errors.New("the records name different keys")
			}
		}
		return nil
	})
}

// agreement compares what two or more sources say.
func (in *inspector) agreement() {
	var names, addresses, births, sexes []any
	if a := in.out.Attributes; a != nil {
		names, addresses, births, sexes = append(names, a.Name), append(addresses, a.Address), append(births, a.BirthDate), append(sexes, a.Sex)
	}
	if h := in.out.Holder; h != nil {
		names, addresses, births, sexes = append(names, h.Name), append(addresses, h.Address), append(births, h.BirthDate), append(sexes, h.Sex)
	}
	if f := in.out.Face; f != nil {
		births, sexes = append(births, f.BirthDate), append(sexes, f.Sex)
	}
	if a := in.out.Age; a != nil {
		births = append(births, a.BirthDate)
	}
	for _, compared := range []struct {
		rule
		values []any
	}{{ruleAgreeName, names}, {ruleAgreeAddress, addresses}, {ruleAgreeBirth, births}, {ruleAgreeSex, sexes}} {
		if len(compared.values) < 2 {
			continue
		}
		in.judge(compared.rule, "", "equal", func() error {
			for _, v := range compared.values[1:] {
				if v != compared.values[0] {
					return errors.New("the sources differ")
				}
			}
			return nil
		})
	}
	if in.out.Signature != nil && in.out.Face != nil {
		in.judge(ruleAgreeExpiry, "", "the card lasts as long as the certificate", func() error {
			if in.out.Signature.NotAfter.After(EndOfDay(in.out.Face.Expiry)) {
				return errors.New("the certificate outlives the card")
			}
			return nil
		})
	}
}

func (in *inspector) cardNumber() {
	in.parse(ruleCardNumber, CardNumberFile, func(file []byte) error {
		n, err := ParseCardNumber(file)
		if err == nil {
			in.out.CardNumber = &n
		}
		return err
	})
}
