package tsm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"mobileid/mdoc/cose"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm/gp"
	"mobileid/tsm/store"
)

// MaxOrder bounds a signed order.
const MaxOrder = 16 << 10

// Submit takes a signed order in. When it returns an id, the job is on disk and
// will be run when its element's phone next comes by. The same bytes again give
// the same id, also when the job is over and its order past its end; other
// bytes with a used id give ErrOrderConflict.
func (s *Service) Submit(ctx context.Context, signedOrder []byte) (orderID string, err error) {
	if len(signedOrder) > MaxOrder {
		return "", fmt.Errorf("submitting order: %d bytes: %w", len(signedOrder), ErrOrderMalformed)
	}
	// The end is judged below, after the look for the job it may already be.
	order, err := provisioning.VerifyOrder(signedOrder, s.cfg.OrderKey, time.Time{})
	if err != nil {
		return "", fmt.Errorf("submitting order: %w", orderError(err))
	}
	job := jobOf(order, signedOrder)
	switch old, err := s.cfg.Store.Job(ctx, job.OrderID); {
	case err == nil && old.Digest == job.Digest:
		return old.OrderID, nil
	case err == nil:
		return "", fmt.Errorf("submitting order: %w", ErrOrderConflict)
	case !errors.Is(err, store.ErrNotFound):
		return "", fmt.Errorf("submitting order: %w: %w", ErrUnavailable, err)
	}
	if s.cfg.Now().After(job.NotAfter) {
		return "", fmt.Errorf("submitting order: %w", ErrOrderExpired)
	}
	taken, err := s.cfg.Store.Enqueue(ctx, job)
	switch {
	case errors.Is(err, store.ErrOrderConflict):
		return "", fmt.Errorf("submitting order: %w", ErrOrderConflict)
	case err != nil:
		return "", fmt.Errorf("submitting order: %w: %w", ErrUnavailable, err)
	}
	s.cfg.Log.InfoContext(ctx, "order taken", jobAttrs(taken)...)
	return taken.OrderID, nil
}

func jobOf(order *provisioning.Order, signed []byte) store.Job {
	digest := sha256.Sum256(signed)
	var places []byte
	for _, p := range order.Places {
		places = append(places, placeOf(p.Application, p.Slot))
	}
	return store.Job{
		OrderID: hex.EncodeToString(order.ID), Digest: hex.EncodeToString(digest[:]),
		Kind: store.Kind(order.Kind), SEID: hex.EncodeToString(order.SEID), Slot: placeOf(order.Application, order.Slot), Places: places,
		Purpose: uint64(order.Purpose), Challenge: order.Challenge, NotAfter: order.NotAfter.Time(),
	}
}

// placeOf numbers what an order is about, as gp.Instance does: phone certificates stand beside the slots.
func placeOf(a provisioning.Application, slot uint64) byte {
	if a == provisioning.ApplicationPhoneCertificates {
		return gp.PhonePlace
	}
	return byte(slot)
}

// slotOf is the slot that a place has in orders and receipts.
func slotOf(place byte) uint64 {
	if place == gp.PhonePlace {
		return 1
	}
	return uint64(place)
}

// waiting tells whether an element has a job that could be run.
func (s *Service) waiting(ctx context.Context, seID string) (bool, error) {
	job, err := s.cfg.Store.Next(ctx, seID)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return !s.cfg.Now().After(job.NotAfter), nil
}

// maxSkipped bounds the jobs closed or parked on the way to one to run.
const maxSkipped = 64

// next gives the job to run on an element, or store.ErrNotFound. Jobs that must
// not be run are closed or parked on the way; one that lacks only the issuer's
// sealed bytes gets them first. Those of the order ids in except are passed over.
func (s *Service) next(ctx context.Context, seID string, except []string) (store.Job, error) {
	failed, err := s.cfg.Store.FailedAuth(ctx, seID)
	if err != nil {
		return store.Job{}, err
	}
	for range maxSkipped {
		job, err := s.cfg.Store.Next(ctx, seID, except...)
		if err != nil {
			return store.Job{}, err
		}
		switch {
		case s.cfg.Now().After(job.NotAfter):
			job.State = store.Expired
			_, err = s.advance(ctx, job)
		case failed > s.cfg.MaxFailedAuth && !job.Kind.Urgent():
			_, err = s.park(ctx, job, "failed_auth")
		case job.Kind == store.Provision && job.Cursor == store.Attested:
			if job, err = s.seal(ctx, job); err == nil {
				return job, nil
			}
			if errors.Is(err, ErrIssuerRefused) {
				continue // the job is closed
			}
		default:
			return job, nil
		}
		if err != nil {
			return store.Job{}, err
		}
	}
	return store.Job{}, store.ErrNotFound
}

// advance writes a job and logs where it stands.
func (s *Service) advance(ctx context.Context, job store.Job) (store.Job, error) {
	job, err := s.cfg.Store.Advance(ctx, job)
	if err != nil {
		return store.Job{}, err
	}
	s.cfg.Log.InfoContext(ctx, "job advanced", append(jobAttrs(job), "reason", job.Reason)...)
	return job, nil
}

func (s *Service) park(ctx context.Context, job store.Job, reason string) (store.Job, error) {
	job.State, job.Reason = store.Parked, reason
	return s.advance(ctx, job)
}

// countAttempt notes that the element or the issuer ended a run, and parks the
// job after too many. A wipe is never parked, nor is a lock or unlock: phones are
// not authenticated, and nobody is to stop the emptying or locking of an element by
// answering in its name. With a wrong card cryptogram no EXTERNAL AUTHENTICATE is
// sent, so that trying again costs the element none of its ten tries.
func (s *Service) countAttempt(ctx context.Context, job store.Job, reason string) (store.Job, error) {
	job.Attempts++
	if job.Attempts >= s.cfg.MaxAttempts && !job.Kind.Urgent() {
		return s.park(ctx, job, reason)
	}
	return s.advance(ctx, job)
}

// failedAuth counts a failed authentication of an element, or a channel on which the
// first answer was not authentic, and gives the error that ends the attempt.
func (s *Service) failedAuth(ctx context.Context, seID string, cause error) error {
	n, err := s.cfg.Store.CountFailedAuth(ctx, seID)
	if err != nil {
		return errors.Join(cause, err)
	}
	s.cfg.Log.WarnContext(ctx, "failed authentication counted", "se", short(seID), "count", n)
	return cause
}

// orderError tells apart what the doors answer differently.
func orderError(err error) error {
	if errors.Is(err, cose.ErrSignature) {
		return fmt.Errorf("%w: %w", ErrOrderSignature, err)
	}
	return fmt.Errorf("%w: %w", ErrOrderMalformed, err)
}
