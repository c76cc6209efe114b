package manager_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
	"mobileid/tsm/gp/manager"
	"mobileid/tsm/scp03"
)

// providerDomain is a domain of a provider; while it has no keys of its own it has those of the issuer's.
const providerDomain = gp.AID("\xA0\x00\x00\x08\x12\x01\x02\x03")

// A relay that has the card select the issuer's domain and shows the host another, or the other way round, gets no session: the
// keys are the same, the challenge is not.
func TestRelaySelectsAnotherDomain(t *testing.T) {
	for _, tc := range []struct {
		name                  string
		asked, shown, answers gp.AID
		want                  error
	}{
		{"issuer's in place of the provider's", providerDomain, providerDomain, gp.ISD, scp03.ErrChallenge},
		{"issuer's, and it says so", providerDomain, gp.ISD, gp.ISD, manager.ErrOtherDomain},
		{"provider's in place of the issuer's", "", gp.ISD, providerDomain, scp03.ErrChallenge},
		{"provider's, and it says so", "", providerDomain, providerDomain, manager.ErrOtherDomain},
		{"provider's in place of the issuer's by name", gp.ISD, gp.ISD, providerDomain, scp03.ErrChallenge},
		{"a longer AID", gp.ISD, gp.ISD + "\x01", gp.ISD, manager.ErrOtherDomain},
		{"the provider's", providerDomain, providerDomain, providerDomain, nil},
		{"the issuer's", "", gp.ISD, gp.ISD, nil},
		{"the issuer's by name", gp.ISD, gp.ISD, gp.ISD, nil},
		{"the issuer's of another maker", "", "\xA0\x00\x00\x00\x03\x00\x00\x00", "\xA0\x00\x00\x00\x03\x00\x00\x00", nil},
	} {
		for _, option := range []scp03.Option{scp03.OptionPseudoRandom, scp03.OptionPseudoRandom | scp03.OptionS16} {
			t.Run(tc.name, func(t *testing.T) {
				c := newFieldCardWith(t, option, 16, func(apdu.Command) apdu.Response { return apdu.Response{SW: apdu.OK} })
				c.selectAnswer.Data = gp.FCI{AID: tc.shown, MaxData: 255}.Bytes()
				c.domain = tc.answers
				s, err := manager.Connect(t.Context(), c, manager.Static(c.keys), manager.Options{Domain: tc.asked})
				if !errors.Is(err, tc.want) || (s == nil) == (tc.want == nil) {
					t.Fatalf("%v, want %v", err, tc.want)
				}
				if tc.want != nil && c.state.Failures != 0 {
					t.Errorf("%d failed authentications at the card", c.state.Failures)
				}
				if s != nil && s.Domain() != tc.shown {
					t.Errorf("session with %s", s.Domain())
				}
			})
		}
	}
}

// What a file is loaded as is the file's own hash and the domain of the session, whatever stands in the answer to SELECT: also
// with a card whose challenge is random.
func TestLoadNamesDomainAndHash(t *testing.T) {
	file := load597(t)
	for _, option := range []scp03.Option{scp03.OptionRandom, scp03.OptionPseudoRandom} {
		for _, asked := range []gp.AID{"", gp.ISD} {
			c := newFieldCardWith(t, option, 16, func(apdu.Command) apdu.Response { return apdu.Response{SW: apdu.OK} })
			s, err := manager.Connect(t.Context(), c, manager.Static(c.keys), manager.Options{Domain: asked})
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := s.Load(t.Context(), file); err != nil {
				t.Fatal(err)
			}
			i, err := gp.ParseInstall(c.seen[0])
			l, ok := i.(gp.InstallLoad)
			hash := sha256.Sum256(file)
			if err != nil || !ok || l.LoadFile != gp.LoadFile || l.Domain != gp.ISD || !bytes.Equal(l.Hash, hash[:]) {
				t.Errorf("%+v, %v", i, err)
			}
			rewriting := rewriteSelect{Transmitter: c, to: gp.FCI{AID: providerDomain}.Bytes()}
			if s, err = manager.Connect(t.Context(), rewriting, manager.Static(c.keys), manager.Options{Domain: asked}); s != nil || !errors.Is(err, manager.ErrOtherDomain) {
				t.Errorf("tag 84 rewritten: %v", err)
			}
		}
	}
}

// rewriteSelect puts another answer in place of that to SELECT.
type rewriteSelect struct {
	apdu.Transmitter
	to []byte
}

func (r rewriteSelect) Transmit(ctx context.Context, c []byte) ([]byte, error) {
	answer, err := r.Transmitter.Transmit(ctx, c)
	if c[1] == 0xA4 {
		return apdu.Response{Data: r.to, SW: apdu.OK}.Bytes(), err
	}
	return answer, err
}
