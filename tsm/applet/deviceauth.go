package applet

import (
	"bytes"
	"errors"
	"fmt"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/transcript"
)

// toBeProved is what a COSE signature or MAC covers, RFC 9052, 4.4 and 6.3:
//
//	["Signature1" / "MAC0", protected: bstr, external_aad: bstr, payload: bstr]
type toBeProved struct {
	_         struct{} `cbor:",toarray"`
	Context   string
	Protected []byte
	External  []byte
	Payload   []byte
}

// deviceAuthentication is ISO/IEC 18013-5:2021, 9.1.3.4, of which the payload is #6.24(bstr .cbor DeviceAuthentication):
//
//	["DeviceAuthentication", SessionTranscript, DocType: tstr, #6.24(bstr .cbor DeviceNameSpaces)]
type deviceAuthentication struct {
	_                 struct{} `cbor:",toarray"`
	Context           string
	SessionTranscript cbor.RawMessage
	DocType           string
	NameSpaces        cbor.Embedded[cbor.RawMessage]
}

var errNotDeviceAuthentication = errors.New("not a device authentication of this document")

// parseDeviceAuthentication admits a structure for the device key: in deterministic encoding (RFC 9052, 9), the context, one protected
// header (the algorithm), no external data, and as payload the DeviceAuthentication of the document in this slot, over a session transcript, which is
// returned. A device key that would sign other structures could be made to prove possession elsewhere.
func parseDeviceAuthentication(data []byte, context string, algorithm int64, docType string) (transcript.Transcript, error) {
	var outer toBeProved
	if err := cbor.Unmarshal(data, &outer); err != nil {
		return transcript.Transcript{}, fmt.Errorf("%w: %w", errNotDeviceAuthentication, err)
	}
	if again, err := cbor.Marshal(outer); err != nil || !bytes.Equal(again, data) {
		return transcript.Transcript{}, errNotDeviceAuthentication
	}
	var header cbor.Map[int64, int64]
	if err := cbor.Unmarshal(outer.Protected, &header); err != nil {
		return transcript.Transcript{}, fmt.Errorf("%w: %w", errNotDeviceAuthentication, err)
	}
	alg, ok := header.Get(1)
	if outer.Context != context || !ok || len(header) != 1 || alg != algorithm || len(outer.External) != 0 {
		return transcript.Transcript{}, errNotDeviceAuthentication
	}
	payload, err := cbor.ParseEmbedded[deviceAuthentication](outer.Payload)
	if err != nil {
		return transcript.Transcript{}, fmt.Errorf("%w: %w", errNotDeviceAuthentication, err)
	}
	d := payload.Value
	if d.Context != "DeviceAuthentication" || d.DocType != docType {
		return transcript.Transcript{}, errNotDeviceAuthentication
	}
	t, err := transcript.Parse(d.SessionTranscript)
	if err != nil {
		return transcript.Transcript{}, fmt.Errorf("%w: %w", errNotDeviceAuthentication, err)
	}
	return t, nil
}
