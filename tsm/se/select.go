package se

import (
	"strings"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
)

// selectByAID answers SELECT, GlobalPlatform Card Specification 2.3.1, 11.9: by whole or partial AID, the ISD for none at
// all. It ends the session in any case; when nothing is found, what was selected stays so. P2 0C asks for no data (ISO/IEC
// 7816-4:2020, 11.2.2).
func (ch *channel) selectByAID(c apdu.Command) apdu.Response {
	ch.endSession()
	if files, ok := ch.fileSelector(); ok && c.P1 != 0x04 {
		return files.SelectFile(c)
	}
	if c.P1 != 0x04 || c.P2 != 0x00 && c.P2 != 0x02 && c.P2 != 0x0C {
		return status(apdu.WrongParameters)
	}
	aid, ok := ch.match(gp.AID(c.Data), c.P2 == 0x02)
	if !ok {
		return status(apdu.NotFound)
	}
	if sw := ch.selectMatched(aid); sw != apdu.OK {
		return status(sw)
	}
	sw := apdu.OK
	if e, _ := ch.se.entry(aid); e.locked || ch.se.cardState == gp.CardLocked {
		sw = apdu.WarnCardLocked
	}
	if c.P2 == 0x0C {
		return status(sw)
	}
	return apdu.Response{Data: fci(aid), SW: sw}
}

// selectMatched selects what was found, an application on one channel at a time. Of a locked card only the ISD is found.
func (ch *channel) selectMatched(aid gp.AID) apdu.SW {
	target := ch.se.instances[aid]
	if target == nil {
		ch.deselect()
		ch.domain = aid
		return apdu.OK
	}
	if ch.se.selectedElsewhere(aid, ch) {
		return apdu.Conditions
	}
	if files, ok := ch.fileSelector(); ok && ch.instance == target {
		files.Reselect()
		return apdu.OK
	}
	ch.deselect()
	ch.instance = target
	target.applet.Select()
	return apdu.OK
}

// fileSelector is the selected program, if it has files.
func (ch *channel) fileSelector() (FileSelector, bool) {
	if ch.instance == nil {
		return nil, false
	}
	f, ok := ch.instance.applet.(FileSelector)
	return f, ok
}

// selectedElsewhere tells whether an application or domain is selected on a channel other than this one.
func (s *SE) selectedElsewhere(aid gp.AID, except *channel) bool {
	for _, ch := range s.channels {
		if ch.open && ch != except && ch.selection() == aid {
			return true
		}
	}
	return false
}

// selection is the AID of what is selected.
func (ch *channel) selection() gp.AID {
	if ch.instance != nil {
		return ch.instance.aid
	}
	return ch.domain
}

// match finds the first selectable application whose AID begins with prefix, or the next one after the selected.
func (ch *channel) match(prefix gp.AID, next bool) (gp.AID, bool) {
	if prefix == "" {
		return gp.ISD, !next
	}
	candidates := ch.se.selectable()
	skip := next
	for _, aid := range candidates {
		switch {
		case aid == prefix:
			return aid, !next
		case !strings.HasPrefix(string(aid), string(prefix)):
		case !skip:
			return aid, true
		case aid == ch.selection():
			skip = false
		}
	}
	return "", false
}

// selectable lists what SELECT can find, the ISD first.
func (s *SE) selectable() []gp.AID {
	out := []gp.AID{gp.ISD}
	if s.cardState == gp.CardLocked {
		return out
	}
	for _, e := range s.entries() {
		if e.state != gp.StateInstalled {
			out = append(out, e.aid)
		}
	}
	return out
}

// fci is the file control information; a command may bring 255 bytes, or more in extended length.
func fci(aid gp.AID) []byte { return gp.FCI{AID: aid, MaxData: apdu.MaxShortLc}.Bytes() }
