package cardtool

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"mobileid/cmd/internal/usage"
	"mobileid/cmd/mobileid/internal/inspect"
	"mobileid/issuer/card"
	"mobileid/mdoc/apdu"
	"mobileid/mdoc/verdict"
)

// ReadOptions say what Read reads.
type ReadOptions struct {
	// What is attributes, face, age, or a file such as jpki:000A.
	What string
	// With names the secret; "" is the usual one.
	With string
	// Number also reads the individual number, or its image.
	Number bool
	// Dir, if not empty, receives the files as the card gave them.
	Dir string
	// Roots and MunicipalRoots are PEM files of what is trusted.
	Roots, MunicipalRoots string
}

// plan is what one Read does.
type plan struct {
	application card.Application
	secret      card.FileID // 0 for none
	files       []card.FileID
}

// withNames are the secrets that open something, by the names of --with.
func withNames(a card.Application) map[string]card.FileID {
	switch a {
	case card.Attributes:
		return map[string]card.FileID{
			"pin": card.AttributesPINFile, "number-a": card.AttributesNumberAFile, "number-b": card.AttributesNumberBFile,
		}
	case card.Face:
		return map[string]card.FileID{
			"number-a": card.FaceNumberAFile, "number-b": card.FaceNumberBFile, "birth-date": card.BirthDateKeyFile,
		}
	case card.JPKI:
		return map[string]card.FileID{"password": card.SignaturePasswordFile, "pin": card.AuthenticationPINFile}
	case card.Common:
		return map[string]card.FileID{"pin": card.CommonPINFile}
	case card.Resident:
		return map[string]card.FileID{"pin": card.ResidentPINFile}
	default:
		return nil
	}
}

// secretFor takes the secret of --with, or the usual one.
func secretFor(a card.Application, with string, usual card.FileID) (card.FileID, error) {
	if with == "" {
		return usual, nil
	}
	secret, ok := withNames(a)[with]
	if !ok {
		return 0, usage.Errorf("--with %s opens nothing there", with)
	}
	return secret, nil
}

// plan turns what is asked for into files and the secret that opens them.
func (o ReadOptions) plan() (p plan, err error) {
	number := card.FileID(0)
	switch o.What {
	case "", "attributes":
		p = plan{card.Attributes, card.AttributesPINFile, []card.FileID{
			card.AttributesFile, card.IntegrityFile, card.AttributesCVFile, card.AttributesBasicFile, card.AttributesKeyFile,
		}}
		number = card.NumberFile
	case "face":
		p = plan{card.Face, card.FaceNumberBFile, []card.FileID{card.FaceFile, card.BasicFile, card.FaceCVFile}}
		number = card.NumberImageFile
		if o.Number {
			p.secret = card.FaceNumberAFile
		}
	case "age":
		p = plan{card.Face, card.BirthDateKeyFile, []card.FileID{card.AgeFile, card.BasicFile, card.FaceCVFile}}
	default:
		return o.onefile()
	}
	if p.secret, err = secretFor(p.application, o.With, p.secret); err != nil {
		return plan{}, err
	}
	switch {
	case o.Number && number == 0:
		return plan{}, usage.Errorf("--number does not go with %s", o.What)
	case o.Number && !slices.Contains(number.OpenedBy(card.KindCard), p.secret):
		return plan{}, usage.Errorf("--number needs --with number-a here")
	case o.Number:
		p.files = append(p.files, number)
	}
	if p.secret == card.AttributesNumberAFile { // it opens the number alone
		p.files = slices.DeleteFunc(p.files, func(f card.FileID) bool { return f == card.AttributesFile })
	}
	return p, nil
}

// onefile is the plan for a single file.
func (o ReadOptions) onefile() (plan, error) {
	name, ef, _ := strings.Cut(o.What, ":")
	a, known := map[string]card.Application{
		"jpki": card.JPKI, "attributes": card.Attributes, "face": card.Face, "common": card.Common, "resident": card.Resident,
	}[strings.ToLower(name)]
	n, err := strconv.ParseUint(ef, 16, 16)
	if !known || err != nil || len(ef) != 4 {
		return plan{}, usage.Errorf("what to read is attributes, face, age or a file such as jpki:000A") // not repeated: it may be a secret
	}
	file := card.NewFileID(a, uint16(n))
	if !slices.Contains(card.ReadableFiles(card.KindCard), file) {
		return plan{}, usage.Errorf("%v is no file that can be read", file)
	}
	if (file == card.NumberFile || file == card.NumberImageFile) && !o.Number {
		return plan{}, usage.Errorf("that is the individual number: add --number")
	}
	var usual card.FileID
	if opened := file.OpenedBy(card.KindCard); len(opened) > 0 {
		usual = opened[0]
	}
	secret, err := secretFor(a, o.With, usual)
	return plan{a, secret, []card.FileID{file}}, err
}

// reading is what Read found.
type reading struct {
	Files    []readFile             `json:"files"`
	Values   map[string]string      `json:"values"`
	Checks   []verdict.Check        `json:"checks"`
	contents *card.Contents         // parsed
	raw      map[card.FileID][]byte // as the card gave them
}

// readFile is one file in JSON.
type readFile struct {
	File  string `json:"file"`
	Bytes int    `json:"bytes"`
	Hex   string `json:"hex,omitempty"`
}

// Read reads a part of the card and prints its values with what was checked of them here.
func (t *Tool) Read(ctx context.Context, o ReadOptions) error {
	p, err := o.plan()
	if err != nil {
		return err
	}
	config, err := o.config()
	if err != nil {
		return err
	}
	config.At = t.o.Now()
	return t.with(ctx, func(ctx context.Context, c *card.Client) error {
		if p.secret != 0 {
			if err := t.verify(ctx, c, p.secret); err != nil {
				return err
			}
		}
		r, err := t.take(ctx, c, p, config)
		if err != nil {
			return err
		}
		if o.Dir != "" {
			if err := r.save(o.Dir); err != nil {
				return err
			}
		}
		if err := t.show(r, func() error { return t.readPeople(r) }); err != nil {
			return err
		}
		if failed := (verdict.Verdict{Checks: r.Checks}).Failed(); len(failed) > 0 {
			return fmt.Errorf("%d of the checks failed", len(failed))
		}
		return nil
	})
}

func (o ReadOptions) config() (c card.InspectConfig, err error) {
	if o.Roots != "" {
		if c.SignatureRoots, err = readRoots(o.Roots); err != nil {
			return c, err
		}
		c.AuthenticationRoots = c.SignatureRoots
	}
	if o.MunicipalRoots != "" {
		c.MunicipalRoots, err = readMunicipal(o.MunicipalRoots)
	}
	return c, err
}

func readRoots(path string) ([]*x509.Certificate, error) {
	ders, err := inspect.ReadRoots(path)
	if err != nil {
		return nil, err
	}
	var roots []*x509.Certificate
	for _, der := range ders {
		root, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("reading roots: %w", err)
		}
		roots = append(roots, root)
	}
	return roots, nil
}

func readMunicipal(path string) (map[card.KeyID]*rsa.PublicKey, error) {
	text, err := inspect.ReadInput(path, nil)
	if err != nil {
		return nil, err
	}
	return card.ParseMunicipalRoots(text)
}

// take reads the files of a plan, and lets the chip prove its presence where it has a key for that.
func (t *Tool) take(ctx context.Context, c *card.Client, p plan, config card.InspectConfig) (*reading, error) {
	r := &reading{Values: map[string]string{}, raw: map[card.FileID][]byte{}}
	var files []card.File
	for _, id := range p.files {
		content, err := c.ReadFile(ctx, id)
		if len(files) > 0 && errors.Is(err, apdu.ErrSecurityStatus) {
			continue // not every secret opens what stands beside; the checks tell what is missing
		}
		if err != nil {
			return nil, err
		}
		files, r.raw[id] = append(files, card.File{ID: id, Content: content}), content
		r.Files = append(r.Files, readFile{File: id.String(), Bytes: len(content)})
	}
	if len(p.files) == 1 {
		r.Files[0].Hex = hex.EncodeToString(files[0].Content)
	} else if err := prove(ctx, c, p.application, &config); err != nil {
		return nil, err
	}
	var v verdict.Verdict
	r.contents, v = card.Inspect(files, config)
	r.Checks = v.Checks
	if len(p.files) > 1 {
		r.values(t.words)
	}
	return r, nil
}

func prove(ctx context.Context, c *card.Client, a card.Application, config *card.InspectConfig) error {
	config.Challenge = make([]byte, 32)
	if _, err := rand.Read(config.Challenge); err != nil {
		return fmt.Errorf("making a challenge: %w", err)
	}
	proof, err := c.Prove(ctx, a, config.Challenge)
	config.AttributesProof, config.FaceProof = proof, proof
	return err
}

// save writes the files, each as the card gave it, into a folder that is open to its owner only.
func (r *reading) save(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("saving files: %w", err)
	}
	for id, content := range r.raw {
		name := strings.ReplaceAll(id.String(), " ", "-")
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return fmt.Errorf("saving files: %w", err)
		}
	}
	return nil
}

// values puts the parsed values under stable names.
func (r *reading) values(w words) {
	if a := r.contents.Attributes; a != nil {
		r.Values["name"], r.Values["address"], r.Values["birth_date"], r.Values["sex"] = a.Name, a.Address, a.BirthDate.String(), w.sex(a.Sex)
	}
	if n := r.contents.Number; n != "" {
		r.Values["individual_number"] = n
	}
	if f := r.contents.Face; f != nil {
		r.Values["birth_date"], r.Values["sex"], r.Values["card_expiry"] = f.BirthDate.String(), w.sex(f.Sex), f.Expiry.String()
		r.Values["portrait"] = fmt.Sprintf("JP2, %d bytes", len(f.Portrait))
	}
	if a := r.contents.Age; a != nil {
		r.Values["birth_date"] = a.BirthDate.String()
	}
	if n := r.contents.NumberImage; n != nil {
		r.Values["individual_number_image"] = fmt.Sprintf("PNG, %d bytes", len(n.PNG))
	}
	if b := r.contents.Basic; b != nil {
		r.Values["municipality"] = b.Municipality
	}
}

func (t *Tool) readPeople(r *reading) error {
	names := []line{
		{t.words.say("name", "氏名"), r.Values["name"]},
		{t.words.say("address", "住所"), r.Values["address"]},
		{t.words.say("birth date", "生年月日"), r.Values["birth_date"]},
		{t.words.say("sex", "性別"), r.Values["sex"]},
		{t.words.say("individual number", "個人番号"), r.Values["individual_number"]},
		{t.words.say("number image", "個人番号の画像"), r.Values["individual_number_image"]},
		{t.words.say("municipality", "市区町村コード"), r.Values["municipality"]},
		{t.words.say("card expiry", "カードの有効期限"), r.Values["card_expiry"]},
		{t.words.say("portrait", "顔写真"), r.Values["portrait"]},
	}
	if err := t.lines(names); err != nil {
		return err
	}
	for _, f := range r.Files {
		if f.Hex == "" {
			continue
		}
		if err := t.print("%s, %d bytes\n%s", f.File, f.Bytes, f.Hex); err != nil {
			return err
		}
	}
	if err := t.print("\n%s", t.words.say("checked here", "ここで確認したこと")); err != nil {
		return err
	}
	return inspect.WriteChecks(t.o.Out, r.Checks)
}
