package setest

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm/applet/stream"
	"mobileid/tsm/gp"
)

// Session opens a session with the ISD and directs it to an instance of the first applet the element is opened with, which it installs unless
// it is there.
func (e *Element) Session(ctx context.Context, t apdu.Transmitter, instance []byte) (*Host, error) {
	h, err := Open(ctx, t, e.Factory.Keys)
	if err != nil {
		return nil, err
	}
	if err := h.Install(ctx, e.Config.Applets[0], instance); err != nil {
		return nil, err
	}
	return h, h.Personalize(ctx, instance)
}

// LifeCycle is what GET STATUS says of an instance; 0 when there is none.
func (e *Element) LifeCycle(ctx context.Context, t apdu.Transmitter, instance []byte) (gp.State, error) {
	h, err := Open(ctx, t, e.Factory.Keys)
	if err != nil {
		return 0, err
	}
	r, err := h.Send(ctx, gp.GetStatus{Scope: gp.ScopeApplications, Prefix: gp.AID(instance)}.Command())
	if err != nil || r.SW == apdu.ReferenceNotFound {
		return 0, err
	}
	entries, err := gp.ParseEntries(r.Data)
	switch {
	case err != nil:
		return 0, err
	case len(entries) != 1:
		return 0, fmt.Errorf("looking up an instance: %d entries", len(entries))
	}
	return gp.State(entries[0].State), nil
}

// StatusWord is the status word an error stands for, 9000 for none, 0 for another error.
func StatusWord(err error) apdu.SW {
	if err == nil {
		return apdu.OK
	}
	if e, ok := errors.AsType[*apdu.StatusError](err); ok {
		return e.SW
	}
	return 0
}

// A Job is what a server knows of one order to an instance. It outlives its sessions.
type Job struct {
	Order       provisioning.Order
	Attestation []byte
	SEKey       crypto.PublicKey // of the attestation, for receipts
	Content     []byte           // what was issued
	Sealed      []byte
	Receipt     *provisioning.Receipt
	Answers     [][]byte // all that the element said in the sessions of Run, decrypted
}

// NewJob is the job of a new order to an element. Slot, purpose and application are the caller's.
func NewJob(tb testing.TB, e *Element, o provisioning.Order) Job {
	tb.Helper()
	o.Kind, o.SEID, o.ID, o.Challenge = provisioning.OrderProvision, e.Factory.ID, make([]byte, 16), make([]byte, 32)
	for _, f := range [][]byte{o.ID, o.Challenge} {
		if _, err := rand.Read(f); err != nil {
			tb.Fatal(err)
		}
	}
	return Job{Order: o}
}

// Run does what is left of the job in a session that is directed to the instance. issue is the issuer's part, between attestation and delivery.
func (j *Job) Run(ctx context.Context, h *Host, issue func() error) error {
	defer func() { j.Answers = append(j.Answers, h.Answers...) }()
	if j.Sealed == nil {
		if err := j.Attest(ctx, h); err != nil {
			return err
		}
		if err := issue(); err != nil {
			return err
		}
	}
	return j.Deliver(ctx, h)
}

// Attest asks for keys, page by page.
func (j *Job) Attest(ctx context.Context, h *Host) error {
	o := &j.Order
	object, err := stream.Generate{OrderID: o.ID, Slot: o.Slot, Purpose: uint64(o.Purpose), Challenge: o.Challenge}.Object()
	if err != nil {
		return err
	}
	j.Attestation = nil
	for {
		page, err := h.Store(ctx, object, 0)
		if err != nil {
			return err
		}
		j.Attestation = append(j.Attestation, page...)
		if len(page) < stream.PageSize {
			return nil
		}
		object = stream.Page(uint16(len(j.Attestation)))
	}
}

// Seal is the end of the issuer's part: what was issued goes to the sealing key of the attestation, whose signer is kept for the receipts.
func (j *Job) Seal(to cose.Key, signer crypto.PublicKey, content []byte) (err error) {
	j.SEKey, j.Content = signer, content
	j.Sealed, err = provisioning.Seal(to, j.Order.ID, j.Order.SEID, j.Order.Slot, content)
	return err
}

// Deliver brings the sealed bytes, and checks the receipt.
func (j *Job) Deliver(ctx context.Context, h *Host) error {
	digest := sha256.Sum256(j.Sealed)
	data, err := stream.Deliver(j.Order.ID, j.Sealed, digest[:])
	if err != nil {
		return err
	}
	return j.receipted(ctx, h, data, provisioning.ReceiptCommitted)
}

// Bring brings the sealed bytes without the commit.
func (j *Job) Bring(ctx context.Context, h *Host) error {
	digest := sha256.Sum256(j.Sealed)
	begin, err := stream.Begin{OrderID: j.Order.ID, Length: uint64(len(j.Sealed)), SHA256: digest[:]}.Object()
	if err != nil {
		return err
	}
	_, err = h.Store(ctx, append(begin, apdu.AppendTLV(nil, stream.TagSealed, j.Sealed)...), 0)
	return err
}

// Commit commits what was brought, and checks the receipt.
func (j *Job) Commit(ctx context.Context, h *Host) error {
	digest := sha256.Sum256(j.Sealed)
	object, err := stream.Commit{OrderID: j.Order.ID, SHA256: digest[:]}.Object()
	if err != nil {
		return err
	}
	return j.receipted(ctx, h, object, provisioning.ReceiptCommitted)
}

// Wipe empties the instance under the job's order id, and checks the receipt.
func (j *Job) Wipe(ctx context.Context, h *Host) error {
	object, err := stream.Wipe{OrderID: j.Order.ID}.Object()
	if err != nil {
		return err
	}
	return j.receipted(ctx, h, object, provisioning.ReceiptWiped)
}

// receipted stores data that the element answers with a receipt, and checks that.
func (j *Job) receipted(ctx context.Context, h *Host, data []byte, kind provisioning.ReceiptKind) error {
	out, err := h.Store(ctx, data, 0)
	if err != nil {
		return err
	}
	return j.Settle(out, kind)
}

// Settle checks a receipt: signed by the element, of this order, and for what was issued.
func (j *Job) Settle(raw []byte, kind provisioning.ReceiptKind) error {
	signed, err := provisioning.ParseReceipt(raw)
	if err != nil {
		return err
	}
	r, err := signed.Verify(j.SEKey)
	if err != nil {
		return err
	}
	digest, o := sha256.Sum256(j.Content), j.Order
	if kind == provisioning.ReceiptWiped {
		o.Kind = provisioning.OrderWipe
	}
	switch err := r.Answers(&o); {
	case err != nil:
		return err
	case kind == provisioning.ReceiptCommitted && !bytes.Equal(r.Digest, digest[:]):
		return errors.New("receipt of other content")
	}
	j.Receipt = r
	return nil
}
