package card_test

import (
	"encoding/hex"
	"slices"
	"testing"

	"mobileid/issuer/card"
	"mobileid/issuer/card/cardsim"
)

// everyFile reads all the modelled card has, whatever secret opens it.
func everyFile(tb testing.TB, k *cardsim.Card) []card.File {
	tb.Helper()
	p := k.Person()
	birth, err := card.BirthKey(p.BirthDate, p.Foreign)
	if err != nil {
		tb.Fatal(err)
	}
	k.Unpower()
	c, err := card.Connect(tb.Context(), k, card.ClientOptions{Extended: true})
	if err != nil {
		tb.Fatal(err)
	}
	for secret, value := range map[card.FileID]string{
		card.SignaturePasswordFile: p.SignaturePassword,
	} {
		if err := c.Verify(tb.Context(), secret, value); err != nil {
			tb.Fatal(err)
		}
	}
	var files []card.File
	get := func(ids ...card.FileID) {
		for _, id := range ids {
			content, err := c.ReadFile(tb.Context(), id)
			if err != nil {
				tb.Fatal(err)
			}
			files = append(files, card.File{ID: id, Content: content})
		}
	}
	get(card.SignatureCertificate, card.SignatureCA, card.TokenFile, card.PresenceFile, card.AuthenticationCertificate, card.AuthenticationCA)
	for _, s := range []struct {
		secret card.FileID
		value  string
		files  []card.FileID
	}{
		{card.AttributesPINFile, p.AttributePIN, []card.FileID{card.NumberFile, card.AttributesFile, card.IntegrityFile, card.AttributesCVFile, card.AttributesBasicFile, card.AttributesKeyFile}},
		{card.BirthDateKeyFile, birth, []card.FileID{card.AgeFile}},
		{card.FaceNumberAFile, p.Number, []card.FileID{card.FaceFile, card.BasicFile, card.FaceCVFile, card.NumberImageFile}},
	} {
		if err := c.Verify(tb.Context(), s.secret, s.value); err != nil {
			tb.Fatal(err)
		}
		get(s.files...)
	}
	return files
}

func content(tb testing.TB, files []card.File, id card.FileID) []byte {
	tb.Helper()
	i := slices.IndexFunc(files, func(f card.File) bool { return f.ID == id })
	if i < 0 {
		tb.Fatalf("no %v", id)
	}
	return slices.Clone(files[i].Content)
}

// digestAttributes is the attributes file of the digest's test card, byte for byte.
func digestAttributes(tb testing.TB) []byte {
	tb.Helper()
	b, err := hex.DecodeString("FF2065" + "DF2108000E002000590064" + "DF220FE9BB92E6A190E38080E5B9B9E4B99F" +
		"DF2336" + hex.EncodeToString([]byte("東京都清瀬市観布子南１２－７－２０２")) + "DF24083139383030323137" + "DF250131")
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// FuzzInspect gives any content to any file: nothing panics, values come only from files that are well-formed, and nothing is ever
// found right that was not read.
func FuzzInspect(f *testing.F) {
	w := fixture(f)
	for _, file := range everyFile(f, w.card(f, "foreigner", cardsim.Options{})) {
		f.Add(uint32(file.ID), file.Content)
	}
	f.Add(uint32(card.AttributesFile), digestAttributes(f))
	f.Add(uint32(card.CardNumberFile), []byte("\x01\x1C4000000127198431322120350217"))
	f.Fuzz(func(t *testing.T, id uint32, content []byte) {
		_ = card.ParseAnyFile(card.FileID(id), content)
		got, v := card.Inspect([]card.File{{ID: card.FileID(id), Content: content}}, card.InspectConfig{
			SignatureRoots: w.authority.SignatureRoots(), AuthenticationRoots: w.authority.AuthenticationRoots(),
			MunicipalRoots: w.authority.MunicipalRoots(), At: today(),
		})
		if got == nil || v.OK() && len(v.Checks) == 0 {
			t.Fatal("nothing was judged to be good")
		}
		for name, parsed := range map[string]func([]byte) (any, error){
			"token": func(b []byte) (any, error) {
				v, err := card.ParseTokenInformation(b)
				return v == (card.TokenInformation{}), err
			},
			"age":   func(b []byte) (any, error) { v, err := card.ParseAgeRecord(b); return v == nil, err },
			"image": func(b []byte) (any, error) { v, err := card.ParseNumberImage(b); return v == nil, err },
			"basic": func(b []byte) (any, error) { v, err := card.ParseBasicData(b); return v.Municipality == "", err },
			"attributes basic": func(b []byte) (any, error) {
				v, err := card.ParseAttributesBasicData(b)
				return err != nil && v == (card.AttributesBasicData{}), err
			},
			"number": func(b []byte) (any, error) { v, err := card.ParseCardNumber(b); return v == (card.CardNumber{}), err },
		} {
			if empty, err := parsed(content); empty != (err != nil) {
				t.Fatalf("%s: a value and an error, or neither", name)
			}
		}
	})
}
