package card

import (
	"errors"
	"strings"
)

// agreement checks that every source, each trusted by its own signature, speaks of the same person and the same card.
func (k *checker) agreement() {
	text := k.attrs != nil && k.holder != nil
	all := text && k.card != nil
	k.run(ruleAgreeName, text, "equal", func() error { return same(k.attrs.name == k.holder.name) })
	k.run(ruleAgreeAddress, text, "equal", func() error { return same(k.attrs.address == k.holder.address) })
	k.run(ruleAgreeBirth, all, "equal", func() error {
		return same(k.attrs.birth == k.holder.birth && k.attrs.birth == k.card.birth)
	})
	k.run(ruleAgreeSex, all, "equal", func() error {
		return same(k.attrs.sex == k.holder.sex && k.attrs.sex == k.card.sex)
	})
	k.run(ruleAgreeMunicipality, k.attrCV != nil && k.faceCV != nil && k.auth != nil, "equal", k.sameMunicipality)
	k.run(ruleAgreeExpiry, k.cert != nil && k.auth != nil && k.card != nil, "the card lasts as long as the certificates", func() error {
		if end := EndOfDay(k.card.expiry); k.cert.NotAfter.After(end) || k.auth.NotAfter.After(end) {
			return errors.New("a certificate outlives the card")
		}
		return nil
	})
	k.run(ruleCardExpiry, k.card != nil, "in force", func() error {
		if k.c.At.After(EndOfDay(k.card.expiry)) {
			return errors.New("the card has expired")
		}
		return nil
	})
}

func same(equal bool) error {
	if !equal {
		return errors.New("the sources differ")
	}
	return nil
}

func (k *checker) sameMunicipality() error {
	attributes, ok1 := k.attrCV.subject.municipality()
	face, ok2 := k.faceCV.subject.municipality()
	if !ok1 || !ok2 {
		return errors.New("a key id holds no municipality code")
	}
	authentication, err := municipalityOf(k.municipality)
	if err != nil {
		return errors.New("the user authentication certificate holds no municipality code")
	}
	return same(k.basic == attributes && k.basic == face && k.basic == authentication)
}

// identity is called when every check passed; nothing in it comes from a source that did not.
func (k *checker) identity() *Identity {
	id := &Identity{
		FullName:            k.attrs.name,
		NameSubstitutes:     strings.Contains(k.holder.nameFlags, "1"),
		Address:             k.attrs.address,
		AddressSubstitutes:  strings.Contains(k.holder.addressFlags, "1"),
		LocalGovCode:        k.basic,
		BirthDate:           k.attrs.birth,
		Sex:                 k.attrs.sex,
		Portrait:            k.card.portrait,
		CardExpiry:          EndOfDay(k.card.expiry),
		CertificateNotAfter: k.cert.NotAfter,
		SubjectKey:          subjectKey(k.cert),
	}
	if k.c.NumberConsent {
		id.IndividualNumber = k.secret
	}
	return id
}
