package mdoc

import (
	"crypto"
	"errors"
	"fmt"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/transcript"
)

// MaxMessage bounds a DeviceRequest and a DeviceResponse.
const MaxMessage = 512 << 10

// DeviceRequest is ISO/IEC 18013-5:2021, 8.3.2.1.2.1.
//
//	DeviceRequest = {"version": tstr, "docRequests": [+ DocRequest], * tstr => any}
type DeviceRequest struct {
	Version     string       `cbor:"version"`
	DocRequests []DocRequest `cbor:"docRequests"`

	raw []byte
}

// DocRequest asks for one document, ISO/IEC 18013-5:2021, 8.3.2.1.2.1.
//
//	DocRequest = {"itemsRequest": ItemsRequestBytes, ? "readerAuth": COSE_Sign1, * tstr => any}
type DocRequest struct {
	ItemsRequest cbor.Embedded[ItemsRequest] `cbor:"itemsRequest"`
	ReaderAuth   cbor.RawMessage             `cbor:"readerAuth,omitzero"`
}

// ItemsRequest is ISO/IEC 18013-5:2021, 8.3.2.1.2.1; the bool is intentToRetain.
//
//	ItemsRequest = {"docType": tstr, "nameSpaces": {+ NameSpace => {+ DataElementIdentifier => bool}}, ? "requestInfo": any}
type ItemsRequest struct {
	DocType     string                                   `cbor:"docType"`
	NameSpaces  cbor.Map[string, cbor.Map[string, bool]] `cbor:"nameSpaces"`
	RequestInfo cbor.RawMessage                          `cbor:"requestInfo,omitzero"`
}

// ParseDeviceRequest decodes a request of a known major version. The result keeps slices of raw.
func ParseDeviceRequest(raw []byte) (*DeviceRequest, error) {
	if len(raw) > MaxMessage {
		return nil, fmt.Errorf("decoding DeviceRequest: %d bytes, at most %d are taken", len(raw), MaxMessage)
	}
	var r DeviceRequest
	if err := cbor.Unmarshal(raw, &r); err != nil {
		return nil, fmt.Errorf("decoding DeviceRequest: %w", err)
	}
	if !majorOne(r.Version) {
		return nil, errors.New("decoding DeviceRequest: a major version other than 1")
	}
	if len(r.DocRequests) == 0 {
		return nil, errors.New("decoding DeviceRequest: it asks for no document")
	}
	for _, d := range r.DocRequests {
		if err := d.ItemsRequest.Value.validate(); err != nil {
			return nil, fmt.Errorf("decoding DeviceRequest: %w", err)
		}
	}
	r.raw = raw
	return &r, nil
}

// Raw gives the bytes the request was parsed from.
func (r *DeviceRequest) Raw() []byte { return r.raw }

// For gives the document request for a docType.
func (r *DeviceRequest) For(docType string) (*DocRequest, bool) {
	for i := range r.DocRequests {
		if r.DocRequests[i].ItemsRequest.Value.DocType == docType {
			return &r.DocRequests[i], true
		}
	}
	return nil, false
}

func (i ItemsRequest) validate() error {
	if i.DocType == "" || len(i.NameSpaces) == 0 {
		return errors.New("an ItemsRequest without docType or namespaces")
	}
	for _, ns := range i.NameSpaces {
		if ns.Key == "" || len(ns.Value) == 0 {
			return errors.New("an ItemsRequest with an empty namespace")
		}
		for _, e := range ns.Value {
			if e.Key == "" {
				return errors.New("an ItemsRequest with an empty element identifier")
			}
		}
	}
	return nil
}

// Asks reports whether the request names the element.
func (i ItemsRequest) Asks(namespace, identifier string) bool {
	elements, _ := i.NameSpaces.Get(namespace)
	_, ok := elements.Get(identifier)
	return ok
}

func majorOne(version string) bool {
	return len(version) > 2 && version[:2] == "1."
}

// readerAuthenticationBytes is the detached content of readerAuth, ISO/IEC 18013-5:2021, 9.1.4.4:
//
//	#6.24(bstr .cbor ["ReaderAuthentication", SessionTranscript, ItemsRequestBytes])
func readerAuthenticationBytes(t transcript.Transcript, itemsRequestBytes []byte) []byte {
	a := cbor.AppendText(cbor.AppendArrayHead(nil, 3), "ReaderAuthentication")
	a = append(append(a, t.Array()...), itemsRequestBytes...)
	return cbor.AppendEmbedded(nil, a)
}

// BuildRequest makes an encoded DeviceRequest with one DocRequest for each of items. With a signer each is signed over the
// session transcript (readerAuth, ISO/IEC 18013-5:2021, 9.1.4); chain is the reader's x5chain, leaf first, without the root.
func BuildRequest(items []ItemsRequest, t transcript.Transcript, signer crypto.Signer, chain [][]byte) ([]byte, error) {
	r := DeviceRequest{Version: "1.0"}
	for _, i := range items {
		if err := i.validate(); err != nil {
			return nil, fmt.Errorf("building DeviceRequest: %w", err)
		}
		e, err := cbor.NewEmbedded(i)
		if err != nil {
			return nil, fmt.Errorf("building DeviceRequest: %w", err)
		}
		d := DocRequest{ItemsRequest: e}
		if signer != nil {
			s, err := cose.NewSign1Detached(signer, cose.Headers{X5Chain: chain}, readerAuthenticationBytes(t, e.Bytes()))
			if err != nil {
				return nil, fmt.Errorf("building DeviceRequest: %w", err)
			}
			d.ReaderAuth = s.Bytes()
		}
		r.DocRequests = append(r.DocRequests, d)
	}
	if len(r.DocRequests) == 0 {
		return nil, errors.New("building DeviceRequest: it asks for no document")
	}
	out, err := cbor.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("building DeviceRequest: %w", err)
	}
	return out, nil
}
