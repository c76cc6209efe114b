package card_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mobileid/issuer/card"
	"mobileid/issuer/card/cardsim"
)

// TestStatementBytes spells the statement out, item by item.
func TestStatementBytes(t *testing.T) {
	files := []card.File{{ID: 0x10001, Content: []byte{0xAA, 0xBB}}, {ID: 0x30002, Content: []byte{0xCC}}}
	list := "82" + // two files
		"82" + "1a00010001" + "42aabb" + // JPKI 0001
		"82" + "1a00030002" + "41cc" // card face 0002
	raw, err := hex.DecodeString(list)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(raw)
	want := "84" +
		"72" + hex.EncodeToString([]byte("MobileIDEvidence-1")) +
		"43010203" + // challenge
		"420405" + // binding
		"5820" + hex.EncodeToString(digest[:])
	if got := hex.EncodeToString(card.Statement([]byte{1, 2, 3}, []byte{4, 5}, files)); got != want {
		t.Errorf("statement\n got %s\nwant %s", got, want)
	}
}

func TestStatementChangesWithEachPart(t *testing.T) {
	files := func() []card.File {
		return []card.File{{ID: 0x10001, Content: []byte{1, 2}}, {ID: 0x20002, Content: []byte{3}}}
	}
	seen := map[string]string{}
	for name, s := range map[string][]byte{
		"base":             card.Statement([]byte{1}, []byte{2}, files()),
		"challenge":        card.Statement([]byte{9}, []byte{2}, files()),
		"binding":          card.Statement([]byte{1}, []byte{9}, files()),
		"challenge longer": card.Statement([]byte{1, 2}, nil, files()),
		"fewer files":      card.Statement([]byte{1}, []byte{2}, files()[:1]),
		"content moved":    card.Statement([]byte{1}, []byte{2}, []card.File{{ID: 0x10001, Content: []byte{1}}, {ID: 0x20002, Content: []byte{2, 3}}}),
		"id":               card.Statement([]byte{1}, []byte{2}, []card.File{{ID: 0x10001, Content: []byte{1, 2}}, {ID: 0x20003, Content: []byte{3}}}),
	} {
		if before, ok := seen[string(s)]; ok {
			t.Errorf("%s and %s give the same statement", before, name)
		}
		seen[string(s)] = name
	}
}

// smallReading is well-formed and nothing more.
func smallReading() *card.Reading {
	return &card.Reading{
		Challenge: challenge(), Binding: binding(), Files: []card.File{{ID: card.AttributesFile, Content: []byte{1}}},
		AttributesProof: make([]byte, 256), FaceProof: make([]byte, 256), Signature: make([]byte, 256),
	}
}

func TestReadingBytes(t *testing.T) {
	raw, err := smallReading().Bytes()
	if err != nil {
		t.Fatal(err)
	}
	zeros := strings.Repeat("00", 256)
	want := "87" + // array of seven
		"01" + // version
		"5820" + strings.Repeat("c5", 32) + // challenge
		"4a" + hex.EncodeToString([]byte("se-0000001")) + // binding
		"81" + "82" + "1a00020002" + "4101" + // files
		"590100" + zeros + "590100" + zeros + "590100" + zeros
	if got := hex.EncodeToString(raw); got != want {
		t.Errorf("got %s", got)
	}
	r := overTheWire(t, smallReading())
	if !bytes.Equal(r.Challenge, challenge()) || len(r.Files) != 1 || r.Files[0].ID != card.AttributesFile {
		t.Error("another reading came back")
	}
}

func TestReadingOutOfBounds(t *testing.T) {
	file := func(id card.FileID, n int) card.File { return card.File{ID: id, Content: make([]byte, n)} }
	for name, edit := range map[string]func(*card.Reading){
		"no files":           func(r *card.Reading) { r.Files = nil },
		"empty file":         func(r *card.Reading) { r.Files[0].Content = nil },
		"file over 64 KiB":   func(r *card.Reading) { r.Files = []card.File{file(card.FaceFile, card.MaxFile+1)} },
		"unknown file":       func(r *card.Reading) { r.Files = []card.File{file(0x30005, 1)} },
		"file twice":         func(r *card.Reading) { r.Files = append(r.Files, r.Files[0]) },
		"files out of order": func(r *card.Reading) { r.Files = append(r.Files, file(card.SignatureCertificate, 1)) },
		"short signature":    func(r *card.Reading) { r.Signature = make([]byte, 255) },
		"no proof":           func(r *card.Reading) { r.FaceProof = nil },
		"long challenge":     func(r *card.Reading) { r.Challenge = make([]byte, 65) },
		"no binding":         func(r *card.Reading) { r.Binding = nil },
	} {
		t.Run(name, func(t *testing.T) {
			r := smallReading()
			edit(r)
			if _, err := r.Bytes(); !errors.Is(err, card.ErrReading) {
				t.Errorf("encoding: %v", err)
			}
		})
	}
	r := smallReading()
	r.Files = []card.File{file(card.FaceFile, card.MaxFile)}
	if _, err := r.Bytes(); err != nil {
		t.Errorf("64 KiB: %v", err)
	}
}

func TestParseReadingIsStrict(t *testing.T) {
	good, err := smallReading().Bytes()
	if err != nil {
		t.Fatal(err)
	}
	// with rebuilds the array around other files.
	with := func(files string) []byte {
		at := bytes.Index(good, []byte{0x81, 0x82, 0x1A})
		end := bytes.Index(good, []byte{0x41, 0x01, 0x59}) + 2
		b, err := hex.DecodeString(files)
		if err != nil {
			t.Fatal(err)
		}
		return append(append(append([]byte(nil), good[:at]...), b...), good[end:]...)
	}
	if r, err := card.ParseReading(with("81821a000200024101")); err != nil || r == nil {
		t.Fatalf("the unchanged one: %v", err)
	}
	for name, raw := range map[string][]byte{
		"nothing":             nil,
		"trailing byte":       append(append([]byte(nil), good...), 0),
		"cut":                 good[:len(good)-1],
		"version 2":           append([]byte{0x87, 0x02}, good[2:]...),
		"long head":           append([]byte{0x98, 0x07}, good[1:]...),
		"long version":        append([]byte{0x87, 0x18, 0x01}, good[2:]...),
		"six items":           append([]byte{0x86}, good[1:]...),
		"no files":            with("80"),
		"unknown file":        with("81821a000400024101"),
		"huge id":             with("81821b00000001000200024101"),
		"file twice":          with("82821a000200024101821a000200024101"),
		"out of order":        with("82821a000200034101821a000200024101"),
		"empty content":       with("81821a0002000240"),
		"content as text":     with("81821a000200026101"),
		"file of three items": with("81831a00020002410100"),
		"too large":           make([]byte, card.MaxReading+1),
	} {
		t.Run(name, func(t *testing.T) {
			if r, err := card.ParseReading(raw); err == nil || r != nil || !errors.Is(err, card.ErrReading) {
				t.Errorf("reading %v, error %v", r != nil, err)
			}
		})
	}
}

func TestEveryTruncationOfAReadingIsRefused(t *testing.T) {
	w := fixture(t)
	k := w.card(t, "nineteen", cardsim.Options{})
	raw, err := read(t, k, k.Person().Secrets(), options()).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	for n := range raw {
		if _, err := card.ParseReading(raw[:n]); err == nil {
			t.Fatalf("%d of %d bytes were taken", n, len(raw))
		}
	}
}

// TestEveryFlippedByteOfAReadingIsRefused leaves no byte of a reading that could be changed and still be accepted.
func TestEveryFlippedByteOfAReadingIsRefused(t *testing.T) {
	w := fixture(t)
	k := w.card(t, "nineteen", cardsim.Options{})
	raw, err := read(t, k, k.Person().Secrets(), options()).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; n < len(raw); n += 3 {
		changed := bytes.Clone(raw)
		changed[n] ^= 1 << (n % 8)
		r, err := card.ParseReading(changed)
		if err != nil {
			continue
		}
		if id, _, err := card.Check(r, w.config()); id != nil || err != nil {
			t.Fatalf("byte %d: accepted, or %v", n, err)
		}
	}
}

// TestNothingPersonalIsFormatted looks for every personal value in every way to write a value down.
func TestNothingPersonalIsFormatted(t *testing.T) {
	w := fixture(t)
	k := w.card(t, "nineteen", cardsim.Options{})
	p := k.Person()
	s := p.Secrets()
	o := options()
	o.WithIndividualNumber = true
	r := read(t, k, s, o)
	c := w.config()
	c.NumberConsent = true
	id, v, err := card.Check(r, c)
	if err != nil || id == nil {
		t.Fatal(err, v)
	}
	var out bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&out, nil))
	text := slog.New(slog.NewTextHandler(&out, nil))
	type wrapper struct{ Value any }
	for _, value := range []any{s, &s, *r, r, r.Files[0], r.Files, *id, id, p, &p, k} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			fmt.Fprintf(&out, verb+"\n", value)
			fmt.Fprintf(&out, verb+"\n", wrapper{value})
		}
		logger.Info("value", "value", value, "wrapped", wrapper{value}, slog.Group("g", "v", value))
		text.Info("value", "value", value)
	}
	for _, value := range []any{s, r, id} {
		if err := json.NewEncoder(&out).Encode(value); err != nil {
			t.Fatal(err)
		}
	}
	// What failing checks and readings say.
	for _, alter := range []func(*cardsim.Draft){
		func(d *cardsim.Draft) { d.Certificate.Name, d.Certificate.Address = "別人　某", "別所" },
		func(d *cardsim.Draft) { d.Attributes.BirthDate, d.Face.Sex = "19991399", "x" },
		func(d *cardsim.Draft) { d.Certificate.BirthDate, d.Attributes.Number = "999", "900000000190" },
	} {
		bad := w.card(t, "nineteen", cardsim.Options{Alter: alter})
		_, v, err := card.Check(read(t, bad, s, o), c)
		fmt.Fprintln(&out, v, err)
	}
	wrong := s
	wrong.SignaturePassword = "CANARY77"
	_, err = card.Read(t.Context(), k, wrong, o)
	fmt.Fprintln(&out, err)
	f := &cardsim.Fault{Card: k, After: 20, Answer: func(context.Context, []byte) ([]byte, error) { return []byte(p.Name + "\x90\x00"), nil }}
	_, err = card.Read(t.Context(), f, s, o)
	fmt.Fprintln(&out, err)

	look := strings.ToLower(out.String())
	if !strings.Contains(look, "[redacted]") {
		t.Fatal("nothing was formatted")
	}
	for name, canary := range map[string]string{
		"name": p.Name, "address": p.Address, "number": p.Number, "number B": p.NumberB(), "PIN": p.AttributePIN, "password": p.SignaturePassword,
		"birth date": strings.ReplaceAll(p.BirthDate.String(), "-", ""), "birth date with dashes": p.BirthDate.String(),
		"wrong password": "CANARY77", "other name": "別人", "other birth date": "19991399", "subject key": string(id.SubjectKey[:16]),
		"portrait": string(id.Portrait[100:116]),
	} {
		for form, s := range map[string]string{"plain": canary, "hex": hex.EncodeToString([]byte(canary)), "decimal": strings.Trim(fmt.Sprint([]byte(canary)), "[]")} {
			if strings.Contains(look, strings.ToLower(s)) {
				t.Errorf("%s is written out in %s", name, form)
			}
		}
	}
}

// TestOtherNamesOfThePublishedForm decodes one otherName written out by hand, as readers of real certificates expect it.
func TestOtherNamesOfThePublishedForm(t *testing.T) {
	other := func(n int, value string) string {
		return fmt.Sprintf("a0%02x060a2a83088c9b55080505%02xa0%02x0c%02x%x", 12+4+len(value), n, 2+len(value), len(value), value)
	}
	body := other(1, "黒桐　幹也") + other(4, "319800217") + other(3, "1") + other(5, "東京都清瀬市観布子南１２－７－２０２") + other(2, "00000") + other(6, strings.Repeat("0", 18))
	raw, err := hex.DecodeString("30" + fmt.Sprintf("81%02x", len(body)/2) + body)
	if err != nil {
		t.Fatal(err)
	}
	got, err := card.OtherNames(raw)
	if err != nil {
		t.Fatal(err)
	}
	want := [7]string{"", "黒桐　幹也", "00000", "1", "319800217", "東京都清瀬市観布子南１２－７－２０２", strings.Repeat("0", 18)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzParseReading(f *testing.F) {
	small, err := smallReading().Bytes()
	if err != nil {
		f.Fatal(err)
	}
	w := fixture(f)
	k := w.card(f, "nineteen", cardsim.Options{})
	whole, err := read(f, k, k.Person().Secrets(), options()).Bytes()
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][]byte{small, whole, whole[:len(whole)/2], {}, {0x87}} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := card.ParseReading(raw)
		if err != nil {
			if r != nil {
				t.Fatal("a failed parse gave a reading")
			}
			return
		}
		again, err := r.Bytes()
		if err != nil || !bytes.Equal(again, raw) {
			t.Fatalf("another encoding: %v", err)
		}
		id, v, err := card.Check(r, w.config())
		if err != nil || id != nil && !v.OK() {
			t.Fatalf("checking: %v", err)
		}
	})
}

func FuzzCardFiles(f *testing.F) {
	w := fixture(f)
	k := w.card(f, "substitute", cardsim.Options{})
	o := options()
	o.WithIndividualNumber, o.WithSignatureCA = true, true
	r := read(f, k, k.Person().Secrets(), o)
	for _, file := range r.Files {
		if err := card.ParseAnyFile(file.ID, file.Content); err != nil && file.ID != card.SignatureCA {
			f.Fatalf("seed %v: %v", file.ID, err)
		}
		f.Add(uint32(file.ID), file.Content)
	}
	f.Fuzz(func(t *testing.T, id uint32, content []byte) {
		_ = card.ParseAnyFile(card.FileID(id), content)
	})
}

func FuzzRead(f *testing.F) {
	w := fixture(f)
	k := w.card(f, "nineteen", cardsim.Options{})
	for _, answer := range garbage() {
		f.Add(uint8(10), answer)
	}
	f.Fuzz(func(t *testing.T, after uint8, answer []byte) {
		k.Unpower()
		fault := &cardsim.Fault{Card: k, After: int(after), Answer: func(context.Context, []byte) ([]byte, error) { return answer, nil }}
		r, err := card.Read(t.Context(), fault, k.Person().Secrets(), options())
		if (r == nil) == (err == nil) {
			t.Fatal("neither a reading nor an error, or both")
		}
		if fault.Exchanges() > 1024 {
			t.Fatalf("%d exchanges", fault.Exchanges())
		}
	})
}
