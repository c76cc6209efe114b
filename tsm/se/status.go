package se

import (
	"slices"
	"strings"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
)

// listing is what an unfinished GET STATUS still has to show.
type listing struct {
	search  search // as the first page asked
	entries [][]byte
}

// search is a GET STATUS as the card reads it.
type search struct {
	gp.GetStatus
	old  bool   // the answer format of before 2.2, P2 00 and 01
	tags string // of the tag list, 5C; empty for all
}

// parseSearch reads GET STATUS in both answer formats, with its tag list.
func parseSearch(c apdu.Command) (search, error) {
	old := c.P2 <= 0x01
	c.P2 |= 0x02
	g, err := gp.ParseGetStatus(c)
	if err != nil {
		return search{}, err
	}
	objects, err := apdu.ParseTLVs(c.Data)
	if err != nil {
		return search{}, err
	}
	tags, _ := apdu.Find(objects, 0x5C)
	return search{GetStatus: g, old: old, tags: string(tags)}, nil
}

// getStatus answers GET STATUS, GlobalPlatform Card Specification 2.3.1, 11.4: whole entries up to a page, 6310 when more
// follow. A further page must be asked for with the same search and right after the one before.
func (ch *channel) getStatus(c apdu.Command) apdu.Response {
	previous := ch.listing
	ch.listing = nil
	q, err := parseSearch(c)
	if err != nil {
		return refused(err)
	}
	if q.Next {
		q.Next = false
		if previous == nil || previous.search != q {
			return status(apdu.Conditions)
		}
		return ch.page(previous)
	}
	l := &listing{search: q}
	for _, e := range ch.find(q.Scope) {
		if strings.HasPrefix(string(e.AID), string(q.Prefix)) {
			l.entries = append(l.entries, q.encode(e))
		}
	}
	if len(l.entries) == 0 {
		return status(apdu.ReferenceNotFound)
	}
	return ch.page(l)
}

// page gives the next entries of a listing.
func (ch *channel) page(l *listing) apdu.Response {
	var out []byte
	for len(l.entries) > 0 && (len(out) == 0 || len(out)+len(l.entries[0]) <= pageSize) {
		out = append(out, l.entries[0]...)
		l.entries = l.entries[1:]
	}
	if len(l.entries) > 0 {
		ch.listing = l
		return apdu.Response{Data: out, SW: apdu.MoreAvailable}
	}
	return apdu.Response{Data: out, SW: apdu.OK}
}

// pageSize is what a short answer takes at level 33 in both sizes of SCP03.
const pageSize = 223

// find lists what the session's domain may see: everything with Global Registry, else itself and what is under it.
func (ch *channel) find(scope gp.Scope) []gp.Entry {
	s, all := ch.se, ch.self().privileges.Has(gp.GlobalRegistry)
	var out []gp.Entry
	switch scope {
	case gp.ScopeDomain:
		if all {
			out = append(out, gp.Entry{AID: gp.ISD, State: byte(s.cardState), Privileges: domainPrivileges, Domain: gp.ISD})
		}
	case gp.ScopeApplications:
		for _, e := range s.entries() {
			if all || e.aid == ch.domain || s.under(e, ch.domain) {
				out = append(out, gp.Entry{
					AID: e.aid, State: byte(e.lifeCycle()), Privileges: e.privileges, LoadFile: e.file, Domain: e.domain,
				})
			}
		}
	case gp.ScopeLoadFiles, gp.ScopeModules:
		for _, f := range s.listFiles() {
			if all || f.domain == ch.domain || s.under(entry{domain: f.domain}, ch.domain) {
				out = append(out, f.entry(scope == gp.ScopeModules))
			}
		}
	}
	return out
}

// encode gives an entry in the format asked for. The old one is AID behind its length, state, one byte of privileges, and
// for [load files with modules] their number and AIDs.
func (q search) encode(e gp.Entry) []byte {
	if q.old {
		b := append([]byte{byte(len(e.AID))}, e.AID...)
		b = append(b, e.State, byte(e.Privileges>>16))
		if q.Scope == gp.ScopeModules {
			b = append(b, byte(len(e.Modules)))
			for _, m := range e.Modules {
				b = append(append(b, byte(len(m))), m...)
			}
		}
		return b
	}
	whole := e.AppendTo(nil)
	if q.tags == "" {
		return whole
	}
	return filter(whole, listedTags([]byte(q.tags)))
}

// filter leaves of an entry the objects a tag list names.
func filter(whole []byte, tags []uint32) []byte {
	outer, _, err := apdu.ParseTLV(whole)
	if err != nil {
		return whole
	}
	inner, err := apdu.ParseTLVs(outer.Value)
	if err != nil {
		return whole
	}
	var v []byte
	for _, o := range inner {
		if slices.Contains(tags, o.Tag) {
			v = apdu.AppendTLV(v, o.Tag, o.Value)
		}
	}
	return apdu.AppendTLV(nil, outer.Tag, v)
}

// listedTags reads a tag list, tags of one and of two bytes one after the other; what is cut short is left out.
func listedTags(b []byte) []uint32 {
	var out []uint32
	for len(b) > 0 {
		if b[0]&0x1F != 0x1F {
			out, b = append(out, uint32(b[0])), b[1:]
			continue
		}
		if len(b) < 2 {
			break
		}
		out, b = append(out, uint32(b[0])<<8|uint32(b[1])), b[2:]
	}
	return out
}
