package demo

import (
	"bytes"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mobileid/cmd/internal/phone"
	"mobileid/issuer/card/cardsim"
	"mobileid/mdoc/mdoctest/canary"
	"mobileid/mdoc/provisioning"
)

// TestCanaries runs the whole story at the most verbose level of every log, and a number of failing requests, and looks for every
// personal value, PIN and token in logs, URLs, errors, the output and the services' files.
func TestCanaries(t *testing.T) {
	now := time.Now
	person, ok := cardsim.PersonByID("substitute", now())
	if !ok {
		t.Fatal("no such person")
	}
	secrets := person.Secrets()
	canaries := map[string]string{
		"name": person.Name, "address": person.Address, "birth date": person.BirthDate.String(),
		"birth date on the card": strings.ReplaceAll(person.BirthDate.String(), "-", ""), "number": person.Number,
		"signature password": secrets.SignaturePassword, "number B": secrets.NumberB,
	}
	logs, requests, out := &canary.Log{}, &canary.Log{}, &bytes.Buffer{}
	o := Options{Person: person.ID, Language: English, JSON: true, Stdout: out, Seen: func(r *http.Request) { fmt.Fprintln(requests, r.Method, r.URL.String()) },
		Log: slog.New(slog.NewJSONHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	if err := o.validate(); err != nil {
		t.Fatal(err)
	}
	p := &printer{out: out, json: true, now: now}
	w, err := newWorld(t.Context(), o, newRecorder(p, false))
	if err != nil {
		t.Fatal(err)
	}
	r := &run{world: w, p: p}
	err = r.story(t.Context())
	if err != nil {
		t.Error(err)
	}
	canaries["PIN"], canaries["operator token"] = r.pin, w.operatorToken
	errs := failures(t, r)
	files := stored(t, w.dir)
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if err := p.close(); err != nil {
		t.Error(err)
	}
	places := map[string][]byte{"logs": []byte(logs.String()), "URLs": []byte(requests.String()), "output": out.Bytes(), "errors": errs,
		"APDU log, secrets only": r.rec.log.Bytes()}
	for name, content := range files {
		places["file "+name] = content
	}
	if logs.String() == "" || requests.String() == "" || len(errs) == 0 || len(files) < 2 {
		t.Fatalf("nothing to search: logs %d, URLs %d, errors %d, files %d", len(logs.String()), len(requests.String()), len(errs), len(files))
	}
	if !bytes.Contains(r.rec.log.Bytes(), canary.Forms(person.Address)["HEX"]) {
		t.Fatal("the search does not find what the card itself answered: it could not find a leak either")
	}
	searched := 0
	for what, value := range canaries {
		if len(value) < 6 {
			t.Fatalf("the canary %s is too short to be told from chance", what)
		}
		for place, content := range places {
			secret := what == "PIN" || what == "signature password" || what == "operator token"
			if strings.HasPrefix(place, "APDU log") && !secret {
				continue // the log of a modelled person's card holds what the card gave; never a secret
			}
			for form, needle := range canary.Forms(value) {
				searched++
				if form == "plain" && what == "PIN" && place != "APDU log, secrets only" && digitsOnly(content, needle) {
					continue
				}
				if bytes.Contains(content, needle) {
					t.Errorf("%s stands in %s (%s)", what, place, form)
				}
			}
		}
	}
	t.Logf("%d canaries, %d searches, 0 hits", len(canaries), searched)
}

// digitsOnly reports whether every hit of six digits lies inside a longer run of digits or hex, such as a time or an id: a PIN
// of six digits can stand there by chance.
func digitsOnly(content, needle []byte) bool {
	isHex := func(b byte) bool { return b >= '0' && b <= '9' || b >= 'a' && b <= 'f' || b >= 'A' && b <= 'F' }
	for at := 0; ; {
		i := bytes.Index(content[at:], needle)
		if i < 0 {
			return true
		}
		start, end := at+i, at+i+len(needle)
		if (start == 0 || !isHex(content[start-1])) && (end == len(content) || !isHex(content[end])) {
			return false
		}
		at = end
	}
}

// failures runs into errors on purpose and gives their texts.
func failures(t *testing.T, r *run) []byte {
	t.Helper()
	var b bytes.Buffer
	note := func(what string, err error) {
		if err == nil {
			t.Errorf("%s: no error", what)
			return
		}
		fmt.Fprintln(&b, what, err)
	}
	tx, reading, err := r.tap(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	used := tx
	reading[len(reading)/2] ^= 1
	_, _, err = r.phone.Submit(t.Context(), tx, application(reading))
	note("altered reading", err)
	_, _, err = r.phone.Submit(t.Context(), used, application(reading))
	note("challenge used twice", err)
	r.operatorToken += "x"
	_, err = r.desk(t.Context())
	note("wrong operator token", err)
	_, _, err = r.wallet(t.Context(), slotSign, nil)
	note("empty slot", err)
	return b.Bytes()
}

// stored reads the files of the services; the secure element's own file is the modelled chip and holds the credential.
func stored(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), "se.state") {
			return err
		}
		out[path], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func application(reading []byte) phone.Application {
	return phone.Application{Reading: reading, Slot: slotSign, Purpose: provisioning.PurposeSign}
}
