package jpki_test

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mobileid/issuer/card"
	"mobileid/issuer/card/jpki"
	"mobileid/mdoc/pki"
)

// reasons are the four of the service with the state they mean.
func reasons() map[pki.Reason]card.CertificateState {
	return map[pki.Reason]card.CertificateState{pki.AffiliationChanged: card.StateRevoked, pki.Superseded: card.StateRevoked,
		pki.CessationOfOperation: card.StateRevoked, pki.CertificateHold: card.StateOnHold}
}

func TestReasonsInAList(t *testing.T) {
	for reason, state := range reasons() {
		t.Run(reason.String(), func(t *testing.T) {
			w := newWorld(t)
			if err := w.pair.Revoke(w.leaf, reason); err != nil {
				t.Fatal(err)
			}
			s := source(t, w.lists(theList))
			got := w.status(t, s)
			want(t, got, state)
			if got.Reason != reason {
				t.Errorf("reason %s", got.Reason)
			}
			if text := fmt.Sprintf("%v %+v %s %v", got, got, got.LogValue(), got.Measured); strings.Contains(text, reason.String()) {
				t.Errorf("the reason shows: %s", text)
			}
			want(t, s.Status(t.Context(), w.other, w.ca, w.clock), card.StateInForce)
		})
	}
}

func TestHoldIsLifted(t *testing.T) {
	w := newWorld(t)
	s := source(t, w.lists(theList))
	want(t, w.status(t, s), card.StateInForce)
	if err := w.pair.Revoke(w.leaf, pki.CertificateHold); err != nil {
		t.Fatal(err)
	}
	want(t, w.status(t, s), card.StateInForce) // the list at hand is still in force
	w.clock = w.clock.Add(jpki.DefaultRefresh)
	want(t, w.status(t, s), card.StateOnHold)
	if err := w.pair.Signature.Release(w.leaf); err != nil {
		t.Fatal(err)
	}
	w.clock = w.clock.Add(jpki.DefaultRefresh)
	want(t, w.status(t, s), card.StateInForce)
	if n := w.network.count("/signature.crl"); n != 3 {
		t.Errorf("asked %d times, want 3", n)
	}
}

// TestListsRefused: each fault, well signed where it can be, leaves the state unknown and is named in the log.
func TestListsRefused(t *testing.T) {
	w := newWorld(t)
	strangerCA, strangerKey := w.stranger.SignatureCA()
	extension := func(critical bool, value []byte, id ...int) func(*x509.RevocationList) {
		return func(l *x509.RevocationList) {
			l.ExtraExtensions = []pkix.Extension{{Id: id, Critical: critical, Value: value}}
		}
	}
	entry := func(change func(*x509.RevocationListEntry)) func(*x509.RevocationList) {
		return func(l *x509.RevocationList) {
			e := x509.RevocationListEntry{SerialNumber: big.NewInt(9), RevocationTime: l.ThisUpdate}
			change(&e)
			l.RevokedCertificateEntries = []x509.RevocationListEntry{e}
		}
	}
	long := make([]byte, jpki.MaxList+1)
	authentication, authenticationKey := w.cards.AuthenticationCA()
	altered := w.list(t, nil)
	altered[len(altered)-1] ^= 1
	for name, c := range map[string]struct {
		body []byte
		says string
	}{
		"empty":                            {nil, "not a CRL"},
		"no list":                          {[]byte("<html>"), "not a CRL"},
		"too long":                         {long, "over 16777216 bytes"},
		"bytes behind":                     {append(w.list(t, nil), 0), "not a CRL"},
		"altered":                          {altered, "crl.signature"},
		"of a stranger with the same name": {w.listBy(t, strangerCA, strangerKey, nil), "crl.signature"},
		"of the other CA":                  {w.listBy(t, authentication, authenticationKey, nil), "crl.issuer"},
		"expired":                          {w.list(t, func(l *x509.RevocationList) { l.NextUpdate = w.clock.Add(-time.Second) }), "crl.validity"},
		"from the future":                  {w.list(t, func(l *x509.RevocationList) { l.ThisUpdate = w.clock.Add(time.Second) }), "crl.validity"},
		"delta list":                       {w.list(t, extension(true, []byte{2, 1, 1}, 2, 5, 29, 27)), "crl.scope"},
		"unknown critical extension":       {w.list(t, extension(true, []byte{5, 0}, 1, 2, 3)), "crl.scope"},
		"indirect list":                    {w.list(t, extension(true, []byte{0x30, 3, 0x84, 1, 0xFF}, 2, 5, 29, 28)), "crl.scope"},
		"list of some reasons":             {w.list(t, extension(true, []byte{0x30, 4, 0x83, 2, 1, 2}, 2, 5, 29, 28)), "crl.scope"},
		"list of CA certificates":          {w.list(t, extension(true, []byte{0x30, 3, 0x82, 1, 0xFF}, 2, 5, 29, 28)), "crl.scope"},
		"point that cannot be read":        {w.list(t, extension(true, []byte{0x30, 2, 0xA0, 0}, 2, 5, 29, 28)), "crl.scope"},
		"removeFromCRL":                    {w.list(t, entry(func(e *x509.RevocationListEntry) { e.ReasonCode = 8 })), "crl.entries"},
		"critical extension of an entry": {w.list(t, entry(func(e *x509.RevocationListEntry) {
			e.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
		})), "crl.entries"},
		"entry of another issuer": {w.list(t, entry(func(e *x509.RevocationListEntry) {
			e.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 29}, Value: []byte{0x30, 0}}}
		})), "crl.entries"},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			w.network.give("/signature.crl", c.body)
			config := w.lists(theList)
			config.Log = slog.New(slog.NewTextHandler(&log, nil))
			want(t, w.status(t, source(t, config)), card.StateUnknown)
			if !strings.Contains(log.String(), c.says) {
				t.Errorf("log %q does not name %q", log.String(), c.says)
			}
		})
	}
	w.network.give("/signature.crl", w.list(t, nil))
	want(t, w.status(t, source(t, w.lists(theList))), card.StateInForce)
}

func TestNumbersRise(t *testing.T) {
	w := newWorld(t)
	numbered := func(n int64, later time.Duration, revoked ...*big.Int) []byte {
		return w.list(t, func(l *x509.RevocationList) {
			l.Number, l.ThisUpdate = big.NewInt(n), l.ThisUpdate.Add(later)
			for _, serial := range revoked {
				l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: serial, RevocationTime: l.ThisUpdate})
			}
		})
	}
	for name, c := range map[string]struct {
		next []byte
		want card.CertificateState
	}{
		"lower number":             {numbered(6, time.Minute), card.StateRevoked},
		"same number, other bytes": {numbered(7, time.Minute), card.StateRevoked},
		"higher number, older":     {numbered(8, -time.Minute), card.StateRevoked},
		"higher number":            {numbered(8, time.Minute), card.StateInForce},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.network.give("/signature.crl", numbered(7, 0, w.leaf.SerialNumber))
			s := source(t, w.lists(theList))
			want(t, w.status(t, s), card.StateRevoked)
			w.network.give("/signature.crl", c.next)
			w.clock = w.clock.Add(jpki.DefaultRefresh)
			want(t, w.status(t, s), c.want)
		})
	}
}

// TestListsOfPoints: a list of one municipality speaks of the certificates that name it.
func TestListsOfPoints(t *testing.T) {
	w := newWorld(t)
	of := func(cn string, revoked ...*big.Int) []byte {
		return w.list(t, func(l *x509.RevocationList) {
			l.ExtraExtensions = []pkix.Extension{issuingPoint(t, cn)}
			for _, serial := range revoked {
				l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: serial, RevocationTime: l.ThisUpdate})
			}
		})
	}
	const one, two = "/one.crl", "/two.crl"
	for name, c := range map[string]struct {
		one, two []byte
		want     card.CertificateState
	}{
		"its own":                 {of("Mihon-shi CRLDP"), nil, card.StateInForce},
		"another's":               {of("Betsu-shi CRLDP"), nil, card.StateUnknown},
		"another's, then its own": {of("Betsu-shi CRLDP"), of("Mihon-shi CRLDP"), card.StateInForce},
		"revoked in its own":      {of("Betsu-shi CRLDP"), of("Mihon-shi CRLDP", w.leaf.SerialNumber), card.StateRevoked},
		"the number in another's": {of("Betsu-shi CRLDP", w.leaf.SerialNumber), of("Mihon-shi CRLDP"), card.StateInForce},
		"users of every point": {w.list(t, func(l *x509.RevocationList) {
			l.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 28}, Critical: true, Value: []byte{0x30, 3, 0x81, 1, 0xFF}}}
		}), nil, card.StateInForce},
		"first place away, then a list": {nil, of("Mihon-shi CRLDP"), card.StateInForce},
	} {
		t.Run(name, func(t *testing.T) {
			for path, body := range map[string][]byte{one: c.one, two: c.two} {
				w.network.away(path)
				if body != nil {
					w.network.give(path, body)
				}
			}
			want(t, w.status(t, source(t, w.lists(base+one, base+two))), c.want)
		})
	}
	t.Run("certificate that names no point", func(t *testing.T) {
		w.network.give(one, of("Mihon-shi CRLDP"))
		bare := w.issue(t, 77, func(c *x509.Certificate) { c.ExtraExtensions = nil })
		want(t, source(t, w.lists(base+one)).Status(t.Context(), bare, w.ca, w.clock), card.StateUnknown)
	})
}

func TestGrace(t *testing.T) {
	w := newWorld(t)
	config := w.lists(theList)
	config.Grace = 6 * time.Hour
	s, strict := source(t, config), source(t, w.lists(theList))
	if err := w.pair.Revoke(w.issue(t, 99, nil), pki.Superseded); err != nil {
		t.Fatal(err)
	}
	want(t, w.status(t, s), card.StateInForce)
	want(t, w.status(t, strict), card.StateInForce)
	w.network.away("/signature.crl")
	end := w.clock.Add(-time.Minute + 24*time.Hour) // of the list
	for name, c := range map[string]struct {
		source *jpki.Source
		asked  *x509.Certificate
		at     time.Time
		want   card.CertificateState
	}{
		"at the end":                      {s, w.other, end, card.StateInForce},
		"judged before, within the grace": {s, w.leaf, end.Add(6 * time.Hour), card.StateInForce},
		"judged before, after the grace":  {s, w.leaf, end.Add(6*time.Hour + time.Second), card.StateUnknown},
		"not judged before":               {s, w.issue(t, 98, nil), end.Add(time.Second), card.StateUnknown},
		"no grace":                        {strict, w.leaf, end.Add(time.Second), card.StateUnknown},
		"what it revokes stays revoked":   {strict, w.issue(t, 99, nil), end.AddDate(0, 1, 0), card.StateRevoked},
		"asked by a clock that went back": {strict, w.leaf, now().Add(-time.Hour), card.StateUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 { // to be asked about is not to be judged
				want(t, c.source.Status(t.Context(), c.asked, w.ca, c.at), c.want)
			}
		})
	}
	t.Run("a newer list ends the grace", func(t *testing.T) {
		w.network.back("/signature.crl")
		w.clock = end.Add(2 * time.Hour)
		if err := w.pair.Revoke(w.leaf, pki.CessationOfOperation); err != nil {
			t.Fatal(err)
		}
		want(t, w.status(t, s), card.StateRevoked)
	})
}

// TestPace: a place that is away is not asked by every request, and is asked again after the pause.
func TestPace(t *testing.T) {
	w := newWorld(t)
	s := source(t, w.lists(theList))
	w.network.away("/signature.crl")
	for range 3 {
		want(t, w.status(t, s), card.StateUnknown)
	}
	if n := w.network.count("/signature.crl"); n != 1 {
		t.Errorf("asked %d times, want once", n)
	}
	w.network.back("/signature.crl")
	w.clock = w.clock.Add(jpki.DefaultRetry - time.Second)
	want(t, w.status(t, s), card.StateUnknown)
	w.clock = w.clock.Add(time.Second)
	want(t, w.status(t, s), card.StateInForce)

	w.network.away("/signature.crl") // a list in force outlives a place that went away
	w.clock = w.clock.Add(2 * jpki.DefaultRefresh)
	want(t, w.status(t, s), card.StateInForce)
}

func TestTransportFaults(t *testing.T) {
	w := newWorld(t)
	good := w.list(t, nil)
	for name, stand := range map[string]func(*http.Request) (*http.Response, error){
		"404": func(*http.Request) (*http.Response, error) { return answer(http.StatusNotFound, good), nil },
		"500": func(*http.Request) (*http.Response, error) { return answer(http.StatusInternalServerError, good), nil },
		"redirected": func(*http.Request) (*http.Response, error) {
			r := answer(http.StatusFound, nil)
			r.Header.Set("Location", base+"/elsewhere.crl")
			return r, nil
		},
		"cut off": func(*http.Request) (*http.Response, error) {
			r := answer(http.StatusOK, nil)
			r.Body = broken{}
			return r, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			w.network.stand("/signature.crl", stand)
			w.network.give("/elsewhere.crl", good)
			want(t, w.status(t, source(t, w.lists(theList))), card.StateUnknown)
		})
	}
	t.Run("silent", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w.network.stand("/signature.crl", func(r *http.Request) (*http.Response, error) {
				<-r.Context().Done()
				return nil, r.Context().Err()
			})
			begun := time.Now()
			want(t, w.status(t, source(t, w.lists(theList))), card.StateUnknown)
			if took := time.Since(begun); took != jpki.DefaultTimeout {
				t.Errorf("waited %s", took)
			}
		})
	})
	t.Run("caller gone", func(t *testing.T) {
		w.network.stand("/signature.crl", func(r *http.Request) (*http.Response, error) { return nil, r.Context().Err() })
		s := source(t, w.lists(theList))
		want(t, s.Status(cancelled(t), w.leaf, w.ca, w.clock), card.StateUnknown)
		w.network.back("/signature.crl")
		want(t, w.status(t, s), card.StateInForce) // at once: that was no fault of the place
	})
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errAway }
func (broken) Close() error             { return nil }

func TestNobodyToAsk(t *testing.T) {
	w := newWorld(t)
	s := source(t, w.lists(theList))
	stranger, _ := w.stranger.SignatureCA()
	want(t, s.Status(t.Context(), w.leaf, stranger, w.clock), card.StateUnknown)
	want(t, s.Status(t.Context(), nil, w.ca, w.clock), card.StateUnknown)
	want(t, s.Status(t.Context(), w.leaf, nil, w.clock), card.StateUnknown)
	if n := w.network.count("/signature.crl"); n != 0 {
		t.Errorf("asked %d times", n)
	}
}

func TestConfigRefused(t *testing.T) {
	w := newWorld(t)
	for name, change := range map[string]func(*jpki.Config){
		"no authority": func(c *jpki.Config) { c.Authorities = nil },
		"no CA":        func(c *jpki.Config) { c.Authorities[0].CA = nil },
		"a leaf":       func(c *jpki.Config) { c.Authorities[0].CA = w.leaf },
		"no place":     func(c *jpki.Config) { c.Authorities[0].CRLs = nil },
		"65 places": func(c *jpki.Config) {
			c.Authorities[0].CRLs = strings.Split(strings.Repeat(theList+" ", 64)+theList, " ")
		},
		"directory":             func(c *jpki.Config) { c.Authorities[0].CRLs[0] = "ldap://jpki-test.example" },
		"no address":            func(c *jpki.Config) { c.Authorities[0].CRLs[0] = "http://" },
		"user in the address":   func(c *jpki.Config) { c.Authorities[0].OCSP = "http://user@jpki-test.example" },
		"the same CA twice":     func(c *jpki.Config) { c.Authorities = append(c.Authorities, c.Authorities[0]) },
		"negative timeout":      func(c *jpki.Config) { c.Timeout = -1 },
		"negative refresh":      func(c *jpki.Config) { c.Refresh = -1 },
		"negative pause":        func(c *jpki.Config) { c.Retry = -1 },
		"negative age":          func(c *jpki.Config) { c.MaxAge = -1 },
		"negative grace":        func(c *jpki.Config) { c.Grace = -1 },
		"more than seven days":  func(c *jpki.Config) { c.Grace = jpki.MaxGrace + 1 },
		"address with fragment": func(c *jpki.Config) { c.Authorities[0].OCSP = "http://jpki-test.example#x" },
	} {
		t.Run(name, func(t *testing.T) {
			c := w.lists(theList)
			change(&c)
			if s, err := jpki.New(c); err == nil || s != nil {
				t.Error("no error")
			}
		})
	}
}
