package mdoc

import (
	"bytes"
	"errors"
	"fmt"

	"mobileid/mdoc/cbor"
)

// Bounds of a DocRequestInfo; the standard names none.
const (
	maxAlternatives      = 256
	maxAlternativeSets   = 32
	maxIssuerIdentifiers = 1024 // a verifier lists the roots it trusts
	maxZkSystems         = 64
)

// DocRequestInfo is ISO/IEC 18013-5 second edition, 10.2. The 2021 edition defined no member of it.
//
//	DocRequestInfo = {? "uniqueDocSetRequired": bool, ? "alternativeDataElements": [+ AlternativeDataElements],
//	                  ? "issuerIdentifiers": [+ bstr], ? "maximumResponseSize": uint, ? "zkRequest": ZkRequest,
//	                  ? "docResponseEncryption": #6.24(bstr .cbor EncryptionParameters), * tstr => any}
type DocRequestInfo struct {
	// UniqueDocSetRequired true wants one document, false takes several; absent leaves it open.
	UniqueDocSetRequired    *bool                     `cbor:"uniqueDocSetRequired,omitempty"`
	AlternativeDataElements []AlternativeDataElements `cbor:"alternativeDataElements,omitempty"`
	// IssuerIdentifiers are authority key identifiers: one must stand in a certificate of the answer's x5chain.
	IssuerIdentifiers [][]byte `cbor:"issuerIdentifiers,omitempty"`
	// MaximumResponseSize bounds the clear DeviceResponse, in bytes.
	MaximumResponseSize *uint64    `cbor:"maximumResponseSize,omitempty"`
	ZkRequest           *ZkRequest `cbor:"zkRequest,omitempty"`
	// DocResponseEncryption is EncryptionParametersBytes as received: they go into the session transcript.
	DocResponseEncryption cbor.RawMessage `cbor:"docResponseEncryption,omitzero"`
}

// AlternativeDataElements lets sets of other elements stand for a requested one, in order of preference: ISO/IEC 18013-5 second
// edition, 10.2. One whole set replaces it; its intentToRetain holds for them.
//
//	AlternativeDataElements = {"requestedElement": ElementRef, "alternativeElementSets": [+ [+ ElementRef]], * tstr => any}
type AlternativeDataElements struct {
	RequestedElement       ElementRef     `cbor:"requestedElement"`
	AlternativeElementSets [][]ElementRef `cbor:"alternativeElementSets"`
}

// ElementRef names a data element, ISO/IEC 18013-5 second edition, 10.2.
//
//	ElementRef = [NameSpace, DataElementIdentifier]
type ElementRef struct {
	_          struct{} `cbor:",toarray"`
	NameSpace  string
	Identifier string
}

// ZkRequest asks for a zero-knowledge proof instead of a document, ISO/IEC 18013-5 second edition, 10.2. It is read and
// kept; no proof system is built in.
//
//	ZkRequest = {"systemSpecs": [+ ZkSystemSpec], "zkRequired": bool}
type ZkRequest struct {
	SystemSpecs []ZkSystemSpec `cbor:"systemSpecs"`
	ZkRequired  bool           `cbor:"zkRequired"`
}

// ZkSystemSpec is ISO/IEC 18013-5 second edition, 10.2.
//
//	ZkSystemSpec = {"zkSystemId": tstr, "system": tstr, "params": {* tstr => any}}
type ZkSystemSpec struct {
	ZkSystemID string                            `cbor:"zkSystemId"`
	System     string                            `cbor:"system"`
	Params     cbor.Map[string, cbor.RawMessage] `cbor:"params"`
}

func (d *DocRequestInfo) validate() error {
	if len(d.AlternativeDataElements) > maxAlternatives || len(d.IssuerIdentifiers) > maxIssuerIdentifiers {
		return errors.New("a requestInfo with too many members")
	}
	for _, a := range d.AlternativeDataElements {
		if err := a.validate(); err != nil {
			return err
		}
	}
	if z := d.ZkRequest; z != nil && (len(z.SystemSpecs) == 0 || len(z.SystemSpecs) > maxZkSystems) {
		return fmt.Errorf("a zkRequest with %d systems", len(z.SystemSpecs))
	}
	return nil
}

func (a AlternativeDataElements) validate() error {
	if n := len(a.AlternativeElementSets); n == 0 || n > maxAlternativeSets {
		return fmt.Errorf("%d alternatives for one element", n)
	}
	for _, set := range a.AlternativeElementSets {
		if len(set) == 0 || len(set) > maxAlternatives {
			return fmt.Errorf("an alternative of %d elements", len(set))
		}
		for _, ref := range set {
			if ref.NameSpace == "" || ref.Identifier == "" {
				return errors.New("an alternative with an empty name")
			}
		}
	}
	return nil
}

// empty reports whether no member is set; the structure wants at least one.
func (d *DocRequestInfo) empty() bool {
	return d.UniqueDocSetRequired == nil && len(d.AlternativeDataElements) == 0 && len(d.IssuerIdentifiers) == 0 &&
		d.MaximumResponseSize == nil && d.ZkRequest == nil && len(d.DocResponseEncryption) == 0
}

// alternatives gives the sets that may stand for an element, in order of preference.
func (d DocRequestInfo) alternatives(namespace, identifier string) [][]ElementRef {
	for _, a := range d.AlternativeDataElements {
		if a.RequestedElement.NameSpace == namespace && a.RequestedElement.Identifier == identifier {
			return a.AlternativeElementSets
		}
	}
	return nil
}

// TakesIssuer reports whether a document under these certificates may answer: no issuer is named, or one authority key
// identifier of theirs is (ISO/IEC 18013-5 second edition, 10.2).
func (d DocRequestInfo) TakesIssuer(authorityKeyIDs ...[]byte) bool {
	if len(d.IssuerIdentifiers) == 0 {
		return true
	}
	for _, due := range d.IssuerIdentifiers {
		for _, id := range authorityKeyIDs {
			if len(id) > 0 && bytes.Equal(due, id) {
				return true
			}
		}
	}
	return false
}
