package benchmark

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
	"time"

	"mobileid/mdoc"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/doctype"
	"mobileid/mdoc/holder"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/session"
	"mobileid/mdoc/transcript"
	"mobileid/mdoc/verdict"
)

// party is a key and its certificate.
type party struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

// world is an issuing authority, a reader and a phone, all made for one run.
type world struct {
	now             time.Time
	signer, reader  party
	iacas, readerCA *pki.Anchors
	revocation      *pki.RevocationLists
	device          *ecdsa.PrivateKey
	issued          []mdoc.Element // what an issuer signs
}

func newWorld(now time.Time) (*world, error) {
	w := &world{now: now.UTC().Truncate(time.Hour)}
	from := w.now.AddDate(0, -1, 0)
	const issuerURI, readerURI = "https://issuer.example", "https://reader.example"
	iaca, err := newParty(pki.Template{Profile: pki.IACA, CommonName: "TEST IACA", NotBefore: from, NotAfter: from.AddDate(9, 0, 0),
		IssuerAltURI: issuerURI}, nil)
	if err != nil {
		return nil, err
	}
	if w.signer, err = newParty(pki.Template{Profile: pki.DocumentSigner, CommonName: "TEST document signer", NotBefore: from,
		NotAfter: from.AddDate(0, 0, 450), IssuerAltURI: issuerURI, CRLURI: issuerURI + "/crl"}, &iaca); err != nil {
		return nil, err
	}
	root, err := newParty(pki.Template{Profile: pki.ReaderRoot, CommonName: "TEST reader root", NotBefore: from,
		NotAfter: from.AddDate(5, 0, 0), IssuerAltURI: readerURI}, nil)
	if err != nil {
		return nil, err
	}
	if w.reader, err = newParty(pki.Template{Profile: pki.ReaderAuth, CommonName: "TEST till", NotBefore: from,
		NotAfter: from.AddDate(1, 0, 0), IssuerAltURI: readerURI, CRLURI: readerURI + "/crl"}, &root); err != nil {
		return nil, err
	}
	if w.iacas, err = pki.NewAnchors(iaca.cert.Raw); err != nil {
		return nil, err
	}
	if w.readerCA, err = pki.NewAnchors(root.cert.Raw); err != nil {
		return nil, err
	}
	w.revocation = pki.NewRevocationLists(w.iacas, w.readerCA)
	for _, p := range []party{iaca, root} {
		der, err := pki.CreateCRL(pki.CRLTemplate{Profile: pki.CRLAnnexB, Number: big.NewInt(1), ThisUpdate: from,
			NextUpdate: from.AddDate(0, 0, 90)}, p.cert, p.key)
		if err != nil {
			return nil, err
		}
		if err := w.revocation.Put(der, w.now); err != nil {
			return nil, err
		}
	}
	if w.issued, err = issuedElements(); err != nil {
		return nil, err
	}
	w.device, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return w, err
}

func newParty(t pki.Template, parent *party) (party, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return party{}, err
	}
	above, aboveKey := (*x509.Certificate)(nil), key
	if parent != nil {
		above, aboveKey = parent.cert, parent.key
	}
	t.Country = "JP"
	der, err := pki.Create(t, key.Public(), above, aboveKey, nil)
	if err != nil {
		return party{}, err
	}
	cert, err := x509.ParseCertificate(der)
	return party{key: key, cert: cert}, err
}

// draft refuses elements that the table of the document type does not hold.
func (w *world) draft(elements []mdoc.Element) (mdoc.Draft, error) {
	for _, e := range elements {
		if err := doctype.MNC().Check(e.NameSpace, e.Identifier, e.Value); err != nil {
			return mdoc.Draft{}, err
		}
	}
	key, err := cose.NewKey(w.device.Public())
	if err != nil {
		return mdoc.Draft{}, err
	}
	return mdoc.Draft{DocType: doctype.DocTypeMNC, Elements: elements, DeviceKey: key, Signed: w.now, ValidFrom: w.now,
		ValidUntil: w.now.AddDate(0, 0, 30), ExpectedUpdate: w.now.AddDate(0, 0, 25),
		Status: mdoc.StatusListRef{Index: 123_456, URI: "https://issuer.example/v1/status-lists/1"}}, nil
}

func (w *world) issue(d mdoc.Draft, signer crypto.Signer) ([]byte, error) {
	p, err := mdoc.Prepare(d, nil)
	if err != nil {
		return nil, err
	}
	return p.Issue(signer, [][]byte{w.signer.cert.Raw})
}

// asked names one element of a request.
type asked struct{ nameSpace, identifier string }

// answer issues a document of the elements, lets its holder answer a request for some of them over a session of its own, and
// gives what a verifier needs to judge the answer.
func (w *world) answer(ctx context.Context, elements []mdoc.Element, proof holder.Proof, items ...asked) (mdoc.Verification, error) {
	phone, err := w.phone(elements, proof)
	if err != nil {
		return mdoc.Verification{}, err
	}
	return w.present(ctx, phone, items)
}

// phone is a wallet that holds a document of the elements and agrees to everything.
func (w *world) phone(elements []mdoc.Element, proof holder.Proof) (*holder.Holder, error) {
	draft, err := w.draft(elements)
	if err != nil {
		return nil, err
	}
	issued, err := w.issue(draft, cose.Deterministic(w.signer.key))
	if err != nil {
		return nil, err
	}
	credential, err := holder.NewCredential(issued, softKey{w.device}, proof)
	if err != nil {
		return nil, err
	}
	return &holder.Holder{Credentials: []*holder.Credential{credential}, ReaderRoots: w.readerCA, ReaderRevocation: w.revocation,
		Consent: func(_ context.Context, p holder.Proposal) ([]holder.Element, error) { return p.Elements, nil },
		Now:     func() time.Time { return w.now }}, nil
}

// request names the elements, each of another namespace.
func request(items []asked) []mdoc.ItemsRequest {
	ask := mdoc.ItemsRequest{DocType: doctype.DocTypeMNC}
	for _, i := range items {
		ask.NameSpaces = append(ask.NameSpaces, cbor.Entry[string, cbor.Map[string, bool]]{
			Key: i.nameSpace, Value: cbor.Map[string, bool]{{Key: i.identifier}}})
	}
	return []mdoc.ItemsRequest{ask}
}

func (w *world) present(ctx context.Context, phone *holder.Holder, items []asked) (mdoc.Verification, error) {
	device, err := session.NewDevice(nil, nil)
	if err != nil {
		return mdoc.Verification{}, err
	}
	reader, err := session.NewReader(device.Engagement(), nil)
	if err != nil {
		return mdoc.Verification{}, err
	}
	raw, err := mdoc.BuildRequest(mdoc.RequestDraft{Items: request(items),
		ReaderAuth: &mdoc.ReaderSigner{Key: w.reader.key, Chain: [][]byte{w.reader.cert.Raw}}}, reader.Transcript())
	if err != nil {
		return mdoc.Verification{}, err
	}
	parsed, err := mdoc.ParseDeviceRequest(raw)
	if err != nil {
		return mdoc.Verification{}, err
	}
	response, err := phone.Answer(ctx, raw, reader.Transcript(), reader.EReaderKey().PublicKey())
	if err != nil {
		return mdoc.Verification{}, err
	}
	return mdoc.Verification{Response: response, Transcript: reader.Transcript(), Request: parsed, EReaderKey: reader.EReaderKey(),
		Anchors: w.iacas, Status: valid{}, Revocation: w.revocation, At: w.now}, nil
}

// valid is a status list at hand in which every entry is valid.
type valid struct{}

func (valid) Status(mdoc.StatusQuery) mdoc.StatusAnswer {
	return mdoc.StatusAnswer{Outcome: verdict.Pass, Measured: "valid"}
}

// softKey is a device key in memory.
type softKey struct{ key *ecdsa.PrivateKey }

func (k softKey) SignDevice(_ context.Context, sigStructure []byte) ([]byte, error) {
	return signRaw(k.key, sigStructure)
}

func (k softKey) MACDevice(_ context.Context, reader *ecdh.PublicKey, salt, macStructure []byte) ([]byte, error) {
	private, err := k.key.ECDH()
	if err != nil {
		return nil, err
	}
	key, err := transcript.EMacKeyFromSalt(private, reader, salt)
	if err != nil {
		return nil, err
	}
	h := hmac.New(sha256.New, key)
	h.Write(macStructure)
	return h.Sum(nil), nil
}
