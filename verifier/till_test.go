package verifier_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mobileid/mdoc"
	"mobileid/mdoc/engagement"
	"mobileid/mdoc/holder"
	"mobileid/mdoc/mdoctest/world"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/session"
	"mobileid/mdoc/statuslist"
	"mobileid/mdoc/transport/loopback"
	"mobileid/verifier"
	"mobileid/verifier/policy"
	"mobileid/verifier/trust"
)

// shop is a till with its own status lists, and a phone.
type shop struct {
	*world.World
	t      testing.TB
	now    time.Time
	lists  *trust.Cache
	crls   *trust.CRLs
	till   *verifier.Till
	signer *ecdsa.PrivateKey
	chain  [][]byte
	draft  mdoc.Draft
}

func newShop(t testing.TB, profile policy.Profile) *shop {
	t.Helper()
	s := &shop{World: world.New(t), t: t, signer: world.Key(t)}
	s.now = s.Now
	from := s.Now.AddDate(0, -1, 0)
	c := s.Certificate(t, pki.Template{Profile: pki.StatusSigner, Country: "JP", CommonName: "TEST status signer",
		NotBefore: from, NotAfter: from.AddDate(1, 0, 0), CRLURI: "https://issuer.example/crl"}, s.signer.Public(), s.IACA, s.IACAKey)
	s.chain = [][]byte{c.Raw}
	s.draft = s.Draft(t)
	var err error
	if s.crls, err = trust.NewCRLs(s.Anchors, "", s.Now); err != nil {
		t.Fatal(err)
	}
	if s.lists, err = trust.NewCache(trust.CacheConfig{Anchors: s.Anchors, Revocation: s.crls}); err != nil {
		t.Fatal(err)
	}
	if err := s.crls.Put(world.CRL(t, s.IACA, s.IACAKey, 1, s.Now.AddDate(0, 0, -1)), s.Now); err != nil {
		t.Fatal(err)
	}
	s.till, err = verifier.New(verifier.Config{
		Anchors: s.Anchors, Lists: s.lists, CRLs: s.crls, Profile: profile, ReaderKey: s.ReaderKey, ReaderChain: s.ReaderChain,
		Now: func() time.Time { return s.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// publish puts a list into the till's cache in which the credential is revoked or not.
func (s *shop) publish(revoked bool) {
	s.t.Helper()
	list := statuslist.New(1 << 13)
	if revoked {
		if err := list.Set(s.draft.Status.Index, statuslist.Invalid); err != nil {
			s.t.Fatal(err)
		}
	}
	raw, err := statuslist.Sign(s.signer, s.chain, statuslist.Token{
		URI: s.draft.Status.URI, IssuedAt: s.now, ExpiresAt: s.now.Add(7 * 24 * time.Hour), List: list,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.lists.Put(s.draft.Status.URI, raw, s.now); err != nil {
		s.t.Fatal(err)
	}
}

// revokeSigner shows the till the root's next CRL, with the document signer in it or not; an older one must be refused.
func (s *shop) revokeSigner(number int64, revoked bool) {
	s.t.Helper()
	from := s.Now.AddDate(0, 0, -1)
	var entries []pki.Revocation
	if revoked {
		c, err := x509.ParseCertificate(s.SignerChain[0])
		if err != nil {
			s.t.Fatal(err)
		}
		entries = append(entries, pki.Revocation{Serial: c.SerialNumber, Date: from})
	}
	if err := s.crls.Put(world.CRL(s.t, s.IACA, s.IACAKey, number, from, entries...), s.Now); (err == nil) != revoked {
		s.t.Errorf("CRL %d: %v", number, err)
	}
}

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

// check lets the phone present to the till over a pipe.
func (s *shop) check() (*verifier.Result, error) {
	s.t.Helper()
	wallet := s.Holder(s.t, s.Issue(s.t, s.draft), holder.BySignature)
	wallet.Now = func() time.Time { return s.now }
	phone := s.phone()
	till, air := loopback.Pipe()
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := wallet.Present(s.t.Context(), air, phone); err != nil {
			s.t.Errorf("at the phone: %v", err)
		}
	})
	result, err := s.till.Check(s.t.Context(), till, phone.Engagement().URI())
	wg.Wait()
	return result, err
}

func TestDecisions(t *testing.T) {
	for name, tc := range map[string]struct {
		arrange  func(*shop)
		decision policy.Decision
		code     policy.Code
		detail   string
	}{
		"twenty, status known": {func(s *shop) { s.publish(false) }, policy.Accepted, policy.CodeAccepted, ""},
		"nineteen":             {func(s *shop) { s.publish(false); s.answer("age_over_20", false) }, policy.Refused, policy.CodeUnderAge, "age_over_20 = false"},
		"revoked":              {func(s *shop) { s.publish(true) }, policy.Refused, policy.CodeRevoked, "revoked, list 0 min old"},
		"no list":              {func(*shop) {}, policy.NotConfirmed, policy.CodeStatusUnknown, "status unknown, no list held"},
		"list 26 h old": {func(s *shop) { s.publish(false); s.now = s.now.Add(26 * time.Hour) }, policy.NotConfirmed,
			policy.CodeStatusUnknown, "status unknown, last list 26 h old, list is too old"},
		"signer revoked": {func(s *shop) { s.publish(false); s.revokeSigner(2, true) }, policy.Refused, policy.CodeIssuerNotTrusted,
			"revoked 2026-10-31T03:00:00Z, unspecified, CRL 2"},
		"CRL expired": {func(s *shop) { s.now = s.now.AddDate(0, 0, 29).Add(time.Second); s.publish(false) }, policy.NotConfirmed,
			policy.CodeStatusUnknown, "revocation unknown: CRL 1 expired: 2026-10-31T03:00:00Z to 2026-11-30T03:00:00Z"},
		"CRL older than seen": {func(s *shop) { s.publish(false); s.revokeSigner(3, true); s.revokeSigner(2, false) }, policy.Refused,
			policy.CodeIssuerNotTrusted, "revoked 2026-10-31T03:00:00Z, unspecified, CRL 3"},
		"revoked in an old list": {func(s *shop) { s.publish(true); s.now = s.now.Add(26 * time.Hour) }, policy.Refused,
			policy.CodeRevoked, "revoked, list 26 h old"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, policy.AgeTill(20, false))
			tc.arrange(s)
			result, err := s.check()
			if err != nil {
				t.Fatalf("the check could not be carried out: %v", err)
			}
			if result.Decision != tc.decision || len(result.Reasons) != 1 || result.Reasons[0].Code != tc.code || result.Reasons[0].Detail != tc.detail {
				t.Errorf("%s because of %+v, want %s because of %s %q", result.Decision, result.Reasons, tc.decision, tc.code, tc.detail)
			}
			if result.CustomerDisplay != policy.CustomerWording(tc.decision) || result.BytesReceived == 0 || !result.At.Equal(s.now) {
				t.Errorf("result %v", result)
			}
		})
	}
}

// answer changes an age attestation of the document before it is issued.
func (s *shop) answer(identifier string, value bool) {
	for i := range s.draft.Elements {
		if s.draft.Elements[i].Identifier == identifier {
			s.draft.Elements[i].Value = world.Encode(s.t, value)
		}
	}
}

// TestEveryCheckIsListed holds the till to the whole list: none is left out of an accepted result.
func TestEveryCheckIsListed(t *testing.T) {
	s := newShop(t, policy.AgeTill(20, true))
	s.publish(false)
	result, err := s.check()
	if err != nil || result.Decision != policy.Accepted {
		t.Fatalf("result %v, error %v", result, err)
	}
	listed := make(map[string]bool)
	for _, c := range result.Checks {
		listed[c.ID] = true
	}
	for _, id := range []string{
		"session.message", "response.decode", "response.status", "response.documents", "response.requested", "chain.path", "chain.signature",
		"issuer_auth.revocation", "issuer_auth.signature", "mso.digest", "mso.doc_type", "mso.validity.window", "device_auth.proof",
		"device_auth.key_authorizations", "status.list", "policy.document", "policy.age_over_20", "policy.requested", "policy.unasked",
	} {
		if !listed[id] {
			t.Errorf("check %s is not listed", id)
		}
	}
	if !result.ComparePortrait || len(result.Portrait) != 64 {
		t.Errorf("portrait of %d bytes, compare %v", len(result.Portrait), result.ComparePortrait)
	}
}

func TestResultAsJSONAndInLogs(t *testing.T) {
	s := newShop(t, policy.AgeTill(20, true))
	s.publish(false)
	for i := range s.draft.Elements {
		if s.draft.Elements[i].Identifier == "portrait" {
			s.draft.Elements[i].Value = world.Encode(t, bytes.Repeat([]byte("PORTRAIT"), 8))
		}
	}
	result, err := s.check()
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(result)
	if err != nil {
		t.Fatal(err)
	}
	var back map[string]any
	if err := json.Unmarshal(encoded, &back); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"decision", "reasons", "customer_display", "compare_portrait", "portrait", "profile", "checks", "at", "duration_ms", "bytes_received"} {
		if _, ok := back[key]; !ok {
			t.Errorf("JSON has no %q", key)
		}
	}
	if back["portrait"] != base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("PORTRAIT"), 8)) {
		t.Error("the portrait of the JSON form is not the document's")
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("check", "result", result)
	for _, text := range []string{log.String(), fmt.Sprintf("%v %+v %s %#v", result, result, result, result)} {
		if !strings.Contains(text, "accepted") || strings.Contains(text, "PORTRAIT") || strings.Contains(text, "504f52") || strings.Contains(text, "80 79 82") {
			t.Errorf("logged as %q", text)
		}
	}
	result.Wipe()
	if result.Portrait != nil {
		t.Error("the portrait outlives Wipe")
	}
	if again, err := json.Marshal(result); err != nil || bytes.Contains(again, []byte(`"portrait":`)) {
		t.Errorf("JSON after Wipe still holds the portrait (%v)", err)
	}
}

func TestNothingOfTheDocumentIsInTheResult(t *testing.T) {
	s := newShop(t, policy.AgeTill(20, false))
	s.publish(false)
	result, err := s.check()
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(result)
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{"試験", "1990", "123456789018", "4711"} {
		if bytes.Contains(encoded, []byte(value)) {
			t.Errorf("the result holds %q", value)
		}
	}
}

// TestTimeOut: a phone that never answers ends in an error, in the time configured.
func TestTimeOut(t *testing.T) {
	s := newShop(t, policy.AgeTill(20, false))
	uri := s.phone().Engagement().URI()
	synctest.Test(t, func(t *testing.T) {
		till, air := loopback.Pipe()
		defer func() { _ = air.Close() }()
		start := time.Now()
		result, err := s.till.Check(t.Context(), till, uri)
		if result != nil || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("result %v, error %v", result, err)
		}
		if took := time.Since(start); took != verifier.DefaultTimeout {
			t.Errorf("waited %s, want %s", took, verifier.DefaultTimeout)
		}
	})
}

func TestCarriedByTheCaller(t *testing.T) {
	s := newShop(t, policy.AgeTill(20, false))
	s.publish(false)
	phone := s.phone()
	open, establishment, err := s.till.Begin(phone.Engagement().URI())
	if err != nil {
		t.Fatal(err)
	}
	if !open.Expires.Equal(s.now.Add(verifier.DefaultTimeout)) {
		t.Errorf("expires %s", open.Expires)
	}
	request, ds, err := phone.Accept(establishment)
	if err != nil {
		t.Fatal(err)
	}
	wallet := s.Holder(t, s.Issue(t, s.draft), holder.ByMAC)
	response, err := wallet.Answer(t.Context(), request, ds.Transcript(), ds.EReaderKey())
	if err != nil {
		t.Fatal(err)
	}
	message, err := ds.Encrypt(response, false)
	if err != nil {
		t.Fatal(err)
	}
	result, end, err := open.Finish(message)
	if err != nil || result.Decision != policy.Accepted {
		t.Fatalf("result %v, error %v", result, err)
	}
	if _, status, err := ds.Decrypt(end); err != nil || status == nil || *status != session.StatusTermination {
		t.Errorf("the phone is told status %v, error %v", status, err)
	}
	if _, _, err := open.Finish(message); err == nil {
		t.Error("a check was finished twice")
	}
}

func TestNewRefuses(t *testing.T) {
	s := newShop(t, policy.AgeTill(20, false))
	good := verifier.Config{Anchors: s.Anchors, Lists: s.lists, CRLs: s.crls, Profile: policy.AgeTill(20, false), ReaderKey: s.ReaderKey, ReaderChain: s.ReaderChain}
	if _, err := verifier.New(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*verifier.Config){
		"no anchors":       func(c *verifier.Config) { c.Anchors = nil },
		"no lists":         func(c *verifier.Config) { c.Lists = nil },
		"no profile":       func(c *verifier.Config) { c.Profile = policy.Profile{} },
		"no key":           func(c *verifier.Config) { c.ReaderKey = nil },
		"negative timeout": func(c *verifier.Config) { c.Timeout = -1 },
		"an hour of skew":  func(c *verifier.Config) { c.Skew = time.Hour },
	} {
		t.Run(name, func(t *testing.T) {
			c := good
			change(&c)
			if _, err := verifier.New(c); err == nil {
				t.Error("accepted")
			}
		})
	}
}
