package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"mobileid/issuer/card/cardsim"
)

// oneCard is the card of the person called birthday, with the test secrets.
var oneCard = sync.OnceValues(func() (*cardsim.Card, error) {
	k, _, err := openServedCard("birthday", "", time.Now())
	return k, err
})

// modelOnDisk saves that card anew for each test.
func modelOnDisk(t *testing.T) (path string, p cardsim.Person) {
	t.Helper()
	k, err := oneCard()
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "card")
	if err := cardsim.CreateState(path, k); err != nil {
		t.Fatal(err)
	}
	return path, k.Person()
}

func savedPath(t *testing.T) string {
	t.Helper()
	path, _ := modelOnDisk(t)
	return path
}

// TestSecretsAreNotRepeated types a secret in every place where none belongs.
func TestSecretsAreNotRepeated(t *testing.T) {
	const pin = "90817"
	for _, args := range []string{
		"card " + pin, "card list " + pin, "card show " + pin, "card pin-status " + pin, "card read " + pin, "card read attributes " + pin, "card certs " + pin,
		"card sign file " + pin, "card photo --out x.jp2 " + pin, "card change-pin --secret auth " + pin, "card new --out x " + pin,
		"card serve --vpcd 127.0.0.1:1 " + pin, "card read --pin-stdin=" + pin, "card read -" + pin, "card read --pin=" + pin, "card read --timeout " + pin,
	} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), strings.Fields(args), strings.NewReader(""), &out, &errs); code != exitMisuse || strings.Contains(out.String()+errs.String(), pin) {
			t.Errorf("%s: exit %d, %s", args, code, errs.String())
		}
	}
}

func TestCardCommands(t *testing.T) {
	model, p := modelOnDisk(t)
	dir := t.TempDir()
	contract := filepath.Join(dir, "contract")
	if err := os.WriteFile(contract, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, args, stdin string
		code              int
		out, err          string
	}{
		{"help", "card", "", exitOK, "pin-status", ""},
		{"no such command", "card fly", "", exitMisuse, "", "unknown command"},
		{"list", "card list --model " + model, "", exitOK, "card", ""},
		{"show", "card show --model " + model, "", exitOK, "JPKIAPICCTOKEN2", ""},
		{"show takes nothing", "card show x --model " + model, "", exitMisuse, "", "one argument too many"},
		{"PIN states", "card pin-status --lang ja --model " + model, "", exitOK, "残り3回", ""},
		{"read", "card read --pin-stdin --model " + model, p.AttributePIN, exitOK, p.Name, ""},
		{"read short", "card read face --short --pin-stdin --model " + model, p.NumberB(), exitOK, "JP2", ""},
		{"read in another language", "card read --lang fr --model " + model, "", exitMisuse, "", "there is no language"},
		{"read two", "card read age face --model " + model, "", exitMisuse, "", "one argument too many"},
		{"no terminal", "card read --model " + model, "", exitMisuse, "", "--pin-file or --pin-stdin"},
		{"wrong PIN", "card read --pin-stdin --model " + model, "9876", exitFailed, "", "wrong, 2 tries left"},
		{"wrong PIN in Japanese", "card read --pin-stdin --lang ja --model " + model, "9876", exitFailed, "", "残り1回"},
		{"certificates", "card certs --pem --model " + model, "", exitOK, "BEGIN CERTIFICATE", ""},
		{"sign", "card sign --pin-stdin --model " + model + " " + contract, p.AuthenticationPIN, exitOK, "=", ""},
		{"sign standard input", "card sign --pin-stdin --model " + model, p.AuthenticationPIN, exitMisuse, "", "both the secrets and what is signed"},
		{"sign nothing", "card sign --pin-stdin --model " + model + " " + dir + "/none", p.AuthenticationPIN, exitFailed, "", "no such file"},
		{"photo", "card photo --pin-stdin --out " + dir + "/face.jp2 --model " + model, p.NumberB(), exitOK, "bytes", ""},
		{"photo without a file", "card photo --model " + model, "", exitMisuse, "", "required flag"},
		{"change", "card change-pin --secret auth --pin-stdin --model " + model, p.AuthenticationPIN + "\n1122", exitOK, "changed", ""},
		{"change without a name", "card change-pin --model " + model, "", exitMisuse, "", "required flag"},
		{"no duration", "card show --timeout 5 --model " + model, "", exitMisuse, "", `invalid value for the "--timeout" flag`},
		{"a PIN as an argument", "card read --pin 1234 --model " + model, "", exitMisuse, "", "unknown flag"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			code := run(t.Context(), strings.Fields(tc.args), strings.NewReader(tc.stdin+"\n"), &out, &errs)
			if code != tc.code || !strings.Contains(out.String(), tc.out) || !strings.Contains(errs.String(), tc.err) {
				t.Errorf("exit %d, out %q, err %q", code, out.String(), errs.String())
			}
			if code != exitOK && strings.Contains(out.String()+errs.String(), p.Name) {
				t.Error("a name in an error")
			}
		})
	}
	var out bytes.Buffer
	if code := run(t.Context(), []string{"card", "pin-status", "--json", "--model", model}, nil, &out, &out); code != exitOK || !json.Valid(out.Bytes()) {
		t.Errorf("exit %d, %s", code, out.String())
	}
}
