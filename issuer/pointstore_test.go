package issuer_test

import (
	"context"
	"crypto"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"syscall"
	"testing"
	"time"

	"mobileid/issuer"
	"mobileid/issuer/keys"
	"mobileid/issuer/store"
)

// killer ends its own process at one of the points that are passed; 0 means never. It keeps a journal that is synced
// line by line.
type killer struct {
	t       *testing.T
	at      int
	passed  int
	journal *os.File
}

func newKiller(t *testing.T, path string, at int) *killer {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY|os.O_SYNC, 0o600)
	must(t, err)
	t.Cleanup(func() { must(t, f.Close()) })
	return &killer{t: t, at: at, journal: f}
}

func (k *killer) point() {
	if k.passed++; k.passed == k.at {
		if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
			k.t.Error(err)
		}
		select {} // it is on its way
	}
}

// around makes a point before and, through the function returned, one after an operation.
func (k *killer) around() func() {
	k.point()
	return k.point
}

func (k *killer) write(format string, a ...any) {
	if _, err := fmt.Fprintf(k.journal, format+"\n", a...); err != nil {
		k.t.Error(err)
	}
}

// pointSigner makes a point before and after each signature and, if it is said to, writes down what it signed.
type pointSigner struct {
	crypto.Signer
	k      *killer
	record bool
}

func (s pointSigner) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	defer s.k.around()()
	signature, err := s.Signer.Sign(random, digest, opts)
	if err == nil && s.record {
		s.k.write("signature %x %x", sha256.Sum256(signature), digest)
	}
	return signature, err
}

// pointSigners hands out a document signer through a pointSigner.
type pointSigners struct {
	inner issuer.Signers
	k     *killer
}

func (p pointSigners) At(at time.Time, need time.Duration) (keys.DocumentSigner, error) {
	ds, err := p.inner.At(at, need)
	ds.Key = pointSigner{ds.Key, p.k, true}
	return ds, err
}

// pointOrders makes points around the way to the TSM.
type pointOrders struct {
	inner issuer.Orders
	k     *killer
}

func (p pointOrders) Submit(ctx context.Context, signed []byte) error {
	defer p.k.around()()
	return p.inner.Submit(ctx, signed)
}

// pointStore makes points around every operation of a store, and writes down each row before it is asked for.
type pointStore struct {
	inner store.Store
	k     *killer
}

var _ store.Store = pointStore{}

func (s pointStore) Begin(ctx context.Context, t store.Transaction, limit int) error {
	defer s.k.around()()
	return s.inner.Begin(ctx, t, limit)
}

func (s pointStore) Transaction(ctx context.Context, id string) (store.Transaction, error) {
	defer s.k.around()()
	return s.inner.Transaction(ctx, id)
}

func (s pointStore) Redeem(ctx context.Context, id string, at time.Time) (store.Transaction, error) {
	defer s.k.around()()
	return s.inner.Redeem(ctx, id, at)
}

func (s pointStore) Fail(ctx context.Context, id string) error {
	defer s.k.around()()
	return s.inner.Fail(ctx, id)
}

func (s pointStore) Reopen(ctx context.Context, id string) error {
	defer s.k.around()()
	return s.inner.Reopen(ctx, id)
}

func (s pointStore) PlaceOrder(ctx context.Context, o store.Order, signed []byte) (store.Order, error) {
	defer s.k.around()()
	return s.inner.PlaceOrder(ctx, o, signed)
}

func (s pointStore) Order(ctx context.Context, id string) (store.Order, error) {
	defer s.k.around()()
	return s.inner.Order(ctx, id)
}

func (s pointStore) Reserve(ctx context.Context, r store.Reservation) (store.Credential, error) {
	s.k.write("row %s %s", r.ID, r.OrderID)
	defer s.k.around()()
	return s.inner.Reserve(ctx, r)
}

func (s pointStore) MarkSigned(ctx context.Context, id string, digest []byte, at time.Time) error {
	defer s.k.around()()
	return s.inner.MarkSigned(ctx, id, digest, at)
}

func (s pointStore) Release(ctx context.Context, id string, at time.Time) error {
	defer s.k.around()()
	return s.inner.Release(ctx, id, at)
}

func (s pointStore) Activate(ctx context.Context, a store.Activation) (store.Credential, int, error) {
	defer s.k.around()()
	return s.inner.Activate(ctx, a)
}

func (s pointStore) Credential(ctx context.Context, id string) (store.Credential, error) {
	defer s.k.around()()
	return s.inner.Credential(ctx, id)
}

func (s pointStore) OfOrder(ctx context.Context, orderID string) (store.Credential, error) {
	defer s.k.around()()
	return s.inner.OfOrder(ctx, orderID)
}

func (s pointStore) Status(ctx context.Context) (store.StatusSnapshot, error) {
	defer s.k.around()()
	return s.inner.Status(ctx)
}

func (s pointStore) StatusVersion(ctx context.Context) (uint64, error) {
	defer s.k.around()()
	return s.inner.StatusVersion(ctx)
}

func (s pointStore) OfSerial(ctx context.Context, kind store.CertificateKind, serial uint64) (store.Credential, error) {
	defer s.k.around()()
	return s.inner.OfSerial(ctx, kind, serial)
}

func (s pointStore) PhonesOf(ctx context.Context, device string) ([]store.Credential, error) {
	defer s.k.around()()
	return s.inner.PhonesOf(ctx, device)
}

func (s pointStore) ListedVersion(ctx context.Context) (uint64, error) {
	defer s.k.around()()
	return s.inner.ListedVersion(ctx)
}

func (s pointStore) ListNumber(ctx context.Context, least uint64) (uint64, error) {
	defer s.k.around()()
	return s.inner.ListNumber(ctx, least)
}

func (s pointStore) Retire(ctx context.Context, at time.Time) (int, error) {
	defer s.k.around()()
	return s.inner.Retire(ctx, at)
}

func (s pointStore) Listed(ctx context.Context) (uint64, []store.Credential, error) {
	defer s.k.around()()
	return s.inner.Listed(ctx)
}

func (s pointStore) Live(ctx context.Context, after uint64, limit int) ([]store.Credential, error) {
	defer s.k.around()()
	return s.inner.Live(ctx, after, limit)
}

func (s pointStore) ChangePhone(ctx context.Context, id string, c store.PhoneChange) (bool, error) {
	defer s.k.around()()
	return s.inner.ChangePhone(ctx, id, c)
}

func (s pointStore) ReleasePhone(ctx context.Context, id string, by store.Hold, at time.Time, unlock store.Message) (bool, error) {
	defer s.k.around()()
	return s.inner.ReleasePhone(ctx, id, by, at, unlock)
}

func (s pointStore) Device(ctx context.Context, device string) (store.Device, error) {
	defer s.k.around()()
	return s.inner.Device(ctx, device)
}

func (s pointStore) BindSE(ctx context.Context, device string, key []byte, p store.Place) error {
	defer s.k.around()()
	return s.inner.BindSE(ctx, device, key, p)
}

func (s pointStore) RevokeDevice(ctx context.Context, h store.Handover, wipe store.WipeOrder) (store.Handover, bool, error) {
	defer s.k.around()()
	return s.inner.RevokeDevice(ctx, h, wipe)
}

func (s pointStore) AttachReceipt(ctx context.Context, device, handoverID string, receipt []byte) error {
	defer s.k.around()()
	return s.inner.AttachReceipt(ctx, device, handoverID, receipt)
}

func (s pointStore) SuspendDevice(ctx context.Context, device string, at time.Time, lock store.Message) (int, error) {
	defer s.k.around()()
	return s.inner.SuspendDevice(ctx, device, at, lock)
}

func (s pointStore) ResumeDevice(ctx context.Context, device string, at time.Time, unlock store.Message) (int, error) {
	defer s.k.around()()
	return s.inner.ResumeDevice(ctx, device, at, unlock)
}

func (s pointStore) Wiped(ctx context.Context, w store.Wipe) error {
	defer s.k.around()()
	return s.inner.Wiped(ctx, w)
}

func (s pointStore) Pending(ctx context.Context, after uint64, limit int) ([]store.Message, error) {
	defer s.k.around()()
	return s.inner.Pending(ctx, after, limit)
}

func (s pointStore) PendingFor(ctx context.Context, device string, limit int) ([]store.Message, error) {
	defer s.k.around()()
	return s.inner.PendingFor(ctx, device, limit)
}

func (s pointStore) Delivered(ctx context.Context, orderID string) error {
	defer s.k.around()()
	return s.inner.Delivered(ctx, orderID)
}

func (s pointStore) Recover(ctx context.Context, at time.Time) (int, error) {
	defer s.k.around()()
	return s.inner.Recover(ctx, at)
}

func (s pointStore) Purge(ctx context.Context, at time.Time) (int, error) {
	defer s.k.around()()
	return s.inner.Purge(ctx, at)
}

func (s pointStore) Ready(ctx context.Context, at time.Time) error {
	defer s.k.around()()
	return s.inner.Ready(ctx, at)
}

func (s pointStore) Close() error { return s.inner.Close() }
