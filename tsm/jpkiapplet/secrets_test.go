package jpkiapplet_test

import (
	"context"
	"errors"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/jpkiap"
	"mobileid/tsm/jpkiapplet"
	"mobileid/tsm/se"
	"mobileid/tsm/se/setest"
)

// secrets are the two, as the tests go through them.
func secrets() []guess {
	return []guess{
		{"PIN", "pin", jpkiap.AuthenticationPIN, jpkiap.AuthenticationCertificate, jpkiap.AuthenticationKey, testPIN, jpkiap.PINTries, "9999", "1357",
			func(i jpkiapplet.Info) uint64 { return i.PINTries }, (*jpkiapplet.Client).ChoosePIN},
		{"password", "password", jpkiap.SignaturePassword, jpkiap.SignatureCertificate, jpkiap.SignatureKey, testPassword, jpkiap.PasswordTries, "WRONG999", "OTHER13579",
			func(i jpkiapplet.Info) uint64 { return i.PasswordTries }, (*jpkiapplet.Client).ChoosePassword},
	}
}

type guess struct {
	name, object           string
	file, certificate, key uint16
	right                  string
	tries                  int
	wrong, other           string
	left                   func(jpkiapplet.Info) uint64
	choose                 func(c *jpkiapplet.Client, ctx context.Context, value string) error
}

// verify selects the application and verifies the secret.
func (g guess) verify(ctx context.Context, t apdu.Transmitter, value string) error {
	for _, c := range []apdu.Command{
		{INS: 0xA4, P1: 0x04, P2: 0x0C, Data: jpkiap.AID()},
		{INS: 0x20, P2: 0x80 | byte(g.file), Data: []byte(value)},
	} {
		r, err := apdu.Exchange(ctx, t, c)
		if err == nil {
			err = r.Err()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func TestSecrets(t *testing.T) {
	for _, g := range secrets() {
		t.Run(g.name, func(t *testing.T) {
			b := newBench(t)
			s, _ := provisioned(t, b)
			p := phone{t, s}
			p.app()
			p.verify(apdu.TriesLeft(g.tries-1), g.file, g.wrong)
			p.verify(apdu.TriesLeft(g.tries-2), g.file, g.right+"0")
			p.verify(apdu.OK, g.file, g.right)
			p.say(apdu.TriesLeft(g.tries), apdu.Command{INS: 0x20, P2: 0x80})
			for n := g.tries - 1; n >= 0; n-- {
				p.verify(apdu.TriesLeft(n), g.file, g.wrong)
			}
			p.say(apdu.NoTriesLeft, apdu.Command{INS: 0x20, P2: 0x80})
			p.verify(apdu.ReferenceUnusable, g.file, g.right)
			p.say(apdu.SecurityStatus, apdu.Command{INS: 0x24, P1: 1, P2: 0x80, Data: []byte(g.right)})
			s.Reset()
			p.app()
			p.verify(apdu.ReferenceUnusable, g.file, g.right)
			// The other secret is not touched.
			for _, other := range secrets() {
				if other.file != g.file {
					p.verify(apdu.OK, other.file, other.right)
				}
			}
		})
	}
}

// A guess longer than any password is wrong, also when it begins with the right one.
func TestLongGuess(t *testing.T) {
	b := newBench(t)
	s := b.On(t)
	if _, err := b.session(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	longest := "ABCDEFGH12345678"
	if err := jpkiapplet.NewClient(s).ChoosePassword(t.Context(), longest); err != nil {
		t.Fatal(err)
	}
	p := phone{t, s}
	p.app()
	p.verify(apdu.TriesLeft(4), jpkiap.SignaturePassword, longest+"9")
	p.verify(apdu.TriesLeft(3), jpkiap.SignaturePassword, longest[:15])
	p.verify(apdu.OK, jpkiap.SignaturePassword, longest)
}

// What was verified for the old keys opens nothing of the new ones, though the application stays selected.
func TestRenewalEndsVerification(t *testing.T) {
	b := newBench(t)
	s, _ := provisioned(t, b)
	ways := setest.OpenChannels(t, s)
	p := phone{t, s}
	p.app()
	p.verify(apdu.OK, jpkiap.AuthenticationPIN, testPIN)
	p.verify(apdu.OK, jpkiap.SignaturePassword, testPassword)
	if err := newJob(t, b).run(t.Context(), b, ways.Way(1)); err != nil {
		t.Fatal(err)
	}
	for _, g := range secrets() {
		p.whole(apdu.SecurityStatus, g.certificate)
		p.say(apdu.SecurityStatus, apdu.Command{CLA: 0x80, INS: 0x2A, P2: 0x80 | byte(g.key), Data: []byte{1}, Le: 256})
		p.say(apdu.SecurityStatus, apdu.Command{INS: 0x24, P1: 1, P2: 0x80 | byte(g.file), Data: []byte(g.other)})
	}
}

// A wrong value ends the security status that a right one gave.
func TestWrongValueCloses(t *testing.T) {
	b := newBench(t)
	s, _ := provisioned(t, b)
	p := phone{t, s}
	p.app()
	p.verify(apdu.OK, jpkiap.AuthenticationPIN, testPIN)
	p.verify(0x63C2, jpkiap.AuthenticationPIN, "0000")
	p.whole(apdu.SecurityStatus, jpkiap.AuthenticationCertificate)
}

// A renewal, which rests on the card, lets a blocked secret be chosen anew and leaves the other as it was.
func TestRenewalGivesABlockedSecretBack(t *testing.T) {
	b := newBench(t)
	s, j := provisioned(t, b)
	p := phone{t, s}
	p.app()
	for n := 2; n >= 0; n-- {
		p.verify(apdu.TriesLeft(n), jpkiap.AuthenticationPIN, "9999")
	}
	renewal := newJob(t, b)
	if err := renewal.run(t.Context(), b, s); err != nil {
		t.Fatal(err)
	}
	info, err := infoOf(t.Context(), s)
	if err != nil || info.PINSet || info.PINTries != 0 || !info.PasswordSet || info.PasswordTries != 5 || !info.Committed {
		t.Errorf("%+v: %v", info, err)
	}
	c := jpkiapplet.NewClient(s)
	if err := c.ChoosePassword(t.Context(), testPassword); !errors.Is(err, apdu.ErrSecurityStatus) {
		t.Errorf("a password that was not blocked: %v", err)
	}
	if err := c.ChoosePIN(t.Context(), "1357"); err != nil {
		t.Fatal(err)
	}
	p.app()
	p.verify(apdu.OK, jpkiap.AuthenticationPIN, "1357")
	if got := p.whole(apdu.OK, jpkiap.AuthenticationCertificate); string(got) != string(renewal.set.Authentication) || string(got) == string(j.set.Authentication) {
		t.Error("not the renewed certificate")
	}
}

// attempt is one VERIFY under power that goes at a point; answered tells whether the element said right or wrong.
func (b *bench) attempt(ctx context.Context, g guess, value string, tear func(int) bool) (answered bool, sw apdu.SW, points int, err error) {
	points, err = b.Powered(tear, func(s *se.SE) error {
		if _, err := apdu.Exchange(ctx, s, apdu.Command{INS: 0xA4, P1: 0x04, P2: 0x0C, Data: jpkiap.AID()}); err != nil {
			return err
		}
		r, err := apdu.Exchange(ctx, s, apdu.Command{INS: 0x20, P2: 0x80 | byte(g.file), Data: []byte(value)})
		sw = r.SW
		return err
	})
	_, counted := sw.Tries()
	return counted || sw == apdu.OK, sw, points, err
}

func (b *bench) triesLeft(tb testing.TB, g guess) (n int) {
	tb.Helper()
	if _, err := b.Powered(nil, func(s *se.SE) error {
		info, err := infoOf(tb.Context(), s)
		n = int(g.left(info)) //nolint:gosec // 0 to 5
		return err
	}); err != nil {
		tb.Fatal(err)
	}
	return n
}

// chosen is the state file of an element with certificates and secrets.
func chosen(tb testing.TB, b *bench) []byte {
	tb.Helper()
	if _, err := b.Powered(nil, func(s *se.SE) error {
		c := jpkiapplet.NewClient(s)
		return errors.Join(newJob(tb, b).run(tb.Context(), b, s), c.ChoosePIN(tb.Context(), testPIN), c.ChoosePassword(tb.Context(), testPassword))
	}); err != nil {
		tb.Fatal(err)
	}
	return b.Snapshot(tb)
}

// The power goes at every point of VERIFY: up to the first answer a right and a wrong guess look the same, and no cut gains a try.
func TestTornPhoneVerify(t *testing.T) {
	b := newBench(t)
	start := chosen(t, b)
	ctx := t.Context()
	cuts := 0
	for _, g := range secrets() {
		for k := 1; ; k++ {
			b.Restore(t, start)
			wrongAnswered, _, _, wrong := b.attempt(ctx, g, g.wrong, setest.At(k))
			wrongLeft := b.triesLeft(t, g)
			b.Restore(t, start)
			rightAnswered, _, _, right := b.attempt(ctx, g, g.right, setest.At(k))
			rightLeft := b.triesLeft(t, g)
			cuts += 2
			if wrongAnswered {
				if wrongLeft != g.tries-1 || k < 3 {
					t.Errorf("%s, point %d: a wrong guess was answered with %d tries left", g.name, k, wrongLeft)
				}
				break
			}
			if !errors.Is(wrong, se.ErrPowerCut) || !errors.Is(right, se.ErrPowerCut) || rightAnswered || wrongLeft != rightLeft {
				t.Fatalf("%s, point %d tells a right guess (%v, %d left) from a wrong one (%v, %d left)", g.name, k, right, rightLeft, wrong, wrongLeft)
			}
		}
	}
	t.Logf("E4: JPKI VERIFY: power cut %d times", cuts)
}
