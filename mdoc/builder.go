package mdoc

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"slices"
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
	out    []byte // IssuerSigned up to and including the key "issuerAuth", with room for the rest
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
	indexes := make([]int, 3*n)
	p := &plan{Draft: &d, salts: pool, ids: indexes[:n], places: indexes[n : n : 2*n], byID: indexes[2*n:],
		digests: make([][sha256.Size]byte, n)}
	permute(p.ids, pool[n*saltSize:])
	p.group()
	out := p.appendNameSpaces(make([]byte, 0, p.size()))
	return &Prepared{out: cbor.AppendText(out, "issuerAuth"), mso: p.appendMSOBytes()}, nil
}

// plan is a draft with what was drawn for it and hashed. Elements are known by their places in the draft.
type plan struct {
	*Draft
	salts   []byte // saltSize bytes an element
	ids     []int  // digest id by place
	digests [][sha256.Size]byte
	spaces  []space
	places  []int // namespace by namespace
	byID    []int // place + 1 by digest id, while a namespace is written
}

// space is a namespace and the part of the places that are its elements.
type space struct {
	name   string
	places []int
}

// group sorts the elements by namespace, in the order of the first element of each.
func (p *plan) group() {
	p.spaces = make([]space, 0, 4)
	grouped := func(name string) bool {
		return slices.ContainsFunc(p.spaces, func(s space) bool { return s.name == name })
	}
	for i := range p.Elements {
		name := p.Elements[i].NameSpace
		if grouped(name) {
			continue
		}
		start := len(p.places)
		for k := i; k < len(p.Elements); k++ {
			if p.Elements[k].NameSpace == name {
				p.places = append(p.places, k)
			}
		}
		p.spaces = append(p.spaces, space{name: name, places: p.places[start:]})
	}
}

// size is a little more than the whole IssuerSigned takes with one certificate.
func (p *plan) size() int {
	const item, auth = 80 + sha256.Size + 4, 1536
	size := auth + len(p.DeviceKey.Bytes())
	for i := range p.Elements {
		size += item + len(p.Elements[i].Value) + len(p.Elements[i].Identifier)
	}
	return size
}

func (p *plan) appendNameSpaces(b []byte) []byte {
	b = cbor.AppendText(cbor.AppendMapHead(b, 2), "nameSpaces")
	b = cbor.AppendMapHead(b, len(p.spaces))
	for _, ns := range p.spaces {
		b = cbor.AppendArrayHead(cbor.AppendText(b, ns.name), len(ns.places))
		for _, i := range ns.places {
			start := len(b)
			b = appendItem(b, p.ids[i], p.salts[i*saltSize:(i+1)*saltSize], &p.Elements[i])
			p.digests[i] = sha256.Sum256(b[start:])
		}
	}
	return b
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
	if err := d.DeviceKey.CheckSigning(); err != nil {
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
	names := newNames(len(d.Elements))
	for i := range d.Elements {
		e := &d.Elements[i]
		if e.NameSpace == "" || e.Identifier == "" || !names.add(d.Elements, i) {
			return fmt.Errorf("element %q without a namespace or given twice", e.Identifier)
		}
		if err := cbor.Wellformed(e.Value); err != nil {
			return fmt.Errorf("element %q: %w", e.Identifier, err)
		}
	}
	return nil
}

// names is a hash table of elements by namespace and identifier, at most half full.
type names struct {
	seed  maphash.Seed
	slots []uint16 // place in the draft + 1
}

func newNames(n int) names {
	size := 64
	for size < 2*n {
		size *= 2
	}
	return names{seed: maphash.MakeSeed(), slots: make([]uint16, size)}
}

// add reports whether no earlier element is called as the one at place is.
func (t names) add(elements []Element, place int) bool {
	e := &elements[place]
	size := uint64(len(t.slots))
	slot := maphash.String(t.seed, e.Identifier) % size // few identifiers stand in two namespaces
	for ; t.slots[slot] != 0; slot = (slot + 1) % size {
		if o := &elements[t.slots[slot]-1]; o.Identifier == e.Identifier && o.NameSpace == e.NameSpace {
			return false
		}
	}
	t.slots[slot] = uint16(place + 1) //nolint:gosec // at most maxElements
	return true
}

// permute fills ids with 0..n-1 in an order drawn from random 64-bit words: Fisher and Yates with a bias below n/2^64.
func permute(ids []int, random []byte) {
	for i := range ids {
		ids[i] = i
	}
	for i := len(ids) - 1; i > 0; i-- {
		j := binary.BigEndian.Uint64(random[8*i:]) % uint64(i+1) //nolint:gosec // positive
		ids[i], ids[j] = ids[j], ids[i]
	}
}

// appendItem writes an IssuerSignedItemBytes.
func appendItem(b []byte, id int, salt []byte, e *Element) []byte {
	size := 1 + len("\x68digestID") + cbor.HeadSize(id) + len("\x66random") + 1 + len(salt) +
		len("\x71elementIdentifier") + cbor.HeadSize(len(e.Identifier)) + len(e.Identifier) + len("\x6celementValue") + len(e.Value)
	b = cbor.AppendEmbeddedHead(b, size)
	b = cbor.AppendUint(append(cbor.AppendMapHead(b, 4), "\x68digestID"...), uint64(id)) //nolint:gosec // an index
	b = cbor.AppendBytes(append(b, "\x66random"...), salt)
	b = cbor.AppendText(append(b, "\x71elementIdentifier"...), e.Identifier)
	return append(append(b, "\x6celementValue"...), e.Value...)
}

// appendMSOBytes writes the MobileSecurityObjectBytes: the content first, behind room for its head.
func (p *plan) appendMSOBytes() []byte {
	const room = 16
	b := p.appendMSO(make([]byte, room, room+512+len(p.DocType)+len(p.DeviceKey.Bytes())+len(p.Status.URI)+len(p.Elements)*40))
	var head [room]byte
	h := cbor.AppendEmbeddedHead(head[:0], len(b)-room)
	start := room - len(h)
	copy(b[start:], h)
	return b[start:]
}

func (p *plan) appendMSO(b []byte) []byte {
	b = cbor.AppendMapHead(b, 7)
	b = cbor.AppendText(cbor.AppendText(b, "version"), "1.0")
	b = cbor.AppendText(cbor.AppendText(b, "digestAlgorithm"), "SHA-256")
	b = p.appendDigests(cbor.AppendText(b, "valueDigests"))
	b = p.appendDeviceKeyInfo(b)
	b = cbor.AppendText(cbor.AppendText(b, "docType"), p.DocType)
	b = p.appendValidity(cbor.AppendText(b, "validityInfo"))
	return p.appendStatus(b)
}

// appendDigests writes valueDigests, in each namespace by rising digest id.
func (p *plan) appendDigests(b []byte) []byte {
	b = cbor.AppendMapHead(b, len(p.spaces))
	for _, ns := range p.spaces {
		b = cbor.AppendMapHead(cbor.AppendText(b, ns.name), len(ns.places))
		clear(p.byID)
		for _, i := range ns.places {
			p.byID[p.ids[i]] = i + 1
		}
		for id, place := range p.byID {
			if place > 0 {
				b = cbor.AppendBytes(cbor.AppendUint(b, uint64(id)), p.digests[place-1][:]) //nolint:gosec // an index
			}
		}
	}
	return b
}

func (d *Draft) appendValidity(b []byte) []byte {
	tdate := func(b []byte, key string, t time.Time) []byte {
		return cbor.NewTDate(t).Append(cbor.AppendText(b, key))
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
	out, err := cose.AppendSign1(p.out, signer, cose.Headers{X5Chain: chain}, p.mso)
	if err != nil {
		return nil, fmt.Errorf("issuing: %w", err)
	}
	p.out = nil // the caller's from here on
	return out, nil
}

// MSO gives a copy of the MobileSecurityObjectBytes that Issue signs.
func (p *Prepared) MSO() []byte { return append([]byte(nil), p.mso...) }
