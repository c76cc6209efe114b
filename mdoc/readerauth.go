package mdoc

import (
	"strconv"
	"time"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/transcript"
	"mobileid/mdoc/verdict"
)

const (
	clauseReaderAuth    = "ISO/IEC 18013-5:2021, 9.1.4"
	clauseReaderAuthAll = "ISO/IEC 18013-5 second edition, 12.5"
)

// CheckReaderAuth judges the reader authentication of one DocRequest over the holder's own transcript (ISO/IEC
// 18013-5:2021, 9.1.4). Check ids: reader_auth.present, reader_auth.shape, the chain.* ids of package pki,
// reader_auth.x5t where the header is there, reader_auth.signature. The chain is nil unless the verdict is OK. What to do with an
// unknown reader is the holder's policy.
func (d *DocRequest) CheckReaderAuth(t transcript.Transcript, roots *pki.Anchors, at time.Time) (*pki.Chain, verdict.Verdict, error) {
	j := readerJudgement{roots: roots, at: at, clause: clauseReaderAuth, content: readerAuthenticationBytes(t, d.ItemsRequest.Bytes())}
	return j.judge(d.ReaderAuth)
}

// ReaderAuthentication is what came of one signature of readerAuthAll.
type ReaderAuthentication struct {
	// Chain is nil unless Verdict is OK.
	Chain   *pki.Chain
	Verdict verdict.Verdict
}

// CheckReaderAuthAll judges each signature of readerAuthAll, which covers all document requests and the deviceRequestInfo, over
// the holder's own transcript (ISO/IEC 18013-5 second edition, 12.5). The check ids are those of CheckReaderAuth. Without
// readerAuthAll there is one entry that says so.
func (r *DeviceRequest) CheckReaderAuthAll(t transcript.Transcript, roots *pki.Anchors, at time.Time) ([]ReaderAuthentication, error) {
	j := readerJudgement{roots: roots, at: at, clause: clauseReaderAuthAll, content: r.readerAuthenticationAllBytes(t)}
	signatures := r.ReaderAuthAll
	if len(signatures) == 0 {
		signatures = []cbor.RawMessage{nil}
	}
	out := make([]ReaderAuthentication, len(signatures))
	for i, raw := range signatures {
		var err error
		if out[i].Chain, out[i].Verdict, err = j.judge(raw); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// readerJudgement is with what a reader's signature is judged.
type readerJudgement struct {
	roots   *pki.Anchors
	at      time.Time
	clause  string
	content []byte // the detached payload
}

func (j *readerJudgement) judge(raw cbor.RawMessage) (*pki.Chain, verdict.Verdict, error) {
	var v verdict.Verdict
	if len(raw) == 0 {
		v.NotRun("reader_auth.present", j.clause, "the request carries no such signature")
		return nil, v, nil
	}
	v.Pass("reader_auth.present", j.clause, strconv.Itoa(len(raw))+" bytes")
	s, err := cose.ParseSign1(raw)
	if err != nil {
		v.Fail("reader_auth.shape", j.clause, err.Error())
		return nil, v, nil
	}
	chain, err := s.X5Chain()
	if err != nil {
		v.Fail("reader_auth.shape", j.clause, err.Error())
		return nil, v, nil
	}
	v.Pass("reader_auth.shape", j.clause, "COSE_Sign1 with x5chain")
	judgeX5Chain(&v, s, len(chain), j.clause)
	c, cv, err := j.roots.Check(chain, pki.ReaderAuth, j.at)
	if err != nil {
		return nil, v, err
	}
	v.Append(cv)
	if present, err := s.CheckX5T(chain[0]); present {
		v.Record("reader_auth.x5t", clauseReaderAuthAll, err == nil, "x5t against the first certificate of x5chain")
	}
	leaf, err := leafKey(c, chain)
	if err != nil {
		v.NotRun("reader_auth.signature", j.clause, "the reader certificate has no usable key")
		return nil, v, nil
	}
	err = s.VerifyDetached(leaf, j.content)
	v.Record("reader_auth.signature", j.clause, err == nil, measuredSignature(s, err))
	if !v.OK() {
		return nil, v, nil
	}
	return c, v, nil
}

// readerAuthenticationBytes is the detached content of readerAuth, ISO/IEC 18013-5:2021, 9.1.4.4:
//
//	#6.24(bstr .cbor ["ReaderAuthentication", SessionTranscript, ItemsRequestBytes])
func readerAuthenticationBytes(t transcript.Transcript, itemsRequestBytes []byte) []byte {
	a := cbor.AppendText(cbor.AppendArrayHead(nil, 3), "ReaderAuthentication")
	a = append(append(a, t.Array()...), itemsRequestBytes...)
	return cbor.AppendEmbedded(nil, a)
}

// readerAuthenticationAllBytes is the detached content of readerAuthAll, ISO/IEC 18013-5 second edition, 12.5:
//
//	#6.24(bstr .cbor ["ReaderAuthenticationAll", SessionTranscript, [* ItemsRequestBytes], DeviceRequestInfoBytes / null])
func (r *DeviceRequest) readerAuthenticationAllBytes(t transcript.Transcript) []byte {
	a := cbor.AppendText(cbor.AppendArrayHead(nil, 4), "ReaderAuthenticationAll")
	a = cbor.AppendArrayHead(append(a, t.Array()...), len(r.DocRequests))
	for i := range r.DocRequests {
		a = append(a, r.DocRequests[i].ItemsRequest.Bytes()...)
	}
	if r.DeviceRequestInfo == nil {
		return cbor.AppendEmbedded(nil, cbor.AppendNull(a))
	}
	return cbor.AppendEmbedded(nil, append(a, r.DeviceRequestInfo.Bytes()...))
}
