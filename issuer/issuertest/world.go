// Package issuertest is everything around an issuer in a test: the certificates, the modelled cards, a TSM that keeps what
// it is given, and secure elements that attest and open. It is imported by tests only.
//
// It plays the other parties with their real messages: readings come from a modelled card, attestations and receipts are
// signed, sealed credentials are opened with the sealing key. It trusts nothing the issuer says without verifying it.
//
// Start at New.
package issuertest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"testing"
	"time"

	"mobileid/issuer"
	"mobileid/issuer/card"
	"mobileid/issuer/card/cardsim"
	"mobileid/issuer/card/jpki"
	"mobileid/issuer/card/jpki/jpkisim"
	"mobileid/issuer/keys"
	"mobileid/issuer/revocation"
	"mobileid/issuer/store"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/provisioning"
)

// OperatorToken opens the revocation desk of a world.
const OperatorToken = "an operator's token for tests, 32 bytes or more"

// StatusURI is where the list of a world is said to be.
const StatusURI = "https://issuer.example/v1/status-lists/1"

// Instant is when a world begins: noon in Japan of an ordinary day.
func Instant() time.Time { return time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC) }

// Pair is a key and its certificate.
type Pair struct {
	Key  *ecdsa.PrivateKey
	Cert []byte
}

// World is one issuing authority with what surrounds it.
type World struct {
	Now       func() time.Time
	IACA      Pair
	Signer    Pair
	Status    Pair
	SERoot    Pair
	OrderKey  *ecdsa.PrivateKey
	Secret    []byte
	Authority *cardsim.Authority
	Denied    *issuer.DenyList
	JPKI      *jpkisim.Pair
	TSM       *TSM
	cardKeys  cardsim.KeySource
	pairs     phonePair // of phones
}

// New makes a world that stands still at Instant.
func New(t testing.TB) *World {
	t.Helper()
	w := &World{Now: Instant, Denied: new(issuer.DenyList), Secret: make([]byte, 32)}
	must(t, fill(w.Secret))
	from, until := Instant().AddDate(0, -1, 0), Instant().AddDate(1, 0, 0)
	w.IACA = w.root(t, pki.Template{Profile: pki.IACA, Country: "JP", CommonName: "IACA TEST", NotBefore: from.AddDate(0, 0, -1),
		NotAfter: from.AddDate(8, 0, 0), IssuerAltURI: "https://issuer.example"})
	w.SERoot = w.root(t, pki.Template{Profile: pki.SERoot, CommonName: "SE Root TEST", NotBefore: from.AddDate(0, 0, -1),
		NotAfter: from.AddDate(8, 0, 0)})
	w.Signer = w.Issue(t, w.IACA, pki.Template{Profile: pki.DocumentSigner, Country: "JP", CommonName: "DS TEST", NotBefore: from,
		NotAfter: until, CRLURI: "https://issuer.example/crl", IssuerAltURI: "https://issuer.example"})
	w.Status = w.Issue(t, w.IACA, pki.Template{Profile: pki.StatusSigner, Country: "JP", CommonName: "Status TEST", NotBefore: from,
		NotAfter: until})
	w.OrderKey = key(t)

	keys, err := cardsim.MakeKeys(3, cardsim.NewKeys(nil))
	must(t, err)
	w.cardKeys = cardsim.SharedKeys(keys...)
	w.Authority, err = cardsim.NewAuthority(cardsim.AuthorityConfig{Now: Instant, Keys: w.cardKeys})
	must(t, err)
	w.stand(t)
	return w
}

// stand makes what is not saved: the TSM, and JPKI-TEST with nothing revoked.
func (w *World) stand(t testing.TB) {
	t.Helper()
	w.TSM = w.newTSM()
	var err error
	w.JPKI, err = jpkisim.New(w.Authority, func() time.Time { return w.Now() })
	must(t, err)
}

// CardStatus asks JPKI-TEST in process, behind the world's own list of denied cards.
func (w *World) CardStatus() card.StatusSource {
	s, err := jpki.New(jpki.Config{Authorities: w.JPKI.Places("http://jpki-test.example"), Transport: w.JPKI.Transport()})
	if err != nil {
		panic("issuertest: internal error: " + err.Error())
	}
	return w.Denied.Before(s)
}

func (w *World) newTSM() *TSM {
	return &TSM{Key: &w.OrderKey.PublicKey, Now: func() time.Time { return w.Now() }}
}

// Open makes an issuer over the store in the file at path, which is closed at the end of the test.
func (w *World) Open(t testing.TB, path string, alter func(*issuer.Config)) (*issuer.Service, *store.Embedded) {
	t.Helper()
	s, err := store.Open(path, true)
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	c := w.Config(s)
	if alter != nil {
		alter(&c)
	}
	service, err := issuer.New(t.Context(), c)
	must(t, err)
	return service, s
}

// Wallet is a phone with one of the model's people and a secure element of its own.
func (w *World) Wallet(t testing.TB, person, seID string) Wallet {
	t.Helper()
	return Wallet{Card: w.Card(t, person, nil), SE: w.SE(t, seID), Slot: 1, Purpose: provisioning.PurposeSign}
}

// Config is a complete configuration over a store.
func (w *World) Config(s store.Store) issuer.Config {
	hash := sha256.Sum256([]byte(OperatorToken))
	return issuer.Config{Store: s, Orders: w.TSM, OrderKey: w.OrderKey, Signers: w,
		Anchors: w.anchors(w.IACA), SERoots: w.anchors(w.SERoot), CardSignatureRoots: w.Authority.SignatureRoots(),
		CardAuthenticationRoots: w.Authority.AuthenticationRoots(),
		CardMunicipalRoots:      w.Authority.MunicipalRoots(), CardStatus: w.CardStatus(), StatusKey: w.Status.Key,
		StatusChain: [][]byte{w.Status.Cert}, StatusURI: StatusURI, Secret: w.Secret, Authority: "試験発行者 TEST",
		Operators: []revocation.Operator{{Name: "desk", TokenHash: hash[:]}},
		Now:       func() time.Time { return w.Now() }}
}

// At makes the world an issuer.Signers with one signer.
func (w *World) At(time.Time, time.Duration) (keys.DocumentSigner, error) {
	return keys.DocumentSigner{Key: w.Signer.Key, Chain: [][]byte{w.Signer.Cert}}, nil
}

// IACAAnchors are the roots a verifier trusts.
func (w *World) IACAAnchors() *pki.Anchors { return w.anchors(w.IACA) }

func (w *World) anchors(p Pair) *pki.Anchors {
	a, err := pki.NewAnchors(p.Cert)
	if err != nil {
		panic("issuertest: internal error: " + err.Error())
	}
	return a
}

// Card personalises a card of one of the model's people.
func (w *World) Card(t testing.TB, id string, alter func(*cardsim.Person, *cardsim.Options)) *cardsim.Card {
	t.Helper()
	p, ok := cardsim.PersonByID(id, Instant())
	if !ok {
		t.Fatalf("no person %s", id)
	}
	o := cardsim.Options{Keys: w.cardKeys}
	if alter != nil {
		alter(&p, &o)
	}
	c, err := cardsim.New(p, w.Authority, o)
	must(t, err)
	return c
}

// Tap reads a card for a challenge and a secure element.
func Tap(ctx context.Context, t testing.TB, c *cardsim.Card, challenge, seID []byte, number bool) []byte {
	t.Helper()
	r, err := card.Read(ctx, c, c.Person().Secrets(), card.Options{Challenge: challenge, Binding: seID,
		WithIndividualNumber: number, Extended: true})
	must(t, err)
	raw, err := r.Bytes()
	must(t, err)
	return raw
}

// Issue makes a certificate under a parent with a new key.
func (w *World) Issue(t testing.TB, parent Pair, template pki.Template) Pair {
	t.Helper()
	k := key(t)
	issuerCert, err := x509.ParseCertificate(parent.Cert)
	must(t, err)
	der, err := pki.Create(template, &k.PublicKey, issuerCert, parent.Key, nil)
	must(t, err)
	return Pair{Key: k, Cert: der}
}

func (w *World) root(t testing.TB, template pki.Template) Pair {
	t.Helper()
	k := key(t)
	der, err := pki.Create(template, &k.PublicKey, nil, k, nil)
	must(t, err)
	return Pair{Key: k, Cert: der}
}

func key(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return k
}

func fill(b []byte) error {
	_, err := rand.Read(b)
	return err
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
