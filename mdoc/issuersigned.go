package mdoc

import (
	"fmt"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
)

// MaxIssuerSigned bounds an encoded IssuerSigned: a portrait of any chip and a hundred elements fit many times.
const MaxIssuerSigned = 256 << 10

// IssuerSigned is ISO/IEC 18013-5:2021, 8.3.2.1.2.2.
//
//	IssuerSigned = {? "nameSpaces": {+ NameSpace => [+ IssuerSignedItemBytes]}, "issuerAuth": COSE_Sign1, * tstr => any}
type IssuerSigned struct {
	NameSpaces NameSpaces      `cbor:"nameSpaces,omitzero"`
	IssuerAuth cbor.RawMessage `cbor:"issuerAuth"`
}

// NameSpaces are the issuer-signed items by namespace, in the order received.
type NameSpaces = cbor.Map[string, []IssuerSignedItemBytes]

// IssuerSignedItemBytes is #6.24(bstr .cbor IssuerSignedItem): the bytes a digest of the MSO covers.
type IssuerSignedItemBytes = cbor.Embedded[IssuerSignedItem]

// IssuerSignedItem is ISO/IEC 18013-5:2021, 8.3.2.1.2.2.
//
//	IssuerSignedItem = {"digestID": uint, "random": bstr, "elementIdentifier": tstr, "elementValue": any, * tstr => any}
type IssuerSignedItem struct {
	DigestID          uint64          `cbor:"digestID"`
	Random            []byte          `cbor:"random"`
	ElementIdentifier string          `cbor:"elementIdentifier"`
	ElementValue      cbor.RawMessage `cbor:"elementValue"`
}

// ParseIssuerSigned decodes the form a credential is stored and provisioned in. The result keeps slices of raw. It is
// well-formed, and nothing about it has been verified: see CheckIssuerSigned.
func ParseIssuerSigned(raw []byte) (*IssuerSigned, error) {
	if len(raw) > MaxIssuerSigned {
		return nil, fmt.Errorf("decoding IssuerSigned: %d bytes, at most %d are taken", len(raw), MaxIssuerSigned)
	}
	s := new(IssuerSigned)
	c := cbor.NewCursor(raw)
	readIssuerSigned(c, s)
	if err := c.Done(); err != nil {
		return nil, fmt.Errorf("decoding IssuerSigned: %w", err)
	}
	return s, nil
}

// Item finds an element; the bool tells whether it is there.
func (s *IssuerSigned) Item(namespace, identifier string) (IssuerSignedItemBytes, bool) {
	items, _ := s.NameSpaces.Get(namespace)
	for _, it := range items {
		if it.Value.ElementIdentifier == identifier {
			return it, true
		}
	}
	return IssuerSignedItemBytes{}, false
}

// Sign1 decodes issuerAuth.
func (s *IssuerSigned) Sign1() (*cose.Sign1, error) {
	a, err := cose.ParseSign1(s.IssuerAuth)
	if err != nil {
		return nil, fmt.Errorf("decoding issuerAuth: %w", err)
	}
	return a, nil
}

// MSO decodes the MobileSecurityObject inside issuerAuth, unverified.
func (s *IssuerSigned) MSO() (*MobileSecurityObject, error) {
	a, err := s.Sign1()
	if err != nil {
		return nil, err
	}
	return msoOf(a)
}

func msoOf(a *cose.Sign1) (*MobileSecurityObject, error) {
	var e cbor.Embedded[MobileSecurityObject]
	c := cbor.NewCursor(a.Payload())
	cbor.ReadEmbedded(c, &e, readMSO)
	if err := c.Done(); err != nil {
		return nil, fmt.Errorf("decoding MSO: %w", err)
	}
	return &e.Value, nil
}
