package mdoc

import (
	"crypto"
	"errors"
	"fmt"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/transcript"
)

// ReaderSigner is a reader's key with its x5chain, leaf first, without the root.
type ReaderSigner struct {
	Key   crypto.Signer
	Chain [][]byte
}

// RequestDraft is what a reader wants to ask.
type RequestDraft struct {
	// Items are the document requests, in order: use cases name them by their place.
	Items []ItemsRequest
	// UseCases are optional; without them the request has the meaning of the 2021 edition.
	UseCases []UseCase
	// MacKeys are the reader's further public keys for device MACs, one for each curve (ISO/IEC TS 18013-7); only for an mdoc that
	// announced MacKeysSupport.
	MacKeys []cose.Key
	// ReaderAuth signs each document request by itself; nil leaves them unsigned.
	ReaderAuth *ReaderSigner
	// ReaderAuthAll signs the request as a whole, each entry once (second edition, 12.5); only for an mdoc that announced it.
	ReaderAuthAll []ReaderSigner
}

// BuildRequest makes an encoded DeviceRequest, signed over the session transcript. It is version "1.1" exactly when it holds what
// version "1.0" does not know, and it passes Lint: what Lint would name is refused.
func BuildRequest(d RequestDraft, t transcript.Transcript) ([]byte, error) {
	out, err := d.build(t)
	if err != nil {
		return nil, fmt.Errorf("building DeviceRequest: %w", err)
	}
	return out, nil
}

func (d *RequestDraft) build(t transcript.Transcript) ([]byte, error) {
	r := &DeviceRequest{Version: version10, MacKeys: d.MacKeys}
	for _, items := range d.Items {
		doc, err := d.docRequest(items, t)
		if err != nil {
			return nil, err
		}
		r.DocRequests = append(r.DocRequests, doc)
	}
	if len(d.UseCases) > 0 {
		info, err := cbor.NewEmbedded(DeviceRequestInfo{UseCases: d.UseCases})
		if err != nil {
			return nil, err
		}
		r.DeviceRequestInfo = &info
	}
	// A structure of the second edition carries x5t as that edition recommends; readerAuth is as in 2021, with alg alone.
	for _, s := range d.ReaderAuthAll {
		if len(s.Chain) == 0 {
			return nil, errors.New("a reader without a certificate")
		}
		h := cose.Headers{X5Chain: s.Chain, Protected: cbor.Map[int64, cbor.RawMessage]{cose.X5T(s.Chain[0])}}
		signed, err := cose.NewSign1Detached(s.Key, h, r.readerAuthenticationAllBytes(t))
		if err != nil {
			return nil, err
		}
		r.ReaderAuthAll = append(r.ReaderAuthAll, signed.Bytes())
	}
	r.Version = r.dueVersion()
	if err := r.validate(); err != nil {
		return nil, err
	}
	if failed := r.Lint().Failed(); len(failed) > 0 {
		return nil, fmt.Errorf("%s: %s", failed[0].ID, failed[0].Measured)
	}
	return cbor.Marshal(r)
}

func (d *RequestDraft) docRequest(items ItemsRequest, t transcript.Transcript) (DocRequest, error) {
	if items.RequestInfo != nil && items.RequestInfo.empty() {
		return DocRequest{}, errors.New("a requestInfo without a member")
	}
	e, err := cbor.NewEmbedded(items)
	if err != nil || d.ReaderAuth == nil {
		return DocRequest{ItemsRequest: e}, err
	}
	s, err := cose.NewSign1Detached(d.ReaderAuth.Key, cose.Headers{X5Chain: d.ReaderAuth.Chain}, readerAuthenticationBytes(t, e.Bytes()))
	if err != nil {
		return DocRequest{}, err
	}
	return DocRequest{ItemsRequest: e, ReaderAuth: s.Bytes()}, nil
}

func (r *DeviceRequest) dueVersion() string {
	if r.DeviceRequestInfo != nil || len(r.ReaderAuthAll) > 0 || len(r.MacKeys) > 0 {
		return version11
	}
	return version10
}
