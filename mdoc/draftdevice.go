package mdoc

import (
	"crypto/sha256"
	"fmt"
	"io"

	"mobileid/mdoc/cbor"
)

// prepareEmpty builds the MSO of a document whose elements are all signed by the device: valueDigests holds one digest that is
// random and belongs to no element (ISO/IEC 18013-5:2021, 9.1.2.4). It stands in a namespace the device may sign in.
func (d *Draft) prepareEmpty(random io.Reader) (*Prepared, error) {
	var digest [sha256.Size]byte
	if _, err := io.ReadFull(random, digest[:]); err != nil {
		return nil, fmt.Errorf("preparing MSO: %w", err)
	}
	p := &plan{Draft: d, ids: []int{0}, byID: []int{0}, digests: [][sha256.Size]byte{digest},
		spaces: []space{{name: d.KeyAuthorizations.first(), places: []int{0}}}}
	return &Prepared{out: cbor.AppendText(cbor.AppendMapHead(nil, 1), "issuerAuth"), mso: p.appendMSOBytes()}, nil
}

// appendDeviceKeyInfo writes the deviceKeyInfo member of the MSO.
func (d *Draft) appendDeviceKeyInfo(b []byte) []byte {
	k := d.KeyAuthorizations
	members := 1
	if k != nil {
		members = 2
	}
	b = cbor.AppendMapHead(cbor.AppendText(b, "deviceKeyInfo"), members)
	b = append(cbor.AppendText(b, "deviceKey"), d.DeviceKey.Bytes()...)
	if k == nil {
		return b
	}
	b = cbor.AppendText(b, "keyAuthorizations")
	switch {
	case len(k.DataElements) == 0:
		return appendTexts(cbor.AppendText(cbor.AppendMapHead(b, 1), "nameSpaces"), k.NameSpaces)
	case len(k.NameSpaces) == 0:
		b = cbor.AppendMapHead(b, 1)
	default:
		b = appendTexts(cbor.AppendText(cbor.AppendMapHead(b, 2), "nameSpaces"), k.NameSpaces)
	}
	b = cbor.AppendMapHead(cbor.AppendText(b, "dataElements"), len(k.DataElements))
	for _, ns := range k.DataElements {
		b = appendTexts(cbor.AppendText(b, ns.Key), ns.Value)
	}
	return b
}

func appendTexts(b []byte, texts []string) []byte {
	b = cbor.AppendArrayHead(b, len(texts))
	for _, s := range texts {
		b = cbor.AppendText(b, s)
	}
	return b
}
