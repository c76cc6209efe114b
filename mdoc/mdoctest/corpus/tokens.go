package corpus

import (
	"bytes"
	"compress/zlib"
	"crypto"
	"time"

	"mobileid/mdoc/cose"
)

// token is a status list token in parts. The list has 8192 entries, of which entry 7 is revoked.
type token struct {
	a       *authority
	key     crypto.Signer
	alg     cose.Algorithm
	chain   [][]byte
	anchors [][]byte
	issuer  []byte // the document signer of the credential
	uri     string
	index   uint64
	at      time.Time
	list    []byte // uncompressed

	onList    func(list *node)
	onClaims  func(claims *node)
	onHeaders func(protected, unprotected *node)
	onMessage func(message *node)
	onRaw     func(raw []byte) []byte
}

const revokedIndex = 7

func newToken(a *authority) *token {
	t := &token{a: a, key: a.statusKey, alg: cose.ES256, chain: [][]byte{a.status}, anchors: [][]byte{a.iaca.Raw}, issuer: a.ds, uri: listURI,
		index: listIndex, at: now, list: make([]byte, 1024)}
	t.list[0] = 1 << revokedIndex
	return t
}

func (t *token) build() []byte {
	list := mapOf("bits", uinteger(1), "lst", bstr(deflate(t.list)))
	call(t.onList, list)
	claims := mapOf(2, text(listURI), 6, seconds(-time.Hour), 4, seconds(24*time.Hour), 65534, uinteger(3600), 65533, list)
	call(t.onClaims, claims)
	protected, unprotected := mapOf(1, integer(int64(t.alg)), 16, text("application/statuslist+cwt"), 33, chainNode(t.chain)), mapOf()
	if t.onHeaders != nil {
		t.onHeaders(protected, unprotected)
	}
	head, payload := encode(protected), encode(claims)
	signature := signBytes(t.key, t.alg, structure("Signature1", head, payload))
	message := tagged(18, array(bstr(head), unprotected, bstr(payload), bstr(signature)))
	call(t.onMessage, message)
	raw := encode(message)
	if t.onRaw != nil {
		raw = t.onRaw(raw)
	}
	return raw
}

func seconds(d time.Duration) *node { return uinteger(uint64(now.Add(d).Unix())) }

func deflate(raw []byte) []byte {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_ = must(w.Write(raw))
	_ = must(0, w.Close())
	return b.Bytes()
}

func (t *token) tokenCase(l label) Case {
	c := l.of(StatusToken, "base")
	c.At, c.URI, c.Index = t.at, t.uri, t.index
	c.add("token", t.build())
	c.add("document_signer", t.issuer)
	c.add("anchor", t.anchors...)
	return c
}
