package cardsim

import (
	"crypto/rsa"
	"crypto/subtle"
	"slices"

	"mobileid/issuer/card"
)

// The files that only the card knows.
const (
	tokenFile         card.FileID = 0x10006
	presenceFile      card.FileID = 0x10008
	authenticationCA  card.FileID = 0x1000B
	authenticationKey card.FileID = 0x10017
	authenticationPIN card.FileID = 0x10018
	signatureKey      card.FileID = 0x1001A
	signaturePassword card.FileID = 0x1001B

	attributesBasic   card.FileID = 0x20005
	attributesPIN     card.FileID = 0x20011
	attributesBlocked card.FileID = 0x20012
	attributesKey     card.FileID = 0x20013
	attributesNumberA card.FileID = 0x20014
	attributesNumberB card.FileID = 0x20015

	ageFile     card.FileID = 0x30001
	numberImage card.FileID = 0x30005
	birthKey    card.FileID = 0x30011
	faceNumberB card.FileID = 0x30012
	faceNumberA card.FileID = 0x30013
	faceKey     card.FileID = 0x3001A
)

// secretFiles hold the secrets.
var secretFiles = [...]card.FileID{
	authenticationPIN, signaturePassword, attributesPIN, attributesBlocked, attributesNumberA, attributesNumberB,
	birthKey, faceNumberB, faceNumberA,
}

// file is one elementary file. Exactly one of data, key and secret is set.
type file struct {
	id     card.FileID
	data   []byte
	key    *rsa.PrivateKey
	secret *secret
	// opened lists the secrets of the same application of which any one opens the file; empty means free.
	opened []card.FileID
}

// secret is a PIN, a password or a 照合番号 with its counter. changes says what CHANGE REFERENCE DATA may put in its place; nil
// means nothing.
type secret struct {
	value        []byte
	tries, limit int
	changes      func([]byte) bool
}

// verify counts before it compares, so that no cut of power gives a guess for nothing. The comparison takes the same time
// wherever the values differ.
func (s *secret) verify(value []byte) bool {
	if s.tries == 0 {
		return false
	}
	s.tries--
	if subtle.ConstantTimeCompare(s.value, value) != 1 {
		return false
	}
	s.tries = s.limit
	return true
}

func isPIN(b []byte) bool {
	return len(b) == 4 && !slices.ContainsFunc(b, func(c byte) bool { return c < '0' || c > '9' })
}

func isPassword(b []byte) bool {
	return len(b) >= 6 && len(b) <= 16 &&
		!slices.ContainsFunc(b, func(c byte) bool { return (c < '0' || c > '9') && (c < 'A' || c > 'Z') })
}

// allocation rounds files up, as cards do: what is behind the content reads as FF.
const allocation = 64

// exact are the files whose size is their content's.
func exact(id card.FileID) bool {
	return id == card.NumberFile || id == tokenFile || id == presenceFile
}

// layout builds the files of a card with their access rules.
func layout(p Person, c *contents) map[card.FileID]*file {
	files := map[card.FileID]*file{}
	for id, data := range c.data {
		for !exact(id) && len(data)%allocation != 0 {
			data = append(data, 0xFF)
		}
		files[id] = &file{id: id, data: data, opened: readRules(id)}
	}
	for id, key := range c.keys {
		files[id] = &file{id: id, key: key}
	}
	files[authenticationKey].opened = []card.FileID{authenticationPIN}
	files[signatureKey].opened = []card.FileID{signaturePassword}
	put := func(id card.FileID, value string, limit int, changes func([]byte) bool) {
		files[id] = &file{id: id, secret: &secret{value: []byte(value), tries: limit, limit: limit, changes: changes}}
	}
	put(authenticationPIN, p.AuthenticationPIN, 3, isPIN)
	put(signaturePassword, p.SignaturePassword, 5, isPassword)
	put(attributesPIN, p.AttributePIN, 3, isPIN)
	put(attributesBlocked, "", 0, nil)
	put(attributesNumberA, p.Number, 10, nil)
	put(attributesNumberB, p.NumberB(), 10, nil)
	put(birthKey, p.birthKey(), 10, nil)
	put(faceNumberA, p.Number, 10, nil)
	put(faceNumberB, p.NumberB(), 10, nil)
	return files
}

// readRules say which secrets open a data file.
func readRules(id card.FileID) []card.FileID {
	switch id {
	case card.SignatureCertificate:
		return []card.FileID{signaturePassword}
	case card.NumberFile, card.IntegrityFile:
		return []card.FileID{attributesPIN, attributesNumberA}
	case card.AttributesFile:
		return []card.FileID{attributesPIN, attributesNumberB}
	case card.AttributesKeyFile:
		return []card.FileID{attributesPIN, attributesNumberA, attributesNumberB}
	case ageFile:
		return []card.FileID{birthKey}
	case card.FaceFile:
		return []card.FileID{faceNumberA, faceNumberB}
	case numberImage:
		return []card.FileID{faceNumberA}
	default:
		return nil
	}
}
