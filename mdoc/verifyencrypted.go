package mdoc

import (
	"crypto/ecdh"
	"fmt"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/encryption"
	"mobileid/mdoc/transcript"
)

const clauseEncryption = "ISO/IEC 18013-5 second edition, 12.6"

// received is one document of a response, in clear or opened.
type received struct {
	document *Document
	// transcript is what its device authentication covers.
	transcript transcript.Transcript
	// request is the document request it was encrypted for, -1 for a document in clear, which does not say.
	request int
}

// opening is what became of the encrypted documents.
type opening struct {
	documents []received
	zk        int  // zero-knowledge documents among what was opened
	closed    mask // requests whose answer stays closed
	keyless   int
	broken    int
}

// receive lists the documents of a response, those in clear first.
func (in *Verification) receive(response *DeviceResponse) opening {
	var o opening
	for i := range response.Documents {
		o.documents = append(o.documents, received{&response.Documents[i], in.Transcript, -1})
	}
	for _, e := range response.EncryptedDocuments {
		in.open(&o, e)
	}
	return o
}

// open decrypts the answer to one document request and adds what is inside (second edition, 12.6).
func (in *Verification) open(o *opening, e encryption.EncryptedDocuments) {
	if e.DocRequestID >= uint64(len(in.Request.DocRequests)) {
		o.broken++
		return
	}
	request := int(e.DocRequestID) //nolint:gosec // below the number of requests
	parameters, err := encryption.ParseParameters(in.Request.DocRequests[request].ItemsRequest.Value.Info().DocResponseEncryption)
	if err != nil { // not asked to be encrypted
		o.broken++
		o.closed |= 1 << request
		return
	}
	key := in.recipientKey(parameters)
	if key == nil {
		o.keyless++
		o.closed |= 1 << request
		return
	}
	plain, t, err := encryption.OpenDocuments(key, parameters, in.Transcript, e)
	if err != nil || len(o.documents)+len(plain.Documents) > maxDocuments {
		o.broken++
		o.closed |= 1 << request
		return
	}
	o.zk += len(plain.ZKDocuments)
	for _, raw := range plain.Documents {
		d := new(Document)
		if err := cbor.Unmarshal(raw, d); err != nil {
			o.broken++
			continue
		}
		o.documents = append(o.documents, received{d, t, request})
	}
}

// recipientKey finds the private half of the key that the parameters name.
func (in *Verification) recipientKey(p encryption.ParametersBytes) *ecdh.PrivateKey {
	pub, err := p.Value.RecipientPublicKey.ECDH()
	if err != nil {
		return nil
	}
	for _, k := range in.RecipientKeys {
		if k.PublicKey().Equal(pub) {
			return k
		}
	}
	return nil
}

// judgeEncrypted wants every encrypted document opened: with the key of its document request, in this session.
func (o *opening) judgeEncrypted(r *Result, response *DeviceResponse) {
	total := len(response.EncryptedDocuments)
	switch {
	case total == 0:
	case o.broken == 0 && o.keyless > 0:
		r.NotRun("response.encrypted_documents", clauseEncryption, fmt.Sprintf("%d of %d encrypted documents, whose key is not at hand", o.keyless, total))
	default:
		r.Record("response.encrypted_documents", clauseEncryption, o.broken == 0,
			fmt.Sprintf("%d encrypted documents, %d that were not asked for or did not open", total, o.broken))
	}
}
