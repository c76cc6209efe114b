package encryption

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maxJSON bounds the JSON forms: base64url of the largest message, and room for members that are not known here.
const maxJSON = 1 << 20

// Request is the data of a request by org-iso-mdoc, ISO/IEC TS 18013-7, Annex C, in JSON:
//
//	{"deviceRequest": base64url DeviceRequest, "encryptionInfo": base64url EncryptionInfo}
type Request struct {
	DeviceRequest  []byte
	EncryptionInfo *EncryptionInfo
}

// MarshalJSON writes the two members.
func (r *Request) MarshalJSON() ([]byte, error) {
	if len(r.DeviceRequest) == 0 || r.EncryptionInfo == nil {
		return nil, errors.New("encoding request: a member is missing")
	}
	return json.Marshal(map[string]string{"deviceRequest": encode(r.DeviceRequest), "encryptionInfo": r.EncryptionInfo.text})
}

// ParseRequest reads the two members; others are ignored. The DeviceRequest is not decoded.
func ParseRequest(data []byte) (*Request, error) {
	members, err := textMembers(data, "deviceRequest", "encryptionInfo")
	if err != nil {
		return nil, fmt.Errorf("decoding request: %w", err)
	}
	request, err := decode(members["deviceRequest"], MaxPlaintext)
	if err != nil {
		return nil, fmt.Errorf("decoding request: deviceRequest: %w", err)
	}
	if len(request) == 0 {
		return nil, fmt.Errorf("decoding request: an empty deviceRequest: %w", ErrMalformed)
	}
	info, err := ParseEncryptionInfo(members["encryptionInfo"])
	if err != nil {
		return nil, fmt.Errorf("decoding request: %w", err)
	}
	return &Request{DeviceRequest: request, EncryptionInfo: info}, nil
}

// MarshalJSON writes {"response": base64url EncryptedResponse}, ISO/IEC TS 18013-7, Annex C, with the member name that
// deployed wallets use; the text prints it with a capital.
func (r *EncryptedResponse) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]string{"response": encode(r.raw)})
}

// ParseResponse reads the JSON form of an answer; other members are ignored.
func ParseResponse(data []byte) (*EncryptedResponse, error) {
	members, err := textMembers(data, "response")
	if err != nil {
		return nil, fmt.Errorf("decoding response: %w", err)
	}
	raw, err := decode(members["response"], MaxPlaintext+1024)
	if err != nil {
		return nil, fmt.Errorf("decoding response: %w", err)
	}
	return ParseEncryptedResponse(raw)
}

// textMembers reads one JSON object and gives the members named, each of which must be there once and be text. Names are
// matched exactly; others may stand beside them, but none twice.
func textMembers(data []byte, names ...string) (map[string]string, error) {
	if len(data) > maxJSON {
		return nil, fmt.Errorf("%d bytes of JSON: %w", len(data), ErrMalformed)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if t, _ := d.Token(); t != json.Delim('{') {
		return nil, fmt.Errorf("not a JSON object: %w", ErrMalformed)
	}
	all := make(map[string]json.RawMessage)
	for d.More() {
		name, _ := d.Token() // after a fault there is no value either
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, fmt.Errorf("not a JSON object: %w", ErrMalformed)
		}
		key, _ := name.(string)
		if _, twice := all[key]; twice {
			return nil, fmt.Errorf("a JSON member given twice: %w", ErrMalformed)
		}
		all[key] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, fmt.Errorf("not a JSON object: %w", ErrMalformed)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("something follows the JSON object: %w", ErrMalformed)
	}
	out := make(map[string]string, len(names))
	for _, n := range names {
		var s *string
		if err := json.Unmarshal(all[n], &s); err != nil || s == nil {
			return nil, fmt.Errorf("member %s is missing or no text: %w", n, ErrMalformed)
		}
		out[n] = *s
	}
	return out, nil
}
