package handover

import (
	"encoding/binary"
	"errors"

	"mobileid/mdoc/apdu"
)

func status(sw apdu.SW) apdu.Response { return apdu.Response{SW: sw} }

// process answers a command. One that is refused changes nothing.
func (t *Tag) process(c apdu.Command) apdu.Response {
	switch {
	case c.Proprietary():
		return status(apdu.ClaUnsupported)
	case c.Channel() != 0:
		return status(apdu.ChannelUnsupported)
	case c.Secured():
		return status(apdu.SecureUnsupported)
	case c.Chained():
		return status(apdu.ChainingUnsupported)
	case c.CLA != 0:
		return status(apdu.ClaUnsupported)
	}
	switch c.INS {
	case insSelect:
		return t.choose(c)
	case insReadBinary:
		return t.read(c)
	case insUpdateBinary:
		return t.update(c)
	}
	return status(apdu.InsUnsupported)
}

// choose answers SELECT of the application and of a file.
func (t *Tag) choose(c apdu.Command) apdu.Response {
	switch {
	case c.P1 == selectByName && (c.P2 == 0 || c.P2 == noAnswer):
		if string(c.Data) != aid {
			return status(apdu.NotFound)
		}
		t.selected, t.file = true, 0
		t.begin()
	case c.P1 == 0 && (c.P2 == noAnswer || c.P2 == 0):
		if len(c.Data) != 2 {
			return status(apdu.WrongLength)
		}
		file := int(binary.BigEndian.Uint16(c.Data))
		if !t.selected || file != fileCapability && file != fileNDEF {
			return status(apdu.NotFound)
		}
		t.file = file
	default:
		return status(apdu.WrongParameters)
	}
	return status(apdu.OK)
}

// offset gives P1 and P2 as an offset, or a status word other than 9000 (ISO/IEC 7816-4:2020, 11.3.2).
func (t *Tag) offset(c apdu.Command) (int, apdu.SW) {
	switch {
	case t.file == 0:
		return 0, apdu.NoCurrentFile
	case c.P1&shortFile != 0:
		return 0, apdu.WrongParameters
	}
	return int(c.P1)<<8 | int(c.P2), apdu.OK
}

// read answers READ BINARY with what there is of the bytes asked for.
func (t *Tag) read(c apdu.Command) apdu.Response {
	at, sw := t.offset(c)
	switch {
	case sw != apdu.OK:
		return status(sw)
	case len(c.Data) > 0 || c.Le == 0:
		return status(apdu.WrongLength)
	}
	ndef := t.file == fileNDEF
	if ndef && at == 0 {
		t.ask()
	}
	content := t.content()
	switch {
	case ndef && t.step == stepFailed:
		return status(apdu.Conditions)
	case at >= len(content):
		return status(apdu.OffsetOutside)
	}
	end := min(at+c.Le, len(content))
	if ndef && t.step == stepSelect && end == len(content) {
		t.finish()
	}
	return apdu.Response{Data: content[at:end], SW: apdu.OK}
}

func (t *Tag) finish() {
	if !t.finished {
		t.finished = true
		close(t.done)
	}
}

// update answers UPDATE BINARY. A message is there when its length is set and all its bytes have come, whether the length
// came with them or, after a length of zero, behind them.
func (t *Tag) update(c apdu.Command) apdu.Response {
	at, sw := t.offset(c)
	switch {
	case sw != apdu.OK:
		return status(sw)
	case t.file != fileNDEF || t.cfg.Choose == nil:
		return status(apdu.SecurityStatus)
	case t.step != stepService && t.step != stepStatus:
		return status(apdu.Conditions)
	case len(c.Data) == 0 || c.Le != 0:
		return status(apdu.WrongLength)
	case at > len(t.written) || at+len(c.Data) > fileSize || at == 0 && len(c.Data) < lengthSize || at == 1:
		return status(apdu.OffsetOutside)
	}
	t.write(at, c.Data)
	n := int(binary.BigEndian.Uint16(t.written))
	switch {
	case n > maxNDEF:
		t.written = nil
		return status(apdu.WrongData)
	case n == 0 || len(t.written) < lengthSize+n:
		return status(apdu.OK)
	}
	message := t.written[lengthSize : lengthSize+n]
	t.written = nil
	return status(t.take(message))
}

// write puts data into the file; a length of zero begins a message anew.
func (t *Tag) write(at int, data []byte) {
	if at == 0 && data[0] == 0 && data[1] == 0 {
		t.written = nil
	}
	n := copy(t.written[at:], data)
	t.written = append(t.written, data[n:]...)
}

// take does the next step with a message of the reader.
func (t *Tag) take(message []byte) apdu.SW {
	if t.step == stepService {
		if !isServiceSelect(message) {
			return apdu.WrongData
		}
		shown, err := statusMessage(0)
		if err != nil {
			return apdu.Unknown
		}
		t.step, t.shown = stepStatus, shown
		return apdu.OK
	}
	req, err := ParseRequest(message)
	if err != nil {
		return apdu.WrongData
	}
	t.req, t.shown, t.step = req, nil, stepChoice
	if t.ask(); t.step == stepFailed {
		return apdu.Conditions
	}
	return apdu.OK
}

// ask asks for the choice while it is due.
func (t *Tag) ask() {
	if t.step != stepChoice {
		return
	}
	sel, err := t.cfg.Choose(t.req)
	if errors.Is(err, ErrNotReady) {
		return
	}
	t.step = stepFailed
	if err != nil {
		return
	}
	h, err := New(sel, t.req)
	if err != nil || len(sel.raw) > maxNDEF {
		return
	}
	t.result, t.shown, t.step = h, sel.raw, stepSelect
}
