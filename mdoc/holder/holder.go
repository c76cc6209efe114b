package holder

import (
	"context"
	"crypto/ecdh"
	"errors"
	"fmt"
	"time"

	"mobileid/mdoc"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/encryption"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/transcript"
)

// Holder is a wallet with its documents. All fields but ReaderRevocation, Restrictions, Answered and Now are needed.
type Holder struct {
	Credentials []*Credential
	// ReaderRoots are the reader CAs the wallet knows.
	ReaderRoots *pki.Anchors
	// ReaderRevocation answers for the readers' certificates. Without it, and when it knows nothing, the reader counts as not
	// authenticated: what it gets then is for Consent and Restrictions to say.
	ReaderRevocation pki.RevocationSource
	Consent          Consent
	// Restrictions name the elements that are kept from uncertified readers.
	Restrictions []Restriction
	// Answered, if set, is given each request with the answer that was made to it, for the wallet's own record of what it gave
	// away. It owns neither slice.
	Answered func(request, response []byte, t transcript.Transcript)
	// Now gives the time; nil means the clock.
	Now func() time.Time
}

func (h *Holder) now() time.Time {
	if h.Now != nil {
		return h.Now()
	}
	return time.Now()
}

// ErrRequest is wrapped when the request is not understood; the session answers with status 11 of the DeviceResponse, or 12
// where mdoc.ErrInvalid is wrapped too.
var ErrRequest = errors.New("the request is malformed")

// Answer makes the encoded DeviceResponse to an encoded DeviceRequest over the holder's own transcript. Only what was asked for
// and agreed to goes out. A request without use cases is answered as far as possible, and what is left out is named in documentErrors
// with code 0, which gives no reason. A request with use cases is answered when every mandatory one and at least one in all is
// satisfied in full; else, and when the answer is larger than the reader takes, it holds no document and has status 0.
func (h *Holder) Answer(ctx context.Context, request []byte, t transcript.Transcript, eReaderKey *ecdh.PublicKey) ([]byte, error) {
	if h.Consent == nil || h.ReaderRoots == nil {
		return nil, errors.New("answering: no consent or no reader roots configured")
	}
	r, err := mdoc.ParseDeviceRequest(request)
	if err != nil {
		return nil, fmt.Errorf("answering: %w: %w", ErrRequest, err)
	}
	readers, err := h.identify(r, t)
	if err != nil {
		return nil, fmt.Errorf("answering: %w", err)
	}
	plans := make([]*plan, len(r.DocRequests))
	for i := range plans {
		plans[i] = h.plan(r, i, readers[i])
	}
	agreed, err := h.agree(ctx, r, plans)
	if err != nil {
		return nil, fmt.Errorf("answering: %w", err)
	}
	raw, err := respond(ctx, r, agreed, meeting{t, eReaderKey})
	if err != nil {
		return nil, fmt.Errorf("answering: %w", err)
	}
	if h.Answered != nil {
		h.Answered(request, raw, t)
	}
	return raw, nil
}

// meeting is what device authentication is made over.
type meeting struct {
	transcript transcript.Transcript
	eReaderKey *ecdh.PublicKey
}

// respond carries the plans out.
func respond(ctx context.Context, r *mdoc.DeviceRequest, plans []*plan, m meeting) ([]byte, error) {
	out := mdoc.DeviceResponse{Version: "1.0", Status: mdoc.StatusOK}
	for _, p := range plans {
		if p.sealedTo != nil {
			sealed, err := p.seal(ctx, r, m)
			if err != nil {
				return nil, err
			}
			out.EncryptedDocuments = append(out.EncryptedDocuments, sealed)
			continue
		}
		doc, err := p.prove(ctx, r, m)
		if err != nil {
			return nil, err
		}
		out.Documents = append(out.Documents, *doc)
	}
	if len(r.UseCases()) == 0 {
		out.DocumentErrors = unanswered(r, plans)
	}
	raw, err := cbor.Marshal(out)
	if limit, given := r.MaximumResponseSize(); err != nil || !given || uint64(len(raw)) <= limit {
		return raw, err
	}
	return cbor.Marshal(mdoc.DeviceResponse{Version: "1.0", Status: mdoc.StatusOK})
}

// unanswered names the document types of which nothing is returned, each once, with no reason.
func unanswered(r *mdoc.DeviceRequest, plans []*plan) []cbor.Map[string, int64] {
	named := map[string]bool{}
	for _, p := range plans {
		named[p.items.DocType] = true
	}
	var out []cbor.Map[string, int64]
	for i := range r.DocRequests {
		docType := r.DocRequests[i].ItemsRequest.Value.DocType
		if !named[docType] {
			out = append(out, cbor.Map[string, int64]{{Key: docType, Value: mdoc.NotReturned}})
		}
		named[docType] = true
	}
	return out
}

// seal proves the document over the transcript that names the recipient's key, and encrypts it to that key (ISO/IEC 18013-5 second
// edition, 12.6).
func (p *plan) seal(ctx context.Context, r *mdoc.DeviceRequest, m meeting) (encryption.EncryptedDocuments, error) {
	own, err := m.transcript.ForDocumentEncryption(p.sealedTo.Bytes())
	if err != nil {
		return encryption.EncryptedDocuments{}, err
	}
	doc, err := p.prove(ctx, r, meeting{own, m.eReaderKey})
	if err != nil {
		return encryption.EncryptedDocuments{}, err
	}
	raw, err := cbor.Marshal(doc)
	if err != nil {
		return encryption.EncryptedDocuments{}, err
	}
	plain := encryption.Plaintext{Documents: []cbor.RawMessage{raw}}
	return encryption.SealDocuments(*p.sealedTo, m.transcript, uint64(p.request), plain) //nolint:gosec // an index
}

// prove builds the document with device authentication over the transcript (ISO/IEC 18013-5:2021, 9.1.3).
func (p *plan) prove(ctx context.Context, r *mdoc.DeviceRequest, m meeting) (*mdoc.Document, error) {
	c := p.credential
	own, err := cbor.NewEmbedded(c.sign(p.elements))
	if err != nil {
		return nil, err
	}
	doc := &mdoc.Document{DocType: c.DocType(), IssuerSigned: c.disclose(p.elements)}
	doc.DeviceSigned.NameSpaces = own
	content := mdoc.DeviceAuthenticationBytes(m.transcript, doc.DocType, own.Bytes())
	if c.proof == ByMAC {
		tag, err := cose.NewMac0From(content, func(toMAC []byte) ([]byte, error) {
			return c.key.MACDevice(ctx, c.macKey(r, m.eReaderKey), m.transcript.Salt(), toMAC)
		})
		if err != nil {
			return nil, err
		}
		doc.DeviceSigned.DeviceAuth.DeviceMac = tag.Bytes()
		return doc, nil
	}
	pub, err := c.mso.DeviceKeyInfo.DeviceKey.Public()
	if err != nil {
		return nil, err
	}
	alg, err := cose.AlgorithmFor(pub)
	if err != nil {
		return nil, err
	}
	signed, err := cose.NewSign1From(cose.Headers{}, alg, content, true, func(toSign []byte) ([]byte, error) {
		return c.key.SignDevice(ctx, toSign)
	})
	if err != nil {
		return nil, err
	}
	doc.DeviceSigned.DeviceAuth.DeviceSignature = signed.Bytes()
	return doc, nil
}

// macKey gives the reader's key that a MAC is agreed with: that of macKeys on the device key's curve, else EReaderKey (ISO/IEC
// TS 18013-7).
func (c *Credential) macKey(r *mdoc.DeviceRequest, eReaderKey *ecdh.PublicKey) *ecdh.PublicKey {
	device, err := c.mso.DeviceKeyInfo.DeviceKey.ECDH()
	if err != nil {
		return eReaderKey
	}
	for _, k := range r.MacKeys {
		if pub, err := k.ECDH(); err == nil && pub.Curve() == device.Curve() {
			return pub
		}
	}
	return eReaderKey
}
