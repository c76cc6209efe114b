package seram

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"

	"mobileid/mdoc/apdu"
)

// APDU is a command or a response in hex, upper case when written, either case
// when read (schema apdu). A missing answer is the empty string.
type APDU []byte

// MarshalText writes upper-case hex.
func (a APDU) MarshalText() ([]byte, error) { return a.appendTo(make([]byte, 0, 2*len(a))), nil }

// UnmarshalText reads hex of at most the longest response there is.
func (a *APDU) UnmarshalText(text []byte) error {
	if len(text) > 2*apdu.MaxResponse {
		return errors.New("reading apdu: too long")
	}
	out := make([]byte, hex.DecodedLen(len(text)))
	if _, err := hex.Decode(out, text); err != nil {
		return errors.New("reading apdu: not hex")
	}
	*a = out
	return nil
}

func (a APDU) appendTo(b []byte) []byte {
	const digits = "0123456789ABCDEF"
	for _, x := range a {
		b = append(b, digits[x>>4], digits[x&0x0F])
	}
	return b
}

// APDUs is a list of them. A document is delivered in a hundred and more, so the
// list is read and written without looking at each by reflection.
type APDUs []APDU

// MarshalJSON writes an array; nil is an empty one.
func (l APDUs) MarshalJSON() ([]byte, error) { return l.appendTo(make([]byte, 0, l.size())), nil }

// UnmarshalJSON reads an array of strings, or null as an empty one. The APDUs of
// the list share one allocation.
func (l *APDUs) UnmarshalJSON(text []byte) error {
	if bytes.IndexByte(text, '\\') >= 0 || len(text) == 0 || text[0] != '[' { // no hex digit needs an escape, but may have one
		return json.Unmarshal(text, (*[]APDU)(l))
	}
	out := make(APDUs, 0, bytes.Count(text, []byte{'"'})/2)
	all := make([]byte, 0, len(text)/2)
	for rest := skip(text[1:]); len(rest) > 0 && rest[0] != ']'; { // the decoder has seen that it is an array
		if after, missing := bytes.CutPrefix(rest, []byte("null")); missing {
			out, rest = append(out, nil), skip(after)
			continue
		}
		if rest[0] != '"' {
			return errors.New("reading apdu: not a string")
		}
		one, after, _ := bytes.Cut(rest[1:], []byte{'"'})
		if len(one) > 2*apdu.MaxResponse {
			return errors.New("reading apdu: too long")
		}
		begin := len(all)
		var err error
		if all, err = hex.AppendDecode(all, one); err != nil {
			return errors.New("reading apdu: not hex")
		}
		out = append(out, all[begin:len(all):len(all)])
		rest = skip(after)
	}
	*l = out
	return nil
}

// skip passes over what stands between two members of an array.
func skip(text []byte) []byte { return bytes.TrimLeft(text, ", \t\r\n") }

func (l APDUs) size() int {
	n := 2
	for _, a := range l {
		n += 2*len(a) + 3
	}
	return n
}

func (l APDUs) appendTo(b []byte) []byte {
	b = append(b, '[')
	for i, a := range l {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(a.appendTo(append(b, '"')), '"')
	}
	return append(b, ']')
}

// Bytes is the order's JSON, as json.Marshal gives it without looking at the lists
// twice.
func (o Order) Bytes() ([]byte, error) {
	n := 256
	for _, c := range o.RAMCommands {
		n += c.ListOfCAPDU.size() + len(c.Notification) + 64
	}
	w := writer{b: make([]byte, 0, n)}
	w.b = append(w.b, '{')
	if o.Delay != nil {
		w.member("delay", *o.Delay)
	}
	if o.ChosenSecureElement != nil {
		w.member("chosenSecureElement", o.ChosenSecureElement)
	}
	if len(o.RAMCommands) > 0 {
		w.name("ramCommands")
		w.b = append(w.b, '[')
		for i, c := range o.RAMCommands {
			w.open(i)
			w.member("ramCommandType", c.Type)
			if len(c.ListOfCAPDU) > 0 {
				w.name("listOfCAPDU")
				w.b = c.ListOfCAPDU.appendTo(w.b)
			}
			if c.Notification != "" {
				w.member("deviceAppNotification", c.Notification)
			}
			w.b = append(w.b, '}')
		}
		w.b = append(w.b, ']')
	}
	return append(w.b, '}'), w.err
}

// Bytes is the report's JSON, as Order.Bytes is the order's.
func (r Report) Bytes() ([]byte, error) {
	n := 256
	for _, x := range r.RAMResponses {
		n += x.ListOfRAPDU.size() + 64
	}
	w := writer{b: make([]byte, 0, n)}
	w.b = append(w.b, '{')
	w.member("localAgentStatus", r.LocalAgentStatus)
	if len(r.RAMResponses) > 0 {
		w.name("ramResponses")
		w.b = append(w.b, '[')
		for i, x := range r.RAMResponses {
			w.open(i)
			w.member("ramResponseType", x.Type)
			w.name("listOfRAPDU")
			w.b = append(x.ListOfRAPDU.appendTo(w.b), '}')
		}
		w.b = append(w.b, ']')
	}
	return append(w.b, '}'), w.err
}

// writer writes the members of an object and keeps the first error.
type writer struct {
	b   []byte
	err error
}

// open begins the object at a place in an array.
func (w *writer) open(i int) {
	if i > 0 {
		w.b = append(w.b, ',')
	}
	w.b = append(w.b, '{')
}

func (w *writer) name(name string) {
	if w.b[len(w.b)-1] != '{' {
		w.b = append(w.b, ',')
	}
	w.b = append(append(append(w.b, '"'), name...), '"', ':')
}

func (w *writer) member(name string, value any) {
	w.name(name)
	raw, err := json.Marshal(value)
	w.b, w.err = append(w.b, raw...), errors.Join(w.err, err)
}
