package pki

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"mobileid/mdoc/verdict"
)

// Errors of [RevocationLists.Put].
var (
	ErrCRLNotTrusted = errors.New("CRL is not trusted")
	ErrCRLOlder      = errors.New("CRL is older than the one held")
)

// RevocationState is what the lists at hand say of a certificate.
type RevocationState int

// The states. The zero value is not known.
const (
	RevocationUnknown RevocationState = iota // no list at hand, or none in force, or its issuer is not known
	NotRevoked
	Revoked
)

// RevocationAnswer is what the lists at hand say of one certificate.
type RevocationAnswer struct {
	State RevocationState
	// Date and Reason are set when State is Revoked. A certificate on hold is revoked as long as the list says so.
	Date   time.Time
	Reason Reason
	// Measured says it in words, with the list's number and period.
	Measured string
}

// Outcome gives the outcome of a check for revocation: not known is not run.
func (a RevocationAnswer) Outcome() verdict.Outcome {
	switch a.State {
	case NotRevoked:
		return verdict.Pass
	case Revoked:
		return verdict.Fail
	default:
		return verdict.NotRun
	}
}

// RevocationSource tells what is known of a certificate's revocation from what is at hand: it never fetches.
// [RevocationLists] is one.
type RevocationSource interface {
	// Revocation is asked about a leaf that issuer is proved to have issued.
	Revocation(leaf, issuer *x509.Certificate, at time.Time) RevocationAnswer
}

// issuerKey tells issuers apart: a name and a key. Two generations of an authority have lists of their own.
type issuerKey struct{ subject, key string }

func keyOf(c *x509.Certificate) issuerKey {
	return issuerKey{subject: string(c.RawSubject), key: string(c.RawSubjectPublicKeyInfo)}
}

// RevocationLists holds the newest list of each issuer it was made for. It may be used from several goroutines and never
// fetches: [RevocationLists.Put] gives it lists.
type RevocationLists struct {
	issuers []*x509.Certificate

	mu    sync.RWMutex // guards lists
	lists map[issuerKey]*heldCRL
}

// heldCRL is a verified list; its texts are made once, since every check shows one of them.
type heldCRL struct {
	crl  *CRL
	good string
}

// NewRevocationLists makes an empty set for the roots of the anchors given. Lists of others are refused.
func NewRevocationLists(anchors ...*Anchors) *RevocationLists {
	r := &RevocationLists{lists: make(map[issuerKey]*heldCRL)}
	for _, a := range anchors {
		r.issuers = append(r.issuers, a.Certificates()...)
	}
	return r
}

// Put takes a list in DER at the time at. It is refused, and changes nothing, unless it is well-formed and verifies under
// one of the issuers (ErrCRLNotTrusted), and when it is not newer, by number and by thisUpdate, than the one held, unless it is that same list
// (ErrCRLOlder). One from the future is not trusted. An expired one is taken: what it revokes stays revoked, and a
// certificate that it does not name is not known until a newer one comes.
func (r *RevocationLists) Put(der []byte, at time.Time) error {
	c, err := ParseCRL(der)
	if err != nil {
		return fmt.Errorf("taking CRL: %w: %w", ErrCRLNotTrusted, err)
	}
	issuer, err := r.issuerOf(c, at)
	if err != nil {
		return fmt.Errorf("taking CRL: %w", err)
	}
	held := &heldCRL{crl: c, good: "not revoked, CRL " + c.Number().String() + ", " + c.period()}
	key := keyOf(issuer)
	r.mu.Lock()
	defer r.mu.Unlock()
	if old, ok := r.lists[key]; ok && !bytes.Equal(old.crl.Raw(), c.Raw()) {
		if c.Number().Cmp(old.crl.Number()) <= 0 || c.ThisUpdate().Before(old.crl.ThisUpdate()) {
			return fmt.Errorf("taking CRL %s, held number %s: %w", c.Number(), old.crl.Number(), ErrCRLOlder)
		}
	}
	r.lists[key] = held
	return nil
}

// issuerOf finds the issuer under which a list verifies in all but its end. Of several with its name, one will do.
func (r *RevocationLists) issuerOf(c *CRL, at time.Time) (*x509.Certificate, error) {
	refused := fmt.Errorf("%w: crl.issuer fail: no issuer of this name", ErrCRLNotTrusted)
	for _, issuer := range r.issuers {
		if !bytes.Equal(issuer.RawSubject, c.Issuer()) {
			continue
		}
		var v verdict.Verdict
		c.judgeOrigin(&v, issuer)
		c.judgeContent(&v, c.scopeFault())
		v.Record("crl.validity", clauseCRL, !at.Before(c.ThisUpdate()), text(c.outside(at), c.period()))
		if v.OK() {
			return issuer, nil
		}
		refused = fmt.Errorf("%w: %s", ErrCRLNotTrusted, v)
	}
	return nil, refused
}

// Revocation tells what is known of leaf, which issuer issued, at the time at. The caller has proved that it did.
//
// An entry counts whatever the age of the list: what was revoked stays so until a newer list says otherwise.
func (r *RevocationLists) Revocation(leaf, issuer *x509.Certificate, at time.Time) RevocationAnswer {
	if leaf == nil || issuer == nil {
		return RevocationAnswer{Measured: "revocation unknown: no certificate to ask for"}
	}
	r.mu.RLock()
	held := r.lists[issuerKey{subject: string(issuer.RawSubject), key: string(issuer.RawSubjectPublicKeyInfo)}]
	r.mu.RUnlock()
	if held == nil {
		return RevocationAnswer{Measured: "revocation unknown: no CRL of the issuer at hand"}
	}
	if e, found := held.crl.find(leaf.SerialNumber); found {
		what := "revoked "
		if e.Reason == CertificateHold {
			what = "on hold since "
		}
		return RevocationAnswer{State: Revoked, Date: e.Date, Reason: e.Reason,
			Measured: what + e.Date.UTC().Format(time.RFC3339) + ", " + e.Reason.String() + ", CRL " + held.crl.Number().String()}
	}
	if fault := held.crl.outside(at); fault != "" {
		return RevocationAnswer{Measured: "revocation unknown: CRL " + held.crl.Number().String() + " " + fault}
	}
	return RevocationAnswer{State: NotRevoked, Measured: held.good}
}

// Lists gives the lists held, by issuer name.
func (r *RevocationLists) Lists() []*CRL {
	r.mu.RLock()
	defer r.mu.RUnlock()
	out := make([]*CRL, 0, len(r.lists))
	for _, h := range r.lists {
		out = append(out, h.crl)
	}
	slices.SortFunc(out, func(a, b *CRL) int { return strings.Compare(string(a.Issuer()), string(b.Issuer())) })
	return out
}
