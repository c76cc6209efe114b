package cose

import (
	"errors"
	"fmt"

	"mobileid/mdoc/cbor"
)

// Header labels (RFC 9052, 3.1; RFC 9596; RFC 9360).
const (
	labelAlg     = 1
	labelCrit    = 2
	labelType    = 16
	labelX5Chain = 33
	labelX5T     = 34
)

// Bounds of x5chain: no path of ISO/IEC 18013-5 Annex B is longer, and no certificate of it comes near the size.
const (
	maxChain       = 6
	maxCertificate = 16 << 10
)

// HeaderType is the label of the typ header (RFC 9596).
const HeaderType int64 = labelType

// Headers is what a new message carries beside its algorithm.
type Headers struct {
	// X5Chain is the certificate chain, leaf first and the root left out. One certificate is written as a byte string,
	// several as an array.
	X5Chain [][]byte
	// X5ChainProtected puts the chain under the signature, as status list tokens want it. An IssuerAuth carries it unprotected.
	X5ChainProtected bool
	// Protected and Unprotected are further parameters. They must not hold alg or x5chain.
	Protected   cbor.Map[int64, cbor.RawMessage]
	Unprotected cbor.Map[int64, cbor.RawMessage]
}

// encode writes both buckets: the protected one as the content of its byte string.
func (h Headers) encode(alg Algorithm) (protected, unprotected []byte, err error) {
	inside, outside := h.X5Chain, [][]byte(nil)
	if !h.X5ChainProtected {
		inside, outside = outside, inside
	}
	if protected, err = encodeBucket(alg, h.Protected, inside); err != nil {
		return nil, nil, err
	}
	if unprotected, err = encodeBucket(0, h.Unprotected, outside); err != nil {
		return nil, nil, err
	}
	return protected, unprotected, nil
}

// encodeBucket writes alg unless it is 0, the further parameters, and the chain unless it is empty.
func encodeBucket(alg Algorithm, further cbor.Map[int64, cbor.RawMessage], chain [][]byte) ([]byte, error) {
	n, size := len(further), 16
	for _, e := range further {
		size += len(e.Value) + 9
	}
	for _, c := range chain {
		size += len(c) + 9
	}
	if alg != 0 {
		n++
	}
	if len(chain) > 0 {
		n++
	}
	out := cbor.AppendMapHead(make([]byte, 0, size), n)
	if alg != 0 {
		out = cbor.AppendInt(cbor.AppendInt(out, labelAlg), int64(alg))
	}
	for i, e := range further {
		_, twice := further[:i].Get(e.Key)
		if twice || e.Key == labelAlg && alg != 0 || e.Key == labelX5Chain && len(chain) > 0 {
			return nil, errors.New("a header label stands twice")
		}
		if err := cbor.Wellformed(e.Value); err != nil {
			return nil, fmt.Errorf("header %d: %w", e.Key, err)
		}
		out = append(cbor.AppendInt(out, e.Key), e.Value...)
	}
	if len(chain) > 0 {
		out = appendChain(cbor.AppendInt(out, labelX5Chain), chain)
	}
	return out, nil
}

func appendChain(b []byte, chain [][]byte) []byte {
	if len(chain) > 1 {
		b = cbor.AppendArrayHead(b, len(chain))
	}
	for _, c := range chain {
		b = cbor.AppendBytes(b, c)
	}
	return b
}

// message is what COSE_Sign1 and COSE_Mac0 share:
//
//	[protected: bstr, unprotected: {* label => any}, payload: bstr / null, signature or tag: bstr]
type message struct {
	raw          []byte // untagged
	protected    []byte // the content of the protected byte string
	payload      []byte // nil when detached
	proof        []byte
	protectedIn  []cbor.RawPair
	unprotectedI []cbor.RawPair
}

func parseMessage(raw []byte) (message, error) {
	m := message{raw: raw}
	var unprotected cbor.RawMessage
	c := cbor.NewCursor(raw)
	e := c.Tuple(4)
	for place := 0; e.Next(); place++ {
		switch place {
		case 0:
			m.protected = c.Bytes()
		case 1:
			unprotected = c.Raw()
		case 2:
			if c.IsNull() {
				c.Skip()
			} else {
				m.payload = c.Bytes()
			}
		default:
			m.proof = c.Bytes()
		}
	}
	err := c.Done()
	if err != nil {
		return message{}, err
	}
	if len(m.protected) > 0 {
		if m.protectedIn, err = cbor.Pairs(m.protected); err != nil {
			return message{}, fmt.Errorf("protected header: %w", err)
		}
	}
	if m.unprotectedI, err = cbor.Pairs(unprotected); err != nil {
		return message{}, fmt.Errorf("unprotected header: %w", err)
	}
	return m, m.checkHeaders()
}

// checkHeaders refuses what RFC 9052, 3 forbids: a label in both buckets, an algorithm outside the protected one, critical
// labels that are not understood.
func (m *message) checkHeaders() error {
	for _, u := range m.unprotectedI {
		for _, p := range m.protectedIn {
			if u.IsInt == p.IsInt && u.Int == p.Int && u.Text == p.Text {
				return errors.New("a label stands in both headers")
			}
		}
		if u.IsInt && (u.Int == labelAlg || u.Int == labelCrit) {
			return errors.New("alg or crit in the unprotected header")
		}
	}
	raw, ok := find(m.protectedIn, labelCrit)
	if !ok {
		return nil
	}
	var crit []cbor.RawMessage
	if err := cbor.Unmarshal(raw, &crit); err != nil || len(crit) == 0 {
		return errors.New("crit is not an array of labels")
	}
	for _, c := range crit {
		label, _ := integer(c) // 0 for text, which is no label either
		if !understood(label) {
			return errors.New("a critical header that is not understood")
		}
		if _, present := find(m.protectedIn, label); !present {
			return errors.New("crit names a header that is not there")
		}
	}
	return nil
}

func integer(raw []byte) (int64, error) {
	c := cbor.NewCursor(raw)
	n := c.Int()
	return n, c.Done()
}

func understood(label int64) bool {
	return label == labelAlg || label == labelType || label == labelX5Chain || label == labelX5T
}

func find(pairs []cbor.RawPair, label int64) (cbor.RawMessage, bool) {
	for _, p := range pairs {
		if p.IsInt && p.Int == label {
			return p.Value, true
		}
	}
	return nil, false
}

// Algorithm gives the algorithm of the protected header.
func (m *message) Algorithm() (Algorithm, error) {
	raw, ok := find(m.protectedIn, labelAlg)
	if !ok {
		return 0, errors.New("cose: no algorithm in the protected header")
	}
	alg, err := integer(raw)
	if err != nil {
		return 0, errors.New("cose: an algorithm that is not an integer")
	}
	return Algorithm(alg), nil
}

// Payload gives the attached payload, or nil when it is detached. The caller must not change it.
func (m *message) Payload() []byte { return m.payload }

// Bytes gives the untagged message as received or made. The caller must not change it.
func (m *message) Bytes() []byte { return m.raw }

// ProtectedHeader gives the value under an integer label of the protected header.
func (m *message) ProtectedHeader(label int64) (cbor.RawMessage, bool) {
	return find(m.protectedIn, label)
}

// UnprotectedHeader gives the value under an integer label of the unprotected header.
func (m *message) UnprotectedHeader(label int64) (cbor.RawMessage, bool) {
	return find(m.unprotectedI, label)
}

// X5ChainProtected reports whether x5chain stands under the signature.
func (m *message) X5ChainProtected() bool {
	_, ok := find(m.protectedIn, labelX5Chain)
	return ok
}

// X5ChainIsArray reports whether x5chain is an array, which RFC 9360, 2 keeps for two certificates and more.
func (m *message) X5ChainIsArray() bool {
	raw, ok := find(m.protectedIn, labelX5Chain)
	if !ok {
		raw, _ = find(m.unprotectedI, labelX5Chain) // nothing where there is none
	}
	return len(raw) > 0 && raw[0]>>5 == 4 // CBOR's major type 4
}

// X5Chain gives the certificates of the x5chain header (RFC 9360), leaf first, from either bucket: at least one and at
// most six, none empty or above 16 KiB.
func (m *message) X5Chain() ([][]byte, error) {
	raw, ok := find(m.protectedIn, labelX5Chain)
	if !ok {
		raw, ok = find(m.unprotectedI, labelX5Chain)
	}
	if !ok {
		return nil, errors.New("cose: no x5chain")
	}
	one := cbor.NewCursor(raw)
	if der := one.Bytes(); one.Done() == nil {
		return checkChain([][]byte{der})
	}
	c := cbor.NewCursor(raw)
	several := cbor.ReadArray(c, func(c *cbor.Cursor, der *[]byte) { *der = c.Bytes() })
	if c.Done() != nil {
		return nil, errors.New("cose: x5chain is neither a byte string nor an array of them")
	}
	return checkChain(several)
}

func checkChain(chain [][]byte) ([][]byte, error) {
	if len(chain) == 0 || len(chain) > maxChain {
		return nil, fmt.Errorf("cose: an x5chain of %d certificates", len(chain))
	}
	for _, c := range chain {
		if len(c) == 0 || len(c) > maxCertificate {
			return nil, fmt.Errorf("cose: a certificate of %d bytes in x5chain", len(c))
		}
	}
	return chain, nil
}
