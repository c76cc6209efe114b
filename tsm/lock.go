package tsm

import (
	"context"
	"errors"
	"fmt"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
	"mobileid/tsm/store"
)

// planSwitch locks or unlocks: SET STATUS for each instance, Card Specification
// 2.3.1, 11.10, and a listing that shows what stands. An answer to SET STATUS that
// is no success carries no R-MAC and decides nothing; the listing does. So a switch
// whose answer was lost is simply made again.
func (s *Service) planSwitch(sc *script) error {
	if sc.job.Slot == 0 {
		return s.planListing(sc, true, s.switchEach)
	}
	return s.planSwitching(sc, []instance{{slot: sc.job.Slot}})
}

// switchEach goes on from a listing of every slot.
func (s *Service) switchEach(ctx context.Context, sc *script, found listing) (*script, error) {
	if len(found.instances) == 0 {
		return nil, s.nothingToSwitch(ctx, sc.job)
	}
	next := sc.more(sc.job)
	return next, s.planSwitching(next, found.instances)
}

func (s *Service) planSwitching(sc *script, instances []instance) error {
	state := gp.StatePersonalized // any state without the bit 80 unlocks; the element knows which one it was
	if sc.job.Kind == store.Lock {
		state = gp.StateLocked
	}
	for _, i := range instances {
		c, err := gp.SetStatus{Scope: gp.StatusOfApplication, State: byte(state), AID: gp.Instance(i.slot)}.Command()
		if err != nil {
			return err
		}
		if err := sc.add("SET STATUS", c, func(apdu.SW) bool { return true }); err != nil {
			return err
		}
	}
	return s.planListing(sc, true, s.switched)
}

// switched compares what the element lists with what was ordered.
func (s *Service) switched(ctx context.Context, sc *script, found listing) (*script, error) {
	if len(found.instances) == 0 {
		return nil, s.nothingToSwitch(ctx, sc.job)
	}
	for _, i := range found.instances {
		if i.locked != (sc.job.Kind == store.Lock) {
			_, err := s.countAttempt(ctx, sc.job, "not_applied")
			return nil, errors.Join(fmt.Errorf("slot %d listed in another state after SET STATUS: %w", i.slot, errRefusal), err)
		}
	}
	job := sc.job
	job.Cursor, job.Reason = store.Applied, ""
	if _, err := s.file(ctx, job); err != nil {
		return nil, err
	}
	return nil, errNextJob
}

// nothingToSwitch ends an attempt on an element that lists no instance. Whether that
// is so or a phone made it up cannot be told, so the job stays and is tried first in
// every session; after as many attempts as any other jobs are run past it.
func (s *Service) nothingToSwitch(ctx context.Context, job store.Job) error {
	why := errNothingFound
	if job.Attempts++; job.Attempts >= s.cfg.MaxAttempts {
		job.Attempts, job.Reason, why = s.cfg.MaxAttempts, nothingFound, errPassed
	}
	_, err := s.advance(ctx, job)
	return errors.Join(why, err)
}

// nothingFound is the reason of a queued job that others are run past.
const nothingFound = "nothing_found"

// errPassed is errNothingFound after too many attempts.
var errPassed = fmt.Errorf("%w, again: %w", errNothingFound, errNextJob)
