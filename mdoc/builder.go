package mdoc

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
)

const (
	saltSize    = 16 // each item's random, ISO/IEC 18013-5:2021, 9.1.2.5
	maxElements = 1024
)

// Element is one data element and its value as encoded CBOR.
type Element struct {
	NameSpace  string
	Identifier string
	Value      cbor.RawMessage
}

// Draft is what an issuer wants to sign. Times are cut to whole seconds in UTC.
type Draft struct {
	DocType string
	// Elements are written namespace by namespace, in the order of the first element of each; identifiers are unique within
	// a namespace.
	Elements  []Element
	DeviceKey cose.Key
	Signed    time.Time
	ValidFrom time.Time
	// ValidUntil must lie after ValidFrom. That it lies within the signer certificate is checked on the signed result.
	ValidUntil time.Time
	// ExpectedUpdate is left out when zero.
	ExpectedUpdate time.Time
	// Status is the entry of a status list; it is left out when its URI is empty.
	Status StatusListRef
	// IdentifierList is the other kind of list, optional. At least one of the two is given.
	IdentifierList *IdentifierListRef
	// KeyAuthorizations name what the device key may sign, nil for nothing.
	KeyAuthorizations *KeyAuthorizations
}

// Prepared is an MSO ready to be signed, with its items. It is signed at most once.
type Prepared struct {
	out    []byte // IssuerSigned up to and including the key "issuerAuth"
	mso    []byte // MobileSecurityObjectBytes, the payload of issuerAuth
	signed atomic.Bool
}

// ErrSpent is returned when a Prepared is signed a second time.
var ErrSpent = errors.New("this MSO has been signed already")

// Prepare draws the salts and digest ids from random (nil means crypto/rand), hashes the items and builds the MSO: ISO/IEC
// 18013-5:2021, 9.1.2.4 and 9.1.2.5. Digest ids are a random permutation, so that they tell nothing about the elements.
func Prepare(d Draft, random io.Reader) (*Prepared, error) {
	if random == nil {
		random = rand.Reader
	}
	if err := d.validate(); err != nil {
		return nil, fmt.Errorf("preparing MSO: %w", err)
	}
	if len(d.Elements) == 0 {
		return d.prepareEmpty(random)
	}
	// One read for all salts and the seed of the permutation.
	n := len(d.Elements)
	pool := make([]byte, n*saltSize+8*n)
	if _, err := io.ReadFull(random, pool); err != nil {
		return nil, fmt.Errorf("preparing MSO: %w", err)
	}
	ids := permutation(n, pool[n*saltSize:])
	size := 64
	for _, e := range d.Elements {
		size += len(e.Value) + len(e.Identifier) + len(e.NameSpace) + saltSize + 80
	}
	spaces := d.nameSpaces()
	p := &Prepared{out: make([]byte, 0, size+n*36+len(d.DeviceKey.Bytes())+2048)}
	digests := make([][sha256.Size]byte, n)
	p.out = cbor.AppendText(cbor.AppendMapHead(p.out, 2), "nameSpaces")
	p.out = cbor.AppendMapHead(p.out, len(spaces))
	for _, ns := range spaces {
		p.out = cbor.AppendArrayHead(cbor.AppendText(p.out, ns.name), len(ns.elements))
		for _, i := range ns.elements {
			start := len(p.out)
			p.out = appendItem(p.out, ids[i], pool[i*saltSize:(i+1)*saltSize], d.Elements[i])
			digests[i] = sha256.Sum256(p.out[start:])
		}
	}
	p.out = cbor.AppendText(p.out, "issuerAuth")
	p.mso = cbor.AppendEmbedded(nil, d.appendMSO(make([]byte, 0, 512+n*40), spaces, ids, digests))
	return p, nil
}

// space is a namespace with the places of its elements in the draft.
type space struct {
	name     string
	elements []int
}

func (d *Draft) nameSpaces() []space {
	var out []space
next:
	for i, e := range d.Elements {
		for s := range out {
			if out[s].name == e.NameSpace {
				out[s].elements = append(out[s].elements, i)
				continue next
			}
		}
		out = append(out, space{name: e.NameSpace, elements: append(make([]int, 0, len(d.Elements)), i)})
	}
	return out
}

func (d *Draft) validate() error {
	switch {
	case d.DocType == "":
		return errors.New("no docType")
	case len(d.Elements) == 0 && d.KeyAuthorizations == nil || len(d.Elements) > maxElements:
		return fmt.Errorf("%d elements", len(d.Elements))
	case d.Signed.IsZero() || d.ValidFrom.Before(d.Signed) || !d.ValidUntil.After(d.ValidFrom):
		return errors.New("signed, validFrom and validUntil are out of order")
	}
	if _, err := d.DeviceKey.Public(); err != nil {
		return err
	}
	if err := d.checkStatus(); err != nil {
		return err
	}
	if k := d.KeyAuthorizations; k != nil {
		if err := k.check(); err != nil {
			return err
		}
	}
	seen := make(map[[2]string]struct{}, len(d.Elements))
	for _, e := range d.Elements {
		key := [2]string{e.NameSpace, e.Identifier}
		if _, twice := seen[key]; twice || e.NameSpace == "" || e.Identifier == "" {
			return fmt.Errorf("element %q without a namespace or given twice", e.Identifier)
		}
		seen[key] = struct{}{}
		if err := cbor.Wellformed(e.Value); err != nil {
			return fmt.Errorf("element %q: %w", e.Identifier, err)
		}
	}
	return nil
}

// permutation orders 0..n-1 by random 64-bit words: Fisher and Yates with a bias below n/2^64.
func permutation(n int, random []byte) []uint64 {
	out := make([]uint64, n)
	for i := range out {
		out[i] = uint64(i) //nolint:gosec // an index
	}
	for i := n - 1; i > 0; i-- {
		j := binary.BigEndian.Uint64(random[8*i:]) % uint64(i+1) //nolint:gosec // positive
		out[i], out[j] = out[j], out[i]
	}
	return out
}

// appendItem writes an IssuerSignedItemBytes.
func appendItem(b []byte, id uint64, salt []byte, e Element) []byte {
	size := 1 + len("\x68digestID") + cbor.HeadSize(int(id)) + len("\x66random") + 1 + len(salt) + //nolint:gosec // below maxElements
		len("\x71elementIdentifier") + cbor.HeadSize(len(e.Identifier)) + len(e.Identifier) + len("\x6celementValue") + len(e.Value)
	b = cbor.AppendHead(cbor.AppendTag(b, 24), 2, uint64(size)) //nolint:gosec // positive
	b = cbor.AppendUint(append(cbor.AppendMapHead(b, 4), "\x68digestID"...), id)
	b = cbor.AppendBytes(append(b, "\x66random"...), salt)
	b = cbor.AppendText(append(b, "\x71elementIdentifier"...), e.Identifier)
	return append(append(b, "\x6celementValue"...), e.Value...)
}

func (d *Draft) appendMSO(b []byte, spaces []space, ids []uint64, digests [][sha256.Size]byte) []byte {
	b = cbor.AppendMapHead(b, 7)
	b = cbor.AppendText(cbor.AppendText(b, "version"), "1.0")
	b = cbor.AppendText(cbor.AppendText(b, "digestAlgorithm"), "SHA-256")
	b = cbor.AppendMapHead(cbor.AppendText(b, "valueDigests"), len(spaces))
	for _, ns := range spaces {
		b = cbor.AppendMapHead(cbor.AppendText(b, ns.name), len(ns.elements))
		byID := make([]int, len(ids)) // place of the element + 1, by digest id
		for _, i := range ns.elements {
			byID[ids[i]] = i + 1
		}
		for id, place := range byID {
			if place > 0 {
				b = cbor.AppendBytes(cbor.AppendUint(b, uint64(id)), digests[place-1][:]) //nolint:gosec // an index
			}
		}
	}
	b = d.appendDeviceKeyInfo(b)
	b = cbor.AppendText(cbor.AppendText(b, "docType"), d.DocType)
	b = d.appendValidity(cbor.AppendText(b, "validityInfo"))
	return d.appendStatus(b)
}

func (d *Draft) appendValidity(b []byte) []byte {
	tdate := func(b []byte, key string, t time.Time) []byte {
		return cbor.AppendText(cbor.AppendTag(cbor.AppendText(b, key), 0), cbor.NewTDate(t).String())
	}
	n := 3
	if !d.ExpectedUpdate.IsZero() {
		n = 4
	}
	b = tdate(cbor.AppendMapHead(b, n), "signed", d.Signed)
	b = tdate(b, "validFrom", d.ValidFrom)
	b = tdate(b, "validUntil", d.ValidUntil)
	if n == 4 {
		b = tdate(b, "expectedUpdate", d.ExpectedUpdate)
	}
	return b
}

// Issue signs the MSO with the document signer's key and gives the encoded IssuerSigned, which the caller owns. chain is the
// document signer's x5chain, leaf first, without the root. A second call gives ErrSpent, also when the first one failed:
// whoever recorded this MSO before signing can rely on one signature at most.
func (p *Prepared) Issue(signer crypto.Signer, chain [][]byte) ([]byte, error) {
	if p.signed.Swap(true) {
		return nil, fmt.Errorf("issuing: %w", ErrSpent)
	}
	if len(chain) == 0 {
		return nil, errors.New("issuing: no document signer certificate")
	}
	s, err := cose.NewSign1(signer, cose.Headers{X5Chain: chain}, p.mso)
	if err != nil {
		return nil, fmt.Errorf("issuing: %w", err)
	}
	return append(p.out, s.Bytes()...), nil
}

// MSO gives a copy of the MobileSecurityObjectBytes that Issue signs.
func (p *Prepared) MSO() []byte { return append([]byte(nil), p.mso...) }
