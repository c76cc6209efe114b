package mdoc_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"

	"mobileid/mdoc"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/mdoctest"
	"mobileid/mdoc/mdoctest/world"
	"mobileid/mdoc/transcript"
	"mobileid/mdoc/verdict"
)

// TestAnnexCRequests reads the requests of ISO/IEC TS 18013-7, Annex C, and checks the reader's signature of the one that a
// deployed reader signed. Its certificates lead to no root that is known here.
func TestAnnexCRequests(t *testing.T) {
	var file struct {
		Cases []struct {
			ID         string `json:"id"`
			Transcript string `json:"session_transcript"`
			Request    string `json:"device_request_b64"`
			Items      string `json:"items_request"`
			ReaderAuth string `json:"reader_auth"`
		} `json:"cases"`
	}
	mdoctest.ReadJSON(t, "openid4vp/iso18013-7-annex-c.json", &file)
	requests, signed := 0, 0
	for _, c := range file.Cases {
		if c.Request == "" {
			continue
		}
		requests++
		request, err := mdoc.ParseDeviceRequest(unbase64(t, c.Request))
		if err != nil {
			t.Fatalf("%s: %v", c.ID, err)
		}
		doc, ok := request.For("org.iso.18013.5.1.mDL")
		if !ok || !bytes.Equal(doc.ItemsRequest.Content(), mdoctest.Hex(t, c.Items)) {
			t.Errorf("%s: another ItemsRequest", c.ID)
		}
		if !doc.ItemsRequest.Value.Asks("org.iso.18013.5.1", "age_over_18") {
			t.Errorf("%s does not ask for age_over_18", c.ID)
		}
		if c.ReaderAuth == "" {
			continue
		}
		signed++
		if c.ReaderAuth != "present, verifies over this session transcript with the first of 2 certificates" {
			t.Errorf("%s: %s", c.ID, c.ReaderAuth)
		}
		tr, err := transcript.Parse(mdoctest.Hex(t, c.Transcript))
		if err != nil {
			t.Fatal(err)
		}
		w := world.New(t)
		chain, v, err := doc.CheckReaderAuth(tr, w.ReaderRoots, w.Now)
		if err != nil || chain != nil {
			t.Errorf("%s: an unknown reader is trusted: %v", c.ID, err)
		}
		// The reader writes ESP256 (-9, RFC 9864), which the standard does not name, for ES256: refused, though it is the
		// same signature, as the check by hand shows.
		if o, _ := v.Outcome("reader_auth.signature"); o != verdict.Fail {
			t.Errorf("%s: %s", c.ID, v)
		}
		other, err := transcript.Online([]byte{0x80})
		if err != nil {
			t.Fatal(err)
		}
		if !readerSigned(t, doc, tr) || readerSigned(t, doc, other) {
			t.Errorf("%s: the signature does not hold over this transcript alone", c.ID)
		}
	}
	if requests != 2 || signed != 1 {
		t.Errorf("%d requests, %d signed", requests, signed)
	}
}

// readerSigned checks readerAuth by hand with the first of its certificates: ECDSA with SHA-256 on P-256, whatever the header
// names it.
func readerSigned(t *testing.T, doc *mdoc.DocRequest, tr transcript.Transcript) bool {
	t.Helper()
	s, err := cose.ParseSign1(doc.ReaderAuth)
	if err != nil {
		t.Fatal(err)
	}
	if alg, err := s.Algorithm(); err != nil || alg != -9 {
		t.Errorf("algorithm %d: %v", alg, err)
	}
	chain, err := s.X5Chain()
	if err != nil || len(chain) != 2 {
		t.Fatalf("%d certificates: %v", len(chain), err)
	}
	c, err := x509.ParseCertificate(chain[0])
	if err != nil {
		t.Fatal(err)
	}
	checkIssuer(t, c, chain[1])
	content := cbor.AppendText(cbor.AppendArrayHead(nil, 3), "ReaderAuthentication")
	content = cbor.AppendEmbedded(nil, append(append(content, tr.Array()...), doc.ItemsRequest.Bytes()...))
	digest := sha256.Sum256(s.SigStructure(content))
	half := len(s.Signature()) / 2
	r, n := new(big.Int).SetBytes(s.Signature()[:half]), new(big.Int).SetBytes(s.Signature()[half:])
	return ecdsa.Verify(c.PublicKey.(*ecdsa.PublicKey), digest[:], r, n)
}

// checkIssuer checks that the second certificate signed the first and itself. Its serial number is negative, which crypto/x509
// refuses, so it is taken apart here.
func checkIssuer(t *testing.T, c *x509.Certificate, der []byte) {
	t.Helper()
	var issuer struct {
		TBS struct {
			Raw                       asn1.RawContent
			Version                   int `asn1:"explicit,tag:0"`
			Serial                    *big.Int
			Algorithm                 pkix.AlgorithmIdentifier
			Issuer, Validity, Subject asn1.RawValue
			Key                       asn1.RawValue
		}
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}
	if _, err := asn1.Unmarshal(der, &issuer); err != nil {
		t.Fatal(err)
	}
	if _, err := x509.ParseCertificate(der); err == nil || issuer.TBS.Serial.Sign() >= 0 {
		t.Errorf("a serial number that is not negative: %v", err)
	}
	key, err := x509.ParsePKIXPublicKey(issuer.TBS.Key.FullBytes)
	if err != nil {
		t.Fatal(err)
	}
	parent := &x509.Certificate{PublicKey: key, PublicKeyAlgorithm: x509.ECDSA}
	if err := parent.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature); err != nil {
		t.Errorf("the reader's certificate: %v", err)
	}
	if err := parent.CheckSignature(c.SignatureAlgorithm, issuer.TBS.Raw, issuer.Signature.Bytes); err != nil {
		t.Errorf("its issuer's own: %v", err)
	}
}
