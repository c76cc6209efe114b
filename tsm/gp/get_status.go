package gp

import (
	"errors"
	"fmt"

	"mobileid/mdoc/apdu"
)

const (
	insGetStatus = 0xF2

	statusFirst = 0x02 // TLV answer, first page
	statusNext  = 0x03

	tagEntry = 0xE3

	// maxRegistry bounds what is collected from one card: some 20,000 entries.
	maxRegistry = 1 << 20
)

// Scope is what GET STATUS lists, Card Specification 2.3.1, table 11-33.
type Scope byte

// The scopes; one at a time.
const (
	ScopeDomain       Scope = 0x80 // the issuer security domain alone
	ScopeApplications Scope = 0x40 // applications and supplementary security domains
	ScopeLoadFiles    Scope = 0x20
	ScopeModules      Scope = 0x10 // load files with their modules
)

// A GetStatus is the command of that name, Card Specification 2.3.1, 11.4, with a TLV
// answer: 80 F2 scope 02|03 { 4F AID or its beginning } 00.
type GetStatus struct {
	Scope Scope
	// Prefix selects objects whose AID begins so; empty selects all.
	Prefix AID
	// Next asks for the page after one that ended in 6310.
	Next bool
}

// Command builds the command.
func (g GetStatus) Command() apdu.Command {
	c := apdu.Command{
		CLA: 0x80, INS: insGetStatus, P1: byte(g.Scope), P2: statusFirst,
		Data: apdu.AppendTLV(nil, 0x4F, []byte(g.Prefix)), Le: apdu.MaxShortLe,
	}
	if g.Next {
		c.P2 = statusNext
	}
	return c
}

// ParseGetStatus reads the command on the card: 6A86 for an unknown or combined scope
// or the old answer format, 6A80 for malformed data. A tag list (5C) is passed over.
func ParseGetStatus(c apdu.Command) (GetStatus, error) {
	const doing = "parsing GET STATUS"
	if c.INS != insGetStatus {
		return GetStatus{}, refuse(doing, apdu.InsUnsupported, "instruction %02X", c.INS)
	}
	switch Scope(c.P1) {
	case ScopeDomain, ScopeApplications, ScopeLoadFiles, ScopeModules:
	default:
		return GetStatus{}, refuse(doing, apdu.WrongParameters, "P1 %02X", c.P1)
	}
	if c.P2 != statusFirst && c.P2 != statusNext {
		return GetStatus{}, refuse(doing, apdu.WrongParameters, "P2 %02X", c.P2)
	}
	objects, err := apdu.ParseTLVs(c.Data)
	if err != nil {
		return GetStatus{}, refuse(doing, apdu.WrongData, "%v", err)
	}
	prefix, ok := apdu.Find(objects, 0x4F)
	if !ok || len(prefix) > 16 {
		return GetStatus{}, refuse(doing, apdu.WrongData, "no AID to look for")
	}
	return GetStatus{Scope: Scope(c.P1), Prefix: AID(prefix), Next: c.P2 == statusNext}, nil
}

// Pages collects the answers to GET STATUS: a page may end inside an entry, so they
// are joined before they are read.
type Pages struct {
	data []byte
	done bool
}

// Add takes the next page. more tells to ask again with Next. 6A88, nothing found, is
// an empty end; other status words fail.
func (p *Pages) Add(r apdu.Response) (more bool, err error) {
	switch {
	case p.done:
		return false, errors.New("collecting registry: page after the last")
	case r.SW == apdu.ReferenceNotFound && len(r.Data) == 0:
		p.done = true
		return false, nil
	case r.SW != apdu.OK && r.SW != apdu.MoreAvailable:
		return false, fmt.Errorf("collecting registry: %w", r.Err())
	case r.SW == apdu.MoreAvailable && len(r.Data) == 0:
		return false, errors.New("collecting registry: empty page announces another")
	case len(p.data)+len(r.Data) > maxRegistry:
		return false, fmt.Errorf("collecting registry: over %d bytes", maxRegistry)
	}
	p.data = append(p.data, r.Data...)
	p.done = r.SW == apdu.OK
	return !p.done, nil
}

// Entries reads what was collected; it fails before the last page was added.
func (p *Pages) Entries() ([]Entry, error) {
	if !p.done {
		return nil, errors.New("parsing registry: pages missing")
	}
	return ParseEntries(p.data)
}

// An Entry is one object of the registry, Card Specification 2.3.1, tables 11-36 and
// 11-37:
//
//	E3 { 4F AID, 9F70 state, C5 privileges, CF implicit, C4 load file AID, CC domain AID }   application
//	E3 { 4F AID, 9F70 state, CE version, 84 module AID …, CC domain AID }                    load file
type Entry struct {
	AID AID
	// State is a State, or a CardState for the issuer security domain.
	State byte
	// IsLoadFile tells the second kind of entry: Version and Modules apply, Privileges
	// and LoadFile do not.
	IsLoadFile bool
	Privileges Privileges
	Implicit   []byte // for which channels it is selected implicitly (CF)
	LoadFile   AID    // empty for the issuer security domain
	Version    []byte
	Modules    []AID
	Domain     AID
	// Others are objects of other tags, at the end.
	Others []apdu.TLV
}

// ParseEntries reads entries from end to end. AID and state must be there. Byte strings
// alias b.
func ParseEntries(b []byte) ([]Entry, error) {
	objects, err := apdu.ParseTLVs(b)
	if err != nil {
		return nil, fmt.Errorf("parsing registry: %w", err)
	}
	var out []Entry
	for i, o := range objects {
		if o.Tag != tagEntry {
			return nil, fmt.Errorf("parsing registry: object %d has tag %X, want E3", i, o.Tag)
		}
		e, err := parseEntry(o.Value)
		if err != nil {
			return nil, fmt.Errorf("parsing registry: entry %d: %w", i, err)
		}
		out = append(out, e)
	}
	return out, nil
}

func parseEntry(b []byte) (Entry, error) {
	objects, err := apdu.ParseTLVs(b)
	if err != nil {
		return Entry{}, err
	}
	var e Entry
	state := false
	for _, o := range objects {
		switch o.Tag {
		case 0x4F:
			e.AID = AID(o.Value)
		case 0x9F70: // one byte; the old form of an ISD may add a second
			if len(o.Value) < 1 {
				return Entry{}, errors.New("empty life cycle state")
			}
			e.State, state = o.Value[0], true
		case 0xC5:
			if e.Privileges, err = ParsePrivileges(o.Value); err != nil {
				return Entry{}, err
			}
		case 0xC4:
			e.LoadFile = AID(o.Value)
		case 0xCC:
			e.Domain = AID(o.Value)
		case 0xCE:
			e.Version, e.IsLoadFile = o.Value, true
		case 0x84:
			e.Modules, e.IsLoadFile = append(e.Modules, AID(o.Value)), true
		case 0xCF:
			e.Implicit = o.Value
		default:
			e.Others = append(e.Others, o)
		}
	}
	if err := e.AID.Validate(); err != nil {
		return Entry{}, err
	}
	if !state {
		return Entry{}, errors.New("no life cycle state (tag 9F70)")
	}
	return e, nil
}

// AppendTo encodes the entry as a card lists it.
func (e Entry) AppendTo(b []byte) []byte {
	v := apdu.AppendTLV(nil, 0x4F, []byte(e.AID))
	v = apdu.AppendTLV(v, 0x9F70, []byte{e.State})
	if e.IsLoadFile {
		if e.Version != nil {
			v = apdu.AppendTLV(v, 0xCE, e.Version)
		}
		for _, m := range e.Modules {
			v = apdu.AppendTLV(v, 0x84, []byte(m))
		}
	} else {
		v = apdu.AppendTLV(v, 0xC5, e.Privileges.Bytes())
		if e.Implicit != nil {
			v = apdu.AppendTLV(v, 0xCF, e.Implicit)
		}
		if e.LoadFile != "" {
			v = apdu.AppendTLV(v, 0xC4, []byte(e.LoadFile))
		}
	}
	if e.Domain != "" {
		v = apdu.AppendTLV(v, 0xCC, []byte(e.Domain))
	}
	for _, o := range e.Others {
		v = apdu.AppendTLV(v, o.Tag, o.Value)
	}
	return apdu.AppendTLV(b, tagEntry, v)
}
