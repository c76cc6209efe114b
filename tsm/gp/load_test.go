package gp_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/mdoctest"
	"mobileid/tsm/gp"
)

// What five hosts loaded, whatever their blocks: the same stream, which reads as a package and is built again to the byte.
func TestLoadTraces(t *testing.T) {
	sizes := map[int]int{}
	for _, tr := range mdoctest.HostTraces(t) {
		var stream []byte
		var commands []apdu.Command
		for _, e := range tr.Exchanges {
			if !strings.HasPrefix(e.PlainHeader, "80e8") {
				continue
			}
			h := mdoctest.Hex(t, e.PlainHeader)
			c := apdu.Command{CLA: h[0], INS: h[1], P1: h[2], P2: h[3], Data: mdoctest.Hex(t, e.PlainData)}
			b, err := gp.ParseLoad(c)
			if err != nil || int(b.Number) != len(commands) {
				t.Fatalf("%s: block %+v, %v", tr.Name, b, err)
			}
			commands, stream = append(commands, c), append(stream, b.Data...)
			if !b.Last {
				continue
			}
			sizes[len(commands[0].Data)]++
			checkLoad(t, tr.Name, stream, commands)
			commands, stream = nil, nil
		}
	}
	if d := cmp.Diff(map[int]int{247: 4, 231: 3, 239: 4}, sizes); d != "" {
		t.Error(d)
	}
}

func checkLoad(t *testing.T, name string, stream []byte, commands []apdu.Command) {
	t.Helper()
	l, err := gp.ParseLoadFileData(stream)
	if err != nil || len(l.File) != 597 || len(l.DAP) != 0 || !bytes.Equal(l.Bytes(), stream) {
		t.Fatalf("%s: %d bytes, %v", name, len(l.File), err)
	}
	p, err := gp.ParsePackage(l.File)
	want := gp.Package{AID: gp.LoadFile, Major: 1, Minor: 0, Applets: []gp.AID{gp.Module}, Components: p.Components}
	if d := cmp.Diff(want, p); err != nil || d != "" || len(p.Components) < 4 {
		t.Errorf("%s: %v %s", name, err, d)
	}
	again, err := gp.Load(l.Bytes(), len(commands[0].Data))
	if err != nil || len(again) != len(commands) {
		t.Fatalf("%s: %d blocks, %v", name, len(again), err)
	}
	for i, c := range again {
		if c.P1 != commands[i].P1 || c.P2 != commands[i].P2 || !bytes.Equal(c.Data, commands[i].Data) {
			t.Errorf("%s: block %d is %v", name, i, c)
		}
	}
}

func TestLoadFileSignatures(t *testing.T) {
	l := gp.LoadFileData{DAP: []gp.DAP{{Domain: domain, Signature: []byte{1, 2}}, {Domain: gp.ISD, Signature: nil}}, File: []byte{9}}
	raw := l.Bytes()
	if want := mdoctest.Hex(t, "e20f4f09a00000015153504101c3020102"+"e20c4f08a000000151000000c300"+"c40109"); !bytes.Equal(raw, want) {
		t.Errorf("%x", raw)
	}
	back, err := gp.ParseLoadFileData(raw)
	if err != nil || len(back.DAP) != 2 || back.DAP[0].Domain != domain || !bytes.Equal(back.DAP[0].Signature, []byte{1, 2}) {
		t.Errorf("%+v, %v", back, err)
	}
	for name, bad := range map[string]string{
		"nothing": "", "no file": "e20c4f08a000000151000000c300", "empty file": "c400", "behind the file": "c40109c40109", "ciphered": "d40109",
		"cut": "c40209", "signature cut": "e2024f08c40109", "no signature": "e20a4f08a000000151000000c40109", "short AID": "e2054f01a0c300c40109",
		"nine signatures": strings.Repeat("e20c4f08a000000151000000c300", 9) + "c40109",
	} {
		if l, err := gp.ParseLoadFileData(mdoctest.Hex(t, bad)); err == nil || l.File != nil {
			t.Errorf("%s accepted", name)
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	load := func(c apdu.Command) error { _, err := gp.ParseLoad(c); return err }
	wantSW(t, load(apdu.Command{INS: 0xE2}), apdu.InsUnsupported)
	wantSW(t, load(apdu.Command{INS: 0xE8, P1: 1, Data: []byte{1}}), apdu.WrongParameters)
	wantSW(t, load(apdu.Command{INS: 0xE8}), apdu.WrongData)
	if _, err := gp.Load(nil, 0); !errors.Is(err, gp.ErrEmptyStream) {
		t.Error(err)
	}
	if _, err := gp.Load(make([]byte, 257), 1); !errors.Is(err, apdu.ErrTooLong) {
		t.Error(err)
	}
	if _, err := gp.Load([]byte{1}, -1); err == nil {
		t.Error("block size -1")
	}
}

func TestPackageRefuses(t *testing.T) {
	header := "010012decaffed010200000108f04d49444d444f43"
	applet := "03000d0109f04d49444d444f43010010"
	if p, err := gp.ParsePackage(mdoctest.Hex(t, header+applet)); err != nil || len(p.Applets) != 1 {
		t.Fatalf("%+v, %v", p, err)
	}
	for name, bad := range map[string]string{
		"nothing": "", "cut": "0100", "component cut": "010012decaff", "no Header first": applet, "Header twice": header + header, "applet behind class": header + "060000" + applet,
		"unknown component": header + "200000", "no magic": "010012decaffee010200000108f04d49444d444f43", "AID cut": "010012decaffed010200000109f04d49444d444f43",
		"short AID": "01000ddecaffed010200000103f04d49", "no applets": header + "03000100", "empty Applet": header + "030000", "applet cut": header + "03000c0109f04d49444d444f430100",
		"applet with a short AID": header + "0300060102f04d0010", "behind the applets": header + "03000e0109f04d49444d444f4301001000", "33 applets": header + "03000121",
		"applet with an AID of 255 bytes": header + "03010301" + "ff" + strings.Repeat("00", 255) + "0010",
	} {
		if p, err := gp.ParsePackage(mdoctest.Hex(t, bad)); err == nil {
			t.Errorf("%s accepted: %+v", name, p)
		}
	}
}

func TestManageChannel(t *testing.T) {
	for want, m := range map[string]gp.ManageChannel{"0070000001": {}, "00700002": {Channel: 2}, "00708003": {Close: true, Channel: 3}} {
		c := must(t)(m.Command())
		back, err := gp.ParseManageChannel(c)
		if got := encode(t, c); got != want || err != nil || back != m {
			t.Errorf("%s, %+v, %v; want %s", got, back, err, want)
		}
	}
	for _, m := range []gp.ManageChannel{{Close: true}, {Channel: 4}, {Close: true, Channel: 20}} {
		if _, err := m.Command(); err == nil {
			t.Errorf("%+v built", m)
		}
	}
	parse := func(c apdu.Command) error { _, err := gp.ParseManageChannel(c); return err }
	wantSW(t, parse(apdu.Command{INS: 0x71}), apdu.InsUnsupported)
	wantSW(t, parse(apdu.Command{INS: 0x70, P1: 1}), apdu.WrongParameters)
	wantSW(t, parse(apdu.Command{INS: 0x70, P1: 0x80}), apdu.WrongParameters)
	wantSW(t, parse(apdu.Command{INS: 0x70, P2: 4}), apdu.ChannelUnsupported)
	wantSW(t, parse(apdu.Command{INS: 0x70, Data: []byte{1}}), apdu.WrongData)
	for _, bad := range [][]byte{nil, {0}, {4}, {1, 1}} {
		if _, err := gp.ParseChannel(bad); err == nil {
			t.Errorf("%x is a channel", bad)
		}
	}
	if n, err := gp.ParseChannel([]byte{2}); err != nil || n != 2 {
		t.Error(n, err)
	}
}
