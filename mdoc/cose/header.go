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

func (h Headers) encode(alg Algorithm) (protected, unprotected []byte, err error) {
	p := append(cbor.Map[int64, cbor.RawMessage]{{Key: labelAlg, Value: cbor.AppendInt(nil, int64(alg))}}, h.Protected...)
	u := append(cbor.Map[int64, cbor.RawMessage]{}, h.Unprotected...)
	if len(h.X5Chain) > 0 {
		chain := cbor.Entry[int64, cbor.RawMessage]{Key: labelX5Chain, Value: encodeChain(h.X5Chain)}
		if h.X5ChainProtected {
			p = append(p, chain)
		} else {
			u = append(u, chain)
		}
	}
	if protected, err = cbor.Marshal(p); err != nil {
		return nil, nil, err
	}
	if unprotected, err = cbor.Marshal(u); err != nil {
		return nil, nil, err
	}
	return protected, unprotected, nil
}

func encodeChain(chain [][]byte) []byte {
	if len(chain) == 1 {
		return cbor.AppendBytes(nil, chain[0])
	}
	out := cbor.AppendArrayHead(nil, len(chain))
	for _, c := range chain {
		out = cbor.AppendBytes(out, c)
	}
	return out
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

// messageArray is COSE_Sign1 and COSE_Mac0 on the wire, RFC 9052, 4.2 and 6.2.
type messageArray struct {
	_           struct{} `cbor:",toarray"`
	Protected   []byte
	Unprotected cbor.RawMessage
	Payload     cbor.RawMessage
	Proof       []byte
}

func parseMessage(raw []byte) (message, error) {
	var a messageArray
	if err := cbor.Unmarshal(raw, &a); err != nil {
		return message{}, err
	}
	m := message{raw: raw, protected: a.Protected, proof: a.Proof}
	if !isNull(a.Payload) {
		if err := cbor.Unmarshal(a.Payload, &m.payload); err != nil {
			return message{}, err
		}
		if m.payload == nil {
			m.payload = []byte{}
		}
	}
	var err error
	if len(a.Protected) > 0 {
		if m.protectedIn, err = cbor.Pairs(a.Protected); err != nil {
			return message{}, fmt.Errorf("protected header: %w", err)
		}
	}
	if m.unprotectedI, err = cbor.Pairs(a.Unprotected); err != nil {
		return message{}, fmt.Errorf("unprotected header: %w", err)
	}
	return m, m.checkHeaders()
}

func isNull(raw cbor.RawMessage) bool { return len(raw) == 1 && raw[0] == 0xf6 }

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
		var label int64
		if err := cbor.Unmarshal(c, &label); err != nil || !understood(label) {
			return errors.New("a critical header that is not understood")
		}
		if _, present := find(m.protectedIn, label); !present {
			return errors.New("crit names a header that is not there")
		}
	}
	return nil
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
	var alg int64
	if err := cbor.Unmarshal(raw, &alg); err != nil {
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
	var one []byte
	if err := cbor.Unmarshal(raw, &one); err == nil {
		return checkChain([][]byte{one})
	}
	var several [][]byte
	if err := cbor.Unmarshal(raw, &several); err != nil {
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
