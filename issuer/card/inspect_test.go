package card_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mobileid/issuer/card"
	"mobileid/issuer/card/cardsim"
	"mobileid/mdoc/apdu"
	"mobileid/mdoc/verdict"
)

// proved reads everything of a card and has both applications prove their presence.
func (w *world) proved(t *testing.T, k *cardsim.Card) ([]card.File, card.InspectConfig) {
	t.Helper()
	files := everyFile(t, k)
	config := card.InspectConfig{
		SignatureRoots: w.authority.SignatureRoots(), AuthenticationRoots: w.authority.AuthenticationRoots(),
		MunicipalRoots: w.authority.MunicipalRoots(), At: today(), Challenge: challenge(),
	}
	c, err := card.Connect(t.Context(), k, card.ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if config.AttributesProof, err = c.Prove(t.Context(), card.Attributes, challenge()); err != nil {
		t.Fatal(err)
	}
	if config.FaceProof, err = c.Prove(t.Context(), card.Face, challenge()); err != nil {
		t.Fatal(err)
	}
	return files, config
}

// outcomes lists the ids that have an outcome, sorted.
func outcomes(v verdict.Verdict, o verdict.Outcome) []string {
	var ids []string
	for _, c := range v.Checks {
		if c.Outcome == o {
			ids = append(ids, c.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

func TestInspectEverything(t *testing.T) {
	w := fixture(t)
	for _, p := range cardsim.People(today()) {
		files, config := w.proved(t, w.card(t, p.ID, cardsim.Options{}))
		files = append(files, card.File{ID: card.CardNumberFile, Content: []byte("\x01\x1C4000000127198431322120350217")})
		got, v := card.Inspect(files, config)
		if len(v.Failed()) > 0 {
			t.Errorf("%s: %v", p.ID, v.Failed())
		}
		if diff := cmp.Diff([]string{"card.certificate.status"}, outcomes(v, verdict.NotRun)); diff != "" {
			t.Errorf("not run: %s", diff)
		}
		if len(v.Checks) != 43 {
			t.Errorf("%d checks", len(v.Checks))
		}
		sex := map[string]uint{"1": card.SexMale, "2": card.SexFemale}[p.Sex]
		switch {
		case got.Attributes.Name != p.Name, got.Attributes.Address != p.Address, got.Attributes.BirthDate != p.BirthDate, got.Attributes.Sex != sex:
			t.Error("attributes")
		case got.Holder.Name != p.Name, got.Holder.NameSubstitutes != p.NameFlags, got.Holder.Address != p.Address, got.Holder.BirthDate != p.BirthDate:
			t.Error("holder")
		case got.Number != p.Number, got.Basic.Municipality != p.Municipality, got.Age.BirthDate != p.BirthDate:
			t.Error("number, basic data or age record")
		case got.Face.Expiry != p.Expiry, got.Face.Sex != sex, got.Face.BirthDate != p.BirthDate:
			t.Error("card face")
		case !bytes.Contains(content(t, files, card.FaceFile), got.Face.Portrait), !bytes.HasPrefix(got.Face.Portrait, []byte("\x00\x00\x00\x0CjP  ")):
			t.Error("the portrait is not as the card holds it")
		case !bytes.Contains(content(t, files, card.NumberImageFile), got.NumberImage.PNG):
			t.Error("number image")
		case got.Signature == nil, got.SignatureCA == nil, got.Authentication == nil, got.AuthenticationCA == nil, got.AttributesBasic == nil:
			t.Error("a certificate or basic data is missing")
		case got.Token.Label != "JPKIAPICCTOKEN2", got.CardNumber.Municipality != "13221":
			t.Error("token or card number")
		}
	}
}

func TestReadingInspect(t *testing.T) {
	w := fixture(t)
	k := w.card(t, "nineteen", cardsim.Options{})
	r := read(t, k, k.Person().Secrets(), options())
	_, v := r.Inspect(card.InspectConfig{MunicipalRoots: w.authority.MunicipalRoots(), At: today()})
	if len(v.Failed()) > 0 {
		t.Error(v.Failed())
	}
	want := []string{"auth.chain", "card.certificate.status", "cert.chain"}
	if diff := cmp.Diff(want, outcomes(v, verdict.NotRun)); diff != "" {
		t.Error(diff)
	}
}

// TestInspectWithoutGround names every check that lacks something, and lets none pass.
func TestInspectWithoutGround(t *testing.T) {
	w := fixture(t)
	files, config := w.proved(t, w.card(t, "nineteen", cardsim.Options{}))
	without := func(ids ...card.FileID) []card.File {
		return slices.DeleteFunc(slices.Clone(files), func(f card.File) bool { return slices.Contains(ids, f.ID) })
	}
	const status = "card.certificate.status"
	faceKeys := []string{"age.active_auth", "age.signature", "face.active_auth", "face.cv_certificate", "face.signature", "number_image.active_auth", "number_image.signature"}
	attributesKeys := []string{"attributes.active_auth", "attributes.cv_certificate", "attributes.integrity", "attributes.key_record", "number.integrity"}
	for name, tc := range map[string]struct {
		files []card.File
		edit  func(*card.InspectConfig)
		want  []string
	}{
		"no municipal roots":      {files, func(c *card.InspectConfig) { c.MunicipalRoots = nil }, append(slices.Clone(faceKeys), attributesKeys...)},
		"no signature roots":      {files, func(c *card.InspectConfig) { c.SignatureRoots = nil }, []string{"cert.chain"}},
		"no authentication roots": {files, func(c *card.InspectConfig) { c.AuthenticationRoots = nil }, []string{"auth.chain"}},
		"no instant":              {files, func(c *card.InspectConfig) { c.At = time.Time{} }, []string{"auth.chain", "auth.validity", "card.expiry", "cert.chain", "cert.validity"}},
		"no proof of 補助AP":        {files, func(c *card.InspectConfig) { c.AttributesProof = nil }, []string{"attributes.active_auth"}},
		"no proof of 券面AP":        {files, func(c *card.InspectConfig) { c.FaceProof = nil }, []string{"age.active_auth", "face.active_auth", "number_image.active_auth"}},
		"no CV of 補助AP":           {without(card.AttributesCVFile), nil, attributesKeys},
		"no CV of 券面AP":           {without(card.FaceCVFile), nil, faceKeys},
		"no integrity record":     {without(card.IntegrityFile), nil, []string{"attributes.integrity", "number.integrity"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := config
			if tc.edit != nil {
				tc.edit(&c)
			}
			_, v := card.Inspect(tc.files, c)
			want := append(slices.Clone(tc.want), status)
			slices.Sort(want)
			if diff := cmp.Diff(want, outcomes(v, verdict.NotRun)); diff != "" {
				t.Error(diff)
			}
			if len(v.Failed()) > 0 {
				t.Errorf("failed: %v", v.Failed())
			}
		})
	}
	if got, v := card.Inspect(nil, config); len(v.Checks) != 0 || *got != (card.Contents{}) {
		t.Errorf("of nothing: %v", v)
	}
}

// TestInspectRefuses spoils one thing at a time; the checks named fail, and no other.
func TestInspectRefuses(t *testing.T) {
	w := fixture(t)
	files, config := w.proved(t, w.card(t, "nineteen", cardsim.Options{}))
	other, otherConfig := w.proved(t, w.card(t, "birthday", cardsim.Options{Keys: w.share(4)}))
	stranger := card.InspectConfig{SignatureRoots: w.stranger.SignatureRoots(), AuthenticationRoots: w.stranger.AuthenticationRoots(), MunicipalRoots: w.stranger.MunicipalRoots()}
	for name, tc := range map[string]struct {
		replace map[card.FileID]func([]byte) []byte
		edit    func(*card.InspectConfig)
		want    []string
	}{
		"token of a phone with another length": {replace: spoil(card.TokenFile, func(b []byte) []byte { return b[:159] }), want: []string{"token.format"}},
		"token with another label":             {replace: spoil(card.TokenFile, func(b []byte) []byte { b[0] = 'X'; return b }), want: []string{"token.format"}},
		"certificates not present":             {replace: spoil(card.PresenceFile, func([]byte) []byte { return []byte{0x8F, 0, 0} }), want: []string{"token.presence"}},
		"authentication certificate cut":       {replace: spoil(card.AuthenticationCertificate, cut), want: []string{"auth.format"}},
		"authentication certificate altered":   {replace: spoil(card.AuthenticationCertificate, flipLast), want: []string{"auth.chain"}},
		"signature certificate cut":            {replace: spoil(card.SignatureCertificate, cut), want: []string{"cert.format"}},
		"signature certificate altered":        {replace: spoil(card.SignatureCertificate, flipLast), want: []string{"cert.chain"}},
		"certificates changed round": {replace: map[card.FileID]func([]byte) []byte{
			card.SignatureCertificate: func([]byte) []byte { return content(t, files, card.AuthenticationCertificate) },
		}, want: []string{"cert.chain", "cert.holder", "cert.profile"}},
		"CA certificates cut": {replace: map[card.FileID]func([]byte) []byte{card.SignatureCA: cut, card.AuthenticationCA: cut}, want: []string{"auth.ca_file", "cert.ca_file"}},
		"roots of a stranger": {edit: func(c *card.InspectConfig) {
			c.SignatureRoots, c.AuthenticationRoots, c.MunicipalRoots = stranger.SignatureRoots, stranger.AuthenticationRoots, stranger.MunicipalRoots
		}, want: []string{"attributes.cv_certificate", "auth.chain", "cert.chain", "face.cv_certificate"}},
		"ten years later":                {edit: func(c *card.InspectConfig) { c.At = c.At.AddDate(20, 0, 0) }, want: []string{"auth.chain", "auth.validity", "card.expiry", "cert.chain", "cert.validity"}},
		"ten years earlier":              {edit: func(c *card.InspectConfig) { c.At = c.At.AddDate(-10, 0, 0) }, want: []string{"auth.chain", "auth.validity", "cert.chain", "cert.validity"}},
		"attributes altered":             {replace: spoil(card.AttributesFile, flipLast), want: []string{"attributes.format"}},
		"address altered":                {replace: spoil(card.AttributesFile, after("\xDF\x23", 3+2)), want: []string{"agree.address", "attributes.integrity"}},
		"attributes with a false offset": {replace: spoil(card.AttributesFile, after("\xDF\x21", 4)), want: []string{"attributes.format"}},
		"attributes of another":          {replace: spoil(card.AttributesFile, func([]byte) []byte { return content(t, other, card.AttributesFile) }), want: []string{"agree.address", "agree.birth_date", "agree.name", "agree.sex", "attributes.integrity"}},
		"integrity record altered":       {replace: spoil(card.IntegrityFile, flipLast), want: []string{"attributes.integrity"}},
		"integrity record cut":           {replace: spoil(card.IntegrityFile, cut), want: []string{"attributes.integrity"}},
		"CV certificate altered":         {replace: spoil(card.AttributesCVFile, flipLast), want: []string{"attributes.cv_certificate"}},
		"CV certificate cut":             {replace: spoil(card.FaceCVFile, cut), want: []string{"face.cv_certificate"}},
		"CV of the other application":    {replace: spoil(card.FaceCVFile, func([]byte) []byte { return content(t, files, card.AttributesCVFile) }), want: []string{"face.cv_certificate"}},
		"key record altered":             {replace: spoil(card.AttributesKeyFile, flipLast), want: []string{"attributes.key_record"}},
		"key record cut":                 {replace: spoil(card.AttributesKeyFile, cut), want: []string{"attributes.key_record"}},
		"basic data of 補助AP cut":         {replace: spoil(card.AttributesBasicFile, cut), want: []string{"attributes.basic_data"}},
		"number altered":                 {replace: spoil(card.NumberFile, after("\xFF\x10\x0C", 4)), want: []string{"number.check_digit", "number.integrity"}},
		"number's filler altered":        {replace: spoil(card.NumberFile, func(b []byte) []byte { return b[:16] }), want: []string{"number.integrity"}},
		"number cut":                     {replace: spoil(card.NumberFile, func(b []byte) []byte { return b[:14] }), want: []string{"number.format", "number.integrity"}},
		"proof of another card": {edit: func(c *card.InspectConfig) {
			c.AttributesProof, c.FaceProof = otherConfig.AttributesProof, otherConfig.FaceProof
		}, want: []string{"age.active_auth", "attributes.active_auth", "face.active_auth", "number_image.active_auth"}},
		"another challenge":        {edit: func(c *card.InspectConfig) { c.Challenge = bytes.Repeat([]byte{1}, 32) }, want: []string{"age.active_auth", "attributes.active_auth", "face.active_auth", "number_image.active_auth"}},
		"basic data of 券面AP cut":   {replace: spoil(card.BasicFile, cut), want: []string{"face.basic_data"}},
		"face cut":                 {replace: spoil(card.FaceFile, cut), want: []string{"face.format"}},
		"face with a false offset": {replace: spoil(card.FaceFile, after("\xDF\x21", 10)), want: []string{"face.format"}},
		"photo altered":            {replace: spoil(card.FaceFile, after("\xDF\x27", 2000)), want: []string{"face.signature"}},
		"photo of another kind":    {replace: spoil(card.FaceFile, after("\xDF\x27", 10)), want: []string{"face.portrait", "face.signature"}},
		"name image is none":       {replace: spoil(card.FaceFile, after("\x89PNG", 1)), want: []string{"face.images", "face.signature"}},
		"age record altered":       {replace: spoil(card.AgeFile, flipLast), want: []string{"age.signature"}},
		"age record of another":    {replace: spoil(card.AgeFile, func([]byte) []byte { return content(t, other, card.AgeFile) }), want: []string{"age.active_auth", "agree.birth_date", "agree.face_key"}},
		"age record cut":           {replace: spoil(card.AgeFile, cut), want: []string{"age.format"}},
		"number image altered":     {replace: spoil(card.NumberImageFile, flipLast), want: []string{"number_image.signature"}},
		"number image cut":         {replace: spoil(card.NumberImageFile, cut), want: []string{"number_image.format"}},
	} {
		t.Run(name, func(t *testing.T) {
			changed := slices.Clone(files)
			for i, f := range changed {
				if edit := tc.replace[f.ID]; edit != nil {
					changed[i].Content = edit(bytes.Clone(f.Content))
				}
			}
			c := config
			if tc.edit != nil {
				tc.edit(&c)
			}
			_, v := card.Inspect(changed, c)
			got := outcomes(v, verdict.Fail)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("failed (-want +got):\n%s", diff)
			}
		})
	}
}

func spoil(id card.FileID, edit func([]byte) []byte) map[card.FileID]func([]byte) []byte {
	return map[card.FileID]func([]byte) []byte{id: edit}
}

func cut(b []byte) []byte { return b[:len(b)/2] }

// flipLast changes the last byte: of a signature, of a certificate's, or of a value.
func flipLast(b []byte) []byte {
	b[len(b)-1] ^= 0x40
	return b
}

// after changes the byte at an offset behind the first place where a text stands.
func after(text string, offset int) func([]byte) []byte {
	return func(b []byte) []byte {
		b[bytes.Index(b, []byte(text))+offset] ^= 0x01
		return b
	}
}

// TestDigestOfThePublishedCard builds the records of the test card in the digest, 6.2 and 6.3, byte for byte; the two digests are those
// stated there. The signatures are made with keys of this test.
func TestDigestOfThePublishedCard(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	root, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	id := card.KeyID([]byte("9000033\x08\x05001\xFF\xFF\xFF\xFF"))
	subject := []byte("132217" + strings.Repeat("0", 10))
	object := func(tag uint32, parts ...[]byte) []byte { return apdu.AppendTLV(nil, tag, bytes.Join(parts, nil)) }
	sign := func(k *rsa.PrivateKey, b []byte) []byte {
		d := sha256.Sum256(b)
		s, err := rsa.SignPKCS1v15(rand.Reader, k, crypto.SHA256, d[:])
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	body := bytes.Join([][]byte{id[:], subject, object(0x90, []byte{1, 0, 1}), object(0x91, key.N.FillBytes(make([]byte, 256)))}, nil)
	cv := object(0x7F21, object(0x5F4E, body), object(0x5F37, sign(root, body)))
	number := unhex(t, "FF100C353337363836363737313838FFFF")
	digests := append(object(0xDF31, unhex(t, "6d5a4c1ef9ab15bf506862d7e66b9c0f179ca065bc936c8e634e9e57449ca9cd")),
		object(0xDF32, unhex(t, "b9e0d09427b23b1d4beda2848512b4103752dc2667e51f9712872d65f472cb3b"))...)
	record := object(0xFF30, digests, object(0xDF33, sign(key, digests)))
	attributes := digestAttributes(t)
	if len(attributes) != 104 || len(number) != 17 || len(record) != 336 || len(cv) != 568 {
		t.Errorf("sizes %d, %d, %d, %d", len(attributes), len(number), len(record), len(cv))
	}
	got, v := card.Inspect([]card.File{
		{ID: card.NumberFile, Content: number}, {ID: card.AttributesFile, Content: attributes}, {ID: card.IntegrityFile, Content: record},
		{ID: card.AttributesCVFile, Content: cv},
	}, card.InspectConfig{MunicipalRoots: map[card.KeyID]*rsa.PublicKey{id: &root.PublicKey}})
	if !v.OK() || len(v.Checks) != 6 {
		t.Errorf("%v", v)
	}
	if a := got.Attributes; a.Name != "黒桐　幹也" || a.Address != "東京都清瀬市観布子南１２－７－２０２" || a.BirthDate.String() != "1980-02-17" || a.Sex != card.SexMale || got.Number != "537686677188" {
		t.Error("another person")
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestOffsetTables gives the attributes every kind of untrue table, and one of a later version with an object more.
func TestOffsetTables(t *testing.T) {
	const values = "DF220FE9BB92E6A190E38080E5B9B9E4B99F" + "DF230161" + "DF24083139383030323137" + "DF250131"
	build := func(table string, more string) []byte {
		inner := unhex(t, "DF21"+fmt.Sprintf("%02x", len(table)/2)+table+values+more)
		return apdu.AppendTLV(nil, 0xFF20, inner)
	}
	for name, tc := range map[string]struct {
		file []byte
		ok   bool
	}{
		"true":                {build("000E002000240"+"02F", ""), true},
		"true with filler":    {append(build("000E00200024002F", ""), 0xFF, 0xFF), true},
		"one more object":     {build("0010002200260031"+"0035", "DF260130"), true},
		"from the value on":   {build("000B001D0021002C", ""), false},
		"one too far":         {build("000E002000240030", ""), false},
		"beyond the file":     {build("000E00200024FFFF", ""), false},
		"all zero":            {build("0000000000000000", ""), false},
		"one entry too few":   {build("000C001E0022", ""), false},
		"one entry too many":  {build("0010002200260031"+"0035", ""), false},
		"half an entry":       {build("000E00200024002F00", ""), false},
		"none":                {build("", ""), false},
		"in another order":    {build("0020000E0024002F", ""), false},
		"filler is not blank": {append(build("000E00200024002F", ""), 0xFF, 0x00), false},
	} {
		t.Run(name, func(t *testing.T) {
			if err := card.ParseAnyFile(card.AttributesFile, tc.file); (err == nil) != tc.ok || err != nil && !errors.Is(err, card.ErrFile) {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestLengthsThatLie changes every length in every file to each of some values: nothing panics, and what is taken re-reads the same.
func TestLengthsThatLie(t *testing.T) {
	w := fixture(t)
	files := everyFile(t, w.card(t, "nineteen", cardsim.Options{}))
	for _, f := range files {
		for at := 0; at+1 < min(len(f.Content), 400); at++ {
			for _, lie := range []uint16{0, 0x0001, 0x7FFF, 0x8000, 0x8100, 0x81FF, 0x82FF, 0x84FF, 0xFFFF} {
				b := bytes.Clone(f.Content)
				binary.BigEndian.PutUint16(b[at:], lie)
				_ = card.ParseAnyFile(f.ID, b)
				_, _ = card.Inspect([]card.File{{ID: f.ID, Content: b}}, card.InspectConfig{})
			}
		}
	}
}

// TestContentsAreNotFormatted looks for personal values in every way to write Contents and their parts down.
func TestContentsAreNotFormatted(t *testing.T) {
	w := fixture(t)
	k := w.card(t, "nineteen", cardsim.Options{})
	p := k.Person()
	files, config := w.proved(t, k)
	got, v := card.Inspect(files, config)
	number := card.CardNumber{Manufacturing: "400000012719843", Municipality: p.Municipality, Expiry: p.Expiry}
	parts := card.NumberBParts{BirthDate: p.BirthDate, ExpiryYear: p.Expiry.Year, SecurityCode: "CANARY1"}
	var out bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{} // digits of no meaning here
		}
		return a
	}}))
	for _, value := range []any{*got, got, *got.Holder, *got.Attributes, *got.Face, *got.Age, *got.NumberImage, number, parts, files} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
			fmt.Fprintf(&out, verb+"\n", value)
		}
		logger.Info("value", "value", value)
		if err := json.NewEncoder(&out).Encode(value); err != nil {
			t.Fatal(err)
		}
	}
	fmt.Fprintln(&out, v)
	for name, canary := range map[string]string{
		"name": p.Name, "address": p.Address, "number": p.Number, "birth date": p.BirthDate.String(), "digits of it": strings.ReplaceAll(p.BirthDate.String(), "-", ""),
		"card number": number.Manufacturing, "security code": parts.SecurityCode, "picture": string(got.Face.Portrait[50:66]),
	} {
		for _, s := range []string{canary, hex.EncodeToString([]byte(canary))} {
			if strings.Contains(out.String(), s) {
				t.Errorf("%s is written out", name)
			}
		}
	}
	if strings.Count(out.String(), "[redacted]") < 70 {
		t.Error("something was not formatted")
	}
	for name, text := range map[string]string{
		"My Number card": card.KindCard.String(), "Android phone": card.KindAndroid.String(), "iPhone": card.KindIPhone.String(), "kind 9": card.Kind(9).String(),
	} {
		if name != text {
			t.Errorf("%q for %q", text, name)
		}
	}
}

// TestSessionKeyFile reads 補助AP 0006 in the form of the digest, 6.2.
func TestSessionKeyFile(t *testing.T) {
	modulus := append([]byte{0xC0}, bytes.Repeat([]byte{1}, 255)...)
	key := apdu.AppendTLV(apdu.AppendTLV(nil, 0x90, []byte{1, 0, 1}), 0x91, modulus)
	for name, tc := range map[string]struct {
		file []byte
		ok   bool
	}{
		"well-formed": {append(apdu.AppendTLV(nil, 0xA1, key), 0xFF), true}, "other tag": {apdu.AppendTLV(nil, 0xA2, key), false},
		"behind it": {append(apdu.AppendTLV(nil, 0xA1, key), 0), false}, "short": {apdu.AppendTLV(nil, 0xA1, key[:30]), false},
	} {
		_, v := card.Inspect([]card.File{{ID: card.AttributesSessionKeyFile, Content: tc.file}}, card.InspectConfig{})
		if v.OK() != tc.ok || len(v.Checks) != 1 {
			t.Errorf("%s: %v", name, v)
		}
	}
}
