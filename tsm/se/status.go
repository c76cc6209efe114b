package se

import (
	"strings"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
)

// listing is what an unfinished GET STATUS still has to show.
type listing struct {
	search  gp.GetStatus // as the first page asked
	entries [][]byte
}

// getStatus answers GET STATUS in the TLV form, GlobalPlatform Card Specification 2.3.1, 11.4: whole entries up to a page,
// 6310 when more follow. A further page must be asked for with the same search and right after the one before.
func (s *SE) getStatus(c apdu.Command) apdu.Response {
	previous := s.listing
	s.listing = nil
	search, err := gp.ParseGetStatus(c)
	if err != nil {
		return refused(err)
	}
	if search.Next {
		search.Next = false
		if previous == nil || previous.search != search {
			return status(apdu.Conditions)
		}
		return s.page(previous)
	}
	l := &listing{search: search}
	for _, e := range s.find(search.Scope) {
		if strings.HasPrefix(string(e.AID), string(search.Prefix)) {
			l.entries = append(l.entries, e.AppendTo(nil))
		}
	}
	if len(l.entries) == 0 {
		return status(apdu.ReferenceNotFound)
	}
	return s.page(l)
}

// page gives the next entries of a listing.
func (s *SE) page(l *listing) apdu.Response {
	var out []byte
	for len(l.entries) > 0 && (len(out) == 0 || len(out)+len(l.entries[0]) <= gp.BlockSize) {
		out = append(out, l.entries[0]...)
		l.entries = l.entries[1:]
	}
	if len(l.entries) > 0 {
		s.listing = l
		return apdu.Response{Data: out, SW: apdu.MoreAvailable}
	}
	return apdu.Response{Data: out, SW: apdu.OK}
}

// domainPrivileges are those of an issuer security domain, as real ones show them.
const domainPrivileges gp.Privileges = 0x9EFE80

// find lists the registry.
func (s *SE) find(scope gp.Scope) []gp.Entry {
	var out []gp.Entry
	switch scope {
	case gp.ScopeDomain:
		out = append(out, gp.Entry{AID: gp.ISD, State: byte(gp.CardSecured), Privileges: domainPrivileges, Domain: gp.ISD})
	case gp.ScopeApplications:
		for _, e := range s.entries() {
			loadFile := gp.AID(e.module)
			if k, ok := s.kindOf(e.module); ok {
				loadFile = gp.AID(k.LoadFile())
			}
			out = append(out, gp.Entry{AID: gp.AID(e.aid), State: byte(e.lifeCycle()), LoadFile: loadFile, Domain: gp.ISD})
		}
	case gp.ScopeLoadFiles, gp.ScopeModules:
		for _, k := range s.cfg.Applets {
			version := k.Version()
			e := gp.Entry{
				AID: gp.AID(k.LoadFile()), State: byte(gp.StateLoaded), IsLoadFile: true, Version: version[:], Domain: gp.ISD,
			}
			if scope == gp.ScopeModules {
				e.Modules = []gp.AID{gp.AID(k.Module())}
			}
			out = append(out, e)
		}
	}
	return out
}
