package jpkica_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"math/big"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"mobileid/issuer/card/jpki/jpkica"
	"mobileid/mdoc/pki"
)

var keys = sync.OnceValue(func() []*rsa.PrivateKey {
	var out []*rsa.PrivateKey
	for range 3 {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		out = append(out, k)
	}
	return out
})

func now() time.Time { return time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC) }

func profiles() []jpkica.Profile {
	return []jpkica.Profile{{Kind: jpkica.Signature}, {Kind: jpkica.Authentication}, {Kind: jpkica.Signature, Phone: true}, {Kind: jpkica.Authentication, Phone: true}}
}

func newCA(t *testing.T, p jpkica.Profile) *jpkica.CA {
	t.Helper()
	ca, err := jpkica.NewCA(p, keys()[0], big.NewInt(7), now().AddDate(-1, 0, 0), now().AddDate(9, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func leaf() jpkica.Leaf {
	return jpkica.Leaf{Serial: big.NewInt(0x40000001), Subject: jpkica.Name(jpkica.RDN{Attribute: jpkica.AttributeC, Value: "JP"},
		jpkica.RDN{Attribute: jpkica.AttributeCN, Value: "holder"}), NotBefore: now(), NotAfter: now().AddDate(5, 0, 0), Key: &keys()[1].PublicKey,
		Personal: jpkica.PersonalNames(jpkica.Holder{Name: "試験　太郎", NameFlags: "00000", Address: "東京", AddressFlags: "00", Sex: "1", BirthDate: "319800217"}),
		ListURI:  "http://issuer.example/list.crl", OCSP: "http://issuer.example/ocsp"}
}

// The four profiles: names that say TEST, policies, usages, and the extensions in the order of the real certificates.
func TestProfiles(t *testing.T) {
	policies := []string{"1.2.392.200149.8.5.1.1.20", "1.2.392.200149.8.5.1.3.30", "1.2.392.200149.8.5.1.1.40", "1.2.392.200149.8.5.1.3.50"}
	for i, p := range profiles() {
		ca := newCA(t, p)
		c, err := ca.Issue(leaf())
		if err != nil {
			t.Fatal(err)
		}
		if len(c.PolicyIdentifiers) != 1 || c.PolicyIdentifiers[0].String() != policies[i] || !slices.Equal(c.CRLDistributionPoints, []string{leaf().ListURI}) ||
			!slices.Equal(c.OCSPServer, []string{leaf().OCSP}) || !bytes.Equal(c.AuthorityKeyId, ca.Certificate().SubjectKeyId) || len(c.SubjectKeyId) != 20 {
			t.Errorf("%+v: policies %v, lists %v, responders %v", p, c.PolicyIdentifiers, c.CRLDistributionPoints, c.OCSPServer)
		}
		var order []string
		for _, e := range c.Extensions {
			order = append(order, e.Id.String())
		}
		second := "2.5.29.17"
		if p.Kind == jpkica.Authentication {
			second = "2.5.29.37"
			if !slices.Equal(c.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}) {
				t.Errorf("%+v: usages %v", p, c.ExtKeyUsage)
			}
		}
		if want := []string{"2.5.29.15", second, "2.5.29.32", "2.5.29.18", "2.5.29.31", "1.3.6.1.5.5.7.1.1", "2.5.29.35", "2.5.29.14"}; !slices.Equal(order, want) {
			t.Errorf("%+v: extensions %v", p, order)
		}
		subject := ca.Certificate().Subject
		if !slices.Equal(subject.Organization, []string{"JPKI-TEST"}) || !slices.Contains(subject.OrganizationalUnit, p.Unit()) {
			t.Errorf("%+v: the CA is %v", p, subject)
		}
		if !ca.Issued(c) {
			t.Errorf("%+v: does not know its own", p)
		}
		for j, q := range profiles() {
			if i != j && newCA(t, q).Issued(c) {
				t.Errorf("%+v takes a certificate of %+v", q, p)
			}
		}
	}
}

func TestIssueRefuses(t *testing.T) {
	ca := newCA(t, profiles()[2])
	for name, change := range map[string]func(l *jpkica.Leaf){
		"beyond the CA": func(l *jpkica.Leaf) { l.NotAfter = now().AddDate(10, 0, 0) },
		"before the CA": func(l *jpkica.Leaf) { l.NotBefore = now().AddDate(-2, 0, 0) },
		"no time":       func(l *jpkica.Leaf) { l.NotAfter = l.NotBefore },
		"no serial":     func(l *jpkica.Leaf) { l.Serial = big.NewInt(-1) },
	} {
		l := leaf()
		change(&l)
		if c, err := ca.Issue(l); err == nil || c != nil {
			t.Errorf("%s: issued", name)
		}
	}
}

func TestOpenCA(t *testing.T) {
	p := profiles()[2]
	ca := newCA(t, p)
	if _, err := jpkica.OpenCA(p, ca.Certificate(), keys()[0]); err != nil {
		t.Error(err)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	leafCert, err := ca.Issue(leaf())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		p    jpkica.Profile
		cert *x509.Certificate
		key  crypto.Signer
	}{
		"another key":     {p, ca.Certificate(), keys()[1]},
		"an EC key":       {p, ca.Certificate(), ec},
		"another profile": {profiles()[3], ca.Certificate(), keys()[0]},
		"the card's CA":   {profiles()[0], ca.Certificate(), keys()[0]},
		"no CA":           {p, leafCert, keys()[1]},
	} {
		if _, err := jpkica.OpenCA(c.p, c.cert, c.key); !errors.Is(err, jpkica.ErrProfile) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := jpkica.NewCA(p, ec, big.NewInt(1), now(), now().AddDate(1, 0, 0)); !errors.Is(err, jpkica.ErrProfile) {
		t.Errorf("a CA of an EC key: %v", err)
	}
}

func TestResponder(t *testing.T) {
	ca := newCA(t, profiles()[2])
	r, err := jpkica.NewResponder(ca)
	if err != nil {
		t.Fatal(err)
	}
	c, err := ca.Issue(leaf())
	if err != nil {
		t.Fatal(err)
	}
	request, err := ocsp.CreateRequest(c, ca.Certificate(), nil)
	if err != nil {
		t.Fatal(err)
	}
	date := now().Add(-time.Hour)
	for name, s := range map[string]struct {
		status jpkica.Status
		want   int
	}{
		"good":    {jpkica.Status{Known: true}, ocsp.Good},
		"unknown": {jpkica.Status{}, ocsp.Unknown},
		"revoked": {jpkica.Status{Known: true, Revoked: &pki.Revocation{Date: date, Reason: pki.Superseded}}, ocsp.Revoked},
	} {
		raw := r.Answer(request, now(), func(serial *big.Int) (jpkica.Status, error) {
			if serial.Cmp(c.SerialNumber) != 0 {
				t.Error("asked about another number")
			}
			return s.status, nil
		})
		got, err := ocsp.ParseResponseForCert(raw, c, ca.Certificate())
		if err != nil || got.Status != s.want || got.Status == ocsp.Revoked && (got.RevocationReason != 4 || !got.RevokedAt.Equal(date)) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		if len(got.Certificate.ExtKeyUsage) != 1 || got.Certificate.ExtKeyUsage[0] != x509.ExtKeyUsageOCSPSigning || got.Certificate.SerialNumber.BitLen() < 60 {
			t.Errorf("%s: the responder is %v", name, got.Certificate.ExtKeyUsage)
		}
	}
	if got := r.Answer(request, now(), func(*big.Int) (jpkica.Status, error) { return jpkica.Status{}, errors.New("no store") }); !bytes.Equal(got, ocsp.InternalErrorErrorResponse) {
		t.Errorf("without a store: %x", got)
	}
}

func TestSerial(t *testing.T) {
	for range 64 {
		n, err := jpkica.Serial(rand.Reader)
		if err != nil || n.Sign() <= 0 || len(n.Bytes()) != 4 || n.Bytes()[0] > 0x7F {
			t.Fatalf("serial number %v: %v", n, err)
		}
	}
	empty := bytes.NewReader(nil)
	if _, err := jpkica.Serial(empty); err == nil {
		t.Error("a number out of nothing")
	}
	if _, err := jpkica.AuthenticationSubject(empty, "13221"); err == nil {
		t.Error("a subject out of nothing")
	}
}
