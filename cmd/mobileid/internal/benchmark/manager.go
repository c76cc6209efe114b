package benchmark

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm"
	"mobileid/tsm/applet"
	"mobileid/tsm/httpapi"
	"mobileid/tsm/se"
	"mobileid/tsm/seram"
	"mobileid/tsm/store"
)

// keyVersion is that of the elements' key sets.
const keyVersion = 0x30

// manager is a service manager behind loopback HTTP, with an issuer that it asks in process: it verifies an attestation,
// issues the document of the workload, seals it, and verifies the receipt for it. It keeps no records but in memory.
type manager struct {
	world    *world
	dir      string
	orderKey *ecdsa.PrivateKey
	seRoot   party
	seRoots  *pki.Anchors
	master   *tsm.MasterKey
	store    *store.Embedded
	server   *http.Server
	client   *http.Client
	url      string
	elements uint64       // manufactured
	sealed   atomic.Int64 // bytes sealed last
	issued   sync.Map     // issued by order id
}

// issued is what the receipt of an order is held against.
type issued struct {
	seKey  crypto.PublicKey
	digest [sha256.Size]byte
}

func newManager(ctx context.Context, w *world, phones int) (m *manager, err error) {
	m = &manager{world: w}
	defer func() {
		if err != nil {
			err = errors.Join(err, m.close())
		}
	}()
	if m.dir, err = os.MkdirTemp("", "mobileid-bench-"); err != nil {
		return m, err
	}
	if m.orderKey, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return m, err
	}
	from := w.now.AddDate(0, -1, 0)
	if m.seRoot, err = newParty(pki.Template{Profile: pki.SERoot, CommonName: "TEST SE root", NotBefore: from, NotAfter: from.AddDate(9, 0, 0)}, nil); err != nil {
		return m, err
	}
	if m.seRoots, err = pki.NewAnchors(m.seRoot.cert.Raw); err != nil {
		return m, err
	}
	key := make([]byte, tsm.MasterKeySize)
	_, _ = rand.Read(key)
	if m.master, err = tsm.NewMasterKey(key, keyVersion); err != nil {
		return m, err
	}
	if m.store, err = store.Open(filepath.Join(m.dir, "jobs.db")); err != nil {
		return m, err
	}
	service, err := tsm.New(tsm.Config{Store: m.store, Keys: m.master, Issuer: m, OrderKey: m.orderKey.Public(), Now: func() time.Time { return w.now }})
	if err != nil {
		return m, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return m, err
	}
	m.url = "http://" + listener.Addr().String()
	m.server = &http.Server{Handler: httpapi.New(service, nil), ReadHeaderTimeout: time.Minute}
	m.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: phones + 1}, Timeout: time.Minute}
	go func() { _ = m.server.Serve(listener) }() // ends with close
	return m, nil
}

func (m *manager) close() error {
	var errs []error
	if m.server != nil {
		errs = append(errs, m.server.Close())
		m.client.CloseIdleConnections()
	}
	if m.store != nil {
		errs = append(errs, m.store.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(m.dir))...)
}

// Attested makes the manager its own issuer.
func (m *manager) Attested(_ context.Context, raw []byte) ([]byte, error) {
	signed, err := provisioning.ParseAttestation(raw)
	if err != nil {
		return nil, err
	}
	a, seKey, v, err := signed.Verify(m.seRoots, m.world.now)
	if err != nil || !v.OK() {
		return nil, errors.Join(tsm.ErrIssuerRefused, err)
	}
	draft, err := m.world.draft(m.world.workload())
	if err != nil {
		return nil, err
	}
	draft.DeviceKey = a.DeviceKey
	document, err := m.world.issue(draft, cose.Deterministic(m.world.signer.key))
	if err != nil {
		return nil, err
	}
	m.issued.Store(string(a.OrderID), issued{seKey, sha256.Sum256(document)})
	sealed, err := provisioning.Seal(a.SealingKey, a.OrderID, a.SEID, a.Slot, document)
	m.sealed.Store(int64(len(sealed)))
	return sealed, err
}

// Receipt takes what the attested element signed about the document issued for the order.
func (m *manager) Receipt(_ context.Context, raw []byte) error {
	signed, err := provisioning.ParseReceipt(raw)
	if err != nil {
		return err
	}
	known, _ := m.issued.Load(string(signed.Claimed().OrderID))
	is, ok := known.(issued)
	if !ok {
		return fmt.Errorf("receipt for no order: %w", tsm.ErrIssuerRefused)
	}
	r, err := signed.Verify(is.seKey)
	if err != nil || r.Kind != provisioning.ReceiptCommitted || !bytes.Equal(r.Digest, is.digest[:]) {
		return errors.Join(tsm.ErrIssuerRefused, err)
	}
	return nil
}

// element is a modelled secure element in a phone.
type element struct {
	*se.SE
	id []byte
}

// newElement manufactures an element. commandData is what it says of its longest command; its file lies in dir.
func (m *manager) newElement(dir string, commandData int) (element, error) {
	m.elements++
	id := append([]byte("TB"), binary.BigEndian.AppendUint64(nil, m.elements)...)
	from := m.world.now.AddDate(0, -1, 0)
	attestation, err := newParty(pki.Template{Profile: pki.SEAttestation, CommonName: "TEST SE", SEID: id, NotBefore: from,
		NotAfter: from.AddDate(5, 0, 0)}, &m.seRoot)
	if err != nil {
		return element{}, err
	}
	keys, err := m.master.Derive(context.Background(), id, keyVersion)
	if err != nil {
		return element{}, err
	}
	path := filepath.Join(dir, fmt.Sprintf("%x.se", id))
	if err := se.Manufacture(path, se.Factory{ID: id, Keys: keys, AttestationKey: attestation.key,
		AttestationChain: [][]byte{attestation.cert.Raw}, IssuerAnchors: [][]byte{m.world.iacas.Certificates()[0].Raw}}); err != nil {
		return element{}, err
	}
	chip, err := se.Open(path, se.Config{Applets: []se.Kind{applet.Kind()}, Now: func() time.Time { return m.world.now }, CommandData: commandData})
	return element{chip, id}, err
}

// order signs an order to provision slot 1 of an element.
func (m *manager) order(e element) (signed []byte, err error) {
	id, challenge := make([]byte, 16), make([]byte, 32)
	_, _ = rand.Read(id)
	_, _ = rand.Read(challenge)
	return provisioning.SignOrder(m.orderKey, provisioning.Order{ID: id, Kind: provisioning.OrderProvision, SEID: e.id, Slot: 1,
		Purpose: provisioning.PurposeSign, Challenge: challenge, NotAfter: cbor.NewTDate(m.world.now.Add(time.Hour))})
}

// provision hands an order in and lets the element's phone come by.
func (m *manager) provision(ctx context.Context, e element, order []byte) (seram.Result, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.url+"/v1/orders", bytes.NewReader(order))
	if err != nil {
		return seram.Result{}, err
	}
	req.Header.Set("Content-Type", "application/cose")
	resp, err := m.client.Do(req)
	if err != nil {
		return seram.Result{}, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil || resp.StatusCode != http.StatusAccepted {
		return seram.Result{}, fmt.Errorf("order answered %d: %w", resp.StatusCode, errors.Join(err, errNotTaken))
	}
	agent := seram.Agent{Client: m.client, BaseURL: m.url, Element: seram.NewSecureElement(e.id), SE: apdu.Transmitter(e)}
	return agent.Run(ctx)
}

var errNotTaken = errors.New("not taken")

// committed fails unless the order was carried out and its receipt delivered.
func (m *manager) committed(ctx context.Context, order []byte) error {
	o, err := provisioning.VerifyOrder(order, m.orderKey.Public(), m.world.now)
	if err != nil {
		return err
	}
	job, err := m.store.Job(ctx, hex.EncodeToString(o.ID))
	if err != nil {
		return err
	}
	if job.State != store.Done {
		return fmt.Errorf("a job ends %v at %v (%s): %w", job.State, job.Cursor, job.Reason, errNotTaken)
	}
	return nil
}
