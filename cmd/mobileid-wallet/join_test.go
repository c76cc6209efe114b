package main

import (
	"context"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"mobileid/issuer"
	"mobileid/issuer/card"
	"mobileid/issuer/card/cardsim"
	"mobileid/issuer/counter"
	"mobileid/mdoc/cbor"
)

// clerk plays the counter against the issuer's doors.
type clerk struct {
	*town
	issuer  *counter.Client
	session counter.Session
}

func (w *town) clerk() *clerk {
	w.t.Helper()
	c := &clerk{town: w, issuer: must(counter.NewClient(counter.ClientConfig{BaseURL: w.issuerURL, Token: w.operator}))(w.t)}
	c.session = must(c.issuer.Open(w.t.Context()))(w.t)
	return c
}

// serve reads the code off the phone, types it, taps the card and sends the evidence.
func (c *clerk) serve(ctx context.Context, screen io.Reader, id string) error {
	code, err := readCode(screen)
	if err != nil {
		return err
	}
	grant, err := c.issuer.Confirm(ctx, c.session, code)
	if err != nil {
		return err
	}
	person, _ := cardsim.PersonByID(id, time.Now())
	chip, err := cardsim.New(person, c.cards, cardsim.Options{})
	if err != nil {
		return err
	}
	reading, err := card.Read(ctx, chip, person.Secrets(), card.Options{Challenge: grant.Challenge, Binding: grant.SEID})
	if err != nil {
		return err
	}
	raw, err := reading.Bytes()
	if err != nil {
		return err
	}
	body, err := cbor.Marshal(issuer.Evidence{Reading: raw, SEID: grant.SEID, Slot: grant.Slot, Purpose: grant.Purpose})
	if err != nil {
		return err
	}
	return c.issuer.Submit(ctx, c.session, body)
}

func readCode(screen io.Reader) (string, error) {
	var said strings.Builder
	one := make([]byte, 256)
	for {
		n, err := screen.Read(one)
		said.Write(one[:n])
		if m := regexp.MustCompile(`nobody else: ([0-9]{6})`).FindStringSubmatch(said.String()); m != nil {
			return m[1], nil
		}
		if err != nil {
			return "", errors.New("the phone shows no code: " + said.String())
		}
	}
}

// visit runs mobileid-wallet join beside the clerk and gives its exit code and what it said.
func (c *clerk) visit(person string, args ...string) (code int, out string) {
	c.t.Helper()
	read, written := io.Pipe()
	var screen strings.Builder
	ended := make(chan int, 1)
	go func() {
		ended <- run(c.t.Context(), args, strings.NewReader(c.session.Invitation+"\n"), written, written)
		_ = written.Close()
	}()
	teed := io.TeeReader(read, &screen)
	if err := c.serve(c.t.Context(), teed, person); err != nil {
		c.t.Error(err)
	}
	_, _ = io.Copy(io.Discard, teed)
	return <-ended, screen.String()
}

// TestJoinACounter has a phone join the visit of its holder: provisioned, shown to a till, renewed.
func TestJoinACounter(t *testing.T) {
	w := newTown(t)
	state := w.path("phone.se")
	w.expect(exitOK, nil, "", "new", "--state", state, "--authority", w.dir)
	join := []string{"join", "--state", state, "--issuer", w.issuerURL, "--tsm", w.tsmURL, "--slot", "1", "--pin-file", w.path("pin"), "--invitation-file", "-"}
	first := w.clerk()
	if code, out := first.visit("birthday", join...); code != exitOK || !strings.Contains(out, "state active") || !strings.Contains(out, "PIN of slot 1 is set") {
		t.Fatalf("exit %d: %s", code, out)
	}
	w.expect(exitOK, []string{"decision: accepted"}, "", "present", "--state", state, "--till", w.tillURL, "--till-token-file",
		w.path("verifier/token"), "--authority", w.dir, "--pin-file", w.path("pin"), "--slot", "1", "--yes")
	if code, out := w.clerk().visit("birthday", join...); code != exitOK || !strings.Contains(out, "stays as it was") {
		t.Errorf("renewal: exit %d: %s", code, out)
	}
	t.Run("used invitation", func(t *testing.T) {
		w.expect(exitFailed, []string{"session_taken"}, first.session.Invitation+"\n", join...)
	})
	t.Run("closed visit", func(t *testing.T) {
		c := w.clerk()
		w.write("invitation", []byte(c.session.Invitation))
		check(t, c.issuer.Close(t.Context(), c.session))
		file := append(append([]string(nil), join[:len(join)-1]...), w.path("invitation"))
		w.expect(exitFailed, []string{"session_ended"}, "", file...)
	})
	t.Run("no invitation", func(t *testing.T) {
		w.expect(exitFailed, []string{"not an invitation"}, "https://evil.example/\n", join...)
		w.expect(exitFailed, []string{"invitation"}, "", append(append([]string(nil), join[:len(join)-1]...), w.path("none"))...)
		w.expect(exitFailed, []string{"invitation"}, "", join...)
	})
	t.Run("misuse", func(t *testing.T) {
		w.expect(exitMisuse, []string{"--purpose"}, "", append(append([]string(nil), join...), "--purpose", "other")...)
		w.expect(exitMisuse, []string{"--slot"}, "", append(append([]string(nil), join...), "--slot", "99")...)
		w.expect(exitMisuse, []string{"--issuer"}, "", append(append([]string(nil), join...), "--issuer", "x")...)
	})
	t.Run("wrong PIN of a slot in use", func(t *testing.T) {
		w.write("otherpin", []byte("000000000000\n"))
		w.expect(exitFailed, []string{"slot 1 is in use"}, w.clerk().session.Invitation+"\n", append(append([]string(nil), join...), "--pin-file", w.path("otherpin"))...)
	})
}
