package cardsim

import (
	"crypto"
	"slices"

	"mobileid/issuer/card"
	"mobileid/mdoc/jpkiap"
)

// The files that only the card knows. What other files real cards have is not known well enough to be modelled.
const (
	tokenFile         card.FileID = 0x10006
	presenceFile      card.FileID = 0x10008
	authenticationCA  card.FileID = 0x1000B
	terminalCA        card.FileID = 0x10016
	authenticationKey card.FileID = 0x10017
	authenticationPIN card.FileID = 0x10018
	signatureKey      card.FileID = 0x1001A
	signaturePassword card.FileID = 0x1001B

	attributesBasic   card.FileID = 0x20005
	sessionKeyFile    card.FileID = 0x20006
	attributesEmpty   card.FileID = 0x20008
	attributesPIN     card.FileID = 0x20011
	attributesBlocked card.FileID = 0x20012
	attributesKey     card.FileID = 0x20013
	attributesNumberA card.FileID = 0x20014
	attributesNumberB card.FileID = 0x20015
	sessionKey        card.FileID = 0x2FFFE // the private half of 0006; no SELECT reaches it

	ageFile     card.FileID = 0x30001
	numberImage card.FileID = 0x30005
	faceEmpty   card.FileID = 0x30006
	birthKey    card.FileID = 0x30011
	faceNumberB card.FileID = 0x30012
	faceNumberA card.FileID = 0x30013
	faceKey     card.FileID = 0x3001A

	serialFile  card.FileID = 0x40001
	commonKeyID card.FileID = 0x40002
	commonKey   card.FileID = 0x40019
	commonPIN   card.FileID = 0x4001C

	registerKeyID card.FileID = 0x50002
	registerPIN   card.FileID = 0x5001C
)

// kind is the structure of an elementary file.
type kind uint8

const (
	transparent kind = iota // READ BINARY
	record                  // READ RECORD, one record
	internal                // a key, a secret, or what only the card uses
)

// file is one elementary file, or a data object of the Issuer Security Domain.
type file struct {
	id     card.FileID
	kind   kind
	data   []byte
	key    crypto.Signer // *rsa.PrivateKey, in the next generation *ecdsa.PrivateKey
	secret *secret
	// opened lists the secrets of the same application of which any one opens the file; empty means free.
	opened []card.FileID
}

// allocation rounds files up, as cards do: what is behind the content reads as FF.
const allocation = 64

// exact are the files whose size is their content's.
func exact(id card.FileID) bool {
	switch id {
	case card.NumberFile, tokenFile, presenceFile, attributesEmpty, faceEmpty, serialFile, commonKeyID, registerKeyID, nextNumber:
		return true
	default:
		return id.Application() == domain
	}
}

func kindOf(id card.FileID) kind {
	switch id {
	case serialFile, commonKeyID, registerKeyID:
		return record
	case terminalCA:
		return internal
	default:
		return transparent
	}
}

// layout builds the files of a card with their access rules.
func layout(p Person, c *contents, g generation) map[card.FileID]*file {
	files := map[card.FileID]*file{}
	for id, data := range c.data {
		for !exact(id) && len(data)%allocation != 0 {
			data = append(data, 0xFF)
		}
		files[id] = &file{id: id, kind: kindOf(id), data: data, opened: openers(id)}
	}
	for id, key := range c.keys {
		files[id] = &file{id: id, kind: internal, key: key, opened: openers(id)}
	}
	for _, id := range unknownFiles(g) {
		files[id] = &file{id: id, kind: internal}
	}
	secrets := secretsOf(p)
	if g == nextGeneration {
		secrets = nextSecrets(p)
	}
	for _, s := range secrets {
		v := &secret{value: []byte(s.value), tries: s.limit, limit: s.limit, change: s.change, form: s.form}
		if s.value == "" { // not set: blocked from the beginning
			v.tries = 0
		}
		files[s.id] = &file{id: s.id, kind: internal, secret: v}
	}
	return files
}

// unknownFiles can be selected and neither read nor presented: what they are for is not known.
func unknownFiles(g generation) []card.FileID {
	if g == nextGeneration {
		return nil
	}
	return []card.FileID{terminalCA, 0x20010, 0x2001C, 0x2001E, 0x3001C, 0x3001E}
}

// secretRule is one secret of a layout.
type secretRule struct {
	id     card.FileID
	value  string
	limit  int
	change byte
	form   func([]byte) bool
}

// secretsOf are the secrets of the current generation. One that is empty is not set, as on a card that is used by the face alone
// (顔認証マイナンバーカード).
func secretsOf(p Person) []secretRule {
	return []secretRule{
		{authenticationPIN, p.AuthenticationPIN, jpkiap.PINTries, insChangeReference, jpkiap.IsPIN},
		{signaturePassword, p.SignaturePassword, jpkiap.PasswordTries, insChangeReference, jpkiap.IsPassword},
		{attributesPIN, p.AttributePIN, 3, insChangeReference, jpkiap.IsPIN},
		{attributesBlocked, "", 3, 0, nil},
		{attributesNumberA, p.Number, 10, 0, nil},
		{attributesNumberB, p.NumberB(), 10, 0, nil},
		{birthKey, p.birthKey(), 10, 0, nil},
		{faceNumberA, p.Number, 10, 0, nil},
		{faceNumberB, p.NumberB(), 10, 0, nil},
		{commonPIN, p.CommonPIN, 3, insChangeKey, jpkiap.IsPIN},
		{registerPIN, p.RegisterPIN, 3, insChangeKey, jpkiap.IsPIN},
	}
}

// openers say which secrets open a data file or let a key be used; nil is free.
func openers(id card.FileID) []card.FileID {
	switch id {
	case authenticationKey:
		return []card.FileID{authenticationPIN}
	case card.SignatureCertificate, signatureKey:
		return []card.FileID{signaturePassword}
	case card.NumberFile, card.IntegrityFile:
		return []card.FileID{attributesPIN, attributesNumberA}
	case card.AttributesFile:
		return []card.FileID{attributesPIN, attributesNumberB}
	case card.AttributesKeyFile, sessionKeyFile:
		return []card.FileID{attributesPIN, attributesNumberA, attributesNumberB}
	case sessionKey:
		return []card.FileID{attributesPIN}
	case ageFile:
		return []card.FileID{birthKey}
	case card.FaceFile:
		return []card.FileID{faceNumberA, faceNumberB}
	case numberImage:
		return []card.FileID{faceNumberA}
	default:
		return nextOpeners(id)
	}
}

// sortedIDs are the files in the order of their ids.
func sortedIDs[V any](files map[card.FileID]V) []card.FileID {
	ids := make([]card.FileID, 0, len(files))
	for id := range files {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}
