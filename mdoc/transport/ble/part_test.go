package ble_test

import (
	"bytes"
	"errors"
	"testing"

	"mobileid/mdoc/mdoctest"
	"mobileid/mdoc/transport"
	"mobileid/mdoc/transport/ble"
	"mobileid/mdoc/transport/transporttest"
)

// The UUIDs as ISO/IEC 18013-5 prints them, Tables 11 and 12 and the second edition draft.
func TestServiceUUIDs(t *testing.T) {
	want := map[ble.Mode]map[ble.Characteristic]string{
		ble.PeripheralServer: {
			ble.State:         "00000001-A123-48CE-896B-4C76973373E6",
			ble.Client2Server: "00000002-A123-48CE-896B-4C76973373E6",
			ble.Server2Client: "00000003-A123-48CE-896B-4C76973373E6",
			ble.L2CAP:         "0000000A-A123-48CE-896B-4C76973373E6",
		},
		ble.CentralClient: {
			ble.State:         "00000005-A123-48CE-896B-4C76973373E6",
			ble.Client2Server: "00000006-A123-48CE-896B-4C76973373E6",
			ble.Server2Client: "00000007-A123-48CE-896B-4C76973373E6",
			ble.Ident:         "00000008-A123-48CE-896B-4C76973373E6",
			ble.L2CAP:         "0000000B-A123-48CE-896B-4C76973373E6",
		},
	}
	for mode, table := range want {
		got := ble.Service(mode)
		if len(got) != len(table) {
			t.Errorf("%s has %d characteristics, want %d", mode, len(got), len(table))
		}
		for _, d := range got {
			if d.UUID.String() != table[d.Characteristic] {
				t.Errorf("%s, %s is %s, want %s", mode, d.Characteristic, d.UUID, table[d.Characteristic])
			}
			notify := d.Characteristic == ble.State || d.Characteristic == ble.Server2Client
			write := d.Characteristic == ble.State || d.Characteristic == ble.Client2Server
			if d.Notify != notify || d.WriteWithoutResponse != write || d.Read == (notify || write) {
				t.Errorf("%s, %s has wrong properties", mode, d.Characteristic)
			}
		}
	}
	if ble.Service(0) != nil {
		t.Error("a mode that does not exist has a service")
	}
}

func TestNames(t *testing.T) {
	for got, want := range map[string]string{
		ble.PeripheralServer.String(): "mdoc peripheral server mode", ble.CentralClient.String(): "mdoc central client mode",
		ble.Mode(7).String(): "unknown mode", ble.Characteristic(9).String(): "unknown characteristic",
		ble.Ident.String(): "Ident", ble.L2CAP.String(): "L2CAP", ble.State.String(): "State",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestChoose(t *testing.T) {
	for _, tc := range []struct {
		peripheral, central bool
		want                ble.Mode
	}{{true, false, ble.PeripheralServer}, {false, true, ble.CentralClient}, {true, true, ble.CentralClient}} {
		if got, err := ble.Choose(tc.peripheral, tc.central); got != tc.want || err != nil {
			t.Errorf("%v: %s, %v", tc, got, err)
		}
	}
	if _, err := ble.Choose(false, false); !errors.Is(err, ble.ErrNoMode) {
		t.Errorf("neither: error %v, want ErrNoMode", err)
	}
}

// The Ident of Annex D's EDeviceKey.
func TestIdentVector(t *testing.T) {
	var derived struct {
		Ident string `json:"ble_ident"`
	}
	mdoctest.ReadJSON(t, "iso18013-5/annex-d-derived.json", &derived)
	key := mdoctest.LoadAnnexD(t).Bytes(t, "e_device_key_bytes")
	got, err := ble.IdentValue(key)
	if err != nil || !bytes.Equal(got, mdoctest.Hex(t, derived.Ident)) {
		t.Errorf("got %x, error %v, want %s", got, err, derived.Ident)
	}
}

func TestPartSize(t *testing.T) {
	for mtu, want := range map[int]int{23: 20, 24: 21, 514: 511, 515: 512, 516: 512, 517: 512} {
		if got := ble.PartSize(mtu); got != want {
			t.Errorf("MTU %d gives parts of %d, want %d", mtu, got, want)
		}
	}
}

// The parts of ISO/IEC 18013-5:2021, 8.3.3.1.1.6, byte by byte.
func TestParts(t *testing.T) {
	for _, tc := range []struct {
		name, message string
		parts         []string
	}{
		{"empty", "", []string{"\x00"}},
		{"one byte", "a", []string{"\x00a"}},
		{"one full part", "abc", []string{"\x00abc"}},
		{"a byte over", "abcd", []string{"\x01abc", "\x00d"}},
		{"two full parts", "abcdef", []string{"\x01abc", "\x00def"}},
		{"three", "abcdefg", []string{"\x01abc", "\x01def", "\x00g"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rest := []byte(tc.message)
			j := ble.Joiner{Max: len(rest)}
			for i, want := range tc.parts {
				var part []byte
				part, rest = ble.AppendPart(nil, rest, 4)
				if string(part) != want || (rest == nil) != (i == len(tc.parts)-1) {
					t.Fatalf("part %d is %q with %d bytes to come, want %q", i, part, len(rest), want)
				}
				message, whole, err := j.Add(part, 4)
				if err != nil || whole != (rest == nil) || whole && string(message) != tc.message {
					t.Fatalf("part %d: %q, %v, %v", i, message, whole, err)
				}
			}
		})
	}
}

func TestJoinerRefuses(t *testing.T) {
	for name, parts := range map[string][]string{
		"an empty part":                 {""},
		"an empty part in the middle":   {"\x01abc", ""},
		"a first byte of 02":            {"\x02abc"},
		"a first byte of ff":            {"\x01abc", "\xffabc"},
		"a part over the MTU":           {"\x00abcd"},
		"a message over the bound":      {"\x01abc", "\x01abc", "\x00abc"},
		"a message that does not end":   {"\x01abc", "\x01abc", "\x01abc"},
		"a message over at the last":    {"\x01abc", "\x01abc", "\x01ab", "\x00a"},
		"two parts sent as one":         {"\x01abc\x00a"},
		"a State value as a part":       {"\x02"},
		"a message over, in tiny parts": {"\x01a", "\x01b", "\x01c", "\x01d", "\x01e", "\x01f", "\x01g", "\x01h", "\x01i"},
	} {
		t.Run(name, func(t *testing.T) {
			j := ble.Joiner{Max: 8}
			for i, p := range parts {
				message, whole, err := j.Add([]byte(p), 4)
				if whole || message != nil {
					t.Fatalf("part %d gave a message", i)
				}
				if err != nil {
					if !errors.Is(err, transport.ErrProtocol) || i != len(parts)-1 {
						t.Fatalf("part %d: error %v", i, err)
					}
					return
				}
			}
			t.Error("nothing was refused")
		})
	}
}

func TestJoinerKeepsNoPart(t *testing.T) {
	j := ble.Joiner{Max: 8}
	part := []byte("\x01abc")
	if _, _, err := j.Add(part, 4); err != nil {
		t.Fatal(err)
	}
	clear(part)
	if m, whole, err := j.Add([]byte("\x00d"), 4); !whole || err != nil || string(m) != "abcd" {
		t.Errorf("%q, %v, %v", m, whole, err)
	}
}

// A Joiner fed with anything gives messages within its bound that cut again into parts that join to the same message.
func FuzzJoiner(f *testing.F) {
	d := mdoctest.LoadAnnexD(f)
	for _, name := range []string{"session_establishment", "session_data", "session_termination"} {
		rest := d.Bytes(f, name)
		var stream []byte
		for rest != nil {
			var part []byte
			part, rest = ble.AppendPart(nil, rest, 182)
			stream = append(stream, part...)
		}
		f.Add(stream, uint16(182), uint16(182))
	}
	f.Add([]byte{2}, uint16(20), uint16(20))
	f.Fuzz(func(t *testing.T, stream []byte, cut, size uint16) {
		cut, size = max(1, cut), max(2, size)
		j := ble.Joiner{Max: 4096}
		for len(stream) > 0 {
			n := min(len(stream), int(cut))
			message, whole, err := j.Add(stream[:n], int(size))
			stream = stream[n:]
			if err != nil {
				if message != nil || whole || !errors.Is(err, transport.ErrProtocol) {
					t.Fatalf("refused with %v and a message", err)
				}
				return
			}
			if !whole {
				continue
			}
			if len(message) > 4096 {
				t.Fatalf("a message of %d bytes", len(message))
			}
			again(t, message, int(size))
		}
	})
}

func again(t *testing.T, message []byte, size int) {
	t.Helper()
	j := ble.Joiner{Max: len(message)}
	for rest := message; rest != nil; {
		var part []byte
		part, rest = ble.AppendPart(nil, rest, size)
		got, whole, err := j.Add(part, size)
		if err != nil || whole != (rest == nil) || whole && !bytes.Equal(got, message) {
			t.Fatalf("cut again: %v, %v", whole, err)
		}
	}
}

// What a whole message looks like on the air at the smallest MTU.
func TestEndsOfParts(t *testing.T) {
	rest := transporttest.Pattern(100)
	for n := 0; rest != nil; n++ {
		var part []byte
		part, rest = ble.AppendPart(nil, rest, ble.PartSize(ble.MinMTU))
		if len(part) > 20 || len(part) < 20 && rest != nil {
			t.Errorf("part %d has %d bytes", n, len(part))
		}
	}
}
