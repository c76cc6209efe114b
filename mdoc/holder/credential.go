package holder

import (
	"context"
	"crypto/ecdh"
	"errors"
	"fmt"

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

// ages gives the age attestations of a namespace by NN.
func (c *Credential) ages(namespace string) map[int]bool {
	out := map[int]bool{}
	items, _ := c.issued.NameSpaces.Get(namespace)
	for i := range items {
		nn, ok := mdoc.AgeOver(items[i].Value.ElementIdentifier)
		var value bool
		if ok && cbor.Unmarshal(items[i].Value.ElementValue, &value) == nil {
			out[nn] = value
		}
	}
	return out
}

// maxAges is how many age attestations one request may be answered with (ISO/IEC 18013-5:2021, 7.2.5).
const maxAges = 2

// candidates lists what the credential could answer to the request, in the order asked, each element once.
func (c *Credential) candidates(request mdoc.ItemsRequest) []Element {
	var out []Element
	ages := 0
	for _, ns := range request.NameSpaces {
		for _, asked := range ns.Value {
			answer := asked.Key
			if nn, isAge := mdoc.AgeOver(asked.Key); isAge {
				if ages++; ages > maxAges {
					continue
				}
				at, ok := mdoc.SelectAgeOver(c.ages(ns.Key), nn)
				if !ok {
					continue
				}
				answer = mdoc.AgeOverIdentifier(at)
			}
			if _, have := c.issued.Item(ns.Key, answer); !have || listed(out, ns.Key, answer) {
				continue
			}
			out = append(out, Element{NameSpace: ns.Key, Asked: asked.Key, Identifier: answer, Retain: asked.Value})
		}
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
