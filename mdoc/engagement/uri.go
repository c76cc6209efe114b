package engagement

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// scheme precedes the engagement in a QR code: ISO/IEC 18013-5:2021, 8.2.2.3. The form with two slashes is the reader
// engagement of ISO/IEC TS 18013-7 and is another structure.
const scheme = "mdoc:"

// URI is the text of the QR code: "mdoc:" and base64url without padding.
func (e *DeviceEngagement) URI() string {
	return scheme + base64.RawURLEncoding.EncodeToString(e.raw)
}

// ParseURI reads the text of a QR code. The scheme's case does not matter (RFC 3986, 3.1), everything after it does.
// Padding, slashes, white space and bits left over in the last character are refused, as is an engagement that names no
// way to be reached.
func ParseURI(uri string) (*DeviceEngagement, error) {
	if len(uri) < len(scheme) || !strings.EqualFold(uri[:len(scheme)], scheme) {
		return nil, fmt.Errorf("parsing engagement URI: scheme is not mdoc: %w", ErrMalformed)
	}
	body := uri[len(scheme):]
	if strings.HasPrefix(body, "//") {
		return nil, fmt.Errorf("parsing engagement URI: a reader engagement, not a device engagement: %w", ErrMalformed)
	}
	raw, err := decodeBody(body)
	if err != nil {
		return nil, fmt.Errorf("parsing engagement URI: %w", err)
	}
	e, err := Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("parsing engagement URI: %w", err)
	}
	if len(e.structure.Methods) == 0 {
		return nil, fmt.Errorf("parsing engagement URI: no retrieval method: %w", ErrMalformed)
	}
	return e, nil
}

// decodeBody decodes what follows the scheme, of which there is one form.
func decodeBody(body string) ([]byte, error) {
	if len(body) > base64.RawURLEncoding.EncodedLen(MaxSize) {
		return nil, fmt.Errorf("%d characters: %w", len(body), ErrMalformed)
	}
	if strings.ContainsAny(body, "\r\n") { // the decoder below would skip them
		return nil, fmt.Errorf("line break: %w", ErrMalformed)
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(body)
	if err != nil {
		return nil, fmt.Errorf("not base64url without padding: %w", ErrMalformed)
	}
	return raw, nil
}
