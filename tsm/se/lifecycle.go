package se

import (
	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
)

// setStatus answers SET STATUS, GlobalPlatform Card Specification 2.3.1, 11.10.
func (ch *channel) setStatus(c apdu.Command) apdu.Response {
	ch.endPersonalization()
	ch.loading = nil
	set, err := gp.ParseSetStatus(c)
	if err != nil {
		return refused(err)
	}
	switch {
	case set.Scope == gp.StatusOfCard:
		return status(ch.setCard(set))
	case ch.se.cardState == gp.CardLocked:
		return status(apdu.Conditions)
	case set.Scope == gp.StatusOfApplication:
		return status(ch.setApplication(set))
	default:
		return status(ch.setDomain(set))
	}
}

// setCard moves the card's life cycle. Locking what is locked is no error, so that a lost answer can be repeated.
func (ch *channel) setCard(set gp.SetStatus) apdu.SW {
	next, self := gp.CardState(set.State), ch.self()
	needed := gp.CardLock
	if next == gp.CardTerminated {
		needed = gp.CardTerminate
	}
	now := ch.se.cardState
	moves := now == gp.CardLocked || next == gp.CardLocked || next == gp.CardTerminated
	switch {
	case set.AID != "" && set.AID != gp.ISD:
		return apdu.ReferenceNotFound
	case !self.privileges.Has(needed), !moves && self.aid != gp.ISD:
		return apdu.SecurityStatus
	case now == next && next == gp.CardLocked:
		return apdu.OK
	case !now.CanBecome(next):
		return apdu.Conditions
	}
	u := ch.se.update()
	u.setCardState(next)
	return StatusOf(u.commit())
}

func (u *update) setCardState(next gp.CardState) {
	u.set(keyCardState, []byte{byte(next)})
	u.after = append(u.after, func() { u.se.enter(next) })
}

// enter is what a new state of the card does beside being stored: a lock or the end of the card ends what holders have
// verified, as the lock of an application does. An unlock may come before the next command on their channels.
func (s *SE) enter(next gp.CardState) {
	s.cardState = next
	if next == gp.CardLocked || next == gp.CardTerminated {
		s.startAnew(func(*instance) bool { return true })
	}
}

// startAnew has selected programs begin as if they had been selected just now, whatever their channel.
func (s *SE) startAnew(which func(*instance) bool) {
	for _, ch := range s.channels {
		if ch.instance != nil && which(ch.instance) {
			ch.instance.applet.Deselect()
			ch.instance.applet.Select()
		}
	}
}

// setApplication locks and unlocks an application or a domain: bit 80 of P2 locks; without it the state before the lock
// comes back. Locking what is locked is no error. Who is locked cannot unlock itself.
func (ch *channel) setApplication(set gp.SetStatus) apdu.SW {
	e, ok := ch.se.entry(set.AID)
	lock := gp.State(set.State).Locked()
	switch {
	case !ok:
		return apdu.ReferenceNotFound
	case e.aid == gp.ISD:
		return apdu.Conditions
	case !ch.mayLock(e):
		return apdu.SecurityStatus
	case lock == e.locked && lock:
		return apdu.OK
	case lock == e.locked:
		return apdu.Conditions
	}
	u := ch.se.update()
	u.lock(e, lock)
	return StatusOf(u.commit())
}

// mayLock tells whether the session's domain may lock and unlock an entry.
func (ch *channel) mayLock(e entry) bool {
	return e.aid == ch.domain || ch.se.under(e, ch.domain) || ch.self().privileges.Has(gp.GlobalLock)
}

// lock stores an entry with or without its lock. Sessions with a domain that is locked end, and what is locked starts anew
// where it is selected: what a holder has verified does not outlive the lock.
func (u *update) lock(e entry, locked bool) {
	e.locked = locked
	u.put(e)
	if !locked {
		return
	}
	u.after = append(u.after, func() {
		u.se.startAnew(func(i *instance) bool { return i.aid == e.aid })
		for _, ch := range u.se.channels {
			if e.isDomain() && ch.domain == e.aid && !ch.answering {
				ch.endSession()
			}
		}
	})
}

// setDomain locks and unlocks a security domain together with all that is under it.
func (ch *channel) setDomain(set gp.SetStatus) apdu.SW {
	d, ok := ch.se.registry[set.AID]
	lock := gp.State(set.State).Locked()
	switch {
	case !ok || !d.isDomain():
		return apdu.ReferenceNotFound
	case !ch.mayLock(d):
		return apdu.SecurityStatus
	case !lock && !d.locked:
		return apdu.Conditions
	}
	u := ch.se.update()
	for _, e := range ch.se.entries() {
		if (e.aid == d.aid || ch.se.under(e, d.aid)) && e.locked != lock {
			u.lock(e, lock)
		}
	}
	return StatusOf(u.commit())
}
