package se

import (
	"bytes"
	"errors"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
	"mobileid/tsm/se/nvm"
)

// refused gives the status word of a card-side parser's error.
func refused(err error) apdu.Response {
	if e, ok := errors.AsType[*apdu.StatusError](err); ok {
		return status(e.SW)
	}
	return status(apdu.WrongData)
}

// install answers INSTALL, GlobalPlatform Card Specification 2.3.1, 11.5.
func (s *SE) install(c apdu.Command) apdu.Response {
	s.endPersonalization()
	installation, err := gp.ParseInstall(c)
	if err != nil {
		return refused(err)
	}
	switch i := installation.(type) {
	case gp.Personalize:
		return s.installForPersonalization(i)
	case gp.Install:
		if !i.NotSelectable {
			return s.installApplication(i)
		}
	}
	return status(apdu.WrongParameters)
}

// installApplication makes an instance and makes it selectable. Applications have no privileges here, and tokens are for
// delegated management, which nobody has.
func (s *SE) installApplication(i gp.Install) apdu.Response {
	k, ok := s.kindOf([]byte(i.Module))
	if !ok || !bytes.Equal(k.LoadFile(), []byte(i.LoadFile)) {
		return status(apdu.ReferenceNotFound)
	}
	aid := []byte(i.Instance)
	if i.Privileges != 0 || len(i.Token) != 0 || k.Accept(aid, i.Parameters) != nil {
		return status(apdu.WrongData)
	}
	if _, exists := s.entry(aid); exists {
		return status(apdu.Conditions)
	}
	e := entry{aid: aid, module: []byte(i.Module), state: gp.StateSelectable}
	if err := s.mem.Commit(nvm.Change{Key: registryKey(aid), Value: e.encode()}); err != nil {
		return status(StatusOf(err))
	}
	s.run(k, aid)
	return apdu.Response{Data: gp.Confirmation(), SW: apdu.OK}
}

// installForPersonalization directs the STORE DATA commands that follow to an application, 7.3.3.
func (s *SE) installForPersonalization(p gp.Personalize) apdu.Response {
	target, ok := s.instances[string(p.Instance)]
	if !ok {
		return status(apdu.ReferenceNotFound)
	}
	s.target = target
	return apdu.Response{Data: gp.Confirmation(), SW: apdu.OK}
}

// storeData passes a block on, 11.11. The ISD itself takes none.
func (s *SE) storeData(c apdu.Command) apdu.Response {
	if s.target == nil {
		return status(apdu.Conditions)
	}
	b, err := gp.ParseStoreData(c)
	if err != nil {
		return refused(err)
	}
	return s.target.applet.StoreData(b)
}

// delete answers DELETE of an application, 11.2, and destroys what it stored.
func (s *SE) delete(c apdu.Command) apdu.Response {
	s.endPersonalization()
	deletion, err := gp.ParseDelete(c)
	if err != nil {
		return refused(err)
	}
	d, ok := deletion.(gp.Delete)
	if !ok {
		return status(apdu.FunctionUnsupported)
	}
	if len(d.Token) != 0 {
		return status(apdu.WrongData)
	}
	target, ok := s.instances[string(d.AID)]
	if !ok {
		return status(s.undeletable(d.AID))
	}
	target.applet.Delete()
	if err := s.remove(target.aid); err != nil {
		return status(StatusOf(err))
	}
	return apdu.Response{Data: gp.Confirmation(), SW: apdu.OK}
}

// undeletable tells why an AID that is no application cannot be deleted.
func (s *SE) undeletable(aid gp.AID) apdu.SW {
	if aid == gp.ISD {
		return apdu.Conditions
	}
	for _, k := range s.cfg.Applets {
		if string(aid) == string(k.LoadFile()) {
			return apdu.Conditions
		}
	}
	return apdu.ReferenceNotFound
}

// setStatus answers SET STATUS for applications, 11.10: bit 80 of P2 locks; without it the state before the lock comes
// back. Locking what is locked is no error, so that a lost answer can be repeated.
func (s *SE) setStatus(c apdu.Command) apdu.Response {
	s.endPersonalization()
	set, err := gp.ParseSetStatus(c)
	if err != nil {
		return refused(err)
	}
	if set.Scope != gp.StatusOfApplication {
		return status(apdu.WrongParameters)
	}
	e, ok := s.entry([]byte(set.AID))
	if !ok {
		return status(apdu.ReferenceNotFound)
	}
	lock := gp.State(set.State).Locked()
	if !lock && !e.locked {
		return status(apdu.Conditions)
	}
	e.locked = lock
	if err := s.mem.Commit(nvm.Change{Key: registryKey(e.aid), Value: e.encode()}); err != nil {
		return status(StatusOf(err))
	}
	return status(apdu.OK)
}
