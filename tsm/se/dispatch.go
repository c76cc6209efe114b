package se

import (
	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
)

// Instructions of the ISD, GlobalPlatform Card Specification 2.3.1, table 11-1.
const (
	insSelect               = 0xA4
	insGetData              = 0xCA
	insInitializeUpdate     = 0x50
	insExternalAuthenticate = 0x82
	insGetStatus            = 0xF2
	insInstall              = 0xE6
	insStoreData            = 0xE2
	insDelete               = 0xE4
	insSetStatus            = 0xF0
)

// chain collects the parts of a chained command (ISO/IEC 7816-4:2020, 5.3.3).
type chain struct {
	header [4]byte // of the first part, without the chaining bit
	data   []byte
}

func status(sw apdu.SW) apdu.Response { return apdu.Response{SW: sw} }

// process carries out a command and shortens what a short Le cannot take.
func (s *SE) process(raw []byte) apdu.Response {
	c, err := apdu.ParseCommand(raw)
	if err != nil {
		s.endSession()
		return status(apdu.WrongLength)
	}
	if sw := checkClass(c); sw != apdu.OK {
		s.endSession()
		return status(sw)
	}
	c, sw, whole := s.join(c)
	if !whole {
		return status(sw)
	}
	return s.route(c)
}

// checkClass admits 00 and 80, with the secure messaging bit 04 and the chaining bit 10, on the basic channel.
func checkClass(c apdu.Command) apdu.SW {
	switch {
	case c.CLA&^0x94 == 0:
		return apdu.OK
	case c.Channel() != 0 && c.CLA != 0xFF:
		return apdu.ChannelUnsupported
	default:
		return apdu.ClaUnsupported
	}
}

// join collects chained parts. The whole of a chain over 255 bytes counts as one extended command, which is how a host
// that protects before it cuts has computed its MAC. An open chain is dropped by SELECT, which begins anew in every respect,
// and by any other command that does not continue it, which is refused.
func (s *SE) join(c apdu.Command) (whole apdu.Command, sw apdu.SW, ok bool) {
	header := [4]byte{c.CLA &^ 0x10, c.INS, c.P1, c.P2}
	if c.INS == insSelect && c.CLA == 0x00 {
		s.chained = nil
	}
	if s.chained != nil && s.chained.header != header {
		s.chained = nil
		s.endSession()
		return c, apdu.LastOfChainExpected, false
	}
	if s.chained == nil && !c.Chained() {
		return c, apdu.OK, true
	}
	if s.chained == nil {
		s.chained = &chain{header: header}
	}
	if len(s.chained.data)+len(c.Data) > apdu.MaxExtendedLc {
		s.chained = nil
		s.endSession()
		return c, apdu.WrongLength, false
	}
	s.chained.data = append(s.chained.data, c.Data...)
	if c.Chained() {
		return c, apdu.OK, false
	}
	c.Data = s.chained.data
	c.Extended = c.Extended || len(c.Data) > apdu.MaxShortLc
	s.chained = nil
	return c, apdu.OK, true
}

// route gives a whole command to whom it is for.
func (s *SE) route(c apdu.Command) apdu.Response {
	if c.INS != insExternalAuthenticate {
		s.card.Reset() // a handshake is two commands in a row
	}
	if c.INS == insSelect && c.CLA == 0x00 {
		return s.selectByAID(c)
	}
	if s.selected != nil {
		if c.Secured() {
			return status(apdu.SecureUnsupported)
		}
		return s.selected.applet.Process(c)
	}
	switch {
	case c.INS == insInitializeUpdate && c.CLA == 0x80:
		s.endSession()
		return s.card.InitializeUpdate(c, []byte(gp.ISD))
	case c.INS == insExternalAuthenticate && c.CLA == 0x84 && s.session == nil:
		r, session := s.card.ExternalAuthenticate(c)
		s.session = session
		return r
	case s.session != nil:
		return s.protected(c)
	default:
		return s.unprotected(c)
	}
}

// protected carries out a command of the session and protects its answer. A fault of secure messaging, a missing MAC
// included, ends the session.
func (s *SE) protected(c apdu.Command) apdu.Response {
	session := s.session
	plain, err := session.Unwrap(c)
	if err != nil {
		s.endSession()
		return status(apdu.SecurityStatus)
	}
	r := s.manage(plain)
	if !session.Open() {
		return status(apdu.SecurityStatus)
	}
	return session.Wrap(r)
}

// unprotected answers the ISD without a session: GET DATA, and 6982 for what needs one.
func (s *SE) unprotected(c apdu.Command) apdu.Response {
	switch c.INS {
	case insGetData:
		if c.Secured() {
			return status(apdu.SecurityStatus)
		}
		r := s.getData(c)
		if n := len(r.Data); c.Le > 0 && n > c.Le {
			return status(0x6C00 | apdu.SW(n&0xFF))
		}
		return r
	case insGetStatus, insInstall, insStoreData, insDelete, insSetStatus:
		return status(apdu.SecurityStatus)
	case insExternalAuthenticate:
		return status(apdu.Conditions)
	}
	if c.Secured() {
		return status(apdu.SecurityStatus)
	}
	return status(apdu.InsUnsupported)
}

// manage carries out a command that came through the session.
func (s *SE) manage(c apdu.Command) apdu.Response {
	if c.INS != insGetStatus {
		s.listing = nil
	}
	switch c.INS {
	case insGetData:
		return s.getData(c)
	case insGetStatus:
		return s.getStatus(c)
	case insInstall:
		return s.install(c)
	case insStoreData:
		return s.storeData(c)
	case insDelete:
		return s.delete(c)
	case insSetStatus:
		return s.setStatus(c)
	default:
		return status(apdu.InsUnsupported)
	}
}
