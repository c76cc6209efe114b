package statuslist_test

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"math/big"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/statuslist"
	"mobileid/mdoc/verdict"
)

const uri = "https://issuer.example/v1/status-lists/0"

var now = time.Date(2027, 1, 15, 3, 0, 0, 0, time.UTC)

// authority is an issuing authority: its root, a status list signer and a document signer.
type authority struct {
	tb           testing.TB
	rootKey, key *ecdsa.PrivateKey
	signer, ds   []byte
	anchors      *pki.Anchors
	issuer       *pki.Chain
	root         *x509.Certificate
}

func newKey(tb testing.TB) *ecdsa.PrivateKey {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func newAuthority(tb testing.TB, name string) *authority {
	a := &authority{tb: tb, rootKey: newKey(tb), key: newKey(tb)}
	der := a.certificate(pki.IACA, name, a.rootKey)
	root, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	a.root = root
	a.signer, a.ds = a.certificate(pki.StatusSigner, "status", a.key), a.certificate(pki.DocumentSigner, "signer", a.key)
	a.anchors = newAnchors(tb, root)
	a.issuer = a.check(a.anchors)
	return a
}

func newAnchors(tb testing.TB, roots ...*x509.Certificate) *pki.Anchors {
	tb.Helper()
	var ders [][]byte
	for _, r := range roots {
		ders = append(ders, r.Raw)
	}
	anchors, err := pki.NewAnchors(ders...)
	if err != nil {
		tb.Fatal(err)
	}
	return anchors
}

// check gives the document signer's path.
func (a *authority) check(anchors *pki.Anchors) *pki.Chain {
	a.tb.Helper()
	chain, v, err := anchors.Check([][]byte{a.ds}, pki.DocumentSigner, now)
	if err != nil || !v.OK() {
		a.tb.Fatal(err, v)
	}
	return chain
}

func (a *authority) certificate(p pki.Profile, name string, key *ecdsa.PrivateKey) []byte {
	a.tb.Helper()
	der, err := pki.Create(pki.Template{Profile: p, Country: "JP", CommonName: "TEST " + name, IssuerAltURI: "https://issuer.example/",
		CRLURI: "https://issuer.example/crl", NotBefore: now.AddDate(0, -1, 0), NotAfter: now.AddDate(1, 0, 0)}, key.Public(), a.root, a.rootKey, nil)
	if err != nil {
		a.tb.Fatal(err)
	}
	return der
}

func token() statuslist.Token {
	l := statuslist.New(1 << 10)
	if err := l.Set(7, statuslist.Invalid); err != nil {
		panic(err)
	}
	return statuslist.Token{URI: uri, IssuedAt: now.Add(-time.Minute), ExpiresAt: now.Add(24 * time.Hour), TTL: time.Hour,
		AggregationURI: "https://issuer.example/v1/status-lists", List: l}
}

func (a *authority) sign(t statuslist.Token) []byte {
	a.tb.Helper()
	raw, err := statuslist.Sign(a.key, [][]byte{a.signer}, t)
	if err != nil {
		a.tb.Fatal(err)
	}
	return raw
}

func TestSignAndVerify(t *testing.T) {
	a := newAuthority(t, "IACA")
	want := token()
	s, err := statuslist.Parse(a.sign(want))
	if err != nil {
		t.Fatal(err)
	}
	got, v, err := s.Verify(a.anchors, uri, now)
	if err != nil || !v.OK() {
		t.Fatalf("%v: %s", err, v)
	}
	if got.URI != want.URI || !got.IssuedAt.Equal(want.IssuedAt) || !got.ExpiresAt.Equal(want.ExpiresAt) || got.TTL != want.TTL ||
		got.AggregationURI != want.AggregationURI || !bytes.Equal(got.List.Bytes(), want.List.Bytes()) || !got.Anchor.Equal(a.root) {
		t.Error("another token came out")
	}
	for index, expected := range map[uint64]uint8{7: statuslist.Invalid, 6: statuslist.Valid, 1023: statuslist.Valid} {
		if value, v := got.Status(index, a.issuer.Anchor); !v.OK() || value != expected {
			t.Errorf("entry %d is %d: %s", index, value, v)
		}
	}
}

// TestTokenBytes holds the wire form against the draft's layout: tag 18, claim labels, plain integers, bytes.
func TestTokenBytes(t *testing.T) {
	a := newAuthority(t, "IACA")
	raw := a.sign(token())
	if raw[0] != 0xd2 || raw[1] != 0x84 {
		t.Errorf("begins %x, expected tag 18 and an array of 4", raw[:2])
	}
	m, err := cose.ParseTaggedSign1(raw)
	if err != nil {
		t.Fatal(err)
	}
	if value, _ := m.ProtectedHeader(16); string(value) != "\x78\x1aapplication/statuslist+cwt" {
		t.Errorf("type %q", value)
	}
	if !m.X5ChainProtected() {
		t.Error("x5chain is not protected")
	}
	pairs, err := cbor.Pairs(m.Payload())
	if err != nil {
		t.Fatal(err)
	}
	want := map[int64]byte{2: 0x78, 6: 0x1a, 4: 0x1a, 65534: 0x19, 65533: 0xa3} // text, uint32, uint32, uint16, map of 3
	for _, p := range pairs {
		if p.Value[0] != want[p.Int] {
			t.Errorf("claim %d begins %x, expected %x", p.Int, p.Value[0], want[p.Int])
		}
		delete(want, p.Int)
	}
	if len(want) != 0 {
		t.Errorf("claims missing: %v", want)
	}
}

func TestAnotherAuthority(t *testing.T) {
	a, b := newAuthority(t, "IACA"), newAuthority(t, "IACA of another")
	both := newAnchors(t, a.root, b.root)
	s, err := statuslist.Parse(b.sign(token()))
	if err != nil {
		t.Fatal(err)
	}
	got, v, err := s.Verify(both, uri, now)
	if err != nil || !v.OK() {
		t.Fatalf("%v: %s", err, v)
	}
	if value, v := got.Status(6, b.check(both).Anchor); !v.OK() || value != statuslist.Valid {
		t.Errorf("its own credential: %d, %s", value, v)
	}
	for name, issuer := range map[string]*x509.Certificate{
		"credential of another authority": a.check(both).Anchor,
		"no document signer":              nil,
	} {
		t.Run(name, func(t *testing.T) {
			value, v := got.Status(6, issuer)
			if diff := cmp.Diff([]string{"status.token.authority"}, failedIDs(v)); diff != "" || value != statuslist.Invalid {
				t.Errorf("value %d, failed checks (-want +got):\n%s", value, diff)
			}
		})
	}
	if value, v := (statuslist.Token{}).Status(6, a.issuer.Anchor); v.OK() || value != statuslist.Invalid {
		t.Error("an empty token answers")
	}
	if value, v := (statuslist.Token{List: got.List}).Status(6, nil); v.OK() || value != statuslist.Invalid {
		t.Error("a token of no authority answers for a credential of none")
	}
}

// claims of a token, label by label, so that each case can change one.
type claims = cbor.Map[int64, cbor.RawMessage]

func item(v any) cbor.RawMessage {
	raw, err := cbor.Marshal(v)
	if err != nil {
		panic(err)
	}
	return raw
}

func goodClaims() claims {
	list, err := statuslist.Encode(token().List)
	if err != nil {
		panic(err)
	}
	return claims{{Key: 2, Value: item(uri)}, {Key: 6, Value: item(now.Unix())}, {Key: 4, Value: item(now.Unix() + 3600)},
		{Key: 65534, Value: item(3600)}, {Key: 65533, Value: list}}
}

// with gives the claims with one replaced, or removed when raw is nil.
func with(label int64, raw []byte) claims {
	var out claims
	for _, e := range goodClaims() {
		if e.Key == label {
			if raw == nil {
				continue
			}
			e.Value = raw
		}
		out = append(out, e)
	}
	return out
}

func (a *authority) forge(c claims, messageType any) []byte {
	a.tb.Helper()
	h := cose.Headers{X5Chain: [][]byte{a.signer}, X5ChainProtected: true}
	if messageType != nil {
		h.Protected = claims{{Key: 16, Value: item(messageType)}}
	}
	m, err := cose.NewSign1(a.key, h, item(c))
	if err != nil {
		a.tb.Fatal(err)
	}
	return m.TaggedBytes()
}

func list(bits any, lst any) []byte {
	type pair = cbor.Entry[string, cbor.RawMessage]
	return item(cbor.Map[string, cbor.RawMessage]{pair{Key: "bits", Value: item(bits)}, pair{Key: "lst", Value: item(lst)}})
}

func deflate(raw []byte) []byte {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, _ = w.Write(raw)
	_ = w.Close()
	return b.Bytes()
}

func TestForgedTokens(t *testing.T) {
	a := newAuthority(t, "IACA")
	const typ = "application/statuslist+cwt"
	ok := deflate([]byte{0, 1})
	// Issue and expiry each within their own bound, thanks to the tolerance for the issue time.
	expiresFirst := with(4, item(now.Unix()+10))
	expiresFirst[1].Value = item(now.Unix() + 100)
	tag1 := append([]byte{0xc1}, item(now.Unix())...)
	for _, c := range []struct {
		name string
		raw  []byte
		want []string // ids that must fail; "parse" when it is not even well-formed
	}{
		{"unchanged", a.forge(goodClaims(), typ), nil},
		{"type without application/", a.forge(goodClaims(), "statuslist+cwt"), nil},
		{"without ttl", a.forge(with(65534, nil), typ), nil},
		{"issued two minutes ahead", a.forge(with(6, item(now.Unix()+120)), typ), nil},
		{"issued over two minutes ahead", a.forge(with(6, item(now.Unix()+121)), typ), []string{"status.token.issued_at"}},
		{"no issue time", a.forge(with(6, nil), typ), []string{"status.token.issued_at"}},
		{"issue time negative", a.forge(with(6, item(-1)), typ), []string{"parse"}},
		{"issue time tagged", a.forge(with(6, tag1), typ), []string{"parse"}},
		{"issue time a float", a.forge(with(6, item(1.5)), typ), []string{"parse"}},
		{"expires this second", a.forge(with(4, item(now.Unix())), typ), []string{"status.token.expiry"}},
		{"expires next second", a.forge(with(4, item(now.Unix()+1)), typ), nil},
		{"expires before it is issued", a.forge(expiresFirst, typ), []string{"status.token.expiry"}},
		{"expiry of 2^63", a.forge(with(4, item(uint64(1)<<63)), typ), []string{"status.token.expiry"}},
		{"no expiry", a.forge(with(4, nil), typ), []string{"status.token.expiry"}},
		{"no subject", a.forge(with(2, nil), typ), []string{"status.token.subject"}},
		{"subject with a slash more", a.forge(with(2, item(uri+"/")), typ), []string{"status.token.subject"}},
		{"subject in other case", a.forge(with(2, item("https://ISSUER.example/v1/status-lists/0")), typ), []string{"status.token.subject"}},
		{"ttl zero", a.forge(with(65534, item(0)), typ), []string{"status.token.ttl"}},
		{"ttl of 2^53+1", a.forge(with(65534, item(uint64(1)<<53+1)), typ), []string{"status.token.ttl"}},
		{"ttl as text", a.forge(with(65534, item("3600")), typ), []string{"parse"}},
		{"type as number", a.forge(goodClaims(), 61), []string{"status.token.type"}},
		{"type of an identifier list", a.forge(goodClaims(), "application/identifierlist+cwt"), []string{"status.token.identifiers"}},
		{"no list", a.forge(with(65533, nil), typ), []string{"status.token.list"}},
		{"list as array", a.forge(with(65533, []byte{0x80}), typ), []string{"status.token.list"}},
		{"bits 0", a.forge(with(65533, list(0, ok)), typ), []string{"status.token.list"}},
		{"bits 2", a.forge(with(65533, list(2, ok)), typ), []string{"status.token.bits"}},
		{"bits 3", a.forge(with(65533, list(3, ok)), typ), []string{"status.token.list"}},
		{"bits negative", a.forge(with(65533, list(-1, ok)), typ), []string{"status.token.list"}},
		{"bits as text", a.forge(with(65533, list("1", ok)), typ), []string{"status.token.list"}},
		{"bits a float", a.forge(with(65533, list(1.0, ok)), typ), []string{"status.token.list"}},
		{"bits 2^53+1", a.forge(with(65533, list(uint64(1)<<53+1, ok)), typ), []string{"status.token.list"}},
		{"list as text", a.forge(with(65533, list(1, "eNrbuRgAAhcBXQ")), typ), []string{"status.token.list"}},
		{"list empty", a.forge(with(65533, list(1, []byte{})), typ), []string{"status.token.list"}},
		{"list of no entries", a.forge(with(65533, list(1, deflate(nil))), typ), []string{"status.token.list"}},
		{"list cut", a.forge(with(65533, list(1, ok[:len(ok)-1])), typ), []string{"status.token.list"}},
		{"list with a byte behind it", a.forge(with(65533, list(1, append(bytes.Clone(ok), 0))), typ), []string{"status.token.list"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, failed := readStatus(t, c.raw, a.anchors, uri, 0, now, a.issuer)
			if diff := cmp.Diff(c.want, failed); diff != "" {
				t.Errorf("failed checks (-want +got):\n%s", diff)
			}
			if (got == "reject") != (c.want != nil) {
				t.Errorf("read as %s", got)
			}
		})
	}
}

func TestSigners(t *testing.T) {
	a, b := newAuthority(t, "IACA"), newAuthority(t, "IACA")
	sign := func(key *ecdsa.PrivateKey, chain ...[]byte) []byte {
		raw, err := statuslist.Sign(key, chain, token())
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	for _, c := range []struct {
		name string
		raw  []byte
		at   time.Time
		want []string
	}{
		{"document signer", sign(a.key, a.ds), now, []string{"status.token.chain"}},
		{"authority of the same name", b.sign(token()), now, []string{"status.token.chain"}},
		{"another key", sign(b.key, a.signer), now, []string{"status.token.signature"}},
		{"root itself", sign(a.rootKey, a.root.Raw), now, []string{"status.token.chain"}},
		{"root beside the signer", sign(a.key, a.signer, a.root.Raw), now, []string{"status.token.chain"}},
		{"garbage for a certificate", sign(a.key, []byte{1}), now, []string{"status.token.chain"}},
		{"signer expired", a.sign(statuslist.Token{URI: uri, IssuedAt: now, ExpiresAt: now.AddDate(9, 0, 0), List: statuslist.New(8)}),
			now.AddDate(2, 0, 0), []string{"status.token.chain"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, failed := readStatus(t, c.raw, a.anchors, uri, 0, c.at, a.issuer); !cmp.Equal(c.want, failed) {
				t.Errorf("failed %v, expected %v", failed, c.want)
			}
		})
	}
	s, err := statuslist.Parse(a.sign(token()))
	if err != nil {
		t.Fatal(err)
	}
	if _, v, err := s.Verify(nil, uri, now); err == nil || v.OK() {
		t.Error("no anchors: no error")
	}
	if _, v, err := s.Verify(a.anchors, "", now); err == nil || v.OK() {
		t.Error("no URI: no error")
	}
}

// TestEveryBit flips each bit of a token: none may leave a statement.
func TestEveryBit(t *testing.T) {
	a := newAuthority(t, "IACA")
	raw := a.sign(token())
	for i := range 8 * len(raw) {
		changed := bytes.Clone(raw)
		changed[i/8] ^= 1 << (i % 8)
		s, err := statuslist.Parse(changed)
		if err != nil {
			continue
		}
		if _, v, err := s.Verify(a.anchors, uri, now); err != nil || v.OK() {
			t.Fatalf("bit %d of byte %d may change (%v)", i%8, i/8, err)
		}
	}
}

func TestSignRefuses(t *testing.T) {
	a := newAuthority(t, "IACA")
	two, err := statuslist.FromBytes(2, make([]byte, 4))
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(t *statuslist.Token){
		"no URI":                  func(t *statuslist.Token) { t.URI = "" },
		"no expiry":               func(t *statuslist.Token) { t.ExpiresAt = time.Time{} },
		"expiry at issue":         func(t *statuslist.Token) { t.ExpiresAt = t.IssuedAt },
		"ttl of half a second":    func(t *statuslist.Token) { t.TTL = time.Second / 2 },
		"ttl negative":            func(t *statuslist.Token) { t.TTL = -time.Hour },
		"no list":                 func(t *statuslist.Token) { t.List = nil },
		"list of two bits":        func(t *statuslist.Token) { t.List = two },
		"expiry in another epoch": func(t *statuslist.Token) { t.ExpiresAt = now.AddDate(9000, 0, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			bad := token()
			change(&bad)
			if raw, err := statuslist.Sign(a.key, [][]byte{a.signer}, bad); err == nil || raw != nil {
				t.Error("signed all the same")
			}
		})
	}
	if raw, err := statuslist.Sign(a.key, nil, token()); err == nil || raw != nil {
		t.Error("signed without a certificate")
	}
}

// zeros is a zlib stream of so many mebibytes of zero, and one more byte if asked: one compressed mebibyte, repeated,
// which is cheaper to make than to compress it all.
func zeros(tb testing.TB, mebibytes int, oneMore bool) []byte {
	tb.Helper()
	var block bytes.Buffer
	w, err := flate.NewWriter(&block, flate.BestSpeed)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 1<<20)); err != nil {
		tb.Fatal(err)
	}
	if err := w.Flush(); err != nil { // ends on a byte, so that the block can be repeated
		tb.Fatal(err)
	}
	out := append([]byte{0x78, 0xda}, bytes.Repeat(block.Bytes(), mebibytes)...)
	size := uint32(mebibytes) << 20
	if oneMore {
		out = append(out, 0, 1, 0, 0xfe, 0xff, 0) // a stored block of one byte
		size++
	}
	out = append(out, 1, 0, 0, 0xff, 0xff)                      // an empty last block
	return binary.BigEndian.AppendUint32(out, size%65521<<16|1) // Adler-32 of zeros
}

func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestBomb: a list that would inflate to a gibibyte is refused, properly signed or not, and costs next to no memory
// above its own bytes.
func TestBomb(t *testing.T) {
	a := newAuthority(t, "IACA")
	lst := zeros(t, 1<<10, false)
	raw := list(1, lst)
	signed := a.forge(with(65533, raw), "application/statuslist+cwt")
	var err error
	if n := allocated(func() { _, err = statuslist.Decode(raw) }); err == nil || !strings.Contains(err.Error(), "more than 16777216 bytes") || n > uint64(len(raw))+1<<20 {
		t.Errorf("decoding: error %v, %d bytes allocated for an input of %d", err, n, len(raw))
	}
	var failed []string
	n := allocated(func() { _, failed = readStatus(t, signed, a.anchors, uri, 0, now, a.issuer) })
	if diff := cmp.Diff([]string{"status.token.list"}, failed); diff != "" {
		t.Errorf("failed checks (-want +got):\n%s", diff)
	}
	if n > 8<<20 {
		t.Errorf("%d bytes allocated for a token of %d", n, len(signed))
	}
	atLimit, overLimit := list(1, zeros(t, 16, false)), list(1, zeros(t, 16, true))
	if l, err := statuslist.Decode(atLimit); err != nil || l.Len() != 8*statuslist.MaxBytes {
		t.Errorf("a list at the limit: %v", err)
	}
	if _, err := statuslist.Decode(overLimit); err == nil || !strings.Contains(err.Error(), "more than 16777216 bytes") {
		t.Errorf("a list one byte above the limit: %v", err)
	}
	padded := append(goodClaims(), cbor.Entry[int64, cbor.RawMessage]{Key: 1000, Value: item(make([]byte, statuslist.MaxToken))})
	if _, err := statuslist.Parse(a.forge(padded, "statuslist+cwt")); err == nil {
		t.Error("a token above the limit is accepted")
	}
}

// TestRefusalsNameTheCause holds what is said of a structure that cannot be read, where a later check would refuse it too.
func TestRefusalsNameTheCause(t *testing.T) {
	a := newAuthority(t, "IACA")
	decode := func(raw []byte) func() string {
		return func() string {
			_, err := statuslist.Decode(raw)
			return fmt.Sprint(err)
		}
	}
	measured := func(messageType any) func() string {
		return func() string {
			_, v, err := parse(t, a.forge(goodClaims(), messageType)).Verify(a.anchors, uri, now)
			if err != nil {
				t.Fatal(err)
			}
			return v.String()
		}
	}
	for name, c := range map[string]struct {
		said func() string
		want string
	}{
		"list of three bits":  {decode(list(3, deflate([]byte{0}))), "decoding status list: 3 bits an entry"},
		"list of no blocks":   {decode(list(1, []byte{0x78, 0xda, 0x07, 0, 0, 0, 0})), "flate: corrupt input"},
		"list that is no map": {decode([]byte{0x80}), "decoding status list: cbor: "},
		"token without type":  {measured(nil), "absent from the protected header"},
		"type as a number":    {measured(16), "not text"},
		"identifiers, no map": {func() string {
			_, _, err := statuslist.DecodeIdentifiers([]byte{0x80})
			return fmt.Sprint(err)
		}, "decoding identifier list: cbor: "},
	} {
		t.Run(name, func(t *testing.T) {
			if said := c.said(); !strings.Contains(said, c.want) {
				t.Errorf("%q, expected to say %q", said, c.want)
			}
		})
	}
}

// TestStrangersListIsNotInflated: a bomb signed by nobody must not even be looked into.
func TestStrangersListIsNotInflated(t *testing.T) {
	a, stranger := newAuthority(t, "IACA"), newAuthority(t, "stranger")
	s, err := statuslist.Parse(stranger.forge(with(65533, list(1, deflate(make([]byte, 1<<20)))), "application/statuslist+cwt"))
	if err != nil {
		t.Fatal(err)
	}
	_, v, err := s.Verify(a.anchors, uri, now)
	if err != nil {
		t.Fatal(err)
	}
	if outcome, found := v.Outcome("status.token.list"); !found || outcome != "not_run" {
		t.Errorf("the list's check is %q: %s", outcome, v)
	}
}

func TestListBounds(t *testing.T) {
	l := statuslist.New(9)
	if l.Len() != 16 || l.Bits() != 1 {
		t.Errorf("%d entries of %d bits, expected 16 of 1", l.Len(), l.Bits())
	}
	for _, i := range []uint64{16, 1 << 32, 1<<53 + 1, 1<<64 - 1} {
		if _, err := l.At(i); err == nil {
			t.Errorf("entry %d can be read", i)
		}
		if err := l.Set(i, 1); err == nil {
			t.Errorf("entry %d can be written", i)
		}
	}
	if err := l.Set(0, statuslist.Suspended); err == nil {
		t.Error("the value 2 fits one bit")
	}
	copied := l.Clone()
	if err := copied.Set(3, 1); err != nil {
		t.Fatal(err)
	}
	if v, _ := l.At(3); v != 0 {
		t.Error("the clone shares its bytes")
	}
	if err := copied.Set(3, 0); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(copied.Bytes(), l.Bytes()) {
		t.Error("an entry set and cleared leaves a trace")
	}
	for _, bits := range []int{0, 3, 16, -1} {
		if _, err := statuslist.FromBytes(bits, []byte{0}); err == nil {
			t.Errorf("%d bits an entry are accepted", bits)
		}
	}
	for _, size := range []int{0, statuslist.MaxBytes + 1} {
		if _, err := statuslist.FromBytes(1, make([]byte, size)); err == nil {
			t.Errorf("a list of %d bytes is accepted", size)
		}
	}
	for _, size := range []int{0, -1, 8*statuslist.MaxBytes + 1} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("a list of %d entries was made", size)
				}
			}()
			statuslist.New(size)
		}()
	}
}

func BenchmarkSign(b *testing.B) {
	a := newAuthority(b, "IACA")
	t := token()
	t.List = statuslist.New(1 << 20)
	for range 1 << 20 / 100 {
		n, err := rand.Int(rand.Reader, big.NewInt(1<<20))
		if err != nil {
			b.Fatal(err)
		}
		if err := t.List.Set(n.Uint64(), 1); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		raw := a.sign(t)
		b.ReportMetric(float64(len(raw)), "bytes")
	}
}

func TestCheckSigner(t *testing.T) {
	a := newAuthority(t, "IACA")
	got, v, err := parse(t, a.sign(token())).Verify(a.anchors, uri, now)
	if err != nil || !v.OK() {
		t.Fatal(err, v)
	}
	lists := pki.NewRevocationLists(a.anchors)
	for name, c := range map[string]struct {
		token  statuslist.Token
		source pki.RevocationSource
		want   verdict.Outcome
	}{
		"no source":   {got, nil, verdict.NotRun},
		"no CRL":      {got, lists, verdict.NotRun},
		"no signer":   {statuslist.Token{Anchor: a.root}, says(pki.NotRevoked), verdict.NotRun},
		"no anchor":   {statuslist.Token{Signer: a.root}, says(pki.NotRevoked), verdict.NotRun},
		"not revoked": {got, says(pki.NotRevoked), verdict.Pass},
		"revoked":     {got, says(pki.Revoked), verdict.Fail},
	} {
		v := c.token.CheckSigner(c.source, now)
		if o, listed := v.Outcome("status.token.revocation"); !listed || o != c.want || len(v.Checks) != 1 {
			t.Errorf("%s: %s", name, v)
		}
	}
}

// says answers every question alike.
type says pki.RevocationState

func (s says) Revocation(_, _ *x509.Certificate, _ time.Time) pki.RevocationAnswer {
	return pki.RevocationAnswer{State: pki.RevocationState(s), Measured: "asked"}
}
