package cardtool_test

import (
	"bytes"
	"context"
	"crypto/rsa"
	"encoding/json"
	"encoding/pem"
	"image"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"mobileid/cmd/mobileid/internal/cardtool"
	"mobileid/issuer/card"
	"mobileid/issuer/card/cardsim"
)

// TestMain lets the test binary stand in for opj_decompress.
func TestMain(m *testing.M) {
	if len(os.Args) == 5 && os.Args[1] == "-i" && os.Args[3] == "-o" {
		var out bytes.Buffer
		if png.Encode(&out, image.NewGray(image.Rect(0, 0, 24, 32))) != nil || os.WriteFile(os.Args[4], out.Bytes(), 0o600) != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func today() time.Time { return time.Date(2026, time.October, 15, 12, 0, 0, 0, card.Japan()) }

// world is made once a process, because RSA keys take long.
type world struct {
	authority *cardsim.Authority
	keys      []*rsa.PrivateKey
}

var theWorld = sync.OnceValues(func() (*world, error) {
	keys, err := cardsim.MakeKeys(6, cardsim.NewKeys(nil))
	if err != nil {
		return nil, err
	}
	a, err := cardsim.NewAuthority(cardsim.AuthorityConfig{Now: today, Keys: cardsim.SharedKeys(keys...)})
	return &world{a, keys}, err
})

// desk is a saved model and the files around it.
type desk struct {
	t             *testing.T
	person        cardsim.Person
	model         string
	roots, cities string
	out, err      bytes.Buffer
}

func newDesk(t *testing.T, o cardsim.Options) *desk {
	t.Helper()
	w, err := theWorld()
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{t: t}
	d.person, _ = cardsim.PersonByID("birthday", today())
	o.Keys = cardsim.SharedKeys(w.keys...)
	k, err := cardsim.New(d.person, w.authority, o)
	if err != nil {
		t.Fatal(err)
	}
	saved, err := k.Save()
	if err != nil {
		t.Fatal(err)
	}
	d.model = d.file("model", saved)
	var roots []byte
	for _, c := range append(w.authority.SignatureRoots(), w.authority.AuthenticationRoots()...) {
		roots = append(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	d.roots = d.file("roots.pem", roots)
	cities, err := card.EncodeMunicipalRoots(w.authority.MunicipalRoots())
	if err != nil {
		t.Fatal(err)
	}
	d.cities = d.file("cities.pem", cities)
	return d
}

func (d *desk) path(name string) string { return filepath.Join(filepath.Dir(d.model), name) }

func (d *desk) file(name string, content []byte) string {
	d.t.Helper()
	path := filepath.Join(d.t.TempDir(), name)
	if d.model != "" {
		path = d.path(name)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		d.t.Fatal(err)
	}
	return path
}

// do runs one command with the lines on standard input as secrets.
func (d *desk) do(edit func(*cardtool.Options), secrets string, command func(context.Context, *cardtool.Tool) error) error {
	d.t.Helper()
	d.out.Reset()
	d.err.Reset()
	o := cardtool.Options{
		Model: d.model, Language: "en", Timeout: time.Minute, In: strings.NewReader(secrets), PINStdin: secrets != "",
		Out: &d.out, Err: &d.err, Now: today,
	}
	if edit != nil {
		edit(&o)
	}
	tool, err := cardtool.New(o)
	if err != nil {
		return err
	}
	return command(d.t.Context(), tool)
}

func asJSON(o *cardtool.Options)     { o.JSON = true }
func inJapanese(o *cardtool.Options) { o.Language = "ja" }

// json decodes what was printed.
func (d *desk) json(v any) {
	d.t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(d.out.Bytes()))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		d.t.Fatalf("%v in %s", err, d.out.String())
	}
	if _, err := decoder.Token(); err != io.EOF {
		d.t.Error("more than one document")
	}
}

// says demands texts in what was printed.
func (d *desk) says(texts ...string) {
	d.t.Helper()
	for _, text := range texts {
		if !strings.Contains(d.out.String(), text) {
			d.t.Errorf("%q is not in\n%s", text, d.out.String())
		}
	}
}

// saysNot demands that texts are in nothing that was printed.
func (d *desk) saysNot(texts ...string) {
	d.t.Helper()
	for _, text := range texts {
		if strings.Contains(d.out.String()+d.err.String(), text) {
			d.t.Errorf("%q was printed", text)
		}
	}
}
