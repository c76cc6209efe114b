package engagement_test

import (
	"bytes"
	"crypto/ecdh"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/engagement"
	"mobileid/mdoc/mdoctest"
)

func annexDKey(t testing.TB) *ecdh.PublicKey {
	t.Helper()
	e, err := engagement.Parse(mdoctest.LoadAnnexD(t).Bytes(t, "device_engagement_nfc"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := e.EDeviceKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Apple's wallet sends version 1.1 with key 5 [] and key 6 {3: true, 4: true}; the same is written.
func TestAppleExtension(t *testing.T) {
	raw := appleEngagement(t)
	e, err := engagement.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	want := engagement.Extension{OriginInfos: []engagement.OriginInfo{}, Capabilities: &engagement.Capabilities{ReaderAuthAll: true, ExtendedRequest: true}}
	if d := cmp.Diff(want, e.Extension()); d != "" {
		t.Error(d)
	}
	key, err := e.EDeviceKey()
	if err != nil {
		t.Fatal(err)
	}
	again, err := engagement.NewExtended(key, nil, engagement.Extension{Capabilities: want.Capabilities})
	if err != nil || !bytes.Equal(again.Bytes(), raw) {
		t.Errorf("written as %x, %v", again.Bytes(), err)
	}
}

func TestExtensionRoundTrip(t *testing.T) {
	x := engagement.Extension{
		OriginInfos: []engagement.OriginInfo{
			engagement.DomainOrigin("shop.example"),
			{Category: 1, Type: engagement.OriginOther, Details: append([]byte{0xA1}, "\x61x\x01"...)},
		},
		Capabilities: &engagement.Capabilities{MACKeys: true, MACKeysCurves: []int64{1, 2}, HandoverSessionEstablishment: true},
	}
	methods := []engagement.RetrievalMethod{
		{Type: engagement.MethodWiFiAware, Version: 1, WiFiAware: &engagement.WiFiAwareOptions{Passphrase: "Zm9yIGEgdGVzdA", OperatingClass: 81, ChannelNumber: 6, SupportedBands: []byte{4}}},
		{Type: engagement.MethodREST, Version: 1, REST: &engagement.RESTOptions{URI: "https://shop.example/mdoc"}},
	}
	e, err := engagement.NewExtended(annexDKey(t), methods, x)
	if err != nil {
		t.Fatal(err)
	}
	e, err = engagement.ParseURI(e.URI())
	if err != nil || e.Version() != "1.1" {
		t.Fatalf("version %v, %v", e, err)
	}
	if d := cmp.Diff(x, e.Extension()); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(methods, e.RetrievalMethods()); d != "" {
		t.Error(d)
	}
	if domain, ok := e.Extension().OriginInfos[0].Domain(); !ok || domain != "shop.example" {
		t.Errorf("domain %q, %v", domain, ok)
	}
	if _, ok := e.Extension().OriginInfos[1].Domain(); ok {
		t.Error("a domain of another type")
	}
}

// extended encodes an engagement of Annex D's key with further members as given.
func extended(t testing.TB, version string, members int, more string) []byte {
	t.Helper()
	raw := mdoctest.LoadAnnexD(t).Bytes(t, "device_engagement_nfc")
	key := raw[bytes.Index(raw, []byte("1.0"))+3:]
	b := cbor.AppendText(cbor.AppendUint(cbor.AppendMapHead(nil, 2+members), 0), version)
	return append(append(b, key...), mdoctest.Hex(t, more)...)
}

func TestExtensionRefusals(t *testing.T) {
	domain := "a36363617401647479706501" + "6764657461696c73a166646f6d61696e60"
	for name, tc := range map[string]struct {
		version string
		members int
		more    string
		ok      bool
	}{
		"1.1 with origin infos":         {"1.1", 1, "0580", true},
		"1.1 with both":                 {"1.1", 2, "058006a0", true},
		"domain not known":              {"1.1", 1, "0581" + domain, true},
		"capabilities of the future":    {"1.1", 2, "058006a11863f5", true},
		"a later version with neither":  {"1.2", 0, "", true},
		"1.0 with origin infos":         {"1.0", 1, "0580", false},
		"1.0 with capabilities":         {"1.0", 2, "058006a0", false},
		"1.1 with neither":              {"1.1", 0, "", false},
		"capabilities alone":            {"1.1", 1, "06a0", false},
		"a domain twice":                {"1.1", 1, "0582" + domain + domain, false},
		"another category":              {"1.1", 1, "0581" + strings.Replace(domain, "63617401", "63617402", 1), false},
		"no domain":                     {"1.1", 1, "0581a3636361740164747970650" + "16764657461696c73a1617801", false},
		"no details":                    {"1.1", 1, "0581a36363617401647479706500" + "6764657461696c73a0", false},
		"details that are no map":       {"1.1", 1, "0581a36363617401647479706500" + "6764657461696c7380", false},
		"too many origin infos":         {"1.1", 1, "0591" + strings.Repeat(domain, 17), false},
		"curves without MAC keys":       {"1.1", 2, "058006a1018101", false},
		"curves though MAC keys is off": {"1.1", 2, "058006a200f4018101", false},
		"too many curves":               {"1.1", 2, "058006a200f50191" + strings.Repeat("01", 17), false},
		"readerAuthAll as number":       {"1.1", 2, "058006a10301", false},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := engagement.Parse(extended(t, tc.version, tc.members, tc.more))
			if tc.ok && err != nil || !tc.ok && (!errors.Is(err, engagement.ErrMalformed) || e != nil) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestOptionsRefusals(t *testing.T) {
	for name, more := range map[string]string{
		"Wi-Fi Aware without bands":       "02818303" + "01a0",
		"Wi-Fi Aware with empty bands":    "02818303" + "01a10340",
		"Wi-Fi Aware with nine bands":     "02818303" + "01a10349" + strings.Repeat("00", 9),
		"Wi-Fi Aware operating class 256": "02818303" + "01a201190100034104",
		"Wi-Fi Aware channel 256":         "02818303" + "01a202190100034104",
		"Wi-Fi Aware long pass-phrase":    "02818303" + "01a2007840" + strings.Repeat("61", 64) + "034104",
		"website without URI":             "02818304" + "01a0",
		"website over http":               "02818304" + "01a1006a687474703a2f2f612f62",
		"website without host":            "02818304" + "01a100686874747073" + "3a2f2f",
		"website twice":                   "0282" + strings.Repeat("830401a1006968747470733a2f2f61", 2),
		"website with a long URI":         "02818304" + "01a100790801" + strings.Repeat("61", 2049),
	} {
		t.Run(name, func(t *testing.T) {
			if e, err := engagement.Parse(extended(t, "1.0", 1, more)); !errors.Is(err, engagement.ErrMalformed) || e != nil {
				t.Errorf("error %v, want ErrMalformed", err)
			}
		})
	}
	if _, err := engagement.Parse(extended(t, "1.0", 1, "0281"+"830401a1006968747470733a2f2f61")); err != nil {
		t.Errorf("the valid form is refused: %v", err)
	}
}

func TestNANValues(t *testing.T) {
	var d struct {
		Name       string `json:"wifi_aware_service_name"`
		Passphrase string `json:"wifi_aware_passphrase"`
	}
	mdoctest.ReadJSON(t, "iso18013-5/annex-d-derived.json", &d)
	key := mdoctest.LoadAnnexD(t).Bytes(t, "e_device_key_bytes")
	if name, err := engagement.NANServiceName(key); err != nil || name != d.Name {
		t.Errorf("service name %s, %v; want %s", name, err, d.Name)
	}
	if phrase, err := engagement.NANPassphrase(key); err != nil || phrase != d.Passphrase {
		t.Errorf("pass-phrase %s, %v; want %s", phrase, err, d.Passphrase)
	}
}

func TestReaderEngagement(t *testing.T) {
	const site = "https://shop.example/mdoc?s=1"
	key := annexDKey(t)
	made, err := engagement.NewReader(key, site)
	if err != nil {
		t.Fatal(err)
	}
	e, err := engagement.ParseReaderURI(strings.Replace(made.URI(), "mdoc", "MDOC", 1))
	if err != nil {
		t.Fatal(err)
	}
	if e.Version() != "1.1" || e.Website() != site || !e.EReaderKey().Equal(key) || !bytes.Equal(e.Bytes(), made.Bytes()) {
		t.Errorf("read version %s, site %s", e.Version(), e.Website())
	}
	if !bytes.Equal(e.EReaderKeyBytes(), mdoctest.LoadAnnexD(t).Bytes(t, "e_device_key_bytes")) {
		t.Error("the key's bytes differ from the printed ones")
	}
	bare, err := engagement.ParseReader(mdoctest.LoadAnnexD(t).Bytes(t, "device_engagement_nfc"))
	if err != nil || bare.Website() != "" {
		t.Errorf("without methods: %v", err)
	}
	second, err := engagement.ParseReader(extended(t, "1.1", 1, "0282"+"830901a0"+"830401a1006968747470733a2f2f61"))
	if err != nil || second.Website() != "https://a" {
		t.Errorf("after a method that is not known: %v", err)
	}
	if _, err := engagement.NewReader(nil, site); err == nil {
		t.Error("made without key")
	}
	if _, err := engagement.NewReader(key, "http://shop.example"); err == nil {
		t.Error("made for a site without TLS")
	}
	body := strings.TrimPrefix(made.URI(), "mdoc://")
	for name, uri := range map[string]string{
		"empty":             "",
		"device engagement": "mdoc:" + body,
		"padding":           made.URI() + "=",
		"line break":        made.URI()[:30] + "\n" + made.URI()[30:],
		"cut":               made.URI()[:len(made.URI())-1],
		"too long":          "mdoc://" + strings.Repeat("A", 6000),
		"nothing":           "mdoc://",
	} {
		t.Run(name, func(t *testing.T) {
			if e, err := engagement.ParseReaderURI(uri); !errors.Is(err, engagement.ErrMalformed) || e != nil {
				t.Errorf("error %v, want ErrMalformed", err)
			}
		})
	}
	for name, raw := range map[string][]byte{
		"version 2":      extended(t, "2.0", 0, ""),
		"website twice":  extended(t, "1.1", 1, "0282"+strings.Repeat("830401a1006968747470733a2f2f61", 2)),
		"cipher suite 2": bytes.Replace(extended(t, "1.1", 0, ""), []byte{1, 0x82, 1}, []byte{1, 0x82, 2}, 1),
		"off the curve":  append(extended(t, "1.1", 0, "")[:len(extended(t, "1.1", 0, ""))-1], 0),
		"too large":      make([]byte, engagement.MaxSize+1),
	} {
		t.Run(name, func(t *testing.T) {
			if e, err := engagement.ParseReader(raw); !errors.Is(err, engagement.ErrMalformed) || e != nil {
				t.Errorf("error %v, want ErrMalformed", err)
			}
		})
	}
}

func FuzzParseReaderURI(f *testing.F) {
	e, err := engagement.NewReader(annexDKey(f), "https://shop.example/")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(e.URI())
	f.Add("mdoc://" + strings.TrimPrefix(qrURI(f), "mdoc:"))
	f.Fuzz(func(t *testing.T, uri string) {
		e, err := engagement.ParseReaderURI(uri)
		if err != nil {
			if e != nil {
				t.Error("a failed parse returned something")
			}
			return
		}
		if e.URI()[7:] != uri[7:] {
			t.Error("accepted a URI that is not the one form of its engagement")
		}
		again, err := engagement.ParseReader(e.Bytes())
		if err != nil || !bytes.Equal(again.Bytes(), e.Bytes()) || e.EReaderKey() == nil {
			t.Errorf("read again: %v", err)
		}
	})
}
