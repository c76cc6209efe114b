package issuertest

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/json"
	"testing"

	"mobileid/issuer"
	"mobileid/issuer/card/cardsim"
)

// savedPair is a Pair on its way to another process of the same test.
type savedPair struct{ Key, Cert []byte }

// savedWorld is a World on its way to another process of the same test.
type savedWorld struct {
	IACA, Signer, Status, SERoot savedPair
	OrderKey, Secret, Authority  []byte
}

// Save writes the world down, keys included, for another process of the same test.
func (w *World) Save(t testing.TB) []byte {
	t.Helper()
	authority, err := w.Authority.Save()
	must(t, err)
	raw, err := json.Marshal(savedWorld{IACA: savePair(t, w.IACA), Signer: savePair(t, w.Signer), Status: savePair(t, w.Status),
		SERoot: savePair(t, w.SERoot), OrderKey: saveKey(t, w.OrderKey), Secret: w.Secret, Authority: authority})
	must(t, err)
	return raw
}

// Load reads what Save wrote. The world has a TSM, a JPKI-TEST and a list of denied cards of its own.
func Load(t testing.TB, raw []byte) *World {
	t.Helper()
	var s savedWorld
	must(t, json.Unmarshal(raw, &s))
	w := &World{Now: Instant, Denied: new(issuer.DenyList), IACA: loadPair(t, s.IACA), Signer: loadPair(t, s.Signer),
		Status: loadPair(t, s.Status), SERoot: loadPair(t, s.SERoot), OrderKey: loadKey(t, s.OrderKey), Secret: s.Secret,
		cardKeys: cardsim.NewKeys(nil)}
	var err error
	w.Authority, err = cardsim.ParseAuthority(s.Authority, cardsim.AuthorityConfig{Now: Instant})
	must(t, err)
	w.stand(t)
	return w
}

func savePair(t testing.TB, p Pair) savedPair {
	t.Helper()
	return savedPair{Key: saveKey(t, p.Key), Cert: p.Cert}
}

func loadPair(t testing.TB, p savedPair) Pair {
	t.Helper()
	return Pair{Key: loadKey(t, p.Key), Cert: p.Cert}
}

func saveKey(t testing.TB, k *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(k)
	must(t, err)
	return der
}

func loadKey(t testing.TB, der []byte) *ecdsa.PrivateKey {
	t.Helper()
	k, err := x509.ParsePKCS8PrivateKey(der)
	must(t, err)
	ec, ok := k.(*ecdsa.PrivateKey)
	if !ok {
		t.Fatal("a saved key is not an EC key")
	}
	return ec
}
