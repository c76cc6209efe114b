package se

import (
	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
)

// Instructions, GlobalPlatform Card Specification 2.3.1, table 11-1.
const (
	insInitializeUpdate     = 0x50
	insManageChannel        = 0x70
	insExternalAuthenticate = 0x82
	insSelect               = 0xA4
	insGetData              = 0xCA
	insPutKey               = 0xD8
	insStoreData            = 0xE2
	insDelete               = 0xE4
	insInstall              = 0xE6
	insLoad                 = 0xE8
	insSetStatus            = 0xF0
	insGetStatus            = 0xF2
)

func status(sw apdu.SW) apdu.Response { return apdu.Response{SW: sw} }

// process carries out a command on the channel its class names.
func (s *SE) process(raw []byte) apdu.Response {
	c, err := apdu.ParseCommand(raw)
	if err != nil {
		if len(raw) > 0 && raw[0] != 0xFF {
			if n := (apdu.Command{CLA: raw[0]}).Channel(); n < channels {
				s.channels[n].endSession()
			}
		}
		return status(apdu.WrongLength)
	}
	if c.CLA == 0xFF {
		return status(apdu.ClaUnsupported)
	}
	n := c.Channel()
	if n >= channels {
		return status(apdu.ChannelUnsupported)
	}
	ch := s.channels[n]
	if !ch.open {
		if c.INS != insSelect || c.CLA&^0x03 != 0 {
			return status(apdu.ChannelUnsupported)
		}
		ch.clear(true) // SELECT opens its channel
		r := ch.process(c)
		ch.open = r.SW == apdu.OK || r.SW == apdu.WarnCardLocked
		return r
	}
	return ch.process(c)
}

// process admits the classes 00 and 80, with the secure messaging bit 04, the chaining bit 10 and a channel number.
func (ch *channel) process(c apdu.Command) apdu.Response {
	c.CLA = apdu.ClearChannel(c.CLA)
	if c.CLA&^0x94 != 0 {
		ch.endSession()
		return status(apdu.ClaUnsupported)
	}
	if c.INS == insManageChannel && c.CLA&^0x04 == 0 && ch.chained == nil && ch.se.cardState != gp.CardTerminated {
		ch.endHandshake()
		return ch.manageChannel(c)
	}
	c, sw, whole := ch.join(c)
	if !whole {
		return status(sw)
	}
	return ch.route(c)
}

// route gives a whole command to whom it is for.
func (ch *channel) route(c apdu.Command) apdu.Response {
	if c.INS != insExternalAuthenticate || c.CLA != 0x84 {
		ch.endHandshake() // it is two commands in a row
	}
	if ch.se.cardState == gp.CardLocked && ch.selection() != gp.ISD {
		ch.deselect() // of a locked card the ISD answers alone
	}
	switch {
	case ch.se.cardState == gp.CardTerminated:
		return ch.terminated(c)
	case c.INS == insSelect && c.CLA == 0x00:
		return ch.selectByAID(c)
	case ch.instance != nil:
		if c.Secured() {
			return status(apdu.SecureUnsupported)
		}
		return ch.instance.applet.Process(c)
	case c.INS == insInitializeUpdate && c.CLA == 0x80:
		return ch.initializeUpdate(c)
	case c.INS == insExternalAuthenticate && c.CLA == 0x84 && ch.session == nil:
		return ch.externalAuthenticate(c)
	case ch.session != nil:
		return ch.protected(c)
	default:
		return ch.unprotected(c)
	}
}

// protected carries out a command of the session and protects its answer. A fault of secure messaging, a missing MAC
// included, ends the session.
func (ch *channel) protected(c apdu.Command) apdu.Response {
	session := ch.session
	plain, err := session.Unwrap(c)
	if err != nil {
		ch.endSession()
		return status(apdu.SecurityStatus)
	}
	ch.answering = true
	r := ch.manage(plain)
	ch.answering = false
	if !session.Open() {
		return status(apdu.SecurityStatus)
	}
	r = session.Wrap(r)
	if ch.self().locked || ch.se.cardState == gp.CardTerminated {
		ch.endSession()
	}
	return r
}

// unprotected answers a security domain without a session: GET DATA, and 6982 for what needs one.
func (ch *channel) unprotected(c apdu.Command) apdu.Response {
	switch c.INS {
	case insGetData:
		if c.Secured() {
			return status(apdu.SecurityStatus)
		}
		return shortened(ch.getData(c), c.Le)
	case insGetStatus, insInstall, insLoad, insStoreData, insDelete, insSetStatus, insPutKey:
		return status(apdu.SecurityStatus)
	case insExternalAuthenticate:
		return status(apdu.Conditions)
	}
	if c.Secured() {
		return status(apdu.SecurityStatus)
	}
	return status(apdu.InsUnsupported)
}

// shortened tells the right Le to who asked for less than there is.
func shortened(r apdu.Response, le int) apdu.Response {
	if n := len(r.Data); le > 0 && n > le && n <= apdu.MaxShortLe {
		return status(0x6C00 | apdu.SW(n&0xFF))
	}
	return r
}

// terminated is what is left of a card for good: GET DATA.
func (ch *channel) terminated(c apdu.Command) apdu.Response {
	if c.INS != insGetData || c.Secured() {
		return status(apdu.Conditions)
	}
	return shortened(ch.getData(c), c.Le)
}

// manage carries out a command that came through the session.
func (ch *channel) manage(c apdu.Command) apdu.Response {
	if c.INS != insGetStatus {
		ch.listing = nil
	}
	if c.INS != insStoreData {
		ch.storing = nil
	}
	switch c.INS {
	case insGetData:
		return ch.getData(c)
	case insGetStatus:
		return ch.getStatus(c)
	case insSetStatus:
		return ch.setStatus(c)
	}
	if ch.se.cardState == gp.CardLocked {
		return status(apdu.Conditions)
	}
	switch c.INS {
	case insStoreData:
		return ch.storeData(c)
	case insLoad:
		return ch.load(c)
	case insInstall:
		return ch.install(c)
	case insDelete:
		return ch.delete(c)
	case insPutKey:
		return ch.putKey(c)
	default:
		return status(apdu.InsUnsupported)
	}
}
