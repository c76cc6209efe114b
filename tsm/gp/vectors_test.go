package gp_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/mdoctest"
	"mobileid/tsm/gp"
)

type cardResponse struct {
	Source, Command, Response string
	Fields                    map[string]string
	Keys                      []struct {
		ID, Version, Usage, Access string
		Components                 []struct {
			Type      string
			Length    int
			WithoutFF bool `json:"without_ff"`
		}
	}
	Entries        [][]struct{ Tag, Value string }
	IncompleteTail string `json:"incomplete_tail"`
}

func cardResponses(tb testing.TB) []cardResponse {
	tb.Helper()
	var file struct{ Vectors []cardResponse }
	mdoctest.ReadJSON(tb, "scp03/card-responses.json", &file)
	if len(file.Vectors) < 20 {
		tb.Fatalf("card-responses.json holds %d answers", len(file.Vectors))
	}
	return file.Vectors
}

func split(tb testing.TB, hex string) apdu.Response {
	tb.Helper()
	r, err := apdu.ParseResponse(mdoctest.Hex(tb, hex))
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func encode(tb testing.TB, c apdu.Command) string {
	tb.Helper()
	b, err := c.Bytes()
	if err != nil {
		tb.Fatal(err)
	}
	return fmt.Sprintf("%x", b)
}

// What real cards answered, and the commands they answered, as we build them. Each answer is read, all its fields are
// compared, and it comes back to the byte where the shape has one form only.
func TestCardResponses(t *testing.T) {
	count := map[string]int{}
	for i, v := range cardResponses(t) {
		t.Run(fmt.Sprintf("%d %s", i, v.Command), func(t *testing.T) {
			r := split(t, v.Response)
			name, check := answerCheck(t, v)
			count[name]++
			if r.SW == apdu.ReferenceNotFound {
				count["not found"]++
				if v.Response != "6a88" || name != "IIN" && name != "image" {
					t.Errorf("%s is %s", v.Command, v.Response)
				}
				return
			}
			if name != "status" && r.SW != apdu.OK {
				t.Errorf("status word %v", r.SW)
			}
			check(t, v, r)
		})
	}
	want := map[string]int{
		"FCI": 1, "CPLC": 4, "keys": 4, "recognition": 5, "counter": 1, "KDD": 1, "status": 1, "IIN": 1, "image": 1,
		"memory": 1, "capabilities": 2, "not found": 2,
	}
	if d := cmp.Diff(want, count); d != "" {
		t.Error(d)
	}
}

func answerCheck(t *testing.T, v cardResponse) (string, func(*testing.T, cardResponse, apdu.Response)) {
	t.Helper()
	for name, c := range map[string]struct {
		command apdu.Command
		check   func(*testing.T, cardResponse, apdu.Response)
	}{
		"FCI":          {gp.Select(""), checkFCI},
		"CPLC":         {gp.GetData(gp.DataCPLC), checkCPLC},
		"IIN":          {gp.GetData(gp.DataIIN), nil},
		"image":        {gp.GetData(gp.DataCardImage), nil},
		"keys":         {gp.GetData(gp.DataKeyInformation), checkKeys},
		"recognition":  {gp.GetData(gp.DataCardRecognition), checkRecognition},
		"capabilities": {gp.GetData(gp.DataCapabilities), checkCapabilities},
		"counter":      {gp.GetData(gp.DataSequenceCounter), checkCounter},
		"KDD":          {gp.GetData(gp.DataDiversification), checkDiversification},
		"memory":       {gp.GetData(gp.DataMemory), checkMemory},
		"status":       {gp.GetStatus{Scope: gp.ScopeApplications}.Command(), checkStatus},
	} {
		if encode(t, c.command) == v.Command {
			return name, c.check
		}
	}
	t.Fatalf("%s is no command we build", v.Command)
	return "", nil
}

func checkCounter(t *testing.T, _ cardResponse, r apdu.Response) {
	t.Helper()
	if n, err := gp.ParseSequenceCounter(r.Data); err != nil || n != 0x427 {
		t.Errorf("counter %x, %v", n, err)
	}
}

func checkDiversification(t *testing.T, _ cardResponse, r apdu.Response) {
	t.Helper()
	if kdd, err := gp.ParseDiversification(r.Data); err != nil || fmt.Sprintf("%x", kdd) != "00003244342976208448" {
		t.Errorf("KDD %x, %v", kdd, err)
	}
}

func checkMemory(t *testing.T, _ cardResponse, r apdu.Response) {
	t.Helper()
	m, err := gp.ParseMemory(r.Data)
	if d := cmp.Diff(gp.Memory{Applications: 2, FreeNonVolatile: 0x16DB4, FreeVolatile: 0x86A}, m); err != nil || d != "" {
		t.Fatal(err, d)
	}
	// The card counts its applications in two bytes, we in one.
	if back, err := gp.ParseMemory(m.Bytes()); err != nil || back != m {
		t.Errorf("%+v, %v", back, err)
	}
}

func checkCapabilities(t *testing.T, v cardResponse, r apdu.Response) {
	t.Helper()
	c, err := gp.ParseCapabilities(r.Data)
	if err != nil {
		t.Fatal(err)
	}
	want := gp.Capabilities{
		DomainPrivileges: 0xE5BEC0, ApplicationPrivileges: 0x1E0300,
		Hashes: []byte{2}, LoadCiphers: []byte{2}, Tokens: []byte{0x7B}, Receipts: []byte{0x0C}, DAP: []byte{0x7B},
	}
	if strings.Contains(v.Source, "jcop4") {
		want.Channels = []gp.ChannelCapability{{SCP: 3, Options: []byte{0, 0x10, 0x20, 0x60, 0x70}, Keys: gp.KeysAES128 | gp.KeysAES192 | gp.KeysAES256}}
		want.Others = []apdu.TLV{{Tag: 0x89, Value: []byte{1, 1}}}
	} else {
		want.Channels = []gp.ChannelCapability{{SCP: 2, Options: []byte{0x15, 0x35, 0x55, 0x75}}}
	}
	if d := cmp.Diff(want, c); d != "" {
		t.Error(d)
	}
	if got := c.Bytes(); !bytes.Equal(got, r.Data) {
		t.Errorf("encodes back to %x", got)
	}
}

func checkFCI(t *testing.T, _ cardResponse, r apdu.Response) {
	t.Helper()
	f, err := gp.ParseFCI(r.Data)
	if d := cmp.Diff(gp.FCI{AID: gp.ISD, MaxData: 255}, f); err != nil || d != "" {
		t.Error(err, d)
	}
	if !bytes.Equal(f.Bytes(), r.Data) {
		t.Errorf("FCI encodes back to %x", f.Bytes())
	}
}

func checkCPLC(t *testing.T, v cardResponse, r apdu.Response) {
	t.Helper()
	c, err := gp.ParseCPLC(r.Data)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for name, got := range map[string][]byte{
		"ic_fabricator": c.ICFabricator[:], "ic_type": c.ICType[:], "os_id": c.OSID[:], "os_release_date": c.OSDate[:],
		"os_release_level": c.OSLevel[:], "ic_fabrication_date": c.ICDate[:], "ic_serial": c.ICSerial[:], "ic_batch": c.ICBatch[:],
		"module_fabricator": c.ModuleFabricator[:], "module_packaging_date": c.ModuleDate[:], "icc_manufacturer": c.ICCManufacturer[:],
		"ic_embedding_date": c.EmbeddingDate[:], "pre_personalizer": c.PrePersonalizer[:], "pre_perso_date": c.PrePersoDate[:],
		"pre_perso_equipment": c.PrePersoEquipment[:], "personalizer": c.Personalizer[:], "perso_date": c.PersoDate[:],
		"perso_equipment": c.PersoEquipment[:],
	} {
		n++
		if want, ok := v.Fields[name]; !ok || fmt.Sprintf("%x", got) != want {
			t.Errorf("%s: %x, want %s", name, got, want)
		}
	}
	if n != len(v.Fields) {
		t.Errorf("compared %d fields of %d", n, len(v.Fields))
	}
	if !bytes.Equal(c.Bytes(), r.Data) {
		t.Errorf("encodes back to %x", c.Bytes())
	}
}

func checkKeys(t *testing.T, v cardResponse, r apdu.Response) {
	t.Helper()
	got, err := gp.ParseKeyInformation(r.Data)
	if err != nil {
		t.Fatal(err)
	}
	var want []gp.KeyInformation
	oneForm := true
	for _, k := range v.Keys {
		w := gp.KeyInformation{ID: mdoctest.Hex(t, k.ID)[0], Version: mdoctest.Hex(t, k.Version)[0]}
		for _, c := range k.Components {
			if c.WithoutFF { // a slip of that card
				oneForm = false
			}
			w.Components = append(w.Components, gp.KeyComponent{Type: mdoctest.Hex(t, c.Type)[0], Length: c.Length})
		}
		if k.Usage != "" {
			w.Extended = true
			w.Usage, w.Access = mdoctest.Hex(t, k.Usage)[0], mdoctest.Hex(t, k.Access)[0]
		}
		want = append(want, w)
	}
	if d := cmp.Diff(want, got); d != "" || len(want) == 0 {
		t.Fatal(d)
	}
	if back := gp.AppendKeyInformation(nil, got); bytes.Equal(back, r.Data) != oneForm {
		t.Errorf("encodes back to %x", back)
	}
}

func checkRecognition(t *testing.T, _ cardResponse, r apdu.Response) {
	t.Helper()
	got, err := gp.ParseRecognition(r.Data)
	if err != nil {
		t.Fatal(err)
	}
	if raw, err := got.Bytes(); err != nil || !bytes.Equal(raw, r.Data) {
		t.Errorf("encodes back to %x, %v", raw, err)
	}
	// What each says, by the byte of its SCP and option where they lie.
	javaCard := gp.Recognition{Version: "2.3", Configuration: "1.2.840.114283.5.7.2.0.0", Chip: "1.3.6.1.4.1.42.2.110.1.3"}
	withOption := func(scp byte, i uint32) gp.Recognition {
		out := javaCard
		out.Channels = []gp.ChannelProtocol{{SCP: scp, Option: i}}
		return out
	}
	want := []gp.Recognition{
		withOption(3, 0x70), withOption(2, 0x55),
		{Version: "2.3.1", Channels: []gp.ChannelProtocol{{SCP: 3, Option: 0x60}, {SCP: 0x11, Option: 3462}}},
		{
			Version: "2.2", Channels: []gp.ChannelProtocol{{SCP: 0x80}, {SCP: 3, Option: 0x70}},
			Configuration: "1.2.840.114283.2.1.1", Chip: "1.3.6.1.4.1.42.2.110.1.2",
		},
	}
	if !slices.ContainsFunc(want, func(w gp.Recognition) bool { return cmp.Equal(w, got) }) {
		t.Errorf("read as %+v", got)
	}
}

func checkStatus(t *testing.T, v cardResponse, r apdu.Response) {
	t.Helper()
	var p gp.Pages
	if more, err := p.Add(r); err != nil || !more {
		t.Fatalf("a page that ends in 6310: more %v, %v", more, err)
	}
	if _, err := p.Entries(); err == nil {
		t.Error("entries given before the last page")
	}
	// The recording stops inside an entry: without the tail it reads, with it not.
	tail := mdoctest.Hex(t, v.IncompleteTail)
	if len(tail) == 0 || !bytes.HasSuffix(r.Data, tail) {
		t.Fatal("the recording has no incomplete tail")
	}
	if _, err := gp.ParseEntries(r.Data); err == nil {
		t.Error("a page cut inside an entry accepted as whole")
	}
	got, err := gp.ParseEntries(r.Data[:len(r.Data)-len(tail)])
	if err != nil || len(got) != len(v.Entries) || len(got) == 0 {
		t.Fatalf("%d entries of %d, %v", len(got), len(v.Entries), err)
	}
	for i, e := range v.Entries {
		others := 0
		for _, o := range e {
			var have string
			switch o.Tag {
			case "4f":
				have = fmt.Sprintf("%x", string(got[i].AID))
			case "9f70":
				have = fmt.Sprintf("%02x", got[i].State)
			case "c5":
				have = fmt.Sprintf("%x", got[i].Privileges.Bytes()[:len(o.Value)/2])
				if strings.Trim(fmt.Sprintf("%x", got[i].Privileges.Bytes()[len(o.Value)/2:]), "0") != "" {
					t.Errorf("entry %d: privileges %06X", i, got[i].Privileges)
				}
			case "c4":
				have = fmt.Sprintf("%x", string(got[i].LoadFile))
			case "cc":
				have = fmt.Sprintf("%x", string(got[i].Domain))
			default:
				if others < len(got[i].Others) && fmt.Sprintf("%x", got[i].Others[others].Tag) == o.Tag {
					have = fmt.Sprintf("%x", got[i].Others[others].Value)
				}
				others++
			}
			if have != o.Value {
				t.Errorf("entry %d, tag %s: %s, want %s", i, o.Tag, have, o.Value)
			}
		}
		if others != len(got[i].Others) || got[i].IsLoadFile || got[i].Implicit != nil {
			t.Errorf("entry %d: %+v", i, got[i])
		}
	}
}

func TestRecognition(t *testing.T) {
	for _, tc := range []struct {
		raw  string
		want gp.Recognition
	}{
		// JCOP4.
		{"664d734b06072a864886fc6b01600b06092a864886fc6b020203630906072a864886fc6b03640b06092a864886fc6b040370650d060b2a864886fc6b0507020000660c060a2b060104012a026e0103",
			gp.Recognition{
				Version: "2.3", Channels: []gp.ChannelProtocol{{SCP: 3, Option: 0x70}},
				Configuration: "1.2.840.114283.5.7.2.0.0", Chip: "1.3.6.1.4.1.42.2.110.1.3",
			}},
		// SCP03 and SCP11 with a two-byte option.
		{"663f733d06072a864886fc6b01600c060a2a864886fc6b02020301630906072a864886fc6b03640b06092a864886fc6b040360640c060a2a864886fc6b04119b06",
			gp.Recognition{Version: "2.3.1", Channels: []gp.ChannelProtocol{{SCP: 3, Option: 0x60}, {SCP: 0x11, Option: 3462}}}},
		// A UICC that writes SCP80 as one bare byte.
		{"6658735606072a864886fc6b01600b06092a864886fc6b020202630906072a864886fc6b03640b06092a864886fc6b048000640b06092a864886fc6b040370650b06092a864886fc6b020101660c060a2b060104012a026e0102",
			gp.Recognition{
				Version: "2.2", Channels: []gp.ChannelProtocol{{SCP: 0x80}, {SCP: 3, Option: 0x70}},
				Configuration: "1.2.840.114283.2.1.1", Chip: "1.3.6.1.4.1.42.2.110.1.2",
			}},
	} {
		got, err := gp.ParseRecognition(mdoctest.Hex(t, tc.raw))
		if d := cmp.Diff(tc.want, got); err != nil || d != "" {
			t.Errorf("%v %s", err, d)
		}
		if raw, err := got.Bytes(); err != nil || fmt.Sprintf("%x", raw) != tc.raw {
			t.Errorf("encodes back to %x, %v", raw, err)
		}
	}
	if _, err := (gp.Recognition{Version: "two"}).Bytes(); err == nil {
		t.Error("version in words accepted")
	}
}

func must(tb testing.TB) func(c apdu.Command, err error) apdu.Command {
	return func(c apdu.Command, err error) apdu.Command {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return c
	}
}

// Every command GlobalPlatformPro sent that we can send too, we build to the byte.
func TestBuildersAgainstTraces(t *testing.T) {
	want := map[string]string{}
	for _, e := range mdoctest.HostTraceNamed(t, "gppro-level33").Exchanges {
		if e.PlainHeader != "" {
			want[e.PlainHeader+" "+e.PlainData] = e.PlainResponse
		}
	}
	const instance gp.AID = "\xF0MIDMDOC\x01"
	if len(want) < 15 || instance != gp.Instance(1) || gp.Module != instance {
		t.Fatalf("%d commands in the trace; AIDs %v %v", len(want), gp.Instance(1), gp.Module)
	}
	cmd := must(t)
	for name, c := range map[string]apdu.Command{
		"GET STATUS ISD":          gp.GetStatus{Scope: gp.ScopeDomain}.Command(),
		"GET STATUS applications": gp.GetStatus{Scope: gp.ScopeApplications}.Command(),
		"GET STATUS modules":      gp.GetStatus{Scope: gp.ScopeModules}.Command(),
		"GET STATUS load files":   gp.GetStatus{Scope: gp.ScopeLoadFiles}.Command(),
		"INSTALL":                 cmd(gp.Install{LoadFile: gp.LoadFile, Module: gp.Module, Instance: instance}.Command()),
		"INSTALL personalization": cmd(gp.Personalize{Instance: instance}.Command()),
		"SET STATUS lock":         cmd(gp.SetStatus{Scope: gp.StatusOfApplication, State: 0x80, AID: instance}.Command()),
		"SET STATUS unlock":       cmd(gp.SetStatus{Scope: gp.StatusOfApplication, AID: instance}.Command()),
		"DELETE":                  cmd(gp.Delete{AID: gp.LoadFile, Related: true}.Command()),
		"GET DATA":                gp.GetData(gp.DataKeyInformation),
	} {
		key := fmt.Sprintf("%02x%02x%02x%02x %x", c.CLA, c.INS, c.P1, c.P2, c.Data)
		if _, ok := want[key]; !ok {
			t.Errorf("%s: %s is not in the trace", name, key)
		}
	}
}

// The card-side parsers read what five kinds of hosts send, and the answers of the
// recorded card read back into entries that encode to the same bytes.
func TestParsersAgainstTraces(t *testing.T) {
	count := map[string]int{}
	for _, tr := range mdoctest.HostTraces(t) {
		for _, e := range tr.Exchanges {
			if e.PlainHeader == "" {
				continue
			}
			h := mdoctest.Hex(t, e.PlainHeader)
			c := apdu.Command{CLA: h[0], INS: h[1], P1: h[2], P2: h[3], Data: mdoctest.Hex(t, e.PlainData)}
			answer := mdoctest.Hex(t, e.PlainResponse)
			var err error
			switch {
			case c.INS == 0xE6 && c.P1 == 0x0C:
				err = parsesInstall(c, answer)
				count["install"]++
			case c.INS == 0xE6 && c.P1 == 0x20:
				var i gp.Installation
				if i, err = gp.ParseInstall(c); err == nil && i != (gp.Personalize{Instance: gp.Instance(1)}) {
					err = fmt.Errorf("personalize %v", i)
				}
				count["personalize"]++
			case c.INS == 0xE2 && c.Data[0] != 0x5F:
				var b gp.Block
				if b, err = gp.ParseStoreData(c); err == nil && b.Last != (b.Number == 2) {
					err = fmt.Errorf("block %+v", b)
				}
				count["store"]++
			case c.INS == 0xE4 && c.Data[0] == 0x4F:
				var d gp.Deletion
				if d, err = gp.ParseDelete(c); err == nil && d.(gp.Delete).AID.String()[:16] != gp.LoadFile.String() {
					err = fmt.Errorf("delete %+v", d)
				}
				count["delete"]++
			case c.INS == 0xE4:
				var d gp.Deletion
				if d, err = gp.ParseDelete(c); err == nil && d != (gp.DeleteKeys{Version: 0x31}) {
					err = fmt.Errorf("delete %+v", d)
				}
				count["delete key"]++
			case c.INS == 0xF0:
				_, err = gp.ParseSetStatus(c)
				count["set status"]++
			case c.INS == 0xF2:
				err = parsesStatus(c, answer, split(t, e.SW).SW)
				count["get status"]++
			}
			if err != nil {
				t.Errorf("%s: %s %s: %v", tr.Name, e.PlainHeader, e.PlainData, err)
			}
		}
	}
	want := map[string]int{"install": 11, "personalize": 6, "store": 18, "delete": 16, "delete key": 9, "set status": 29, "get status": 86}
	if d := cmp.Diff(want, count); d != "" {
		t.Error(d)
	}
}

func parsesInstall(c apdu.Command, answer []byte) error {
	installation, err := gp.ParseInstall(c)
	if err != nil {
		return err
	}
	i := installation.(gp.Install)
	if i.LoadFile != gp.LoadFile || i.Module != gp.Module || i.Instance != gp.Instance(1) || i.Privileges != 0 || len(i.Token) != 0 {
		return fmt.Errorf("install %+v", i)
	}
	if n := len(i.Parameters); n != 0 && !bytes.Equal(i.Parameters, []byte{1, 2}) {
		return fmt.Errorf("parameters %x", i.Parameters)
	}
	receipt, err := gp.ParseConfirmation(answer)
	if err != nil {
		return err
	}
	if receipt != nil || !bytes.Equal(answer, gp.Confirmation()) {
		return fmt.Errorf("answer %x", answer)
	}
	return nil
}

func parsesStatus(c apdu.Command, answer []byte, sw apdu.SW) error {
	g, err := gp.ParseGetStatus(c)
	if err != nil {
		return err
	}
	if back := g.Command(); !bytes.Equal(back.Data, c.Data) || back.P1 != c.P1 || back.P2 != c.P2 {
		return fmt.Errorf("built back to %v", back)
	}
	var p gp.Pages
	if more, err := p.Add(apdu.Response{Data: answer, SW: sw}); err != nil || more {
		return fmt.Errorf("more %v, %w", more, err)
	}
	entries, err := p.Entries()
	if err != nil {
		return err
	}
	var back []byte
	for _, e := range entries {
		back = e.AppendTo(back)
	}
	if !bytes.Equal(back, answer) {
		return fmt.Errorf("entries encode back to %x", back)
	}
	return nil
}
