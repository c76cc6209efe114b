package tsm_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"mobileid/mdoc"
	"mobileid/mdoc/apdu"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm"
	"mobileid/tsm/applet"
	"mobileid/tsm/gp"
	"mobileid/tsm/httpapi"
	"mobileid/tsm/jpkiapplet"
	"mobileid/tsm/scp03"
	"mobileid/tsm/se"
	"mobileid/tsm/seram"
	"mobileid/tsm/store"
)

// world is a service manager with its store, one modelled secure element, a
// phone that carries between them, and an issuer that checks what it is handed.
type world struct {
	t   *testing.T
	mu  sync.Mutex // guards now
	now time.Time

	orderKey *ecdsa.PrivateKey
	master   []byte
	keys     tsm.KeySource // nil: the master key alone, as version 30
	seID     []byte
	sePath   string
	element  *se.SE
	tear     func(point int) bool // cuts the element's power inside a write
	born     int                  // RSA keys the element has made
	longest  int                  // command data the element tells of, 0 for short commands
	limit    int                  // memory of the element, 0 for its own
	issuer   *issuer
	port     tsm.IssuerPort // between service and issuer; nil: the issuer itself
	within   time.Duration  // for one call to the issuer; 0: the service's default

	dir       string
	storePath string
	store     store.Store
	wrap      func(store.Store) store.Store // put between service and store; may be nil
	service   *tsm.Service
	handler   http.Handler
	logged    *bytes.Buffer

	exchanges []exchange
}

type exchange struct{ command, response []byte }

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldWith(t, 0)
}

// newWorldWith has an element whose attestations are longer by the certificates
// given, which no issuer would take.
func newWorldWith(t *testing.T, surplus int) *world {
	t.Helper()
	w := &world{
		t: t, now: time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC), logged: &bytes.Buffer{},
		orderKey: newKey(t), master: make([]byte, tsm.MasterKeySize), seID: make([]byte, seram.SEIDSize),
	}
	_, _ = rand.Read(w.master)
	_, _ = rand.Read(w.seID)
	w.settleIn()
	w.issuer = newIssuer(t, w.clock)
	w.manufacture(surplus)
	w.begin()
	return w
}

// settleIn gives the world a folder of its own.
func (w *world) settleIn() {
	w.dir = folder(w.t)
	w.storePath, w.sePath = filepath.Join(w.dir, "jobs.db"), filepath.Join(w.dir, "se.bin")
}

// begin switches the element on and starts the service, both until the end of the test.
func (w *world) begin() {
	w.power()
	w.start()
	w.t.Cleanup(func() {
		if err := errors.Join(w.store.Close(), w.element.Close()); err != nil {
			w.t.Error(err)
		}
	})
}

// folder is one whose files need not reach a disk, where there is such a place: the
// cuts are of processes and elements, and the host of the test stays up.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "mobileid-tsm-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { check(t, os.RemoveAll(dir)) })
	return dir
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) manufacture(surplus int) {
	t := w.t
	root, attestation := w.issuer.seRoot, newKey(t)
	der, err := pki.Create(pki.Template{
		Profile: pki.SEAttestation, CommonName: "TEST SE", SEID: w.seID,
		NotBefore: w.now.Add(-time.Hour), NotAfter: w.now.Add(365 * 24 * time.Hour),
	}, attestation.Public(), root.cert, root.key, nil)
	check(t, err)
	keys := w.factoryKeys()
	chain := [][]byte{der}
	for range surplus {
		chain = append(chain, der)
	}
	check(t, se.Manufacture(w.sePath, se.Factory{
		ID: w.seID, Keys: keys, AttestationKey: attestation, AttestationChain: chain,
		IssuerAnchors: [][]byte{w.issuer.iaca.cert.Raw}, CertificateAnchors: phoneAnchors(),
	}))
}

// factoryKeys are the keys the element left the factory with.
func (w *world) factoryKeys() scp03.Keys {
	w.t.Helper()
	master, err := tsm.NewMasterKey(w.master, 0x30)
	check(w.t, err)
	keys, err := master.Derive(w.t.Context(), w.seID, 0x30)
	check(w.t, err)
	return keys
}

// power switches the element on, anew if it was.
func (w *world) power() {
	w.t.Helper()
	if w.element != nil {
		check(w.t, w.element.Close())
	}
	tear := func(point int) bool { return w.tear != nil && w.tear(point) }
	element, err := se.Open(w.sePath, se.Config{Applets: []se.Kind{applet.Kind(), w.phoneKind()}, Now: w.clock, Tear: tear, CommandData: w.longest, Limit: w.limit})
	check(w.t, err)
	w.element = element
}

// start starts the service on the store's file.
func (w *world) start() {
	t := w.t
	t.Helper()
	file, err := store.Open(w.storePath)
	check(t, err)
	w.store = file
	if w.wrap != nil {
		w.store = w.wrap(file)
	}
	w.newService()
}

// newService makes a service, and its doors, over the open store.
func (w *world) newService() {
	t := w.t
	t.Helper()
	keys := w.keys
	if keys == nil {
		master, err := tsm.NewMasterKey(w.master, 0x30)
		check(t, err)
		keys = master
	}
	log := slog.New(slog.NewJSONHandler(w.logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	port := w.port
	if port == nil {
		port = w.issuer
	}
	var err error
	w.service, err = tsm.New(tsm.Config{
		Store: w.store, Keys: keys, Issuer: port, OrderKey: w.orderKey.Public(), Now: w.clock, Log: log, IssuerTimeout: w.within,
	})
	check(t, err)
	w.handler = httpapi.New(w.service, log)
}

// restart is a new process on the same file: sessions are gone, jobs are not.
func (w *world) restart() {
	w.t.Helper()
	check(w.t, w.store.Close())
	w.start()
}

// order makes a signed order for the world's element.
func (w *world) order(kind provisioning.OrderKind, slot uint64, change ...func(*provisioning.Order)) []byte {
	w.t.Helper()
	o := provisioning.Order{ID: random(16), Kind: kind, SEID: w.seID, Slot: slot, NotAfter: cbor.NewTDate(w.now.Add(time.Hour))}
	if kind == provisioning.OrderProvision {
		o.Purpose, o.Challenge = provisioning.PurposeSign, random(32)
	}
	if slot == gp.PhonePlace {
		o.Slot, o.Application = 1, provisioning.ApplicationPhoneCertificates
	}
	for _, c := range change {
		c(&o)
	}
	raw, err := provisioning.SignOrder(w.orderKey, o)
	check(w.t, err)
	w.issuer.expect(o)
	return raw
}

// submit hands an order in by its door.
func (w *world) submit(order []byte) int {
	w.t.Helper()
	req := httptest.NewRequest(http.MethodPost, "/v1/orders", bytes.NewReader(order))
	req.Header.Set("Content-Type", "application/cose")
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, req)
	return rec.Code
}

func (w *world) provision(slot uint64) []byte {
	w.t.Helper()
	order := w.order(provisioning.OrderProvision, slot)
	if code := w.submit(order); code != http.StatusAccepted {
		w.t.Fatalf("order answered %d", code)
	}
	return order
}

// job finds the job of an order.
func (w *world) job(order []byte) store.Job {
	w.t.Helper()
	if string(order) == rekey {
		id, err := w.service.Rekey(w.t.Context(), w.seID) // the same again
		check(w.t, err)
		return w.jobOf(id)
	}
	return w.jobOf(orderID(w.t, w.orderKey.Public(), order))
}

func (w *world) jobOf(id string) store.Job {
	w.t.Helper()
	job, err := w.store.Job(w.t.Context(), id)
	check(w.t, err)
	return job
}

func orderID(t *testing.T, key crypto.PublicKey, order []byte) string {
	t.Helper()
	o, err := provisioning.VerifyOrder(order, key, time.Time{})
	check(t, err)
	return hex.EncodeToString(o.ID)
}

// agent is a phone with the world's element.
func (w *world) agent() *seram.Agent {
	return &seram.Agent{
		Client: &http.Client{Transport: direct{w}}, BaseURL: "https://tsm.example",
		Element: seram.NewSecureElement(w.seID),
		SE: apdu.Tap{Transmitter: transmit(w.transmit), Seen: func(command, response []byte, _ error) {
			w.exchanges = append(w.exchanges, exchange{bytes.Clone(command), bytes.Clone(response)})
		}},
	}
}

// transmit reaches the element as it is powered now.
func (w *world) transmit(ctx context.Context, command []byte) ([]byte, error) {
	return w.element.Transmit(ctx, command)
}

// contact lets the phone come by once.
func (w *world) contact() (seram.Result, error) {
	w.element.Reset()
	return w.agent().Run(w.t.Context())
}

// direct carries requests to the handler without a network.
type direct struct{ w *world }

func (d direct) RoundTrip(req *http.Request) (*http.Response, error) {
	in := httptest.NewRequest(req.Method, req.URL.String(), req.Body).WithContext(req.Context())
	in.Header = req.Header.Clone()
	rec := httptest.NewRecorder()
	d.w.handler.ServeHTTP(rec, in)
	return rec.Result(), nil
}

// holds checks that the element's slot holds exactly what the issuer sealed for
// the order: read with a PIN, as a phone would.
func (w *world) holds(slot byte, order []byte) {
	w.t.Helper()
	c := applet.NewClient(w.element, slot)
	check(w.t, c.VerifyPIN(w.t.Context(), "2468"))
	got, err := c.Credential(w.t.Context())
	check(w.t, err)
	if want := w.issuer.issued[w.job(order).OrderID]; !bytes.Equal(got, want.issuerSigned) {
		w.t.Errorf("slot %d holds %d bytes that are not the %d sealed for the order", slot, len(got), len(want.issuerSigned))
	}
}

func (w *world) setPIN(slot byte) {
	w.t.Helper()
	if slot == gp.PhonePlace {
		c := jpkiapplet.NewClient(w.element)
		check(w.t, errors.Join(c.ChoosePIN(w.t.Context(), "2468"), c.ChoosePassword(w.t.Context(), phonePassword)))
		return
	}
	check(w.t, applet.NewClient(w.element, slot).SetPIN(w.t.Context(), "2468"))
}

// authority is a root with its key.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// issuer is a tsm.IssuerPort that verifies everything and remembers it. It is
// stricter than it need be: a second attestation for an order is refused.
type issuer struct {
	t            *testing.T
	now          func() time.Time
	iaca, seRoot authority
	signer       *ecdsa.PrivateKey
	chain        [][]byte
	portrait     int // bytes of the one big element

	mu       sync.Mutex // guards what follows
	orders   map[string]provisioning.Order
	issued   map[string]*issued // by order id
	receipts []provisioning.Receipt
	asked    int    // calls of Attested
	failing  error  // returned by both calls while set
	before   func() // called by Attested
}

type issued struct {
	attestation          [sha256.Size]byte
	issuerSigned, sealed []byte
	seKey                any
}

func newIssuer(t *testing.T, now func() time.Time) *issuer {
	i := &issuer{t: t, now: now, signer: newKey(t), portrait: 2000, orders: map[string]provisioning.Order{}, issued: map[string]*issued{}}
	root := func(p pki.Profile, cn string) authority {
		key := newKey(t)
		der, err := pki.Create(pki.Template{
			Profile: p, Country: "JP", CommonName: cn, NotBefore: now().Add(-2 * time.Hour), NotAfter: now().Add(1000 * 24 * time.Hour),
			IssuerAltURI: "https://issuer.example",
		}, key.Public(), nil, key, nil)
		check(t, err)
		cert, err := x509.ParseCertificate(der)
		check(t, err)
		return authority{cert, key}
	}
	i.iaca, i.seRoot = root(pki.IACA, "TEST IACA"), root(pki.SERoot, "TEST SE root")
	der, err := pki.Create(pki.Template{
		Profile: pki.DocumentSigner, Country: "JP", CommonName: "TEST DS", NotBefore: now().Add(-time.Hour), NotAfter: now().Add(400 * 24 * time.Hour),
		IssuerAltURI: "https://issuer.example", CRLURI: "https://issuer.example/crl",
	}, i.signer.Public(), i.iaca.cert, i.iaca.key, nil)
	check(t, err)
	i.chain = [][]byte{der}
	return i
}

func (i *issuer) expect(o provisioning.Order) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.orders[hex.EncodeToString(o.ID)] = o
}

func (i *issuer) fail(err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.failing = err
}

func (i *issuer) Attested(_ context.Context, raw []byte) ([]byte, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.asked++
	if i.before != nil {
		i.before()
	}
	if i.failing != nil {
		return nil, i.failing
	}
	roots, err := pki.NewAnchors(i.seRoot.cert.Raw)
	check(i.t, err)
	signed, err := provisioning.ParseAttestation(raw)
	if err != nil {
		return i.attestedPhone(raw, roots)
	}
	a, seKey, v, err := signed.Verify(roots, i.now())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", tsm.ErrIssuerRefused, err)
	}
	if !v.OK() {
		return nil, fmt.Errorf("%w: %v", tsm.ErrIssuerRefused, v.Failed())
	}
	id := hex.EncodeToString(a.OrderID)
	order, ok := i.orders[id]
	if !ok {
		return nil, tsm.ErrIssuerRefused
	}
	if err := a.Answers(&order); err != nil {
		return nil, fmt.Errorf("%w: %w", tsm.ErrIssuerRefused, err)
	}
	return i.once(order, raw, seKey, a.SealingKey, func() []byte { return i.issue(a.DeviceKey) })
}

// once issues for an order, and gives the same to the same attestation.
func (i *issuer) once(order provisioning.Order, raw []byte, seKey any, sealing cose.Key, issue func() []byte) ([]byte, error) {
	id, digest := hex.EncodeToString(order.ID), sha256.Sum256(raw)
	if old := i.issued[id]; old != nil {
		if old.attestation != digest {
			i.t.Errorf("the issuer was asked with a second attestation for one order")
			return nil, tsm.ErrIssuerRefused
		}
		return old.sealed, nil
	}
	content := issue()
	sealed, err := provisioning.Seal(sealing, order.ID, order.SEID, order.Slot, content)
	check(i.t, err)
	i.issued[id] = &issued{digest, content, sealed, seKey}
	return sealed, nil
}

func (i *issuer) issue(deviceKey cose.Key) []byte {
	p, err := mdoc.Prepare(mdoc.Draft{
		DocType:   "org.iso.23220.1.jp.mnc",
		Elements:  []mdoc.Element{{NameSpace: "org.iso.23220.1", Identifier: "portrait", Value: cbor.AppendBytes(nil, random(i.portrait))}},
		DeviceKey: deviceKey, Signed: i.now(), ValidFrom: i.now(), ValidUntil: i.now().Add(30 * 24 * time.Hour),
		Status: mdoc.StatusListRef{Index: 7, URI: "https://issuer.example/v1/status-lists/1"},
	}, nil)
	check(i.t, err)
	raw, err := p.Issue(i.signer, i.chain)
	check(i.t, err)
	return raw
}

func (i *issuer) Receipt(_ context.Context, raw []byte) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.failing != nil {
		return i.failing
	}
	signed, err := provisioning.ParseReceipt(raw)
	if err != nil {
		return fmt.Errorf("%w: %w", tsm.ErrIssuerRefused, err)
	}
	for _, known := range i.issued { // one element: every attestation has its key
		r, err := signed.Verify(known.seKey)
		if err != nil {
			return fmt.Errorf("%w: %w", tsm.ErrIssuerRefused, err)
		}
		i.receipts = append(i.receipts, *r)
		return nil
	}
	return fmt.Errorf("%w: receipt of an unknown element", tsm.ErrIssuerRefused)
}

// committed checks that the issuer got the receipt of an order, about the bytes
// it issued. The same receipt may have come more than once.
func (i *issuer) committed(t *testing.T, orderID string) {
	t.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	known := i.issued[orderID]
	if known == nil {
		t.Fatalf("nothing was issued for the order")
	}
	digest := sha256.Sum256(known.issuerSigned)
	for _, r := range i.receipts {
		if hex.EncodeToString(r.OrderID) == orderID && r.Kind == provisioning.ReceiptCommitted && bytes.Equal(r.Digest, digest[:]) {
			return
		}
	}
	t.Errorf("no receipt among %d commits the order", len(i.receipts))
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	return key
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = io.ReadFull(rand.Reader, b)
	return b
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
