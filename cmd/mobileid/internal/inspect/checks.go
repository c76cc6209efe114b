package inspect

import (
	"crypto/ecdh"
	"crypto/x509"
	"errors"
	"fmt"
	"strconv"
	"time"

	"mobileid/mdoc"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/engagement"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/transcript"
	"mobileid/mdoc/verdict"
)

// Given is what the checks may use beside the input. Everything is optional; what is not there makes the checks that need it not run.
type Given struct {
	// Roots are trusted roots in DER: of the issuers, of the readers for a request, of the provider for a VICAL.
	Roots [][]byte
	// At is the time to judge at.
	At time.Time
	// Transcript is the session's, for device and reader authentication.
	Transcript transcript.Transcript
	// EReaderKey is the reader's ephemeral key, for a device MAC.
	EReaderKey *ecdh.PrivateKey
}

// The ids that are this command's own; all others are the library's, see docs/verdicts.md.
const (
	idDecode    = "inspect.decode"
	idStructure = "inspect.structure"
	idLinks     = "inspect.chain_links"
	idSignature = "inspect.signature"
	idList      = "inspect.status_list"
)

// check runs every judgement that the findings allow. The certificates of a PEM file are a chain.
func check(found []Found, k kind, g Given) verdict.Verdict {
	var v verdict.Verdict
	for _, f := range found {
		v.Append(Check(f, g))
	}
	if k == kindPEM {
		links(&v, found)
	}
	return v
}

// Check runs every judgement of one structure.
func Check(f Found, g Given) verdict.Verdict {
	var v verdict.Verdict
	structure(&v, f)
	v.Append(checkOne(f, g))
	return v
}

// structure lists how the bytes differ from the standard's description, and what the strict decoder says.
func structure(v *verdict.Verdict, f Found) {
	if len(f.diff) > 0 {
		v.Fail(idStructure, "docs/inspect.md", fmt.Sprintf("%d differences, the first at offset %#x: %s", len(f.diff), f.diff[0].Offset, f.diff[0].Reason))
	}
	if decode, clause := decoder(f.Type); decode != nil {
		err := decode(f.Data)
		v.Record(idDecode, clause, err == nil, measured(err, f.Type+", "+strconv.Itoa(len(f.Data))+" bytes"))
	}
}

func measured(err error, good string) string {
	if err != nil {
		return err.Error()
	}
	return good
}

// decoder gives the library's strict decoder of a type, if it has one of its own. Responses have response.decode instead.
func decoder(typ string) (func([]byte) error, string) {
	switch typ {
	case "DeviceRequest":
		return func(b []byte) error { _, err := mdoc.ParseDeviceRequest(b); return err }, "ISO/IEC 18013-5:2021, 8.3.2.1.2.1"
	case "IssuerSigned":
		return func(b []byte) error { _, err := mdoc.ParseIssuerSigned(b); return err }, "ISO/IEC 18013-5:2021, 8.3.2.1.2.2"
	case "MobileSecurityObject":
		return into[mdoc.MobileSecurityObject], "ISO/IEC 18013-5:2021, 9.1.2.4"
	case "MobileSecurityObjectBytes":
		return into[cbor.Embedded[mdoc.MobileSecurityObject]], "ISO/IEC 18013-5:2021, 9.1.2.4"
	case "IssuerSignedItem":
		return into[mdoc.IssuerSignedItem], "ISO/IEC 18013-5:2021, 8.3.2.1.2.2"
	case "IssuerSignedItemBytes":
		return into[mdoc.IssuerSignedItemBytes], "ISO/IEC 18013-5:2021, 8.3.2.1.2.2"
	case "DeviceEngagement":
		return func(b []byte) error { _, err := engagement.Parse(b); return err }, "ISO/IEC 18013-5:2021, 8.2.1.1"
	case "SessionTranscript":
		return func(b []byte) error { _, err := transcript.Parse(b); return err }, "ISO/IEC 18013-5:2021, 9.1.5.1"
	case "COSE_Key":
		return decodeKey, "RFC 9052, 7"
	case "COSE_Sign1", "IssuerAuth":
		return func(b []byte) error { _, err := cose.ParseSign1(b); return err }, "RFC 9052, 4.2"
	case "COSE_Mac0":
		return func(b []byte) error { _, err := cose.ParseMac0(b); return err }, "RFC 9052, 6.2"
	case "Certificate", "CertificateList", "SubjectPublicKeyInfo", "DeviceResponse", "Document", "IdentityEnvelope", "StatusListToken", "VICAL", "NDEF":
		return nil, ""
	}
	return cbor.Wellformed, "ISO/IEC 18013-5 second edition, 8.3"
}

func into[T any](b []byte) error {
	var v T
	return cbor.Unmarshal(b, &v)
}

func decodeKey(b []byte) error {
	var k cose.Key
	if err := cbor.Unmarshal(b, &k); err != nil {
		return err
	}
	_, public := k.Public()
	_, agree := k.ECDH()
	if public == nil || agree == nil {
		return nil
	}
	return public
}

func checkOne(f Found, g Given) verdict.Verdict {
	switch f.Type {
	case "DeviceResponse":
		return g.response(f.Data)
	case "Document":
		return g.response(respond(f.Data))
	case "IdentityEnvelope":
		var e identityEnvelope
		if err := cbor.Unmarshal(f.Data, &e); err == nil {
			return g.response(e.Identity)
		}
	case "IssuerSigned":
		if s, err := mdoc.ParseIssuerSigned(f.Data); err == nil {
			return g.issuerSigned(s)
		}
	case "IssuerAuth":
		return g.issuerSigned(&mdoc.IssuerSigned{IssuerAuth: f.Data})
	case "DeviceRequest":
		return g.request(f.Data)
	case "StatusListToken":
		return g.statusToken(f.Data)
	case "VICAL":
		return g.vical(f.Data)
	case "CertificateList":
		return g.crl(f.Data)
	case "COSE_Sign1":
		return message(f.Data)
	}
	return verdict.Verdict{}
}

// identityEnvelope is the plaintext of Apple's in-app envelope, a form that ISO/IEC 18013-5 does not define.
type identityEnvelope struct {
	Identity cbor.RawMessage `cbor:"identity"`
}

// respond puts one document into a response of its own.
func respond(document []byte) []byte {
	b := cbor.AppendText(cbor.AppendMapHead(nil, 3), "version")
	b = cbor.AppendText(cbor.AppendText(b, "1.0"), "documents")
	b = append(cbor.AppendArrayHead(b, 1), document...)
	return cbor.AppendUint(cbor.AppendText(b, "status"), 0)
}

// roots gives the trust anchors, or an empty set: nothing is trusted then, but everything else is judged. why says why the set is empty.
func (g Given) roots() (anchors *pki.Anchors, why string) { return g.anchors(pki.NewAnchors) }

// providers is roots for a VICAL.
func (g Given) providers() (anchors *pki.Anchors, why string) {
	return g.anchors(func(ders ...[]byte) (*pki.Anchors, error) { return pki.NewAnchorsFor(pki.VICALRoot, ders...) })
}

func (g Given) anchors(read func(...[]byte) (*pki.Anchors, error)) (anchors *pki.Anchors, why string) {
	if len(g.Roots) == 0 {
		return new(pki.Anchors), "no trust anchors given: --roots"
	}
	a, err := read(g.Roots...)
	if err != nil {
		return new(pki.Anchors), "the roots given do not fit: " + err.Error()
	}
	return a, ""
}

// at gives the time, or any: what depends on it is not reported then.
func (g Given) at() time.Time {
	if g.At.IsZero() {
		return time.Unix(0, 0)
	}
	return g.At
}

// response judges a response as a reader would that asked for exactly what is in it.
func (g Given) response(raw []byte) verdict.Verdict {
	r, err := mdoc.ParseDeviceResponse(raw)
	if err != nil {
		var v verdict.Verdict
		v.Fail("response.decode", "ISO/IEC 18013-5:2021, 8.3.2.1.2.2", err.Error())
		return v
	}
	roots, why := g.roots()
	in := mdoc.Verification{Response: raw, Transcript: g.Transcript, Request: asked(r), EReaderKey: g.EReaderKey, Anchors: roots, At: g.at()}
	if in.Transcript.IsZero() {
		if in.Transcript, err = transcript.Online(cbor.AppendNull(nil)); err != nil {
			return verdict.Verdict{}
		}
	}
	result, err := mdoc.Verify(in)
	if err != nil {
		var v verdict.Verdict
		v.NotRun("response.decode", "docs/inspect.md", err.Error())
		return v
	}
	v := g.withhold(result.Verdict, why)
	for i, c := range v.Checks {
		switch c.ID {
		case "response.documents", "response.requested", "response.answered", "response.age_over":
			v.Checks[i].Outcome, v.Checks[i].Measured = verdict.NotRun, "what was asked for is not known here: see mobileid verify"
		}
	}
	return v
}

// asked makes the request that the response would answer: every document it returns, or says that it does not return.
func asked(r *mdoc.DeviceResponse) *mdoc.DeviceRequest {
	var docTypes []string
	for _, d := range r.Documents {
		docTypes = append(docTypes, d.DocType)
	}
	for _, e := range r.DocumentErrors {
		for _, d := range e {
			docTypes = append(docTypes, d.Key)
		}
	}
	q := &mdoc.DeviceRequest{Version: "1.0"}
	for _, d := range docTypes {
		if e, err := cbor.NewEmbedded(mdoc.ItemsRequest{DocType: d}); err == nil {
			q.DocRequests = append(q.DocRequests, mdoc.DocRequest{ItemsRequest: e})
		}
	}
	return q
}

func (g Given) issuerSigned(s *mdoc.IssuerSigned) verdict.Verdict {
	roots, why := g.roots()
	v, err := s.CheckIssuerSigned(roots, g.at())
	if err != nil {
		return verdict.Verdict{}
	}
	v = g.withhold(v, why)
	for i, c := range v.Checks {
		if len(s.NameSpaces) == 0 && (c.ID == "mso.digest" || c.ID == "mso.random" || c.ID == "mso.element_unique") && c.Outcome == verdict.Pass {
			v.Checks[i].Outcome, v.Checks[i].Measured = verdict.NotRun, "no elements are here"
		}
	}
	return v
}

// withhold takes back what was judged without its premise: trust without anchors, time without a time, a device's proof without the
// transcript. What was found wrong besides stays.
func (g Given) withhold(v verdict.Verdict, noRoots string) verdict.Verdict {
	for i := range v.Checks {
		c := &v.Checks[i]
		why := ""
		switch c.ID {
		case "issuer_auth.chain", "chain.path", "chain.signature", "chain.authority_key_id", "chain.country", "chain.state", "status.token.chain",
			"vical.chain":
			why = noRoots
		case "crl.validity", "vical.date", "vical.not_after", "vical.next_update", "mso.validity.window", "chain.validity", "status.token.expiry", "status.token.issued_at":
			if g.At.IsZero() {
				why = "no time given: --at"
			}
		case "device_auth.proof":
			if g.Transcript.IsZero() && c.Outcome == verdict.Fail {
				why = "no session transcript given: --transcript"
			}
		}
		if why != "" {
			c.Outcome, c.Measured = verdict.NotRun, why
		}
	}
	return v
}

// request judges the reader's authentication of each document request.
func (g Given) request(raw []byte) verdict.Verdict {
	var v verdict.Verdict
	r, err := mdoc.ParseDeviceRequest(raw)
	if err != nil {
		return v // inspect.decode says it
	}
	roots, why := g.roots()
	for i := range r.DocRequests {
		if _, judged, err := r.DocRequests[i].CheckReaderAuth(g.Transcript, roots, g.at()); err == nil {
			v.Append(g.readerAuth(judged, why))
		}
	}
	if len(r.ReaderAuthAll) > 0 {
		all, err := r.CheckReaderAuthAll(g.Transcript, roots, g.at())
		if err != nil {
			return v
		}
		for _, a := range all {
			v.Append(g.readerAuth(a.Verdict, why))
		}
	}
	return v
}

// readerAuth takes back what was judged of a reader's signature without the transcript.
func (g Given) readerAuth(v verdict.Verdict, noRoots string) verdict.Verdict {
	for i, c := range v.Checks {
		if g.Transcript.IsZero() && c.ID == "reader_auth.signature" {
			v.Checks[i].Outcome, v.Checks[i].Measured = verdict.NotRun, "no session transcript given: --transcript"
		}
	}
	return g.withhold(v, noRoots)
}

// message checks the signature of any COSE_Sign1 that brings its certificate and its payload.
func message(raw []byte) verdict.Verdict {
	const clause = "RFC 9052, 4.4; RFC 9360, 2"
	var v verdict.Verdict
	m, err := cose.ParseSign1(raw)
	if err != nil {
		return v // inspect.decode says it
	}
	chain, err := m.X5Chain()
	if err != nil {
		v.NotRun(idSignature, clause, "no certificate to take the key from")
		return v
	}
	leaf, err := x509.ParseCertificate(chain[0])
	switch {
	case err != nil:
		v.NotRun(idSignature, clause, "the certificate cannot be read")
	case m.Payload() == nil:
		v.NotRun(idSignature, clause, "the payload is detached")
	default:
		err := m.Verify(leaf.PublicKey)
		v.Record(idSignature, clause, err == nil, measured(err, "verified with the first certificate's key"))
	}
	inner(&v, chain)
	return v
}

// links checks the certificates of a file against one another: each signed by the next, or by itself.
func links(v *verdict.Verdict, found []Found) {
	var chain [][]byte
	for _, f := range found {
		if f.Type == "Certificate" {
			chain = append(chain, f.Data)
		}
	}
	inner(v, chain)
}

func inner(v *verdict.Verdict, chain [][]byte) {
	const clause = "RFC 5280, 6.1"
	for i := range len(chain) - 1 {
		err := linked(chain[i], chain[i+1])
		v.Record(idLinks, clause, err == nil, measured(err, fmt.Sprintf("certificate %d is signed by certificate %d", i+1, i+2)))
	}
}

func linked(child, parent []byte) error {
	c, err := x509.ParseCertificate(child)
	if err != nil {
		return err
	}
	p, err := x509.ParseCertificate(parent)
	if err != nil {
		return err
	}
	if c.Issuer.String() != p.Subject.String() {
		return errors.New("the next certificate is not the issuer")
	}
	return p.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature)
}
