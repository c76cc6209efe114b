package holder

import (
	"context"
	"crypto/ecdh"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"

	"mobileid/mdoc"
	"mobileid/mdoc/cbor"
)

// DeviceKey is the private half of an MSO's device key. It is used for signatures or for MACs all its life, never both
// (ISO/IEC 18013-5 second edition, 12.4). Each call needs a fresh proof that the holder is present.
type DeviceKey interface {
	// SignDevice signs a whole Sig_structure over DeviceAuthenticationBytes and gives r and s side by side.
	SignDevice(ctx context.Context, sigStructure []byte) ([]byte, error)
	// MACDevice agrees with the reader's key, derives EMacKey with the salt and gives the HMAC over a whole MAC_structure.
	MACDevice(ctx context.Context, eReaderKey *ecdh.PublicKey, salt, macStructure []byte) ([]byte, error)
}

// Proof says how a credential's device key proves itself.
type Proof int

// The two proofs of ISO/IEC 18013-5:2021, 9.1.3.
const (
	BySignature Proof = iota
	ByMAC
)

// Credential is one document in the wallet.
type Credential struct {
	issued *mdoc.IssuerSigned
	mso    *mdoc.MobileSecurityObject
	key    DeviceKey
	proof  Proof
	own    []mdoc.Element // signed by the device
}

// NewCredential takes an encoded IssuerSigned, of which it keeps slices, and the key named in its MSO.
func NewCredential(issuerSigned []byte, key DeviceKey, proof Proof) (*Credential, error) {
	if key == nil {
		return nil, errors.New("holding a credential: no device key")
	}
	issued, err := mdoc.ParseIssuerSigned(issuerSigned)
	if err != nil {
		return nil, fmt.Errorf("holding a credential: %w", err)
	}
	mso, err := issued.MSO()
	if err != nil {
		return nil, fmt.Errorf("holding a credential: %w", err)
	}
	return &Credential{issued: issued, mso: mso, key: key, proof: proof}, nil
}

// DocType is the docType of the MSO.
func (c *Credential) DocType() string { return c.mso.DocType }

// ErrNotAuthorized is returned for an element that the issuer does not let the device sign.
var ErrNotAuthorized = errors.New("the device key may not sign this element")

// SignElement adds an element that the device signs itself when it is asked for. The MSO's key authorizations must cover it, and the
// issuer must not have signed it as well. It is called before the credential is used.
func (c *Credential) SignElement(namespace, identifier string, value cbor.RawMessage) error {
	if !c.mso.DeviceKeyInfo.KeyAuthorizations.Authorizes(namespace, identifier) {
		return fmt.Errorf("adding a device-signed element: %w", ErrNotAuthorized)
	}
	if c.has(namespace, identifier) {
		return errors.New("adding a device-signed element: it is there already")
	}
	if err := cbor.Wellformed(value); err != nil {
		return fmt.Errorf("adding a device-signed element: %w", err)
	}
	c.own = append(c.own, mdoc.Element{NameSpace: namespace, Identifier: identifier, Value: value})
	return nil
}

func (c *Credential) has(namespace, identifier string) bool {
	if _, ok := c.issued.Item(namespace, identifier); ok {
		return true
	}
	for _, e := range c.own {
		if e.NameSpace == namespace && e.Identifier == identifier {
			return true
		}
	}
	return false
}

// stock is what a credential can answer to one reader: all but what a restriction keeps from it.
type stock struct {
	*Credential
	permits func(namespace, identifier string) bool
}

// Has implements mdoc.Stock.
func (s stock) Has(namespace, identifier string) bool {
	return s.permits(namespace, identifier) && s.has(namespace, identifier)
}

// Ages implements mdoc.Stock.
func (s stock) Ages(namespace string) map[int]bool {
	out := map[int]bool{}
	add := func(identifier string, raw cbor.RawMessage) {
		nn, ok := mdoc.AgeOver(identifier)
		var value bool
		if ok && s.permits(namespace, identifier) && cbor.Unmarshal(raw, &value) == nil {
			out[nn] = value
		}
	}
	items, _ := s.issued.NameSpaces.Get(namespace)
	for i := range items {
		add(items[i].Value.ElementIdentifier, items[i].Value.ElementValue)
	}
	for _, e := range s.own {
		if e.NameSpace == namespace {
			add(e.Identifier, e.Value)
		}
	}
	return out
}

// authorityKeyIDs gives the authority key identifiers of the issuer's certificates.
func (c *Credential) authorityKeyIDs() [][]byte {
	sign1, err := c.issued.Sign1()
	if err != nil {
		return nil
	}
	chain, err := sign1.X5Chain()
	if err != nil {
		return nil
	}
	var out [][]byte
	for _, der := range chain {
		if cert, err := x509.ParseCertificate(der); err == nil {
			out = append(out, cert.AuthorityKeyId)
		}
	}
	return out
}

// disclose gives the issuer-signed part with the agreed elements only, in the bytes received.
func (c *Credential) disclose(agreed []Element) mdoc.IssuerSigned {
	out := mdoc.IssuerSigned{IssuerAuth: c.issued.IssuerAuth}
	for _, ns := range c.issued.NameSpaces {
		var items []mdoc.IssuerSignedItemBytes
		for i := range ns.Value {
			if listed(agreed, ns.Key, ns.Value[i].Value.ElementIdentifier) {
				items = append(items, ns.Value[i])
			}
		}
		if len(items) > 0 {
			out.NameSpaces = append(out.NameSpaces, cbor.Entry[string, []mdoc.IssuerSignedItemBytes]{Key: ns.Key, Value: items})
		}
	}
	return out
}

// sign gives the agreed elements that the device signs.
func (c *Credential) sign(agreed []Element) mdoc.DeviceNameSpaces {
	out := mdoc.DeviceNameSpaces{}
	for _, e := range c.own {
		if !listed(agreed, e.NameSpace, e.Identifier) {
			continue
		}
		at := slices.IndexFunc(out, func(ns cbor.Entry[string, cbor.Map[string, cbor.RawMessage]]) bool { return ns.Key == e.NameSpace })
		if at < 0 {
			at = len(out)
			out = append(out, cbor.Entry[string, cbor.Map[string, cbor.RawMessage]]{Key: e.NameSpace})
		}
		out[at].Value = append(out[at].Value, cbor.Entry[string, cbor.RawMessage]{Key: e.Identifier, Value: e.Value})
	}
	return out
}

func listed(elements []Element, namespace, identifier string) bool {
	for _, e := range elements {
		if e.NameSpace == namespace && e.Identifier == identifier {
			return true
		}
	}
	return false
}
