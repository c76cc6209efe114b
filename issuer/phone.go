package issuer

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"time"

	"mobileid/issuer/card"
	"mobileid/issuer/card/jpki/jpkica"
	"mobileid/issuer/store"
	"mobileid/mdoc/jpkiap"
	"mobileid/mdoc/provisioning"
)

// phoneYears is how many birthdays phone certificates see after their issue.
const phoneYears = 5

// PhoneConfig has the two CAs of phone certificates (スマホ用電子証明書).
type PhoneConfig struct {
	Signature, Authentication *jpkica.CA
	// URL is where this issuer's doors are; the certificates name the lists and responders under it, and it never changes.
	URL string
}

func (c *PhoneConfig) validate() error {
	if c == nil {
		return nil
	}
	if c.Signature == nil || c.Signature.Profile != (jpkica.Profile{Kind: jpkica.Signature, Phone: true}) ||
		c.Authentication == nil || c.Authentication.Profile != (jpkica.Profile{Kind: jpkica.Authentication, Phone: true}) {
		return errors.New("phone certificates: not a signature CA and a user authentication CA for phones")
	}
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("phone certificates: URL is not an http or https address")
	}
	return nil
}

// phones is what the issuer has for phone certificates.
type phones struct {
	config    *PhoneConfig
	authority map[store.CertificateKind]*phoneAuthority
	sealer    cardSealer
	following sync.Mutex // held through a pass of FollowCards
}

// phoneAuthority is one of the two CAs with what it publishes.
type phoneAuthority struct {
	ca        *jpkica.CA
	responder *jpkica.Responder
	list      publishedList
}

func newPhones(c *PhoneConfig, key []byte) (*phones, error) {
	if c == nil {
		return nil, nil
	}
	p := &phones{config: c, authority: map[store.CertificateKind]*phoneAuthority{}}
	for kind, ca := range map[store.CertificateKind]*jpkica.CA{store.SignatureCertificate: c.Signature, store.AuthenticationCertificate: c.Authentication} {
		r, err := jpkica.NewResponder(ca)
		if err != nil {
			return nil, fmt.Errorf("phone certificates: %w", err)
		}
		p.authority[kind] = &phoneAuthority{ca: ca, responder: r}
	}
	var err error
	p.sealer, err = newCardSealer(key)
	return p, err
}

// place is the address of a list or responder, as it stands in certificates.
func (p *phones) place(kind store.CertificateKind, what string) string {
	return p.config.URL + "/v1/phone-certificates/" + string(kind) + what
}

// bornKeys digests the two keys of an attestation.
func bornKeys(a *provisioning.PhoneAttestation) [sha256.Size]byte {
	return sha256.Sum256(append(append([]byte{}, a.AuthenticationKey...), a.SignatureKey...))
}

// verifyPhoneAttestation is verifyAttestation for phone certificates: the element must protect the keys as the applet of the phone does.
func (s *Service) verifyPhoneAttestation(signed *provisioning.SignedPhoneAttestation, now time.Time) (*provisioning.PhoneAttestation, crypto.PublicKey, error) {
	a, seKey, v, err := signed.Verify(s.config.SERoots, now)
	if err != nil {
		return nil, nil, err
	}
	if !v.OK() || a == nil {
		return nil, nil, refused("attestation", v)
	}
	if a.PINTries < 1 || a.PINTries > jpkiap.PINTries || a.PasswordTries < 1 || a.PasswordTries > jpkiap.PasswordTries {
		return nil, nil, &RefusedError{What: "attestation", Checks: []string{"attestation.try_limit"}}
	}
	return a, seKey, nil
}

// issuePhone is the way of phone certificates from row to release, in the order of issue. The caller holds h.mu.
func (s *Service) issuePhone(ctx context.Context, h *holding, o store.Order, a *provisioning.PhoneAttestation) ([]byte, error) {
	// 1. What can be known to be wrong is found before a row is spent.
	if s.phones == nil || h.card == nil {
		return nil, ErrGone
	}
	now := s.now().Truncate(time.Second)
	until, err := s.phones.until(h.identity, h.card, now)
	if err != nil {
		return nil, err
	}
	// 2. The row with its serial numbers, on disk.
	row, err := s.reservePhone(ctx, h, o, a, now, until)
	if err != nil {
		return nil, err
	}
	ctx = context.WithoutCancel(ctx)
	// 3. The signatures, once each.
	s.log.InfoContext(ctx, "signing phone certificates", "credential", row.ID)
	set, err := s.certify(h.identity, h.card, row, a)
	if err != nil {
		return nil, err
	}
	raw, err := set.Bytes()
	if err != nil {
		return nil, err
	}
	defer clear(raw)
	// 4. The outcome, on disk.
	digest := sha256.Sum256(raw)
	if err := s.config.Store.MarkSigned(ctx, row.ID, digest[:], s.now()); err != nil {
		return nil, err
	}
	sealed, err := provisioning.Seal(a.SealingKey, a.OrderID, a.SEID, o.Slot, raw)
	if err != nil {
		return nil, err
	}
	// 5. The gate.
	if err := s.config.Store.Release(ctx, row.ID, s.now()); err != nil {
		return nil, err
	}
	h.identity, h.card, h.row, h.sealed, h.born, h.sealing = nil, nil, row.ID, sealed, bornKeys(a), a.SealingKey
	s.log.InfoContext(ctx, "phone certificates released", "credential", row.ID, "order", o.ID)
	return sealed, nil
}

// until is the end of phone certificates: the fifth birthday after their own issue, and never beyond the card, the card's signature certificate
// or the CAs.
func (p *phones) until(id *card.Identity, c *x509.Certificate, now time.Time) (time.Time, error) {
	end := card.EndOfDay(card.BirthdayAfter(id.BirthDate, card.DayInJapan(now), phoneYears))
	for _, limit := range []time.Time{id.CardExpiry, c.NotAfter, p.config.Signature.Certificate().NotAfter, p.config.Authentication.Certificate().NotAfter} {
		if limit.Before(end) {
			end = limit
		}
	}
	if end.Before(now.Add(leastLife)) {
		return time.Time{}, ErrValidity
	}
	return end.UTC(), nil
}

// drawsOfSerials bounds the draws for a free pair of serial numbers: with a million given out, each draw fails once in a thousand times.
const drawsOfSerials = 16

func (s *Service) reservePhone(ctx context.Context, h *holding, o store.Order, a *provisioning.PhoneAttestation, now, until time.Time) (store.Credential, error) {
	id, err := s.random(idSize)
	if err != nil {
		return store.Credential{}, err
	}
	cardName, err := s.phones.sealer.seal(s.config.Rand, nameOf(h.card))
	if err != nil {
		return store.Credential{}, err
	}
	key := bornKeys(a)
	for range drawsOfSerials {
		set := &store.PhoneSet{Card: cardName}
		for _, into := range []*uint64{&set.Signature, &set.Authentication} {
			serial, err := jpkica.Serial(s.config.Rand)
			if err != nil {
				return store.Credential{}, err
			}
			*into = serial.Uint64()
		}
		row, err := s.config.Store.Reserve(ctx, store.Reservation{ID: hex.EncodeToString(id), OrderID: o.ID, DeviceKey: key[:], Signed: now,
			ValidUntil: until, Substituted: h.identity.NameSubstitutes, At: now, Phone: set})
		if errors.Is(err, store.ErrSerial) {
			continue
		}
		if err != nil {
			return store.Credential{}, err
		}
		s.log.InfoContext(ctx, "row of phone certificates reserved", "credential", row.ID, "order", o.ID)
		return row, nil
	}
	return store.Credential{}, store.ErrSerial
}

// certify signs both certificates of a row. The signature certificate names the holder exactly as the card's does.
func (s *Service) certify(id *card.Identity, c *x509.Certificate, row store.Credential, a *provisioning.PhoneAttestation) (*provisioning.CertificateSet, error) {
	authentication, signature, err := a.Keys()
	if err != nil {
		return nil, err
	}
	subject, err := jpkica.AuthenticationSubject(s.config.Rand, id.LocalGovCode)
	if err != nil {
		return nil, err
	}
	leaf := func(kind store.CertificateKind, serial uint64) jpkica.Leaf {
		return jpkica.Leaf{Serial: serialNumber(serial), NotBefore: row.Signed.Add(-backdated), NotAfter: row.ValidUntil,
			ListURI: s.phones.place(kind, ".crl"), OCSP: s.phones.place(kind, "/ocsp")}
	}
	forSigning := leaf(store.SignatureCertificate, row.Phone.Signature)
	forSigning.Key, forSigning.Personal, forSigning.Subject = signature, personalNames(c), phoneSubject(c, row)
	forAuth := leaf(store.AuthenticationCertificate, row.Phone.Authentication)
	forAuth.Key, forAuth.Subject = authentication, subject
	s1, err := s.phones.config.Signature.Issue(forSigning)
	if err != nil {
		return nil, err
	}
	s2, err := s.phones.config.Authentication.Issue(forAuth)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(personalNames(s1), personalNames(c)) {
		return nil, &RefusedError{What: "certificate", Checks: []string{"certificate.holder"}}
	}
	return &provisioning.CertificateSet{Signature: s1.Raw, SignatureCA: s.phones.config.Signature.Certificate().Raw,
		Authentication: s2.Raw, AuthenticationCA: s.phones.config.Authentication.Certificate().Raw}, nil
}

// PhoneAnchors are the certificates of the CAs of phone certificates, DER; none when none are issued here.
func (s *Service) PhoneAnchors() [][]byte {
	if s.phones == nil {
		return nil
	}
	return slices.Clone([][]byte{s.phones.config.Signature.Certificate().Raw, s.phones.config.Authentication.Certificate().Raw})
}
