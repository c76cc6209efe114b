package se

import (
	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
)

// registryUpdate answers INSTALL [for extradition] and [for registry update], 9.4: an application or a load file of this
// very domain goes to another one, which must have keys; an application gets other privileges.
func (ch *channel) registryUpdate(c apdu.Command, r gp.RegistryUpdate) apdu.Response {
	s := ch.se
	if sw := ch.authorize(c, r.Token); sw != apdu.OK {
		return status(sw)
	}
	if f, ok := s.files[r.Application]; ok {
		return ch.extraditeFile(f, r)
	}
	e, ok := s.registry[r.Application]
	switch {
	case !ok:
		return status(apdu.ReferenceNotFound)
	case e.domain != ch.domain:
		return status(apdu.Conditions)
	case r.SetPrivileges && (r.Privileges.Has(gp.SecurityDomain) != e.isDomain() || !ch.grantable(r.Privileges)):
		return status(apdu.WrongData)
	}
	if r.SetPrivileges {
		e.privileges = r.Privileges
	}
	aids := []gp.AID{e.domain, e.aid}
	if r.Domain != "" {
		if sw := s.receives(r.Domain, e.aid); sw != apdu.OK {
			return status(sw)
		}
		e.domain = r.Domain
		aids = append(aids, r.Domain)
	}
	u := s.update()
	u.put(e)
	u.after = append(u.after, func() { s.endPersonalizationOf(e.aid) })
	return u.finish(aids...)
}

func (ch *channel) extraditeFile(f loadFile, r gp.RegistryUpdate) apdu.Response {
	switch {
	case r.SetPrivileges || r.Domain == "":
		return status(apdu.WrongData)
	case f.domain != ch.domain || f.aid == domainFile:
		return status(apdu.Conditions)
	}
	if sw := ch.se.receives(r.Domain, f.aid); sw != apdu.OK {
		return status(sw)
	}
	old := f.domain
	f.domain = r.Domain
	u := ch.se.update()
	u.putFile(f, nil)
	return u.finish(old, f.aid, r.Domain)
}

// receives tells whether a domain can take over what is extradited: it is not locked, has keys, and is not itself, or
// under, what comes.
func (s *SE) receives(domain, what gp.AID) apdu.SW {
	d, ok := s.entry(domain)
	switch {
	case !ok || !d.isDomain():
		return apdu.ReferenceNotFound
	case d.aid == what, d.aid != gp.ISD && (d.locked || d.state != gp.StatePersonalized || s.under(d, what)):
		return apdu.Conditions
	}
	return apdu.OK
}
