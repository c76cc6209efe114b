package benchmark

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"mobileid/issuer"
	"mobileid/issuer/card"
	"mobileid/mdoc"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/doctype"
)

// subject is the person in the documents, who is made up. Nothing here looks at the picture: it is the first bytes of a JPEG file and
// zeros.
func subject() *card.Identity {
	picture := make([]byte, portraitSize)
	copy(picture, "\xff\xd8\xff\xe0")
	return &card.Identity{FullName: "見本　花子", Address: "東京都千代田区見本町一丁目２番３号", LocalGovCode: "131016",
		BirthDate: cbor.FullDate{Year: 1990, Month: time.January, Day: 2}, Sex: card.SexFemale, Portrait: picture, IndividualNumber: "123456789018",
		CardExpiry: card.EndOfDay(cbor.FullDate{Year: 2030, Month: time.January, Day: 2})}
}

// signedFrom is the day of the documents.
func signedFrom() time.Time { return time.Date(2026, time.November, 1, 0, 0, 0, 0, card.Japan()) }

// issuedElements are those an issuer signs for the person.
func issuedElements() ([]mdoc.Element, error) {
	return issuer.Elements(doctype.MNC(), subject(), "見本発行機関", signedFrom())
}

// workload is the issued document, filled up with further age attestations to the number of items of the ratios.
func (w *world) workload() []mdoc.Element {
	list := slices.Clone(w.issued)
	have := make(map[string]bool, len(list))
	for _, e := range list {
		have[e.Identifier] = true
	}
	birth := subject().BirthDate
	for nn := 0; len(list) < workloadItems; nn++ {
		if id := doctype.AgeOverIdentifier(nn); !have[id] {
			list = append(list, mdoc.Element{NameSpace: doctype.NameSpaceISO, Identifier: id, Value: cbor.AppendBool(nil, card.AgeOver(birth, nn, signedFrom()))})
		}
	}
	return list
}

// signRaw signs with ES256, r and s side by side.
func signRaw(key *ecdsa.PrivateKey, message []byte) ([]byte, error) {
	digest := sha256.Sum256(message)
	r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	out := make([]byte, 64)
	r.FillBytes(out[:32])
	s.FillBytes(out[32:])
	return out, nil
}
