// Package world builds a small valid world for tests: an issuing authority, a reader, a device and a document, so that a test
// changes one thing and sees one check fail. Only tests import it.
package world

import (
	"context"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"math/big"
	"testing"
	"time"

	"mobileid/mdoc"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/holder"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/session"
	"mobileid/mdoc/transcript"
	"mobileid/mdoc/verdict"
)

// The documents of a World.
const (
	DocType   = "org.iso.23220.1.jp.mnc"
	NameSpace = "org.iso.23220.1"
	NameJP    = "org.iso.23220.1.jp"
)

// World is an issuing authority, a reader and a device with valid keys and certificates at one moment.
type World struct {
	Now time.Time

	IACAKey *ecdsa.PrivateKey
	IACA    *x509.Certificate
	Anchors *pki.Anchors

	SignerKey   *ecdsa.PrivateKey
	SignerChain [][]byte

	ReaderRootKey *ecdsa.PrivateKey
	ReaderRoot    *x509.Certificate
	ReaderRoots   *pki.Anchors
	ReaderKey     *ecdsa.PrivateKey
	ReaderChain   [][]byte

	// Revocation holds an empty CRL of either root.
	Revocation *pki.RevocationLists

	DeviceKey *ecdsa.PrivateKey
}

// New makes one.
func New(tb testing.TB) *World {
	tb.Helper()
	w := &World{Now: time.Date(2026, 11, 1, 3, 0, 0, 0, time.UTC)}
	from := w.Now.AddDate(0, -1, 0)
	w.IACAKey, w.SignerKey, w.ReaderKey, w.DeviceKey = Key(tb), Key(tb), Key(tb), Key(tb)
	w.IACA = w.Certificate(tb, pki.Template{Profile: pki.IACA, Country: "JP", CommonName: "TEST IACA", NotBefore: from,
		NotAfter: from.AddDate(9, 0, 0), IssuerAltURI: "https://issuer.example"}, w.IACAKey.Public(), nil, w.IACAKey)
	w.Anchors = anchors(tb, w.IACA)
	signer := w.Certificate(tb, pki.Template{Profile: pki.DocumentSigner, Country: "JP", CommonName: "TEST document signer",
		NotBefore: from, NotAfter: from.AddDate(0, 0, 450), IssuerAltURI: "https://issuer.example",
		CRLURI: "https://issuer.example/crl"}, w.SignerKey.Public(), w.IACA, w.IACAKey)
	w.SignerChain = [][]byte{signer.Raw}
	w.ReaderRootKey = Key(tb)
	w.ReaderRoot = w.Certificate(tb, pki.Template{Profile: pki.ReaderRoot, Country: "JP", CommonName: "TEST reader root",
		NotBefore: from, NotAfter: from.AddDate(5, 0, 0), IssuerAltURI: "https://reader.example"}, w.ReaderRootKey.Public(), nil, w.ReaderRootKey)
	w.ReaderRoots = anchors(tb, w.ReaderRoot)
	reader := w.Certificate(tb, pki.Template{Profile: pki.ReaderAuth, Country: "JP", CommonName: "TEST till",
		NotBefore: from, NotAfter: from.AddDate(1, 0, 0), IssuerAltURI: "https://reader.example",
		CRLURI: "https://reader.example/crl"}, w.ReaderKey.Public(), w.ReaderRoot, w.ReaderRootKey)
	w.ReaderChain = [][]byte{reader.Raw}
	w.Revocation = pki.NewRevocationLists(w.Anchors, w.ReaderRoots)
	w.Revoke(tb, w.IACA, w.IACAKey, 1)
	w.Revoke(tb, w.ReaderRoot, w.ReaderRootKey, 1)
	return w
}

// Revoke gives Revocation the root's CRL of that number, made a day ago for 30 days, with the certificates given.
func (w *World) Revoke(tb testing.TB, root *x509.Certificate, key crypto.Signer, number int64, revoked ...pki.Revocation) {
	tb.Helper()
	if err := w.Revocation.Put(CRL(tb, root, key, number, w.Now.AddDate(0, 0, -1), revoked...), w.Now); err != nil {
		tb.Fatal(err)
	}
}

// CRL makes a root's list for 30 days.
func CRL(tb testing.TB, root *x509.Certificate, key crypto.Signer, number int64, from time.Time, revoked ...pki.Revocation) []byte {
	tb.Helper()
	der, err := pki.CreateCRL(pki.CRLTemplate{Profile: pki.CRLWithReasons, Number: big.NewInt(number), ThisUpdate: from,
		NextUpdate: from.AddDate(0, 0, 30), Revoked: revoked}, root, key)
	if err != nil {
		tb.Fatal(err)
	}
	return der
}

// Key makes a P-256 key.
func Key(tb testing.TB) *ecdsa.PrivateKey {
	tb.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

// Certificate makes a certificate; parent nil makes it self-signed.
func (w *World) Certificate(tb testing.TB, t pki.Template, pub crypto.PublicKey, parent *x509.Certificate, signer crypto.Signer) *x509.Certificate {
	tb.Helper()
	der, err := pki.Create(t, pub, parent, signer, nil)
	if err != nil {
		tb.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func anchors(tb testing.TB, roots ...*x509.Certificate) *pki.Anchors {
	tb.Helper()
	var ders [][]byte
	for _, r := range roots {
		ders = append(ders, r.Raw)
	}
	a, err := pki.NewAnchors(ders...)
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

// Draft is a small document: two age attestations, a birth date, a name and a portrait of 64 bytes.
func (w *World) Draft(tb testing.TB) mdoc.Draft {
	tb.Helper()
	key, err := cose.NewKey(w.DeviceKey.Public())
	if err != nil {
		tb.Fatal(err)
	}
	return mdoc.Draft{
		DocType: DocType,
		Elements: []mdoc.Element{
			{NameSpace: NameSpace, Identifier: "age_over_18", Value: Encode(tb, true)},
			{NameSpace: NameSpace, Identifier: "age_over_20", Value: Encode(tb, true)},
			{NameSpace: NameSpace, Identifier: "age_over_65", Value: Encode(tb, false)},
			{NameSpace: NameSpace, Identifier: "birth_date", Value: Encode(tb, cbor.FullDate{Year: 1990, Month: 1, Day: 2})},
			{NameSpace: NameJP, Identifier: "full_name_unicode", Value: Encode(tb, "試験　花子")},
			{NameSpace: NameJP, Identifier: "portrait", Value: Encode(tb, make([]byte, 64))},
			{NameSpace: NameJP, Identifier: "individual_number_unicode", Value: Encode(tb, "123456789018")},
		},
		DeviceKey: key, Signed: w.Now.Add(-time.Hour), ValidFrom: w.Now.Add(-time.Hour), ValidUntil: w.Now.AddDate(0, 0, 30),
		Status: mdoc.StatusListRef{Index: 4711, URI: "https://issuer.example/v1/status-lists/1"},
	}
}

// Encode encodes a value.
func Encode(tb testing.TB, v any) []byte {
	tb.Helper()
	b, err := cbor.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// Issue prepares and signs a draft.
func (w *World) Issue(tb testing.TB, d mdoc.Draft) []byte {
	tb.Helper()
	p, err := mdoc.Prepare(d, nil)
	if err != nil {
		tb.Fatal(err)
	}
	raw, err := p.Issue(cose.Deterministic(w.SignerKey), w.SignerChain)
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

// SoftKey is a device key in memory.
type SoftKey struct{ Key *ecdsa.PrivateKey }

// SignDevice signs the Sig_structure.
func (k SoftKey) SignDevice(_ context.Context, sigStructure []byte) ([]byte, error) {
	digest := sha256.Sum256(sigStructure)
	r, s, err := ecdsa.Sign(rand.Reader, k.Key, digest[:]) //nolint:staticcheck // r and s are wanted side by side
	if err != nil {
		return nil, err
	}
	out := make([]byte, 64)
	r.FillBytes(out[:32])
	s.FillBytes(out[32:])
	return out, nil
}

// MACDevice computes the tag over the MAC_structure.
func (k SoftKey) MACDevice(_ context.Context, reader *ecdh.PublicKey, salt, macStructure []byte) ([]byte, error) {
	priv, err := k.Key.ECDH()
	if err != nil {
		return nil, err
	}
	key, err := transcript.EMacKeyFromSalt(priv, reader, salt)
	if err != nil {
		return nil, err
	}
	h := hmac.New(sha256.New, key)
	h.Write(macStructure)
	return h.Sum(nil), nil
}

// Meeting is one engagement between the device and the reader.
type Meeting struct {
	Device *session.Device
	Reader *session.Reader
}

// Meet shows the device's engagement to the reader.
func (w *World) Meet(tb testing.TB) Meeting {
	tb.Helper()
	d, err := session.NewDevice(nil, nil)
	if err != nil {
		tb.Fatal(err)
	}
	r, err := session.NewReader(d.Engagement(), nil)
	if err != nil {
		tb.Fatal(err)
	}
	return Meeting{Device: d, Reader: r}
}

// Items asks for elements of the World's document, given as namespace and identifier in turn; nothing is retained.
func Items(names ...string) mdoc.ItemsRequest {
	r := mdoc.ItemsRequest{DocType: DocType}
	for i := 0; i+1 < len(names); i += 2 {
		at := -1
		for n := range r.NameSpaces {
			if r.NameSpaces[n].Key == names[i] {
				at = n
			}
		}
		if at < 0 {
			r.NameSpaces = append(r.NameSpaces, cbor.Entry[string, cbor.Map[string, bool]]{Key: names[i]})
			at = len(r.NameSpaces) - 1
		}
		r.NameSpaces[at].Value = append(r.NameSpaces[at].Value, cbor.Entry[string, bool]{Key: names[i+1], Value: false})
	}
	return r
}

// Request makes a request signed by the reader over the transcript.
func (w *World) Request(tb testing.TB, t transcript.Transcript, items ...mdoc.ItemsRequest) *mdoc.DeviceRequest {
	tb.Helper()
	return w.RequestOf(tb, t, mdoc.RequestDraft{Items: items, ReaderAuth: w.Reader()})
}

// Reader is the reader's key with its certificate.
func (w *World) Reader() *mdoc.ReaderSigner {
	return &mdoc.ReaderSigner{Key: w.ReaderKey, Chain: w.ReaderChain}
}

// RequestOf makes a request of a draft over the transcript.
func (w *World) RequestOf(tb testing.TB, t transcript.Transcript, d mdoc.RequestDraft) *mdoc.DeviceRequest {
	tb.Helper()
	raw, err := mdoc.BuildRequest(d, t)
	if err != nil {
		tb.Fatal(err)
	}
	r, err := mdoc.ParseDeviceRequest(raw)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// AgreeAll is the consent of a holder who agrees to everything.
func AgreeAll(_ context.Context, p holder.Proposal) ([]holder.Element, error) { return p.Elements, nil }

// Holder is a wallet with one document.
func (w *World) Holder(tb testing.TB, issued []byte, proof holder.Proof) *holder.Holder {
	tb.Helper()
	c, err := holder.NewCredential(issued, SoftKey{w.DeviceKey}, proof)
	if err != nil {
		tb.Fatal(err)
	}
	return &holder.Holder{Credentials: []*holder.Credential{c}, ReaderRoots: w.ReaderRoots,
		ReaderRevocation: w.Revocation, Consent: AgreeAll, Now: func() time.Time { return w.Now }}
}

// Answer lets the holder answer the request and gives all that a verifier needs to judge it. Every credential counts as
// valid unless the status is replaced.
func (w *World) Answer(tb testing.TB, h *holder.Holder, m Meeting, items ...mdoc.ItemsRequest) mdoc.Verification {
	tb.Helper()
	return w.AnswerTo(tb, h, m, w.Request(tb, m.Reader.Transcript(), items...))
}

// AnswerTo is Answer to a request that was made before.
func (w *World) AnswerTo(tb testing.TB, h *holder.Holder, m Meeting, request *mdoc.DeviceRequest) mdoc.Verification {
	tb.Helper()
	t := m.Reader.Transcript()
	raw, err := h.Answer(context.Background(), request.Raw(), t, m.Reader.EReaderKey().PublicKey())
	if err != nil {
		tb.Fatal(err)
	}
	return mdoc.Verification{Response: raw, Transcript: t, Request: request, EReaderKey: m.Reader.EReaderKey(), Anchors: w.Anchors,
		Status: Status{Outcome: verdict.Pass, Measured: "valid"}, Revocation: w.Revocation, At: w.Now}
}

// Status answers every question alike.
type Status mdoc.StatusAnswer

// Status gives the answer.
func (s Status) Status(mdoc.StatusQuery) mdoc.StatusAnswer { return mdoc.StatusAnswer(s) }
