package tsm

import (
	"context"
	"fmt"
	"time"
)

// sweepPage is how many jobs one write or read of Sweep touches.
const sweepPage = 100

// Sweep does what no phone will do: it closes jobs past their end, forgets old
// ones, drops old sessions, and hands receipts to the issuer that could not be
// handed over before. It stops at the first temporary failure of the issuer, and goes
// on behind it the next time.
func (s *Service) Sweep(ctx context.Context) error {
	s.mu.Lock()
	s.evict()
	s.mu.Unlock()
	now := s.cfg.Now()
	if err := pages(func() (int, error) { return s.cfg.Store.Expire(ctx, now, sweepPage) }); err != nil {
		return fmt.Errorf("sweeping: %w", err)
	}
	if err := pages(func() (int, error) { return s.cfg.Store.Prune(ctx, now.Add(-s.cfg.Retention), sweepPage) }); err != nil {
		return fmt.Errorf("sweeping: %w", err)
	}
	return s.deliverOwed(ctx)
}

// deliverOwed begins behind the job at which the round before it failed, and comes to that one last: a receipt that the issuer
// fails on each time keeps no other from it.
func (s *Service) deliverOwed(ctx context.Context) error {
	s.mu.Lock()
	from := s.failedAt
	s.failedAt = ""
	s.mu.Unlock()
	failed, err := s.deliverBetween(ctx, from, "")
	if err == nil && from != "" {
		failed, err = s.deliverBetween(ctx, "", from)
	}
	if err != nil {
		s.mu.Lock()
		s.failedAt = failed
		s.mu.Unlock()
		return fmt.Errorf("sweeping: %w", err)
	}
	return nil
}

// deliverBetween goes through the jobs that owe something behind one order id and up to another, "" being either end, and says
// behind which it failed.
func (s *Service) deliverBetween(ctx context.Context, after, last string) (failed string, err error) {
	for {
		owing, err := s.cfg.Store.Owing(ctx, after, sweepPage)
		if err != nil {
			return after, err
		}
		for _, job := range owing {
			if last != "" && job.OrderID > last {
				return "", nil
			}
			if err := ctx.Err(); err != nil {
				return after, err
			}
			after = job.OrderID
			if _, err := s.deliver(ctx, job); err != nil {
				return after, err
			}
		}
		if len(owing) < sweepPage {
			return "", nil
		}
	}
}

// pages repeats a bounded write until it finds less than a page.
func pages(do func() (int, error)) error {
	for {
		n, err := do()
		if err != nil || n < sweepPage {
			return err
		}
	}
}

// Run sweeps once and then every so often, until ctx ends. It belongs in a
// goroutine of the process's main.
func (s *Service) Run(ctx context.Context, every time.Duration) {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		if err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
			s.cfg.Log.WarnContext(ctx, "sweep incomplete", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}
