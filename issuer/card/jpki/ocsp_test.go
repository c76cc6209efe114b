package jpki_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"mobileid/issuer/card"
	"mobileid/issuer/card/jpki"
	"mobileid/mdoc/pki"
)

func TestReasonsFromTheResponder(t *testing.T) {
	for reason, state := range reasons() {
		t.Run(reason.String(), func(t *testing.T) {
			w := newWorld(t)
			if err := w.pair.Revoke(w.leaf, reason); err != nil {
				t.Fatal(err)
			}
			s := source(t, w.responder())
			got := w.status(t, s)
			want(t, got, state)
			if got.Reason != reason || strings.Contains(got.Measured, reason.String()) {
				t.Errorf("reason %s, measured %q", got.Reason, got.Measured)
			}
			want(t, s.Status(t.Context(), w.other, w.ca, w.clock), card.StateInForce)
		})
	}
}

// TestAnswersAreKept for as long as they speak, one for each certificate.
func TestAnswersAreKept(t *testing.T) {
	w := newWorld(t)
	config := w.responder()
	config.MaxAge = 30 * time.Minute
	s, patient := source(t, config), source(t, w.responder())
	at := func(s *jpki.Source, after time.Duration) card.CertificateState {
		w.clock = now().Add(after)
		return w.status(t, s).State
	}
	for i, c := range []struct {
		source *jpki.Source
		after  time.Duration
		asked  int // by then
		want   card.CertificateState
	}{
		{s, 0, 1, card.StateInForce}, {s, 30 * time.Minute, 1, card.StateInForce}, {s, 30*time.Minute + time.Second, 2, card.StateInForce},
		{patient, 0, 3, card.StateInForce}, {patient, time.Hour, 3, card.StateInForce}, {patient, time.Hour + time.Second, 4, card.StateInForce},
		{patient, 0, 5, card.StateInForce}, // a clock that went back finds an answer from the future, and asks
	} {
		if got := at(c.source, c.after); got != c.want || w.network.count("/signature/ocsp") != c.asked {
			t.Errorf("%d: state %d, asked %d times; want %d and %d", i, got, w.network.count("/signature/ocsp"), c.want, c.asked)
		}
	}
	want(t, s.Status(t.Context(), w.other, w.ca, w.clock), card.StateInForce)
	if n := w.network.count("/signature/ocsp"); n != 6 {
		t.Errorf("the answer for one certificate served for another (%d)", n)
	}
}

func TestResponderAway(t *testing.T) {
	w := newWorld(t)
	s := source(t, w.responder())
	w.network.away("/signature/ocsp")
	for range 3 {
		want(t, w.status(t, s), card.StateUnknown)
	}
	if n := w.network.count("/signature/ocsp"); n != 1 {
		t.Errorf("asked %d times, want once", n)
	}
	w.network.back("/signature/ocsp")
	w.clock = w.clock.Add(jpki.DefaultRetry)
	want(t, w.status(t, s), card.StateInForce)
	w.network.stand("/signature/ocsp", func(r *http.Request) (*http.Response, error) { return nil, r.Context().Err() })
	want(t, s.Status(cancelled(t), w.other, w.ca, w.clock), card.StateUnknown)
	w.network.back("/signature/ocsp")
	want(t, s.Status(t.Context(), w.other, w.ca, w.clock), card.StateInForce)
}

// The request goes in a body of its own type, so that no serial number stands in an address.
func TestRequestOnTheWire(t *testing.T) {
	w := newWorld(t)
	w.network.stand("/signature/ocsp", func(r *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(r.Body)
		asked, failed := ocsp.ParseRequest(body)
		if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/ocsp-request" || err != nil || failed != nil ||
			asked.SerialNumber.Cmp(w.leaf.SerialNumber) != 0 || r.URL.RawQuery != "" {
			t.Errorf("%s %s, %v, %v", r.Method, r.URL, err, failed)
		}
		return answer(http.StatusOK, w.pair.Signature.Answer(body)), nil
	})
	want(t, w.status(t, source(t, w.responder())), card.StateInForce)
}

// said is an OCSP answer with its parts open (RFC 6960, 4.2.1), to write what the library does not.
type said struct {
	version    []byte // [0]
	responder  asn1.RawValue
	answers    []single
	extensions []pkix.Extension
	algorithm  asn1.ObjectIdentifier
	key        crypto.Signer
	certs      []*x509.Certificate
	hash       crypto.Hash // zero is SHA-256
	alter      bool        // after signing
}

type single struct {
	ID   certID
	Good asn1.RawValue
	This time.Time `asn1:"generalized"`
	Next time.Time `asn1:"generalized,explicit,tag:0,optional"`
}

type certID struct {
	Algorithm pkix.AlgorithmIdentifier
	Name, Key []byte
	Serial    *big.Int
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (s *said) der(t testing.TB) []byte {
	t.Helper()
	var body []byte
	add := func(v any, params string) { body = append(body, must(asn1.MarshalWithParams(v, params))(t)...) }
	body = append(body, s.version...)
	add(s.responder, "")
	add(now(), "generalized")
	add(s.answers, "")
	if s.extensions != nil {
		add(s.extensions, "explicit,tag:1")
	}
	tbs := must(asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: body}))(t)
	if s.hash == 0 {
		s.hash = crypto.SHA256
	}
	h := s.hash.New()
	h.Write(tbs)
	signature := must(s.key.Sign(rand.Reader, h.Sum(nil), s.hash))(t)
	if s.alter {
		tbs = bytes.Replace(tbs, []byte("20261123"), []byte("20261124"), 1)
	}
	basic := struct {
		TBS       asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
		Certs     []asn1.RawValue `asn1:"explicit,tag:0,optional"`
	}{TBS: asn1.RawValue{FullBytes: tbs}, Algorithm: pkix.AlgorithmIdentifier{Algorithm: s.algorithm},
		Signature: asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}}
	for _, c := range s.certs {
		basic.Certs = append(basic.Certs, asn1.RawValue{FullBytes: c.Raw})
	}
	type responseBytes struct {
		Type asn1.ObjectIdentifier
		DER  []byte
	}
	return must(asn1.Marshal(struct {
		Status asn1.Enumerated
		Bytes  responseBytes `asn1:"explicit,tag:0"`
	}{0, responseBytes{asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 1}, must(asn1.Marshal(basic))(t)}}))(t)
}

func byName(c *x509.Certificate) asn1.RawValue {
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 1, IsCompound: true, Bytes: c.RawSubject}
}

func byKey(t testing.TB, digest []byte) asn1.RawValue {
	t.Helper()
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 2, IsCompound: true, Bytes: must(asn1.Marshal(digest))(t)}
}

// idOf is the CertID of a certificate under a CA.
func idOf(t testing.TB, c, ca *x509.Certificate) certID {
	t.Helper()
	r := must(ocsp.ParseRequest(must(ocsp.CreateRequest(c, ca, nil))(t)))(t)
	return certID{pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}, Parameters: asn1.NullRawValue}, r.IssuerNameHash, r.IssuerKeyHash, r.SerialNumber}
}

var good = asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0} //nolint:gochecknoglobals // a constant of the test

// delegate makes a responder's certificate with a change.
func (w *world) delegate(t testing.TB, alter func(*x509.Certificate)) (*x509.Certificate, crypto.Signer) {
	t.Helper()
	return w.delegateOf(t, w.ca, w.caKey, alter)
}

func (w *world) delegateOf(t testing.TB, ca *x509.Certificate, caKey crypto.Signer, alter func(*x509.Certificate)) (*x509.Certificate, crypto.Signer) {
	t.Helper()
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	template := &x509.Certificate{SerialNumber: big.NewInt(3), NotBefore: now().Add(-time.Hour), NotAfter: now().Add(time.Hour),
		Subject: pkix.Name{CommonName: "responder"}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning},
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}, Value: asn1.NullBytes}}}
	if alter != nil {
		alter(template)
	}
	return sign(t, template, ca, key.Public(), caKey), key
}

func TestAnswersJudged(t *testing.T) {
	w := newWorld(t)
	responder, key := w.delegate(t, nil)
	authentication, authenticationKey := w.cards.AuthenticationCA()
	stranger, strangerKey := w.stranger.SignatureCA()
	sha256RSA, ecdsaSHA256 := asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}, asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}
	delegated := func(alter func(*x509.Certificate)) func(*said) {
		return func(s *said) {
			c, k := w.delegate(t, alter)
			s.responder, s.certs, s.key = byName(c), []*x509.Certificate{c}, k
		}
	}
	under := func(ca *x509.Certificate, caKey crypto.Signer) func(*said) {
		return func(s *said) {
			c, k := w.delegateOf(t, ca, caKey, nil)
			s.responder, s.certs, s.key = byName(c), []*x509.Certificate{c}, k
		}
	}
	direct := func(s *said) { s.responder, s.certs, s.key, s.algorithm = byName(w.ca), nil, w.caKey, sha256RSA }
	for name, c := range map[string]struct {
		change func(*said)
		fails  string // "" when it is good
	}{
		"good":                            {func(*said) {}, ""},
		"by the CA itself":                {direct, ""},
		"by the CA, with its certificate": {func(s *said) { direct(s); s.certs = []*x509.Certificate{w.ca} }, ""},
		"named by its key":                {func(s *said) { s.responder = byKey(t, idOf(t, responder, responder).Key) }, ""},
		"no nextUpdate":                   {func(s *said) { s.answers[0].Next = time.Time{} }, ""},
		"a minute ahead":                  {func(s *said) { s.answers[0].This = now().Add(time.Minute) }, ""},
		"extension that decides nothing": {func(s *said) {
			s.extensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Value: []byte{5, 0}}}
		}, ""},
		"version written": {func(s *said) { s.version = []byte{0xA0, 3, 2, 1, 0} }, ""},

		"altered":            {func(s *said) { s.alter = true }, "ocsp.response"},
		"altered, by the CA": {func(s *said) { direct(s); s.alter = true }, "ocsp.signature"},
		"no answer":          {func(s *said) { s.answers = nil }, "ocsp.response"},
		"two answers": {func(s *said) {
			s.answers = append(s.answers, single{idOf(t, w.other, w.ca), good, now(), now().Add(time.Hour)})
		}, "ocsp.response"},
		"signed by another than says": {func(s *said) { _, s.key = w.delegate(t, nil) }, "ocsp.response"},
		"signed by a stranger's CA":   {func(s *said) { direct(s); s.key = strangerKey }, "ocsp.signature"},

		"delegated by a stranger with the same name": {under(stranger, strangerKey), "ocsp.responder"},
		"delegated by the other CA":                  {under(authentication, authenticationKey), "ocsp.responder"},
		"not for OCSP":                               {delegated(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }), "ocsp.responder"},
		"for any purpose":                            {delegated(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} }), "ocsp.responder"},
		"no purpose":                                 {delegated(func(c *x509.Certificate) { c.ExtKeyUsage = nil }), "ocsp.responder"},
		"not for signatures":                         {delegated(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement }), "ocsp.responder"},
		"expired":                                    {delegated(func(c *x509.Certificate) { c.NotAfter = now().Add(-time.Second) }), "ocsp.responder"},
		"not yet valid":                              {delegated(func(c *x509.Certificate) { c.NotBefore = now().Add(time.Second) }), "ocsp.responder"},
		"critical extension": {delegated(func(c *x509.Certificate) {
			c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}})
		}), "ocsp.responder"},
		"to be asked about, by nobody": {delegated(func(c *x509.Certificate) { c.ExtraExtensions = nil }), "ocsp.responder"},
		"names another":                {func(s *said) { s.responder = byName(w.leaf) }, "ocsp.responder"},
		"names another key":            {func(s *said) { s.responder = byKey(t, make([]byte, 20)) }, "ocsp.responder"},
		"CA names another":             {func(s *said) { direct(s); s.responder = byName(w.leaf) }, "ocsp.responder"},
		"holder's certificate signs": {func(s *said) {
			s.responder, s.certs, s.key, s.algorithm = byName(w.leaf), []*x509.Certificate{w.leaf}, w.hierarchy.key, sha256RSA
		}, "ocsp.responder"},

		"another serial number": {func(s *said) { s.answers[0].ID = idOf(t, w.other, w.ca) }, "ocsp.scope"},
		"another CA's name":     {func(s *said) { s.answers[0].ID.Name = idOf(t, w.leaf, authentication).Name }, "ocsp.scope"},
		"another CA's key":      {func(s *said) { s.answers[0].ID.Key = idOf(t, w.leaf, authentication).Key }, "ocsp.scope"},
		"another algorithm": {func(s *said) {
			s.answers[0].ID.Algorithm.Algorithm = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
		}, "ocsp.scope"},
		"critical response extension": {func(s *said) {
			s.extensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
		}, "ocsp.scope"},

		"two minutes ahead":   {func(s *said) { s.answers[0].This = now().Add(2 * time.Minute) }, "ocsp.validity"},
		"past nextUpdate":     {func(s *said) { s.answers[0].Next = now().Add(-time.Second) }, "ocsp.validity"},
		"more than a day old": {func(s *said) { s.answers[0].This = now().Add(-24*time.Hour - time.Second) }, "ocsp.validity"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &said{responder: byName(responder), certs: []*x509.Certificate{responder}, key: key, algorithm: ecdsaSHA256,
				answers: []single{{idOf(t, w.leaf, w.ca), good, now(), now().Add(time.Hour)}}}
			c.change(s)
			var log bytes.Buffer
			config := w.responder()
			config.Log = slog.New(slog.NewTextHandler(&log, nil))
			w.network.give("/signature/ocsp", s.der(t))
			got := w.status(t, source(t, config))
			if c.fails == "" {
				want(t, got, card.StateInForce)
				return
			}
			want(t, got, card.StateUnknown)
			if !strings.Contains(log.String(), c.fails+" fail") || strings.Count(log.String(), " fail") != 1 {
				t.Errorf("log %q, want %s alone to fail", log.String(), c.fails)
			}
		})
	}
	for name, body := range map[string][]byte{"nothing": nil, "HTML": []byte("<html>"), "try later": ocsp.TryLaterErrorResponse, "unauthorized": ocsp.UnauthorizedErrorResponse,
		"too long": make([]byte, jpki.MaxAnswer+1)} {
		t.Run(name, func(t *testing.T) {
			w.network.give("/signature/ocsp", body)
			want(t, w.status(t, source(t, w.responder())), card.StateUnknown)
		})
	}
}

// TestWeakSignature: SHA-1 is refused, whoever signs.
func TestWeakSignature(t *testing.T) {
	w := newWorld(t)
	weak := &said{responder: byName(w.ca), key: w.caKey, algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 5}, hash: crypto.SHA1,
		answers: []single{{idOf(t, w.leaf, w.ca), good, now(), now().Add(time.Hour)}}}
	for _, certs := range [][]*x509.Certificate{nil, {w.ca}} {
		weak.certs = certs
		w.network.give("/signature/ocsp", weak.der(t))
		want(t, w.status(t, source(t, w.responder())), card.StateUnknown)
	}
}

// TestResponderInTheList: a responder without nocheck is asked about at the CA's list.
func TestResponderInTheList(t *testing.T) {
	w := newWorld(t)
	responder, key := w.delegate(t, func(c *x509.Certificate) { c.ExtraExtensions = nil })
	s := &said{responder: byName(responder), certs: []*x509.Certificate{responder}, key: key, algorithm: asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2},
		answers: []single{{idOf(t, w.leaf, w.ca), good, now(), now().Add(time.Hour)}}}
	w.network.give("/signature/ocsp", s.der(t))
	config := w.responder()
	config.Authorities[0].CRLs = []string{base + "/point.crl", theList}
	for name, revoke := range map[string]bool{"in force": false, "revoked": true} {
		t.Run(name, func(t *testing.T) {
			// The list of the certificate's own point is away: only the responder speaks of it.
			w.network.give("/signature.crl", w.list(t, func(l *x509.RevocationList) {
				l.ExtraExtensions = []pkix.Extension{issuingPoint(t, "Betsu-shi CRLDP")}
			}))
			w.network.give("/point.crl", w.list(t, func(l *x509.RevocationList) {
				if revoke {
					l.RevokedCertificateEntries = []x509.RevocationListEntry{{SerialNumber: responder.SerialNumber, RevocationTime: l.ThisUpdate}}
				}
			}))
			got := w.status(t, source(t, config))
			want(t, got, card.StateInForce) // by the list at any rate
			if strings.Contains(got.Measured, "ocsp.responder") != revoke {
				t.Errorf("measured %q", got.Measured)
			}
		})
	}
}

// TestBothPlaces: the worst answer counts, and one place is enough.
func TestBothPlaces(t *testing.T) {
	for name, c := range map[string]struct {
		stand func(*world)
		want  card.CertificateState
		asked int // of the responder
	}{
		"both in force":          {func(*world) {}, card.StateInForce, 1},
		"list away":              {func(w *world) { w.network.away("/signature.crl") }, card.StateInForce, 1},
		"responder away":         {func(w *world) { w.network.away("/signature/ocsp") }, card.StateInForce, 1},
		"both away":              {func(w *world) { w.network.away("/signature.crl"); w.network.away("/signature/ocsp") }, card.StateUnknown, 1},
		"responder knows none":   {func(w *world) { w.network.give("/signature/ocsp", w.denial(t)) }, card.StateUnknown, 1},
		"list says revoked":      {func(w *world) { w.network.give("/signature.crl", w.listing(t, w.leaf, 4)) }, card.StateRevoked, 0},
		"list says on hold":      {func(w *world) { w.network.give("/signature.crl", w.listing(t, w.leaf, 6)) }, card.StateOnHold, 1},
		"responder says revoked": {func(w *world) { w.revokeAfterList(t, pki.Superseded) }, card.StateRevoked, 1},
		"responder says on hold": {func(w *world) { w.revokeAfterList(t, pki.CertificateHold) }, card.StateOnHold, 1},
		"on hold, then for good": {func(w *world) {
			w.network.give("/signature.crl", w.listing(t, w.leaf, 6))
			_ = w.pair.Revoke(w.leaf, pki.Superseded)
		}, card.StateRevoked, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c.stand(w)
			config := w.lists(theList)
			config.Authorities[0].OCSP = theOCSP
			want(t, w.status(t, source(t, config)), c.want)
			if n := w.network.count("/signature/ocsp"); n != c.asked {
				t.Errorf("the responder was asked %d times, want %d", n, c.asked)
			}
		})
	}
}

// denial is the CA's answer that it does not know the certificate.
func (w *world) denial(t testing.TB) []byte {
	t.Helper()
	raw, err := ocsp.CreateResponse(w.ca, w.ca, ocsp.Response{Status: ocsp.Unknown, SerialNumber: w.leaf.SerialNumber,
		ThisUpdate: now(), NextUpdate: now().Add(time.Hour), SignatureAlgorithm: x509.SHA256WithRSA}, w.caKey)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func (w *world) listing(t testing.TB, c *x509.Certificate, reason int) []byte {
	t.Helper()
	return w.list(t, func(l *x509.RevocationList) {
		l.RevokedCertificateEntries = []x509.RevocationListEntry{{SerialNumber: c.SerialNumber, RevocationTime: l.ThisUpdate, ReasonCode: reason}}
	})
}

// revokeAfterList revokes while the list that is served is of the time before.
func (w *world) revokeAfterList(t testing.TB, reason pki.Reason) {
	t.Helper()
	w.network.give("/signature.crl", w.list(t, nil))
	if err := w.pair.Revoke(w.leaf, reason); err != nil {
		t.Fatal(err)
	}
}

func TestResponderDoesNotKnow(t *testing.T) {
	w := newWorld(t)
	responder, key := w.delegate(t, nil)
	s := &said{responder: byName(responder), certs: []*x509.Certificate{responder}, key: key, algorithm: asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2},
		answers: []single{{idOf(t, w.leaf, w.ca), asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 2}, now(), now().Add(time.Hour)}}}
	w.network.give("/signature/ocsp", s.der(t))
	source := source(t, w.responder())
	want(t, w.status(t, source), card.StateUnknown)
	w.network.back("/signature/ocsp")
	want(t, w.status(t, source), card.StateInForce) // that was not kept
}

// FuzzAnswer looks for panics, and for an answer that is taken though nobody signed it.
func FuzzAnswer(f *testing.F) {
	w := newWorld(f)
	request := must(ocsp.CreateRequest(w.leaf, w.ca, nil))(f)
	genuine := w.pair.Signature.Answer(request)
	f.Add(genuine)
	f.Add(ocsp.TryLaterErrorResponse)
	f.Fuzz(func(t *testing.T, raw []byte) {
		w.network.give("/signature/ocsp", raw)
		if s := w.status(t, source(t, w.responder())); s.State != card.StateUnknown && !bytes.Contains(raw, genuine[40:80]) {
			t.Error("taken, though nobody signed it")
		}
	})
}
