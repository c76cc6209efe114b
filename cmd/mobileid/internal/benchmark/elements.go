package benchmark

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"fmt"

	"mobileid/mdoc"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/doctype"
)

// issuedElements are those an issuer signs for a person born in 1990: the public set, the age attestations of the table and
// the proposed elements. The person is made up.
func issuedElements() []mdoc.Element {
	const jp, iso, own = doctype.NameSpaceJP, doctype.NameSpaceISO, doctype.NameSpaceProposed
	full, family, given := text("見本　花子"), text("見本"), text("花子")
	list := []mdoc.Element{
		{NameSpace: jp, Identifier: "full_name_unicode", Value: full},
		{NameSpace: jp, Identifier: "resident_address_unicode", Value: text("東京都千代田区見本町一丁目２番３号")},
		{NameSpace: jp, Identifier: "local_gov_code_unicode", Value: text("131016")},
		{NameSpace: jp, Identifier: doctype.IndividualNumber, Value: text("123456789018")},
		{NameSpace: jp, Identifier: "portrait", Value: portrait()},
		{NameSpace: jp, Identifier: "sex_unicode", Value: text("女")},
		{NameSpace: jp, Identifier: "birth_date_unicode", Value: text("1990年1月2日")},
		{NameSpace: iso, Identifier: "sex", Value: cbor.AppendUint(nil, 2)},
		{NameSpace: iso, Identifier: "birth_date", Value: day("1990-01-02")},
	}
	for _, nn := range doctype.MNC().AgeOverSet() {
		list = append(list, ageOver(nn))
	}
	return append(list,
		mdoc.Element{NameSpace: own, Identifier: "family_name_unicode", Value: family},
		mdoc.Element{NameSpace: own, Identifier: "given_name_unicode", Value: given},
		mdoc.Element{NameSpace: own, Identifier: "expiry_date", Value: day("2030-01-02")},
		mdoc.Element{NameSpace: own, Identifier: "issue_date", Value: day("2026-11-01")},
		mdoc.Element{NameSpace: own, Identifier: "issuing_authority_unicode", Value: text("見本発行機関")},
		mdoc.Element{NameSpace: own, Identifier: "issuing_country", Value: text("JP")},
		mdoc.Element{NameSpace: own, Identifier: "age_birth_year", Value: cbor.AppendUint(nil, 1990)},
	)
}

// workload is the same document, filled up with further age attestations to the number of items of the ratios.
func workload() []mdoc.Element {
	list := issuedElements()
	have := make(map[string]bool, len(list))
	for _, e := range list {
		have[e.Identifier] = true
	}
	for nn := 0; len(list) < workloadItems; nn++ {
		if e := ageOver(nn); !have[e.Identifier] {
			list = append(list, e)
		}
	}
	return list
}

func ageOver(nn int) mdoc.Element {
	return mdoc.Element{NameSpace: doctype.NameSpaceISO, Identifier: doctype.AgeOverIdentifier(nn), Value: cbor.AppendBool(nil, nn <= 36)}
}

// portrait is the first bytes of a JPEG file and zeros: nothing here looks at the picture.
func portrait() []byte {
	picture := make([]byte, portraitSize)
	copy(picture, "\xff\xd8\xff\xe0")
	return cbor.AppendBytes(nil, picture)
}

func text(s string) []byte { return cbor.AppendText(nil, s) }

func day(s string) []byte { return cbor.AppendText(cbor.AppendTag(nil, 1004), s) }

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
