package cbor

// tagEmbedded marks a byte string that holds an encoded item (RFC 8949, 3.4.5.1).
const tagEmbedded = 24

// Embedded is #6.24(bstr .cbor T): a value together with the bytes that were received or will be sent. Digests and
// signatures run over those bytes; they are never made anew from the value. The zero value holds nothing and cannot be
// encoded.
type Embedded[T any] struct {
	Value   T
	raw     []byte // the whole tag 24 item
	content []byte // what the byte string holds
}

// NewEmbedded encodes v and keeps the bytes.
func NewEmbedded[T any](v T) (Embedded[T], error) {
	content, err := Marshal(v)
	if err != nil {
		return Embedded[T]{}, err
	}
	raw := AppendEmbedded(make([]byte, 0, len(content)+HeadSize(len(content))+2), content)
	return Embedded[T]{Value: v, raw: raw, content: raw[len(raw)-len(content):]}, nil
}

// AppendEmbedded appends #6.24(bstr content).
func AppendEmbedded(b, content []byte) []byte { return AppendBytes(AppendTag(b, tagEmbedded), content) }

// AppendEmbeddedHead appends #6.24(bstr) up to its content; the n bytes of that follow.
func AppendEmbeddedHead(b []byte, n int) []byte { return AppendBytesHead(AppendTag(b, tagEmbedded), n) }

// ParseEmbedded decodes a whole tag 24 item; the result keeps slices of raw.
func ParseEmbedded[T any](raw []byte) (Embedded[T], error) {
	var e Embedded[T]
	err := e.UnmarshalCBOR(raw)
	return e, err
}

// Bytes gives the whole tag 24 item as received: what digests and signatures cover. The caller must not change it.
func (e Embedded[T]) Bytes() []byte { return e.raw }

// Content gives the bytes inside the byte string. The caller must not change them.
func (e Embedded[T]) Content() []byte { return e.content }

// MarshalCBOR gives the bytes that were kept.
func (e Embedded[T]) MarshalCBOR() ([]byte, error) {
	if len(e.raw) == 0 {
		return nil, fail(0, "an Embedded value without bytes: make it with NewEmbedded")
	}
	return e.raw, nil
}

// UnmarshalCBOR keeps the item and decodes what it holds, strictly.
func (e *Embedded[T]) UnmarshalCBOR(data []byte) error {
	content, err := embeddedContent(data)
	if err != nil {
		return err
	}
	if err := Unmarshal(content, &e.Value); err != nil {
		return err
	}
	e.raw, e.content = data, content
	return nil
}

func embeddedContent(data []byte) ([]byte, error) {
	tag, err := readHead(data, 0)
	if err != nil {
		return nil, err
	}
	if tag.major != majorTag || tag.arg != tagEmbedded {
		return nil, fail(0, "%s where tag 24 is due", majorName(tag))
	}
	str, err := readHead(data, tag.next)
	if err != nil {
		return nil, err
	}
	if str.major != majorBytes {
		return nil, fail(tag.next, "%s inside tag 24 where a byte string is due", majorName(str))
	}
	if str.arg != uint64(len(data)-str.next) {
		return nil, fail(tag.next, "the byte string inside tag 24 has a wrong length")
	}
	return data[str.next:], nil
}
