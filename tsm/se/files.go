package se

import (
	"bytes"
	"errors"
	"maps"
	"slices"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
)

// The load file of supplementary security domains, built in and not to be deleted.
const (
	domainFile   gp.AID = "\xA0\x00\x00\x01\x51\x53\x50"
	domainModule gp.AID = "\xA0\x00\x00\x01\x51\x53\x50\x41"
)

// loadFile is an executable load file in the registry. The file of a built-in applet is in the registry from the start:
// DELETE takes it out, the program itself stays, and LOAD of a file with its AID registers it again. A file with another
// AID can be loaded, listed and deleted; nothing can be installed from it.
type loadFile struct {
	aid, domain gp.AID
	version     []byte
	modules     []gp.AID
}

// encode is the stored form: E3 { CE version, 84 module …, CC domain }.
func (f loadFile) encode() []byte {
	v := apdu.AppendTLV(nil, 0xCE, f.version)
	for _, m := range f.modules {
		v = apdu.AppendTLV(v, 0x84, []byte(m))
	}
	v = apdu.AppendTLV(v, 0xCC, []byte(f.domain))
	return apdu.AppendTLV(nil, 0xE3, v)
}

func decodeFile(aid gp.AID, b []byte) (loadFile, error) {
	outer, rest, err := apdu.ParseTLV(b)
	if err != nil || outer.Tag != 0xE3 || len(rest) != 0 {
		return loadFile{}, errors.Join(errors.New("not a load file"), err)
	}
	objects, err := apdu.ParseTLVs(outer.Value)
	if err != nil {
		return loadFile{}, err
	}
	f := loadFile{aid: aid}
	for _, o := range objects {
		switch o.Tag {
		case 0xCE:
			f.version = bytes.Clone(o.Value)
		case 0x84:
			f.modules = append(f.modules, gp.AID(o.Value))
		case 0xCC:
			f.domain = gp.AID(o.Value)
		}
	}
	return f, nil
}

func (f loadFile) entry(modules bool) gp.Entry {
	e := gp.Entry{AID: f.aid, State: byte(gp.StateLoaded), IsLoadFile: true, Version: f.version, Domain: f.domain}
	if modules {
		e.Modules = f.modules
	}
	return e
}

// registerBuiltIn adds the files nobody had to load to those read from the memory.
func (s *SE) registerBuiltIn() {
	s.files[domainFile] = loadFile{aid: domainFile, domain: gp.ISD, version: []byte{1, 0}, modules: []gp.AID{domainModule}}
	if _, unloaded := s.mem.Load(keyUnloaded); unloaded {
		return
	}
	for _, k := range s.cfg.Applets {
		aid, version := gp.AID(k.LoadFile()), k.Version()
		if _, gone := s.mem.Load(prefixGone + hexOf(aid)); gone {
			continue
		}
		if f, loaded := s.files[aid]; loaded {
			if _, stored := s.mem.Load(prefixFile + hexOf(aid)); stored {
				continue
			}
			f.modules = append(f.modules, gp.AID(k.Module())) // a second program of the same file
			s.files[aid] = f
			continue
		}
		s.files[aid] = loadFile{aid: aid, domain: gp.ISD, version: version[:], modules: []gp.AID{gp.AID(k.Module())}}
	}
}

func (s *SE) isBuiltIn(file gp.AID) bool {
	return slices.ContainsFunc(s.cfg.Applets, func(k Kind) bool { return string(file) == string(k.LoadFile()) })
}

// listFiles lists the load files by AID.
func (s *SE) listFiles() []loadFile {
	out := make([]loadFile, 0, len(s.files))
	for _, aid := range slices.Sorted(maps.Keys(s.files)) {
		out = append(out, s.files[aid])
	}
	return out
}

// putFile stores a load file with its code.
func (u *update) putFile(f loadFile, code []byte) {
	u.set(prefixFile+hexOf(f.aid), f.encode())
	if code != nil {
		u.set(prefixCode+hexOf(f.aid), code)
	}
	u.after = append(u.after, func() { u.se.files[f.aid] = f })
}

// removeFile takes a load file out of the registry.
func (u *update) removeFile(aid gp.AID) {
	for _, key := range []string{prefixFile + hexOf(aid), prefixCode + hexOf(aid)} {
		u.erase(key)
	}
	if u.se.isBuiltIn(aid) {
		u.set(prefixGone+hexOf(aid), []byte{})
	}
	u.after = append(u.after, func() { delete(u.se.files, aid) })
}

// kindOf finds the program of a module.
func (s *SE) kindOf(file, module gp.AID) (Kind, bool) {
	for _, k := range s.cfg.Applets {
		if string(k.Module()) == string(module) && string(k.LoadFile()) == string(file) {
			return k, true
		}
	}
	return nil, false
}
