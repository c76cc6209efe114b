package issuertest

import (
	"crypto/ecdh"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"math/big"
	"sync"
	"testing"

	"mobileid/issuer"
	"mobileid/issuer/card/cardsim"
	"mobileid/issuer/card/jpki/jpkica"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/provisioning"
)

// PhoneURL is where the doors of an issuer of phone certificates are said to be.
const PhoneURL = "https://issuer.example"

// phoneKeys are RSA keys for all worlds: making one takes long. Each order takes another pair of them.
var phoneKeys = sync.OnceValues(func() ([]*rsa.PrivateKey, error) { return cardsim.MakeKeys(6, cardsim.NewKeys(nil)) })

// phonePair gives out pairs of keys, none twice.
type phonePair struct {
	mu   sync.Mutex // guards next
	next int
}

func (p *phonePair) draw(t testing.TB) (authentication, signature *rsa.PrivateKey) {
	t.Helper()
	keys, err := phoneKeys()
	must(t, err)
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(keys)
	if p.next == n*(n-1) {
		t.Fatal("no pair of keys is left")
	}
	i, j := p.next/(n-1), p.next%(n-1)
	if j >= i {
		j++
	}
	p.next++
	return keys[i], keys[j]
}

// Phone makes the CAs of phone certificates, which last ten years.
func (w *World) Phone(t testing.TB) *issuer.PhoneConfig {
	t.Helper()
	keys, err := phoneKeys()
	must(t, err)
	ca := func(kind jpkica.Kind, key *rsa.PrivateKey) *jpkica.CA {
		c, err := jpkica.NewCA(jpkica.Profile{Kind: kind, Phone: true}, key, big.NewInt(7), Instant().AddDate(0, 0, -1), Instant().AddDate(10, 0, 0))
		must(t, err)
		return c
	}
	return &issuer.PhoneConfig{Signature: ca(jpkica.Signature, keys[0]), Authentication: ca(jpkica.Authentication, keys[1]), URL: PhoneURL}
}

// PhoneKeys are what an SE made for one order of phone certificates.
type PhoneKeys struct {
	Attestation               provisioning.PhoneAttestation
	Signed                    []byte
	Authentication, Signature *rsa.PrivateKey
	sealing                   *ecdh.PrivateKey
}

// AttestPhone makes the keys of an order; alter may change the attestation before it is signed.
func (w *World) AttestPhone(t testing.TB, e *SE, o provisioning.Order, alter func(*provisioning.PhoneAttestation)) PhoneKeys {
	t.Helper()
	sealing, err := ecdh.P256().GenerateKey(rand.Reader)
	must(t, err)
	sealingKey, err := cose.NewKey(sealing.PublicKey())
	must(t, err)
	k := PhoneKeys{sealing: sealing}
	k.Authentication, k.Signature = w.pairs.draw(t)
	k.Attestation = provisioning.PhoneAttestation{OrderID: o.ID, Challenge: o.Challenge, SEID: e.ID,
		AuthenticationKey: x509.MarshalPKCS1PublicKey(&k.Authentication.PublicKey), SignatureKey: x509.MarshalPKCS1PublicKey(&k.Signature.PublicKey),
		SealingKey: sealingKey, AppletVersion: "1.0", PINTries: 3, PasswordTries: 5}
	if alter != nil {
		alter(&k.Attestation)
	}
	k.Signed, err = provisioning.SignPhoneAttestation(e.Pair.Key, [][]byte{e.Pair.Cert}, k.Attestation)
	must(t, err)
	return k
}

// OpenSet opens what was sealed to the keys.
func (e *SE) OpenSet(t testing.TB, k PhoneKeys, sealed []byte) (set *provisioning.CertificateSet, raw []byte) {
	t.Helper()
	a := k.Attestation
	raw, err := provisioning.Open(k.sealing, a.OrderID, a.SEID, 1, sealed)
	must(t, err)
	set, err = provisioning.ParseCertificateSet(raw)
	must(t, err)
	return set, raw
}

// ReceiptPhone signs that the certificates were committed.
func (e *SE) ReceiptPhone(t testing.TB, k PhoneKeys, raw []byte) []byte {
	t.Helper()
	digest := sha256.Sum256(raw)
	return e.SignReceipt(t, provisioning.Receipt{Kind: provisioning.ReceiptCommitted, OrderID: k.Attestation.OrderID, SEID: e.ID, Slot: 1,
		Digest: digest[:], Counter: e.Next(), Application: provisioning.ApplicationPhoneCertificates})
}
