package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mobileid/mdoc/apdu/pcsctest"
	"mobileid/mdoc/apdu/vpcd"
	"mobileid/mdoc/mdoctest"
	"mobileid/tsm/applet"
	"mobileid/tsm/gp"
	"mobileid/tsm/scp03"
	"mobileid/tsm/se"
	"mobileid/tsm/se/setest"
)

// bench is an element in a file and files with keys.
type bench struct {
	t       *testing.T
	element *setest.Element
	dir     string
}

// newBench makes an element of AES-256 keys without load files, and its key set in card.keys.
func newBench(t *testing.T) *bench {
	t.Helper()
	e := setest.New(t, time.Now(), []byte{0x30, 0})
	e.Factory.Unloaded = true
	e.Again(t)
	b := &bench{t, e, t.TempDir()}
	b.keys("card.keys", e.Factory.Keys)
	return b
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

func (b *bench) write(name string, content []byte) string {
	b.t.Helper()
	if err := os.WriteFile(b.path(name), content, 0o600); err != nil {
		b.t.Fatal(err)
	}
	return b.path(name)
}

func (b *bench) keys(name string, k scp03.Keys) string {
	return b.write(name, fmt.Appendf(nil, "# a test's\nversion %02x\nenc %x\nMAC %X\n\ndek %x # last\n", k.Version, k.ENC, k.MAC, k.DEK))
}

// do runs `mobileid se …` with the element as a model.
func (b *bench) do(code int, says string, args ...string) (out string) {
	b.t.Helper()
	return b.run(code, says, append(args, "--model", b.element.Path)...)
}

func (b *bench) run(code int, says string, args ...string) (out string) {
	b.t.Helper()
	var stdout, stderr bytes.Buffer
	got := run(b.t.Context(), append([]string{"se"}, args...), strings.NewReader(""), &stdout, &stderr)
	all := stdout.String() + stderr.String()
	if got != code || !strings.Contains(all, says) {
		b.t.Errorf("mobileid se %s: code %d, want %d with %q: %s", args[0], got, code, says, all)
	}
	for _, key := range [][]byte{b.element.Factory.Keys.ENC, b.element.Factory.Keys.MAC, b.element.Factory.Keys.DEK} {
		if hex := fmt.Sprintf("%x", key); hex != "" && strings.Contains(strings.ToLower(all), hex) {
			b.t.Errorf("mobileid se %s prints a key", args[0])
		}
	}
	return stdout.String()
}

// capFile is the load file of the recorded hosts, which is named as the applet built in.
func capFile(t *testing.T) []byte {
	t.Helper()
	l, err := gp.ParseLoadFileData(mdoctest.HostTraceNamed(t, "gppro-level33").Loaded(t))
	if err != nil {
		t.Fatal(err)
	}
	return l.File
}

const firstInstance = "F04D49444D444F4301"

// The life of an application and of the keys, each step by the command for it.
func TestSECommands(t *testing.T) {
	b := newBench(t)
	keys := []string{"--keys", b.path("card.keys")}
	with := func(args ...string) []string { return append(args, keys...) }

	var info map[string]any
	if err := json.Unmarshal([]byte(b.do(exitOK, "", "info", "--json")), &info); err != nil || info["diversification_data"] != fmt.Sprintf("%X", b.element.Factory.ID) {
		t.Errorf("%v, %v", info, err)
	}
	for _, says := range []string{"GlobalPlatform", "2.3.1", "SCP03 i=70", "free memory", "version 30, id 03: AES-256"} {
		b.do(exitOK, says, "info")
	}
	b.do(exitOK, "30       01  AES-256", "keys")
	b.do(exitOK, `"kinds"`, "keys", "--json")
	b.do(exitOK, "SECURED", with("list")...)
	b.do(exitOK, "loaded F04D49444D444F43", with("load", b.write("applet.cap", capFile(t)))...)
	b.do(exitOK, "modules "+firstInstance, with("list")...)
	install := with("install", "--file", "F0 4D 49 44 4D 44 4F 43", "--module", firstInstance, "--instance", firstInstance)
	b.do(exitOK, "installed "+firstInstance, install...)
	b.do(exitFailed, "hint: the card's state does not allow it", install...)

	var l struct {
		Applications []struct{ AID, State string }
		Files        []struct{ AID, Version string } `json:"load_files"`
	}
	state := func() string {
		t.Helper()
		if err := json.Unmarshal([]byte(b.do(exitOK, "", with("list", "--json", "--level", "13")...)), &l); err != nil || len(l.Applications) != 1 {
			t.Fatalf("%+v, %v", l, err)
		}
		return l.Applications[0].State
	}
	if got := state(); got != "SELECTABLE" {
		t.Error(got)
	}
	b.do(exitOK, "locked "+firstInstance, with("lock", firstInstance)...)
	if got := state(); got != "LOCKED, was SELECTABLE" {
		t.Error(got)
	}
	b.do(exitOK, "unlocked "+firstInstance, with("unlock", firstInstance)...)
	b.do(exitOK, "locked the card", with("lock", "--card")...)
	b.do(exitOK, "the card is locked", "info")
	b.do(exitOK, "unlocked the card", with("unlock", "--card")...)

	const domain = "A00000015153504101"
	b.do(exitOK, "installed "+domain, with("install", "--file", "A0000001515350", "--module", "A000000151535041", "--instance", domain, "--privileges", "80")...)
	b.do(exitOK, "security domain  "+domain, with("list")...)
	b.do(exitOK, "deleted "+domain, with("delete", domain)...)

	next := setest.Keys(t)
	next.Version = 0x31
	b.keys("next.keys", next)
	if got := b.do(exitOK, "", with("put-key", "--new", b.path("next.keys"))...); got != "put key set 31\n" {
		t.Errorf("%q", got)
	}
	b.do(exitFailed, "hint: mobileid se keys shows the versions there are", with("put-key", "--new", b.keys("other.keys", version(setest.Keys(t), 0x31)))...)
	b.do(exitFailed, "hint: mobileid se keys shows the versions the card has", with("put-key", "--new", b.path("other.keys"), "--replace", "3A")...)
	b.do(exitFailed, "hint: mobileid se keys shows the versions the card has", with("delete-keys", "3A")...)
	b.do(exitFailed, "this is the key set that opened the session", with("delete-keys", "30")...)
	b.do(exitOK, "deleted key set 30", "delete-keys", "30", "--keys", b.path("next.keys"))
	b.do(exitFailed, "hint: mobileid se keys shows the versions the card has", with("list")...)
	keys = []string{"--keys", b.path("next.keys")}
	master := b.write("master", slices.Concat(next.MAC[:16], next.ENC[:16]))
	b.do(exitOK, "put key set 32\n", with("put-key", "--new-master", master, "--new-version", "32", "--replace", "31")...)
	keys = []string{"--master", master, "--key-version", "32"}
	b.do(exitFailed, "hint: the card's state does not allow it", with("delete", "F04D49444D444F43")...)
	b.do(exitOK, "deleted F04D49444D444F43", with("delete", "F04D49444D444F43", "--related")...)
	b.do(exitFailed, "hint: mobileid se list shows what is there", with("delete", firstInstance)...)
	b.do(exitOK, "SECURED", with("list", "--domain", "A000000151000000")...)
}

func version(k scp03.Keys, v byte) scp03.Keys {
	k.Version = v
	return k
}

func TestSERefuses(t *testing.T) {
	b := newBench(t)
	keys := b.path("card.keys")
	wrong := b.keys("wrong.keys", setest.Keys(t))
	published := b.write("published.keys", []byte("version 30\nenc 404142434445464748494a4b4c4d4e4f\nmac 404142434445464748494a4b4c4d4e4f\ndek 404142434445464748494a4b4c4d4e4f\n"))
	open := b.keys("open.keys", setest.Keys(t))
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	unversioned := setest.Keys(t)
	unversioned.Version = 0
	const secret = "c0ffee00c0ffee00c0ffee00c0ffee01"
	for name, tc := range map[string]struct {
		code int
		says string
		args []string
	}{
		"no keys":             {exitMisuse, "this needs keys", []string{"list"}},
		"two kinds of keys":   {exitMisuse, "exclude each other", []string{"list", "--keys", keys, "--master", keys}},
		"reader and model":    {exitMisuse, "exclude each other", []string{"info", "--reader", "x"}},
		"timeout":             {exitMisuse, "--timeout is not positive", []string{"info", "--timeout", "0s"}},
		"level":               {exitMisuse, "--level is not", []string{"list", "--level", "23", "--keys", keys}},
		"level in words":      {exitMisuse, "no byte in hex", []string{"list", "--level", "full", "--keys", keys}},
		"domain":              {exitMisuse, "is no AID", []string{"list", "--domain", "A0", "--keys", keys}},
		"no such domain":      {exitFailed, "hint: this is no GlobalPlatform card", []string{"list", "--domain", "F000000001", "--keys", keys}},
		"AID":                 {exitMisuse, "is no AID", []string{"delete", "xyz", "--keys", keys}},
		"no AID":              {exitMisuse, "an argument is missing", []string{"delete", "--keys", keys}},
		"lock nothing":        {exitMisuse, "name the AID", []string{"lock", "--keys", keys}},
		"unlock both":         {exitMisuse, "name the AID", []string{"unlock", "--card", firstInstance, "--keys", keys}},
		"key version":         {exitMisuse, "no byte in hex", []string{"delete-keys", "300", "--keys", keys}},
		"parameters":          {exitMisuse, "--parameters is not hex", []string{"install", "--file", firstInstance, "--module", firstInstance, "--instance", firstInstance, "--parameters", "x", "--keys", keys}},
		"privileges":          {exitMisuse, "--privileges is not one to three", []string{"install", "--file", firstInstance, "--module", firstInstance, "--instance", firstInstance, "--privileges", "80000000", "--keys", keys}},
		"module":              {exitMisuse, "is no AID", []string{"install", "--file", firstInstance, "--module", "x", "--instance", firstInstance, "--keys", keys}},
		"new keys":            {exitMisuse, "which keys to put", []string{"put-key", "--keys", keys}},
		"replace":             {exitMisuse, "no byte in hex", []string{"put-key", "--keys", keys, "--new", wrong, "--replace", "x"}},
		"new without version": {exitFailed, "the new keys need a version", []string{"put-key", "--keys", keys, "--new", b.keys("unversioned.keys", unversioned)}},
		"new published":       {exitFailed, "hint: published and patterned keys", []string{"put-key", "--keys", keys, "--new", published}},
		"published":           {exitFailed, "hint: published and patterned keys", []string{"list", "--keys", published}},
		"zero master":         {exitFailed, "hint: published and patterned keys", []string{"list", "--master", b.write("zero", make([]byte, 32))}},
		"short master":        {exitFailed, "master key of 5 bytes", []string{"list", "--master", b.write("short", []byte("12345"))}},
		"wrong master":        {exitFailed, "hint: these are not the keys of this card", []string{"list", "--master", b.write("wrong", unversioned.ENC)}},
		"wrong keys":          {exitFailed, "hint: these are not the keys of this card", []string{"list", "--keys", wrong}},
		"open file":           {exitFailed, "hint: chmod 600 the file", []string{"list", "--keys", open}},
		"no file":             {exitFailed, "no such file", []string{"list", "--keys", b.path("none")}},
		"no master file":      {exitFailed, "no such file", []string{"list", "--master", b.path("none")}},
		"two encs":            {exitFailed, "line 2: want", []string{"list", "--keys", b.write("two", []byte("enc "+secret+"\nenc "+secret+"\n"))}},
		"no hex":              {exitFailed, "line 1: want", []string{"list", "--keys", b.write("nohex", []byte("enc "+secret+"zz\n"))}},
		"too few":             {exitFailed, "key set unusable", []string{"list", "--keys", b.write("few", []byte("enc "+secret+"\n"))}},
		"no load file":        {exitFailed, "no such file", []string{"load", b.path("none"), "--keys", keys}},
		"odd load file":       {exitFailed, "parsing CAP file", []string{"load", keys, "--keys", keys}},
		"key as argument":     {exitMisuse, "a key is never an argument", []string{"list", secret}},
		"key as a flag":       {exitMisuse, "", []string{"list", "-" + secret}},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			args := append(append([]string{"se"}, tc.args...), "--model", b.element.Path)
			code := run(t.Context(), args, strings.NewReader(""), &stdout, &stderr)
			if code != tc.code || !strings.Contains(stderr.String(), tc.says) || strings.Contains(stderr.String(), secret) {
				t.Errorf("code %d: %s", code, stderr.String())
			}
		})
	}
	b.run(exitFailed, "opening the model", "info", "--model", keys)
	b.run(exitOK, "Available Commands", "--help")
	b.run(exitMisuse, "unknown command for mobileid se", "fly")
}

// An element with published keys is not opened from its file (E3).
func TestE3SEModel(t *testing.T) {
	b := newBench(t)
	b.element.Factory.Keys, b.element.Factory.TestKeys = scp03.Keys{}, scp03.TestKeys()
	b.element.Again(t)
	b.do(exitFailed, "hint: an element with published keys is for other people's tools", "info")
}

// After ten failures the key set is blocked; the words say that nothing more will help.
func TestSEBlocked(t *testing.T) {
	b := newBench(t)
	s, err := se.Open(b.element.Path, se.Config{Applets: []se.Kind{applet.Kind()}})
	if err != nil {
		t.Fatal(err)
	}
	for range scp03.MaxFailures {
		for _, c := range [][]byte{mdoctest.Hex(t, "8050300008000102030405060700"), mdoctest.Hex(t, "8482330010000102030405060708090a0b0c0d0e0f")} {
			if _, err := s.Transmit(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	b.do(exitFailed, "hint: nothing opens this key set again", "list", "--keys", b.path("card.keys"))
}

type inReader struct{ *se.SE }

func (r inReader) Unpower()  { r.Reset() }
func (inReader) ATR() []byte { return []byte{0x3B, 0x80, 0x81, 0x01, 0x00} }

var _ vpcd.Card = inReader{}

// The same commands through pcscd.
func TestSEThroughPCSC(t *testing.T) {
	b, d := newBench(t), pcsctest.Run(t)
	t.Setenv("PCSCLITE_CSOCK_NAME", d.Socket)
	b.run(exitFailed, "no card came within 500ms", "info", "--timeout", "500ms")
	s, err := se.Open(b.element.Path, se.Config{Applets: []se.Kind{applet.Kind()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	stay, err := d.Insert(t.Context(), inReader{s})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stay.Remove(t.Context()) })
	b.run(exitOK, "SCP03 i=70", "info")
	b.run(exitOK, "SECURED", "list", "--keys", b.path("card.keys"), "--reader", d.Reader)
	b.run(exitFailed, "", "list", "--keys", b.path("card.keys"), "--reader", "none")
	b.run(exitFailed, "hint: another program has the file open", "info", "--model", b.element.Path)
}
