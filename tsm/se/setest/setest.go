// Package setest makes secure elements for tests, drives them as a server would, and cuts their power. Only tests import it.
package setest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/pki"
	"mobileid/tsm/gp"
	"mobileid/tsm/scp03"
	"mobileid/tsm/se"
)

// Element is a manufactured secure element and what stands around it.
type Element struct {
	Path    string
	Factory se.Factory
	Roots   *pki.Anchors // of attestations
	// Config is what it is opened with. New leaves it to the test to name the applets; the clock stands at the time of making.
	Config se.Config
}

// New manufactures an element with an identity and keys of its own in a folder of the test. Its certificates hold for some
// years around now; it trusts the given IACA certificates.
func New(tb testing.TB, now time.Time, issuers ...[]byte) *Element {
	tb.Helper()
	id := make([]byte, 10)
	fill(tb, id)
	rootKey, key := newKey(tb), newKey(tb)
	from := now.AddDate(0, -1, 0)
	rootDER, err := pki.Create(pki.Template{Profile: pki.SERoot, Country: "JP", CommonName: "TEST SE root", NotBefore: from,
		NotAfter: from.AddDate(10, 0, 0)}, rootKey.Public(), nil, rootKey, nil)
	if err != nil {
		tb.Fatal(err)
	}
	root, err := x509.ParseCertificate(rootDER)
	if err != nil {
		tb.Fatal(err)
	}
	leaf, err := pki.Create(pki.Template{Profile: pki.SEAttestation, Country: "JP", CommonName: "TEST SE", SEID: id,
		NotBefore: from, NotAfter: from.AddDate(5, 0, 0)}, key.Public(), root, rootKey, nil)
	if err != nil {
		tb.Fatal(err)
	}
	roots, err := pki.NewAnchors(rootDER)
	if err != nil {
		tb.Fatal(err)
	}
	e := &Element{Roots: roots, Config: se.Config{Now: func() time.Time { return now }}, Factory: se.Factory{
		ID: id, Keys: Keys(tb), AttestationKey: key, AttestationChain: [][]byte{leaf}, IssuerAnchors: issuers,
	}}
	e.Again(tb)
	return e
}

func newKey(tb testing.TB) *ecdsa.PrivateKey {
	tb.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

// Again manufactures the same element once more, in a new file.
func (e *Element) Again(tb testing.TB) {
	tb.Helper()
	e.Path = filepath.Join(memoryDir(tb), "se.nvm")
	if err := se.Manufacture(e.Path, e.Factory); err != nil {
		tb.Fatal(err)
	}
}

// Keys draws a key set of AES-256, version 30.
func Keys(tb testing.TB) scp03.Keys {
	tb.Helper()
	k := scp03.Keys{ENC: make([]byte, 32), MAC: make([]byte, 32), DEK: make([]byte, 32), Version: 0x30}
	fill(tb, k.ENC)
	fill(tb, k.MAC)
	fill(tb, k.DEK)
	return k
}

func fill(tb testing.TB, b []byte) {
	tb.Helper()
	if _, err := rand.Read(b); err != nil {
		tb.Fatal(err)
	}
}

// Host is a server's session with an element. Its errors are those of the way to the element and of the secure channel.
type Host struct {
	t       apdu.Transmitter
	session *scp03.HostSession
	// Answers are the data of every answer, decrypted.
	Answers [][]byte
}

// Open selects the ISD and opens a session at security level 33.
func Open(ctx context.Context, t apdu.Transmitter, keys scp03.Keys) (*Host, error) {
	return OpenWith(ctx, t, keys, gp.ISD, scp03.Full)
}

// OpenWith selects a security domain and opens a session at the given level.
func OpenWith(ctx context.Context, t apdu.Transmitter, keys scp03.Keys, domain gp.AID, level scp03.Level) (*Host, error) {
	h, err := scp03.NewHost(keys, nil)
	if err != nil {
		return nil, err
	}
	if r, err := apdu.Exchange(ctx, t, gp.Select(domain)); err != nil || r.SW != apdu.OK && r.SW != apdu.WarnCardLocked {
		return nil, errors.Join(err, r.Err())
	}
	r, err := apdu.Exchange(ctx, t, h.InitializeUpdate())
	if err != nil {
		return nil, err
	}
	external, session, err := h.Authenticate(r, level)
	if err != nil {
		return nil, err
	}
	if r, err = apdu.Exchange(ctx, t, external); err != nil {
		return nil, err
	}
	return &Host{t: t, session: session}, session.Opened(r)
}

// Send sends one command through the session; every status word is a result.
func (h *Host) Send(ctx context.Context, c apdu.Command) (apdu.Response, error) {
	wrapped, ticket, err := h.session.Wrap(c)
	if err != nil {
		return apdu.Response{}, err
	}
	r, err := apdu.Exchange(ctx, h.t, wrapped)
	if err != nil {
		return apdu.Response{}, err
	}
	r, err = h.session.Unwrap(ticket, r)
	h.Answers = append(h.Answers, r.Data)
	return r, err
}

// Must is Send that demands 9000 and gives the data.
func (h *Host) Must(ctx context.Context, c apdu.Command) ([]byte, error) {
	r, err := h.Send(ctx, c)
	if err == nil {
		err = r.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("%02X%02X: %w", c.CLA, c.INS, err)
	}
	return r.Data, nil
}

// Install makes an instance of a kind unless the registry has it.
func (h *Host) Install(ctx context.Context, k se.Kind, instance []byte) error {
	found, err := h.Send(ctx, gp.GetStatus{Scope: gp.ScopeApplications, Prefix: gp.AID(instance)}.Command())
	if err != nil {
		return err
	}
	if found.SW == apdu.OK {
		return nil
	}
	c, err := gp.Install{LoadFile: gp.AID(k.LoadFile()), Module: gp.AID(k.Module()), Instance: gp.AID(instance)}.Command()
	if err != nil {
		return err
	}
	_, err = h.Must(ctx, c)
	return err
}

// Delete deletes an instance.
func (h *Host) Delete(ctx context.Context, instance []byte) error {
	c, err := gp.Delete{AID: gp.AID(instance)}.Command()
	if err == nil {
		_, err = h.Must(ctx, c)
	}
	return err
}

// Personalize directs the following blocks to an instance.
func (h *Host) Personalize(ctx context.Context, instance []byte) error {
	c, err := gp.Personalize{Instance: gp.AID(instance)}.Command()
	if err == nil {
		_, err = h.Must(ctx, c)
	}
	return err
}

// Store sends one sequence of STORE DATA and gives the answer to its last block.
func (h *Host) Store(ctx context.Context, stream []byte, blockSize int) (out []byte, err error) {
	blocks, err := gp.StoreData(stream, blockSize, true)
	if err != nil {
		return nil, err
	}
	for _, b := range blocks {
		if out, err = h.Must(ctx, b); err != nil {
			return nil, err
		}
	}
	return out, nil
}
