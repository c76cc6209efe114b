package se

import (
	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
	"mobileid/tsm/scp03"
)

// channels is how many logical channels there are, the basic one included.
const channels = 4

// channel is a logical channel (ISO/IEC 7816-4:2020, 5.4.2): what is selected on it, its secure channel, and what commands
// have left half done. All of it is volatile.
type channel struct {
	se   *SE
	open bool
	// domain is the security domain selected; it counts when no application is.
	domain   gp.AID
	instance *instance

	card    *scp03.Card // between INITIALIZE UPDATE and EXTERNAL AUTHENTICATE
	keys    keySets     // the key sets of the handshake, then of the session
	session *scp03.CardSession
	// answering: a command of the session is being carried out, and its answer still has to be protected.
	answering bool
	dek       []byte // of the session's key set

	target  *target
	chained *chain
	listing *listing
	loading *loading
	storing *storing
}

// target is what [for personalization] named: an application, or a security domain when instance is nil.
type target struct {
	instance *instance
	domain   gp.AID
}

// level is the security level of the session, 0 without one.
func (ch *channel) level() scp03.Level {
	if ch.session == nil {
		return 0
	}
	return ch.session.Level()
}

// endSession drops the secure channel and what depends on it.
func (ch *channel) endSession() {
	ch.endHandshake()
	if ch.session != nil {
		ch.session.Close()
		ch.session = nil
	}
	clear(ch.dek)
	ch.dek = nil
	ch.endCommands()
	ch.endPersonalization()
}

func (ch *channel) endHandshake() {
	if ch.card != nil {
		ch.card.Reset()
		ch.card = nil
	}
}

// endCommands drops what several commands make together.
func (ch *channel) endCommands() { ch.listing, ch.loading, ch.storing = nil, nil, nil }

func (ch *channel) endPersonalization() {
	if ch.target != nil && ch.target.instance != nil {
		ch.target.instance.applet.EndPersonalization()
	}
	ch.target = nil
}

// deselect leaves the ISD selected.
func (ch *channel) deselect() {
	ch.endSession()
	if ch.instance != nil {
		ch.instance.applet.Deselect()
		ch.instance = nil
	}
	ch.domain = gp.ISD
}

// clear is what a reset leaves of a channel, the basic one open.
func (ch *channel) clear(basic bool) {
	ch.endSession()
	*ch = channel{se: ch.se, open: basic, domain: gp.ISD}
}

// initializeUpdate begins a handshake with the domain selected, whose AID goes into the challenge.
func (ch *channel) initializeUpdate(c apdu.Command) apdu.Response {
	ch.endSession()
	d, ok := ch.se.entry(ch.domain)
	if !ok || d.locked {
		return status(apdu.Conditions)
	}
	ch.keys = ch.se.keySource(ch.domain)
	card, err := scp03.NewCard(scp03.CardConfig{
		Keys: ch.keys, KDD: ch.se.id, Option: ch.se.option, Rand: ch.se.cfg.Rand, Test: ch.se.testSet(),
	})
	if err != nil {
		return status(apdu.ExecutionError)
	}
	ch.card = card
	return card.InitializeUpdate(c, []byte(ch.domain))
}

// externalAuthenticate ends the handshake; the session's Key-DEK stays with the channel, whatever becomes of the key set.
func (ch *channel) externalAuthenticate(c apdu.Command) apdu.Response {
	if ch.card == nil {
		return status(apdu.Conditions)
	}
	r, session := ch.card.ExternalAuthenticate(c)
	ch.card = nil
	if session == nil {
		return r
	}
	keys, err := ch.keys.KeySet(session.KeyVersion())
	if err != nil {
		session.Close()
		return status(apdu.MemoryFailure)
	}
	ch.session, ch.dek = session, keepDEK(keys)
	return r
}

// keepDEK erases a key set but for its Key-DEK.
func keepDEK(k scp03.Keys) []byte {
	clear(k.ENC)
	clear(k.MAC)
	return k.DEK
}

// forget ends what other channels do with key sets of a domain; version 0 is all of them. On its own channel a session
// outlives its key set.
func (ch *channel) forget(keys keySets, version byte) {
	for _, other := range ch.se.channels {
		if other.keys != keys {
			continue
		}
		other.endHandshake()
		if other != ch && other.session != nil && (version == 0 || other.session.KeyVersion() == version) {
			other.endSession()
		}
	}
}

// manageChannel answers MANAGE CHANNEL, GlobalPlatform Card Specification 2.3.1, 11.7: it opens a channel with the ISD
// selected, or the security domain of the channel it came on, and closes one. As on Java Card
// it goes to the runtime and not to what is selected, so a session neither covers it nor ends with it, whatever its level, and
// with the secure messaging bit it is refused. Sessions of other channels go on.
func (ch *channel) manageChannel(c apdu.Command) apdu.Response {
	s := ch.se
	m, err := gp.ParseManageChannel(c)
	switch {
	case c.Secured():
		return status(apdu.SecureUnsupported)
	case err != nil:
		return refused(err)
	case s.cardState == gp.CardLocked:
		return status(apdu.Conditions)
	case m.Close:
		other := s.channels[m.Channel]
		if !other.open {
			return status(apdu.WarnUnchanged)
		}
		other.deselect()
		other.clear(false)
		return status(apdu.OK)
	case ch.instance != nil && ch != s.channels[0]:
		return status(apdu.Conditions) // it would be selected twice
	}
	return ch.openChannel(m.Channel)
}

// openChannel opens a channel by number, or any for 0.
func (ch *channel) openChannel(number byte) apdu.Response {
	s := ch.se
	if number != 0 && s.channels[number].open {
		return status(apdu.Conditions)
	}
	for n, other := range s.channels {
		if other.open || number != 0 && n != int(number) {
			continue
		}
		other.clear(true)
		if ch != s.channels[0] {
			other.domain = ch.domain
		}
		if number != 0 {
			return status(apdu.OK)
		}
		return apdu.Response{Data: []byte{byte(n)}, SW: apdu.OK}
	}
	return status(apdu.FunctionUnsupported)
}
