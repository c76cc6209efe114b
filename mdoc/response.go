package mdoc

import (
	"fmt"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/encryption"
	"mobileid/mdoc/transcript"
)

// Status codes of a DeviceResponse, ISO/IEC 18013-5:2021, Table 8. Only StatusOK comes with documents.
const (
	StatusOK              uint64 = 0
	StatusGeneralError    uint64 = 10
	StatusDecodingError   uint64 = 11
	StatusValidationError uint64 = 12
)

// NotReturned is the error code "data not returned", which gives no reason (ISO/IEC 18013-5:2021, Table 9). Other positive codes
// are reserved, negative ones belong to applications.
const NotReturned int64 = 0

// maxDocuments bounds each list of a response: no request asks for more. The standard names no bound.
const maxDocuments = 32

// DeviceResponse is ISO/IEC 18013-5:2021, 8.3.2.1.2.2; zkDocuments and encryptedDocuments: second edition, 10.3.
//
//	DeviceResponse = {"version": tstr, ? "documents": [+ Document], ? "zkDocuments": [+ ZkDocument],
//	                  ? "encryptedDocuments": [+ EncryptedDocuments], ? "documentErrors": [* {DocType => ErrorCode}],
//	                  "status": uint, * tstr => any}
type DeviceResponse struct {
	Version            string                          `cbor:"version"`
	Documents          []Document                      `cbor:"documents,omitempty"`
	ZkDocuments        []ZkDocument                    `cbor:"zkDocuments,omitempty"`
	EncryptedDocuments []encryption.EncryptedDocuments `cbor:"encryptedDocuments,omitempty"`
	DocumentErrors     []cbor.Map[string, int64]       `cbor:"documentErrors,omitzero"`
	Status             uint64                          `cbor:"status"`
}

// Document is ISO/IEC 18013-5:2021, 8.3.2.1.2.2.
//
//	Document = {"docType": tstr, "issuerSigned": IssuerSigned, "deviceSigned": DeviceSigned,
//	            ? "errors": {+ NameSpace => {+ DataElementIdentifier => ErrorCode}}, * tstr => any}
type Document struct {
	DocType      string                                    `cbor:"docType"`
	IssuerSigned IssuerSigned                              `cbor:"issuerSigned"`
	DeviceSigned DeviceSigned                              `cbor:"deviceSigned"`
	Errors       cbor.Map[string, cbor.Map[string, int64]] `cbor:"errors,omitzero"`
}

// DeviceSigned is ISO/IEC 18013-5:2021, 8.3.2.1.2.2.
//
//	DeviceSigned = {"nameSpaces": #6.24(bstr .cbor DeviceNameSpaces), "deviceAuth": DeviceAuth, * tstr => any}
type DeviceSigned struct {
	NameSpaces cbor.Embedded[DeviceNameSpaces] `cbor:"nameSpaces"`
	DeviceAuth DeviceAuth                      `cbor:"deviceAuth"`
}

// DeviceNameSpaces are the elements the device itself signs.
type DeviceNameSpaces = cbor.Map[string, cbor.Map[string, cbor.RawMessage]]

// DeviceAuth holds exactly one of its members, ISO/IEC 18013-5:2021, 8.3.2.1.2.2.
//
//	DeviceAuth = {"deviceSignature": COSE_Sign1 // "deviceMac": COSE_Mac0}
type DeviceAuth struct {
	DeviceSignature cbor.RawMessage `cbor:"deviceSignature,omitzero"`
	DeviceMac       cbor.RawMessage `cbor:"deviceMac,omitzero"`
}

// ParseDeviceResponse decodes a response. The result keeps slices of raw; nothing about it has been verified: see Verify.
func ParseDeviceResponse(raw []byte) (*DeviceResponse, error) {
	if len(raw) > MaxMessage {
		return nil, fmt.Errorf("decoding DeviceResponse: %d bytes, at most %d are taken", len(raw), MaxMessage)
	}
	r := new(DeviceResponse)
	c := cbor.NewCursor(raw)
	readDeviceResponse(c, r)
	if err := c.Done(); err != nil {
		return nil, fmt.Errorf("decoding DeviceResponse: %w", err)
	}
	for _, n := range []int{len(r.Documents), len(r.ZkDocuments), len(r.EncryptedDocuments), len(r.DocumentErrors)} {
		if n > maxDocuments {
			return nil, fmt.Errorf("decoding DeviceResponse: %w: a list of %d, at most %d are taken", ErrInvalid, n, maxDocuments)
		}
	}
	return r, nil
}

// DeviceAuthenticationBytes is the detached content of deviceSignature and deviceMac, ISO/IEC 18013-5:2021, 9.1.3.4:
//
//	#6.24(bstr .cbor ["DeviceAuthentication", SessionTranscript, DocType, DeviceNameSpacesBytes])
func DeviceAuthenticationBytes(t transcript.Transcript, docType string, deviceNameSpacesBytes []byte) []byte {
	const context = "DeviceAuthentication"
	size := 1 + cbor.TextSize(context) + t.Size() + cbor.TextSize(docType) + len(deviceNameSpacesBytes)
	b := cbor.AppendEmbeddedHead(make([]byte, 0, size+16), size)
	b = t.AppendArray(cbor.AppendText(cbor.AppendArrayHead(b, 4), context))
	return append(cbor.AppendText(b, docType), deviceNameSpacesBytes...)
}
