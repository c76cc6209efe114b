package cardtool_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"mobileid/cmd/internal/usage"
	"mobileid/cmd/mobileid/internal/cardtool"
	"mobileid/cmd/mobileid/internal/inspect"
	"mobileid/issuer/card"
	"mobileid/issuer/card/cardsim"
	"mobileid/mdoc/apdu"
)

func list(ctx context.Context, t *cardtool.Tool) error   { return t.List(ctx) }
func show(ctx context.Context, t *cardtool.Tool) error   { return t.Show(ctx) }
func status(ctx context.Context, t *cardtool.Tool) error { return t.PINStatus(ctx) }

func read(o cardtool.ReadOptions) func(context.Context, *cardtool.Tool) error {
	return func(ctx context.Context, t *cardtool.Tool) error { return t.Read(ctx, o) }
}

func change(which string) func(context.Context, *cardtool.Tool) error {
	return func(ctx context.Context, t *cardtool.Tool) error { return t.Change(ctx, which) }
}

func certs(signature, asPEM bool) func(context.Context, *cardtool.Tool) error {
	return func(ctx context.Context, t *cardtool.Tool) error { return t.Certs(ctx, signature, asPEM) }
}

func sign(o cardtool.SignOptions) func(context.Context, *cardtool.Tool) error {
	return func(ctx context.Context, t *cardtool.Tool) error { return t.Sign(ctx, o) }
}

func photo(o cardtool.PhotoOptions) func(context.Context, *cardtool.Tool) error {
	return func(ctx context.Context, t *cardtool.Tool) error { return t.Photo(ctx, o) }
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestListAndShow(t *testing.T) {
	d := newDesk(t, cardsim.Options{})
	must(t, d.do(nil, "", list))
	d.says("model model: card")
	must(t, d.do(nil, "", show))
	d.says("My Number card", "JPKIAPICCTOKEN2", "both present", d.person.Municipality, "GET DATA 00F2")
	must(t, d.do(inJapanese, "", show))
	d.says("種類", "市区町村コード", "両方あり")
	must(t, d.do(asJSON, "", show))
	var got struct {
		Kind, Label, Manufacturer, Model, Municipality, Expiry, Specification string
		SerialNumber                                                          string            `json:"serial_number"`
		Certificates                                                          bool              `json:"certificates_present"`
		CardNumber                                                            string            `json:"card_number"`
		Data                                                                  map[string]string `json:"data_objects"`
	}
	d.json(&got)
	if got.Kind != "My Number card" || !got.Certificates || got.Municipality != d.person.Municipality || got.Specification != "06030E01" || len(got.Data) < 5 {
		t.Errorf("%+v", got)
	}
	must(t, d.do(asJSON, "", list))
	d.says(`"card": true`)
}

func TestPINStatus(t *testing.T) {
	d := newDesk(t, cardsim.Options{})
	must(t, d.do(nil, "", status))
	d.says("3 tries left", "5 tries left", "10 tries left", "blocked")
	must(t, d.do(inJapanese, "", status))
	d.says("残り3回", "残り5回", "ロック中")
	must(t, d.do(asJSON, "", status))
	var got struct {
		Secrets []struct {
			Secret, Application, File, State string
			TriesLeft                        *int `json:"tries_left"`
		}
	}
	d.json(&got)
	if len(got.Secrets) != 11 || got.Secrets[1].Secret != "signature password" || got.Secrets[1].File != "001B" || *got.Secrets[1].TriesLeft != 5 {
		t.Errorf("%+v", got)
	}
}

func TestRead(t *testing.T) {
	d := newDesk(t, cardsim.Options{})
	p := d.person
	birth, err := card.BirthKey(p.BirthDate, p.Foreign)
	must(t, err)
	for name, tc := range map[string]struct {
		o       cardtool.ReadOptions
		secret  string
		values  map[string]string
		notRun  []string
		hasFile string
	}{
		"attributes": {cardtool.ReadOptions{}, p.AttributePIN, map[string]string{"name": p.Name, "address": p.Address, "birth_date": p.BirthDate.String(), "sex": "female"},
			nil, "attributes 0002"},
		"attributes by number B": {cardtool.ReadOptions{What: "attributes", With: "number-b"}, p.NumberB(), map[string]string{"name": p.Name, "address": p.Address, "birth_date": p.BirthDate.String(), "sex": "female"},
			[]string{"attributes.integrity"}, "attributes 0002"},
		"with the number": {cardtool.ReadOptions{What: "attributes", Number: true}, p.AttributePIN, map[string]string{"name": p.Name, "address": p.Address, "birth_date": p.BirthDate.String(), "sex": "female",
			"individual_number": p.Number}, nil, "attributes 0001"},
		"the number by number A": {cardtool.ReadOptions{What: "attributes", With: "number-a", Number: true}, p.Number, map[string]string{"individual_number": p.Number}, nil, "attributes 0001"},
		"face": {cardtool.ReadOptions{What: "face"}, p.NumberB(), map[string]string{"birth_date": p.BirthDate.String(), "sex": "female", "card_expiry": p.Expiry.String(),
			"municipality": p.Municipality}, nil, "card face 0002"},
		"face by parts": {cardtool.ReadOptions{What: "face"}, p.BirthDate.String() + " " + p.Expiry.String()[:4] + " " + p.SecurityCode, map[string]string{"birth_date": p.BirthDate.String(), "sex": "female",
			"card_expiry": p.Expiry.String(), "municipality": p.Municipality}, nil, "card face 0002"},
		"face with the number": {cardtool.ReadOptions{What: "face", Number: true}, p.Number, map[string]string{"birth_date": p.BirthDate.String(), "sex": "female", "card_expiry": p.Expiry.String(),
			"municipality": p.Municipality}, nil, "card face 0005"},
		"age": {cardtool.ReadOptions{What: "age"}, birth, map[string]string{"birth_date": p.BirthDate.String(), "municipality": p.Municipality}, nil, "card face 0001"},
	} {
		t.Run(name, func(t *testing.T) {
			tc.o.Roots, tc.o.MunicipalRoots = d.roots, d.cities
			must(t, d.do(asJSON, tc.secret+"\n", read(tc.o)))
			var got struct {
				Files []struct {
					File, Hex string
					Bytes     int
				}
				Values map[string]string
				Checks []struct{ ID, Clause, Outcome, Measured string }
			}
			d.json(&got)
			delete(got.Values, "portrait")
			delete(got.Values, "individual_number_image")
			if diff := cmp.Diff(tc.values, got.Values); diff != "" {
				t.Error(diff)
			}
			var notRun, files []string
			for _, c := range got.Checks {
				if c.Outcome != "pass" {
					notRun = append(notRun, c.ID)
				}
			}
			for _, f := range got.Files {
				files = append(files, f.File)
			}
			if tc.o.With != "number-b" { // whether B opens the integrity record is not public
				if diff := cmp.Diff(tc.notRun, notRun); diff != "" {
					t.Error(diff)
				}
			}
			if !slices.Contains(files, tc.hasFile) {
				t.Errorf("files %v", files)
			}
			if !tc.o.Number {
				d.saysNot(p.Number)
			}
		})
	}
}

func TestReadForPeopleAndToFiles(t *testing.T) {
	d := newDesk(t, cardsim.Options{})
	p := d.person
	dir := d.path("files")
	must(t, d.do(inJapanese, p.AttributePIN+"\n", read(cardtool.ReadOptions{What: "attributes", Dir: dir})))
	d.says("氏名", p.Name, "性別", "女", "ここで確認したこと", "not_run  attributes.cv_certificate")
	d.saysNot(p.Number, p.AttributePIN)
	b, err := os.ReadFile(filepath.Join(dir, "attributes-0002"))
	if err != nil || !bytes.Contains(b, []byte(p.Name)) {
		t.Errorf("file: %v", err)
	}
	if info, err := os.Stat(filepath.Join(dir, "attributes-0002")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode: %v", err)
	}
	must(t, d.do(nil, "", read(cardtool.ReadOptions{What: "jpki:0008"})))
	d.says("JPKI 0008, 3 bytes", "8f8f00", "token.presence")
	must(t, d.do(nil, p.SignaturePassword+"\n", read(cardtool.ReadOptions{What: "JPKI:0001"})))
	d.says("JPKI 0001", "cert.format")
	must(t, d.do(nil, p.Number+"\n", read(cardtool.ReadOptions{What: "face:0005", Number: true})))
	d.says("card face 0005", "number_image.format")
	err = d.do(nil, p.AttributePIN+"\n", read(cardtool.ReadOptions{What: "attributes:0002", With: "number-a"}))
	if err == nil {
		t.Error("a PIN was taken for number A")
	}
	err = d.do(nil, p.Number+"\n", read(cardtool.ReadOptions{What: "attributes:0002", With: "number-a"}))
	if problem, ok := errors.AsType[*inspect.Problem](err); !ok || !strings.Contains(err.Error(), "attribute PIN or the number B") || !strings.Contains(problem.Hint, "--with") {
		t.Errorf("another secret: %v", err)
	}
}

// TestReadTellsFailedChecks has a card whose portrait was altered.
func TestReadTellsFailedChecks(t *testing.T) {
	d := newDesk(t, cardsim.Options{Tamper: func(files map[card.FileID][]byte) {
		b := files[card.FaceFile]
		b[bytes.Index(b, []byte("\xDF\x27"))+2000] ^= 1
	}})
	err := d.do(nil, d.person.NumberB()+"\n", read(cardtool.ReadOptions{What: "face", MunicipalRoots: d.cities}))
	if err == nil || !strings.Contains(err.Error(), "1 of the checks failed") {
		t.Errorf("%v", err)
	}
	d.says("fail", "face.signature")
}

func TestWrongSecrets(t *testing.T) {
	d := newDesk(t, cardsim.Options{})
	attempt := func(edit func(*cardtool.Options), secret string) (string, string) {
		t.Helper()
		err := d.do(edit, secret+"\n", read(cardtool.ReadOptions{}))
		p, ok := errors.AsType[*inspect.Problem](err)
		if !ok {
			t.Fatalf("%v", err)
		}
		d.saysNot(secret)
		if strings.Contains(err.Error()+p.Hint, secret) {
			t.Errorf("the secret is in %q", err.Error())
		}
		return err.Error(), p.Hint
	}
	spend := func(o *cardtool.Options) { o.SpendLastTry = true }
	for i, step := range []struct {
		edit       func(*cardtool.Options)
		secret     string
		text, hint string
	}{
		{nil, "98", "nothing was sent and no try spent", ""},
		{inJapanese, "98", "回数は減っていません", ""},
		{nil, "9877", "wrong, 2 tries left", "not sent again by itself"},
		{inJapanese, "9877", "違います。残り1回", "確かめて"},
		{nil, d.person.AttributePIN, "1 try is left, and it was not spent", "--spend-last-try"},
		{inJapanese, d.person.AttributePIN, "残り1回のため", "--spend-last-try"},
		{spend, "9877", "blocked", "municipal office"},
		{spend, d.person.AttributePIN, "blocked", "municipal office"},
		{inJapanese, d.person.AttributePIN, "ロックされています", "窓口"},
	} {
		text, hint := attempt(step.edit, step.secret)
		if !strings.Contains(text, step.text) || !strings.Contains(hint, step.hint) {
			t.Errorf("step %d: %q, %q", i, text, hint)
		}
	}
	must(t, d.do(nil, "", status))
	d.says("attributes 0011: PIN of the attributes, 4 digits                                    blocked")
}

func TestChange(t *testing.T) {
	d := newDesk(t, cardsim.Options{})
	must(t, d.do(nil, d.person.AuthenticationPIN+"\n8642\n", change("auth")))
	d.says("changed")
	d.saysNot("8642")
	must(t, d.do(asJSON, "8642\n1357\n", change("auth")))
	d.says(`"changed": true`)
	pins := d.file("pins", []byte("1357\n2468\n"))
	must(t, d.do(func(o *cardtool.Options) { o.PINFile = pins }, "", change("auth")))
	for name, tc := range map[string]struct{ which, secrets string }{
		"wrong": {"auth", "1357\n2468\n"}, "form": {"auth", "2468\n24680\n"}, "no letter": {"signature", d.person.SignaturePassword + "\n12345678\n"},
		"one line": {"auth", "2468\n"}, "no line": {"auth", "\n"},
	} {
		if err := d.do(nil, tc.secrets, change(tc.which)); err == nil || usage.Is(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := d.do(nil, "1\n", change("puk")); !usage.Is(err) {
		t.Errorf("%v", err)
	}
}

func TestCerts(t *testing.T) {
	d := newDesk(t, cardsim.Options{})
	must(t, d.do(nil, "", certs(false, false)))
	d.says("user authentication", "signature CA", "O=JPKI-TEST", "in force")
	must(t, d.do(func(o *cardtool.Options) {
		o.Language, o.Now = "ja", func() time.Time { return today().AddDate(20, 0, 0) }
	}, "", certs(false, false)))
	d.says("発行番号", "有効期間外")
	must(t, d.do(nil, d.person.SignaturePassword+"\n", certs(true, true)))
	n := 0
	for block, rest := pem.Decode(d.out.Bytes()); block != nil; block, rest = pem.Decode(rest) {
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			t.Error(err)
		}
		n++
	}
	if n != 4 {
		t.Errorf("%d certificates", n)
	}
	must(t, d.do(asJSON, d.person.SignaturePassword+"\n", certs(true, false)))
	var got struct {
		Certificates []struct {
			Name, Issuer, SHA256, PEM string
			Serial                    string    `json:"serial_number"`
			NotBefore                 time.Time `json:"not_before"`
			NotAfter                  time.Time `json:"not_after"`
			InForce                   bool      `json:"in_force"`
		}
	}
	d.json(&got)
	if len(got.Certificates) != 4 || got.Certificates[3].Name != "signature" || !got.Certificates[3].InForce {
		t.Errorf("%d certificates", len(got.Certificates))
	}
	bad := newDesk(t, cardsim.Options{Tamper: func(files map[card.FileID][]byte) { files[card.AuthenticationCertificate][10] = 0xFF }})
	if err := bad.do(nil, "", certs(false, false)); err == nil || !strings.Contains(err.Error(), "is no certificate") {
		t.Errorf("%v", err)
	}
}

func TestSign(t *testing.T) {
	d := newDesk(t, cardsim.Options{})
	content := []byte("what is signed")
	digest := sha256.Sum256(content)
	for key, secret := range map[string]string{"auth": d.person.AuthenticationPIN, "signature": d.person.SignaturePassword} {
		must(t, d.do(nil, secret+"\n", sign(cardtool.SignOptions{Key: key, Hash: "sha256", Content: content})))
		signature, err := base64.StdEncoding.DecodeString(strings.TrimSpace(d.out.String()))
		must(t, err)
		out := d.path("signature")
		must(t, d.do(nil, secret+"\n", sign(cardtool.SignOptions{Key: key, Hash: "sha256", Content: content, Out: out})))
		d.says("verified")
		again, err := os.ReadFile(out)
		if err != nil || !bytes.Equal(signature, again) {
			t.Errorf("%v", err)
		}
		must(t, d.do(nil, d.person.SignaturePassword+"\n", certs(true, true)))
		verified := 0
		for block, rest := pem.Decode(d.out.Bytes()); block != nil; block, rest = pem.Decode(rest) {
			c, err := x509.ParseCertificate(block.Bytes)
			must(t, err)
			if k, ok := c.PublicKey.(*rsa.PublicKey); ok && !c.IsCA && rsa.VerifyPKCS1v15(k, crypto.SHA256, digest[:], signature) == nil {
				verified++
			}
		}
		if verified != 1 {
			t.Errorf("%s: %d certificates verify it", key, verified)
		}
		must(t, d.do(asJSON, secret+"\n", sign(cardtool.SignOptions{Key: key, Hash: "sha512", Content: content})))
		d.says(`"verified": true`, `"hash": "sha512"`)
	}
	for name, o := range map[string]cardtool.SignOptions{"key": {Key: "other", Hash: "sha256"}, "hash": {Key: "auth", Hash: "sha1"}} {
		if err := d.do(nil, "1\n", sign(o)); !usage.Is(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	bad := newDesk(t, cardsim.Options{Tamper: func(files map[card.FileID][]byte) {
		files[card.AuthenticationCertificate] = bytes.Clone(files[0x1000B])
	}})
	if err := bad.do(nil, bad.person.AuthenticationPIN+"\n", sign(cardtool.SignOptions{Key: "auth", Hash: "sha256", Content: content})); err == nil || !strings.Contains(err.Error(), "does not verify") {
		t.Errorf("%v", err)
	}
}

func TestPhoto(t *testing.T) {
	d := newDesk(t, cardsim.Options{})
	self, err := os.Executable()
	must(t, err)
	secret := d.person.NumberB() + "\n"
	must(t, d.do(nil, secret, photo(cardtool.PhotoOptions{Out: d.path("face.jp2")})))
	portrait, err := os.ReadFile(d.path("face.jp2"))
	must(t, err)
	must(t, d.do(nil, secret, read(cardtool.ReadOptions{What: "face", Dir: d.path("files")})))
	face, err := os.ReadFile(d.path("files/card-face-0002"))
	if err != nil || !bytes.Contains(face, portrait) || !bytes.HasPrefix(portrait, []byte("\x00\x00\x00\x0CjP  ")) {
		t.Errorf("the portrait is not as the card holds it: %v", err)
	}
	must(t, d.do(asJSON, secret, photo(cardtool.PhotoOptions{Out: d.path("face.png"), Decoder: self})))
	d.says(`"bytes": `)
	if b, err := os.ReadFile(d.path("face.png")); err != nil || second(png.DecodeConfig(bytes.NewReader(b))) != nil {
		t.Errorf("%v", err)
	}
	must(t, d.do(nil, d.person.Number+"\n", photo(cardtool.PhotoOptions{Out: d.path("face.jpg"), Decoder: self, With: "number-a"})))
	if b, err := os.ReadFile(d.path("face.jpg")); err != nil || second(jpeg.DecodeConfig(bytes.NewReader(b))) != nil {
		t.Errorf("%v", err)
	}
	for name, o := range map[string]cardtool.PhotoOptions{
		"no ending": {Out: "face"}, "no decoder": {Out: d.path("x.png")}, "another secret": {Out: d.path("x.jp2"), With: "birth-date"},
		"no secret": {Out: d.path("x.jp2"), With: "pin"},
	} {
		if err := d.do(nil, secret, photo(o)); !usage.Is(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	err = d.do(nil, secret, photo(cardtool.PhotoOptions{Out: d.path("x.png"), Decoder: "no-such-program"}))
	if err == nil || !strings.Contains(err.Error(), "libopenjp2-tools") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(d.path("x.png")); !errors.Is(err, os.ErrNotExist) {
		t.Error("a file was left")
	}
	bad := newDesk(t, cardsim.Options{Tamper: func(files map[card.FileID][]byte) { files[card.FaceFile][9] ^= 1 }})
	if err := bad.do(nil, secret, photo(cardtool.PhotoOptions{Out: bad.path("x.jp2")})); err == nil || !strings.Contains(err.Error(), "not well-formed") {
		t.Errorf("%v", err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestMisuse(t *testing.T) {
	d := newDesk(t, cardsim.Options{})
	for name, edit := range map[string]func(*cardtool.Options){
		"language":     func(o *cardtool.Options) { o.Language = "fr" },
		"two sources":  func(o *cardtool.Options) { o.PINFile, o.PINStdin = "x", true },
		"no time":      func(o *cardtool.Options) { o.Timeout = 0 },
		"two readers":  func(o *cardtool.Options) { o.Reader = "x" },
		"no secret":    func(o *cardtool.Options) { o.PINStdin = false },
		"not the file": nil,
	} {
		o := cardtool.ReadOptions{}
		if edit == nil {
			o.What = "jpki:001A"
		}
		if err := d.do(edit, "1234\n", read(o)); !usage.Is(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, o := range map[string]cardtool.ReadOptions{
		"unknown": {What: "photo"}, "three digits": {What: "jpki:00A"}, "no hex": {What: "jpki:00XY"}, "no such application": {What: "other:0001"},
		"number of the age": {What: "age", Number: true}, "number by B": {What: "attributes", With: "number-b", Number: true}, "no such secret": {With: "password"},
		"the number as a file": {What: "attributes:0001"}, "no such secret of a file": {What: "common:0002", With: "number-a"}, "no such secret there": {What: "resident:0002", With: "number-b"},
	} {
		if err := d.do(nil, "1234\n", read(o)); !usage.Is(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFilesThatAreNone(t *testing.T) {
	d := newDesk(t, cardsim.Options{})
	must(t, os.Chmod(d.roots, 0o644))
	pin := []byte(d.person.AttributePIN + "\n")
	must(t, d.do(func(o *cardtool.Options) { o.PINFile = d.file("private", pin) }, "", read(cardtool.ReadOptions{})))
	open := d.file("open", pin)
	must(t, os.Chmod(open, 0o644))
	huge := d.file("huge", make([]byte, 2<<20))
	garbage := d.file("garbage", []byte("no card"))
	for name, edit := range map[string]func(*cardtool.Options){
		"no reader": func(o *cardtool.Options) { o.Model = "" }, "no model": func(o *cardtool.Options) { o.Model = d.path("none") },
		"model is garbage": func(o *cardtool.Options) { o.Model = garbage }, "model is huge": func(o *cardtool.Options) { o.Model = huge },
		"model is a folder":  func(o *cardtool.Options) { o.Model = t.TempDir() },
		"no file of secrets": func(o *cardtool.Options) { o.PINFile, o.PINStdin = d.path("none"), false },
	} {
		if err := d.do(edit, "1234\n", read(cardtool.ReadOptions{})); err == nil || usage.Is(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	err := d.do(func(o *cardtool.Options) { o.PINFile = open }, "", read(cardtool.ReadOptions{}))
	if err == nil || !strings.Contains(err.Error(), "mode 0644") || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("secrets open to others: %v", err)
	}
	must(t, os.Chmod(d.model, 0o644))
	if err := d.do(nil, string(pin), read(cardtool.ReadOptions{})); err == nil || !strings.Contains(err.Error(), "mode 0644") {
		t.Errorf("model open to others: %v", err)
	}
	must(t, os.Chmod(d.model, 0o600))
	for name, edit := range map[string]func(*cardtool.Options){
		"no reader": func(o *cardtool.Options) { o.Model = "" }, "no model": func(o *cardtool.Options) { o.Model = d.path("none") },
	} {
		if err := d.do(edit, "", list); err == nil {
			t.Errorf("list: %s: no error", name)
		}
	}
	for name, o := range map[string]cardtool.ReadOptions{
		"no roots": {Roots: d.path("none")}, "roots that are none": {Roots: garbage}, "no municipal roots": {MunicipalRoots: d.path("none")},
		"municipal roots that are none": {MunicipalRoots: garbage}, "no folder": {Dir: garbage},
	} {
		if err := d.do(nil, d.person.AttributePIN+"\n", read(o)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestCardAway takes the card away, and keeps it silent, at each exchange: there is advice, and nothing personal in it.
func TestCardAway(t *testing.T) {
	d := newDesk(t, cardsim.Options{})
	for _, language := range []string{"en", "ja"} {
		for n := range 10 {
			err := d.do(func(o *cardtool.Options) {
				o.Language = language
				o.Wrap = func(tr apdu.Transmitter) apdu.Transmitter { return &cardsim.Fault{Card: tr, After: n} }
			}, d.person.AttributePIN+"\n", read(cardtool.ReadOptions{}))
			if p, ok := errors.AsType[*inspect.Problem](err); !ok || !errors.Is(err, card.ErrCardGone) || p.Hint == "" {
				t.Fatalf("after %d: %v", n, err)
			}
			d.saysNot(d.person.Name)
		}
	}
	err := d.do(func(o *cardtool.Options) {
		o.Timeout = 20 * time.Millisecond
		o.Wrap = func(tr apdu.Transmitter) apdu.Transmitter {
			return &cardsim.Fault{Card: tr, After: 5, Answer: func(ctx context.Context, _ []byte) ([]byte, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}}
		}
	}, d.person.AttributePIN+"\n", read(cardtool.ReadOptions{}))
	if p, ok := errors.AsType[*inspect.Problem](err); !ok || !errors.Is(err, card.ErrCardSilent) || p.Hint == "" {
		t.Errorf("%v", err)
	}
	must(t, d.do(nil, d.person.AttributePIN+"\n", read(cardtool.ReadOptions{})))
}

// TestSlowCard has a card that answers each command just in time: a command ends all the same.
func TestSlowCard(t *testing.T) {
	d := newDesk(t, cardsim.Options{})
	for language, says := range map[string]string{"en": "the card took over 60 s in all", "ja": "合計60秒を超えました"} {
		synctest.Test(t, func(t *testing.T) {
			d.t = t
			before := time.Now()
			err := d.do(func(o *cardtool.Options) {
				o.Language, o.Timeout = language, 10*time.Second
				o.Wrap = func(tr apdu.Transmitter) apdu.Transmitter { return slow{tr, 9 * time.Second} }
			}, d.person.AttributePIN+"\n", read(cardtool.ReadOptions{}))
			if p, ok := errors.AsType[*inspect.Problem](err); !ok || !strings.Contains(err.Error(), says) || p.Hint == "" {
				t.Errorf("%v", err)
			}
			if took := time.Since(before); took != time.Minute {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// slow answers after a time.
type slow struct {
	apdu.Transmitter
	after time.Duration
}

func (s slow) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	select {
	case <-time.After(s.after):
		return s.Transmitter.Transmit(ctx, command)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func TestOtherTokens(t *testing.T) {
	for label, word := range map[string]string{"JPKIAPICCTOKEN ": "住基カード", "SOMETHING ELSE ": "no other card"} {
		d := newDesk(t, cardsim.Options{Tamper: func(files map[card.FileID][]byte) { copy(files[card.TokenFile], label+strings.Repeat(" ", 17)) }})
		err := d.do(nil, "", show)
		if p, ok := errors.AsType[*inspect.Problem](err); !ok || !strings.Contains(p.Hint, word) {
			t.Errorf("%s: %v", label, err)
		}
	}
	d := newDesk(t, cardsim.Options{Tamper: func(files map[card.FileID][]byte) {
		copy(files[card.TokenFile], "JPKIAPIOSTOKEN"+strings.Repeat(" ", 18))
	}})
	must(t, d.do(nil, "", show))
	d.says("iPhone")
	must(t, d.do(nil, "", status))
	must(t, d.do(nil, d.person.AuthenticationPIN+"\n", certs(false, false)))
	err := d.do(nil, "1234\n", read(cardtool.ReadOptions{}))
	if p, ok := errors.AsType[*inspect.Problem](err); !ok || !errors.Is(err, card.ErrPhone) || p.Hint == "" {
		t.Errorf("%v", err)
	}
}

// TestNextGeneration has a card of the proposed next generation, which no command reads: each says so.
func TestNextGeneration(t *testing.T) {
	d := newDesk(t, cardsim.Options{})
	a, err := cardsim.NewNextAuthority(cardsim.AuthorityConfig{Now: today})
	must(t, err)
	k, err := cardsim.NewNext(d.person, a, cardsim.Options{})
	must(t, err)
	d.model = d.path("next")
	must(t, cardsim.CreateState(d.model, k))
	for name, command := range map[string]func(context.Context, *cardtool.Tool) error{
		"show": show, "status": status, "certs": certs(false, false), "read": read(cardtool.ReadOptions{}),
	} {
		for language, says := range map[string]string{"en": "proposed next generation", "ja": "次期個人番号カード"} {
			err := d.do(func(o *cardtool.Options) { o.Language = language }, "1234\n", command)
			p, ok := errors.AsType[*inspect.Problem](err)
			if !ok || !errors.Is(err, card.ErrNotMyNumberCard) || !strings.Contains(err.Error(), says) || !strings.Contains(p.Hint, "--next") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// TestStatesInWords gives the secrets every word a card may answer with.
func TestStatesInWords(t *testing.T) {
	d := newDesk(t, cardsim.Options{})
	words := []uint16{0x6300, 0x9000, 0x6A82, 0x6982, 0x6984, 0x63C1}
	for language, want := range map[string][]string{
		"en": {"no limit", "presented", "not on this card", "not told (6982)", "blocked", "1 try left"},
		"ja": {"回数の制限なし", "照合済み", "このカードにはありません", "不明 (6982)", "ロック中", "残り1回"},
	} {
		must(t, d.do(func(o *cardtool.Options) {
			o.Language = language
			n := 0
			o.Wrap = func(tr apdu.Transmitter) apdu.Transmitter { return asking{tr, words, &n} }
		}, "", status))
		d.says(want...)
	}
	if err := d.do(inJapanese, "1234\n12345\n", change("resident")); err == nil || !strings.Contains(err.Error(), "形式が違います") {
		t.Errorf("%v", err)
	}
}

// asking answers each question for tries with the next word.
type asking struct {
	apdu.Transmitter
	words []uint16
	n     *int
}

func (a asking) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if len(command) != 4 || command[1] != 0x20 {
		return a.Transmitter.Transmit(ctx, command)
	}
	sw := apdu.SW(a.words[*a.n%len(a.words)])
	*a.n++
	return []byte{sw.SW1(), sw.SW2()}, nil
}
