package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/apdu/pcsc"
	"mobileid/mdoc/apdu/pcsctest"
	"mobileid/tsm"
	"mobileid/tsm/gp"
	"mobileid/tsm/gp/manager"
	"mobileid/tsm/scp03"
)

// shown runs `mobileid-wallet se` into a daemon's reader until end is called.
func shown(t *testing.T, d *pcsctest.Daemon, args ...string) (end func() (code int, out string)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var stdout, stderr bytes.Buffer
	done := make(chan int, 1)
	running, over := context.WithCancel(t.Context())
	go func() {
		defer over()
		done <- run(ctx, append([]string{"se", "--vpcd", d.Address, "--retry", "50ms"}, args...), strings.NewReader(""), &stdout, &stderr)
	}()
	end = sync.OnceValues(func() (int, string) { cancel(); return <-done, stdout.String() + stderr.String() })
	t.Cleanup(func() { end() })
	if _, err := d.Client().WaitCard(running, d.Reader); err != nil {
		_, out := end()
		t.Fatal(err, out)
	}
	return end
}

// emptied waits until the reader is empty.
func emptied(t *testing.T, d *pcsctest.Daemon) {
	t.Helper()
	readers, err := d.Client().Readers(t.Context())
	for err == nil && readers[0].HasCard() {
		readers, err = d.Client().Wait(t.Context(), readers)
	}
	check(t, err)
}

// withCard connects for the time of do.
func withCard(t *testing.T, d *pcsctest.Daemon, do func(k *pcsc.Card)) {
	t.Helper()
	k, err := d.Client().Connect(t.Context(), d.Reader, pcsc.ConnectOptions{})
	check(t, err)
	defer k.Close() //nolint:errcheck // the card may be gone
	do(k)
}

// cardKeys are the keys of an ordinary element, from the authority's master key.
func cardKeys(t *testing.T, dir authority, element string) scp03.Keys {
	t.Helper()
	master := must(tsm.OpenMasterKey(must(dir.masterKey())(t), keyVersion))(t)
	id := must(hex.DecodeString(element))(t)
	return must(master.Derive(t.Context(), id, keyVersion))(t)
}

// Our host meets our element through pcscd and the virtual reader: it selects, authenticates at level 33, lists, and what it
// installs is there after the element was taken out and shown again.
func TestElementInReader(t *testing.T) {
	t.Parallel()
	w, d := newFolder(t), pcsctest.Run(t)
	state := w.path("phone.se")
	w.expect(exitOK, nil, "", "new", "--state", state, "--authority", w.dir)
	h := w.holds(state)
	keys := manager.Static(cardKeys(t, authority(w.dir), h.SEID))
	list := func() (r manager.Registry) {
		t.Helper()
		withCard(t, d, func(k *pcsc.Card) {
			s, err := manager.Connect(t.Context(), k, keys, manager.Options{})
			check(t, err)
			defer s.Close()
			r, err = s.List(t.Context())
			check(t, err)
			var files []gp.AID
			for _, e := range r.LoadFiles {
				files = append(files, e.AID)
			}
			slices.Sort(files)
			if builtIn := []gp.AID{"\xA0\x00\x00\x01\x51\x53\x50", gp.PhoneLoadFile, gp.LoadFile}; r.Domain == nil || r.Domain.AID != gp.ISD || !slices.Equal(files, builtIn) {
				t.Errorf("listed %+v", r)
			}
			if len(r.Applications) == 0 {
				_, err = s.Install(t.Context(), gp.Install{LoadFile: gp.LoadFile, Module: gp.Module, Instance: gp.Instance(3)})
				check(t, err)
			}
		})
		return r
	}
	end := shown(t, d, "--state", state)
	withCard(t, d, func(k *pcsc.Card) {
		i, err := manager.Look(t.Context(), k)
		if err != nil || fmt.Sprintf("%x", i.KDD) != h.SEID || i.Recognition == nil || len(i.Keys) != 3 || len(i.Unread) != 0 {
			t.Errorf("%+v, %v", i, err)
		}
	})
	if r := list(); len(r.Applications) != 0 {
		t.Errorf("a new element lists %+v", r.Applications)
	}
	w.expect(exitFailed, []string{"hint: another mobileid-wallet has the state file open"}, "", "slots", "--state", state)
	if code, out := end(); code != exitOK || !strings.Contains(out, h.SEID) || !strings.Contains(out, "card is in the reader") {
		t.Errorf("code %d: %s", code, out)
	}
	emptied(t, d)
	end = shown(t, d, "--state", state)
	if r := list(); len(r.Applications) != 1 || r.Applications[0].AID != gp.Instance(3) {
		t.Errorf("after the restart: %+v", r.Applications)
	}
	end()
	emptied(t, d)
}

// The reader is pulled at each command of a listing: a clear error within the time allowed, and the next session opens.
func TestReaderPulled(t *testing.T) {
	t.Parallel()
	w, d := newFolder(t), pcsctest.Run(t)
	state := w.path("phone.se")
	w.expect(exitOK, nil, "", "new", "--state", state, "--authority", w.dir)
	h := w.holds(state)
	keys := cardKeys(t, authority(w.dir), h.SEID)
	pulled := 0
	for at := 1; ; at++ {
		end := shown(t, d, "--state", state)
		n := 0
		var err error
		withCard(t, d, func(k *pcsc.Card) {
			tap := beforeEach{k, func() {
				if n++; n == at {
					end()
					emptied(t, d)
					pulled++
				}
			}}
			var s *manager.Session
			if s, err = manager.Connect(t.Context(), tap, manager.Static(keys), manager.Options{}); err == nil {
				_, err = s.List(t.Context())
			}
		})
		end()
		emptied(t, d)
		if n < at {
			check(t, err)
			break
		}
		if !gone(err) {
			t.Errorf("pulled before command %d: %v", at, err)
		}
	}
	if pulled < 6 {
		t.Errorf("pulled %d times", pulled)
	}
	t.Logf("reader pulled before each of %d commands: an error that names the reader each time, and the next session opens", pulled)
}

func gone(err error) bool {
	return errors.Is(err, pcsc.ErrNoResponse) || errors.Is(err, pcsc.RemovedCard) || errors.Is(err, pcsc.NotTransacted) || errors.Is(err, pcsc.ResetCard)
}

// beforeEach does something before each command.
type beforeEach struct {
	apdu.Transmitter
	do func()
}

func (b beforeEach) Transmit(ctx context.Context, c []byte) ([]byte, error) {
	b.do()
	return b.Transmitter.Transmit(ctx, c)
}

// Other people's programs meet an element with the published keys.
func TestOtherHosts(t *testing.T) {
	t.Parallel()
	w, d := newFolder(t), pcsctest.Run(t)
	state := w.path("bench.se")
	end := shown(t, d, "--state", state, "--test-keys")
	t.Run("opensc-tool", func(t *testing.T) { throughOpenSC(t, d) })
	t.Run("SCP03 in Python", func(t *testing.T) { throughPython(t, d, 1) })
	code, out := end()
	if code != exitOK || !strings.Contains(out, "MODEL") || !strings.Contains(out, "TEST KEYS") {
		t.Errorf("code %d: %s", code, out)
	}
	emptied(t, d)
	// The file is the element: its counter goes on.
	end = shown(t, d, "--state", state, "--test-keys")
	t.Run("SCP03 in Python after a restart", func(t *testing.T) { throughPython(t, d, 7) })
	if code, out := end(); code != exitOK || strings.Contains(out, "MODEL") {
		t.Errorf("code %d: %s", code, out)
	}
}

func throughOpenSC(t *testing.T, d *pcsctest.Daemon) {
	tool, err := pcsctest.Tool("opensc-tool", "opensc")
	check(t, err)
	args := []string{"--reader", d.Reader}
	for _, c := range []string{"00A4040000", "80CA006600", "80CA9F7F00", "80CA00C100", "80F28002024F00"} {
		args = append(args, "--send-apdu", c)
	}
	cmd := exec.CommandContext(t.Context(), tool, args...)
	cmd.Env = d.Environment()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	// It prints 16 bytes a line, hex and text.
	for _, want := range []string{
		"6F 10 84 08 A0 00 00 01 51 00 00 00 A5 04 9F 65", // FCI
		"66 ", "9F 7F 2A ", "C1 03 00 00 00",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in %s", want, out)
		}
	}
	if n := strings.Count(string(out), "SW1=0x90, SW2=0x00"); n != 4 {
		t.Errorf("%d commands answered 9000: %s", n, out)
	}
	if !strings.Contains(string(out), "SW1=0x69, SW2=0x82") {
		t.Errorf("GET STATUS without a session: %s", out)
	}
}

type pythonLevel struct {
	ISD          []map[string]string
	Applications []map[string]string
	Files        []map[string]string
	Sequence     int
}

// throughPython runs a host that shares no code with ours at every level.
func throughPython(t *testing.T, d *pcsctest.Daemon, sequence int) {
	tool, err := pcsctest.Tool("/usr/bin/python3", "python3-pyscard python3-cryptography")
	check(t, err)
	cmd := exec.CommandContext(t.Context(), tool, "-I", filepath.Join("testdata", "scp03_host.py"), d.Reader)
	cmd.Env = d.Environment()
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s (Debian: python3-pyscard, python3-cryptography)", err, stderr.String())
	}
	var got struct {
		ATR, FCI, KDD  string
		Flipped, After string
		Levels         map[string]pythonLevel
	}
	check(t, json.Unmarshal(out.Bytes(), &got))
	if got.ATR != hex.EncodeToString(inReader{}.ATR()) || !strings.HasPrefix(got.FCI, "6f108408a000000151000000a5049f6501") || len(got.KDD) != 20 {
		t.Errorf("ATR %s, FCI %s, KDD %s", got.ATR, got.FCI, got.KDD)
	}
	if got.Flipped != "6982" || got.After != "6982" {
		t.Errorf("a changed command %s, the next %s", got.Flipped, got.After)
	}
	levels := []string{"01", "03", "11", "13", "33"}
	if len(got.Levels) != len(levels) {
		t.Errorf("%d levels", len(got.Levels))
	}
	for i, level := range levels {
		l := got.Levels[level]
		if len(l.ISD) != 1 || l.ISD[0]["4f"] != "a000000151000000" || l.ISD[0]["9f70"] != "0f" || len(l.ISD[0]["c5"]) != 6 || len(l.Applications) != 0 ||
			!slices.ContainsFunc(l.Files, func(e map[string]string) bool { return e["4f"] == hex.EncodeToString([]byte(gp.LoadFile)) }) || l.Sequence != sequence+i {
			t.Errorf("level %s: %+v, want sequence %d", level, l, sequence+i)
		}
	}
}

// Published keys stay on the bench (E3): in no ordinary file, and their file in nothing else.
func TestE3TestKeysStayOnTheBench(t *testing.T) {
	t.Parallel()
	w, d := newTown(t), pcsctest.Run(t)
	ordinary, bench := w.path("phone.se"), w.path("bench.se")
	w.expect(exitOK, nil, "", "new", "--state", ordinary, "--authority", w.dir)
	before := must(os.ReadFile(ordinary))(t)
	shown(t, d, "--state", bench, "--test-keys")()
	w.write("jpki.pin", []byte("1234\n"))
	w.write("jpki.password", []byte("PASSWORD1\n"))
	services := []string{"--issuer", w.issuerURL, "--tsm", w.tsmURL}
	slot := []string{"--slot", "1", "--pin-file", w.path("pin")}
	applicant := []string{"--person", "birthday", "--authority", w.dir}
	secrets := []string{"--pin-file", w.path("jpki.pin"), "--password-file", w.path("jpki.password")}
	commands := map[string][]string{
		"provision":   slices.Concat(services, applicant, slot),
		"join":        slices.Concat(services, slot, []string{"--invitation-file", w.path("pin")}),
		"slots":       nil,
		"contact":     {"--tsm", "http://127.0.0.1:1"},
		"present":     slices.Concat([]string{"--till", "http://127.0.0.1:1", "--till-token-file", w.path("verifier/token"), "--authority", w.dir}, slot),
		"pin change":  slot,
		"jpki apply":  slices.Concat(services, applicant, secrets),
		"jpki show":   nil,
		"jpki sign":   slices.Concat(secrets, []string{"--in", w.path("pin"), "--out", w.path("signed")}),
		"jpki revoke": slices.Concat(services, []string{"--password-file", w.path("jpki.password")}),
		"se":          {"--vpcd", d.Address},
	}
	refused := 0
	for name, args := range commands {
		t.Run(name, func(t *testing.T) {
			w.expect(exitFailed, []string{"element made with published test keys", "hint: an element with published keys holds nothing"}, "",
				append(append(strings.Fields(name), "--state", bench), args...)...)
			refused++
		})
	}
	if refused != 11 {
		t.Errorf("refused by %d commands", refused)
	}
	w.expect(exitFailed, []string{"element not made with test keys", "hint: published keys go into a new element only"}, "", "se", "--state", ordinary, "--vpcd", d.Address, "--test-keys")
	w.expect(exitFailed, []string{"exists"}, "", "new", "--state", bench, "--authority", w.dir)
	if after := must(os.ReadFile(ordinary))(t); !bytes.Equal(before, after) {
		t.Error("the ordinary element changed")
	}
	t.Logf("E3: an element with published keys was refused by %d commands", refused)
}

func TestShowRefuses(t *testing.T) {
	w := newFolder(t)
	for name, tc := range map[string]struct {
		args []string
		code int
		text string
	}{
		"no file":         {[]string{"--state", w.path("none"), "--vpcd", "127.0.0.1:1"}, exitFailed, "hint: mobileid-wallet new"},
		"not an element":  {[]string{"--state", w.path("pin"), "--vpcd", "127.0.0.1:1"}, exitFailed, "switching the secure element on"},
		"another machine": {[]string{"--state", w.path("none"), "--vpcd", "192.0.2.1:35963"}, exitMisuse, "not this machine"},
		"no port":         {[]string{"--state", w.path("none"), "--vpcd", "localhost"}, exitMisuse, "HOST:PORT"},
		"retry":           {[]string{"--state", w.path("none"), "--vpcd", "127.0.0.1:1", "--retry", "0s"}, exitMisuse, "not positive"},
		"no folder":       {[]string{"--state", w.path("none/bench.se"), "--vpcd", "127.0.0.1:1", "--test-keys"}, exitFailed, "no such file"},
		"no state":        {[]string{"--vpcd", "127.0.0.1:1"}, exitMisuse, "required flag"},
	} {
		t.Run(name, func(t *testing.T) { w.expect(tc.code, []string{tc.text}, "", append([]string{"se"}, tc.args...)...) })
	}
}
