package transcript

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"

	"mobileid/mdoc/cbor"
)

// MaxSize bounds a SessionTranscript. The largest part is the pair of NFC handover messages, which a Type 4 Tag limits to
// 32 KiB each.
const MaxSize = 96 << 10

// ErrMalformed is wrapped by every refusal of this package.
var ErrMalformed = errors.New("malformed session transcript")

const null = 0xf6

// Transcript is a SessionTranscript, its parts kept as received. ISO/IEC 18013-5:2021, 9.1.5.1:
//
//	SessionTranscript = [
//	    DeviceEngagementBytes,   ; #6.24(bstr .cbor DeviceEngagement), null outside proximity
//	    EReaderKeyBytes,         ; #6.24(bstr .cbor COSE_Key), null outside proximity
//	    Handover                 ; QR: null; NFC: [Hs bstr, Hr bstr / null]; others: their own
//	]
//	SessionTranscriptBytes = #6.24(bstr .cbor SessionTranscript)
//
// A Transcript does not change once made; the zero value is not a transcript, see [Transcript.IsZero].
type Transcript struct {
	array      []byte
	engagement []byte
	readerKey  []byte
	handover   []byte
	salt       [sha256.Size]byte
}

// QR is the transcript of a QR engagement: the handover is null. engagement is the DeviceEngagement map as it stood in the
// QR code, eReaderKeyBytes the tag 24 item of the SessionEstablishment message.
func QR(engagement, eReaderKeyBytes []byte) (Transcript, error) {
	return proximity(engagement, eReaderKeyBytes, []byte{null})
}

// NFC is the transcript of an NFC engagement. hs and hr are the complete NDEF messages without NLEN; hr is nil for static
// handover and must not be empty otherwise. engagement is the payload of the record iso.org:18013:deviceengagement.
func NFC(engagement, eReaderKeyBytes, hs, hr []byte) (Transcript, error) {
	if len(hs) == 0 {
		return Transcript{}, fmt.Errorf("building session transcript: empty handover select message: %w", ErrMalformed)
	}
	if hr != nil && len(hr) == 0 {
		return Transcript{}, fmt.Errorf("building session transcript: empty handover request message: %w", ErrMalformed)
	}
	handover := cbor.AppendBytes(cbor.AppendArrayHead(nil, 2), hs)
	if hr == nil {
		handover = cbor.AppendNull(handover)
	} else {
		handover = cbor.AppendBytes(handover, hr)
	}
	return proximity(engagement, eReaderKeyBytes, handover)
}

// Online is the transcript of a presentation without engagement and reader key whose handover has another form than those
// of [OpenID4VP], [OpenID4VPDCAPI], [AnnexB] and [AnnexC], such as one from before the standards: the first two members are
// null and handover, one encoded CBOR item, carries the binding.
func Online(handover []byte) (Transcript, error) {
	if err := cbor.Wellformed(handover); err != nil {
		return Transcript{}, fmt.Errorf("building session transcript: handover: %w: %w", ErrMalformed, err)
	}
	return assemble([]byte{null}, []byte{null}, handover)
}

func proximity(engagement, eReaderKeyBytes, handover []byte) (Transcript, error) {
	if err := cbor.Wellformed(engagement); err != nil {
		return Transcript{}, fmt.Errorf("building session transcript: device engagement: %w: %w", ErrMalformed, err)
	}
	if err := checkEmbedded(eReaderKeyBytes); err != nil {
		return Transcript{}, fmt.Errorf("building session transcript: reader key: %w", err)
	}
	return assemble(cbor.AppendEmbedded(nil, engagement), eReaderKeyBytes, handover)
}

func assemble(engagement, readerKey, handover []byte) (Transcript, error) {
	size := len(engagement) + len(readerKey) + len(handover) + 1
	if size > MaxSize {
		return Transcript{}, fmt.Errorf("building session transcript: %d bytes, limit %d: %w", size, MaxSize, ErrMalformed)
	}
	array := cbor.AppendArrayHead(make([]byte, 0, size), 3)
	array = append(array, engagement...)
	array = append(array, readerKey...)
	array = append(array, handover...)
	return split(array, len(engagement), len(readerKey)), nil
}

// split points the parts into array, which the transcript owns from here on.
func split(array []byte, engagement, readerKey int) Transcript {
	a, b := 1+engagement, 1+engagement+readerKey
	t := Transcript{array: array, engagement: array[1:a], readerKey: array[a:b], handover: array[b:]}
	h := sha256.New()
	h.Write(cbor.AppendEmbeddedHead(make([]byte, 0, 16), len(array)))
	h.Write(array)
	h.Sum(t.salt[:0])
	return t
}

// Parse reads a SessionTranscript array (not the tag 24 form). Each of the first two elements is a tag 24 byte string or
// null; the handover is any well-formed item. The bytes are copied and kept.
func Parse(raw []byte) (Transcript, error) {
	if len(raw) > MaxSize {
		return Transcript{}, fmt.Errorf("parsing session transcript: %d bytes, limit %d: %w", len(raw), MaxSize, ErrMalformed)
	}
	var parts []cbor.RawMessage
	if err := cbor.Unmarshal(raw, &parts); err != nil {
		return Transcript{}, fmt.Errorf("parsing session transcript: %w: %w", ErrMalformed, err)
	}
	if len(parts) != 3 {
		return Transcript{}, fmt.Errorf("parsing session transcript: %d elements, want 3: %w", len(parts), ErrMalformed)
	}
	for i, name := range []string{"device engagement", "reader key"} {
		if isNull(parts[i]) {
			continue
		}
		if err := checkEmbedded(parts[i]); err != nil {
			return Transcript{}, fmt.Errorf("parsing session transcript: %s: %w", name, err)
		}
	}
	t := split(bytes.Clone(raw), len(parts[0]), len(parts[1]))
	if !bytes.Equal(t.handover, parts[2]) {
		return Transcript{}, fmt.Errorf("parsing session transcript: array head is not the shortest form: %w", ErrMalformed)
	}
	return t, nil
}

// IsZero reports whether t is the zero value, which no constructor returns.
func (t Transcript) IsZero() bool { return len(t.array) == 0 }

// Array returns the SessionTranscript array, the form inside DeviceAuthentication and ReaderAuthentication.
func (t Transcript) Array() []byte { return bytes.Clone(t.array) }

// Size is the length of [Transcript.Array].
func (t Transcript) Size() int { return len(t.array) }

// AppendArray appends what [Transcript.Array] returns.
func (t Transcript) AppendArray(b []byte) []byte { return append(b, t.array...) }

// Bytes returns SessionTranscriptBytes, the tag 24 form.
func (t Transcript) Bytes() []byte { return cbor.AppendEmbedded(nil, t.array) }

// Salt returns SHA-256(SessionTranscriptBytes), the salt of all three key derivations (ISO/IEC 18013-5:2021, 9.1.1.5 and
// 9.1.3.5).
func (t Transcript) Salt() []byte {
	salt := t.salt
	return salt[:]
}

// DeviceEngagementBytes returns the whole tag 24 item, nil where the transcript has null.
func (t Transcript) DeviceEngagementBytes() []byte { return presentOrNil(t.engagement) }

// EReaderKeyBytes returns the whole tag 24 item, nil where the transcript has null.
func (t Transcript) EReaderKeyBytes() []byte { return presentOrNil(t.readerKey) }

// Handover returns the encoded third element; f6 for QR.
func (t Transcript) Handover() []byte { return bytes.Clone(t.handover) }

// Equal reports whether both are the same bytes.
func (t Transcript) Equal(o Transcript) bool { return bytes.Equal(t.array, o.array) }

func presentOrNil(part []byte) []byte {
	if isNull(part) {
		return nil
	}
	return bytes.Clone(part)
}

func isNull(item []byte) bool { return bytes.Equal(item, []byte{null}) }

// checkEmbedded refuses anything but a tag 24 byte string that holds one well-formed item.
func checkEmbedded(raw []byte) error {
	var e cbor.Embedded[cbor.RawMessage]
	c := cbor.NewCursor(raw)
	cbor.ReadEmbedded(c, &e, func(c *cbor.Cursor, item *cbor.RawMessage) { *item = c.Raw() })
	if err := c.Done(); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return nil
}
