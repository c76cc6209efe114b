package jpkiapplet_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"sync"
	"testing"
	"time"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/jpkiap"
	"mobileid/mdoc/mdoctest/world"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm/gp"
	"mobileid/tsm/jpkiapplet"
	"mobileid/tsm/se"
	"mobileid/tsm/se/setest"
)

const (
	testPIN      = "2468"
	testPassword = "SIGN2468"
)

// authority is a CA of the two kinds of certificate.
type authority struct {
	key  *rsa.PrivateKey
	cert *x509.Certificate
}

// shared are keys for all tests: making one takes long.
type shared struct {
	elements        []*rsa.PrivateKey
	signature, auth authority
	stranger        authority
}

var keys = sync.OnceValue(func() *shared {
	s := &shared{}
	for range 6 {
		s.elements = append(s.elements, newKey())
	}
	s.signature, s.auth, s.stranger = newAuthority("signature TEST"), newAuthority("authentication TEST"), newAuthority("signature TEST")
	return s
})

func newKey() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
}

func newAuthority(name string) authority {
	a := authority{key: newKey()}
	from := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	t := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: from, NotAfter: from.AddDate(40, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign}
	der, err := x509.CreateCertificate(rand.Reader, t, t, a.key.Public(), a.key)
	if err == nil {
		a.cert, err = x509.ParseCertificate(der)
	}
	if err != nil {
		panic(err)
	}
	return a
}

// issued remembers what was issued: the sweeps ask for the same over and over.
var issued sync.Map

// issue makes a certificate that needs no profile but its key usage.
func (a authority) issue(tb testing.TB, key *rsa.PublicKey, usage x509.KeyUsage, at time.Time) []byte {
	tb.Helper()
	name := fmt.Sprint(a.key.N, key.N, usage, at)
	if der, found := issued.Load(name); found {
		return der.([]byte) //nolint:forcetypeassert // stored below
	}
	der := a.issueNew(tb, key, usage, at)
	issued.Store(name, der)
	return der
}

func (a authority) issueNew(tb testing.TB, key *rsa.PublicKey, usage x509.KeyUsage, at time.Time) []byte {
	tb.Helper()
	return a.create(tb, key, &x509.Certificate{KeyUsage: usage}, at)
}

// create fills in what certificates have in common.
func (a authority) create(tb testing.TB, key *rsa.PublicKey, template *x509.Certificate, at time.Time) []byte {
	tb.Helper()
	template.SerialNumber, template.Subject = big.NewInt(7), pkix.Name{CommonName: "holder"}
	template.NotBefore, template.NotAfter = at.Add(-time.Minute), at.AddDate(5, 0, 0)
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key, a.key)
	if err != nil {
		tb.Fatal(err)
	}
	return der
}

const (
	usageSignature = x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment
	usageAuth      = x509.KeyUsageDigitalSignature
)

// bench is an element.
type bench struct {
	*setest.Element
	tb  testing.TB
	now time.Time

	looks int               // of the sweeps
	pool  []*rsa.PrivateKey // what keys are born from

	mu   sync.Mutex // guards next
	next int
}

// made is an element for all tests.
var made setest.Mould

func newBench(tb testing.TB) *bench {
	tb.Helper()
	element := made.Cast(tb, func(tb testing.TB) *setest.Element {
		tb.Helper()
		w := world.New(tb)
		e := setest.New(tb, w.Now, w.IACA.Raw)
		e.Factory.CertificateAnchors = [][]byte{keys().signature.cert.Raw, keys().auth.cert.Raw}
		e.Again(tb)
		return e
	})
	b := &bench{tb: tb, now: element.Config.Now(), pool: keys().elements, Element: element}
	b.Config.Applets = []se.Kind{jpkiapplet.Kind(jpkiapplet.Options{Keys: b.key})}
	return b
}

// key hands out the shared keys of the pool in turn.
func (b *bench) key(io.Reader) (*rsa.PrivateKey, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.next++
	return b.pool[b.next%len(b.pool)], nil
}

// job is one provisioning of phone certificates.
type job struct {
	setest.Job
	attested *provisioning.PhoneAttestation
	set      provisioning.CertificateSet
	alter    func(*provisioning.CertificateSet)
}

func newJob(tb testing.TB, b *bench) *job {
	tb.Helper()
	return &job{Job: setest.NewJob(tb, b.Element, provisioning.Order{Slot: 1, Purpose: provisioning.PurposeSign,
		Application: provisioning.ApplicationPhoneCertificates})}
}

// session opens a session and directs it to the instance, which it installs if need be.
func (b *bench) session(ctx context.Context, t apdu.Transmitter) (*setest.Host, error) {
	return b.Session(ctx, t, []byte(gp.PhoneInstance))
}

// run does what is left of the job, in a new session.
func (j *job) run(ctx context.Context, b *bench, t apdu.Transmitter) error {
	h, err := b.session(ctx, t)
	if err != nil {
		return err
	}
	return j.Run(ctx, h, func() error { return j.issue(b) })
}

// issue is the issuer's part: judge the attestation, certify its keys, seal.
func (j *job) issue(b *bench) error {
	signed, err := provisioning.ParsePhoneAttestation(j.Attestation)
	if err != nil {
		return err
	}
	a, key, v, err := signed.Verify(b.Roots, b.now)
	if err != nil {
		return err
	}
	if !v.OK() {
		return fmt.Errorf("attestation: %+v", v.Failed())
	}
	if err := a.Answers(&j.Order); err != nil {
		return err
	}
	auth, signature, err := a.Keys()
	if err != nil {
		return err
	}
	k := keys()
	j.attested = a
	j.set = provisioning.CertificateSet{Signature: k.signature.issue(b.tb, signature, usageSignature, b.now), SignatureCA: k.signature.cert.Raw,
		Authentication: k.auth.issue(b.tb, auth, usageAuth, b.now), AuthenticationCA: k.auth.cert.Raw}
	if j.alter != nil {
		j.alter(&j.set)
	}
	raw, err := j.set.Bytes()
	if err != nil {
		return err
	}
	return j.Seal(a.SealingKey, key, raw)
}

// wipe empties the application under the job's order id.
func (j *job) wipe(ctx context.Context, b *bench, t apdu.Transmitter) error {
	h, err := b.session(ctx, t)
	if err != nil {
		return err
	}
	return j.Wipe(ctx, h)
}

// phone sends commands as a reader does.
type phone struct {
	tb testing.TB
	t  apdu.Transmitter
}

// say sends a command in hex and demands a status word.
func (p phone) say(want apdu.SW, c apdu.Command) []byte {
	p.tb.Helper()
	r, err := apdu.Exchange(p.tb.Context(), p.t, c)
	if err != nil {
		p.tb.Fatal(err)
	}
	if r.SW != want {
		p.tb.Errorf("%02X%02X%02X%02X: %v, expected %v", c.CLA, c.INS, c.P1, c.P2, r.SW, want)
	}
	return r.Data
}

func (p phone) app() {
	p.tb.Helper()
	p.say(apdu.OK, apdu.Command{INS: 0xA4, P1: 0x04, P2: 0x0C, Data: jpkiap.AID()})
}

func (p phone) file(want apdu.SW, id uint16) {
	p.tb.Helper()
	p.say(want, apdu.Command{INS: 0xA4, P1: 0x02, P2: 0x0C, Data: []byte{0, byte(id)}})
}

func (p phone) verify(want apdu.SW, id uint16, value string) {
	p.tb.Helper()
	p.file(apdu.OK, id)
	p.say(want, apdu.Command{INS: 0x20, P2: 0x80, Data: []byte(value)})
}

// whole reads a file from end to end in short commands.
func (p phone) whole(want apdu.SW, id uint16) []byte {
	p.tb.Helper()
	p.file(apdu.OK, id)
	var out []byte
	for {
		r, err := apdu.Exchange(p.tb.Context(), p.t, apdu.Command{INS: 0xB0, P1: byte(len(out) >> 8), P2: byte(len(out)), Le: 256})
		if err != nil {
			p.tb.Fatal(err)
		}
		if r.SW == apdu.OffsetOutside && len(out) > 0 {
			return out
		}
		if r.SW != want {
			p.tb.Errorf("reading %02X: %v, expected %v", id, r.SW, want)
		}
		if r.SW != apdu.OK {
			return nil
		}
		out = append(out, r.Data...)
	}
}

// provisioned is an element with certificates, PIN and password.
func provisioned(tb testing.TB, b *bench) (*se.SE, *job) {
	tb.Helper()
	s := b.On(tb)
	j := newJob(tb, b)
	c := jpkiapplet.NewClient(s)
	if err := errors.Join(j.run(tb.Context(), b, s), c.ChoosePIN(tb.Context(), testPIN), c.ChoosePassword(tb.Context(), testPassword)); err != nil {
		tb.Fatal(err)
	}
	return s, j
}

// infoOf is the state as GET DATA tells it.
func infoOf(ctx context.Context, t apdu.Transmitter) (jpkiapplet.Info, error) {
	info, err := jpkiapplet.NewClient(t).Info(ctx)
	if errors.Is(err, jpkiapplet.ErrEmpty) {
		return jpkiapplet.Info{}, nil
	}
	return info, err
}

// proved reads a certificate behind its secret, and may have its key sign something.
func proved(ctx context.Context, t apdu.Transmitter, secret, certificate, key uint16, value string, sign bool) ([]byte, error) {
	var out []byte
	commands := []apdu.Command{
		{INS: 0xA4, P1: 0x04, P2: 0x0C, Data: jpkiap.AID()},
		{INS: 0x20, P2: 0x80 | byte(secret), Data: []byte(value)},
		{INS: 0xB0, P1: 0x80 | byte(certificate), Le: 4096, Extended: true},
		{CLA: 0x80, INS: 0x2A, P1: 0x03, P2: 0x80 | byte(key), Data: []byte("a challenge"), Le: 256},
	}
	if !sign {
		commands = commands[:3]
	}
	for _, c := range commands {
		r, err := apdu.Exchange(ctx, t, c)
		if err == nil {
			err = r.Err()
		}
		if err != nil {
			return nil, err
		}
		switch c.INS {
		case 0xB0:
			out = r.Data
		case 0x2A:
			parsed, err := x509.ParseCertificate(out)
			if err != nil {
				return nil, err
			}
			if err := parsed.CheckSignature(x509.SHA256WithRSA, []byte("a challenge"), r.Data); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}
