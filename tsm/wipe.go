package tsm

import (
	"cmp"
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

// errNothingFound says that the element named no instance the job is about. It cannot be
// taken as done: 6A88 carries no R-MAC, so a phone may have made it up. The job
// stays until an element shows what it holds, or until the order's end.
var errNothingFound = errors.New("secure element lists nothing the job is about")

// planListing asks what there is, behind the commands that are in the script
// already; then gets the whole listing. A listing of at least one application is under
// R-MAC, and so is complete: a phone can hide all of it or nothing.
func (s *Service) planListing(sc *script, first bool, then listed) error {
	return s.planPage(sc, &gp.Pages{}, first, then)
}

// listed takes what the element lists.
type listed func(ctx context.Context, sc *script, found listing) (*script, error)

// listing is what an element lists. With anything in it, it is whole.
type listing struct {
	instances []instance // that the job is about
	shown     bool       // there was something in it, if of others
}

// instance is one slot's, as listed.
type instance struct {
	slot   byte
	locked bool
}

func (s *Service) planPage(sc *script, pages *gp.Pages, first bool, then listed) error {
	if err := sc.list(first); err != nil {
		return err
	}
	sc.finish = func(ctx context.Context, sc *script, answers []apdu.Response, cut error) (*script, error) {
		if cut != nil {
			return nil, cut
		}
		more, err := pages.Add(answers[len(answers)-1])
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errRefusal, err)
		}
		if more {
			next := sc.more(sc.job)
			return next, s.planPage(next, pages, false, then)
		}
		found, err := instancesIn(pages, sc.job)
		if err != nil {
			return nil, err
		}
		return then(ctx, sc, found)
	}
	return nil
}

// list asks for a page of the listing that shows the instances the job is about. There
// may be a further page, and on the first one there may be nothing.
func (sc *script) list(first bool) error {
	may := func(sw apdu.SW) bool { return sw == apdu.MoreAvailable || first && sw == apdu.ReferenceNotFound }
	c := gp.GetStatus{Scope: gp.ScopeApplications, Prefix: scope(sc.job), Next: !first}.Command()
	return sc.add("GET STATUS", c, may)
}

// scope is the AID of the one instance that a job is about. A job about everything asks
// for every application at once: the AIDs of the slots and that of the phone
// certificates begin with nothing in common, and of two listings a phone could hide one.
// So does a wipe: where others are listed, what is not is not there.
func scope(job store.Job) gp.AID {
	if job.Slot == 0 || job.Kind == store.Wipe {
		return ""
	}
	return gp.Instance(job.Slot)
}

// instancesIn reads a whole listing: the instances in it that the job is about.
func instancesIn(pages *gp.Pages, job store.Job) (found listing, err error) {
	entries, err := pages.Entries()
	if err != nil {
		return found, fmt.Errorf("%w: %w", errRefusal, err)
	}
	found.shown = len(entries) > 0
	for _, e := range entries {
		slot, ok := e.AID.Slot()
		if ok && (job.Slot == 0 || job.Slot == slot) && !found.has(slot) {
			found.instances = append(found.instances, instance{slot, gp.State(e.State).Locked()})
		}
	}
	return found, nil
}

func (l listing) has(slot byte) bool {
	return slices.ContainsFunc(l.instances, func(i instance) bool { return i.slot == slot })
}

// empty chooses the next script of a wipe from what is there and what was receipted:
// wipe first, delete only what has its receipt (deleting destroys what could repeat
// it), and be done when nothing is left. An element that lists nothing at first is made
// to list something, and one that does not list a place that is to have its receipt, to list that.
func (s *Service) empty(_ context.Context, sc *script, found listing) (*script, error) {
	witnesses := missing(sc.job, found)
	if len(found.instances) == 0 && len(witnesses) == 0 {
		witnesses = []byte{witness(sc.job)}
	}
	if len(witnesses) == 0 {
		return s.emptyListed(sc, found)
	}
	next := sc.more(sc.job)
	return next, s.planWitnesses(next, witnesses)
}

// missing are the places that are to have a receipt, have none, and are not listed.
func missing(job store.Job, found listing) (places []byte) {
	for _, p := range job.Places {
		if !holds(job.Receipts, p) && !found.has(p) {
			places = append(places, p)
		}
	}
	return places
}

// witness is where an instance goes that is to be listed and is wanted nowhere: where there is a receipt already, if it can
// be, so that no further one is needed.
func witness(job store.Job) byte {
	if len(job.Receipts) > 0 {
		return job.Receipts[0].Slot
	}
	return cmp.Or(job.Slot, gp.FirstSlot)
}

// emptyListed goes on with what is listed, which is something.
func (s *Service) emptyListed(sc *script, found listing) (*script, error) {
	var slots, full []byte
	for _, i := range found.instances {
		slots = append(slots, i.slot)
		if !holds(sc.job.Receipts, i.slot) {
			full = append(full, i.slot)
		}
	}
	next := sc.more(sc.job)
	if len(full) > 0 {
		return next, s.planErasure(next, slots, full)
	}
	return next, s.planDeletion(next, slots)
}

// planWitnesses puts instances in places and asks again. "Nothing found" carries no R-MAC, so
// that an empty element and a phone that hides a full one look alike. But a listing with
// one instance in it is under R-MAC and so is complete: what it lists beside the witnesses
// was hidden, and if they are alone the element was empty. The witnesses are then wiped
// and deleted as anything else, and their receipts tell the issuer the end of the order. If
// an instance is there already INSTALL is refused, and the listing shows that too.
func (s *Service) planWitnesses(sc *script, places []byte) error {
	for _, p := range places {
		if err := sc.install(p); err != nil {
			return err
		}
	}
	return s.planListing(sc, true, s.witnessed)
}

// witnessed goes on from the listing behind the witnesses. One may not have found room: it
// is made when what takes the room is gone. If the place ordered is none of what takes it,
// it is empty, and there is no receipt.
func (s *Service) witnessed(ctx context.Context, sc *script, found listing) (*script, error) {
	switch {
	case len(found.instances) > 0:
		return s.emptyListed(sc, found)
	case found.shown && sc.job.Slot != 0:
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
	return s.planListing(sc, true, s.deleted)
}

// deleted goes on from the listing behind the DELETE commands, which succeeded under R-MAC.
func (s *Service) deleted(ctx context.Context, sc *script, found listing) (*script, error) {
	if len(found.instances) > 0 {
		_, err := s.countAttempt(ctx, sc.job, "not_cleared")
		return nil, errors.Join(fmt.Errorf("instances listed after DELETE: %w", errRefusal), err)
	}
	if len(missing(sc.job, found)) > 0 {
		return nil, errNothingFound // the next session makes them, with the room there is now
	}
	return nil, s.cleared(ctx, sc.job)
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
