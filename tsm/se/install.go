package se

import (
	"errors"
	"slices"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
)

// refused gives the status word of a card-side parser's error.
func refused(err error) apdu.Response {
	if e, ok := errors.AsType[*apdu.StatusError](err); ok {
		return status(e.SW)
	}
	return status(apdu.WrongData)
}

// install answers INSTALL, GlobalPlatform Card Specification 2.3.1, 11.5.
func (ch *channel) install(c apdu.Command) apdu.Response {
	ch.endPersonalization()
	ch.loading = nil
	i, err := gp.ParseInstall(c)
	if err != nil {
		return refused(err)
	}
	switch i := i.(type) {
	case gp.Personalize:
		return ch.installForPersonalization(i)
	case gp.InstallLoad:
		return ch.installForLoad(c, i)
	case gp.Install:
		return ch.installApplication(c, i)
	case gp.MakeSelectable:
		return ch.makeSelectable(c, i)
	case gp.Extradite:
		return ch.registryUpdate(c, gp.RegistryUpdate{Domain: i.Domain, Application: i.Application, Token: i.Token})
	case gp.RegistryUpdate:
		return ch.registryUpdate(c, i)
	default:
		return status(apdu.FunctionUnsupported)
	}
}

// installForPersonalization directs the STORE DATA commands that follow to an application of this very domain, 7.3.3, or to
// a domain under it that has no keys of its own yet.
func (ch *channel) installForPersonalization(p gp.Personalize) apdu.Response {
	e, ok := ch.se.registry[p.Instance]
	switch {
	case !ok:
		return status(apdu.ReferenceNotFound)
	case e.domain != ch.domain || e.isDomain() && e.state == gp.StatePersonalized:
		return status(apdu.Conditions)
	}
	ch.target = &target{instance: ch.se.instances[p.Instance], domain: p.Instance}
	return apdu.Response{Data: gp.Confirmation(), SW: apdu.OK}
}

// installApplication makes an instance of a built-in program, or a security domain, and makes it selectable unless told
// otherwise, 9.3.
func (ch *channel) installApplication(c apdu.Command, i gp.Install) apdu.Response {
	s := ch.se
	if sw := ch.authorize(c, i.Token); sw != apdu.OK {
		return status(sw)
	}
	f, ok := s.files[i.LoadFile]
	if !ok || !slices.Contains(f.modules, i.Module) {
		return status(apdu.ReferenceNotFound)
	}
	domain := f.aid == domainFile
	k, program := s.kindOf(i.LoadFile, i.Module)
	switch {
	case !domain && !program:
		return status(apdu.ReferenceNotFound) // code that was loaded is not run
	case f.domain != gp.ISD && f.domain != ch.domain && !s.under(ch.self(), f.domain):
		return status(apdu.Conditions)
	case i.Privileges.Has(gp.SecurityDomain) != domain, !ch.grantable(i.Privileges), !s.acceptable(k, i):
		return status(apdu.WrongData)
	case s.taken(i.Instance):
		return status(apdu.Conditions)
	case int64(i.Limits.NonVolatile) > int64(s.mem.Free()), i.Limits.Volatile > volatileMemory:
		return status(apdu.NoSpace)
	}
	e := entry{
		aid: i.Instance, file: i.LoadFile, module: i.Module, domain: ch.domain, state: gp.StateSelectable, privileges: i.Privileges,
	}
	if i.NotSelectable {
		e.state = gp.StateInstalled
	}
	u := s.update()
	u.put(e)
	if program {
		u.after = append(u.after, func() { s.run(k, e.aid) })
	}
	return u.finish(i.LoadFile, i.Instance)
}

// acceptable asks the program about AID and parameters; for a security domain the parameters must be readable.
func (s *SE) acceptable(k Kind, i gp.Install) bool {
	if k != nil {
		return k.Accept([]byte(i.Instance), i.Parameters) == nil
	}
	d, err := gp.ParseDomainParameters(i.Parameters)
	if err != nil {
		return false
	}
	for _, channel := range d.Channels {
		if channel.SCP != 0x03 || channel.Option != uint32(s.option) {
			return false
		}
	}
	return true
}

// taken tells whether an AID names something already.
func (s *SE) taken(aid gp.AID) bool {
	_, installed := s.entry(aid)
	_, loaded := s.files[aid]
	return installed || loaded
}

// makeSelectable answers INSTALL [for make selectable]; doing it twice is no error, so that a lost answer can be repeated.
func (ch *channel) makeSelectable(c apdu.Command, m gp.MakeSelectable) apdu.Response {
	if sw := ch.authorize(c, m.Token); sw != apdu.OK {
		return status(sw)
	}
	e, ok := ch.se.registry[m.Instance]
	switch {
	case !ok:
		return status(apdu.ReferenceNotFound)
	case !ch.se.under(e, ch.domain):
		return status(apdu.SecurityStatus)
	case m.Privileges != 0 && m.Privileges != e.privileges:
		return status(apdu.WrongData)
	}
	if e.state == gp.StateInstalled {
		e.state = gp.StateSelectable
	}
	u := ch.se.update()
	u.put(e)
	return u.finish(e.file, e.aid)
}
