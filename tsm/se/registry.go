package se

import (
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
)

// entry is an application or a supplementary security domain in the registry, or the ISD, which is not stored.
type entry struct {
	aid, file, module, domain gp.AID
	state                     gp.State // without the lock
	locked                    bool
	privileges                gp.Privileges
}

func (e entry) isDomain() bool { return e.privileges.Has(gp.SecurityDomain) }

// lifeCycle is the state byte GET STATUS shows.
func (e entry) lifeCycle() gp.State {
	if e.locked {
		return e.state | gp.StateLocked
	}
	return e.state
}

// encode is the stored form, of the tags GET STATUS has:
//
//	E3 { 9F70 state, C5 privileges, C4 load file, 84 module, CC domain }
func (e entry) encode() []byte {
	v := apdu.AppendTLV(nil, 0x9F70, []byte{byte(e.lifeCycle())})
	v = apdu.AppendTLV(v, 0xC5, e.privileges.Bytes())
	v = apdu.AppendTLV(v, 0xC4, []byte(e.file))
	v = apdu.AppendTLV(v, 0x84, []byte(e.module))
	v = apdu.AppendTLV(v, 0xCC, []byte(e.domain))
	return apdu.AppendTLV(nil, 0xE3, v)
}

// decodeEntry reads the stored form.
func decodeEntry(aid gp.AID, b []byte) (entry, error) {
	outer, rest, err := apdu.ParseTLV(b)
	if err != nil || outer.Tag != 0xE3 || len(rest) != 0 {
		return entry{}, errors.Join(errors.New("not an entry"), err)
	}
	e := entry{aid: aid}
	objects, err := apdu.ParseTLVs(outer.Value)
	if err != nil {
		return entry{}, err
	}
	for _, o := range objects {
		switch o.Tag {
		case 0x9F70:
			if len(o.Value) != 1 {
				return entry{}, errors.New("life cycle state")
			}
			s := gp.State(o.Value[0])
			e.state, e.locked = s&^gp.StateLocked, s.Locked()
		case 0xC5:
			if e.privileges, err = gp.ParsePrivileges(o.Value); err != nil {
				return entry{}, err
			}
		case 0xC4:
			e.file = gp.AID(o.Value)
		case 0x84:
			e.module = gp.AID(o.Value)
		case 0xCC:
			e.domain = gp.AID(o.Value)
		}
	}
	return e, nil
}

// decodeOld reads the form of before there were domains: state ‖ lock ‖ module AID.
func (s *SE) decodeOld(aid gp.AID, b []byte) (entry, bool) {
	if len(b) < 2 || b[0] == 0xE3 {
		return entry{}, false
	}
	e := entry{aid: aid, module: gp.AID(b[2:]), domain: gp.ISD, state: gp.State(b[0]), locked: b[1] != 0}
	for _, k := range s.cfg.Applets {
		if string(k.Module()) == string(e.module) {
			e.file = gp.AID(k.LoadFile())
		}
	}
	return e, true
}

// entry looks an application or a security domain up, the ISD included.
func (s *SE) entry(aid gp.AID) (entry, bool) {
	if aid == gp.ISD {
		return entry{aid: gp.ISD, domain: gp.ISD, state: gp.State(s.cardState), privileges: domainPrivileges}, true
	}
	e, ok := s.registry[aid]
	return e, ok
}

// entries lists what is installed, by AID.
func (s *SE) entries() []entry {
	out := make([]entry, 0, len(s.registry))
	for _, aid := range slices.Sorted(maps.Keys(s.registry)) {
		out = append(out, s.registry[aid])
	}
	return out
}

// loadRegistry reads registry and load files from the memory.
func (s *SE) loadRegistry() error {
	s.registry, s.files = map[gp.AID]entry{}, map[gp.AID]loadFile{}
	for _, key := range s.mem.Keys(prefixRegistry) {
		aid, v, err := s.stored(key, prefixRegistry)
		if err != nil {
			return err
		}
		e, err := decodeEntry(aid, v)
		if old, ok := s.decodeOld(aid, v); ok {
			e, err = old, nil
		}
		if err != nil {
			return fmt.Errorf("registry: %w: %w", err, ErrDamaged)
		}
		s.registry[aid] = e
	}
	for _, key := range s.mem.Keys(prefixFile) {
		aid, v, err := s.stored(key, prefixFile)
		if err != nil {
			return err
		}
		if s.files[aid], err = decodeFile(aid, v); err != nil {
			return fmt.Errorf("load file: %w: %w", err, ErrDamaged)
		}
	}
	s.registerBuiltIn()
	return nil
}

func (s *SE) stored(key, prefix string) (gp.AID, []byte, error) {
	aid, err := hex.DecodeString(strings.TrimPrefix(key, prefix))
	if err != nil {
		return "", nil, fmt.Errorf("registry: %w", ErrDamaged)
	}
	v, _ := s.mem.Load(key)
	return gp.AID(aid), v, nil
}
