package benchmark

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"slices"
	"time"

	"mobileid/issuer/card"
	"mobileid/issuer/card/cardsim"
	"mobileid/issuer/card/jpki"
	"mobileid/issuer/card/jpki/jpkisim"
)

// evidenceVerifications are the RSA verifications of one reading: two certificates by their CAs, the statement; and of each of
// 補助AP and 券面AP the municipality's certificate, the records (two, one) and the proof of presence.
const evidenceVerifications = 2 + 1 + 4 + 3

// cardReading is a reading with a portrait of portraitSize, and what an issuer checks it against.
type cardReading struct {
	raw    []byte
	config card.CheckConfig
	key    *rsa.PrivateKey // one of the hierarchy
}

// evidence compares the issuer's whole check of a reading, from its bytes to the identity with the status of both certificates at
// hand, with its RSA verifications.
func evidence(ctx context.Context, h harness, w *world, p *printer) error {
	r, err := w.cardReading(ctx)
	if err != nil {
		return err
	}
	if err := r.refusals(); err != nil {
		return err
	}
	bare, err := r.floor()
	if err != nil {
		return err
	}
	m, err := h.compare(ctx, r.check, bare)
	if err != nil {
		return err
	}
	p.comment("check of a card reading of %d bytes %s, %d RSA-2048 verifications %s", len(r.raw), m.function, evidenceVerifications, m.floor)
	p.ratio("evidence_check_over_rsa", m.ratio)
	return nil
}

// cardReading personalises a card and taps it.
func (w *world) cardReading(ctx context.Context) (*cardReading, error) {
	keys, err := cardsim.MakeKeys(3, cardsim.NewKeys(nil))
	if err != nil {
		return nil, err
	}
	now := func() time.Time { return w.now }
	authority, err := cardsim.NewAuthority(cardsim.AuthorityConfig{Now: now, Keys: cardsim.SharedKeys(keys...)})
	if err != nil {
		return nil, err
	}
	person, _ := cardsim.PersonByID("nineteen", w.now)
	model, err := cardsim.New(person, authority, cardsim.Options{Keys: cardsim.SharedKeys(keys...), Alter: func(d *cardsim.Draft) {
		d.Face.Portrait = append(d.Face.Portrait, make([]byte, max(0, portraitSize-len(d.Face.Portrait)))...)
	}})
	if err != nil {
		return nil, err
	}
	challenge, binding := make([]byte, 32), make([]byte, 10)
	_, _ = rand.Read(challenge) // never fails
	reading, err := card.Read(ctx, model, person.Secrets(), card.Options{Challenge: challenge, Binding: binding, Extended: true})
	if err != nil {
		return nil, err
	}
	raw, err := reading.Bytes()
	if err != nil {
		return nil, err
	}
	pair, err := jpkisim.New(authority, now)
	if err != nil {
		return nil, err
	}
	source, err := jpki.New(jpki.Config{Authorities: pair.Places("http://jpki-test.example"), Transport: pair.Transport()})
	if err != nil {
		return nil, err
	}
	return &cardReading{raw: raw, key: keys[0], config: card.CheckConfig{SignatureRoots: authority.SignatureRoots(),
		AuthenticationRoots: authority.AuthenticationRoots(), MunicipalRoots: authority.MunicipalRoots(), Challenge: challenge,
		Binding: binding, At: w.now, Status: func(certificate, issuer *x509.Certificate) card.StatusAnswer {
			return source.Status(ctx, certificate, issuer, w.now)
		}}}, nil
}

// check is what an issuer does with the bytes of a reading.
func (r *cardReading) check() error { return r.judge(r.raw) }

var errReading = errors.New("the reading is refused")

func (r *cardReading) judge(raw []byte) error {
	reading, err := card.ParseReading(raw)
	if err != nil {
		return err
	}
	id, v, err := card.Check(reading, r.config)
	switch {
	case err != nil:
		return err
	case id == nil || !v.OK():
		return errReading
	}
	return nil
}

// refusals makes sure that what is timed judges: the reading is accepted, and refused in 256 changed forms.
func (r *cardReading) refusals() error {
	if err := r.check(); err != nil {
		return err
	}
	changed := slices.Clone(r.raw)
	for i := range 256 {
		at := i * len(changed) / 256
		changed[at] ^= 1
		if r.judge(changed) == nil {
			return errors.New("a changed reading is accepted")
		}
		changed[at] ^= 1
	}
	if !bytes.Equal(changed, r.raw) {
		return errors.New("the reading was not restored")
	}
	return nil
}

// floor makes the bare verifications into a function.
func (r *cardReading) floor() (func() error, error) {
	digest := sha256.Sum256([]byte("a digest"))
	signature, err := rsa.SignPKCS1v15(nil, r.key, crypto.SHA256, digest[:])
	if err != nil {
		return nil, err
	}
	return func() error {
		for range evidenceVerifications {
			if err := rsa.VerifyPKCS1v15(&r.key.PublicKey, crypto.SHA256, digest[:], signature); err != nil {
				return err
			}
		}
		return nil
	}, nil
}
