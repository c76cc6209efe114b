package se_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
	"mobileid/tsm/scp03"
	"mobileid/tsm/se"
	"mobileid/tsm/se/setest"
)

func command(tb testing.TB, s string) apdu.Command {
	tb.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		tb.Fatal(err)
	}
	c, err := apdu.ParseCommand(b)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func TestWithoutSession(t *testing.T) {
	e := newElement(t)
	s := open(t, e, se.Config{})
	id := fmt.Sprintf("%X", e.Factory.ID)
	for _, c := range []struct{ name, command, want string }{
		{"SELECT without AID", "00A40400", "6F108408A000000151000000A5049F6501FF9000"},
		{"SELECT of the ISD", "00A4040008A000000151000000", "6F108408A000000151000000A5049F6501FF9000"},
		{"SELECT of a part of its AID", "00A4040005A000000151", "6F108408A000000151000000A5049F6501FF9000"},
		{"SELECT of the next", "00A4040205A000000151", "6A82"},
		{"SELECT of nobody", "00A4040005F04D494499", "6A82"},
		{"SELECT by name of a file", "00A4000002 3F00", "6A86"},
		{"production data", "80CA9F7F00", "9F7F2A000000000000000000000000" + id[8:] + strings.Repeat("00", 24) + "9000"},
		{"issuer number", "80CA004200", "6A88"},
		{"card image number", "80CA004500", "6A88"},
		{"URL of the manager", "80CA5F5000", "6A88"},
		{"list of applications", "80CA2F0000", "6A88"},
		{"recognition data", "80CA006600", "6631732F06072A864886FC6B01600C060A2A864886FC6B02020301630906072A864886FC6B03640B06092A864886FC6B0403709000"},
		{"free memory", "80CAFF2100", freeMemory(t, s)},
		{"diversification data", "80CA00CF00", "CF0A" + id + "9000"},
		{"sequence counter", "80CA00C100", "C1030000009000"},
		{"confirmation counter", "80CA00C200", "6A88"},
		{"capabilities", "80CA006700", "6721A0098001038101708201078103BA5C0082031A00008304010203048501388601389000"},
		{"keys", "80CA00E000", "E012C00401308820C00402308820C004033088209000"},
		{"keys, next page", "80CA01E000", "6A88"},
		{"keys, class 00", "00CA00E000", "C00401308820C00402308820C004033088209000"},
		{"security level", "80CA00D300", "D301009000"},
		{"wrong Le", "80CA00CF05", "6C0C"},
		{"GET STATUS", "80F28002024F0000", "6982"},
		{"INSTALL", "80E60C0000", "6982"},
		{"STORE DATA", "80E2900001 00", "6982"},
		{"DELETE", "80E4000007 4F05F04D494401", "6982"},
		{"SET STATUS", "80F04080", "6982"},
		{"protected without session", "84F2800210" + strings.Repeat("00", 17), "6982"},
		{"PUT KEY", "80D8008100", "6982"},
		{"LOAD", "80E8000000", "6982"},
		{"unknown", "8001000000", "6D00"},
		{"a channel that is not open", "81CA00CF00", "6881"},
		{"another channel, further", "40A4040000", "6881"},
		{"ISO secure messaging", "0CA4040000", "6E00"},
		{"class FF", "FFCA00CF00", "6E00"},
		{"unknown key version", "8050310008000102030405060700", "6A88"},
		{"challenge of 16 bytes", "80500000100001020304050607000102030405060700", "6700"},
		{"EXTERNAL AUTHENTICATE alone", "8482330010" + strings.Repeat("00", 16), "6985"},
		{"wrong Lc", "00A4040008A0000001510000", "6700"},
		{"three bytes", "00A404", "6700"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := hex.DecodeString(strings.ReplaceAll(c.command, " ", ""))
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprintf("%X", raw(t, s, b).Bytes()); got != c.want {
				t.Errorf("answered %s, expected %s", got, c.want)
			}
		})
	}
}

// freeMemory is what FF21 says of an empty element.
func freeMemory(t *testing.T, s *se.SE) string {
	t.Helper()
	r := send(t, s, command(t, "80CAFF2100"))
	m, err := gp.ParseMemory(r.Data)
	if err != nil || m.Applications != 0 || m.FreeNonVolatile < 200<<10 || m.FreeNonVolatile > 256<<10 || m.FreeVolatile < 64<<10 {
		t.Errorf("%+v, %v", m, err)
	}
	return fmt.Sprintf("%X", r.Bytes())
}

// What ends a session: the next protected command is 6982, and so is every later one.
func TestSessionEnds(t *testing.T) {
	e := newElement(t)
	for name, event := range map[string]func(*testing.T, *se.SE){
		"SELECT":            func(t *testing.T, s *se.SE) { send(t, s, command(t, "00A40400")) },
		"failed SELECT":     func(t *testing.T, s *se.SE) { send(t, s, command(t, "00A4040005F04D494499")) },
		"reset":             func(_ *testing.T, s *se.SE) { s.Reset() },
		"INITIALIZE UPDATE": func(t *testing.T, s *se.SE) { send(t, s, command(t, "8050000008000102030405060700")) },
		"EXTERNAL AUTHENTICATE": func(t *testing.T, s *se.SE) {
			send(t, s, command(t, "8482010010"+strings.Repeat("00", 16)))
		},
		"command without MAC":   func(t *testing.T, s *se.SE) { send(t, s, command(t, "80F28002024F0000")) },
		"GET DATA without MAC":  func(t *testing.T, s *se.SE) { send(t, s, command(t, "80CA00CF00")) },
		"class without the bit": func(t *testing.T, s *se.SE) { send(t, s, command(t, "80F2800218"+strings.Repeat("00", 24))) },
		"wrong MAC":             func(t *testing.T, s *se.SE) { send(t, s, command(t, "84F2800218"+strings.Repeat("00", 24))) },
		"MAC cut short":         func(t *testing.T, s *se.SE) { send(t, s, command(t, "84F2800204"+strings.Repeat("00", 4))) },
		"garbage":               func(t *testing.T, s *se.SE) { raw(t, s, []byte{0x84, 0xF2, 0x80}) },
		"unknown class":         func(t *testing.T, s *se.SE) { send(t, s, command(t, "8CF28002024F0000")) },
		"broken chain": func(t *testing.T, s *se.SE) {
			send(t, s, command(t, "94E2000001AA"))
			if r := send(t, s, command(t, "84E2000101AA")); r.SW != apdu.LastOfChainExpected {
				t.Errorf("broken chain: %v", r.SW)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			e.Again(t)
			s := open(t, e, se.Config{})
			h := session(t, e, s)
			if r := secure(t, h, command(t, "80CA00D300")); r.SW != apdu.OK || !bytes.Equal(r.Data, []byte{0xD3, 1, 0x33}) {
				t.Fatalf("before: %X %v", r.Data, r.SW)
			}
			event(t, s)
			for range 2 {
				if r := secure(t, h, command(t, "80F28002024F0000")); r.SW != apdu.SecurityStatus {
					t.Errorf("after %s: %v", name, r.SW)
				}
			}
			if r := secure(t, session(t, e, s), command(t, "80F28002024F0000")); r.SW != apdu.OK {
				t.Errorf("a new session: %v", r.SW)
			}
		})
	}
	t.Run("an application error does not", func(t *testing.T) {
		e.Again(t)
		h := session(t, e, open(t, e, se.Config{}))
		for _, c := range []string{"80E4000007 4F05F04D494401", "80F00000", "80D8008100", "80E2900001 00", "80E8000000", "8001000000"} {
			if r := secure(t, h, command(t, c)); r.SW == apdu.OK || r.SW == apdu.SecurityStatus {
				t.Errorf("%s: %v", c, r.SW)
			}
		}
		if r := secure(t, h, command(t, "80F28002024F0000")); r.SW != apdu.OK {
			t.Error(r.SW)
		}
	})
}

// Every bit of a protected command flipped, as the element gets it. But for the channel number, which leads elsewhere, the
// session is over; the chaining bit makes a beginning, which the next command ends in a fault.
func TestE1EveryBitAtTheElement(t *testing.T) {
	e := newElement(t)
	s := open(t, e, se.Config{Tear: func(int) bool { return false }}) // nothing is synced
	want := map[string]int{"6982": 218, "6700": 8, "6E00": 2, "6881, session goes on": 3, "9000": 1}
	got := map[string]int{}
	for bit := 0; ; bit++ {
		h, err := scp03.NewHost(e.Factory.Keys, nil)
		if err != nil {
			t.Fatal(err)
		}
		external, hs, err := h.Authenticate(send(t, s, h.InitializeUpdate()), scp03.Full)
		if err != nil {
			t.Fatal(err)
		}
		send(t, s, external)
		c, _, err := hs.Wrap(command(t, "80F28002024F00"))
		if err != nil {
			t.Fatal(err)
		}
		good, err := c.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		if bit == 8*len(good) {
			break
		}
		bad := bytes.Clone(good)
		bad[bit/8] ^= 0x80 >> (bit % 8)
		r := raw(t, s, bad)
		what := fmt.Sprintf("%04X", uint16(r.SW))
		after := raw(t, s, good).SW
		switch {
		case len(r.Data) != 0:
			t.Errorf("bit %d: %d bytes of data", bit, len(r.Data))
		case after == apdu.OK:
			what += ", session goes on"
		case after != apdu.SecurityStatus || raw(t, s, good).SW != apdu.SecurityStatus:
			t.Errorf("bit %d: then %v", bit, after)
		}
		got[what]++
	}
	if !maps.Equal(got, want) {
		t.Errorf("%v, expected %v", got, want)
	}
	t.Logf("E1: every bit of a command flipped on its way to the element: %v", got)
}

// A level other than the host's is refused, by its MAC or because there is no such level, and no session is there afterwards.
func TestAnotherLevel(t *testing.T) {
	e := newElement(t)
	s := open(t, e, se.Config{})
	for level := range 256 {
		if level == 0x33 {
			continue
		}
		h, err := scp03.NewHost(e.Factory.Keys, nil)
		if err != nil {
			t.Fatal(err)
		}
		external, hs, err := h.Authenticate(send(t, s, h.InitializeUpdate()), scp03.Full)
		if err != nil {
			t.Fatal(err)
		}
		external.P1 = byte(level)
		want := apdu.WrongParameters
		if scp03.Level(level).Check() == nil {
			want = apdu.SecurityStatus
		}
		if r := send(t, s, external); r.SW != want {
			t.Fatalf("level %02X: %v", level, r.SW)
		}
		wrapped, _, err := hs.Wrap(command(t, "80F28002024F0000"))
		if err != nil {
			t.Fatal(err)
		}
		if r := send(t, s, wrapped); r.SW != apdu.SecurityStatus {
			t.Fatalf("level %02X: GET STATUS %v", level, r.SW)
		}
	}
}

// Ten failed authentications in a row block the key set for good, over any number of restarts.
func TestKeySetBlocks(t *testing.T) {
	e := newElement(t)
	wrong := setest.Keys(t)
	for i := range scp03.MaxFailures {
		s := open(t, e, se.Config{})
		if _, err := setest.Open(context.Background(), s, wrong); !errors.Is(err, scp03.ErrCryptogram) {
			t.Fatal(err)
		}
		h, err := scp03.NewHost(e.Factory.Keys, nil)
		if err != nil {
			t.Fatal(err)
		}
		external, _, err := h.Authenticate(send(t, s, h.InitializeUpdate()), scp03.Full)
		if err != nil {
			t.Fatal(err)
		}
		external.Data[0] ^= 1
		if r := send(t, s, external); r.SW != apdu.WarnChanged {
			t.Fatalf("attempt %d: %v", i, r.SW)
		}
		closeSE(t, s)
	}
	s := open(t, e, se.Config{})
	if r := send(t, s, command(t, "8050000008000102030405060700")); r.SW != apdu.Blocked {
		t.Errorf("after %d failures: %v", scp03.MaxFailures, r.SW)
	}
}

func TestContent(t *testing.T) {
	var log []string
	e := newElement(t)
	s := open(t, e, se.Config{Applets: []se.Kind{echo{log: &log}}})
	h := session(t, e, s)
	aid := instanceAID(7)
	build := func(i gp.Install) apdu.Command {
		if i.LoadFile == "" {
			i.LoadFile = gp.AID(testFile)
		}
		if i.Module == "" {
			i.Module = gp.AID(testModule)
		}
		if i.Instance == "" {
			i.Instance = gp.AID(aid)
		}
		c, err := i.Command()
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	expect := func(name string, c apdu.Command, sw apdu.SW) apdu.Response {
		t.Helper()
		r := secure(t, h, c)
		if r.SW != sw {
			t.Errorf("%s: %v, expected %v", name, r.SW, sw)
		}
		return r
	}
	list := gp.GetStatus{Scope: gp.ScopeApplications}.Command()
	personalize, err := gp.Personalize{Instance: gp.AID(aid)}.Command()
	if err != nil {
		t.Fatal(err)
	}
	remove, err := gp.Delete{AID: gp.AID(aid), Related: true}.Command()
	if err != nil {
		t.Fatal(err)
	}
	state := func() gp.State {
		t.Helper()
		entries, err := gp.ParseEntries(expect("GET STATUS", list, apdu.OK).Data)
		if err != nil || len(entries) != 1 {
			t.Fatalf("%d entries, %v", len(entries), err)
		}
		return gp.State(entries[0].State)
	}

	expect("nothing installed", list, apdu.ReferenceNotFound)
	expect("unknown load file", build(gp.Install{LoadFile: "\xF0\x4D\x49\x44\x99"}), apdu.ReferenceNotFound)
	expect("unknown module", build(gp.Install{Module: "\xF0\x4D\x49\x44\x99"}), apdu.ReferenceNotFound)
	expect("privileges", build(gp.Install{Privileges: gp.TrustedPath}), apdu.WrongData)
	expect("a domain's privilege", build(gp.Install{Privileges: gp.SecurityDomain}), apdu.WrongData)
	expect("more memory than there is", build(gp.Install{Limits: gp.Limits{NonVolatile: 1 << 20}}), apdu.NoSpace)
	expect("token", build(gp.Install{Token: []byte{1}}), apdu.WrongData)
	expect("parameters the applet refuses", build(gp.Install{Parameters: []byte{0xFF}}), apdu.WrongData)
	expect("AID the applet refuses", build(gp.Install{Instance: "\xF1\x4D\x49\x44\x99"}), apdu.WrongData)
	expect("STORE DATA without target", command(t, "80E2900001 00"), apdu.WrongData)
	expect("personalize nobody", personalize, apdu.ReferenceNotFound)
	expect("delete nobody", remove, apdu.ReferenceNotFound)
	expect("delete the ISD", command(t, "80E40000 0A 4F08A000000151000000 00"), apdu.Conditions)
	expect("delete the domains' load file", command(t, "80E40080 09 4F07A0000001515350 00"), apdu.Conditions)
	expect("lock nobody", command(t, "80F04080 09 F04D49444D444F4307"), apdu.ReferenceNotFound)

	if r := expect("install", build(gp.Install{}), apdu.OK); !bytes.Equal(r.Data, []byte{0}) {
		t.Errorf("INSTALL answered %X", r.Data)
	}
	expect("install twice", build(gp.Install{}), apdu.Conditions)
	if state() != gp.StateSelectable {
		t.Errorf("state %v", state())
	}
	expect("unlock what is not locked", command(t, "80F04000 09 F04D49444D444F4307"), apdu.Conditions)
	expect("lock", command(t, "80F04080 09 F04D49444D444F4307"), apdu.OK)
	expect("lock again", command(t, "80F04080 09 F04D49444D444F4307"), apdu.OK)
	if state() != gp.StateSelectable|gp.StateLocked {
		t.Errorf("state %v", state())
	}
	expect("unlock", command(t, "80F04000 09 F04D49444D444F4307"), apdu.OK)
	if state() != gp.StateSelectable {
		t.Errorf("state %v", state())
	}

	const secret = "a device key that has to be destroyed"
	expect("personalize", personalize, apdu.OK)
	store := command(t, "80E2900000")
	store.Data = []byte(secret)
	if r := expect("STORE DATA", store, apdu.OK); len(r.Data) != 0 {
		t.Errorf("STORE DATA answered %X", r.Data)
	}
	if !inFolder(t, filepath.Dir(e.Path), secret) {
		t.Fatal("the object is not in the state file: this test sees nothing")
	}
	if r := expect("delete", remove, apdu.OK); !bytes.Equal(r.Data, []byte{0}) {
		t.Errorf("DELETE answered %X", r.Data)
	}
	if inFolder(t, filepath.Dir(e.Path), secret) {
		t.Error("a deleted object is still in the state file")
	}
	expect("STORE DATA after delete", store, apdu.WrongData)
	expect("nothing left", list, apdu.ReferenceNotFound)
	if want := []string{"end", "delete"}; !slices.Equal(log, want) {
		t.Errorf("the applet was told %v, expected %v", log, want)
	}
}

func inFolder(tb testing.TB, dir, secret string) bool {
	tb.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		tb.Fatal(err)
	}
	for _, entry := range entries {
		data, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			tb.Fatal(err)
		}
		if bytes.Contains(data, []byte(secret)) {
			return true
		}
	}
	return false
}

// Fifteen instances do not fit one page.
func TestGetStatusPages(t *testing.T) {
	e := newElement(t)
	h := session(t, e, open(t, e, se.Config{}))
	for n := byte(1); n <= 15; n++ {
		install(t, h, n)
	}
	var pages gp.Pages
	search := gp.GetStatus{Scope: gp.ScopeApplications, Prefix: gp.AID(testFile)}
	if r := secure(t, h, gp.GetStatus{Scope: gp.ScopeApplications, Next: true}.Command()); r.SW != apdu.Conditions {
		t.Errorf("next page without a first: %v", r.SW)
	}
	n := 0
	for more := true; more; n++ {
		r := secure(t, h, search.Command())
		if len(r.Data) > gp.BlockSize {
			t.Fatalf("page of %d bytes", len(r.Data))
		}
		var err error
		if more, err = pages.Add(r); err != nil {
			t.Fatal(err)
		}
		search.Next = true
	}
	entries, err := pages.Entries()
	if err != nil || len(entries) != 15 || n < 3 {
		t.Fatalf("%d entries in %d pages: %v", len(entries), n, err)
	}
	for i, entry := range entries {
		if string(entry.AID) != string(instanceAID(byte(i+1))) || string(entry.LoadFile) != string(testFile) || entry.Domain != gp.ISD {
			t.Errorf("entry %d: %+v", i, entry)
		}
	}
	one := secure(t, h, gp.GetStatus{Scope: gp.ScopeApplications, Prefix: gp.AID(instanceAID(9))}.Command())
	if found, err := gp.ParseEntries(one.Data); err != nil || len(found) != 1 {
		t.Errorf("by whole AID: %d entries, %v", len(found), err)
	}
	first := secure(t, h, gp.GetStatus{Scope: gp.ScopeApplications}.Command())
	between := secure(t, h, command(t, "80CA00CF00"))
	next := secure(t, h, gp.GetStatus{Scope: gp.ScopeApplications, Next: true}.Command())
	if first.SW != apdu.MoreAvailable || between.SW != apdu.OK || next.SW != apdu.Conditions {
		t.Errorf("a page after another command: %v %v %v", first.SW, between.SW, next.SW)
	}
	modules, err := gp.ParseEntries(secure(t, h, gp.GetStatus{Scope: gp.ScopeModules}.Command()).Data)
	if err != nil || len(modules) != 2 || len(modules[1].Modules) != 1 || string(modules[1].Modules[0]) != string(testModule) {
		t.Errorf("load files: %+v, %v", modules, err)
	}
}

func TestSelectInstance(t *testing.T) {
	var log []string
	e := newElement(t)
	s := open(t, e, se.Config{Applets: []se.Kind{echo{log: &log}}})
	h := session(t, e, s)
	install(t, h, 2)
	install(t, h, 5)
	lock := command(t, "80F04080 09 F04D49444D444F4305")
	if r := secure(t, h, lock); r.SW != apdu.OK {
		t.Fatal(r.SW)
	}
	want := "6F118409F04D49444D444F4302A5049F6501FF"
	for _, c := range []struct {
		command, answer string
		sw              apdu.SW
	}{
		{"00A4040009F04D49444D444F430200", want, apdu.OK},
		{"00A4040008F04D49444D444F4300", want, apdu.OK},
		{"00A4040208F04D49444D444F4300", strings.Replace(want, "4302", "4305", 1), apdu.WarnCardLocked},
		{"00A4040208F04D49444D444F4300", "", apdu.NotFound},
	} {
		r := send(t, s, command(t, c.command))
		if r.SW != c.sw || fmt.Sprintf("%X", r.Data) != c.answer {
			t.Errorf("%s: %X %v, expected %s %v", c.command, r.Data, r.SW, c.answer, c.sw)
		}
	}
	if r := send(t, s, command(t, "00010203 03 AABBCC 00")); r.SW != apdu.OK || !bytes.Equal(r.Data, []byte{0xAA, 0xBB, 0xCC}) {
		t.Errorf("command to the instance: %X %v", r.Data, r.SW)
	}
	if r := send(t, s, command(t, "84010203 03 AABBCC 00")); r.SW != apdu.SecureUnsupported {
		t.Errorf("secured command to the instance: %v", r.SW)
	}
	// Chained commands arrive joined.
	for _, c := range []struct{ part, answer string }{{"10010203 02 AABB", ""}, {"10010203 01 CC", ""}, {"00010203 01 DD 00", "AABBCCDD"}} {
		if r := send(t, s, command(t, c.part)); r.SW != apdu.OK || fmt.Sprintf("%X", r.Data) != c.answer {
			t.Errorf("part %s: %X %v", c.part, r.Data, r.SW)
		}
	}
	send(t, s, command(t, "10010203 02 AABB"))
	if r := send(t, s, command(t, "00010204 01 DD 00")); r.SW != apdu.LastOfChainExpected {
		t.Errorf("another command inside a chain: %v", r.SW)
	}
	send(t, s, command(t, "00A40400"))
	if want := []string{"select", "deselect", "select", "deselect", "select", "deselect"}; !slices.Equal(log, want) {
		t.Errorf("the applets were told %v, expected %v", log, want)
	}
}
