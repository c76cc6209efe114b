package se

import (
	"bytes"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
)

// selectByAID answers SELECT, 11.9: by whole or partial AID, the ISD for none at all. It ends the session in any case;
// when nothing is found, what was selected stays so. P2 0C asks for no data (ISO/IEC 7816-4:2020, 11.2.2).
func (s *SE) selectByAID(c apdu.Command) apdu.Response {
	s.endSession()
	if files, ok := s.fileSelector(); ok && c.P1 != 0x04 {
		return files.SelectFile(c)
	}
	if c.P1 != 0x04 || c.P2 != 0x00 && c.P2 != 0x02 && c.P2 != 0x0C {
		return status(apdu.WrongParameters)
	}
	r := s.selectApplication(c)
	if c.P2 == 0x0C {
		r.Data = nil
	}
	return r
}

// fileSelector is the selected program, if it has files.
func (s *SE) fileSelector() (FileSelector, bool) {
	if s.selected == nil {
		return nil, false
	}
	f, ok := s.selected.applet.(FileSelector)
	return f, ok
}

func (s *SE) selectApplication(c apdu.Command) apdu.Response {
	aid, ok := s.match(c.Data, c.P2 == 0x02)
	if !ok {
		return status(apdu.NotFound)
	}
	if files, ok := s.fileSelector(); ok && bytes.Equal(aid, s.selected.aid) {
		files.Reselect()
		return s.answerSelect(aid)
	}
	if s.selected != nil {
		s.selected.applet.Deselect()
		s.selected = nil
	}
	if bytes.Equal(aid, []byte(gp.ISD)) {
		return apdu.Response{Data: fci(aid), SW: apdu.OK}
	}
	s.selected = s.instances[string(aid)]
	s.selected.applet.Select()
	return s.answerSelect(aid)
}

func (s *SE) answerSelect(aid []byte) apdu.Response {
	if e, ok := s.entry(aid); ok && e.locked {
		return apdu.Response{Data: fci(aid), SW: apdu.WarnCardLocked}
	}
	return apdu.Response{Data: fci(aid), SW: apdu.OK}
}

// match finds the first application whose AID begins with prefix, or the next one after the selected.
func (s *SE) match(prefix []byte, next bool) ([]byte, bool) {
	if len(prefix) == 0 {
		return []byte(gp.ISD), !next
	}
	if _, whole := s.instances[string(prefix)]; whole {
		return prefix, !next
	}
	candidates := [][]byte{[]byte(gp.ISD)}
	for _, e := range s.entries() {
		candidates = append(candidates, e.aid)
	}
	current := []byte(gp.ISD)
	if s.selected != nil {
		current = s.selected.aid
	}
	skip := next
	for _, aid := range candidates {
		switch {
		case !bytes.HasPrefix(aid, prefix):
		case !skip:
			return aid, true
		case bytes.Equal(aid, current):
			skip = false
		}
	}
	return nil, false
}

// fci is the file control information; a command may bring 255 bytes, or more in extended length.
func fci(aid []byte) []byte { return gp.FCI{AID: gp.AID(aid), MaxData: apdu.MaxShortLc}.Bytes() }
