package jpkisim

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"time"

	"golang.org/x/crypto/ocsp"

	"mobileid/issuer/card/cardsim"
	"mobileid/issuer/card/jpki"
	"mobileid/issuer/card/jpki/jpkica"
	"mobileid/mdoc/pki"
)

// Pair is the two CAs behind modelled cards.
type Pair struct {
	Signature, Authentication *CA
}

// New stands up the status services of a cardsim.Authority; nil means the clock.
func New(cards *cardsim.Authority, now func() time.Time) (*Pair, error) {
	if now == nil {
		now = time.Now
	}
	cert, key := cards.SignatureCA()
	signature, err := newCA(jpkica.Profile{Kind: jpkica.Signature}, cert, key, now)
	if err != nil {
		return nil, fmt.Errorf("making the status services of the signature CA: %w", err)
	}
	cert, key = cards.AuthenticationCA()
	authentication, err := newCA(jpkica.Profile{Kind: jpkica.Authentication}, cert, key, now)
	if err != nil {
		return nil, fmt.Errorf("making the status services of the authentication CA: %w", err)
	}
	return &Pair{Signature: signature, Authentication: authentication}, nil
}

// Of gives the CA that issued a certificate.
func (p *Pair) Of(certificate *x509.Certificate) (*CA, error) {
	for _, ca := range []*CA{p.Signature, p.Authentication} {
		if bytes.Equal(certificate.RawIssuer, ca.cert.RawSubject) {
			return ca, nil
		}
	}
	return nil, fmt.Errorf("finding the CA of a certificate: %w", ErrIssuer)
}

// Revoke is CA.Revoke at the CA that issued the certificate.
func (p *Pair) Revoke(certificate *x509.Certificate, reason pki.Reason) error {
	ca, err := p.Of(certificate)
	if err != nil {
		return err
	}
	return ca.Revoke(certificate, reason)
}

// Replace revokes these certificates and no others, whatever was before: for a state that is kept elsewhere. On an error nothing changes.
func (p *Pair) Replace(revoked map[*x509.Certificate]pki.Reason) error {
	entries := map[*CA][]pki.Revocation{p.Signature: nil, p.Authentication: nil}
	for certificate, reason := range revoked {
		ca, err := p.Of(certificate)
		if err != nil {
			return err
		}
		e, err := ca.entry(certificate, reason)
		if err != nil {
			return fmt.Errorf("revoking certificate: %w", err)
		}
		entries[ca] = append(entries[ca], e)
	}
	for ca, list := range entries {
		ca.replace(list)
	}
	return nil
}

// Where the handler serves.
const (
	pathSignature      = "/signature"
	pathAuthentication = "/authentication"
	pathList           = ".crl"
	pathOCSP           = "/ocsp"
)

// Places tells where the lists and responders are under the address at which Handler is served.
func (p *Pair) Places(base string) []jpki.Authority {
	of := func(ca *CA, path string) jpki.Authority {
		return jpki.Authority{CA: ca.cert, CRLs: []string{base + path + pathList}, OCSP: base + path + pathOCSP}
	}
	return []jpki.Authority{of(p.Signature, pathSignature), of(p.Authentication, pathAuthentication)}
}

// Handler serves a fresh list (GET) and the responder (POST) of each CA.
func (p *Pair) Handler() http.Handler {
	mux := http.NewServeMux()
	for path, ca := range map[string]*CA{pathSignature: p.Signature, pathAuthentication: p.Authentication} {
		mux.HandleFunc("GET "+path+pathList, ca.serveList)
		mux.HandleFunc("POST "+path+pathOCSP, ca.serveOCSP)
	}
	return mux
}

// Transport answers requests to any address with Handler, in process.
func (p *Pair) Transport() http.RoundTripper { return inProcess{p.Handler()} }

type inProcess struct{ handler http.Handler }

func (t inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	w := &recorder{header: http.Header{}, status: http.StatusOK}
	t.handler.ServeHTTP(w, r)
	return &http.Response{StatusCode: w.status, Status: http.StatusText(w.status), Header: w.header, Proto: "HTTP/1.1", ProtoMajor: 1,
		ProtoMinor: 1, ContentLength: int64(w.body.Len()), Body: io.NopCloser(&w.body), Request: r}, nil
}

// recorder keeps what a handler writes.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *recorder) Header() http.Header         { return w.header }
func (w *recorder) WriteHeader(status int)      { w.status = status }
func (w *recorder) Write(b []byte) (int, error) { return w.body.Write(b) }

func (c *CA) serveList(w http.ResponseWriter, _ *http.Request) {
	der, err := c.List()
	if err != nil {
		http.Error(w, "no list could be made", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/pkix-crl")
	_, _ = w.Write(der) // the client has gone
}

const maxRequest = 4 << 10

func (c *CA) serveOCSP(w http.ResponseWriter, r *http.Request) {
	answer := ocsp.MalformedRequestErrorResponse
	if body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest)); err == nil {
		answer = c.Answer(body)
	}
	w.Header().Set("Content-Type", "application/ocsp-response")
	_, _ = w.Write(answer) // the client has gone
}

// Answer gives the responder's answer to a request in DER. A certificate that is not in the list is good.
func (c *CA) Answer(request []byte) []byte {
	return c.responder.Answer(request, c.now(), func(serial *big.Int) (jpkica.Status, error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if i := c.index(serial); i >= 0 {
			entry := c.entries[i]
			return jpkica.Status{Known: true, Revoked: &entry}, nil
		}
		return jpkica.Status{Known: true}, nil
	})
}
