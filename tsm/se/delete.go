package se

import (
	"slices"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
)

// delete answers DELETE, GlobalPlatform Card Specification 2.3.1, 11.2.
func (ch *channel) delete(c apdu.Command) apdu.Response {
	ch.endPersonalization()
	ch.loading = nil
	parsed, err := gp.ParseDelete(c)
	if err != nil {
		return refused(err)
	}
	switch d := parsed.(type) {
	case gp.DeleteKeys:
		return ch.deleteKeys(d)
	case gp.Delete:
		return ch.deleteContent(c, d)
	default:
		return status(apdu.FunctionUnsupported)
	}
}

// deleteContent deletes an application, a security domain or a load file, 9.5.
func (ch *channel) deleteContent(c apdu.Command, d gp.Delete) apdu.Response {
	everything := ch.self().privileges.Has(gp.GlobalDelete)
	if !everything || len(d.Token) != 0 {
		if sw := ch.authorize(c, d.Token); sw != apdu.OK {
			return status(sw)
		}
	}
	v, ok := ch.se.victims(d.AID)
	switch {
	case !ok:
		return status(apdu.ReferenceNotFound)
	case d.AID == gp.ISD || d.AID == domainFile || !d.Related && v.count() > 1 || ch.se.inUse(v):
		return status(apdu.Conditions)
	case !everything && !ch.owns(v):
		return status(apdu.SecurityStatus)
	}
	u := ch.se.update()
	data, err := u.confirm(d.AID)
	if err != nil {
		return status(apdu.Conditions)
	}
	u.destroyAll(v)
	if err := u.commit(); err != nil {
		return status(StatusOf(err))
	}
	return apdu.Response{Data: data, SW: apdu.OK}
}

// victims is what goes with an object: a load file's instances; a domain's applications and load files, and theirs.
type victims struct {
	entries []entry
	files   []loadFile
}

func (v victims) count() int { return len(v.entries) + len(v.files) }

func (s *SE) victims(aid gp.AID) (victims, bool) {
	var v victims
	if f, ok := s.files[aid]; ok {
		v.files = []loadFile{f}
	} else if e, ok := s.entry(aid); ok {
		v.entries = []entry{e}
	} else {
		return victims{}, false
	}
	for grown := 0; grown != v.count(); {
		grown = v.count()
		for _, f := range s.listFiles() {
			if !v.hasFile(f.aid) && v.hasEntry(f.domain) {
				v.files = append(v.files, f)
			}
		}
		for _, e := range s.entries() {
			if !v.hasEntry(e.aid) && (v.hasFile(e.file) || v.hasEntry(e.domain)) {
				v.entries = append(v.entries, e)
			}
		}
	}
	return v, true
}

func (v victims) hasFile(aid gp.AID) bool {
	return slices.ContainsFunc(v.files, func(f loadFile) bool { return f.aid == aid })
}

func (v victims) hasEntry(aid gp.AID) bool {
	return slices.ContainsFunc(v.entries, func(e entry) bool { return e.aid == aid })
}

// owns tells whether all of it belongs to the session's domain.
func (ch *channel) owns(v victims) bool {
	for _, e := range v.entries {
		if !ch.se.under(e, ch.domain) {
			return false
		}
	}
	for _, f := range v.files {
		if f.domain != ch.domain && !ch.se.under(entry{domain: f.domain}, ch.domain) {
			return false
		}
	}
	return true
}

// inUse tells whether some of it is selected on a channel.
func (s *SE) inUse(v victims) bool {
	return slices.ContainsFunc(v.entries, func(e entry) bool { return s.selectedElsewhere(e.aid, nil) })
}

// destroyAll erases objects with everything they stored, keys destroyed.
func (u *update) destroyAll(v victims) {
	for _, e := range v.entries {
		u.se.endPersonalizationOf(e.aid)
		if i := u.se.instances[e.aid]; i != nil {
			i.applet.Delete()
		}
		u.erase(registryKey(e.aid))
		u.destroy(objectKey(e.aid, ""))
		u.destroy(domainKey(e.aid))
		u.after = append(u.after, func() {
			delete(u.se.registry, e.aid)
			delete(u.se.instances, e.aid)
		})
	}
	for _, f := range v.files {
		u.removeFile(f.aid)
	}
}

// endPersonalizationOf takes an instance from the channel that personalizes it.
func (s *SE) endPersonalizationOf(aid gp.AID) {
	for _, ch := range s.channels {
		if ch.target != nil && ch.target.domain == aid {
			ch.endPersonalization()
		}
		if ch.loading != nil && ch.loading.domain == aid {
			ch.loading = nil
		}
	}
}

// deleteKeys answers DELETE [key], 11.2.2.3.2. Keys of an SCP03 set go together; the last set never goes.
func (ch *channel) deleteKeys(d gp.DeleteKeys) apdu.Response {
	keys := ch.se.keySets(ch.domain)
	u := ch.se.update()
	switch {
	case slices.Contains(keys.versions(), d.Version):
		if d.ID != 0 || len(keys.versions()) == 1 {
			return status(apdu.Conditions)
		}
		u.destroySet(keys, d.Version)
		u.after = append(u.after, func() { ch.forget(keys, d.Version) })
	case slices.Contains(keys.singles(), d.Version) && d.ID <= 1:
		u.set(keys.name(singleName, d.Version), nil)
	default:
		return status(apdu.ReferenceNotFound)
	}
	if err := u.commit(); err != nil {
		return status(StatusOf(err))
	}
	return apdu.Response{Data: gp.Confirmation(), SW: apdu.OK}
}
