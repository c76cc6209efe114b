package transcript

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	"mobileid/mdoc/cbor"
)

// maxText bounds each text that is hashed into an online handover: an EncryptionInfo or a URI with a session in it.
const maxText = 16 << 10

// OpenID4VPHandoverInfo is what a presentation by OpenID4VP 1.0 over redirects is bound to, appendix B.2.6.1:
//
//	OpenID4VPHandover = ["OpenID4VPHandover", bstr SHA-256(OpenID4VPHandoverInfo)]
//	OpenID4VPHandoverInfo = bstr .cbor [clientId: tstr, nonce: tstr, jwkThumbprint: bstr / null, responseUri: tstr]
//
// The values are those of the signed request object where there is one.
type OpenID4VPHandoverInfo struct {
	// ClientID is the client_id with its prefix, such as x509_san_dns:example.com.
	ClientID string
	Nonce    string
	// JWKThumbprint names the key the response is encrypted to, see [JWKThumbprint]; nil when it is not encrypted.
	JWKThumbprint []byte
	// ResponseURI is the response_uri, or the redirect_uri of a response mode that has one.
	ResponseURI string
}

// Encode gives the encoded array that is hashed.
func (i OpenID4VPHandoverInfo) Encode() ([]byte, error) {
	out := cbor.AppendArrayHead(nil, 4)
	return encodeInfo(out, "OpenID4VP", text("client_id", i.ClientID), text("nonce", i.Nonce), thumbprint(i.JWKThumbprint),
		text("response_uri", i.ResponseURI))
}

// OpenID4VP is the transcript of OpenID4VP 1.0 over redirects.
func OpenID4VP(i OpenID4VPHandoverInfo) (Transcript, error) { return labelled("OpenID4VPHandover", i) }

// OpenID4VPDCAPIHandoverInfo is what a presentation by OpenID4VP 1.0 over the Digital Credentials API is bound to, appendix
// B.2.6.2:
//
//	OpenID4VPDCAPIHandover = ["OpenID4VPDCAPIHandover", bstr SHA-256(OpenID4VPDCAPIHandoverInfo)]
//	OpenID4VPDCAPIHandoverInfo = bstr .cbor [origin: tstr, nonce: tstr, jwkThumbprint: bstr / null]
type OpenID4VPDCAPIHandoverInfo struct {
	// Origin is the origin as the platform serializes it, without the prefix origin: of a client_id.
	Origin string
	Nonce  string
	// JWKThumbprint is as in [OpenID4VPHandoverInfo]; nil for the response mode dc_api.
	JWKThumbprint []byte
}

// Encode gives the encoded array that is hashed.
func (i OpenID4VPDCAPIHandoverInfo) Encode() ([]byte, error) {
	return encodeInfo(cbor.AppendArrayHead(nil, 3), "OpenID4VP DC API", origin(i.Origin), text("nonce", i.Nonce), thumbprint(i.JWKThumbprint))
}

// OpenID4VPDCAPI is the transcript of OpenID4VP 1.0 over the Digital Credentials API.
func OpenID4VPDCAPI(i OpenID4VPDCAPIHandoverInfo) (Transcript, error) {
	return labelled("OpenID4VPDCAPIHandover", i)
}

// DCAPIInfo is what a presentation by the protocol org-iso-mdoc is bound to, ISO/IEC TS 18013-7, Annex C:
//
//	dcapiHandover = ["dcapi", bstr SHA-256(bstr .cbor [Base64EncryptionInfo: tstr, SerializedOrigin: tstr])]
type DCAPIInfo struct {
	// EncryptionInfo is the base64url text of the request, as it was received or sent: another encoding is another transcript.
	EncryptionInfo string
	// Origin is the origin as the platform serializes it. A wallet that is told none stops.
	Origin string
}

// Encode gives the encoded array that is hashed.
func (i DCAPIInfo) Encode() ([]byte, error) {
	return encodeInfo(cbor.AppendArrayHead(nil, 2), "dcapi", text("EncryptionInfo", i.EncryptionInfo), origin(i.Origin))
}

// AnnexC is the transcript of ISO/IEC TS 18013-7, Annex C.
func AnnexC(i DCAPIInfo) (Transcript, error) { return labelled("dcapi", i) }

// AnnexBInfo is what a presentation by ISO/IEC TS 18013-7, Annex B is bound to, the form of OpenID4VP draft 18:
//
//	OID4VPHandover = [bstr SHA-256(bstr .cbor [clientId: tstr, mdocGeneratedNonce: tstr]),
//	                  bstr SHA-256(bstr .cbor [responseUri: tstr, mdocGeneratedNonce: tstr]), nonce: tstr]
type AnnexBInfo struct {
	ClientID    string // without a prefix
	ResponseURI string
	Nonce       string
	// MdocGeneratedNonce is the wallet's own nonce, the text that the header apu of the JWE holds.
	MdocGeneratedNonce string
}

// AnnexB is the transcript of ISO/IEC TS 18013-7, Annex B.
func AnnexB(i AnnexBInfo) (Transcript, error) {
	mgn := text("mdoc-generated nonce", i.MdocGeneratedNonce)
	client, err := encodeInfo(cbor.AppendArrayHead(nil, 2), "Annex B", text("client_id", i.ClientID), mgn)
	if err != nil {
		return Transcript{}, err
	}
	response, err := encodeInfo(cbor.AppendArrayHead(nil, 2), "Annex B", text("response_uri", i.ResponseURI), mgn)
	if err != nil {
		return Transcript{}, err
	}
	handover := appendHash(appendHash(cbor.AppendArrayHead(nil, 3), client), response)
	if handover, err = encodeInfo(handover, "Annex B", text("nonce", i.Nonce)); err != nil {
		return Transcript{}, err
	}
	return Online(handover)
}

// Website is the transcript of a retrieval by a website, ISO/IEC TS 18013-7, Annex A: the handover is the hash of the reader
// engagement. engagement is the DeviceEngagement the wallet posted, eReaderKeyBytes the tag 24 item of the key the session
// is made with (the reader engagement's, or that of SessionEstablishment), readerEngagement the map that stood in the
// mdoc:// URI.
func Website(engagement, eReaderKeyBytes, readerEngagement []byte) (Transcript, error) {
	if err := cbor.Wellformed(readerEngagement); err != nil {
		return Transcript{}, fmt.Errorf("building session transcript: reader engagement: %w: %w", ErrMalformed, err)
	}
	return proximity(engagement, eReaderKeyBytes, appendHash(nil, cbor.AppendEmbedded(nil, readerEngagement)))
}

// ForDocumentEncryption is the transcript of documents that are encrypted to a key of their own (ISO/IEC 18013-5 second
// edition, 12.6): that of the channel with EncryptionParametersBytes, a whole tag 24 item, in place of the reader key. It
// holds for the encryption and for device authentication inside. [Transcript.EReaderKeyBytes] then gives that item.
func (t Transcript) ForDocumentEncryption(encryptionParametersBytes []byte) (Transcript, error) {
	if t.IsZero() {
		return Transcript{}, errors.New("building session transcript: no transcript of the channel")
	}
	if err := checkEmbedded(encryptionParametersBytes); err != nil {
		return Transcript{}, fmt.Errorf("building session transcript: encryption parameters: %w", err)
	}
	return assemble(t.engagement, encryptionParametersBytes, t.handover)
}

// labelled makes [label, SHA-256(info)] the handover.
func labelled(label string, info interface{ Encode() ([]byte, error) }) (Transcript, error) {
	encoded, err := info.Encode()
	if err != nil {
		return Transcript{}, err
	}
	return Online(appendHash(cbor.AppendText(cbor.AppendArrayHead(nil, 2), label), encoded))
}

func appendHash(b, hashed []byte) []byte {
	sum := sha256.Sum256(hashed)
	return cbor.AppendBytes(b, sum[:])
}

// part appends one member of a handover info.
type part func(b []byte) ([]byte, error)

func encodeInfo(b []byte, what string, parts ...part) ([]byte, error) {
	var err error
	for _, p := range parts {
		if b, err = p(b); err != nil {
			return nil, fmt.Errorf("building session transcript for %s: %w: %w", what, ErrMalformed, err)
		}
	}
	return b, nil
}

// text is a tstr that must be there: an empty nonce binds nothing.
func text(name, s string) part {
	return func(b []byte) ([]byte, error) {
		switch {
		case s == "":
			return nil, fmt.Errorf("no %s", name)
		case len(s) > maxText:
			return nil, fmt.Errorf("%s has %d bytes, limit %d", name, len(s), maxText)
		case !utf8.ValidString(s):
			return nil, fmt.Errorf("%s is not UTF-8", name)
		}
		return cbor.AppendText(b, s), nil
	}
}

func thumbprint(sum []byte) part {
	return func(b []byte) ([]byte, error) {
		if sum == nil {
			return cbor.AppendNull(b), nil
		}
		if len(sum) != sha256.Size {
			return nil, fmt.Errorf("JWK thumbprint has %d bytes, want %d", len(sum), sha256.Size)
		}
		return cbor.AppendBytes(b, sum), nil
	}
}

// origin is a serialized origin. What is no web origin, such as the hash of a calling app's key, is taken as it is.
func origin(s string) part {
	return func(b []byte) ([]byte, error) {
		if err := checkOrigin(s); err != nil {
			return nil, err
		}
		return text("origin", s)(b)
	}
}

func checkOrigin(s string) error {
	switch {
	case strings.HasPrefix(s, "origin:"), strings.HasPrefix(s, "web-origin:"):
		return errors.New("the origin carries the prefix of a client_id")
	case s == "null":
		return errors.New("an opaque origin names nobody")
	}
	scheme, _, web := strings.Cut(s, "://")
	if !web || !strings.EqualFold(scheme, "https") && !strings.EqualFold(scheme, "http") {
		return nil
	}
	u, err := url.Parse(s)
	defaultPort := map[string]string{"https": "443", "http": "80"}
	if err != nil || u.Hostname() == "" || u.Port() == defaultPort[u.Scheme] || s != strings.ToLower(u.Scheme+"://"+u.Host) {
		return errors.New("the origin is not scheme, host and port as browsers serialize them")
	}
	return nil
}
