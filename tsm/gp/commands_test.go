package gp_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/mdoctest"
	"mobileid/tsm/gp"
)

// wantSW checks that a card-side parser refused with the word.
func wantSW(t *testing.T, err error, sw apdu.SW) {
	t.Helper()
	se, ok := errors.AsType[*apdu.StatusError](err)
	if !ok || se.SW != sw {
		t.Errorf("got %v, want %v", err, sw)
	}
}

func TestAID(t *testing.T) {
	for slot := range 256 {
		got, ok := gp.Instance(byte(slot)).Slot()
		if want := slot >= 1 && slot <= gp.PhonePlace; ok != want || ok && int(got) != slot {
			t.Errorf("slot %d comes back as %d, %v", slot, got, ok)
		}
	}
	if load, module := gp.ProgramOf(gp.PhonePlace); gp.Instance(gp.PhonePlace) != gp.PhoneInstance || load != gp.PhoneLoadFile || module != gp.PhoneModule {
		t.Errorf("phone certificates are %v of %v", module, load)
	}
	if load, module := gp.ProgramOf(3); load != gp.LoadFile || module != gp.Module {
		t.Errorf("slot 3 is %v of %v", module, load)
	}
	for _, a := range []gp.AID{"", gp.ISD, gp.LoadFile, gp.Module + "\x02", gp.LoadFile + "\x10", gp.PhoneLoadFile, gp.PhoneModule} {
		if slot, ok := a.Slot(); ok {
			t.Errorf("%v is said to be slot %d", a, slot)
		}
	}
	if gp.ISD.String() != "A000000151000000" || gp.LoadFile.String() != "F04D49444D444F43" || gp.Instance(15).String() != "F04D49444D444F430F" {
		t.Errorf("%v %v %v", gp.ISD, gp.LoadFile, gp.Instance(15))
	}
	for n, ok := range map[int]bool{0: false, 4: false, 5: true, 16: true, 17: false} {
		if err := gp.AID(strings.Repeat("\xF0", n)).Validate(); (err == nil) != ok {
			t.Errorf("AID of %d bytes: %v", n, err)
		}
	}
}

// The examples of the digest: kaoh's and GlobalPlatformPro's bytes.
func TestBuilders(t *testing.T) {
	cmd := must(t)
	for _, tc := range []struct {
		name, want string
		c          apdu.Command
	}{
		{"SELECT the ISD unnamed", "00a4040000", gp.Select("")},
		{"SELECT the ISD", "00a4040008a00000015100000000", gp.Select(gp.ISD)},
		{"INSTALL", "80e60c00" + "25" + "08f04d49444d444f43" + "09f04d49444d444f4301" + "09f04d49444d444f4301" + "03000000" + "02c900" + "00" + "00",
			cmd(gp.Install{LoadFile: gp.LoadFile, Module: gp.Module, Instance: gp.Instance(1)}.Command())},
		{"INSTALL with parameters and privilege", "80e60c00" + "27" + "08f04d49444d444f43" + "09f04d49444d444f4301" + "09f04d49444d444f4302" + "03040000" + "04c9020102" + "00" + "00",
			cmd(gp.Install{LoadFile: gp.LoadFile, Module: gp.Module, Instance: gp.Instance(2), Privileges: gp.CardReset, Parameters: []byte{1, 2}}.Command())},
		{"INSTALL [for personalization]", "80e62000" + "0f" + "0000" + "09f04d49444d444f4301" + "000000" + "00",
			cmd(gp.Personalize{Instance: gp.Instance(1)}.Command())},
		{"DELETE", "80e40000" + "0b" + "4f09f04d49444d444f4301" + "00", cmd(gp.Delete{AID: gp.Instance(1)}.Command())},
		{"DELETE with its instances", "80e40080" + "0a" + "4f08f04d49444d444f43" + "00", cmd(gp.Delete{AID: gp.LoadFile, Related: true}.Command())},
		{"DELETE with token", "80e40000" + "0e" + "4f09f04d49444d444f4301" + "9e01aa" + "00", cmd(gp.Delete{AID: gp.Instance(1), Token: []byte{0xAA}}.Command())},
		{"GET STATUS", "80f24002024f0000", gp.GetStatus{Scope: gp.ScopeApplications}.Command()},
		{"GET STATUS next, by prefix", "80f24003" + "0a" + "4f08f04d49444d444f43" + "00", gp.GetStatus{Scope: gp.ScopeApplications, Prefix: gp.LoadFile, Next: true}.Command()},
		{"SET STATUS of the card", "80f0807f", cmd(gp.SetStatus{Scope: gp.StatusOfCard, State: byte(gp.CardLocked)}.Command())},
		{"GET DATA", "80ca9f7f00", gp.GetData(gp.DataCPLC)},
	} {
		if got := encode(t, tc.c); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}

func TestBuildersRefuse(t *testing.T) {
	long := make([]byte, 240)
	for name, build := range map[string]func() (apdu.Command, error){
		"install without AIDs":       gp.Install{}.Command,
		"install with long data":     gp.Install{LoadFile: gp.LoadFile, Module: gp.Module, Instance: gp.Instance(1), Parameters: long}.Command,
		"personalize nothing":        gp.Personalize{}.Command,
		"delete nothing":             gp.Delete{}.Command,
		"delete with long token":     gp.Delete{AID: gp.ISD, Token: long}.Command,
		"set status of nothing":      gp.SetStatus{Scope: gp.StatusOfApplication}.Command,
		"set status in no scope":     gp.SetStatus{AID: gp.ISD}.Command,
		"set status of a bad AID":    gp.SetStatus{Scope: gp.StatusOfCard, AID: "x"}.Command,
		"delete an AID too long":     gp.Delete{AID: gp.AID(long)}.Command,
		"personalize a short AID":    gp.Personalize{Instance: "\xF0"}.Command,
		"install with bad load file": gp.Install{LoadFile: "\xF0", Module: gp.Module, Instance: gp.Instance(1)}.Command,
	} {
		if c, err := build(); err == nil {
			t.Errorf("%s: built %v", name, c)
		}
	}
}

func TestParseInstallRefuses(t *testing.T) {
	good := "08f04d49444d444f43" + "09f04d49444d444f4301" + "09f04d49444d444f4301"
	for _, tc := range []struct {
		name   string
		p1, p2 byte
		data   string
		sw     apdu.SW
	}{
		{"[for load] of an instance", 0x02, 0, good + "010002c90000", apdu.WrongData},
		{"[for load] and the rest", 0x0E, 0, good + "010002c90000", apdu.WrongParameters},
		{"more commands follow", 0x8C, 0, good + "010002c90000", apdu.WrongParameters},
		{"P2", 0x0C, 1, good + "010002c90000", apdu.WrongParameters},
		{"nothing", 0x0C, 0, "", apdu.WrongData},
		{"five fields", 0x0C, 0, good + "010002c900", apdu.WrongData},
		{"seven fields", 0x0C, 0, good + "010002c9000000", apdu.WrongData},
		{"field cut short", 0x0C, 0, good + "010002c900" + "05aa", apdu.WrongData},
		{"length not minimal", 0x0C, 0, good + "010002c900" + "810100", apdu.WrongData},
		{"no C9", 0x0C, 0, good + "010002ef0000", apdu.WrongData},
		{"parameters no TLV", 0x0C, 0, good + "010002c90500", apdu.WrongData},
		{"four bytes of privileges", 0x0C, 0, good + "040000000002c90000", apdu.WrongData},
		{"short AID", 0x0C, 0, "04f04d4944" + "09f04d49444d444f4301" + "09f04d49444d444f4301" + "010002c90000", apdu.WrongData},
		{"personalization with privileges", 0x20, 0, "0000" + "09f04d49444d444f4301" + "01000000", apdu.WrongData},
		{"personalization of nothing", 0x20, 0, "000000000000", apdu.WrongData},
	} {
		t.Run(tc.name, func(t *testing.T) {
			i, err := gp.ParseInstall(apdu.Command{CLA: 0x80, INS: 0xE6, P1: tc.p1, P2: tc.p2, Data: mdoctest.Hex(t, tc.data)})
			wantSW(t, err, tc.sw)
			if i != nil {
				t.Error("a refused command left something behind")
			}
		})
	}
	_, err := gp.ParseInstall(apdu.Command{INS: 0xE4})
	wantSW(t, err, apdu.InsUnsupported)
}

func TestParseDeleteRefuses(t *testing.T) {
	aid := "4f09f04d49444d444f4301"
	for _, tc := range []struct {
		name   string
		p1, p2 byte
		data   string
		sw     apdu.SW
	}{
		{"P1", 0x80, 0, aid, apdu.WrongParameters},
		{"P2", 0, 1, aid, apdu.WrongParameters},
		{"nothing", 0, 0, "", apdu.WrongData},
		{"two AIDs", 0, 0, aid + aid, apdu.WrongData},
		{"token first", 0, 0, "9e01aa" + aid, apdu.WrongData},
		{"two tokens", 0, 0, aid + "9e01aa9e01aa", apdu.WrongData},
		{"short AID", 0, 0, "4f04f04d4944", apdu.WrongData},
		{"cut", 0, 0, "4f09f04d", apdu.WrongData},
		{"other object", 0, 0, aid + "c100", apdu.WrongData},
		{"key id alone", 0, 0, "d00101", apdu.WrongData},
		{"two key versions", 0, 0, "d20131d20132", apdu.WrongData},
		{"key version of two bytes", 0, 0, "d2023132", apdu.WrongData},
		{"key version 0", 0, 0, "d20100", apdu.WrongData},
		{"key id over 7F", 0, 0, "d00180d20131", apdu.WrongData},
		{"keys and an AID", 0, 0, "d20131" + aid, apdu.WrongData},
		{"keys with all related", 0, 0x80, "d20131", apdu.WrongParameters},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := gp.ParseDelete(apdu.Command{CLA: 0x80, INS: 0xE4, P1: tc.p1, P2: tc.p2, Data: mdoctest.Hex(t, tc.data)})
			wantSW(t, err, tc.sw)
		})
	}
	_, err := gp.ParseDelete(apdu.Command{INS: 0xE6})
	wantSW(t, err, apdu.InsUnsupported)
}

func TestOtherParsersRefuse(t *testing.T) {
	status := func(p1, p2 byte, data string) error {
		_, err := gp.ParseGetStatus(apdu.Command{INS: 0xF2, P1: p1, P2: p2, Data: mdoctest.Hex(t, data)})
		return err
	}
	wantSW(t, status(0xE0, 2, "4f00"), apdu.WrongParameters)
	wantSW(t, status(0x40, 0, "4f00"), apdu.WrongParameters)
	wantSW(t, status(0x40, 2, ""), apdu.WrongData)
	wantSW(t, status(0x40, 2, "4f05aa"), apdu.WrongData)
	wantSW(t, status(0x40, 2, "4f11"+strings.Repeat("f0", 17)), apdu.WrongData)
	if err := status(0x40, 3, "4f0212345c044f9f70c5"); err != nil {
		t.Errorf("prefix and tag list refused: %v", err)
	}
	_, err := gp.ParseGetStatus(apdu.Command{INS: 0xCA})
	wantSW(t, err, apdu.InsUnsupported)

	set := func(p1 byte, data string) error {
		_, err := gp.ParseSetStatus(apdu.Command{INS: 0xF0, P1: p1, P2: 0x80, Data: mdoctest.Hex(t, data)})
		return err
	}
	wantSW(t, set(0x20, "a000000151000000"), apdu.WrongParameters)
	wantSW(t, set(0x40, ""), apdu.WrongData)
	wantSW(t, set(0x80, "a0"), apdu.WrongData)
	_, err = gp.ParseSetStatus(apdu.Command{INS: 0xF2})
	wantSW(t, err, apdu.InsUnsupported)

	store := func(c apdu.Command) error { _, err := gp.ParseStoreData(c); return err }
	wantSW(t, store(apdu.Command{INS: 0xE2, P1: 0x18, Data: []byte{1}}), apdu.WrongParameters)
	wantSW(t, store(apdu.Command{INS: 0xE2, P1: 0x12, Data: []byte{1}}), apdu.WrongParameters)
	wantSW(t, store(apdu.Command{INS: 0xE2, P1: 0x90}), apdu.WrongData)
	wantSW(t, store(apdu.Command{INS: 0xE8}), apdu.InsUnsupported)

	_, err = gp.ParseGetData(apdu.Command{INS: 0xCA, Data: []byte{1}})
	wantSW(t, err, apdu.WrongData)
	_, err = gp.ParseGetData(apdu.Command{INS: 0xCB})
	wantSW(t, err, apdu.InsUnsupported)
	if tag, err := gp.ParseGetData(gp.GetData(gp.DataCPLC)); err != nil || tag != gp.DataCPLC {
		t.Errorf("%04X, %v", tag, err)
	}
}

// Any stream, cut at any size, comes back whole on the card's side, numbered without
// gaps, the last block marked.
func TestStoreDataRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stream := rapid.SliceOfN(rapid.Byte(), 1, 3000).Draw(t, "stream")
		size := rapid.SampledFrom([]int{0, 12, 100, 239, 255, 256, 1024, 65519}).Draw(t, "block size")
		answer := rapid.Bool().Draw(t, "answer")
		commands, err := gp.StoreData(stream, size, answer)
		if err != nil {
			t.Fatal(err)
		}
		var got []byte
		for i, c := range commands {
			raw, err := c.Bytes()
			if err != nil {
				t.Fatal(err)
			}
			parsed, err := apdu.ParseCommand(raw)
			if err != nil {
				t.Fatal(err)
			}
			b, err := gp.ParseStoreData(parsed)
			last := i == len(commands)-1
			if err != nil || int(b.Number) != i || b.Last != last || b.Answer != (answer && last) || !b.BERTLV || b.Encrypted {
				t.Fatalf("block %d of %d: %+v, %v", i, len(commands), b, err)
			}
			got = append(got, b.Data...)
		}
		if !bytes.Equal(got, stream) {
			t.Fatal("the stream changed")
		}
	})
}

func TestStoreDataBlocks(t *testing.T) {
	for size, want := range map[int]string{1: "90:1", 239: "90:239", 240: "10:239 90:1", 27000: ""} {
		commands, err := gp.StoreData(make([]byte, size), 0, false)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range commands {
			got = append(got, fmt.Sprintf("%02X:%d", c.P1, len(c.Data)))
		}
		if want != "" && strings.Join(got, " ") != want || size == 27000 && len(got) != 113 {
			t.Errorf("%d bytes: %v", size, got)
		}
	}
	if c, err := gp.StoreData([]byte{1}, 0, true); err != nil || encode(t, c[0]) != "80e29100010100" {
		t.Errorf("one block with an answer: %v, %v", c, err)
	}
	if _, err := gp.StoreData(make([]byte, 256*239), 0, false); err != nil {
		t.Errorf("256 blocks: %v", err)
	}
	if _, err := gp.StoreData(make([]byte, 256*239+1), 0, false); !errors.Is(err, apdu.ErrTooLong) {
		t.Errorf("257 blocks: %v", err)
	}
	if _, err := gp.StoreData(nil, 0, false); !errors.Is(err, gp.ErrEmptyStream) {
		t.Errorf("no data: %v", err)
	}
	for _, size := range []int{-1, 65536} {
		if _, err := gp.StoreData([]byte{1}, size, false); err == nil {
			t.Errorf("block size %d accepted", size)
		}
	}
}

func TestPages(t *testing.T) {
	entries := []gp.Entry{
		{AID: gp.Instance(1), State: byte(gp.StateSelectable), LoadFile: gp.LoadFile, Domain: gp.ISD},
		{AID: gp.Instance(2), State: byte(gp.StatePersonalized | gp.StateLocked), Privileges: gp.FinalApplication, LoadFile: gp.LoadFile, Domain: gp.ISD},
		{AID: gp.LoadFile, State: byte(gp.StateLoaded), IsLoadFile: true, Version: []byte{1, 0}, Modules: []gp.AID{gp.Module}, Domain: gp.ISD},
	}
	var raw []byte
	for _, e := range entries {
		raw = e.AppendTo(raw)
	}
	for cut := 1; cut < len(raw); cut++ {
		var p gp.Pages
		if more, err := p.Add(apdu.Response{Data: raw[:cut], SW: apdu.MoreAvailable}); err != nil || !more {
			t.Fatal(more, err)
		}
		if more, err := p.Add(apdu.Response{Data: raw[cut:], SW: apdu.OK}); err != nil || more {
			t.Fatal(more, err)
		}
		got, err := p.Entries()
		if d := cmp.Diff(entries, got); err != nil || d != "" {
			t.Fatalf("cut at %d: %v %s", cut, err, d)
		}
		if _, err := p.Add(apdu.Response{SW: apdu.OK}); err == nil {
			t.Fatal("a page after the last accepted")
		}
	}
}

func TestPagesRefuse(t *testing.T) {
	var none gp.Pages
	if more, err := none.Add(apdu.Response{SW: apdu.ReferenceNotFound}); more || err != nil {
		t.Errorf("nothing found: %v, %v", more, err)
	}
	if e, err := none.Entries(); err != nil || len(e) != 0 {
		t.Errorf("%v, %v", e, err)
	}
	var p gp.Pages
	if _, err := p.Add(apdu.Response{SW: apdu.SecurityStatus}); !errors.Is(err, apdu.ErrSecurityStatus) {
		t.Errorf("6982: %v", err)
	}
	if _, err := p.Add(apdu.Response{SW: apdu.MoreAvailable}); err == nil {
		t.Error("empty page that announces another accepted")
	}
	page := apdu.Response{Data: make([]byte, 60000), SW: apdu.MoreAvailable}
	for range 100 {
		if _, err := p.Add(page); err != nil {
			return
		}
	}
	t.Error("collected six megabytes")
}

func TestAnswersRefused(t *testing.T) {
	parsers := map[string]func([]byte) error{
		"FCI":         func(b []byte) error { _, err := gp.ParseFCI(b); return err },
		"CPLC":        func(b []byte) error { _, err := gp.ParseCPLC(b); return err },
		"keys":        func(b []byte) error { _, err := gp.ParseKeyInformation(b); return err },
		"counter":     func(b []byte) error { _, err := gp.ParseSequenceCounter(b); return err },
		"KDD":         func(b []byte) error { _, err := gp.ParseDiversification(b); return err },
		"recognition": func(b []byte) error { _, err := gp.ParseRecognition(b); return err },
		"entries":     func(b []byte) error { _, err := gp.ParseEntries(b); return err },
		"receipt":     func(b []byte) error { _, err := gp.ParseConfirmation(b); return err },
	}
	for _, tc := range []struct{ parser, raw string }{
		{"FCI", ""}, {"FCI", "6f00"}, {"FCI", "8408a000000151000000"}, {"FCI", "6f068404a0000001"},
		{"FCI", "6f108408a000000151000000a5049f6501ff9000"}, {"FCI", "6f0f8408a000000151000000a5039f6500"}, {"FCI", "6f0d8408a000000151000000a50105"},
		{"CPLC", "9f7f0100"}, {"CPLC", "9f7f"}, {"counter", "c1020001"}, {"counter", "c203000001"}, {"KDD", "cf0100"}, {"KDD", "c103000001"},
		{"keys", "e000c0"}, {"keys", "e002c100"}, {"keys", "e005c003010188"}, {"keys", "e007c0050101881088"}, {"keys", "e008c0060101ff880010"}, {"keys", "e00bc0090101ff8800"},
		{"recognition", "660473020600"}, {"recognition", "6600"}, {"recognition", "7300"},
		{"recognition", "660d730b06072a864886fc6b016000"}, {"recognition", "6612731006072a864886fc6b01600506032a8648"},
		{"entries", "e4024f00"}, {"entries", "e3024f00"}, {"entries", "e30a4f08a000000151000000"}, {"entries", "e30d4f08a0000001510000009f7000"},
		{"entries", "e3144f08a0000001510000009f700107c50400000000"}, {"entries", "e301"},
		{"receipt", "01"}, {"receipt", "10" + strings.Repeat("aa", 16)}, {"receipt", "01aa01bb"}, {"receipt", "000001cc"},
		{"receipt", "01aa01bb01cc01dd01ee01ff"},
	} {
		if err := parsers[tc.parser](mdoctest.Hex(t, tc.raw)); err == nil {
			t.Errorf("%s %s accepted", tc.parser, tc.raw)
		}
	}
	if err := parsers["receipt"](make([]byte, 300)); err == nil {
		t.Error("receipt of 300 bytes accepted")
	}
	for _, raw := range []string{"", "00"} {
		if r, err := gp.ParseConfirmation(mdoctest.Hex(t, raw)); err != nil || r != nil {
			t.Errorf("confirmation %s: %v, %v", raw, r, err)
		}
	}
}

func TestLifeCycles(t *testing.T) {
	for s, want := range map[fmt.Stringer]string{
		gp.OPReady: "OP_READY", gp.CardInitialized: "INITIALIZED", gp.CardSecured: "SECURED", gp.CardLocked: "CARD_LOCKED",
		gp.CardTerminated: "TERMINATED", gp.CardState(2): "unknown card state 02", gp.StateLoaded: "LOADED",
		gp.StateInstalled: "INSTALLED", gp.StateSelectable: "SELECTABLE", gp.StatePersonalized: "PERSONALIZED",
		gp.State(0x83): "LOCKED, was INSTALLED", gp.State(0x17): "application state 17",
	} {
		if s.String() != want {
			t.Errorf("%q, want %q", s, want)
		}
	}
	allowed := map[string]bool{"01>07": true, "07>0F": true, "0F>7F": true, "7F>0F": true, "0F>FF": true, "7F>FF": true}
	for from := range 256 {
		for to := range 256 {
			if got := gp.CardState(from).CanBecome(gp.CardState(to)); got != allowed[fmt.Sprintf("%02X>%02X", from, to)] {
				t.Errorf("%02X to %02X: %v", from, to, got)
			}
		}
	}
}

func TestPrivileges(t *testing.T) {
	for raw, want := range map[string]gp.Privileges{"": 0, "00": 0, "9efe80": 0x9EFE80, "80": gp.SecurityDomain, "8040": gp.SecurityDomain | gp.AuthorizedManage} {
		if got, err := gp.ParsePrivileges(mdoctest.Hex(t, raw)); err != nil || got != want {
			t.Errorf("%s: %06X, %v", raw, got, err)
		}
	}
	if p := gp.Privileges(0x9EFE80); !p.Has(gp.SecurityDomain|gp.GlobalRegistry|gp.ReceiptGeneration) || p.Has(gp.DelegatedManagement) {
		t.Error("an issuer security domain's privileges misread")
	}
}
