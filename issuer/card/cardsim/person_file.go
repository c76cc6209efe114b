package cardsim

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"mobileid/issuer/card"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/jpkiap"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"
)

// ErrPerson says that a text describes no person.
var ErrPerson = errors.New("not a description of a person")

// Bounds of a person's files.
const (
	MaxPersonFile = 8 << 10
	MaxPortrait   = 48 << 10
	maxText       = 200 // characters of a name or an address
)

// personFile is what a person's YAML may say; docs/testcard.md has every field with its default.
type personFile struct {
	ID                 field    `yaml:"id"`
	Name               field    `yaml:"name"`
	NameSubstitutes    field    `yaml:"name_substitutes"`
	Address            field    `yaml:"address"`
	AddressSubstitutes field    `yaml:"address_substitutes"`
	BirthDate          field    `yaml:"birth_date"`
	Era                field    `yaml:"era"`
	Sex                field    `yaml:"sex"`
	Number             field    `yaml:"number"`
	ForeignResident    field    `yaml:"foreign_resident"`
	Municipality       field    `yaml:"municipality"`
	Prefecture         field    `yaml:"prefecture"`
	City               field    `yaml:"city"`
	Issued             field    `yaml:"issued"`
	Expiry             field    `yaml:"expiry"`
	SecurityCode       field    `yaml:"security_code"`
	Portrait           field    `yaml:"portrait"`
	FaceAuthentication field    `yaml:"face_authentication"`
	PINs               pinsFile `yaml:"pins"`
}

type pinsFile struct {
	Attributes     field `yaml:"attributes"`
	Authentication field `yaml:"authentication"`
	Signature      field `yaml:"signature"`
	Common         field `yaml:"common"`
	Register       field `yaml:"register"`
	PUK            field `yaml:"puk"`
}

// field is one scalar as it is written, so that a PIN keeps its leading zeros without quotes. Line 0 is a field that is not there.
type field struct {
	text string
	line int
}

// UnmarshalYAML takes scalars alone.
func (f *field) UnmarshalYAML(node ast.Node) error {
	f.line = node.GetToken().Position.Line
	switch n := node.(type) {
	case *ast.StringNode:
		f.text = n.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		f.text = n.GetToken().Value
	default:
		return fmt.Errorf("line %d: a plain value is due", f.line)
	}
	return nil
}

func (f field) or(otherwise string) string {
	if f.line == 0 {
		return otherwise
	}
	return f.text
}

// ParsePerson reads one person from YAML of at most MaxPersonFile bytes, as on the day of the instant in Japan. Fields that it does not know,
// and values that no card has, are errors that name the line. The portrait is a JP2 of at most MaxPortrait bytes in files, which may be nil
// when none is named. Secrets that are not given are the documented test secrets.
func ParsePerson(text []byte, at time.Time, files fs.FS) (Person, error) {
	p, err := parsePerson(text, card.DayInJapan(at), files)
	if err != nil {
		return Person{}, fmt.Errorf("reading a person: %w", err)
	}
	return p, nil
}

func parsePerson(text []byte, day cbor.FullDate, files fs.FS) (Person, error) {
	f, err := decodePerson(text)
	if err != nil {
		return Person{}, err
	}
	r := &personReader{person: Person{ID: f.ID.or("custom")}, day: day}
	r.must(f.ID, "id", regexp.MustCompile(`^[a-z0-9-]{1,32}$`).MatchString(r.person.ID), "is 1 to 32 of a-z, 0-9 and -")
	r.texts(f)
	r.attributes(f)
	r.dates(f)
	r.secrets(f)
	r.portrait(f.Portrait, files)
	return r.person, r.err
}

func decodePerson(text []byte) (*personFile, error) {
	if len(text) > MaxPersonFile {
		return nil, fmt.Errorf("over %d bytes: %w", MaxPersonFile, ErrPerson)
	}
	if !utf8.Valid(text) {
		return nil, fmt.Errorf("no UTF-8: %w", ErrPerson)
	}
	if err := plainYAML(text); err != nil {
		return nil, err
	}
	var f personFile
	d := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict())
	switch err := d.Decode(&f); {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("empty: %w", ErrPerson)
	case err != nil: // the source is not shown: it holds secrets
		return nil, fmt.Errorf("%s: %w", yaml.FormatError(err, false, false), ErrPerson)
	}
	if err := d.Decode(new(personFile)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("more than one document: %w", ErrPerson)
	}
	return &f, nil
}

// plainYAML refuses what a person's file has no use for, before the parser sees it: with anchors and merges a small text stands for a huge
// one.
func plainYAML(text []byte) error {
	for _, t := range lexer.Tokenize(string(text)) {
		switch t.Type {
		case token.AnchorType, token.AliasType, token.MergeKeyType, token.TagType, token.DirectiveType, token.MappingKeyType,
			token.SequenceEntryType, token.SequenceStartType, token.MappingStartType:
			return fmt.Errorf("line %d: a plain value is due: %w", t.Position.Line, ErrPerson)
		default:
		}
	}
	return nil
}

// personReader keeps the first mistake.
type personReader struct {
	person Person
	day    cbor.FullDate
	err    error
}

// must records that a field is not as it has to be. The value is not told.
func (r *personReader) must(f field, name string, ok bool, rule string) {
	switch {
	case r.err != nil || ok:
	case f.line == 0:
		r.err = fmt.Errorf("%s %s, and is missing: %w", name, rule, ErrPerson)
	default:
		r.err = fmt.Errorf("line %d: %s %s: %w", f.line, name, rule, ErrPerson)
	}
}

func (r *personReader) texts(f *personFile) {
	p := &r.person
	p.Name, p.Address = f.Name.text, f.Address.text
	r.must(f.Name, "name", isText(p.Name), "is 1 to 200 characters")
	r.must(f.Address, "address", isText(p.Address), "is 1 to 200 characters")
	none := func(s string) string { return strings.Repeat("0", utf8.RuneCountInString(s)) }
	p.NameFlags = f.NameSubstitutes.or(none(p.Name))
	p.AddressFlags = f.AddressSubstitutes.or(none(p.Address))
	r.must(f.NameSubstitutes, "name_substitutes", areFlags(p.NameFlags, p.Name), "has one 0 or 1 for each character of name")
	r.must(f.AddressSubstitutes, "address_substitutes", areFlags(p.AddressFlags, p.Address), "has one 0 or 1 for each character of address")
	p.Municipality, p.Prefecture, p.City = f.Municipality.or(municipality), f.Prefecture.or(prefecture), f.City.or(city)
	r.must(f.Municipality, "municipality", isDigits([]byte(p.Municipality), 5), "is five digits")
	romaji := regexp.MustCompile(`^[A-Za-z' -]{1,64}$`)
	r.must(f.Prefecture, "prefecture", romaji.MatchString(p.Prefecture), "is romaji")
	r.must(f.City, "city", romaji.MatchString(p.City), "is romaji")
}

func isText(s string) bool {
	return s != "" && utf8.RuneCountInString(s) <= maxText && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7F })
}

func areFlags(flags, text string) bool {
	return len(flags) == utf8.RuneCountInString(text) && strings.Trim(flags, "01") == ""
}

// sexes are the words for the card's codes, which are taken too.
var sexes = map[string]string{"male": "1", "female": "2", "1": "1", "2": "2", "3": "3", "9": "9"}

func (r *personReader) attributes(f *personFile) {
	p := &r.person
	p.Sex = sexes[f.Sex.text]
	r.must(f.Sex, "sex", p.Sex != "", "is male, female, or the card's code 1, 2, 3 or 9")
	p.Number = f.Number.or(numberOf(p.ID))
	r.must(f.Number, "number", card.ValidNumber(p.Number), "is twelve digits, the last of them the check digit")
	p.SecurityCode = f.SecurityCode.or("0000")
	r.must(f.SecurityCode, "security_code", isDigits([]byte(p.SecurityCode), 4), "is four digits")
	p.Foreign = r.flag(f.ForeignResident, "foreign_resident")
}

// numberOf makes up an individual number for an id. It begins with 9, as all of the model do.
func numberOf(id string) string {
	d := sha256.Sum256([]byte(id))
	return number(fmt.Sprintf("9%010d", binary.BigEndian.Uint64(d[:8])%10_000_000_000))
}

func (r *personReader) flag(f field, name string) bool {
	text := f.or("false")
	r.must(f, name, text == "true" || text == "false", "is true or false")
	return text == "true"
}

// eraNames are the names of the eras by their number, as a person's file and a card print them.
var eraNames = map[string]int{
	"明治": 1, "大正": 2, "昭和": 3, "平成": 4, "令和": 5, "meiji": 1, "taisho": 2, "showa": 3, "heisei": 4, "reiwa": 5,
}

func (r *personReader) dates(f *personFile) {
	p := &r.person
	p.BirthDate = r.date(f.BirthDate, "birth_date", cbor.FullDate{})
	if r.err != nil {
		return
	}
	era, _ := card.Era(p.BirthDate)
	born := card.StartOfDay(p.BirthDate)
	r.must(f.BirthDate, "birth_date", era > 0 && !born.After(card.StartOfDay(r.day)), "is a day from 1868-01-25 to today")
	r.must(f.Era, "era", f.Era.line == 0 || eraNames[strings.ToLower(f.Era.text)] == era, "is the era of birth_date, 明治 to 令和 or in romaji")
	p.Issued = r.date(f.Issued, "issued", shift(r.day, -1, 0, 0))
	if r.err != nil {
		return
	}
	p.Expiry = r.date(f.Expiry, "expiry", expiryOf(*p, r.day))
	r.must(f.Expiry, "expiry", !card.StartOfDay(p.Expiry).Before(card.StartOfDay(p.Issued)), "is not before the day of issue")
}

// date is a day that exists; otherwise stands for a field that is not there.
func (r *personReader) date(f field, name string, otherwise cbor.FullDate) cbor.FullDate {
	if f.line == 0 && otherwise.Year != 0 {
		return otherwise
	}
	d, err := cbor.ParseFullDate(f.text)
	r.must(f, name, err == nil && d.Year > 0, "is a day as YYYY-MM-DD")
	return d
}

func (r *personReader) secrets(f *personFile) {
	faceAlone := r.flag(f.FaceAuthentication, "face_authentication")
	p := r.person.WithTestSecrets()
	for _, s := range []struct {
		field  field
		name   string
		target *string
		form   func([]byte) bool
		rule   string
	}{
		{f.PINs.Attributes, "pins.attributes", &p.AttributePIN, jpkiap.IsPIN, "is four digits"},
		{f.PINs.Authentication, "pins.authentication", &p.AuthenticationPIN, jpkiap.IsPIN, "is four digits"},
		{f.PINs.Signature, "pins.signature", &p.SignaturePassword, jpkiap.IsPassword, "is 6 to 16 of A-Z and 0-9"},
		{f.PINs.Common, "pins.common", &p.CommonPIN, jpkiap.IsPIN, "is four digits"},
		{f.PINs.Register, "pins.register", &p.RegisterPIN, jpkiap.IsPIN, "is four digits"},
		{f.PINs.PUK, "pins.puk", &p.PUK, func(b []byte) bool { return isDigits(b, pukLength) }, "is eight digits"},
	} {
		*s.target = s.field.or(*s.target)
		r.must(s.field, s.name, s.form([]byte(*s.target)), s.rule)
		r.must(s.field, s.name, !faceAlone || s.field.line == 0, "is not set on a card with face_authentication")
	}
	if faceAlone {
		p = p.WithoutPINs()
	}
	r.person = p
}

func (r *personReader) portrait(f field, files fs.FS) {
	if r.err != nil || f.line == 0 {
		return
	}
	r.must(f, "portrait", files != nil && fs.ValidPath(f.text), "is a file beside this one or below")
	if r.err != nil {
		return
	}
	file, err := files.Open(f.text)
	if err != nil {
		r.err = fmt.Errorf("line %d: portrait: %w", f.line, err)
		return
	}
	defer func() { _ = file.Close() }() // opened for reading
	b, err := io.ReadAll(io.LimitReader(file, MaxPortrait+1))
	if err != nil {
		r.err = fmt.Errorf("line %d: portrait: %w", f.line, err)
		return
	}
	jp2 := bytes.HasPrefix(b, []byte("\x00\x00\x00\x0C\x6A\x50\x20\x20\x0D\x0A\x87\x0A"))
	r.must(f, "portrait", jp2 && len(b) <= MaxPortrait, "is a JP2 of at most 48 KiB")
	r.person.Portrait = b
}
