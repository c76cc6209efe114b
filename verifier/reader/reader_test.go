package reader_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"mobileid/mdoc"
	"mobileid/mdoc/doctype"
	"mobileid/mdoc/engagement"
	"mobileid/mdoc/holder"
	"mobileid/mdoc/mdoctest/world"
	"mobileid/mdoc/session"
	"mobileid/mdoc/transport/loopback"
	"mobileid/mdoc/verdict"
	"mobileid/verifier/policy"
	"mobileid/verifier/reader"
)

// shop is a reader and a phone in one world.
type shop struct {
	*world.World
	t      testing.TB
	reader *reader.Reader
	status mdoc.StatusAnswer
	wallet *holder.Holder
	now    time.Time
}

func newShop(t testing.TB, profile policy.Profile, proof holder.Proof, changes ...func(*mdoc.Draft)) *shop {
	t.Helper()
	s := &shop{World: world.New(t), t: t, status: mdoc.StatusAnswer{Outcome: verdict.Pass, Measured: "valid, list 1 min old"}}
	s.now = s.Now
	d := s.Draft(t)
	for _, change := range changes {
		change(&d)
	}
	s.wallet = s.Holder(t, s.Issue(t, d), proof)
	s.reader = s.newReader(profile)
	return s
}

func (s *shop) newReader(profile policy.Profile) *reader.Reader {
	s.t.Helper()
	r, err := reader.New(reader.Config{
		Profile: profile, Key: s.ReaderKey, Chain: s.ReaderChain, Anchors: s.Anchors,
		Status: s, Revocation: s.Revocation, Now: func() time.Time { return s.now },
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// Status makes the shop its own status source.
func (s *shop) Status(mdoc.StatusQuery) mdoc.StatusAnswer { return s.status }

func (s *shop) phone() *session.Device {
	s.t.Helper()
	method, err := engagement.CentralClient(rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	d, err := session.NewDevice(nil, []engagement.RetrievalMethod{method})
	if err != nil {
		s.t.Fatal(err)
	}
	return d
}

// meet runs one whole check over a pipe. The phone's own error is returned beside the report.
func (s *shop) meet(ctx context.Context, pipe loopback.Config) (report *reader.Report, atPhone, atTill error) {
	s.t.Helper()
	phone := s.phone()
	till, air := pipe.Pipe()
	var wg sync.WaitGroup
	wg.Go(func() {
		defer func() { _ = air.Close() }()
		atPhone = s.wallet.Present(ctx, air, phone)
	})
	report, atTill = s.reader.Run(ctx, till, phone.Engagement().URI())
	_ = till.Close()
	wg.Wait()
	return report, atPhone, atTill
}

func nineteen(d *mdoc.Draft) {
	for i := range d.Elements {
		if d.Elements[i].Identifier == "age_over_20" {
			d.Elements[i].Value = []byte{0xf4}
		}
	}
}

func codes(v verdict.Verdict) (policy.Decision, string) {
	decision, reasons := policy.Decide(v)
	var out []string
	for _, r := range reasons {
		out = append(out, string(r.Code))
	}
	return decision, strings.Join(out, " ")
}

func TestChecks(t *testing.T) {
	plain := policy.AgeTill(20, false)
	for name, tc := range map[string]struct {
		profile  policy.Profile
		proof    holder.Proof
		draft    func(*mdoc.Draft)
		arrange  func(*shop)
		decision policy.Decision
		codes    string
		check    string
		measured string
	}{
		"old enough, by signature": {profile: plain, decision: policy.Accepted, codes: "accepted", check: "policy.age_over_20", measured: "age_over_20 = true"},
		"old enough, by MAC":       {profile: plain, proof: holder.ByMAC, decision: policy.Accepted, codes: "accepted"},
		"nearest answer":           {profile: policy.AgeTill(19, false), decision: policy.Accepted, codes: "accepted", check: "policy.age_over_19", measured: "age_over_19 = true"},
		"nineteen": {
			profile: plain, draft: nineteen, decision: policy.Refused, codes: "under_age",
			check: "policy.age_over_20", measured: "age_over_20 = false",
		},
		"not sixty": {profile: policy.AgeTill(65, false), decision: policy.Refused, codes: "under_age"},
		"no statement about the age": {
			profile: policy.AgeTill(40, false), decision: policy.NotConfirmed, codes: "no_document",
		},
		"revoked": {
			profile: plain, decision: policy.Refused, codes: "revoked", check: "status.list", measured: "revoked, list 3 min old",
			arrange: func(s *shop) {
				s.status = mdoc.StatusAnswer{Outcome: verdict.Fail, Measured: "revoked, list 3 min old"}
			},
		},
		"status unknown": {
			profile: plain, decision: policy.NotConfirmed, codes: "status_unknown", check: "status.list", measured: "last list 26 h old",
			arrange: func(s *shop) {
				s.status = mdoc.StatusAnswer{Outcome: verdict.NotRun, Measured: "status unknown, last list 26 h old"}
			},
		},
		"expired": {
			profile: plain, decision: policy.Refused, codes: "outside_validity",
			arrange: func(s *shop) { s.now = s.Now.AddDate(0, 0, 31) },
		},
		"not valid yet": {
			profile: plain, decision: policy.Refused, codes: "outside_validity",
			arrange: func(s *shop) { s.now = s.Now.Add(-2 * time.Hour) },
		},
		"unknown issuer": {
			profile: plain, decision: policy.Refused, codes: "issuer_not_trusted",
			arrange: func(s *shop) { s.Anchors = world.New(s.t).Anchors; s.reader = s.newReader(plain) },
		},
		"holder declines": {
			profile: plain, decision: policy.NotConfirmed, codes: "no_document",
			arrange: func(s *shop) {
				s.wallet.Consent = func(context.Context, holder.Proposal) ([]holder.Element, error) { return nil, nil }
			},
		},
		"phone breaks off": {
			profile: plain, decision: policy.NotConfirmed, codes: "no_document", check: "session.end", measured: "status 20",
			arrange: func(s *shop) {
				s.wallet.Consent = func(context.Context, holder.Proposal) ([]holder.Element, error) {
					return nil, errors.New("wallet closed")
				}
			},
		},
		"a portrait that is text": {
			profile: policy.AgeTill(20, true), decision: policy.NotConfirmed, codes: "element_missing",
			check: policy.CheckRequested, measured: "not a byte string",
			draft: func(d *mdoc.Draft) {
				for i := range d.Elements {
					if d.Elements[i].Identifier == "portrait" {
						d.Elements[i].Value = []byte{0x61, 'x'}
					}
				}
			},
		},
		"another device's key": {
			profile: plain, decision: policy.Refused, codes: "holder_not_proved", check: "device_auth.proof",
			arrange: func(s *shop) {
				stolen, err := holder.NewCredential(s.Issue(s.t, s.Draft(s.t)), world.SoftKey{Key: world.Key(s.t)}, holder.BySignature)
				if err != nil {
					s.t.Fatal(err)
				}
				s.wallet.Credentials = []*holder.Credential{stolen}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			changes := []func(*mdoc.Draft){}
			if tc.draft != nil {
				changes = append(changes, tc.draft)
			}
			s := newShop(t, tc.profile, tc.proof, changes...)
			if tc.arrange != nil {
				tc.arrange(s)
			}
			report, _, err := s.meet(t.Context(), loopback.Config{})
			if err != nil {
				t.Fatalf("the check could not be carried out: %v", err)
			}
			decision, got := codes(report.Verdict)
			if decision != tc.decision || got != tc.codes {
				t.Errorf("%s because of %q, want %s because of %q: %s", decision, got, tc.decision, tc.codes, report.Verdict)
			}
			if tc.check != "" && !measured(report.Verdict, tc.check, tc.measured) {
				t.Errorf("check %s does not measure %q: %s", tc.check, tc.measured, report.Verdict)
			}
			if report.BytesReceived == 0 {
				t.Error("no bytes counted")
			}
		})
	}
}

func measured(v verdict.Verdict, id, part string) bool {
	for _, c := range v.Checks {
		if c.ID == id && strings.Contains(c.Measured, part) {
			return true
		}
	}
	return false
}

func TestNothingButWhatTheProfileNamesIsAsked(t *testing.T) {
	s := newShop(t, policy.AgeTill(20, false), holder.BySignature)
	var asked []holder.Element
	s.wallet.Consent = func(_ context.Context, p holder.Proposal) ([]holder.Element, error) {
		asked = p.Elements
		if !p.Reader.Verdict.OK() || p.Reader.Name == "" {
			t.Errorf("the holder cannot tell the reader: %s", p.Reader.Verdict)
		}
		return p.Elements, nil
	}
	if _, _, err := s.meet(t.Context(), loopback.Config{}); err != nil {
		t.Fatal(err)
	}
	want := holder.Element{NameSpace: doctype.NameSpaceISO, Asked: "age_over_20", Identifier: "age_over_20", Retain: false}
	if len(asked) != 1 || asked[0] != want {
		t.Errorf("asked for %+v, want %+v alone", asked, want)
	}
}

func TestPortraitIsPassedOnOnlyWhenEverythingPassed(t *testing.T) {
	s := newShop(t, policy.AgeTill(20, true), holder.BySignature)
	report, _, err := s.meet(t.Context(), loopback.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if !report.Verdict.OK() || len(report.Portrait) != 64 {
		t.Fatalf("portrait of %d bytes: %s", len(report.Portrait), report.Verdict)
	}
	if text := fmt.Sprintf("%v %x %s", report.Portrait, report.Portrait, report.Portrait); strings.Contains(text, "0") {
		t.Errorf("the portrait prints as %q", text)
	}
	kept := report.Portrait
	report.Wipe()
	for _, b := range kept {
		if b != 0 {
			t.Fatal("the portrait outlives Wipe")
		}
	}
	s.status = mdoc.StatusAnswer{Outcome: verdict.NotRun, Measured: "status unknown, no list held"}
	report, _, err = s.meet(t.Context(), loopback.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if report.Verdict.OK() || report.Portrait != nil {
		t.Error("a portrait was passed on without a good verdict")
	}
}

func TestNewRefuses(t *testing.T) {
	s := newShop(t, policy.AgeTill(20, false), holder.BySignature)
	good := reader.Config{Profile: policy.AgeTill(20, false), Key: s.ReaderKey, Chain: s.ReaderChain, Anchors: s.Anchors, Status: s,
		Revocation: s.Revocation}
	for name, change := range map[string]func(*reader.Config){
		"no key":           func(c *reader.Config) { c.Key = nil },
		"no chain":         func(c *reader.Config) { c.Chain = nil },
		"no anchors":       func(c *reader.Config) { c.Anchors = nil },
		"no revocation":    func(c *reader.Config) { c.Revocation = nil },
		"no status source": func(c *reader.Config) { c.Status = nil },
		"no profile":       func(c *reader.Config) { c.Profile = policy.Profile{} },
		"an hour of skew":  func(c *reader.Config) { c.Skew = time.Hour },
		"a negative skew":  func(c *reader.Config) { c.Skew = -1 },
		"individual number": func(c *reader.Config) {
			c.Profile.Elements = []policy.ElementRef{{NameSpace: doctype.NameSpaceJP, Identifier: doctype.IndividualNumber}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := good
			change(&c)
			if _, err := reader.New(c); err == nil {
				t.Error("accepted")
			}
		})
	}
	if _, err := reader.New(good); err != nil {
		t.Error(err)
	}
}

// TestReadersOwnFaults: what the reader itself cannot do is an error and no report.
func TestReadersOwnFaults(t *testing.T) {
	s := newShop(t, policy.AgeTill(20, false), holder.BySignature)
	t.Run("a key that signs nothing", func(t *testing.T) {
		weak, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		r, err := reader.New(reader.Config{Profile: policy.AgeTill(20, false), Key: weak, Chain: s.ReaderChain, Anchors: s.Anchors,
			Status: s, Revocation: s.Revocation})
		if err != nil {
			t.Fatal(err)
		}
		if x, _, err := r.Begin(s.phone().Engagement().URI()); x != nil || err == nil || !strings.Contains(err.Error(), "building DeviceRequest") {
			t.Errorf("exchange %v, error %v", x, err)
		}
	})
	t.Run("no time", func(t *testing.T) {
		s.now = time.Time{}
		if report, _, err := s.meet(t.Context(), loopback.Config{}); report != nil || err == nil {
			t.Errorf("report %v, error %v", report, err)
		}
	})
	t.Run("a connection that sends nothing", func(t *testing.T) {
		report, err := s.reader.Run(t.Context(), mute{t}, s.phone().Engagement().URI())
		if report != nil || !errors.Is(err, errMute) {
			t.Errorf("report %v, error %v", report, err)
		}
	})
}

var errMute = errors.New("cannot send")

// mute is a connection that cannot send.
type mute struct{ t *testing.T }

func (mute) Send(context.Context, []byte) error { return errMute }
func (m mute) Receive(context.Context) ([]byte, error) {
	m.t.Error("an answer is awaited to what was not sent")
	return nil, errMute
}
func (mute) Close() error { return nil }

func FuzzFinish(f *testing.F) {
	s := newShop(f, policy.AgeTill(20, false), holder.BySignature)
	uri := s.phone().Engagement().URI()
	f.Add([]byte{0xa1, 0x66, 's', 't', 'a', 't', 'u', 's', 0x14})
	f.Add([]byte{0xa1, 0x64, 'd', 'a', 't', 'a', 0x41, 0})
	f.Fuzz(func(t *testing.T, message []byte) {
		x, _, err := s.reader.Begin(uri)
		if err != nil {
			t.Fatal(err)
		}
		report, _, err := x.Finish(message)
		if err != nil {
			t.Fatal(err)
		}
		if report.Verdict.OK() || len(report.Verdict.Checks) == 0 {
			t.Error("a message that no phone made was accepted")
		}
	})
}
