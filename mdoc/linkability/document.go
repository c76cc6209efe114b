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
	again          error           // of reading a second time what decoded before
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
	d.countUnknown(raw, d.readHeaders())
	for _, ns := range s.NameSpaces {
		for i := range ns.Value {
			v := ns.Value[i]
			d.items = append(d.items, item{element: ns.Key + "\x00" + v.Value.ElementIdentifier, value: v})
			d.unknownIn(v.Content(), "digestID", "random", "elementIdentifier", "elementValue")
		}
	}
	if d.again != nil {
		return nil, d.again
	}
	if len(d.items) == 0 {
		return nil, errors.New("no items to compare")
	}
	return d, nil
}

// readHeaders keeps the headers of issuerAuth and gives the encoded MSO.
func (d *document) readHeaders() cbor.RawMessage {
	err := cbor.Unmarshal(d.issuer.IssuerAuth, &d.headers)
	payload, errPayload := cbor.ParseEmbedded[cbor.RawMessage](d.headers.Payload)
	d.again = errors.Join(d.again, err, errPayload)
	return payload.Value
}

// countUnknown counts the members of IssuerSigned, the MSO and the maps in it whose members are fixed.
func (d *document) countUnknown(issuerSigned, mso []byte) {
	d.unknownIn(issuerSigned, "nameSpaces", "issuerAuth")
	d.unknownWithin(mso, members{
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
func (d *document) unknownWithin(raw []byte, known members) {
	for _, p := range d.pairs(raw) {
		within, named := known[p.Text]
		switch {
		case !named: // nor is the empty text of an integer
			d.unknown++
		case p.Text == "deviceKey":
			d.unknownInKey(p.Value)
		case p.Text == "keyAuthorizations":
			d.authorizations = p.Value
			d.unknownWithin(p.Value, within)
		case within != nil:
			d.unknownWithin(p.Value, within)
		}
	}
}

func (d *document) pairs(raw []byte) []cbor.RawPair {
	pairs, err := cbor.Pairs(raw)
	d.again = errors.Join(d.again, err)
	return pairs
}

// unknownInKey counts what stands in a COSE_Key beside kty, crv, x and y, which may name the key (RFC 9052, 7.1).
func (d *document) unknownInKey(raw []byte) {
	for _, p := range d.pairs(raw) {
		if p.Int != 1 && (p.Int < -3 || p.Int > -1) { // text has the label 0 here, which is none of the four
			d.unknown++
		}
	}
}

func (d *document) unknownIn(raw []byte, known ...string) {
	m := make(members, len(known))
	for _, k := range known {
		m[k] = nil
	}
	d.unknownWithin(raw, m)
}

// digestIDs gives the digestID of each element.
func (d *document) digestIDs() map[string]uint64 {
	out := make(map[string]uint64, len(d.items))
	for _, it := range d.items {
		out[it.element] = it.value.Value.DigestID
	}
	return out
}
