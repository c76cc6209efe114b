package linkability

import (
	"errors"
	"fmt"

	"mobileid/mdoc"
	"mobileid/mdoc/cbor"
)

// document is one mdoc taken apart.
type document struct {
	size    int
	issuer  *mdoc.IssuerSigned
	headers sign1
	mso     *mdoc.MobileSecurityObject
	unknown int // members that the standard does not name, in all structures
	items   []item

	authorizations cbor.RawMessage // keyAuthorizations as received; nil where there are none
}

// sign1 is COSE_Sign1, RFC 9052, 4.2, of which only the headers are compared.
type sign1 struct {
	_           struct{} `cbor:",toarray"`
	Protected   []byte
	Unprotected cbor.RawMessage
	Payload     []byte
	Signature   []byte
}

type item struct {
	element string // namespace and identifier
	value   mdoc.IssuerSignedItemBytes
}

func readAll(raws [][]byte) ([]*document, error) {
	out := make([]*document, 0, len(raws))
	for i, raw := range raws {
		d, err := read(raw)
		if err != nil {
			return nil, fmt.Errorf("document %d: %w", i, err)
		}
		out = append(out, d)
	}
	return out, nil
}

func read(raw []byte) (*document, error) {
	s, err := mdoc.ParseIssuerSigned(raw)
	if err != nil {
		return nil, err
	}
	d := &document{size: len(raw), issuer: s}
	if d.mso, err = s.MSO(); err != nil {
		return nil, err
	}
	if err := cbor.Unmarshal(s.IssuerAuth, &d.headers); err != nil {
		return nil, err
	}
	payload, err := cbor.ParseEmbedded[cbor.RawMessage](d.headers.Payload)
	if err != nil {
		return nil, err
	}
	if err := d.countUnknown(raw, payload.Value); err != nil {
		return nil, err
	}
	for _, ns := range s.NameSpaces {
		for i := range ns.Value {
			v := ns.Value[i]
			d.items = append(d.items, item{element: ns.Key + "\x00" + v.Value.ElementIdentifier, value: v})
			if err := d.unknownIn(v.Content(), "digestID", "random", "elementIdentifier", "elementValue"); err != nil {
				return nil, err
			}
		}
	}
	if len(d.items) == 0 {
		return nil, errors.New("no items to compare")
	}
	return d, nil
}

// countUnknown counts the members of IssuerSigned, the MSO and the maps in it whose members are fixed.
func (d *document) countUnknown(issuerSigned, mso []byte) error {
	if err := d.unknownIn(issuerSigned, "nameSpaces", "issuerAuth"); err != nil {
		return err
	}
	return d.unknownWithin(mso, members{
		"version": nil, "digestAlgorithm": nil, "valueDigests": nil, "docType": nil,
		"deviceKeyInfo": {"deviceKey": nil, "keyAuthorizations": {"nameSpaces": nil, "dataElements": nil}},
		"validityInfo":  {"signed": nil, "validFrom": nil, "validUntil": nil, "expectedUpdate": nil},
		"status": {"status_list": {"idx": nil, "uri": nil, "certificate": nil},
			"identifier_list": {"id": nil, "uri": nil, "certificate": nil}},
	})
}

// members are those that the standard names, each with its own.
type members map[string]members

// unknownWithin counts at every depth that known names, and in the device key.
func (d *document) unknownWithin(raw []byte, known members) error {
	pairs, err := cbor.Pairs(raw)
	if err != nil {
		return err
	}
	for _, p := range pairs {
		within, named := known[p.Text]
		switch {
		case p.IsInt || !named:
			d.unknown++
		case p.Text == "deviceKey":
			err = d.unknownInKey(p.Value)
		case p.Text == "keyAuthorizations":
			d.authorizations = p.Value
			err = d.unknownWithin(p.Value, within)
		case within != nil:
			err = d.unknownWithin(p.Value, within)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// unknownInKey counts what stands in a COSE_Key beside kty, crv, x and y, which may name the key (RFC 9052, 7.1).
func (d *document) unknownInKey(raw []byte) error {
	pairs, err := cbor.Pairs(raw)
	if err != nil {
		return err
	}
	for _, p := range pairs {
		if !p.IsInt || p.Int != 1 && (p.Int < -3 || p.Int > -1) {
			d.unknown++
		}
	}
	return nil
}

func (d *document) unknownIn(raw []byte, known ...string) error {
	m := make(members, len(known))
	for _, k := range known {
		m[k] = nil
	}
	return d.unknownWithin(raw, m)
}

// digestIDs gives the digestID of each element.
func (d *document) digestIDs() map[string]uint64 {
	out := make(map[string]uint64, len(d.items))
	for _, it := range d.items {
		out[it.element] = it.value.Value.DigestID
	}
	return out
}
