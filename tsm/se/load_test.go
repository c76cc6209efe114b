package se_test

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // a hash the specification allows for load files
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"slices"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
	"mobileid/tsm/se"
)

// capFile is a load file data block: Header, Directory, Import, Applet, Class, Method.
func capFile(aid gp.AID, major byte, size int, modules ...gp.AID) []byte {
	component := func(tag byte, v []byte) []byte {
		return append(binary.BigEndian.AppendUint16([]byte{tag}, uint16(len(v))), v...)
	}
	header := append([]byte{0xDE, 0xCA, 0xFF, 0xED, 1, 2, 0, 3, major, byte(len(aid))}, aid...)
	applets := []byte{byte(len(modules))}
	for _, m := range modules {
		applets = append(append(append(applets, byte(len(m))), m...), 0, 8)
	}
	return slices.Concat(component(1, header), component(2, make([]byte, 31)), component(4, []byte{0}), component(3, applets),
		component(6, []byte{0}), component(7, make([]byte, size)))
}

// load sends a stream in blocks; the last one is answered with want.
func (d driver) load(stream []byte, blockSize int, want apdu.SW) {
	d.tb.Helper()
	blocks, err := gp.Load(stream, blockSize)
	if err != nil {
		d.tb.Fatal(err)
	}
	for _, b := range blocks[:len(blocks)-1] {
		d.send(b, apdu.OK)
	}
	if got := d.send(blocks[len(blocks)-1], want); want == apdu.OK && !bytes.Equal(got, []byte{0}) {
		d.tb.Errorf("LOAD answered %X", got)
	}
}

const (
	foreignFile   gp.AID = "\xF0\x01\x02\x03\x04\x05"
	foreignModule gp.AID = foreignFile + "\x01"
)

// memory is what FF21 tells.
func (d driver) memory() gp.Memory {
	d.tb.Helper()
	m, err := gp.ParseMemory(d.send(gp.GetData(gp.DataMemory), apdu.OK))
	if err != nil {
		d.tb.Fatal(err)
	}
	return m
}

// A foreign file is loaded in blocks of any size, listed with its modules and deleted; nothing of it is installed.
func TestLoad(t *testing.T) {
	e := newElement(t)
	s := open(t, e, se.Config{})
	isd := drive(t, s, e.Factory.Keys, gp.ISD)
	file := capFile(foreignFile, 2, 3000, foreignModule, foreignFile+"\x02")
	stream := gp.LoadFileData{DAP: []gp.DAP{{Domain: gp.ISD, Signature: make([]byte, 16)}}, File: file}.Bytes()
	sha := sha256.Sum256(file)
	empty := isd.memory()
	for _, size := range []int{239, 200, 100, 16} {
		isd.do(gp.InstallLoad{LoadFile: foreignFile, Domain: gp.ISD, Hash: sha[:], Limits: gp.Limits{Code: 3100}}, apdu.OK)
		isd.load(stream, size, apdu.OK)
		want := gp.Entry{
			AID: foreignFile, State: 1, IsLoadFile: true, Version: []byte{2, 3}, Modules: []gp.AID{foreignModule, foreignFile + "\x02"}, Domain: gp.ISD,
		}
		if got := isd.list(gp.ScopeModules)[foreignFile]; !slices.Equal(got.Modules, want.Modules) || !bytes.Equal(got.Version, want.Version) || got.Domain != want.Domain {
			t.Errorf("%+v", got)
		}
		full := isd.memory()
		if used := empty.FreeNonVolatile - full.FreeNonVolatile; int(used) < len(file) || int(used) > len(file)+200 {
			t.Errorf("a file of %d bytes takes %d", len(file), used)
		}
		isd.do(gp.Install{LoadFile: foreignFile, Module: foreignModule, Instance: foreignModule}, apdu.ReferenceNotFound)
		isd.do(gp.InstallLoad{LoadFile: foreignFile}, apdu.Conditions)
		isd.do(gp.Delete{AID: foreignFile}, apdu.OK)
		if isd.memory() != empty {
			t.Errorf("afterwards %+v, before %+v", isd.memory(), empty)
		}
	}
	isd.do(gp.InstallLoad{LoadFile: foreignFile}, apdu.OK)
	isd.load(stream, 0, apdu.OK)
	closeSE(t, s)
	s = open(t, e, se.Config{})
	if got := drive(t, s, e.Factory.Keys, gp.ISD).list(gp.ScopeModules)[foreignFile]; len(got.Modules) != 2 {
		t.Errorf("after a restart: %+v", got)
	}
}

func TestLoadRefuses(t *testing.T) {
	e := newElement(t)
	isd := drive(t, open(t, e, se.Config{}), e.Factory.Keys, gp.ISD)
	file := capFile(foreignFile, 1, 300, foreignModule)
	stream := gp.LoadFileData{File: file}.Bytes()
	hashes := [][]byte{}
	for _, h := range []func() []byte{
		func() []byte { h := sha1.Sum(file); return h[:] }, //nolint:gosec // see above
		func() []byte { h := sha256.Sum224(file); return h[:] },
		func() []byte { h := sha256.Sum256(file); return h[:] },
		func() []byte { h := sha512.Sum384(file); return h[:] },
		func() []byte { h := sha512.Sum512(file); return h[:] },
	} {
		hashes = append(hashes, h())
	}
	for _, h := range hashes {
		isd.do(gp.InstallLoad{LoadFile: foreignFile, Hash: h}, apdu.OK)
		isd.load(stream, 0, apdu.OK)
		isd.do(gp.Delete{AID: foreignFile}, apdu.OK)
		wrong := bytes.Clone(h)
		wrong[0] ^= 1
		isd.do(gp.InstallLoad{LoadFile: foreignFile, Hash: wrong}, apdu.OK)
		isd.load(stream, 0, apdu.WrongData)
	}
	swapped := slices.Concat(file[19:], file[:19])
	for name, x := range map[string][]byte{
		"another AID":         gp.LoadFileData{File: capFile(foreignFile+"\x09", 1, 300, foreignModule)}.Bytes(),
		"order of components": gp.LoadFileData{File: swapped}.Bytes(),
		"component too long":  gp.LoadFileData{File: file[:len(file)-1]}.Bytes(),
		"length of C4":        stream[:len(stream)-1],
		"bytes behind":        append(bytes.Clone(stream), 0),
		"another object":      append([]byte{0xC5}, stream[1:]...),
		"AID of 255 bytes":    gp.LoadFileData{File: capFile(foreignFile, 1, 300, foreignModule, gp.AID(make([]byte, 255)))}.Bytes(),
	} {
		t.Run(name, func(t *testing.T) {
			isd := isd
			isd.tb = t
			isd.do(gp.InstallLoad{LoadFile: foreignFile}, apdu.OK)
			isd.load(x, 0, apdu.WrongData)
		})
	}
	blocks, err := gp.Load(stream, 100)
	if err != nil {
		t.Fatal(err)
	}
	isd.send(blocks[0], apdu.Conditions) // no INSTALL [for load]
	for _, order := range [][]int{{0, 2}, {0, 1, 1}, {1}} {
		isd.do(gp.InstallLoad{LoadFile: foreignFile}, apdu.OK)
		for i, n := range order {
			want := apdu.OK
			if i == len(order)-1 {
				want = apdu.Conditions
			}
			isd.send(blocks[n], want)
		}
		isd.send(blocks[len(blocks)-1], apdu.Conditions) // the file was dropped
	}
	isd.do(gp.InstallLoad{LoadFile: foreignFile}, apdu.OK)
	isd.send(command(t, "80E84000 01 C4 00"), apdu.WrongParameters)
	isd.do(gp.InstallLoad{LoadFile: foreignFile, Limits: gp.Limits{Code: 1 << 20}}, apdu.NoSpace)
	isd.do(gp.InstallLoad{LoadFile: foreignFile, Domain: "\xF0\x00\x00\x00\x00"}, apdu.ReferenceNotFound)
	isd.do(gp.InstallLoad{LoadFile: gp.AID(testFile)}, apdu.Conditions)
	if got := isd.list(gp.ScopeLoadFiles); len(got) != 2 {
		t.Errorf("%d load files", len(got))
	}
}

// What does not fit is refused with 6A84, and what was there stays.
func TestMemoryFull(t *testing.T) {
	e := newElement(t)
	isd := drive(t, open(t, e, se.Config{Limit: 16 << 10}), e.Factory.Keys, gp.ISD)
	isd.install(1, apdu.OK)
	before := isd.memory()
	isd.do(gp.InstallLoad{LoadFile: foreignFile}, apdu.OK)
	blocks, err := gp.Load(gp.LoadFileData{File: capFile(foreignFile, 1, 40<<10, foreignModule)}.Bytes(), 0)
	if err != nil {
		t.Fatal(err)
	}
	for i, b := range blocks {
		if r := secure(t, isd.h, b); r.SW != apdu.OK {
			if r.SW != apdu.NoSpace || i < 60 || i > 90 {
				t.Errorf("block %d: %v", i, r.SW)
			}
			break
		}
	}
	isd.do(gp.InstallLoad{LoadFile: foreignFile}, apdu.OK)
	isd.load(gp.LoadFileData{File: capFile(foreignFile, 1, int(before.FreeNonVolatile), foreignModule)}.Bytes(), 0, apdu.NoSpace)
	if isd.memory() != before || len(isd.list(gp.ScopeApplications)) != 1 {
		t.Errorf("before %+v, after %+v", before, isd.memory())
	}
	stored := 0
	for n := byte(2); ; n++ {
		c := built(t, gp.Install{LoadFile: gp.AID(testFile), Module: gp.AID(testModule), Instance: gp.AID(testFile) + gp.AID(bytes.Repeat([]byte{n}, 8))})
		if r := secure(t, isd.h, c); r.SW == apdu.NoSpace {
			break
		} else if r.SW != apdu.OK {
			t.Fatal(r.SW)
		}
		stored++
	}
	if m := isd.memory(); stored < 20 || int(m.Applications) != stored+1 || m.FreeNonVolatile > 150 {
		t.Errorf("%d stored, %+v", stored, m)
	}
}

// A built-in load file leaves the registry and comes back by LOAD of a file with its AID.
func TestBuiltInLoadFile(t *testing.T) {
	e := newElement(t)
	s := open(t, e, se.Config{})
	isd := drive(t, s, e.Factory.Keys, gp.ISD)
	isd.install(1, apdu.OK)
	isd.install(2, apdu.OK)
	isd.do(gp.Delete{AID: gp.AID(testFile)}, apdu.Conditions)
	isd.do(gp.Delete{AID: gp.AID(testFile), Related: true}, apdu.OK)
	isd.do(gp.Delete{AID: gp.AID(testFile)}, apdu.ReferenceNotFound)
	if len(isd.list(gp.ScopeApplications)) != 0 || len(isd.list(gp.ScopeLoadFiles)) != 1 {
		t.Error("instances or file are still there")
	}
	isd.install(1, apdu.ReferenceNotFound)
	closeSE(t, s)
	s = open(t, e, se.Config{})
	isd = drive(t, s, e.Factory.Keys, gp.ISD)
	isd.install(1, apdu.ReferenceNotFound)
	isd.do(gp.InstallLoad{LoadFile: gp.AID(testFile)}, apdu.OK)
	isd.load(gp.LoadFileData{File: capFile(gp.AID(testFile), 7, 100, gp.AID(testFile)+"\x02")}.Bytes(), 0, apdu.OK)
	isd.install(1, apdu.ReferenceNotFound) // the file does not list the module
	isd.do(gp.Delete{AID: gp.AID(testFile)}, apdu.OK)
	isd.do(gp.InstallLoad{LoadFile: gp.AID(testFile)}, apdu.OK)
	isd.load(gp.LoadFileData{File: capFile(gp.AID(testFile), 7, 100, gp.AID(testModule))}.Bytes(), 0, apdu.OK)
	isd.install(1, apdu.OK)
	if got := isd.list(gp.ScopeLoadFiles)[gp.AID(testFile)]; got.Version[0] != 7 {
		t.Errorf("version %X", got.Version)
	}
	closeSE(t, s)
	s = open(t, e, se.Config{})
	if r := send(t, s, gp.Select(instance(1))); r.SW != apdu.OK {
		t.Errorf("after a restart: %v", r.SW)
	}
}
