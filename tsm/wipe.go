package tsm

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm/applet/stream"
	"mobileid/tsm/gp"
	"mobileid/tsm/store"
)

// errNothingFound says that the element named no instance to wipe. It cannot be
// taken as done: 6A88 carries no R-MAC, so a phone may have made it up. The job
// stays until an element shows what it holds, or until the order's end.
var errNothingFound = errors.New("secure element lists nothing to wipe")

// planWipe asks what there is. A listing of at least one instance is under
// R-MAC, and so is complete.
func (s *Service) planWipe(sc *script) error {
	return s.planListing(sc, &gp.Pages{}, false, true)
}

// phone tells that the phone certificates were listed.
func (s *Service) planListing(sc *script, pages *gp.Pages, phone, first bool) error {
	if err := sc.list(first); err != nil {
		return err
	}
	sc.finish = func(ctx context.Context, sc *script, answers []apdu.Response, cut error) (*script, error) {
		if cut != nil {
			return nil, cut
		}
		if len(answers) > 1 { // the phone certificates, asked for first
			phone, answers = answers[0].SW == apdu.OK, answers[1:]
		}
		more, err := pages.Add(answers[0])
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errRefusal, err)
		}
		if more {
			next := sc.more(sc.job)
			return next, s.planListing(next, pages, phone, false)
		}
		slots, err := slotsIn(pages, sc.job)
		if err != nil {
			return nil, err
		}
		if phone {
			slots = append(slots, gp.PhonePlace)
		}
		return s.empty(ctx, sc, slots)
	}
	return nil
}

// list asks for a page of the instances the job is about. There may be a further
// page, and on the first one there may be nothing. A wipe of everything asks for
// the phone certificates before: their AID is no slot's.
func (sc *script) list(first bool) error {
	none := func(sw apdu.SW) bool { return sw == apdu.MoreAvailable || first && sw == apdu.ReferenceNotFound }
	if first && sc.job.Slot == 0 {
		phone := gp.GetStatus{Scope: gp.ScopeApplications, Prefix: gp.PhoneInstance}.Command()
		if err := sc.add("GET STATUS of the phone certificates", phone, none); err != nil {
			return err
		}
	}
	c := gp.GetStatus{Scope: gp.ScopeApplications, Prefix: scope(sc.job), Next: !first}.Command()
	return sc.add("GET STATUS", c, none)
}

// scope is the AID, or the beginning of AIDs, that a wipe is about.
func scope(job store.Job) gp.AID {
	if job.Slot == 0 {
		return gp.LoadFile
	}
	return gp.Instance(job.Slot)
}

// slotsIn reads a whole listing: the slots with an instance the job is about.
func slotsIn(pages *gp.Pages, job store.Job) ([]byte, error) {
	entries, err := pages.Entries()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errRefusal, err)
	}
	var slots []byte
	for _, e := range entries {
		slot, ok := e.AID.Slot()
		if ok && (job.Slot == 0 || job.Slot == slot) && !slices.Contains(slots, slot) {
			slots = append(slots, slot)
		}
	}
	return slots, nil
}

// empty chooses the next script from what is there and what was receipted: wipe
// first, delete only what has its receipt (deleting destroys what could repeat
// it), and be done when nothing is left.
func (s *Service) empty(ctx context.Context, sc *script, slots []byte) (*script, error) {
	full := slices.DeleteFunc(slices.Clone(slots), func(slot byte) bool { return holds(sc.job.Receipts, slot) })
	next := sc.more(sc.job)
	switch {
	case len(full) > 0:
		return next, s.planErasure(next, slots, full)
	case len(slots) > 0:
		return next, s.planDeletion(next, slots)
	case len(sc.job.Receipts) > 0:
		return nil, s.cleared(ctx, sc.job)
	default:
		return nil, errNothingFound
	}
}

// planErasure wipes the slots that are full; slots is all that are there.
func (s *Service) planErasure(sc *script, slots, full []byte) error {
	orderID, err := hex.DecodeString(sc.job.OrderID)
	if err != nil {
		return fmt.Errorf("reading job: %w", err)
	}
	wipe, err := stream.Wipe{OrderID: orderID}.Object()
	if err != nil {
		return err
	}
	for _, slot := range full {
		if err := sc.personalize(gp.Instance(slot)); err != nil {
			return err
		}
		if err := sc.store("DF2F wipe", wipe); err != nil {
			return err
		}
	}
	sc.finish = func(ctx context.Context, sc *script, answers []apdu.Response, cut error) (*script, error) {
		return s.wiped(ctx, sc, slots, full, answers, cut)
	}
	return nil
}

// wiped files the receipts that came, also when the list broke off after some;
// the issuer gets them when every slot has its own.
func (s *Service) wiped(ctx context.Context, sc *script, slots, full []byte, answers []apdu.Response, cut error) (*script, error) {
	job := sc.job
	job.Receipts = slices.Clone(job.Receipts)
	for i, slot := range full[:len(answers)/2] {
		signed := answers[2*i+1].Data
		if err := claims(job, slot, provisioning.ReceiptWiped, signed); err != nil {
			cut = errors.Join(cut, err)
			break
		}
		job.Receipts = append(job.Receipts, store.Receipt{Slot: slot, Signed: signed})
	}
	if cut == nil {
		job.Cursor = store.Wiped
	}
	job, err := s.file(ctx, job)
	if err != nil {
		return nil, errors.Join(cut, err)
	}
	job, err = s.deliver(ctx, job) // a failure is logged; Sweep delivers what is left
	switch {
	case cut != nil:
		return nil, cut
	case errors.Is(err, store.ErrRevision) || job.State != store.Queued:
		return nil, errNextJob // somebody else went on with it, or closed it
	}
	next := sc.more(job)
	return next, s.planDeletion(next, slots)
}

// planDeletion deletes instances and looks again: nothing may be listed then.
func (s *Service) planDeletion(sc *script, slots []byte) error {
	for _, slot := range slots {
		c, err := gp.Delete{AID: gp.Instance(slot)}.Command()
		if err != nil {
			return err
		}
		if err := sc.add("DELETE", c, nil); err != nil {
			return err
		}
	}
	if err := sc.list(true); err != nil {
		return err
	}
	sc.finish = func(ctx context.Context, sc *script, answers []apdu.Response, cut error) (*script, error) {
		if cut != nil {
			return nil, cut
		}
		if listed(answers[len(slots):]) {
			_, err := s.countAttempt(ctx, sc.job, "not_cleared")
			return nil, errors.Join(fmt.Errorf("instances listed after DELETE: %w", errRefusal), err)
		}
		return nil, s.cleared(ctx, sc.job)
	}
	return nil
}

// listed tells whether an answer to GET STATUS names something.
func listed(answers []apdu.Response) bool {
	return slices.ContainsFunc(answers, func(r apdu.Response) bool { return r.SW != apdu.ReferenceNotFound })
}

// cleared notes that nothing is left and settles with the issuer.
func (s *Service) cleared(ctx context.Context, job store.Job) error {
	job.Cursor = store.Cleared
	job, err := s.file(ctx, job)
	if err != nil {
		return err
	}
	_, _ = s.deliver(ctx, job) // logged; Sweep delivers what is left
	return errNextJob
}
