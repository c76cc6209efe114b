package jpki_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"io"
	"math/big"
	"net/http"
	"sync"
	"testing"
	"time"

	"mobileid/issuer/card"
	"mobileid/issuer/card/cardsim"
	"mobileid/issuer/card/jpki"
	"mobileid/issuer/card/jpki/jpkisim"
)

// now is the instant of every test.
func now() time.Time { return time.Date(2026, time.November, 23, 3, 0, 0, 0, time.UTC) }

// hierarchy is made once a process, because RSA keys take long: an authority, a stranger of the same names, and a key.
type hierarchy struct {
	cards, stranger *cardsim.Authority
	key             *rsa.PrivateKey
}

var theHierarchy = sync.OnceValues(func() (*hierarchy, error) {
	keys, err := cardsim.MakeKeys(5, cardsim.NewKeys(nil))
	if err != nil {
		return nil, err
	}
	h := &hierarchy{key: keys[4]}
	if h.cards, err = cardsim.NewAuthority(cardsim.AuthorityConfig{Now: now, Keys: cardsim.SharedKeys(keys[:2]...)}); err != nil {
		return nil, err
	}
	h.stranger, err = cardsim.NewAuthority(cardsim.AuthorityConfig{Now: now, Keys: cardsim.SharedKeys(keys[2:4]...)})
	return h, err
})

// world is JPKI-TEST with two certificates of its signature CA, and the network before it.
type world struct {
	*hierarchy
	pair        *jpkisim.Pair
	ca          *x509.Certificate
	caKey       crypto.Signer
	leaf, other *x509.Certificate
	clock       time.Time
	network     *network
}

func newWorld(t testing.TB) *world {
	t.Helper()
	h, err := theHierarchy()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{hierarchy: h, clock: now()}
	w.ca, w.caKey = h.cards.SignatureCA()
	if w.pair, err = jpkisim.New(h.cards, func() time.Time { return w.clock }); err != nil {
		t.Fatal(err)
	}
	w.leaf, w.other = w.issue(t, 0x41000001, nil), w.issue(t, 0x41000002, nil)
	w.network = &network{behind: w.pair.Handler(), asked: map[string]int{}, instead: map[string]func(*http.Request) (*http.Response, error){}}
	return w
}

// issue makes a certificate under the signature CA.
func (w *world) issue(t testing.TB, serial int64, alter func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotBefore: now().AddDate(-1, 0, 0), NotAfter: now().AddDate(1, 0, 0),
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 31}, Value: points(t, "Mihon-shi CRLDP")}}}
	if alter != nil {
		alter(template)
	}
	return sign(t, template, w.ca, w.key.Public(), w.caKey)
}

func sign(t testing.TB, template, parent *x509.Certificate, key crypto.PublicKey, by crypto.Signer) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key, by)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Addresses of the world.
const (
	base    = "http://jpki-test.example"
	theList = base + "/signature.crl"
	theOCSP = base + "/signature/ocsp"
)

func (w *world) lists(places ...string) jpki.Config {
	return jpki.Config{Transport: w.network, Authorities: []jpki.Authority{{CA: w.ca, CRLs: places}}}
}

func (w *world) responder() jpki.Config {
	return jpki.Config{Transport: w.network, Authorities: []jpki.Authority{{CA: w.ca, OCSP: theOCSP}}}
}

func source(t testing.TB, c jpki.Config) *jpki.Source {
	t.Helper()
	s, err := jpki.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// status asks about the leaf now.
func (w *world) status(t testing.TB, s *jpki.Source) card.StatusAnswer {
	t.Helper()
	return s.Status(t.Context(), w.leaf, w.ca, w.clock)
}

func want(t testing.TB, got card.StatusAnswer, state card.CertificateState) {
	t.Helper()
	if got.State != state || got.Measured == "" {
		t.Errorf("state %d, %q; want state %d", got.State, got.Measured, state)
	}
}

// network passes requests on to JPKI-TEST, or to what stands instead for a path, and counts them.
type network struct {
	mu      sync.Mutex
	behind  http.Handler
	asked   map[string]int
	instead map[string]func(*http.Request) (*http.Response, error)
}

func (n *network) RoundTrip(r *http.Request) (*http.Response, error) {
	n.mu.Lock()
	n.asked[r.URL.Path]++
	instead := n.instead[r.URL.Path]
	n.mu.Unlock()
	if instead != nil {
		return instead(r)
	}
	w := &recorder{header: http.Header{}, status: http.StatusOK}
	n.behind.ServeHTTP(w, r)
	return answer(w.status, w.body.Bytes()), nil
}

type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *recorder) Header() http.Header         { return w.header }
func (w *recorder) WriteHeader(status int)      { w.status = status }
func (w *recorder) Write(b []byte) (int, error) { return w.body.Write(b) }

func answer(status int, body []byte) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body))}
}

// give answers a path with constant bytes.
func (n *network) give(path string, body []byte) {
	n.stand(path, func(*http.Request) (*http.Response, error) { return answer(http.StatusOK, body), nil })
}

var errAway = errors.New("away")

func (n *network) away(path string) {
	n.stand(path, func(*http.Request) (*http.Response, error) { return nil, errAway })
}

func (n *network) back(path string) { n.stand(path, nil) }

func (n *network) stand(path string, f func(*http.Request) (*http.Response, error)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.instead[path] = f
}

func (n *network) count(path string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.asked[path]
}

// list signs a list of the CA with a change.
func (w *world) list(t testing.TB, change func(*x509.RevocationList)) []byte {
	t.Helper()
	return w.listBy(t, w.ca, w.caKey, change)
}

func (w *world) listBy(t testing.TB, ca *x509.Certificate, key crypto.Signer, change func(*x509.RevocationList)) []byte {
	t.Helper()
	template := &x509.RevocationList{Number: big.NewInt(100), ThisUpdate: w.clock.Add(-time.Hour), NextUpdate: w.clock.Add(23 * time.Hour)}
	if change != nil {
		change(template)
	}
	der, err := x509.CreateRevocationList(rand.Reader, template, ca, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// directory is the GeneralName of a point: directoryName [4] with one common name.
func directory(t testing.TB, cn string) asn1.RawValue {
	t.Helper()
	name, err := asn1.Marshal(pkix.Name{CommonName: cn}.ToRDNSequence())
	if err != nil {
		t.Fatal(err)
	}
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 4, IsCompound: true, Bytes: name}
}

// pointName is DistributionPointName with fullName [0], under a tag 0 of its own.
type pointName struct {
	Full []asn1.RawValue `asn1:"tag:0"`
}

func points(t testing.TB, cn string) []byte {
	t.Helper()
	der, err := asn1.Marshal([]struct {
		Point pointName `asn1:"tag:0"`
	}{{pointName{[]asn1.RawValue{directory(t, cn)}}}})
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func issuingPoint(t testing.TB, cn string) pkix.Extension {
	t.Helper()
	der, err := asn1.Marshal(struct {
		Point pointName `asn1:"tag:0"`
		Users bool      `asn1:"tag:1,optional"`
	}{pointName{[]asn1.RawValue{directory(t, cn)}}, true})
	if err != nil {
		t.Fatal(err)
	}
	return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 28}, Critical: true, Value: der}
}

// cancelled is a context that is over.
func cancelled(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
