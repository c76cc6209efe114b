package tsm

import (
	"context"
	"errors"
	"fmt"
	"time"

	"mobileid/tsm/store"
)

// sweepPage is how many jobs one write or read of Sweep touches.
const sweepPage = 100

// Sweep does what no phone will do: it closes jobs past their end, forgets old
// ones, drops old sessions, and hands receipts to the issuer that could not be
// handed over before. It stops at the first temporary failure of the issuer.
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
	after := ""
	for {
		owing, err := s.cfg.Store.Owing(ctx, after, sweepPage)
		if err != nil {
			return fmt.Errorf("sweeping: %w", err)
		}
		for _, job := range owing {
			after = job.OrderID
			_, err := s.deliver(ctx, job)
			if err != nil && !errors.Is(err, store.ErrRevision) {
				return fmt.Errorf("sweeping: %w", err)
			}
		}
		if len(owing) < sweepPage {
			return nil
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
