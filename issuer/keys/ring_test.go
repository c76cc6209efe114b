package keys_test

import (
	"bytes"
	"crypto/x509"
	"errors"
	"sync"
	"testing"
	"time"

	"mobileid/issuer/keys"
	"mobileid/mdoc/pki"
)

const month = 30 * 24 * time.Hour

// rotation has three generations of signers under one root: the second overlaps the first by two months, the third
// begins after a gap.
type rotation struct {
	ring  *keys.Ring
	chain [3][]byte
	from  [3]time.Time
	until [3]time.Time
}

func signerAt(tb testing.TB, a *keys.Authority, from, until time.Time) keys.DocumentSigner {
	tb.Helper()
	root, err := x509.ParseCertificate(a.IACA.Certificate)
	if err != nil {
		tb.Fatal(err)
	}
	key := a.DocumentSigner.Key
	der, err := pki.Create(pki.Template{Profile: pki.DocumentSigner, Country: "JP", CommonName: "TEST signer", CRLURI: "https://issuer.example/crl",
		IssuerAltURI: "https://issuer.example/", NotBefore: from, NotAfter: until}, key.Public(), root, a.IACA.Key, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return keys.DocumentSigner{Key: key, Chain: [][]byte{der}}
}

func newRotation(tb testing.TB) rotation {
	a := newAuthority(tb)
	anchors, err := a.IACA.Anchors()
	if err != nil {
		tb.Fatal(err)
	}
	r := rotation{
		from:  [3]time.Time{now, now.Add(10 * month), now.Add(25 * month)},
		until: [3]time.Time{now.Add(12 * month), now.Add(22 * month), now.Add(30 * month)},
	}
	var signers []keys.DocumentSigner
	for i := range r.from {
		s := signerAt(tb, a, r.from[i], r.until[i])
		r.chain[i] = s.Chain[0]
		signers = append(signers, s)
	}
	if r.ring, err = keys.NewRing(anchors, signers...); err != nil {
		tb.Fatal(err)
	}
	return r
}

func TestRing(t *testing.T) {
	r := newRotation(t)
	for _, c := range []struct {
		name string
		at   time.Time
		need time.Duration
		want int // generation, or -1
	}{
		{"before the first", r.from[0].Add(-time.Second), 0, -1},
		{"first second of the first", r.from[0], month, 0},
		{"before the overlap", r.from[1].Add(-time.Second), 0, 0},
		{"in the overlap the newer takes over", r.from[1], month, 1},
		{"last second of the first, newer in force", r.until[0], 0, 1},
		{"need just met", r.until[1].Add(-month), month, 1},
		{"need missed by a second", r.until[1].Add(-month + time.Second), month, -1},
		{"first cannot meet the need, second has not begun", r.from[1].Add(-time.Second), 3 * month, -1},
		{"last second of the second", r.until[1], 0, 1},
		{"in the gap", r.until[1].Add(time.Second), 0, -1},
		{"third", r.from[2], month, 2},
		{"after all", r.until[2].Add(time.Second), 0, -1},
		{"after all, with a negative need", r.until[2].Add(time.Second), -month, -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := r.ring.At(c.at, c.need)
			if c.want < 0 {
				if !errors.Is(err, keys.ErrNoSigner) || got.Key != nil {
					t.Errorf("error %v, expected ErrNoSigner", err)
				}
				return
			}
			if err != nil || !bytes.Equal(got.Chain[0], r.chain[c.want]) || got.Key == nil {
				t.Errorf("not generation %d: %v", c.want, err)
			}
		})
	}
	if !r.ring.Until().Equal(r.until[2]) {
		t.Errorf("until %v, expected %v", r.ring.Until(), r.until[2])
	}
}

func TestRingRefuses(t *testing.T) {
	a, b := newAuthority(t), newAuthority(t)
	anchors, err := a.IACA.Anchors()
	if err != nil {
		t.Fatal(err)
	}
	ring, err := keys.NewRing(anchors, a.DocumentSigner)
	if err != nil {
		t.Fatal(err)
	}
	for name, d := range map[string]keys.DocumentSigner{
		"already there":     a.DocumentSigner,
		"another authority": b.DocumentSigner,
		"status signer":     a.StatusSigner,
		"reader":            a.Reader,
		"root":              {Key: a.IACA.Key, Chain: [][]byte{a.IACA.Certificate}},
		"another key":       {Key: b.DocumentSigner.Key, Chain: a.DocumentSigner.Chain},
		"no key":            {Chain: a.DocumentSigner.Chain},
		"no certificate":    {Key: a.DocumentSigner.Key},
		"garbage":           {Key: a.DocumentSigner.Key, Chain: [][]byte{{1}}},
		"root in the chain": {Key: a.DocumentSigner.Key, Chain: [][]byte{a.DocumentSigner.Chain[0], a.IACA.Certificate}},
	} {
		t.Run(name, func(t *testing.T) {
			if err := ring.Add(d); err == nil {
				t.Error("taken into the ring")
			}
		})
	}
	if _, err := keys.NewRing(nil, a.DocumentSigner); err == nil {
		t.Error("a ring without anchors")
	}
	if _, err := keys.NewRing(anchors); err == nil {
		t.Error("a ring without signers")
	}
	if _, err := keys.NewRing(anchors, b.DocumentSigner); err == nil {
		t.Error("a ring with another authority's signer")
	}
}

// TestRingWhileItGrows takes signers in while others ask for one: there is always one to give.
func TestRingWhileItGrows(t *testing.T) {
	a := newAuthority(t)
	anchors, err := a.IACA.Anchors()
	if err != nil {
		t.Fatal(err)
	}
	ring, err := keys.NewRing(anchors, a.DocumentSigner)
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 200 {
				if _, err := ring.At(now, month); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range 8 {
		if err := ring.Add(signerAt(t, a, now, now.Add(time.Duration(i+2)*month))); err != nil {
			t.Error(err)
		}
	}
	group.Wait()
}
