package cardsim

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"

	"mobileid/issuer/card"
	"mobileid/mdoc/cbor"
)

// ErrSaved says that bytes are no saved card or authority.
var ErrSaved = errors.New("not a saved card or authority")

const (
	savedVersion   = 2
	authorityFirst = 1 // an authority without the key of the Issuer Security Domain
	maxSaved       = 1 << 20
)

// savedKey is a private key by file or role, in PKCS#8 (RFC 5958):
//
//	key = [id: uint, pkcs8: bstr]
type savedKey struct {
	_     struct{} `cbor:",toarray"`
	ID    uint64
	PKCS8 []byte
}

// savedFile is a data file, filler included. The encoding is that of RFC 8949:
//
//	file = [id: uint, content: bstr]
type savedFile struct {
	_       struct{} `cbor:",toarray"`
	ID      uint64
	Content []byte
}

// savedSecret is a secret with the tries left. The encoding is that of RFC 8949:
//
//	secret = [id: uint, value: bstr, tries: uint]
type savedSecret struct {
	_     struct{} `cbor:",toarray"`
	ID    uint64
	Value []byte
	Tries uint64
}

// savedCard is a card as Save writes it; no standard covers it, the encoding is that of RFC 8949:
//
//	card = [version: 2, generation: 1 / 2, holder: Person as a map, files: [* file], keys: [* key], secrets: [* secret]]
type savedCard struct {
	_          struct{} `cbor:",toarray"`
	Version    uint64
	Generation uint64
	Person     Person
	Files      []savedFile
	Keys       []savedKey
	Secrets    []savedSecret
}

// savedAuthority is an Authority as Save writes it; the encoding is that of RFC 8949. Key ids are 1 signature CA, 2 authentication CA, 23 and
// 33 the municipal CAs, 20 the CA of the Issuer Security Domain, which an authority of version 1 lacks and gets anew:
//
//	authority = [version: 2, keys: [5*5 key], signature-ca: bstr, authentication-ca: bstr]
type savedAuthority struct {
	_              struct{} `cbor:",toarray"`
	Version        uint64
	Keys           []savedKey
	Signature      []byte
	Authentication []byte
}

// Save writes the card down whole, private keys, secrets and try counters included, for a test phone that is run more than once. The caller
// keeps it where only that phone reads it.
func (k *Card) Save() ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.snapshot()
}

func (k *Card) snapshot() ([]byte, error) {
	s := savedCard{Version: savedVersion, Generation: uint64(k.generation), Person: k.person, Keys: k.keys}
	s.Person.Portrait = []byte{}
	for _, id := range sortedIDs(k.files) {
		switch f := k.files[id]; {
		case f.key != nil && k.keys == nil:
			key, err := saveKey(uint64(id), f.key)
			if err != nil {
				return nil, err
			}
			s.Keys = append(s.Keys, key)
		case f.secret != nil:
			s.Secrets = append(s.Secrets, savedSecret{ID: uint64(id), Value: f.secret.value, Tries: uint64(f.secret.tries)}) //nolint:gosec // 0 to 10
		case f.data != nil:
			s.Files = append(s.Files, savedFile{ID: uint64(id), Content: f.data})
		}
	}
	k.keys = s.Keys
	return cbor.Marshal(s)
}

// ParseCard reads what Save wrote. The card is out of the field, with its counters as they were; it keeps them in memory alone (OpenState
// keeps them on disk).
func ParseCard(raw []byte) (*Card, error) {
	var s savedCard
	if err := parseSaved(raw, &s); err != nil {
		return nil, err
	}
	if s.Version != savedVersion || s.Generation != uint64(currentGeneration) && s.Generation != uint64(nextGeneration) {
		return nil, fmt.Errorf("reading a saved card: version %d, generation %d: %w", s.Version, s.Generation, ErrSaved)
	}
	g := generation(s.Generation) //nolint:gosec // 1 or 2
	c, err := s.contents(g)
	if err != nil {
		return nil, fmt.Errorf("reading a saved card: %w", err)
	}
	s.Person.Portrait = nil
	k := newCard(s.Person, c, g)
	for id, f := range k.files {
		if f.secret == nil {
			continue
		}
		at := slices.IndexFunc(s.Secrets, func(v savedSecret) bool { return v.ID == uint64(id) })
		if at < 0 || s.Secrets[at].Tries > uint64(f.secret.limit) { //nolint:gosec // 0 to 10
			return nil, fmt.Errorf("reading a saved card: a secret is missing or has too many tries: %w", ErrSaved)
		}
		f.secret.value, f.secret.tries = s.Secrets[at].Value, int(s.Secrets[at].Tries) //nolint:gosec // at most the limit
	}
	return k, nil
}

func (s *savedCard) contents(g generation) (*contents, error) {
	c := newContents()
	for _, f := range s.Files {
		if f.ID>>16 > uint64(nextFace) || len(f.Content) == 0 || len(f.Content) > card.MaxFile {
			return nil, fmt.Errorf("a file is none of a card: %w", ErrSaved)
		}
		c.data[card.FileID(f.ID)] = f.Content //nolint:gosec // below 8·2^16
	}
	if g == nextGeneration {
		for _, id := range nextKeys {
			key, err := findKey[*ecdsa.PrivateKey](s.Keys, uint64(id))
			if err != nil {
				return nil, err
			}
			c.keys[id] = key
		}
		return c, nil
	}
	for _, id := range keyFiles {
		key, err := findKey[*rsa.PrivateKey](s.Keys, uint64(id))
		if err != nil {
			return nil, err
		}
		c.keys[id] = key
	}
	return c, nil
}

// Save writes the authority down with its private keys, so that cards of several processes chain to the same roots. The keys of municipalities
// are not kept: they are made and certified anew.
func (a *Authority) Save() ([]byte, error) {
	s := savedAuthority{Version: savedVersion, Signature: a.signature.cert.Raw, Authentication: a.authentication.cert.Raw}
	for _, k := range []struct {
		id  uint64
		key *rsa.PrivateKey
	}{{1, a.signature.key}, {2, a.authentication.key}, {23, a.municipal[roleFace].key}, {33, a.municipal[roleAttributes].key}, {20, a.municipal[roleRoot].key}} {
		key, err := saveKey(k.id, k.key)
		if err != nil {
			return nil, err
		}
		s.Keys = append(s.Keys, key)
	}
	return cbor.Marshal(s)
}

// ParseAuthority reads what Authority.Save wrote. Of the configuration, Keys and Rand are used for what it issues from now on.
func ParseAuthority(raw []byte, c AuthorityConfig) (*Authority, error) {
	var s savedAuthority
	if err := parseSaved(raw, &s); err != nil {
		return nil, err
	}
	if s.Version != savedVersion && s.Version != authorityFirst {
		return nil, fmt.Errorf("reading a saved authority: version %d: %w", s.Version, ErrSaved)
	}
	a := blankAuthority(c)
	for _, ca := range []struct {
		*certificateAuthority
		id   uint64
		cert []byte
	}{{&a.signature, 1, s.Signature}, {&a.authentication, 2, s.Authentication}} {
		var err error
		if ca.key, err = findKey[*rsa.PrivateKey](s.Keys, ca.id); err != nil {
			return nil, fmt.Errorf("reading a saved authority: %w", err)
		}
		ca.certificateAuthority.cert, err = x509.ParseCertificate(ca.cert)
		if err != nil || !ca.key.PublicKey.Equal(ca.certificateAuthority.cert.PublicKey) {
			return nil, fmt.Errorf("reading a saved authority: a certificate is not of its key: %w", ErrSaved)
		}
	}
	for role, id := range map[string]uint64{roleFace: 23, roleAttributes: 33, roleRoot: 20} {
		key, err := findKey[*rsa.PrivateKey](s.Keys, id)
		if role == roleRoot && s.Version == authorityFirst {
			key, err = a.keys()
		}
		if err != nil {
			return nil, fmt.Errorf("reading a saved authority: %w", err)
		}
		a.municipal[role] = cvAuthority{id: caKeyID("90000" + role), key: key}
	}
	return a, nil
}

func parseSaved(raw []byte, v any) error {
	if len(raw) > maxSaved {
		return fmt.Errorf("reading a saved card or authority: %d bytes: %w", len(raw), ErrSaved)
	}
	if err := cbor.Unmarshal(raw, v); err != nil {
		return fmt.Errorf("reading a saved card or authority: %w: %w", ErrSaved, err)
	}
	return nil
}

func saveKey(id uint64, key crypto.Signer) (savedKey, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return savedKey{}, fmt.Errorf("encoding a private key: %w", err)
	}
	return savedKey{ID: id, PKCS8: der}, nil
}

// findKey finds an RSA-2048 or P-384 key by its id.
func findKey[K crypto.Signer](keys []savedKey, id uint64) (key K, err error) {
	for _, k := range keys {
		if k.ID != id {
			continue
		}
		parsed, err := x509.ParsePKCS8PrivateKey(k.PKCS8)
		if err != nil {
			return key, fmt.Errorf("%w: a key is no PKCS#8", ErrSaved)
		}
		if key, ok := parsed.(K); ok && fitsCard(parsed) {
			return key, nil
		}
	}
	return key, fmt.Errorf("a key is missing or of another kind: %w", ErrSaved)
}

func fitsCard(key any) bool {
	switch k := key.(type) {
	case *rsa.PrivateKey:
		return k.N.BitLen() == 2048
	case *ecdsa.PrivateKey:
		return k.Curve == elliptic.P384()
	default:
		return false
	}
}
