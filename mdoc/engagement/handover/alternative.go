package handover

import (
	"errors"
	"fmt"

	"mobileid/mdoc/engagement/ndef"
)

// ErrMalformed is wrapped by every refusal of foreign bytes.
var ErrMalformed = errors.New("malformed NFC engagement")

const (
	version = 0x15 // Connection Handover 1.5; a reader takes every 1.x

	typeSelect           = "Hs"
	typeRequest          = "Hr"
	typeAlternative      = "ac"
	typeCollision        = "cr"
	typeDeviceEngagement = "iso.org:18013:deviceengagement"
	typeReaderEngagement = "iso.org:18013:readerengagement"

	idDeviceEngagement = "mdoc"
	idReaderEngagement = "mdocreader"

	// maxCarriers bounds the alternatives of a message; the standard knows three.
	maxCarriers = 8
)

// alternative is an alternative carrier record (Connection Handover 1.5, 6.2.1):
//
//	power state, length and carrier data reference, number of auxiliary references, each with its length
type alternative struct {
	power       PowerState
	carrier     string
	auxiliaries []string
}

func (a alternative) record() ndef.Record {
	b := append([]byte{byte(PowerActive), byte(len(a.carrier))}, a.carrier...)
	b = append(b, byte(len(a.auxiliaries)))
	for _, x := range a.auxiliaries {
		b = append(append(b, byte(len(x))), x...)
	}
	return ndef.Record{TNF: ndef.WellKnown, Type: typeAlternative, Payload: b}
}

func parseAlternative(b []byte) (a alternative, err error) {
	malformed := fmt.Errorf("alternative carrier record: %w", ErrMalformed)
	if len(b) == 0 {
		return a, malformed
	}
	a.power = PowerState(b[0])
	if a.carrier, b, _ = reference(b[1:]); len(b) == 0 { // nor where there is no reference
		return a, malformed
	}
	a.auxiliaries = make([]string, b[0])
	b = b[1:]
	for i := range a.auxiliaries {
		var ok bool
		if a.auxiliaries[i], b, ok = reference(b); !ok {
			return a, malformed
		}
	}
	if len(b) > 0 {
		return a, malformed
	}
	return a, nil
}

// reference reads an ID of at least one byte after its length.
func reference(b []byte) (id string, rest []byte, ok bool) {
	if len(b) == 0 || b[0] == 0 || int(b[0]) >= len(b) {
		return "", nil, false
	}
	n := 1 + int(b[0])
	return string(b[1:n]), b[n:], true
}

// parsed is a Hs or Hr message taken apart.
type parsed struct {
	collision    []byte
	alternatives []alternative
	carriers     []Carrier // one for each alternative
	records      map[string]ndef.Record
	all          []ndef.Record // after the first
}

// parse reads a message whose first record is of type typ.
func parse(raw []byte, typ string) (*parsed, error) {
	records, err := ndef.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	head := records[0]
	switch {
	case !head.Is(ndef.WellKnown, typ):
		return nil, fmt.Errorf("first record is not %s: %w", typ, ErrMalformed)
	case len(head.Payload) == 0 || head.Payload[0]>>4 != version>>4:
		return nil, fmt.Errorf("major version of handover is not 1: %w", ErrMalformed)
	}
	p := &parsed{all: records[1:], records: make(map[string]ndef.Record)}
	if err := p.embedded(head.Payload[1:]); err != nil {
		return nil, err
	}
	for _, r := range p.all {
		if _, twice := p.records[r.ID]; twice && r.ID != "" {
			return nil, fmt.Errorf("two records of one ID: %w", ErrMalformed)
		}
		p.records[r.ID] = r
	}
	delete(p.records, "")
	return p, p.resolve()
}

// embedded reads the message inside the first record. Records it does not know, such as err, have no effect.
func (p *parsed) embedded(b []byte) error {
	records, err := ndef.Parse(b)
	if err != nil {
		return fmt.Errorf("embedded message: %w: %w", ErrMalformed, err)
	}
	for _, r := range records {
		switch {
		case r.Is(ndef.WellKnown, typeAlternative):
			a, err := parseAlternative(r.Payload)
			if err != nil {
				return err
			}
			p.alternatives = append(p.alternatives, a)
		case r.Is(ndef.WellKnown, typeCollision):
			if len(r.Payload) != 2 || p.collision != nil {
				return fmt.Errorf("collision resolution record: %w", ErrMalformed)
			}
			p.collision = append([]byte{}, r.Payload...)
		}
	}
	if n := len(p.alternatives); n == 0 || n > maxCarriers {
		return fmt.Errorf("%d carriers, want 1 to %d: %w", n, maxCarriers, ErrMalformed)
	}
	return nil
}

// resolve follows the references of every alternative: each must exist, and no carrier is there twice.
func (p *parsed) resolve() error {
	seen := make(map[string]bool)
	for i, a := range p.alternatives {
		r, ok := p.records[a.carrier]
		if !ok || seen[a.carrier] || r.Is(ndef.External, typeDeviceEngagement) || r.Is(ndef.External, typeReaderEngagement) {
			return fmt.Errorf("alternative %d does not name a carrier of its own: %w", i, ErrMalformed)
		}
		seen[a.carrier] = true
		for _, x := range a.auxiliaries {
			if _, ok := p.records[x]; !ok {
				return fmt.Errorf("alternative %d names an auxiliary record that is not there: %w", i, ErrMalformed)
			}
		}
		c, err := parseCarrier(r)
		if err != nil {
			return err
		}
		c.Power = a.power
		p.carriers = append(p.carriers, c)
	}
	return nil
}

// only gives the one record of an external type; ok is false when there is none.
func (p *parsed) only(typ string) (r ndef.Record, ok bool, err error) {
	for _, x := range p.all {
		if !x.Is(ndef.External, typ) {
			continue
		}
		if ok {
			return r, ok, fmt.Errorf("two records %s: %w", typ, ErrMalformed)
		}
		r, ok = x, true
	}
	return r, ok, nil
}

// assemble writes a Hs or Hr: the first record, the engagement's and those of the carriers.
func assemble(typ string, collision []byte, engagement *ndef.Record, carriers []Carrier, auxiliaries ...string) ([]byte, error) {
	var inner, outer []ndef.Record
	if collision != nil {
		inner = append(inner, ndef.Record{TNF: ndef.WellKnown, Type: typeCollision, Payload: collision})
	}
	if engagement != nil {
		outer = append(outer, *engagement)
	}
	for _, c := range carriers {
		r, err := c.record()
		if err != nil {
			return nil, err
		}
		if len(c.ID) > 255 {
			return nil, fmt.Errorf("an ID over 255 bytes: %w", ErrMalformed)
		}
		inner = append(inner, alternative{carrier: c.ID, auxiliaries: auxiliaries}.record())
		outer = append(outer, r)
	}
	payload, err := ndef.Append([]byte{version}, inner...)
	if err != nil {
		return nil, err
	}
	head := ndef.Record{TNF: ndef.WellKnown, Type: typ, Payload: payload}
	return ndef.Append(nil, append([]ndef.Record{head}, outer...)...)
}
