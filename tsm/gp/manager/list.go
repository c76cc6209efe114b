package manager

import (
	"context"
	"errors"
	"fmt"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
)

// maxPages bounds the pages of one listing.
const maxPages = 1 << 12

// A Registry is what GET STATUS lists.
type Registry struct {
	// Domain is the issuer security domain, if the session's domain may see it.
	Domain *gp.Entry
	// Applications are the applications and supplementary security domains.
	Applications []gp.Entry
	// LoadFiles have their modules where the card tells them.
	LoadFiles []gp.Entry
}

// List asks for all of the registry that the session's domain may see.
func (s *Session) List(ctx context.Context) (Registry, error) {
	var r Registry
	domains, err := s.Find(ctx, gp.ScopeDomain, "")
	if err != nil {
		return Registry{}, err
	}
	if len(domains) > 0 {
		r.Domain = &domains[0]
	}
	if r.Applications, err = s.Find(ctx, gp.ScopeApplications, ""); err != nil {
		return Registry{}, err
	}
	r.LoadFiles, err = s.Find(ctx, gp.ScopeModules, "")
	_, refused := errors.AsType[*apdu.StatusError](err)
	if refused || err == nil && len(r.LoadFiles) == 0 { // cards that do not tell modules refuse the scope, or find nothing
		r.LoadFiles, err = s.Find(ctx, gp.ScopeLoadFiles, "")
	}
	if err != nil {
		return Registry{}, err
	}
	return r, nil
}

// Find lists the objects of one scope whose AID begins with prefix; none is no error. Pages are joined, then read.
func (s *Session) Find(ctx context.Context, scope gp.Scope, prefix gp.AID) ([]gp.Entry, error) {
	var pages gp.Pages
	g := gp.GetStatus{Scope: scope, Prefix: prefix}
	for range maxPages {
		r, err := s.Transmit(ctx, g.Command())
		if err != nil {
			return nil, fmt.Errorf("GET STATUS %02X: %w", byte(scope), err)
		}
		if r.SW == apdu.NotFound { // some cards say so for nothing found
			r.SW = apdu.ReferenceNotFound
		}
		more, err := pages.Add(r)
		if err != nil {
			return nil, fmt.Errorf("GET STATUS %02X: %w", byte(scope), err)
		}
		if !more {
			return pages.Entries()
		}
		g.Next = true
	}
	return nil, fmt.Errorf("GET STATUS %02X: over %d pages", byte(scope), maxPages)
}
