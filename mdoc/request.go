package mdoc

import (
	"errors"
	"fmt"
	"strings"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
)

// MaxMessage bounds a DeviceRequest and a DeviceResponse.
const MaxMessage = 512 << 10

// Bounds of a request. The standard names none; a wallet asks its holder about all of it on one screen.
const (
	MaxDocRequests = 16
	maxReaderAuth  = 8 // signatures in readerAuthAll, and keys in macKeys
)

// Versions of a DeviceRequest.
const (
	version10 = "1.0"
	version11 = "1.1"
)

// DeviceRequest is ISO/IEC 18013-5:2021, 8.3.2.1.2.1 and second edition, 10.2; macKeys: ISO/IEC TS 18013-7.
//
//	DeviceRequest = {"version": tstr, "docRequests": [+ DocRequest], ? "deviceRequestInfo": #6.24(bstr .cbor DeviceRequestInfo),
//	                 ? "readerAuthAll": [+ COSE_Sign1], ? "macKeys": [+ COSE_Key], * tstr => any}
//
// Version "1.1" goes with any of the last three. A request that says "1.0" and carries them all the same is read as if it said
// "1.1"; Lint names it.
type DeviceRequest struct {
	Version           string                            `cbor:"version"`
	DocRequests       []DocRequest                      `cbor:"docRequests"`
	DeviceRequestInfo *cbor.Embedded[DeviceRequestInfo] `cbor:"deviceRequestInfo,omitempty"`
	ReaderAuthAll     []cbor.RawMessage                 `cbor:"readerAuthAll,omitempty"`
	MacKeys           []cose.Key                        `cbor:"macKeys,omitempty"`

	raw []byte
}

// DocRequest asks for one document, ISO/IEC 18013-5:2021, 8.3.2.1.2.1.
//
//	DocRequest = {"itemsRequest": ItemsRequestBytes, ? "readerAuth": COSE_Sign1, * tstr => any}
type DocRequest struct {
	ItemsRequest cbor.Embedded[ItemsRequest] `cbor:"itemsRequest"`
	ReaderAuth   cbor.RawMessage             `cbor:"readerAuth,omitzero"`
}

// ItemsRequest is ISO/IEC 18013-5:2021, 8.3.2.1.2.1 and second edition, 10.2; the bool is intentToRetain.
//
//	ItemsRequest = {"docType": tstr, "nameSpaces": {+ NameSpace => {+ DataElementIdentifier => bool}},
//	                ? "requestInfo": DocRequestInfo, * tstr => any}
type ItemsRequest struct {
	DocType     string                                   `cbor:"docType"`
	NameSpaces  cbor.Map[string, cbor.Map[string, bool]] `cbor:"nameSpaces"`
	RequestInfo *DocRequestInfo                          `cbor:"requestInfo,omitempty"`
}

// ErrInvalid is wrapped when a message is CBOR but not what the standard says it holds: DeviceResponse status 12, where
// plain decoding errors are status 11 (ISO/IEC 18013-5:2021, Table 8).
var ErrInvalid = errors.New("invalid content")

// ParseDeviceRequest decodes a request of a known major version. The result keeps slices of raw.
func ParseDeviceRequest(raw []byte) (*DeviceRequest, error) {
	if len(raw) > MaxMessage {
		return nil, fmt.Errorf("decoding DeviceRequest: %d bytes, at most %d are taken", len(raw), MaxMessage)
	}
	var r DeviceRequest
	if err := cbor.Unmarshal(raw, &r); err != nil {
		return nil, fmt.Errorf("decoding DeviceRequest: %w", err)
	}
	if err := r.validate(); err != nil {
		return nil, fmt.Errorf("decoding DeviceRequest: %w: %w", ErrInvalid, err)
	}
	r.raw = raw
	return &r, nil
}

// validate refuses what a holder could not act upon.
func (r *DeviceRequest) validate() error {
	switch {
	case !majorOne(r.Version):
		return errors.New("a major version other than 1")
	case len(r.DocRequests) == 0:
		return errors.New("it asks for no document")
	case len(r.DocRequests) > MaxDocRequests:
		return fmt.Errorf("%d document requests, at most %d are taken", len(r.DocRequests), MaxDocRequests)
	case len(r.ReaderAuthAll) > maxReaderAuth || len(r.MacKeys) > maxReaderAuth:
		return fmt.Errorf("more than %d signatures or MAC keys", maxReaderAuth)
	}
	for i := range r.DocRequests {
		if err := r.DocRequests[i].ItemsRequest.Value.validate(); err != nil {
			return err
		}
	}
	if r.DeviceRequestInfo != nil {
		return r.DeviceRequestInfo.Value.validate(len(r.DocRequests))
	}
	return nil
}

// Raw gives the bytes the request was parsed from.
func (r *DeviceRequest) Raw() []byte { return r.raw }

// For gives the first document request for a docType.
func (r *DeviceRequest) For(docType string) (*DocRequest, bool) {
	for i := range r.DocRequests {
		if r.DocRequests[i].ItemsRequest.Value.DocType == docType {
			return &r.DocRequests[i], true
		}
	}
	return nil, false
}

// UseCases gives the use cases; none means the semantics of the 2021 edition.
func (r *DeviceRequest) UseCases() []UseCase {
	if r.DeviceRequestInfo == nil {
		return nil
	}
	return r.DeviceRequestInfo.Value.UseCases
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
	if i.RequestInfo != nil {
		return i.RequestInfo.validate()
	}
	return nil
}

// Asks reports whether the request names the element itself; alternatives are not counted.
func (i ItemsRequest) Asks(namespace, identifier string) bool {
	elements, _ := i.NameSpaces.Get(namespace)
	_, ok := elements.Get(identifier)
	return ok
}

// Info gives the further demands of the request, the zero value when there are none.
func (i ItemsRequest) Info() DocRequestInfo {
	if i.RequestInfo == nil {
		return DocRequestInfo{}
	}
	return *i.RequestInfo
}

// majorOne takes "1." and digits.
func majorOne(version string) bool {
	minor, ok := strings.CutPrefix(version, "1.")
	return ok && minor != "" && strings.Trim(minor, "0123456789") == ""
}
