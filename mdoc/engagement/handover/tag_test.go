package handover_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"mobileid/mdoc/engagement/handover"
	"mobileid/mdoc/mdoctest"
)

const (
	selectAID  = "00A4040007D2760000850101"
	selectCC   = "00A4000C02E103"
	selectNDEF = "00A4000C02E104"
	readLength = "00B0000002"
)

func transmit(t testing.TB, tag *handover.Tag, command string) string {
	t.Helper()
	out, err := tag.Transmit(t.Context(), mdoctest.Hex(t, command))
	if err != nil {
		t.Fatal(err)
	}
	return strings.ToUpper(hex.EncodeToString(out))
}

// ts and hr are the printed commands with which a reader writes its messages.
func written(t testing.TB) (ts, hr string) {
	t.Helper()
	f := load(t)
	return hex.EncodeToString(f.Negotiated[6].command(t)), hex.EncodeToString(f.Negotiated[9].command(t))
}

func TestStatusWords(t *testing.T) {
	f := load(t)
	ts, hr := written(t)
	for name, tc := range map[string]struct {
		negotiated bool
		commands   []string
		want       string
	}{
		"cut":                             {false, []string{"00A4"}, "6700"},
		"proprietary":                     {false, []string{"80A40400"}, "6E00"},
		"channel 1":                       {false, []string{"01A40400"}, "6881"},
		"secured":                         {false, []string{"0CA40400"}, "6882"},
		"chained":                         {false, []string{"10A40400"}, "6884"},
		"reserved class":                  {false, []string{"20A40400"}, "6E00"},
		"another instruction":             {false, []string{"00CA0000"}, "6D00"},
		"another application":             {false, []string{"00A4040007D2760000850102"}, "6A82"},
		"select by path":                  {false, []string{"00A4080002E103"}, "6A86"},
		"select without answer":           {false, []string{"00A4040C07D2760000850101"}, "9000"},
		"file before the application":     {false, []string{selectNDEF}, "6A82"},
		"another file":                    {false, []string{selectAID, "00A4000C02E105"}, "6A82"},
		"file name of one byte":           {false, []string{selectAID, "00A4000C01E1"}, "6700"},
		"read without file":               {false, []string{selectAID, readLength}, "6986"},
		"read by short identifier":        {false, []string{selectAID, selectCC, "00B0810002"}, "6A86"},
		"read with data":                  {false, []string{selectAID, selectCC, "00B00000010002"}, "6700"},
		"read nothing":                    {false, []string{selectAID, selectCC, "00B00000"}, "6700"},
		"read behind the end":             {false, []string{selectAID, selectCC, "00B0000F01"}, "6B00"},
		"read over the end":               {false, []string{selectAID, selectCC, "00B0000E05"}, "FF9000"},
		"write a static tag":              {false, []string{selectAID, selectNDEF, ts}, "6982"},
		"write the capability container":  {true, []string{selectAID, selectCC, ts}, "6982"},
		"write without file":              {true, []string{selectAID, ts}, "6986"},
		"write nothing":                   {true, []string{selectAID, selectNDEF, "00D60000"}, "6700"},
		"write with Le":                   {true, []string{selectAID, selectNDEF, "00D6000002000000"}, "6700"},
		"write half a length":             {true, []string{selectAID, selectNDEF, "00D600000100"}, "6B00"},
		"write the other half":            {true, []string{selectAID, selectNDEF, "00D60000020000", "00D600010100"}, "6B00"},
		"write behind what is written":    {true, []string{selectAID, selectNDEF, "00D60000020000", "00D6000301AA"}, "6B00"},
		"write data before a length":      {true, []string{selectAID, selectNDEF, "00D6000202AAAA"}, "6B00"},
		"a length over the file":          {true, []string{selectAID, selectNDEF, "00D6000002FFFF"}, "6A80"},
		"a message that is none":          {true, []string{selectAID, selectNDEF, "00D60000040002AAAA"}, "6A80"},
		"another service":                 {true, []string{selectAID, selectNDEF, strings.Replace(ts, "75726e", "75726f", 1)}, "6A80"},
		"a request before the service":    {true, []string{selectAID, selectNDEF, hr}, "6A80"},
		"the service twice":               {true, []string{selectAID, selectNDEF, ts, ts}, "6A80"},
		"a request that names no carrier": {true, []string{selectAID, selectNDEF, ts, strings.Replace(hr, "616301013000", "616301013100", 1)}, "6A80"},
		"a request after the request":     {true, []string{selectAID, selectNDEF, ts, hr, hr}, "6985"},
		"read while writing":              {true, []string{selectAID, selectNDEF, "00D60000020000", readLength}, "00009000"},
		"the service after a refusal":     {true, []string{selectAID, selectNDEF, hr, ts, readLength}, "00069000"},
		"a new start":                     {true, []string{selectAID, selectNDEF, ts, selectAID, selectNDEF, readLength}, "001F9000"},
		"a start after the request":       {true, []string{selectAID, selectNDEF, ts, hr, selectAID, selectNDEF, readLength}, "001F9000"},
		"after the end":                   {true, []string{selectAID, selectNDEF, ts, hr, "00B00000BC", selectAID, selectNDEF, readLength}, "00BA9000"},
	} {
		t.Run(name, func(t *testing.T) {
			tag := f.staticTag(t)
			if tc.negotiated {
				tag = f.negotiatedTag(t)
			}
			var got string
			for _, c := range tc.commands {
				got = transmit(t, tag, c)
			}
			if got != tc.want {
				t.Errorf("answer %s, want %s", got, tc.want)
			}
		})
	}
}

// Some readers write a length of zero, the message in pieces, then the length; some the length first and then pieces.
func TestWaysToWrite(t *testing.T) {
	f := load(t)
	ts, _ := written(t)
	message := strings.ToUpper(ts[14:])
	half := len(message) / 4 * 2
	for name, commands := range map[string][]string{
		"at once":               {ts},
		"length last":           {"00D60000020000", "00D6000219" + message, "00D60000020019"},
		"in pieces":             {"00D60000020000", "00D600020C" + message[:half], "00D6000E0D" + message[half:], "00D60000020019"},
		"length first":          {"00D600000E0019" + message[:half], "00D6000E0D" + message[half:]},
		"begun twice":           {"00D60000020000", "00D6000202AAAA", "00D60000020000", "00D6000219" + message, "00D60000020019"},
		"a piece again":         {"00D60000020000", "00D6000219" + message, "00D600020C" + message[:half], "00D60000020019"},
		"zero and message":      {"00D600001B0000" + message, "00D60000020019"},
		"in the extended form":  {"00D6000000001B0019" + message},
		"after a piece of less": {"00D600000400020000", ts},
	} {
		t.Run(name, func(t *testing.T) {
			tag := f.negotiatedTag(t)
			transmit(t, tag, selectAID)
			transmit(t, tag, selectNDEF)
			for _, c := range commands {
				got := transmit(t, tag, c)
				if name != "after a piece of less" && got != "9000" {
					t.Fatalf("%s answered %s", c, got)
				}
			}
			if got := transmit(t, tag, "00B0000008"); got != "0006D102015465009000" {
				t.Errorf("shown %s, want the status record", got)
			}
		})
	}
}

func TestTagNotReady(t *testing.T) {
	f := load(t)
	ts, hr := written(t)
	ready := false
	var seen *handover.Request
	sel := f.chosen(t)
	tag := must(handover.NewTag(handover.TagConfig{Choose: func(q *handover.Request) (*handover.Select, error) {
		seen = q
		if !ready {
			return nil, handover.ErrNotReady
		}
		return sel, nil
	}}))(t)
	for _, c := range []string{selectAID, selectNDEF, ts, hr} {
		transmit(t, tag, c)
	}
	for range 3 {
		if got := transmit(t, tag, readLength); got != "00009000" {
			t.Fatalf("length %s before the choice", got)
		}
	}
	if got := transmit(t, tag, "00B0000201"); got != "6B00" {
		t.Errorf("data before the choice: %s", got)
	}
	if !bytes.Equal(seen.Bytes(), mdoctest.Hex(t, hr)[7:]) || tag.Handover() != nil {
		t.Error("another request, or done")
	}
	ready = true
	if got := transmit(t, tag, readLength); got != "00BA9000" {
		t.Errorf("length %s after the choice", got)
	}
	transmit(t, tag, "00B00002B9")
	select {
	case <-tag.Done():
		t.Error("done before the last byte")
	default:
	}
	transmit(t, tag, "00B000BB01")
	<-tag.Done()
	if h := tag.Handover(); h == nil || h.Select() != sel || h.Request() != seen {
		t.Error("another handover")
	}
}

func TestChoiceThatCannotBe(t *testing.T) {
	f := load(t)
	ts, hr := written(t)
	two := must(handover.NewSelect(f.engagement(t), f.carriers(t)...))(t)
	for name, choose := range map[string]func(*handover.Request) (*handover.Select, error){
		"refused":      func(*handover.Request) (*handover.Select, error) { return nil, errors.New("no") },
		"two carriers": func(*handover.Request) (*handover.Select, error) { return two, nil },
		"none":         func(*handover.Request) (*handover.Select, error) { return nil, nil },
	} {
		t.Run(name, func(t *testing.T) {
			tag := must(handover.NewTag(handover.TagConfig{Choose: choose}))(t)
			for _, c := range []string{selectAID, selectNDEF, ts} {
				transmit(t, tag, c)
			}
			for _, c := range []string{hr, readLength, ts} {
				if got := transmit(t, tag, c); got != "6985" {
					t.Errorf("answer %s, want 6985", got)
				}
			}
			tag.Deactivate()
			transmit(t, tag, selectAID)
			transmit(t, tag, selectNDEF)
			if got := transmit(t, tag, readLength); got != "6985" || tag.Handover() != nil {
				t.Errorf("taken up again: %s", got)
			}
		})
	}
}

func TestDeactivate(t *testing.T) {
	f := load(t)
	ts, hr := written(t)
	tag := f.negotiatedTag(t)
	for _, c := range []string{selectAID, selectNDEF, ts, hr} {
		transmit(t, tag, c)
	}
	tag.Deactivate()
	if got := transmit(t, tag, readLength); got != "6986" {
		t.Errorf("a file is still selected: %s", got)
	}
	for _, c := range []string{selectAID, selectNDEF} {
		transmit(t, tag, c)
	}
	if got := transmit(t, tag, readLength); got != "001F9000" {
		t.Errorf("length %s, want that of the service parameter record", got)
	}
}

func TestNewTagRefuses(t *testing.T) {
	f := load(t)
	sel := must(handover.NewSelect(f.engagement(t), f.carriers(t)...))(t)
	choose := func(*handover.Request) (*handover.Select, error) { return sel, nil }
	for name, cfg := range map[string]handover.TagConfig{
		"neither":              {},
		"both":                 {Static: sel, Choose: choose},
		"reserved wait":        {Choose: choose, Wait: 64},
		"static BLE, no UUID ": {Static: f.chosen(t)},
	} {
		t.Run(name, func(t *testing.T) {
			if tag, err := handover.NewTag(cfg); err == nil || tag != nil {
				t.Error("a tag was made")
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.staticTag(t).Transmit(ctx, mdoctest.Hex(t, selectAID)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
}

// FuzzTag feeds a tag with commands, each after a length of two bytes.
func FuzzTag(f *testing.F) {
	file := load(f)
	for _, exchanges := range [][]exchange{file.Static, file.Negotiated} {
		var all []byte
		for _, e := range exchanges {
			c := e.command(f)
			all = append(append(all, byte(len(c)>>8), byte(len(c))), c...)
		}
		f.Add(all)
	}
	static, chosen := must(handover.NewSelect(file.engagement(f), file.carriers(f)...))(f), file.chosen(f)
	f.Fuzz(func(t *testing.T, all []byte) {
		choose := func(*handover.Request) (*handover.Select, error) { return chosen, nil }
		for _, cfg := range []handover.TagConfig{{Static: static}, {Choose: choose}} {
			tag := must(handover.NewTag(cfg))(t)
			for rest := all; len(rest) >= 2; {
				n := min(int(rest[0])<<8|int(rest[1]), len(rest)-2)
				out, err := tag.Transmit(t.Context(), rest[2:2+n])
				if err != nil || len(out) < 2 {
					t.Fatalf("answer of %d bytes, %v", len(out), err)
				}
				rest = rest[2+n:]
			}
			if h := tag.Handover(); h != nil && (h.Request() == nil) != (cfg.Static != nil) {
				t.Error("a handover of the other kind")
			}
		}
	})
}
