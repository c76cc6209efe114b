package mdoc

import (
	"strconv"
	"time"

	"mobileid/mdoc/cose"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/transcript"
	"mobileid/mdoc/verdict"
)

const clauseReaderAuth = "ISO/IEC 18013-5:2021, 9.1.4"

// CheckReaderAuth judges the reader authentication of one DocRequest over the holder's own transcript (ISO/IEC
// 18013-5:2021, 9.1.4). Check ids: reader_auth.present, reader_auth.shape, the chain.* ids of package pki,
// reader_auth.signature. The chain is nil unless the verdict is OK. What to do with an unknown reader is the holder's policy.
func (d *DocRequest) CheckReaderAuth(t transcript.Transcript, roots *pki.Anchors, at time.Time) (*pki.Chain, verdict.Verdict, error) {
	var v verdict.Verdict
	if len(d.ReaderAuth) == 0 {
		v.NotRun("reader_auth.present", clauseReaderAuth, "the request carries no readerAuth")
		return nil, v, nil
	}
	v.Pass("reader_auth.present", clauseReaderAuth, strconv.Itoa(len(d.ReaderAuth))+" bytes")
	s, err := cose.ParseSign1(d.ReaderAuth)
	if err != nil {
		v.Fail("reader_auth.shape", clauseReaderAuth, err.Error())
		return nil, v, nil
	}
	chain, err := s.X5Chain()
	if err != nil {
		v.Fail("reader_auth.shape", clauseReaderAuth, err.Error())
		return nil, v, nil
	}
	v.Pass("reader_auth.shape", clauseReaderAuth, "COSE_Sign1 with x5chain")
	judgeX5Chain(&v, s, len(chain), clauseReaderAuth)
	c, cv, err := roots.Check(chain, pki.ReaderAuth, at)
	if err != nil {
		return nil, v, err
	}
	v.Append(cv)
	leaf, err := leafKey(c, chain)
	if err != nil {
		v.NotRun("reader_auth.signature", clauseReaderAuth, "the reader certificate has no usable key")
		return nil, v, nil
	}
	err = s.VerifyDetached(leaf, readerAuthenticationBytes(t, d.ItemsRequest.Bytes()))
	v.Record("reader_auth.signature", clauseReaderAuth, err == nil, measuredSignature(s, err))
	if !v.OK() {
		return nil, v, nil
	}
	return c, v, nil
}
