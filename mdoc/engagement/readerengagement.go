package engagement

import (
	"bytes"
	"crypto/ecdh"
	"encoding/base64"
	"fmt"
	"strings"

	"mobileid/mdoc/cbor"
)

// readerScheme precedes the reader engagement in a link: ISO/IEC TS 18013-7, Annex A.
const readerScheme = "mdoc://"

// readerStructure is ReaderEngagement, ISO/IEC TS 18013-7, Annex A (that of ISO/IEC 18013-5 for NFC is another):
//
//	ReaderEngagement = {
//	    0: tstr,                       ; version, "1.1"
//	    1: Security,                   ; with EReaderKeyBytes
//	  ? 2: [+ RetrievalMethod],        ; of type 4
//	  * int => any
//	}
type readerStructure struct {
	Version  string            `cbor:"0,keyasint"`
	Security security          `cbor:"1,keyasint"`
	Methods  []RetrievalMethod `cbor:"2,keyasint,omitempty"`
}

// ReaderEngagement is the engagement of a website together with its bytes. It does not change once made.
type ReaderEngagement struct {
	raw       []byte
	structure readerStructure
	key       *ecdh.PublicKey
}

// NewReader makes a reader engagement for a website that is reached at the https URI. eReaderKey must be fresh.
func NewReader(eReaderKey *ecdh.PublicKey, uri string) (*ReaderEngagement, error) {
	const op = "making reader engagement"
	s := readerStructure{Version: version11, Methods: []RetrievalMethod{{Type: MethodREST, Version: 1, REST: &RESTOptions{URI: uri}}}}
	var err error
	if s.Security, err = newSecurity(eReaderKey); err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	raw, err := cbor.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	e, err := ParseReader(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	return e, nil
}

// ParseReader reads a reader engagement and copies the bytes. It accepts versions 1.x and cipher suite 1 only, refuses an
// ephemeral key that is not on its curve, and ignores members it does not know.
func ParseReader(raw []byte) (*ReaderEngagement, error) {
	const op = "parsing reader engagement"
	if len(raw) > MaxSize {
		return nil, fmt.Errorf("%s: %d bytes, limit %d: %w", op, len(raw), MaxSize, ErrMalformed)
	}
	e := &ReaderEngagement{raw: bytes.Clone(raw)}
	if err := cbor.Unmarshal(e.raw, &e.structure); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", op, ErrMalformed, err)
	}
	if err := checkVersion(e.structure.Version); err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	if err := checkMethods(e.structure.Methods); err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	var err error
	if e.key, err = e.structure.Security.key(); err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	return e, nil
}

// ParseReaderURI reads the text of a link: "mdoc://" and base64url without padding, as strictly as [ParseURI].
func ParseReaderURI(uri string) (*ReaderEngagement, error) {
	const op = "parsing reader engagement URI"
	if len(uri) < len(readerScheme) || !strings.EqualFold(uri[:len(readerScheme)], readerScheme) {
		return nil, fmt.Errorf("%s: scheme is not mdoc with two slashes: %w", op, ErrMalformed)
	}
	raw, err := decodeBody(uri[len(readerScheme):])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	return ParseReader(raw)
}

// URI is the text of the link.
func (e *ReaderEngagement) URI() string {
	return readerScheme + base64.RawURLEncoding.EncodeToString(e.raw)
}

// Version is the text of key 0, such as "1.1".
func (e *ReaderEngagement) Version() string { return e.structure.Version }

// EReaderKey is the reader's ephemeral public key, on its curve.
func (e *ReaderEngagement) EReaderKey() *ecdh.PublicKey { return e.key }

// EReaderKeyBytes is the whole tag 24 item as received.
func (e *ReaderEngagement) EReaderKeyBytes() []byte {
	return bytes.Clone(e.structure.Security.EDeviceKey.Bytes())
}

// Website gives the URI that the mdoc posts its engagement to; "" when there is none.
func (e *ReaderEngagement) Website() string {
	for _, m := range e.structure.Methods {
		if m.REST != nil {
			return m.REST.URI
		}
	}
	return ""
}

// Bytes returns the map as it was sent or received.
func (e *ReaderEngagement) Bytes() []byte { return bytes.Clone(e.raw) }
