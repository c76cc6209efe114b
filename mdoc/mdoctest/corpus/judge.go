package corpus

import (
	"crypto/ecdh"
	"crypto/x509"
	"errors"
	"fmt"
	"strconv"

	"mobileid/mdoc"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/engagement"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/statuslist"
	"mobileid/mdoc/transcript"
	"mobileid/mdoc/verdict"
)

// Judge shows a case to the library and gives its verdict. Where the library refuses bytes before there is anything to judge, the
// verdict holds one failed check with the id of that stage, such as "engagement.decode" (docs/corpus.md). The error tells that
// the case itself is unusable, such as a missing file.
func Judge(c Case) (verdict.Verdict, error) {
	judges := map[Kind]func(*Case) (verdict.Verdict, error){
		DeviceResponse: judgeResponse, AgePolicy: judgeResponse, IssuerSigned: judgeIssuerSigned, DeviceRequest: judgeRequest, RequestLint: judgeRequestLint,
		CertificateChain: judgeChain,
		Certificate:      judgeCertificate, CRL: judgeCRL, CRLLint: judgeCRLLint, VICAL: judgeVICAL, VICALLint: judgeVICALLint, StatusToken: judgeToken, SessionMessages: judgeSession, Engagement: judgeEngagement,
		EngagementURI: judgeURI, NFCHandover: judgeHandover, Transcript: judgeTranscript, CBORItem: judgeItem,
	}
	judge, ok := judges[c.Kind]
	if !ok {
		return verdict.Verdict{}, fmt.Errorf("judging case %s: no kind %q", c.Name, c.Kind)
	}
	v, err := judge(&c)
	if err != nil {
		return verdict.Verdict{}, fmt.Errorf("judging case %s: %w", c.Name, err)
	}
	return v, nil
}

// stage is the verdict of a decoder.
func stage(kind Kind, id string, err error) verdict.Verdict {
	var v verdict.Verdict
	measured := "well-formed"
	if err != nil {
		measured = err.Error()
	}
	v.Record(id, clauseOf(kind, id), err == nil, measured)
	return v
}

func judgeResponse(c *Case) (verdict.Verdict, error) {
	r, err := Verify(*c)
	if err != nil {
		return verdict.Verdict{}, err
	}
	return r.Verdict, nil
}

// Verify judges the response of a case of the kinds device_response and age_policy. What a till makes of it is for the till to say:
// the checks of age_policy are those of package verifier/policy.
func Verify(c Case) (*mdoc.Result, error) {
	in := mdoc.Verification{Response: c.file("response"), At: c.At}
	var err error
	if in.Transcript, err = transcript.Parse(c.file("transcript")); err != nil {
		return nil, err
	}
	if in.Request, err = mdoc.ParseDeviceRequest(c.file("request")); err != nil {
		return nil, err
	}
	if in.Anchors, err = pki.NewAnchors(c.files("anchor")...); err != nil {
		return nil, err
	}
	if raw := c.file("reader_key"); raw != nil {
		if in.EReaderKey, err = ecdh.P256().NewPrivateKey(raw); err != nil {
			return nil, err
		}
	}
	for _, raw := range c.files("recipient_key") {
		key, err := ecdh.P256().NewPrivateKey(raw)
		if err != nil {
			return nil, err
		}
		in.RecipientKeys = append(in.RecipientKeys, key)
	}
	if raw := c.file("status_token"); raw != nil {
		in.Status = &lists{raw: raw, uri: c.URI, anchors: in.Anchors}
	}
	if ders := c.files("crl"); len(ders) > 0 {
		crls := pki.NewRevocationLists(in.Anchors)
		for _, der := range ders {
			_ = crls.Put(der, c.At) // one that is refused is not at hand
		}
		in.Revocation = crls
	}
	return mdoc.Verify(in)
}

// lists is a reader's store of lists with one token in it.
type lists struct {
	raw     []byte
	uri     string
	anchors *pki.Anchors
}

// Status answers from the token.
func (l *lists) Status(q mdoc.StatusQuery) mdoc.StatusAnswer {
	if q.URI() != l.uri {
		return mdoc.StatusAnswer{Outcome: verdict.NotRun, Measured: "another list"}
	}
	v, err := l.judge(q)
	if err != nil {
		return mdoc.StatusAnswer{Outcome: verdict.Fail, Measured: err.Error()}
	}
	if !v.OK() {
		return mdoc.StatusAnswer{Outcome: verdict.Fail, Measured: v.String()}
	}
	return mdoc.StatusAnswer{Outcome: verdict.Pass, Measured: "valid"}
}

func (l *lists) judge(q mdoc.StatusQuery) (verdict.Verdict, error) {
	anchors, authority := l.anchors, q.Anchor
	if point := q.TrustPoint(); point != nil {
		var err error
		if anchors, err = pki.NewAnchors(point); err != nil {
			return verdict.Verdict{}, err
		}
		authority = anchors.Certificates()[0]
	}
	signed, err := statuslist.Parse(l.raw)
	if err != nil {
		return verdict.Verdict{}, err
	}
	t, v, err := signed.Verify(anchors, q.URI(), q.At)
	if err != nil || !v.OK() {
		return v, err
	}
	if q.Identifier != nil {
		return entryOf(t, nil, q.Identifier.ID, authority), nil
	}
	return entryOf(t, &q.List.Index, nil, authority), nil
}

// entryOf looks a credential up by its index or its identifier.
func entryOf(t statuslist.Token, index *uint64, id []byte, authority *x509.Certificate) verdict.Verdict {
	if index == nil {
		revoked, v := t.Revoked(id, authority)
		if v.OK() {
			v.Record("status.identifier_list", clauseOf(StatusToken, "status."), !revoked, fmt.Sprintf("revoked: %v", revoked))
		}
		return v
	}
	value, v := t.Status(*index, authority)
	if v.OK() {
		v.Record("status.list", clauseOf(StatusToken, "status."), value == statuslist.Valid, "value "+strconv.Itoa(int(value)))
	}
	return v
}

func judgeIssuerSigned(c *Case) (verdict.Verdict, error) {
	s, err := mdoc.ParseIssuerSigned(c.file("issuer_signed"))
	if err != nil {
		return stage(c.Kind, "issuer_signed.decode", err), nil
	}
	anchors, err := pki.NewAnchors(c.files("anchor")...)
	if err != nil {
		return verdict.Verdict{}, err
	}
	return s.CheckIssuerSigned(anchors, c.At)
}

func judgeRequest(c *Case) (verdict.Verdict, error) {
	r, err := mdoc.ParseDeviceRequest(c.file("request"))
	if err != nil {
		return stage(c.Kind, "request.decode", err), nil
	}
	t, err := transcript.Parse(c.file("transcript"))
	if err != nil {
		return verdict.Verdict{}, err
	}
	anchors, err := pki.NewAnchors(c.files("anchor")...)
	if err != nil {
		return verdict.Verdict{}, err
	}
	v := stage(c.Kind, "request.decode", nil)
	if len(r.ReaderAuthAll) > 0 {
		all, err := r.CheckReaderAuthAll(t, anchors, c.At)
		if err != nil {
			return verdict.Verdict{}, err
		}
		for _, a := range all {
			v.Append(a.Verdict)
		}
		return v, nil
	}
	for i := range r.DocRequests {
		_, judged, err := r.DocRequests[i].CheckReaderAuth(t, anchors, c.At)
		if err != nil {
			return verdict.Verdict{}, err
		}
		v.Append(judged)
	}
	return v, nil
}

func judgeRequestLint(c *Case) (verdict.Verdict, error) {
	r, err := mdoc.ParseDeviceRequest(c.file("request"))
	if err != nil {
		return verdict.Verdict{}, err
	}
	return r.Lint(), nil
}

// profiles are the names that manifests use.
func profiles() map[string]pki.Profile {
	return map[string]pki.Profile{"iaca": pki.IACA, "document_signer": pki.DocumentSigner, "reader_root": pki.ReaderRoot,
		"reader": pki.ReaderAuth, "status_signer": pki.StatusSigner, "se_root": pki.SERoot, "se_attestation": pki.SEAttestation}
}

func profile(c *Case) (pki.Profile, error) {
	p, ok := profiles()[c.Profile]
	if !ok {
		return 0, fmt.Errorf("no certificate profile %q", c.Profile)
	}
	return p, nil
}

func judgeChain(c *Case) (verdict.Verdict, error) {
	p, err := profile(c)
	if err != nil {
		return verdict.Verdict{}, err
	}
	anchors, err := pki.NewAnchors(c.files("anchor")...)
	if err != nil {
		return stage(c.Kind, "anchor.profile", err), nil
	}
	_, v, err := anchors.Check(c.files("certificate"), p, c.At)
	if err != nil {
		return verdict.Verdict{}, err
	}
	// A link that held is remembered: the second judgement must be the first.
	_, again, err := anchors.Check(c.files("certificate"), p, c.At)
	if err == nil && again.String() != v.String() {
		err = errors.New("a remembered link is judged otherwise")
	}
	return v, err
}

func judgeCertificate(c *Case) (verdict.Verdict, error) {
	p, err := profile(c)
	if err != nil {
		return verdict.Verdict{}, err
	}
	return pki.Lint(c.file("certificate"), p), nil
}

func judgeToken(c *Case) (verdict.Verdict, error) {
	signed, err := statuslist.Parse(c.file("token"))
	if err != nil {
		return stage(c.Kind, "status.token.decode", err), nil
	}
	anchors, err := pki.NewAnchors(c.files("anchor")...)
	if err != nil {
		return verdict.Verdict{}, err
	}
	t, v, err := signed.Verify(anchors, c.URI, c.At)
	if err != nil || !v.OK() {
		return v, err
	}
	issuer, _, err := anchors.Check(c.files("document_signer"), pki.DocumentSigner, c.At)
	if err != nil {
		return verdict.Verdict{}, err
	}
	if id := c.file("identifier"); id != nil {
		v.Append(entryOf(t, nil, id, issuer.Anchor))
	} else {
		v.Append(entryOf(t, &c.Index, nil, issuer.Anchor))
	}
	return v, nil
}

func judgeEngagement(c *Case) (verdict.Verdict, error) {
	_, err := engagement.Parse(c.file("engagement"))
	return stage(c.Kind, "engagement.decode", err), nil
}

func judgeURI(c *Case) (verdict.Verdict, error) {
	_, err := engagement.ParseURI(string(c.file("uri")))
	return stage(c.Kind, "engagement.uri", err), nil
}

func judgeTranscript(c *Case) (verdict.Verdict, error) {
	_, err := transcript.Parse(c.file("transcript"))
	return stage(c.Kind, "transcript.decode", err), nil
}

func judgeItem(c *Case) (verdict.Verdict, error) {
	return stage(c.Kind, "cbor.item", cbor.Wellformed(c.file("item"))), nil
}
