package tsm_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"io"
	"math/big"
	"sync"
	"time"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/jpkiap"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm"
	"mobileid/tsm/jpkiapplet"
	"mobileid/tsm/se"
)

const phonePassword = "SIGN2468"

// phoneCA is one of the two CAs of phone certificates.
type phoneCA struct {
	key  *rsa.PrivateKey
	cert *x509.Certificate
}

// phoneKeys are the RSA keys of all tests: making one takes long.
var phoneKeys = sync.OnceValue(func() (k struct {
	elements                  []*rsa.PrivateKey
	signature, authentication phoneCA
}) {
	for range 4 {
		k.elements = append(k.elements, newRSA())
	}
	k.signature, k.authentication = newPhoneCA("TEST signature"), newPhoneCA("TEST authentication")
	return k
})

func newRSA() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}

func newPhoneCA(name string) phoneCA {
	key := newRSA()
	from := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	t := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: from, NotAfter: from.AddDate(40, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err == nil {
		t, err = x509.ParseCertificate(der)
	}
	if err != nil {
		panic(err)
	}
	return phoneCA{key, t}
}

func phoneAnchors() [][]byte {
	k := phoneKeys()
	return [][]byte{k.signature.cert.Raw, k.authentication.cert.Raw}
}

// phoneKind is the applet of the phone certificates, whose keys are the shared ones in turn.
func (w *world) phoneKind() se.Kind {
	return jpkiapplet.Kind(jpkiapplet.Options{Keys: func(io.Reader) (*rsa.PrivateKey, error) {
		w.born++
		all := phoneKeys().elements
		return all[w.born%len(all)], nil
	}})
}

// certified remembers what was certified: the sweeps ask for the same over and over.
var certified sync.Map

// certify makes a certificate that needs no profile but its key usage.
func (i *issuer) certify(ca phoneCA, key *rsa.PublicKey, usage x509.KeyUsage) []byte {
	t := &x509.Certificate{SerialNumber: big.NewInt(int64(len(i.issued) + 7)), Subject: pkix.Name{CommonName: "holder"},
		NotBefore: i.now().Add(-time.Minute), NotAfter: i.now().AddDate(5, 0, 0), KeyUsage: usage}
	name := fmt.Sprint(key.N, t.SerialNumber, usage, t.NotBefore)
	if der, found := certified.Load(name); found {
		return der.([]byte) //nolint:forcetypeassert // stored below
	}
	der, err := x509.CreateCertificate(rand.Reader, t, ca.cert, key, ca.key)
	check(i.t, err)
	certified.Store(name, der)
	return der
}

// attestedPhone is Attested for phone certificates. The caller holds mu.
func (i *issuer) attestedPhone(raw []byte, roots *pki.Anchors) ([]byte, error) {
	signed, err := provisioning.ParsePhoneAttestation(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", tsm.ErrIssuerRefused, err)
	}
	a, seKey, v, err := signed.Verify(roots, i.now())
	if err != nil || !v.OK() {
		return nil, fmt.Errorf("%w: %w: %v", tsm.ErrIssuerRefused, err, v.Failed())
	}
	order, ok := i.orders[hex.EncodeToString(a.OrderID)]
	if !ok {
		return nil, tsm.ErrIssuerRefused
	}
	if err := a.Answers(&order); err != nil {
		return nil, fmt.Errorf("%w: %w", tsm.ErrIssuerRefused, err)
	}
	authentication, signature, err := a.Keys()
	check(i.t, err)
	return i.once(order, raw, seKey, a.SealingKey, func() []byte {
		k := phoneKeys()
		set, err := provisioning.CertificateSet{
			Signature:        i.certify(k.signature, signature, x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment),
			SignatureCA:      k.signature.cert.Raw,
			Authentication:   i.certify(k.authentication, authentication, x509.KeyUsageDigitalSignature),
			AuthenticationCA: k.authentication.cert.Raw,
		}.Bytes()
		check(i.t, err)
		return set
	})
}

// certificate reads one of the two certificates behind its secret, and has its key sign.
func (w *world) certificate(secret, file, key uint16, value string) []byte {
	w.t.Helper()
	var der []byte
	for _, c := range []apdu.Command{
		{INS: 0xA4, P1: 0x04, P2: 0x0C, Data: jpkiap.AID()},
		{INS: 0x20, P2: 0x80 | byte(secret), Data: []byte(value)},
		{INS: 0xB0, P1: 0x80 | byte(file), Le: 4096, Extended: true},
		{CLA: 0x80, INS: 0x2A, P1: 0x03, P2: 0x80 | byte(key), Data: []byte("a challenge"), Le: 256},
	} {
		r, err := apdu.Exchange(w.t.Context(), w.element, c)
		check(w.t, err)
		check(w.t, r.Err())
		switch c.INS {
		case 0xB0:
			der = r.Data
		case 0x2A:
			parsed, err := x509.ParseCertificate(der)
			check(w.t, err)
			check(w.t, parsed.CheckSignature(x509.SHA256WithRSA, []byte("a challenge"), r.Data))
		}
	}
	return der
}

// presentsPhone proves that both phone certificates can be used, and that they are of one set that was issued: for the
// order, if one is named.
func (w *world) presentsPhone(order []byte) {
	w.t.Helper()
	w.element.Reset()
	authentication := w.certificate(jpkiap.AuthenticationPIN, jpkiap.AuthenticationCertificate, jpkiap.AuthenticationKey, "2468")
	signature := w.certificate(jpkiap.SignaturePassword, jpkiap.SignatureCertificate, jpkiap.SignatureKey, phonePassword)
	for id, known := range w.issuer.issued {
		set, err := provisioning.ParseCertificateSet(known.issuerSigned)
		if err == nil && bytes.Equal(set.Authentication, authentication) && bytes.Equal(set.Signature, signature) {
			if order != nil && w.job(order).OrderID != id {
				w.t.Error("the phone certificates are those of another order")
			}
			return
		}
	}
	w.t.Error("the phone certificates are no set that was issued")
}
