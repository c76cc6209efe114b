package main

import (
	"bufio"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mobileid/issuer/keys"
	"mobileid/mdoc/holder"
	"mobileid/mdoc/pki"
)

// TestAPhoneOfItsOwn is the whole story through the command line: made, provisioned, accepted, handed over, refused,
// emptied.
func TestAPhoneOfItsOwn(t *testing.T) {
	w := newTown(t)
	state := w.path("phone.se")
	w.expect(exitOK, []string{"MODEL", "secure element"}, "", "new", "--state", state, "--authority", w.dir)

	provision := []string{"provision", "--state", state, "--issuer", w.issuerURL, "--tsm", w.tsmURL, "--person", "birthday", "--authority", w.dir}
	w.expect(exitOK, []string{"state active", "APDUs", "PIN of slot 1 is set"}, testPIN+"\n", append(provision, "--slot", "1", "--pin-file", "-")...)
	w.expect(exitOK, []string{"state active"}, "", append(provision, "--slot", "2", "--purpose", "mac", "--pin-file", w.path("pin"))...)

	h := w.holds(state)
	if len(h.Slots) != 2 || h.Slots[0].Purpose != "sign" || h.Slots[1].Purpose != "mac" {
		t.Fatalf("the element holds %+v", h)
	}
	for _, s := range h.Slots {
		if s.State != "committed" || !s.PINSet || s.TriesLeft != 3 || s.Bytes == 0 || s.KeyUses != 0 {
			t.Errorf("a fresh slot is %+v", s)
		}
	}
	w.expect(exitOK, []string{h.SEID, "2 credential slots", "committed"}, "", "slots", "--state", state)

	present := []string{"present", "--state", state, "--till", w.tillURL, "--till-token-file", w.path("verifier/token")}
	file := append(slices.Clone(present), "--authority", w.dir, "--pin-file", w.path("pin"))
	stdin := append(slices.Clone(present), "--authority", w.dir, "--pin-file", "-")
	accepted := []string{"▀", "TEST reader 1 asks for", "age_over_20", "decision: accepted", "pass "}
	w.expect(exitOK, accepted, "", append(file, "--slot", "1", "--yes")...)
	w.expect(exitOK, accepted, "", append(file, "--slot", "2", "--yes")...)
	w.expect(exitOK, append(accepted, "[y/N]"), testPIN+"\ny\n", append(stdin, "--slot", "1")...)

	t.Run("no consent", func(t *testing.T) {
		for name, input := range map[string]string{"no": "n\n", "silence": "", "another word": "yea\n"} {
			t.Run(name, func(t *testing.T) {
				s := w.expect(exitFailed, []string{"not agreed", "the till did not accept"}, input, append(file, "--slot", "1")...)
				if strings.Contains(s.out, "decision: accepted") {
					t.Error("accepted without consent")
				}
			})
		}
	})
	t.Run("unknown reader", func(t *testing.T) {
		other := filepath.Join(t.TempDir(), "keys")
		check(t, must(keys.NewTestAuthority(keys.Ceremony{}))(t).Save(other))
		args := append(slices.Clone(present), "--reader-roots", filepath.Join(other, "reader-root.pem"), "--pin-file", w.path("pin"), "--slot", "1", "--yes")
		s := w.expect(exitFailed, []string{"NOT authenticated", "--yes is for authenticated readers only"}, "", args...)
		if strings.Contains(s.out, "TEST reader 1") {
			t.Error("an unproved name is shown")
		}
	})
	t.Run("reader's revocation", func(t *testing.T) {
		authority := must(keys.OpenAuthority(w.path("keys"), keys.Ceremony{}))(t)
		reader := must(x509.ParseCertificate(authority.Reader.Chain[0]))(t)
		revoked := must(authority.ReaderRoot.RenewCRL(time.Now(), pki.Revocation{Serial: reader.SerialNumber, Date: time.Now()}))(t)
		check(t, os.WriteFile(w.path("revoked.crl"), revoked, 0o600))
		args := append(slices.Clone(present), "--reader-roots", w.path("keys/reader-root.pem"), "--pin-file", w.path("pin"), "--slot", "1", "--yes")
		good := append(slices.Clone(args), "--reader-crl", w.path("keys/reader-root.crl"))
		w.expect(exitOK, []string{"TEST reader 1", "decision: accepted"}, "", good...)
		for name, more := range map[string][]string{"revoked": {"--reader-crl", w.path("revoked.crl")}, "not known": nil} {
			if s := w.expect(exitFailed, []string{"NOT authenticated"}, "", append(slices.Clone(args), more...)...); strings.Contains(s.out, "TEST reader 1") {
				t.Errorf("%s: the name is shown", name)
			}
		}
		w.expect(exitFailed, []string{"revocation list"}, "", append(slices.Clone(args), "--reader-crl", w.path("pin"))...)
	})
	t.Run("wrong PIN", func(t *testing.T) {
		s := w.expect(exitFailed, []string{"PIN"}, "0000\ny\n", append(stdin, "--slot", "1")...)
		if strings.Contains(s.out, "▀") {
			t.Error("a QR code is shown before the PIN was right")
		}
		if now := w.holds(state); now.Slots[0].TriesLeft != 2 {
			t.Errorf("%d tries left, want 2", now.Slots[0].TriesLeft)
		}
		w.expect(exitFailed, []string{"slot 1 is in use"}, "0000\n", append(provision, "--slot", "1", "--pin-file", "-")...)
	})
	t.Run("wrong token", func(t *testing.T) {
		w.write("wrong", []byte(token()))
		args := []string{"present", "--state", state, "--till", w.tillURL, "--till-token-file", w.path("wrong"), "--authority", w.dir, "--pin-file", w.path("pin"), "--slot", "1", "--yes"}
		w.expect(exitFailed, []string{"the till refuses: unauthorized"}, "", args...)
	})

	w.handOver(h.SEID)
	check(t, w.fetch.Fetch(t.Context(), w.statusURI()))
	for _, slot := range []string{"1", "2"} {
		w.expect(exitFailed, []string{"decision: refused", "revoked"}, "", append(file, "--slot", slot, "--yes")...)
	}
	w.expect(exitOK, []string{"credential slots in use: 0"}, "", "contact", "--state", state, "--tsm", w.tsmURL)
	empty := w.holds(state)
	if empty.SEID != h.SEID || empty.Slots == nil || len(empty.Slots) != 0 {
		t.Errorf("after the wipe the element holds %+v", empty)
	}
	w.expect(exitFailed, []string{"empty"}, "", append(file, "--slot", "1", "--yes")...)
}

func TestARenewalKeepsThePIN(t *testing.T) {
	w := newTown(t)
	state := w.path("phone.se")
	w.expect(exitOK, nil, "", "new", "--state", state, "--authority", w.dir)
	provision := []string{"provision", "--state", state, "--issuer", w.issuerURL, "--tsm", w.tsmURL, "--person", "birthday", "--authority", w.dir,
		"--slot", "3", "--pin-file", w.path("pin")}
	w.expect(exitOK, []string{"is set"}, "", provision...)
	w.expect(exitOK, []string{"state active", "stays as it was"}, "", provision...)
	w.expect(exitOK, []string{"decision: accepted"}, "", "present", "--state", state, "--till", w.tillURL, "--till-token-file",
		w.path("verifier/token"), "--authority", w.dir, "--pin-file", w.path("pin"), "--slot", "3", "--yes")
}

func TestNewRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		spoil func(w *town, state string)
		text  string
	}{
		"weak master key":     {func(w *town, _ string) { w.write("tsm/master.key", []byte(strings.Repeat("0123", 8))) }, "patterned"},
		"master key for all":  {func(w *town, _ string) { check(w.t, os.Chmod(w.path("tsm/master.key"), 0o644)) }, "owner only"},
		"root's key gone":     {func(w *town, _ string) { check(w.t, os.Remove(w.path("keys/offline/se-root.key"))) }, "offline"},
		"no folder":           {func(w *town, _ string) { check(w.t, os.RemoveAll(w.path("keys"))) }, "hint: mobileid pki new"},
		"a file of that name": {func(w *town, state string) { check(w.t, os.WriteFile(state, []byte("x"), 0o600)) }, "hint: a secure element is made once"},
		"a key of another root": {func(w *town, _ string) {
			check(w.t, os.Rename(w.path("keys/offline/iaca.key"), w.path("keys/offline/se-root.key")))
		}, "opening authority"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newFolder(t)
			state := w.path("phone.se")
			tc.spoil(w, state)
			w.expect(exitFailed, []string{"mobileid-wallet: error: ", tc.text}, "", "new", "--state", state, "--authority", w.dir)
			if raw, err := os.ReadFile(state); err == nil && string(raw) != "x" {
				t.Error("a state file was written")
			}
		})
	}
}

// interrupted is a terminal at which the user presses Ctrl-C and nothing else.
type interrupted struct {
	cancel context.CancelFunc
	over   <-chan struct{}
}

func (i interrupted) Read([]byte) (int, error) {
	i.cancel()
	<-i.over
	return 0, io.EOF
}

// TestAPromptEndsWithTheContext: whoever interrupts the command at the prompt is not kept waiting, and has not agreed.
func TestAPromptEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	defer close(over)
	w := &wallet{in: bufio.NewReader(interrupted{cancel, over}), out: io.Discard}
	agreed, err := w.consent(false)(ctx, holder.Proposal{Elements: []holder.Element{{Identifier: "age_over_20"}}})
	if len(agreed) != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("an interrupted prompt agrees to %v, error %v", agreed, err)
	}
	if _, err := w.line(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a read after it gives %v", err)
	}
}

func TestElementsDiffer(t *testing.T) {
	w := newFolder(t)
	ids := make(map[string]bool)
	for _, name := range []string{"a.se", "b.se"} {
		w.expect(exitOK, nil, "", "new", "--state", w.path(name), "--authority", w.dir)
		ids[w.holds(w.path(name)).SEID] = true
		if info := must(os.Stat(w.path(name)))(t); info.Mode().Perm() != 0o600 {
			t.Errorf("the state file has mode %04o", info.Mode().Perm())
		}
	}
	if len(ids) != 2 {
		t.Errorf("two elements have the ids %v", ids)
	}
}

func TestCommandLine(t *testing.T) {
	w := newFolder(t)
	state := w.path("phone.se")
	w.expect(exitOK, nil, "", "new", "--state", state, "--authority", w.dir)
	w.write("letters", []byte("12ab\n"))
	w.write("open", []byte("1234\n"))
	check(t, os.Chmod(w.path("open"), 0o644))
	provision := func(change ...string) []string {
		return append([]string{"provision", "--state", state, "--issuer", "http://127.0.0.1:1", "--tsm", "http://127.0.0.1:1", "--person", "birthday",
			"--authority", w.dir, "--slot", "1", "--pin-file", w.path("pin")}, change...)
	}
	present := func(change ...string) []string {
		return append([]string{"present", "--state", state, "--till", "http://127.0.0.1:1", "--till-token-file", w.path("verifier/token"),
			"--slot", "1", "--pin-file", w.path("pin")}, change...)
	}
	for name, tc := range map[string]struct {
		args []string
		code int
		text string
	}{
		"unknown command":     {[]string{"sing"}, exitMisuse, "hint: mobileid-wallet --help"},
		"unknown flag":        {[]string{"slots", "--pin", "1234"}, exitMisuse, "hint: mobileid-wallet --help"},
		"an argument":         {[]string{"slots", "--state", state, "x"}, exitMisuse, "one argument too many"},
		"missing flag":        {[]string{"slots"}, exitMisuse, "required flag"},
		"slot 0":              {provision("--slot", "0"), exitMisuse, "--slot is not 1 to 15"},
		"slot 16":             {provision("--slot", "16"), exitMisuse, "--slot is not 1 to 15"},
		"stranger":            {provision("--person", "nobody"), exitMisuse, "--person is none of"},
		"purpose":             {provision("--purpose", "both"), exitMisuse, "--purpose"},
		"issuer's address":    {provision("--issuer", "ftp://issuer.example"), exitMisuse, "--issuer is not"},
		"user in the address": {provision("--tsm", "http://a:b@tsm.example"), exitMisuse, "--tsm is not"},
		"PIN of letters":      {provision("--pin-file", w.path("letters")), exitFailed, "4 to 12 digits"},
		"PIN for all to read": {provision("--pin-file", w.path("open")), exitFailed, "hint: chmod 600"},
		"no PIN on stdin":     {provision("--pin-file", "-"), exitFailed, "reading the PIN"},
		"no card authority":   {provision(), exitFailed, "hint: mobileid pki new"},
		"no reader roots":     {present(), exitMisuse, "at least one of the flags"},
		"two reader roots":    {present("--authority", w.dir, "--reader-roots", "x"), exitMisuse, "none of the others"},
		"empty slot":          {present("--authority", w.dir), exitFailed, "empty"},
		"no element":          {[]string{"slots", "--state", w.path("none")}, exitFailed, "hint: mobileid-wallet new"},
		"not an element":      {[]string{"slots", "--state", w.path("pin")}, exitFailed, "switching the secure element on"},
		"no TSM":              {[]string{"contact", "--state", state, "--tsm", "http://127.0.0.1:1"}, exitFailed, "TSM"},
		"help":                {[]string{"present", "--help"}, exitOK, "Examples:"},
	} {
		t.Run(name, func(t *testing.T) { w.expect(tc.code, []string{tc.text}, "", tc.args...) })
	}
}
