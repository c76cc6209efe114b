package tsm

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm/store"
)

// committed takes the answer to DF1F: the receipt. It is on disk before the
// issuer hears of it; the sealed bytes are dropped with the same write.
func (s *Service) committed(ctx context.Context, sc *script, answers []apdu.Response, cut error) (*script, error) {
	if cut != nil {
		return nil, cut
	}
	signed := answers[len(answers)-1].Data
	if err := claims(sc.job, sc.job.Slot, provisioning.ReceiptCommitted, signed); err != nil {
		_, err2 := s.countAttempt(ctx, sc.job, "receipt_malformed")
		return nil, errors.Join(err, err2)
	}
	job := sc.job
	job.Cursor, job.Attestation, job.Sealed = store.Committed, nil, nil
	job.Receipts = []store.Receipt{{Slot: job.Slot, Signed: signed}}
	job, err := s.file(ctx, job)
	if err != nil {
		return nil, err
	}
	_, _ = s.deliver(ctx, job) // logged; Sweep delivers what is left
	return nil, errNextJob
}

// claims tells whether a receipt is about this job. Whether it is genuine is the
// issuer's to verify.
func claims(job store.Job, slot byte, kind provisioning.ReceiptKind, signed []byte) error {
	receipt, err := provisioning.ParseReceipt(signed)
	if err != nil {
		return fmt.Errorf("receipt: %w: %w", errRefusal, err)
	}
	c := receipt.Claimed()
	if c.Kind != kind || placeOf(c.Application, c.Slot) != slot || hex.EncodeToString(c.OrderID) != job.OrderID || hex.EncodeToString(c.SEID) != job.SEID {
		return fmt.Errorf("receipt is about something else: %w", errRefusal)
	}
	return nil
}

// file writes a job that has gained receipts. If the job was closed while the
// element worked (its end passed, or a wipe came in), what the element did is
// true all the same: the receipts are filed with the closed job, and reach the
// issuer from there.
func (s *Service) file(ctx context.Context, job store.Job) (store.Job, error) {
	filed, err := s.advance(ctx, over(job))
	if !errors.Is(err, store.ErrRevision) {
		return filed, err
	}
	now, err2 := s.cfg.Store.Job(ctx, job.OrderID)
	if err2 != nil || now.State.Open() || now.State == store.Done {
		return store.Job{}, errors.Join(err, err2)
	}
	for _, r := range job.Receipts {
		if !holds(now.Receipts, r.Slot) {
			now.Receipts = append(now.Receipts, r)
		}
	}
	now.Cursor = max(now.Cursor, job.Cursor)
	return s.advance(ctx, now)
}

// over closes a job of which neither the element nor the issuer has a part left.
func over(job store.Job) store.Job {
	if job.State != store.Queued || !job.Settled() || job.Owes() {
		return job
	}
	job.State = store.Done
	if job.Contested() {
		job.State = store.Refused
	}
	return job
}

func holds(receipts []store.Receipt, slot byte) bool {
	for _, r := range receipts {
		if r.Slot == slot {
			return true
		}
	}
	return false
}

// receiptRefused is the reason of a job of which the issuer refused a receipt.
const receiptRefused = "receipt_refused"

// deliver hands the receipts a job owes to the issuer, and closes the job when
// its element is done too. What cannot be delivered now is left to Sweep, and so is
// a job of which another is handing receipts over. It returns the job as it
// stands. A receipt that is refused is no error: the job says so.
func (s *Service) deliver(ctx context.Context, job store.Job) (store.Job, error) {
	if !job.Owes() || !s.claim(job.OrderID) {
		return job, nil
	}
	defer s.unclaim(job.OrderID)
	ctx = context.WithoutCancel(ctx) // the phone may go; and what the issuer took is noted, though the round's time is over
	now, err := s.cfg.Store.Job(ctx, job.OrderID)
	if err != nil {
		return job, fmt.Errorf("reading job anew: %w", err)
	}
	if !now.Owes() { // another came first
		return now, nil
	}
	round, cancel := context.WithTimeout(ctx, s.cfg.IssuerTimeout)
	defer cancel()
	answered, failed := s.handOver(round, now)
	if len(answered) == 0 {
		return now, failed
	}
	now, err = s.note(ctx, now, answered)
	if err != nil {
		s.cfg.Log.WarnContext(ctx, "delivery of receipt not noted", append(jobAttrs(job), "error", err)...)
	}
	return now, errors.Join(failed, err)
}

// claim makes the caller the only one that hands over receipts of a job.
func (s *Service) claim(orderID string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.delivering[orderID] {
		return false
	}
	s.delivering[orderID] = true
	return true
}

func (s *Service) unclaim(orderID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.delivering, orderID)
}

// handOver gives the receipts that the issuer took or refused, so marked. One on which the issuer fails for now keeps none behind it waiting, as long as
// there is time; and a round begins at any of them, so that one on which the issuer takes all the time keeps the others from it in some rounds only. err
// is such a failure.
func (s *Service) handOver(ctx context.Context, job store.Job) (answered []store.Receipt, err error) {
	failed := func(r store.Receipt, offered bool, why error) {
		s.cfg.Log.WarnContext(ctx, "receipt not delivered", append(jobAttrs(job), "place", int(r.Slot), "offered", offered, "error", why)...)
		err = cmp.Or(err, fmt.Errorf("handing receipt to issuer: %w", why))
	}
	var first [1]byte
	if _, why := io.ReadFull(s.cfg.Rand, first[:]); why != nil {
		failed(job.Receipts[0], false, why)
		return nil, err
	}
	for i := range job.Receipts {
		r := job.Receipts[(int(first[0])+i)%len(job.Receipts)]
		if r.Delivered || r.Refused != "" {
			continue
		}
		if over := ctx.Err(); over != nil {
			failed(r, false, over)
			continue
		}
		switch why := s.cfg.Issuer.Receipt(ctx, bytes.Clone(r.Signed)); {
		case why == nil:
			r.Delivered = true
			answered = append(answered, r)
		case errors.Is(why, ErrIssuerRefused):
			r.Refused = wordOf(why)
			answered = append(answered, r)
			s.cfg.Log.ErrorContext(ctx, "receipt refused", append(jobAttrs(job), "place", int(r.Slot), "reason", r.Refused, "error", why)...)
		default:
			failed(r, true, why)
		}
	}
	return answered, err
}

// wordOf is the issuer's word for a refusal.
func wordOf(refusal error) string {
	if said, ok := errors.AsType[*RefusedError](refusal); ok {
		return said.Word
	}
	return receiptRefused
}

// maxNotes is how often note reads a job anew that others write to.
const maxNotes = 10

// note writes to a job what became of its receipts. Whoever wrote to it since it was read, what the issuer said is so.
func (s *Service) note(ctx context.Context, job store.Job, answered []store.Receipt) (store.Job, error) {
	for range maxNotes {
		noted, err := s.advance(ctx, over(settled(job, answered)))
		if err == nil {
			return noted, nil
		}
		if !errors.Is(err, store.ErrRevision) {
			return job, err
		}
		now, err := s.cfg.Store.Job(ctx, job.OrderID)
		if err != nil {
			return job, err
		}
		job = now
	}
	return job, store.ErrRevision
}

// settled is a job with its receipts marked as answered. A refusal ends a provisioning; a wipe goes on, because what is to be taken away
// is to be taken away whatever the issuer makes of the receipts, and each of them is about a place of its own.
func settled(job store.Job, answered []store.Receipt) store.Job {
	job.Receipts = append([]store.Receipt(nil), job.Receipts...)
	for _, a := range answered {
		i := slices.IndexFunc(job.Receipts, func(r store.Receipt) bool { return r.Slot == a.Slot && bytes.Equal(r.Signed, a.Signed) })
		if i < 0 {
			continue
		}
		job.Receipts[i] = a
		if a.Refused == "" {
			continue
		}
		if job.Reason = receiptRefused; job.Kind != store.Wipe {
			job.State = store.Refused
		}
	}
	return job
}
