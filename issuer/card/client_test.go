package card_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mobileid/issuer/card"
	"mobileid/issuer/card/cardsim"
	"mobileid/mdoc/apdu"
	"mobileid/mdoc/cbor"
)

// scripted answers each command, in hex, from a list; everything else is a failure.
type scripted struct {
	t     *testing.T
	steps [][2]string // command and answer
	at    int
}

func (s *scripted) Transmit(_ context.Context, command []byte) ([]byte, error) {
	got := hex.EncodeToString(command)
	if s.at == len(s.steps) {
		s.t.Errorf("one command too many: %s", got)
		return []byte{0x6F, 0x00}, nil
	}
	step := s.steps[s.at]
	s.at++
	if got != step[0] {
		s.t.Errorf("command %d is %s, want %s", s.at, got, step[0])
	}
	answer, err := hex.DecodeString(step[1])
	if err != nil {
		s.t.Fatal(err)
	}
	return answer, nil
}

const (
	selectJPKI       = "00a4040c0ad392f000260100000001"
	selectAttributes = "00a4040c0ad3921000310001010408"
	selectFace       = "00a4040c0ad3921000310001010402"
	selectCommon     = "00a4040c0ad3921000310001010100"
	selectResident   = "00a4040c0ad3921000310001010401"
	selectISD        = "00a4040c07a0000001510000"
	readToken        = "00b0860000"
)

// token is JPKI-AP 0006 with a label, laid out by hand.
func token(label string) string {
	pad := func(s string, n int) string { return s + string(bytes.Repeat([]byte(" "), n-len(s))) }
	b := pad(label, 32) + pad("maker", 32) + pad("model", 16) + pad("42", 16) + "\x00\x00\x04\x0D" +
		"\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00" + "\x00\x00\x00\x10\x00\x00\x00\x06" +
		string(bytes.Repeat([]byte{0xFF}, 16)) + "\x01\x02\x03\x04" + "9999999999999999"
	return hex.EncodeToString([]byte(b))
}

// connected is a Client of a scripted card.
func connected(t *testing.T, label string, o card.ClientOptions, steps ...[2]string) *card.Client {
	t.Helper()
	read := readToken
	if o.Extended {
		read = "00b08600000000"
	}
	s := &scripted{t: t, steps: append([][2]string{{selectJPKI, "9000"}, {read, token(label) + "9000"}}, steps...)}
	c, err := card.Connect(t.Context(), s, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.at != len(s.steps) {
			t.Errorf("%d of %d commands were sent", s.at, len(s.steps))
		}
	})
	return c
}

const myNumberCard = "JPKIAPICCTOKEN2"

func TestTokenKinds(t *testing.T) {
	for label, want := range map[string]card.Kind{myNumberCard: card.KindCard, "JPKIAPGPSETOKEN": card.KindAndroid, "JPKIAPIOSTOKEN": card.KindIPhone} {
		c := connected(t, label, card.ClientOptions{})
		if c.Kind() != want || c.Kind().Phone() != (want != card.KindCard) {
			t.Errorf("%s is a %v", label, c.Kind())
		}
		if diff := cmp.Diff(card.TokenInformation{
			Label: label, Manufacturer: "maker", Model: "model", SerialNumber: "42", Flags: 0x40D, MaxPIN: 16, MinPIN: 6,
			HardwareVersion: [2]byte{1, 2}, FirmwareVersion: [2]byte{3, 4},
		}, c.Token()); diff != "" {
			t.Error(diff)
		}
	}
	for label, want := range map[string]error{"JPKIAPICCTOKEN": card.ErrOldCard, "SOMETHING": card.ErrNotMyNumberCard} {
		s := &scripted{t: t, steps: [][2]string{{selectJPKI, "9000"}, {readToken, token(label) + "9000"}}}
		if _, err := card.Connect(t.Context(), s, card.ClientOptions{}); !errors.Is(err, want) || !errors.Is(err, card.ErrNotMyNumberCard) {
			t.Errorf("%s: %v", label, err)
		}
	}
	for name, answer := range map[string]string{"short": "00", "control characters": "00" + token(myNumberCard)[2:]} {
		s := &scripted{t: t, steps: [][2]string{{selectJPKI, "9000"}, {readToken, answer + "9000"}}}
		if _, err := card.Connect(t.Context(), s, card.ClientOptions{}); !errors.Is(err, card.ErrNotMyNumberCard) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestPINStatus has one row for every status word a secret may answer with.
func TestPINStatus(t *testing.T) {
	for word, want := range map[string]card.PINStatus{
		"63c3": {State: card.SecretCounted, TriesLeft: 3, SW: 0x63C3}, "63c1": {State: card.SecretCounted, TriesLeft: 1, SW: 0x63C1},
		"63cf": {State: card.SecretCounted, TriesLeft: 15, SW: 0x63CF}, "63c0": {State: card.SecretBlocked, SW: 0x63C0},
		"6984": {State: card.SecretBlocked, SW: 0x6984}, "6983": {State: card.SecretBlocked, SW: 0x6983},
		"6300": {State: card.SecretUnlimited, TriesLeft: -1, SW: 0x6300}, "9000": {State: card.SecretPresented, TriesLeft: -1, SW: 0x9000},
		"6a82": {State: card.SecretAbsent, TriesLeft: -1, SW: 0x6A82}, "6982": {State: card.SecretUnknown, TriesLeft: -1, SW: 0x6982},
		"6981": {State: card.SecretUnknown, TriesLeft: -1, SW: 0x6981},
	} {
		t.Run(word, func(t *testing.T) {
			c := connected(t, myNumberCard, card.ClientOptions{}, [2]string{"00200098", word})
			got, err := c.PINStatus(t.Context(), card.AuthenticationPINFile)
			if err != nil {
				t.Fatal(err)
			}
			want.File, want.Secret = card.AuthenticationPINFile, card.AuthenticationPIN
			if diff := cmp.Diff([]card.PINStatus{want}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	c := connected(t, myNumberCard, card.ClientOptions{})
	if _, err := c.PINStatus(t.Context(), card.FaceFile); err == nil {
		t.Error("a file without a secret has tries")
	}
}

func TestPINStatusOfEverySecret(t *testing.T) {
	w := fixture(t)
	k := w.card(t, "birthday", cardsim.Options{})
	f := &cardsim.Fault{Card: k, After: 1 << 20}
	c, err := card.Connect(t.Context(), f, card.ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.PINStatus(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := map[card.FileID]int{
		card.AuthenticationPINFile: 3, card.SignaturePasswordFile: 5, card.AttributesPINFile: 3, card.AttributesUnusedFile: 0,
		card.AttributesNumberAFile: 10, card.AttributesNumberBFile: 10, card.BirthDateKeyFile: 10, card.FaceNumberAFile: 10, card.FaceNumberBFile: 10,
	}
	for _, p := range got {
		left, known := want[p.File]
		if a := p.File.Application(); a == card.Common || a == card.Resident {
			continue // the model may have it or not
		}
		if !known || p.TriesLeft != left {
			t.Errorf("%v: %d tries left, want %d", p.File, p.TriesLeft, left)
		}
		delete(want, p.File)
	}
	if len(want) > 0 {
		t.Errorf("not told: %v", want)
	}
	again, err := c.PINStatus(t.Context())
	if err != nil || cmp.Diff(got, again) != "" {
		t.Errorf("asking changed something: %v", err)
	}
}

func TestPhoneHasOneApplication(t *testing.T) {
	c := connected(t, "JPKIAPGPSETOKEN", card.ClientOptions{}, [2]string{"00200098", "63c3"}, [2]string{"0020009b", "63c5"}, [2]string{"00b08a0000", "6982"})
	states, err := c.PINStatus(t.Context())
	if err != nil || len(states) != 2 {
		t.Errorf("%d secrets, %v", len(states), err)
	}
	if files := card.ReadableFiles(c.Kind()); len(files) != 6 || slices.ContainsFunc(files, func(f card.FileID) bool { return f.Application() != card.JPKI }) {
		t.Errorf("files %v", files)
	}
	for name, err := range map[string]error{
		"attributes": second(c.ReadFile(t.Context(), card.AttributesFile)), "data": second(c.Data(t.Context(), card.DataExpiry)),
		"proof": second(c.Prove(t.Context(), card.Face, challenge())), "number A": c.Verify(t.Context(), card.FaceNumberAFile, "123456789018"),
	} {
		if !errors.Is(err, card.ErrPhone) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err = c.ReadFile(t.Context(), card.AuthenticationCertificate)
	if a, ok := errors.AsType[*card.AccessError](err); !ok || !slices.Equal(a.Secrets, []card.SecretName{card.AuthenticationPIN}) {
		t.Errorf("the authentication certificate: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

// TestAccessRules reads every file after every secret of its application, and after none: it opens by the reader's own table, or the
// error names the secrets that would.
func TestAccessRules(t *testing.T) {
	w := fixture(t)
	k := w.card(t, "birthday", cardsim.Options{})
	p := k.Person()
	birth, err := card.BirthKey(p.BirthDate, p.Foreign)
	if err != nil {
		t.Fatal(err)
	}
	values := map[card.SecretName]string{
		card.AuthenticationPIN: p.AuthenticationPIN, card.SignaturePassword: p.SignaturePassword, card.AttributePIN: p.AttributePIN,
		card.NumberA: p.Number, card.NumberB: p.NumberB(), card.BirthDateKey: birth,
	}
	secrets := append([]card.FileID{0}, card.SecretFiles(card.KindCard)...)
	for _, file := range card.ReadableFiles(card.KindCard) {
		if a := file.Application(); a == card.Common || a == card.Resident {
			continue
		}
		for _, s := range secrets {
			name, _ := s.Secret()
			if s != 0 && (s.Application() != file.Application() || values[name] == "") {
				continue
			}
			k.Unpower()
			c, err := card.Connect(t.Context(), k, card.ClientOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if s != 0 {
				if err := c.Verify(t.Context(), s, values[name]); err != nil {
					t.Fatal(err)
				}
			}
			opened := len(file.OpenedBy(card.KindCard)) == 0 || slices.Contains(file.OpenedBy(card.KindCard), s)
			_, err = c.ReadFile(t.Context(), file)
			if errors.Is(err, apdu.ErrNotFound) {
				continue // not on the model
			}
			if a, closed := errors.AsType[*card.AccessError](err); (err == nil) != opened || closed == opened || closed && len(a.Secrets) == 0 {
				t.Errorf("%v after %q: %v", file, name, err)
			}
		}
	}
}

func TestNumberB(t *testing.T) {
	date := func(s string) cbor.FullDate {
		d, err := cbor.ParseFullDate(s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for name, tc := range map[string]struct {
		parts card.NumberBParts
		want  string
	}{
		"the card of the digest":   {card.NumberBParts{BirthDate: date("1980-02-17"), ExpiryYear: 2035, SecurityCode: "2285"}, "55021720352285"},
		"the same of a foreigner":  {card.NumberBParts{BirthDate: date("1980-02-17"), Foreign: true, ExpiryYear: 2035, SecurityCode: "2285"}, "80021720352285"},
		"the last day of 昭和":       {card.NumberBParts{BirthDate: date("1989-01-07"), ExpiryYear: 2030, SecurityCode: "0001"}, "64010720300001"},
		"the first day of 平成":      {card.NumberBParts{BirthDate: date("1989-01-08"), ExpiryYear: 2030, SecurityCode: "0001"}, "01010820300001"},
		"令和":                       {card.NumberBParts{BirthDate: date("2019-05-01"), ExpiryYear: 2030, SecurityCode: "0001"}, "01050120300001"},
		"大正":                       {card.NumberBParts{BirthDate: date("1924-02-29"), ExpiryYear: 2030, SecurityCode: "9999"}, "13022920309999"},
		"before 明治":                {card.NumberBParts{BirthDate: date("1850-02-17"), ExpiryYear: 2035, SecurityCode: "2285"}, ""},
		"no date":                  {card.NumberBParts{ExpiryYear: 2035, SecurityCode: "2285", Foreign: true}, ""},
		"no year":                  {card.NumberBParts{BirthDate: date("1980-02-17"), ExpiryYear: 35, SecurityCode: "2285"}, ""},
		"security code with space": {card.NumberBParts{BirthDate: date("1980-02-17"), ExpiryYear: 2035, SecurityCode: "22 5"}, ""},
		"security code of three":   {card.NumberBParts{BirthDate: date("1980-02-17"), ExpiryYear: 2035, SecurityCode: "228"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := tc.parts.NumberB()
			if got != tc.want || (err != nil) != (tc.want == "") || err != nil && !errors.Is(err, card.ErrSecretForm) {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
	for _, p := range cardsim.People(today()) {
		got, err := card.NumberBParts{BirthDate: p.BirthDate, Foreign: p.Foreign, ExpiryYear: p.Expiry.Year, SecurityCode: p.SecurityCode}.NumberB()
		if err != nil || got != p.NumberB() {
			t.Errorf("%s: %v", p.ID, err)
		}
	}
}

func TestForms(t *testing.T) {
	c := connected(t, myNumberCard, card.ClientOptions{})
	for _, tc := range []struct {
		file  card.FileID
		value string
	}{
		{card.AuthenticationPINFile, "123"}, {card.ResidentPINFile, "123a"}, {card.FaceNumberAFile, "123456789019"}, {card.AttributesNumberBFile, "1234"},
		{card.BirthDateKeyFile, "19800217"}, {card.CommonPINFile, "123"}, {card.CommonPINFile, "12\x004"}, {card.AttributesUnusedFile, "1234"},
		{card.FaceFile, "1234"},
	} {
		if err := c.Verify(t.Context(), tc.file, tc.value); !errors.Is(err, card.ErrSecretForm) {
			t.Errorf("%v takes the value: %v", tc.file, err)
		}
	}
}

func TestChange(t *testing.T) {
	w := fixture(t)
	k := w.card(t, "birthday", cardsim.Options{})
	p := k.Person()
	c, err := card.Connect(t.Context(), k, card.ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Change(t.Context(), card.SignaturePasswordFile, p.SignaturePassword, "newword1"); err != nil {
		t.Fatal(err)
	}
	if err := c.Verify(t.Context(), card.SignaturePasswordFile, "NEWWORD1"); err != nil {
		t.Errorf("the new one: %v", err)
	}
	if err := c.Verify(t.Context(), card.SignaturePasswordFile, p.SignaturePassword); !errors.Is(err, card.ErrWrongSecret) {
		t.Errorf("the old one: %v", err)
	}
	if err := c.Change(t.Context(), card.AttributesPINFile, p.AttributePIN, "0000"); err != nil {
		t.Error(err)
	}
	for name, tc := range map[string]struct {
		file     card.FileID
		old, new string
		want     error
	}{
		"letters alone":    {card.SignaturePasswordFile, "NEWWORD1", "ABCDEFG", card.ErrSecretForm},
		"digits alone":     {card.SignaturePasswordFile, "NEWWORD1", "1234567", card.ErrSecretForm},
		"too short":        {card.SignaturePasswordFile, "NEWWORD1", "ABC12", card.ErrSecretForm},
		"PIN of five":      {card.AuthenticationPINFile, p.AuthenticationPIN, "12345", card.ErrSecretForm},
		"old one of three": {card.AuthenticationPINFile, "123", "1234", card.ErrSecretForm},
		"old one wrong":    {card.AuthenticationPINFile, "0009", "1234", card.ErrWrongSecret},
		"number B":         {card.FaceNumberBFile, p.NumberB(), "55021720352285", card.ErrSecretFixed},
	} {
		if err := c.Change(t.Context(), tc.file, tc.old, tc.new); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestChangeCommands are those of the applications with a command of their own.
func TestChangeCommands(t *testing.T) {
	c := connected(t, myNumberCard, card.ClientOptions{}, [2]string{selectResident, "9000"}, [2]string{"0020009c", "63c3"},
		[2]string{"0020009c0431323334", "9000"}, [2]string{"00a4020c02001c", "9000"}, [2]string{"803200800435363738", "9000"})
	if err := c.Change(t.Context(), card.ResidentPINFile, "1234", "5678"); err != nil {
		t.Error(err)
	}
	c = connected(t, myNumberCard, card.ClientOptions{}, [2]string{"00200098", "63c3"}, [2]string{"002000980431323334", "9000"},
		[2]string{"00a4020c020018", "9000"}, [2]string{"002401800435363738", "6982"})
	if err := c.Change(t.Context(), card.AuthenticationPINFile, "1234", "5678"); !errors.Is(err, apdu.ErrSecurityStatus) {
		t.Error(err)
	}
}

// TestCardsWithoutShortIdentifiers refuse them in one of several ways; then the file is selected, and from then on at once. A secret is
// named by the same form as the question for its tries.
func TestCardsWithoutShortIdentifiers(t *testing.T) {
	for _, refusal := range []string{"6a81", "6a86", "6a88", "6b00", "6986"} {
		c := connected(t, myNumberCard, card.ClientOptions{}, [2]string{"00200098", refusal}, [2]string{"00a4020c020018", "9000"}, [2]string{"00200080", "63c3"},
			[2]string{"002000800431323334", "9000"}, [2]string{"00a4020c020008", "9000"}, [2]string{"00b0000000", "8f8f009000"})
		if err := c.Verify(t.Context(), card.AuthenticationPINFile, "1234"); err != nil {
			t.Error(err)
		}
		if b, err := c.ReadFile(t.Context(), card.PresenceFile); err != nil || !bytes.Equal(b, []byte{0x8F, 0x8F, 0}) {
			t.Errorf("% X, %v", b, err)
		}
	}
}

// TestFallBackToShort meets readers and cards that carry no extended lengths.
func TestFallBackToShort(t *testing.T) {
	w := fixture(t)
	for name, refuse := range map[string]func() ([]byte, error){
		"wrong length":    func() ([]byte, error) { return []byte{0x67, 0x00}, nil },
		"unknown":         func() ([]byte, error) { return []byte{0x6F, 0x00}, nil },
		"not transmitted": func() ([]byte, error) { return nil, errors.New("the reader refuses it") },
		"nothing":         func() ([]byte, error) { return nil, nil },
	} {
		t.Run(name, func(t *testing.T) {
			k := w.card(t, "nineteen", cardsim.Options{})
			refused := 0
			tr := transmitterFunc(func(ctx context.Context, command []byte) ([]byte, error) {
				if c, err := apdu.ParseCommand(command); err == nil && c.Extended {
					refused++
					return refuse()
				}
				return k.Transmit(ctx, command)
			})
			o := options()
			o.Extended = true
			r := read(t, tr, k.Person().Secrets(), o)
			if id, _, err := card.Check(r, w.config()); id == nil || err != nil {
				t.Error("not a good reading")
			}
			if refused != 1 {
				t.Errorf("refused %d times", refused)
			}
		})
	}
	c := connected(t, myNumberCard, card.ClientOptions{Extended: true}, [2]string{"00b08800000000", "6700"}, [2]string{"00b0880000", "6700"},
		[2]string{"00b08800000000", "8f8f009000"})
	if _, err := c.ReadFile(t.Context(), card.PresenceFile); err == nil {
		t.Error("6700 is no content")
	}
	if _, err := c.ReadFile(t.Context(), card.PresenceFile); err != nil {
		t.Errorf("it was not the length, and extended lengths go on: %v", err)
	}
}

type transmitterFunc func(ctx context.Context, command []byte) ([]byte, error)

func (f transmitterFunc) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	return f(ctx, command)
}

func TestSign(t *testing.T) {
	w := fixture(t)
	k := w.card(t, "nineteen", cardsim.Options{})
	p := k.Person()
	c, err := card.Connect(t.Context(), k, card.ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	d256, d384, d512 := sha256.Sum256([]byte("text")), sha512.Sum384([]byte("text")), sha512.Sum512([]byte("text"))
	_, err = c.Sign(t.Context(), card.AuthenticationKey, crypto.SHA256, d256[:])
	if a, ok := errors.AsType[*card.AccessError](err); !ok || a.File != card.AuthenticationKey || !slices.Equal(a.Secrets, []card.SecretName{card.AuthenticationPIN}) {
		t.Errorf("without the PIN: %v", err)
	}
	if err := errors.Join(c.Verify(t.Context(), card.AuthenticationPINFile, p.AuthenticationPIN), c.Verify(t.Context(), card.SignaturePasswordFile, p.SignaturePassword)); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		key, certificate card.FileID
		hash             crypto.Hash
		digest           []byte
	}{
		{card.AuthenticationKey, card.AuthenticationCertificate, crypto.SHA256, d256[:]},
		{card.AuthenticationKey, card.AuthenticationCertificate, crypto.SHA384, d384[:]},
		{card.SignatureKey, card.SignatureCertificate, crypto.SHA512, d512[:]},
	} {
		der, err := c.ReadFile(t.Context(), tc.certificate)
		if err != nil {
			t.Fatal(err)
		}
		signature, err := c.Sign(t.Context(), tc.key, tc.hash, tc.digest)
		if err != nil {
			t.Fatal(err)
		}
		key, ok := parse(t, der).PublicKey.(*rsa.PublicKey)
		if !ok || rsa.VerifyPKCS1v15(key, tc.hash, tc.digest, signature) != nil {
			t.Errorf("%v with %v does not verify", tc.key, tc.hash)
		}
	}
	for name, err := range map[string]error{
		"SHA-1":          second(c.Sign(t.Context(), card.SignatureKey, crypto.SHA1, d256[:20])),
		"short digest":   second(c.Sign(t.Context(), card.SignatureKey, crypto.SHA256, d256[:20])),
		"no key":         second(c.Sign(t.Context(), card.SignatureCertificate, crypto.SHA256, d256[:])),
		"short question": second(c.Prove(t.Context(), card.Face, d256[:15])),
		"no proof there": second(c.Prove(t.Context(), card.JPKI, d256[:])),
		"no challenge":   second(c.Challenge(t.Context(), 0)),
		"no file":        second(c.ReadFile(t.Context(), card.SignatureKey)),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if b, err := c.Challenge(t.Context(), 16); err != nil || len(b) != 16 {
		t.Errorf("challenge of %d bytes, %v", len(b), err)
	}
}

// TestCommonApplication follows the exchanges of the digest, 4.3, 4.7 and 6.5.
func TestCommonApplication(t *testing.T) {
	const number = "011c34303030303030313237313938343331333232313230333530323137"
	signature := hex.EncodeToString(bytes.Repeat([]byte{7}, 256))
	c := connected(t, myNumberCard, card.ClientOptions{},
		[2]string{selectCommon, "9000"}, [2]string{"00b2010c00", number + "9000"}, [2]string{"00b0820000", "39303030303233080530303100000000" + "9000"},
		[2]string{"0088009920" + hex.EncodeToString(challenge()) + "00", signature + "9000"},
		[2]string{selectResident, "9000"}, [2]string{"00b2011400", "39303030303233080530303100000000" + "9000"},
		[2]string{"00b2011400", "9000"}, [2]string{"00b2011400", "6a83"})
	got, err := c.CardNumber(t.Context())
	want := card.CardNumber{Manufacturing: "400000012719843", Municipality: "13221", Expiry: cbor.FullDate{Year: 2035, Month: 2, Day: 17}}
	if err != nil || got != want {
		t.Errorf("%v", err)
	}
	if b, err := c.ReadFile(t.Context(), card.CommonKeyIDFile); err != nil || len(b) != 16 {
		t.Errorf("key id: %v", err)
	}
	if b, err := c.Prove(t.Context(), card.Common, challenge()); err != nil || len(b) != 256 {
		t.Errorf("proof: %v", err)
	}
	if b, err := c.ReadFile(t.Context(), card.ResidentKeyIDFile); err != nil || len(b) != 16 {
		t.Errorf("key id: %v", err)
	}
	records := connected(t, myNumberCard, card.ClientOptions{}, [2]string{selectCommon, "9000"}, [2]string{"00b0820000", "6981"},
		[2]string{"00b2011400", "0110393030303032330805303031000000009000"})
	if b, err := records.ReadFile(t.Context(), card.CommonKeyIDFile); err != nil || len(b) != 18 {
		t.Errorf("key id in a record: %v", err)
	}
	if _, err := c.ReadFile(t.Context(), card.ResidentKeyIDFile); !errors.Is(err, card.ErrCardAnswer) {
		t.Errorf("an empty record: %v", err)
	}
	if _, err := c.ReadFile(t.Context(), card.ResidentKeyIDFile); !errors.Is(err, apdu.ErrNotFound) {
		t.Errorf("no record: %v", err)
	}
}

func TestData(t *testing.T) {
	long := hex.EncodeToString(bytes.Repeat([]byte{5}, 555))
	c := connected(t, myNumberCard, card.ClientOptions{},
		[2]string{selectISD, "9000"}, [2]string{"00ca00f200", "32303335303231379000"}, [2]string{"00ca00f800", "6700"}, [2]string{"00ca00f8000000", long + "9000"},
		[2]string{"00ca004500", "6a88"}, [2]string{"00ca5f5100", "6a88"}, [2]string{selectJPKI, "9000"}, [2]string{"00ca5f5100", "da139000"},
		[2]string{selectISD, "9000"}, [2]string{"00ca00f000", "9000"})
	for _, tc := range []struct {
		tag  card.DataTag
		want string
		err  error
	}{
		{card.DataExpiry, hex.EncodeToString([]byte("20350217")), nil}, {card.DataCVCertificate, long, nil}, {card.DataCardID, "", apdu.ErrNotFound},
		{card.DataATR, "da13", nil}, {card.DataMunicipality, "", card.ErrCardAnswer},
	} {
		if b, err := c.Data(t.Context(), tc.tag); !errors.Is(err, tc.err) || hex.EncodeToString(b) != tc.want {
			t.Errorf("%04X: %v", tc.tag, err)
		}
	}
	k := fixture(t).card(t, "nineteen", cardsim.Options{})
	model, err := card.Connect(t.Context(), k, card.ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, tag := range card.DataTags() {
		if b, err := model.Data(t.Context(), tag); err == nil && len(b) == 0 || err != nil && !errors.Is(err, apdu.ErrNotFound) {
			t.Errorf("%04X: %d bytes, %v", tag, len(b), err)
		}
	}
}
