package inspect_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mobileid/cmd/mobileid/internal/inspect"
	"mobileid/cmd/mobileid/internal/inspect/annotate"
	"mobileid/mdoc"
	"mobileid/mdoc/apdu"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/holder"
	"mobileid/mdoc/mdoctest"
	"mobileid/mdoc/mdoctest/world"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/statuslist"
	"mobileid/mdoc/transcript"
	"mobileid/mdoc/verdict"
)

func outcomes(r *inspect.Report, id string) verdict.Outcome {
	o, _ := verdict.Verdict{Checks: r.Checks}.Outcome(id)
	return o
}

// want compares outcomes by id.
func want(t *testing.T, r *inspect.Report, due map[string]verdict.Outcome) {
	t.Helper()
	if r.Fault != nil {
		t.Fatal(r.Fault)
	}
	for id, o := range due {
		if got := outcomes(r, id); got != o {
			t.Errorf("%s: %q, want %q", id, got, o)
		}
	}
}

// presented is a world's document, presented with a signature and with a MAC.
type presented struct {
	w      *world.World
	issued []byte
	in     mdoc.Verification
	given  inspect.Given
}

func present(t *testing.T, proof holder.Proof) presented {
	t.Helper()
	w := world.New(t)
	issued := w.Issue(t, w.Draft(t))
	in := w.Answer(t, w.Holder(t, issued, proof), w.Meet(t), world.Items(world.NameSpace, "age_over_20", world.NameSpace, "birth_date"))
	return presented{w: w, issued: issued, in: in,
		given: inspect.Given{Roots: [][]byte{w.IACA.Raw}, At: w.Now, Transcript: in.Transcript, EReaderKey: in.EReaderKey}}
}

func TestChecksOfAResponse(t *testing.T) {
	for name, proof := range map[string]holder.Proof{"signature": holder.BySignature, "MAC": holder.ByMAC} {
		t.Run(name, func(t *testing.T) {
			p := present(t, proof)
			want(t, inspect.Inspect(p.in.Response, "", p.given), map[string]verdict.Outcome{"mso.digest": verdict.Pass,
				"issuer_auth.signature": verdict.Pass, "issuer_auth.chain": verdict.Pass, "device_auth.proof": verdict.Pass,
				"mso.validity.window": verdict.Pass, "response.requested": verdict.NotRun})
			bare := inspect.Inspect(p.in.Response, "", inspect.Given{})
			want(t, bare, map[string]verdict.Outcome{"mso.digest": verdict.Pass, "issuer_auth.signature": verdict.Pass,
				"issuer_auth.chain": verdict.NotRun, "device_auth.proof": verdict.NotRun, "mso.validity.window": verdict.NotRun})
			if bare.Failed() {
				t.Errorf("%+v", bare.Checks)
			}
			other, err := transcript.Online(cbor.AppendText(nil, "another"))
			if err != nil {
				t.Fatal(err)
			}
			p.given.Transcript = other
			want(t, inspect.Inspect(p.in.Response, "", p.given), map[string]verdict.Outcome{"device_auth.proof": verdict.Fail})
			p.given.Roots = [][]byte{p.w.SignerChain[0]} // no root
			want(t, inspect.Inspect(p.in.Response, "", p.given), map[string]verdict.Outcome{"issuer_auth.chain": verdict.NotRun})
		})
	}
}

// TestChangedElement: the item whose digest does not stand in the MSO is marked, and only that one.
func TestChangedElement(t *testing.T) {
	p := present(t, holder.BySignature)
	at := bytes.Index(p.in.Response, []byte("1990-01-02"))
	if at < 0 {
		t.Fatal("the birth date is not in the response")
	}
	changed := bytes.Clone(p.in.Response)
	changed[at+3]++
	r := inspect.Inspect(changed, "", p.given)
	want(t, r, map[string]verdict.Outcome{"mso.digest": verdict.Fail, "issuer_auth.signature": verdict.Pass})
	good, bad := 0, 0
	r.Tree.Each(func(n *annotate.Node) {
		switch {
		case strings.Contains(n.Meaning, "IT DOES NOT MATCH"):
			bad++
			if n.Offset > at || n.Offset+n.Length < at {
				t.Error("the wrong item is marked")
			}
		case strings.Contains(n.Meaning, "it matches"):
			good++
		}
	})
	if good != 1 || bad != 1 {
		t.Errorf("%d good, %d bad", good, bad)
	}
	var out strings.Builder
	if err := inspect.Run(changed, &out, inspect.Options{Given: p.given}); err == nil || err.Error() != "a check failed: mso.digest" {
		t.Errorf("%v", err)
	}
}

func TestChecksOfPieces(t *testing.T) {
	p := present(t, holder.BySignature)
	response, err := mdoc.ParseDeviceResponse(p.in.Response)
	if err != nil {
		t.Fatal(err)
	}
	document, err := cbor.Marshal(response.Documents[0])
	if err != nil {
		t.Fatal(err)
	}
	envelope := append(cbor.AppendText(cbor.AppendMapHead(nil, 1), "identity"), p.in.Response...)
	issuerAuth := response.Documents[0].IssuerSigned.IssuerAuth
	cases := []struct {
		name string
		data []byte
		typ  string
		due  map[string]verdict.Outcome
	}{
		{"IssuerSigned", p.issued, "IssuerSigned", map[string]verdict.Outcome{"inspect.decode": verdict.Pass, "mso.digest": verdict.Pass, "issuer_auth.chain": verdict.Pass}},
		{"issuerAuth", issuerAuth, "IssuerAuth", map[string]verdict.Outcome{"issuer_auth.signature": verdict.Pass, "mso.digest": verdict.NotRun}},
		{"Document", document, "Document", map[string]verdict.Outcome{"response.decode": verdict.Pass, "device_auth.proof": verdict.Pass}},
		{"envelope", envelope, "IdentityEnvelope", map[string]verdict.Outcome{"mso.digest": verdict.Pass}},
		{"request", p.in.Request.Raw(), "DeviceRequest", map[string]verdict.Outcome{"inspect.decode": verdict.Pass, "reader_auth.signature": verdict.Pass, "chain.path": verdict.Fail}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := inspect.Inspect(c.data, "", p.given)
			if r.Type != c.typ {
				t.Errorf("type %s", r.Type)
			}
			want(t, r, c.due)
		})
	}
	t.Run("request without a transcript", func(t *testing.T) {
		r := inspect.Inspect(p.in.Request.Raw(), "", inspect.Given{})
		want(t, r, map[string]verdict.Outcome{"reader_auth.signature": verdict.NotRun, "chain.path": verdict.NotRun})
		if r.Failed() {
			t.Errorf("%+v", r.Checks)
		}
	})
	t.Run("signature broken", func(t *testing.T) {
		broken := bytes.Clone(issuerAuth)
		broken[len(broken)-1] ^= 1
		want(t, inspect.Inspect(broken, "", p.given), map[string]verdict.Outcome{"issuer_auth.signature": verdict.Fail})
	})
}

func TestChecksOfAStatusToken(t *testing.T) {
	w := world.New(t)
	key := world.Key(t)
	signer := w.Certificate(t, pki.Template{Profile: pki.StatusSigner, Country: "JP", CommonName: "TEST list", NotBefore: w.Now.AddDate(0, 0, -1),
		NotAfter: w.Now.AddDate(1, 0, 0), IssuerAltURI: "https://issuer.example", CRLURI: "https://issuer.example/crl"}, key.Public(), w.IACA, w.IACAKey)
	list := statuslist.New(64)
	if err := list.Set(3, statuslist.Invalid); err != nil {
		t.Fatal(err)
	}
	token, err := statuslist.Sign(key, [][]byte{signer.Raw}, statuslist.Token{URI: "https://issuer.example/1", IssuedAt: w.Now, ExpiresAt: w.Now.Add(time.Hour), List: list})
	if err != nil {
		t.Fatal(err)
	}
	given := inspect.Given{Roots: [][]byte{w.IACA.Raw}, At: w.Now}
	want(t, inspect.Inspect(token, "", given), map[string]verdict.Outcome{"status.token.chain": verdict.Pass, "status.token.signature": verdict.Pass,
		"status.token.expiry": verdict.Pass, "status.token.subject": verdict.NotRun, "status.token.list": verdict.Pass})
	bare := inspect.Inspect(token, "", inspect.Given{})
	want(t, bare, map[string]verdict.Outcome{"status.token.chain": verdict.NotRun, "status.token.signature": verdict.Pass, "inspect.status_list": verdict.Pass})
	i := slices.IndexFunc(bare.Checks, func(c verdict.Check) bool { return c.ID == "inspect.status_list" })
	if bare.Failed() || !strings.Contains(bare.Checks[i].Measured, "64 entries of 1 bit(s): 63 valid, 1 invalid") {
		t.Errorf("%+v", bare.Checks[i])
	}
	if uri, err := inspect.StatusListURI(token); err != nil || uri != "https://issuer.example/1" {
		t.Errorf("%q, %v", uri, err)
	}
	if _, err := inspect.StatusListURI([]byte{0xa0}); err == nil {
		t.Error("a URI out of nothing")
	}
	var out strings.Builder
	if err := bare.WriteText(&out, false); err != nil || !strings.Contains(out.String(), "inflates to 8 bytes, 1 bits set") {
		t.Errorf("%v\n%s", err, out.String())
	}
}

func TestChecksOfAVICAL(t *testing.T) {
	var v map[string]any
	mdoctest.ReadJSON(t, "iso18013-5/vical-aamva-2025-11-18.json", &v)
	raw, root := hexOf(t, v["vical"]), hexOf(t, v["trust_anchor_der"])
	at := time.Date(2025, 11, 19, 0, 0, 0, 0, time.UTC)
	r := inspect.Inspect(raw, "", inspect.Given{Roots: [][]byte{root}, At: at})
	want(t, r, map[string]verdict.Outcome{"inspect.decode": verdict.Pass, "vical.chain": verdict.Pass, "vical.signature": verdict.Pass,
		"inspect.chain_links": verdict.Pass, "vical.next_update": verdict.Pass})
	bare := inspect.Inspect(raw, "", inspect.Given{})
	want(t, bare, map[string]verdict.Outcome{"vical.chain": verdict.NotRun, "vical.signature": verdict.Pass, "vical.date": verdict.NotRun})
	if r.Failed() || bare.Failed() {
		t.Error("a check of the live list failed")
	}
	broken := bytes.Clone(raw)
	broken[len(broken)-1] ^= 1
	want(t, inspect.Inspect(broken, "", inspect.Given{}), map[string]verdict.Outcome{"vical.signature": verdict.Fail})
}

// TestChecksOfAnyMessage: a signed message of no type known here is checked with the certificate it brings.
func TestChecksOfAnyMessage(t *testing.T) {
	w := world.New(t)
	m, err := cose.NewSign1(w.SignerKey, cose.Headers{X5Chain: [][]byte{w.SignerChain[0], w.IACA.Raw}}, []byte("anything"))
	if err != nil {
		t.Fatal(err)
	}
	want(t, inspect.Inspect(m.Bytes(), "", inspect.Given{}), map[string]verdict.Outcome{"inspect.decode": verdict.Pass, "inspect.signature": verdict.Pass,
		"inspect.chain_links": verdict.Pass})
	broken := bytes.Replace(m.Bytes(), []byte("anything"), []byte("somewhat"), 1)
	want(t, inspect.Inspect(broken, "", inspect.Given{}), map[string]verdict.Outcome{"inspect.signature": verdict.Fail})
	alone, err := cose.NewSign1(w.SignerKey, cose.Headers{}, []byte("anything"))
	if err != nil {
		t.Fatal(err)
	}
	want(t, inspect.Inspect(alone.Bytes(), "", inspect.Given{}), map[string]verdict.Outcome{"inspect.signature": verdict.NotRun})
}

func TestCertificatesOfAFile(t *testing.T) {
	w := world.New(t)
	good := pki.EncodePEM(w.SignerChain[0], w.IACA.Raw)
	want(t, inspect.Inspect(good, "", inspect.Given{}), map[string]verdict.Outcome{"inspect.chain_links": verdict.Pass})
	turned := pki.EncodePEM(w.IACA.Raw, w.SignerChain[0])
	want(t, inspect.Inspect(turned, "", inspect.Given{}), map[string]verdict.Outcome{"inspect.chain_links": verdict.Fail})
	r := inspect.Inspect(pki.EncodePEM(w.IACA.Raw), "", inspect.Given{})
	var out strings.Builder
	if err := r.WriteText(&out, false); err != nil || r.Type != "Certificate" || !strings.Contains(out.String(), "profile (guessed): IACA") {
		t.Errorf("%s, %v\n%s", r.Type, err, out.String())
	}
}

// logOf writes exchanges in each style a log may have.
func logOf(style string, exchanges [][2][]byte) string {
	var b strings.Builder
	for _, e := range exchanges {
		fmt.Fprintf(&b, style+"\n", hex.EncodeToString(e[0]), strings.ToUpper(hex.EncodeToString(e[1])))
	}
	return b.String()
}

// TestAPDULogStyles: a chained ENVELOPE and a response in pieces are joined, whatever the log looks like.
func TestAPDULogStyles(t *testing.T) {
	d := mdoctest.LoadAnnexD(t)
	message := apdu.AppendTLV(nil, 0x53, d.Bytes(t, "session_establishment"))
	answer := apdu.AppendTLV(nil, 0x53, d.Bytes(t, "session_termination"))
	var exchanges [][2][]byte
	add := func(c apdu.Command, response []byte) {
		raw, err := c.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		exchanges = append(exchanges, [2][]byte{raw, response})
	}
	add(apdu.Command{INS: 0xA4, P1: 4, P2: 0x0C, Data: mdoctest.Hex(t, "a0000002480400")}, []byte{0x90, 0})
	half := len(message) / 2
	add(apdu.Command{CLA: 0x10, INS: 0xC3, Data: message[:half], Extended: true}, []byte{0x90, 0})
	add(apdu.Command{INS: 0xC3, Data: message[half:], Le: 256, Extended: true}, append(bytes.Clone(answer[:4]), 0x61, byte(len(answer)-4)))
	add(apdu.Command{INS: 0xC0, Le: len(answer) - 4}, append(bytes.Clone(answer[4:]), 0x90, 0))
	styles := []string{"se > %s\nse < %s", ">> %s\n<< %s", "-> %s\n<- %s", "=> %s\n<= %s", "C-APDU: %s\nR-APDU: %s", "Command: %s\nResponse: %s", "# comment\n[12:00:01] TX: %s\n[12:00:02] RX: %s"}
	for _, style := range styles {
		t.Run(style, func(t *testing.T) {
			r := inspect.Inspect([]byte(logOf(style, exchanges)), "", inspect.Given{})
			if r.Fault != nil || r.Type != "APDULog" || r.Encoding != "APDU log" {
				t.Fatalf("%s, %v", r.Type, r.Fault)
			}
			seen := map[string]int{}
			r.Tree.Each(func(n *annotate.Node) { seen[n.Type]++ })
			if seen["command"] != 4 || seen["response"] != 4 || seen["SessionEstablishment"] != 1 || seen["SessionData"] != 1 {
				t.Errorf("%v", seen)
			}
			var out strings.Builder
			if err := r.WriteText(&out, false); err != nil {
				t.Fatal(err)
			}
			for _, words := range []string{"mdoc data transfer", "more of the chain follows", "ENVELOPE", "GET RESPONSE", "session termination", "joined from 2 pieces"} {
				if !strings.Contains(out.String(), words) {
					t.Errorf("without %q:\n%s", words, out.String())
				}
			}
		})
	}
}

// TestNFCLogs: the published exchanges of static and negotiated handover show their engagement.
func TestNFCLogs(t *testing.T) {
	type exchange struct {
		Command struct {
			Cla         int
			Ins, P1, P2 string
			Data        string
			Le          *int
		}
		Response struct{ Sw, Data string }
	}
	var v struct {
		Static     []exchange `json:"static_handover"`
		Negotiated []exchange `json:"negotiated_handover"`
	}
	mdoctest.ReadJSON(t, "iso18013-5/nfc-engagement.json", &v)
	for name, list := range map[string][]exchange{"static": v.Static, "negotiated": v.Negotiated} {
		t.Run(name, func(t *testing.T) {
			var exchanges [][2][]byte
			for _, e := range list {
				c := apdu.Command{CLA: byte(e.Command.Cla), INS: mdoctest.Hex(t, e.Command.Ins)[0], P1: mdoctest.Hex(t, e.Command.P1)[0],
					P2: mdoctest.Hex(t, e.Command.P2)[0], Data: mdoctest.Hex(t, e.Command.Data)}
				if e.Command.Le != nil {
					c.Le = *e.Command.Le
				}
				raw, err := c.Bytes()
				if err != nil {
					t.Fatal(err)
				}
				exchanges = append(exchanges, [2][]byte{raw, mdoctest.Hex(t, e.Response.Data+e.Response.Sw)})
			}
			r := inspect.Inspect([]byte(logOf(">> %s\n<< %s", exchanges)), "", inspect.Given{})
			if r.Fault != nil || r.Failed() {
				t.Fatalf("%v %+v", r.Fault, r.Checks)
			}
			seen := map[string]int{}
			r.Tree.Each(func(n *annotate.Node) {
				seen[n.Type]++
				if n.Type == "record" {
					seen[n.Name]++
				}
			})
			due := map[string]int{"command": len(list), "NDEF": 1, "Hs": 1, "DeviceEngagement": 1}
			if name == "negotiated" {
				due = map[string]int{"command": len(list), "NDEF": 5, "Tp": 1, "Ts": 1, "Te": 1, "Hr": 1, "Hs": 1, "DeviceEngagement": 1, "ReaderEngagement": 1}
			}
			for typ, n := range due {
				if seen[typ] != n {
					t.Errorf("%d of %s, want %d", seen[typ], typ, n)
				}
			}
		})
	}
}

// TestMaskedLog: what the demonstration masks stays masked.
func TestMaskedLog(t *testing.T) {
	r := inspect.Inspect([]byte("card > 00200080** ********\ncard < 63C2\ncard > 002000800412\ncard < 6700\n"), "", inspect.Given{})
	if r.Fault == nil { // the second command's length disagrees with its data
		t.Error("no fault")
	}
	var out strings.Builder
	if err := r.WriteText(&out, false); err != nil {
		t.Fatal(err)
	}
	for _, words := range []string{"VERIFY, data masked", "2 tries left"} {
		if !strings.Contains(out.String(), words) {
			t.Errorf("without %q:\n%s", words, out.String())
		}
	}
}

// form is the JSON form of docs/inspect.md; decoding refuses members it does not name.
type form struct {
	Encoding string `json:"encoding"`
	Type     string `json:"type"`
	Length   int    `json:"length"`
	Tree     *tree  `json:"tree"`
	Fault    *struct {
		Offset int    `json:"offset"`
		Reason string `json:"reason"`
	} `json:"fault"`
	Checks []struct {
		ID       string `json:"id"`
		Clause   string `json:"clause"`
		Outcome  string `json:"outcome"`
		Measured string `json:"measured"`
	} `json:"checks"`
}

type tree struct {
	Type     string `json:"type"`
	Clause   string `json:"clause"`
	Offset   int    `json:"offset"`
	Length   int    `json:"length"`
	Name     string `json:"name"`
	Key      string `json:"key"`
	Value    string `json:"value"`
	Meaning  string `json:"meaning"`
	Children []tree `json:"children"`
}

// TestJSONForm: the document has the form that is promised, its offsets lead to the bytes, and a fault stands beside the partial tree.
func TestJSONForm(t *testing.T) {
	data := mdoctest.LoadAnnexD(t).Bytes(t, "device_response")
	for _, n := range []int{len(data), len(data) - 40} {
		var out bytes.Buffer
		err := inspect.Run(data[:n], &out, inspect.Options{JSON: true})
		if (err != nil) != (n < len(data)) {
			t.Fatal(err)
		}
		var f form
		d := json.NewDecoder(&out)
		d.DisallowUnknownFields()
		if err := d.Decode(&f); err != nil {
			t.Fatal(err)
		}
		if f.Encoding != "binary" || f.Type != "DeviceResponse" || f.Length != n || f.Tree == nil || (f.Fault != nil) != (n < len(data)) || f.Checks == nil {
			t.Fatalf("%+v", f)
		}
		if f.Fault != nil {
			continue
		}
		items := 0
		var walk func(tree)
		walk = func(x tree) {
			if x.Type == "IssuerSignedItemBytes" {
				items++
				if data[x.Offset] != 0xd8 || data[x.Offset+1] != 0x18 {
					t.Errorf("no tag 24 at %d", x.Offset)
				}
			}
			if x.Name == "elementIdentifier" && !bytes.Contains(data[x.Offset:x.Offset+x.Length], []byte("elementIdentifier")) {
				t.Errorf("no key at %d", x.Offset)
			}
			for _, c := range x.Children {
				walk(c)
			}
		}
		walk(*f.Tree)
		if items != 6 {
			t.Errorf("%d items", items)
		}
	}
}
