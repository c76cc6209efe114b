package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"mobileid/mdoc/pki"
)

// ErrNoSigner says that no document signer is valid for as long as was asked.
var ErrNoSigner = errors.New("no document signer in force")

// DocumentSigner is a key that signs and its certificate chain in DER, leaf first, root left out.
type DocumentSigner struct {
	Key   crypto.Signer
	Chain [][]byte
}

// LogValue hides the key.
func (DocumentSigner) LogValue() slog.Value { return slog.StringValue(redacted) }

// Format hides the key under every verb.
func (DocumentSigner) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// Ring holds document signers whose certificates overlap in time, so that a new one takes over before the old one
// ends. It is safe for concurrent use.
type Ring struct {
	anchors *pki.Anchors

	mu      sync.RWMutex // guards signers
	signers []ringSigner
}

type ringSigner struct {
	DocumentSigner
	leaf *x509.Certificate
}

// NewRing makes a ring of signers that all stand under anchors.
func NewRing(anchors *pki.Anchors, signers ...DocumentSigner) (*Ring, error) {
	if anchors == nil {
		return nil, errors.New("making key ring: no anchors")
	}
	if len(signers) == 0 {
		return nil, errors.New("making key ring: no document signer")
	}
	r := &Ring{anchors: anchors}
	for _, d := range signers {
		if err := r.Add(d); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Add takes a further signer into use from its certificate's notBefore on. A chain that readers would refuse, a
// certificate of another key, and a signer that is already there are errors.
func (r *Ring) Add(d DocumentSigner) error {
	leaf, err := r.check(d)
	if err != nil {
		return fmt.Errorf("adding document signer: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.signers {
		if s.leaf.Equal(leaf) {
			return errors.New("adding document signer: it is already in the ring")
		}
	}
	r.signers = append(r.signers, ringSigner{DocumentSigner: d, leaf: leaf})
	return nil
}

// check judges the path in the first second in which both the certificate and its root are in force.
func (r *Ring) check(d DocumentSigner) (*x509.Certificate, error) {
	if len(d.Chain) == 0 {
		return nil, errors.New("no certificate")
	}
	leaf, err := x509.ParseCertificate(d.Chain[0])
	if err != nil {
		return nil, fmt.Errorf("reading certificate: %w", err)
	}
	if err := matches(d.Key, leaf); err != nil {
		return nil, err
	}
	if v := pki.Lint(leaf.Raw, pki.DocumentSigner); !v.OK() {
		return nil, fmt.Errorf("certificate: %s", v)
	}
	_, v, err := r.anchors.Check(d.Chain, pki.DocumentSigner, leaf.NotBefore)
	if err != nil {
		return nil, err
	}
	if !v.OK() {
		return nil, fmt.Errorf("certificate chain: %s", v)
	}
	return leaf, nil
}

// matches reports whether the certificate is the key's.
func matches(key crypto.Signer, leaf *x509.Certificate) error {
	if key == nil {
		return errors.New("no key")
	}
	pub, ok := key.Public().(*ecdsa.PublicKey)
	if !ok || !pub.Equal(leaf.PublicKey) {
		return errors.New("the certificate is another key's")
	}
	return nil
}

// At gives the signer to use at an instant: of those in force that stay so for at least need (the life of what is to be
// signed), the one that stays longest. None is [ErrNoSigner].
func (r *Ring) At(at time.Time, need time.Duration) (DocumentSigner, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var best *ringSigner
	for i := range r.signers {
		s := &r.signers[i]
		if at.Before(s.leaf.NotBefore) || at.Add(need).After(s.leaf.NotAfter) || at.After(s.leaf.NotAfter) {
			continue
		}
		if best == nil || s.leaf.NotAfter.After(best.leaf.NotAfter) {
			best = s
		}
	}
	if best == nil {
		return DocumentSigner{}, fmt.Errorf("choosing document signer: %w", ErrNoSigner)
	}
	return best.DocumentSigner, nil
}

// Until gives the last second in which any signer of the ring is in force: when the next ceremony must have been held.
func (r *Ring) Until() time.Time {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var last time.Time
	for _, s := range r.signers {
		if s.leaf.NotAfter.After(last) {
			last = s.leaf.NotAfter
		}
	}
	return last
}
