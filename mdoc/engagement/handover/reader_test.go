package handover_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/engagement/handover"
	"mobileid/mdoc/engagement/ndef"
	"mobileid/mdoc/mdoctest"
	"mobileid/mdoc/session"
)

// answers gives its responses in order, then the field is gone. It keeps the commands.
type answers struct {
	responses [][]byte
	commands  [][]byte
}

func (a *answers) Transmit(_ context.Context, command []byte) ([]byte, error) {
	a.commands = append(a.commands, bytes.Clone(command))
	if len(a.responses) == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	r := a.responses[0]
	a.responses = a.responses[1:]
	return r, nil
}

func printed(t testing.TB, exchanges []exchange) [][]byte {
	t.Helper()
	var out [][]byte
	for _, e := range exchanges {
		out = append(out, e.response(t))
	}
	return out
}

// shown gives the responses to the reading of a message: its length and its bytes in pieces.
func shown(message []byte) [][]byte {
	out := [][]byte{{byte(len(message) >> 8), byte(len(message)), 0x90, 0}}
	for rest := message; len(rest) > 0; {
		n := min(255, len(rest))
		out = append(out, append(bytes.Clone(rest[:n]), 0x90, 0))
		rest = rest[n:]
	}
	return out
}

// small is a tag whose file holds its service parameters and not the reader's request.
func small(negotiated [][]byte) [][]byte {
	out := append([][]byte{}, negotiated[:9]...)
	out[2] = append([]byte{0, 15, 0x20, 0x7f, 0xff, 0x7f, 0xff, 4, 6, 0xe1, 4, 0, 0x30, 0, 0}, 0x90, 0)
	return out
}

// pieces is a tag that takes little at once, gives these answers to what is written, and then takes all of it.
func pieces(negotiated [][]byte, answers ...[]byte) [][]byte {
	out := append([][]byte{}, negotiated[:6]...)
	out[2] = append([]byte{0, 15, 0x20, 0x7f, 0xff, 0, 16, 4, 6, 0xe1, 4, 0x7f, 0xff, 0, 0}, 0x90, 0)
	out = append(out, answers...)
	for range 4 - len(answers) {
		out = append(out, []byte{0x90, 0})
	}
	return out
}

// TestReaderSaysWhy: what is wrong is named, and not a consequence of it.
func TestReaderSaysWhy(t *testing.T) {
	f := load(t)
	static, neg := printed(t, f.Static), printed(t, f.Negotiated)
	after := func(n int, message []byte) [][]byte { return append(append([][]byte{}, neg[:n]...), shown(message)...) }
	tp := must(ndef.Append(nil, ndef.Record{TNF: 1, Type: "Tp", Payload: []byte{0x10}}))(t)
	for name, c := range map[string]struct {
		responses [][]byte
		want      string
	}{
		"service parameters cut":  {after(4, tp), "service parameter record of 1 bytes"},
		"service parameters long": {after(4, must(ndef.Append(nil, ndef.Record{TNF: 1, Type: "Tp", Payload: make([]byte, 9)}))(t)), "service parameter record of 9 bytes"},
		"no message":              {after(4, []byte{1, 2, 3}), "parsing handover select"},
		"no message in answer":    {after(10, []byte{1, 2, 3}), "parsing handover select"},
		"more than asked for":     {append(append([][]byte{}, static[:4]...), []byte{0, 1, 0x90, 0}, []byte{1, 2, 0x90, 0}), "were asked for"},
	} {
		synctest.Test(t, func(t *testing.T) {
			_, err := handover.Reader{Request: f.request(t)}.Read(t.Context(), &answers{responses: c.responses})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %q", name, err, c.want)
			}
		})
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	card := &answers{responses: static}
	if _, err := (handover.Reader{}).Read(ended, card); !errors.Is(err, context.Canceled) || len(card.commands) != 0 {
		t.Errorf("%d commands after the end: %v", len(card.commands), err)
	}
}

func TestReaderRefuses(t *testing.T) {
	f := load(t)
	good := printed(t, f.Static)
	ok := []byte{0x90, 0}
	cc := func(changed string) [][]byte { return [][]byte{ok, ok, mdoctest.Hex(t, changed+"9000"), ok} }
	after := func(n int, more ...[]byte) [][]byte { return append(append([][]byte{}, good[:n]...), more...) }
	neg := printed(t, f.Negotiated)
	tp := func(payload string) [][]byte {
		r := ndef.Record{TNF: 1, Type: "Tp", Payload: mdoctest.Hex(t, payload)}
		return append(append([][]byte{}, neg[:4]...), shown(must(ndef.Append(nil, r))(t))...)
	}
	name := "1375726e3a6e66633a736e3a68616e646f766572"
	status := func(hex string) [][]byte {
		return append(append([][]byte{}, neg[:7]...), shown(mdoctest.Hex(t, hex))...)
	}
	chosen := func(message []byte) [][]byte {
		return append(append([][]byte{}, neg[:10]...), shown(message)...)
	}
	for name, tc := range map[string]struct {
		responses [][]byte
		want      any // an error, or the type of one
	}{
		"no application":                {[][]byte{{0x6A, 0x82}}, apdu.ErrNotFound},
		"no status word":                {[][]byte{{0x90}}, apdu.ErrLength},
		"no capability container":       {[][]byte{ok, {0x6A, 0x82}}, apdu.ErrNotFound},
		"capability container cut":      {cc("000f207fff7fff0406e1047fff00"), handover.ErrMalformed},
		"capability container too long": {cc("000f207fff7fff0406e1047fff00ff00"), handover.ErrMalformed},
		"capability container short":    {cc("000e207fff7fff0406e1047fff00ff"), handover.ErrMalformed},
		"capability version 1":          {cc("000f107fff7fff0406e1047fff00ff"), handover.ErrMalformed},
		"capability version 4":          {cc("000f407fff7fff0406e1047fff00ff"), handover.ErrMalformed},
		"nothing can be read":           {cc("000f20000e7fff0406e1047fff00ff"), handover.ErrMalformed},
		"nothing can be written":        {cc("000f207fff00010406e1047fff00ff"), handover.ErrMalformed},
		"another file type":             {cc("000f207fff7fff0506e1047fff00ff"), handover.ErrMalformed},
		"another length":                {cc("000f207fff7fff0408e1047fff00ff"), handover.ErrMalformed},
		"file zero":                     {cc("000f207fff7fff040600007fff00ff"), handover.ErrMalformed},
		"the container's own file":      {cc("000f207fff7fff0406e1037fff00ff"), handover.ErrMalformed},
		"a file of four bytes":          {cc("000f207fff7fff0406e104000400ff"), handover.ErrMalformed},
		"not to be read":                {cc("000f207fff7fff0406e1047fff80ff"), handover.ErrMalformed},
		"no NDEF file":                  {after(3, []byte{0x6A, 0x82}), apdu.ErrNotFound},
		"a length of one byte":          {after(4, []byte{1, 0x90, 0}), handover.ErrMalformed},
		"a length of three bytes":       {after(4, []byte{0, 0, 1, 0x90, 0}), handover.ErrMalformed},
		"a length over the file":        {after(4, []byte{0x7F, 0xFE, 0x90, 0}), handover.ErrMalformed},
		"a small file":                  {append(cc("000f207fff7fff0406e10400ff00ff"), []byte{0, 0xFE, 0x90, 0}), handover.ErrMalformed},
		"a message cut":                 {after(5, []byte{0x91, 0x90, 0}, ok), handover.ErrMalformed},
		"more than asked for":           {after(4, []byte{0, 1, 0x90, 0}, []byte{1, 2, 0x90, 0}), handover.ErrMalformed},
		"a message that is none":        {after(4, shown([]byte{1, 2, 3})...), handover.ErrMalformed},
		"a message of another kind":     {after(4, shown(mdoctest.Hex(t, "d10201546500"))...), handover.ErrMalformed},
		"a static select without UUID":  {after(4, shown(f.chosen(t).Bytes())...), handover.ErrMalformed},
		"service parameters cut":        {tp("10"), handover.ErrMalformed},
		"service parameters too long":   {tp("10" + name + "00000fffff00"), handover.ErrMalformed},
		"service of version 2":          {tp("20" + name + "00000fffff"), handover.ErrMalformed},
		"service of another mode":       {tp("10" + name + "01000fffff"), handover.ErrMalformed},
		"service of a reserved wait":    {tp("10" + name + "00400fffff"), handover.ErrMalformed},
		"service of small messages":     {tp("10" + name + "00000f0018"), handover.ErrMalformed},
		"another service alone":         {tp("1003616263" + "00000fffff"), handover.ErrMalformed},
		"a service on a read-only tag":  {after(4, shown(mdoctest.Hex(t, f.Apple.Tp))...), handover.ErrMalformed},
		"the service is refused":        {append(append([][]byte{}, neg[:6]...), []byte{0x6A, 0x80}), (*apdu.StatusError)(nil)},
		"no status":                     {status(f.Negotiated[5].Response.Data), handover.ErrMalformed},
		"status of two bytes":           {status("d1020254650000"), handover.ErrMalformed},
		"status that is none":           {status("010203"), handover.ErrMalformed},
		"another status":                {status("d10201546581"), (*handover.StatusError)(nil)},
		"the request is refused":        {append(append([][]byte{}, neg[:9]...), []byte{0x69, 0x85}), apdu.ErrConditions},
		"a status of another type":      {status("d101015800"), handover.ErrMalformed},
		"a message over the bound":      {append(cc("000f207fff7fff0406e104ffff00ff"), []byte{0x80, 1, 0x90, 0}), handover.ErrMalformed},
		"a file too small to write":     {small(neg), handover.ErrMalformed},
		"a long message refused":        {pieces(neg, []byte{0x6A, 0x80}), (*apdu.StatusError)(nil)},
		"its first piece refused":       {pieces(neg, ok, []byte{0x6A, 0x80}), (*apdu.StatusError)(nil)},
		"two carriers selected":         {chosen(mdoctest.Hex(t, f.Static[5].Response.Data)), handover.ErrMalformed},
		"a request in answer":           {chosen(mdoctest.Hex(t, f.Example.Hr)), handover.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, err := handover.Reader{Request: f.request(t)}.Read(t.Context(), &answers{responses: tc.responses})
				if h != nil || err == nil {
					t.Fatal("something was read")
				}
				switch want := tc.want.(type) {
				case *handover.StatusError:
					if e, ok := errors.AsType[*handover.StatusError](err); !ok || e.Status != 0x81 || !strings.Contains(err.Error(), "81") {
						t.Errorf("error %v, want a TNEP status", err)
					}
				case *apdu.StatusError:
					if _, ok := errors.AsType[*apdu.StatusError](err); !ok {
						t.Errorf("error %v, want a status word", err)
					}
				case error:
					if !errors.Is(err, want) {
						t.Errorf("error %v, want %v", err, want)
					}
				}
			})
		})
	}
}

func TestLinkLostAtEachStep(t *testing.T) {
	f := load(t)
	for name, exchanges := range map[string][]exchange{"static": f.Static, "negotiated": f.Negotiated} {
		for n := range exchanges {
			synctest.Test(t, func(t *testing.T) {
				h, err := handover.Reader{Request: f.request(t)}.Read(t.Context(), &answers{responses: printed(t, exchanges[:n])})
				if !errors.Is(err, io.ErrUnexpectedEOF) || h != nil {
					t.Errorf("%s, %d exchanges: error %v", name, n, err)
				}
			})
		}
	}
}

func TestNegotiatedWithoutRequest(t *testing.T) {
	f := load(t)
	if _, err := (handover.Reader{}).Read(t.Context(), f.negotiatedTag(t)); !errors.Is(err, handover.ErrNegotiated) {
		t.Errorf("error %v, want ErrNegotiated", err)
	}
}

// Apple's wallet: its capability container and Tp, and a select that is ready at the fourth look. 16 milliseconds lie
// between the looks, and no data is read before.
func TestAppleWallet(t *testing.T) {
	f := load(t)
	ok := []byte{0x90, 0}
	hs := mdoctest.Hex(t, f.Apple.Hs)
	responses := [][]byte{ok, ok, mdoctest.Hex(t, f.Apple.Capability+"9000"), ok}
	responses = append(responses, shown(mdoctest.Hex(t, f.Apple.Tp))...)
	responses = append(append(responses, ok), shown(mdoctest.Hex(t, "d10201546500"))...)
	responses = append(responses, ok, []byte{0, 0, 0x90, 0}, []byte{0, 0, 0x90, 0}, []byte{0, 0, 0x90, 0})
	responses = append(responses, shown(hs)...)
	synctest.Test(t, func(t *testing.T) {
		card := &answers{responses: responses}
		start := time.Now()
		h, err := handover.Reader{Request: f.request(t), MaxPolls: 4}.Read(t.Context(), card)
		if err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(start); waited != 5*16*time.Millisecond {
			t.Errorf("waited %v, want 16 ms after each of two messages and three looks", waited)
		}
		got, hr := h.Messages()
		if !bytes.Equal(got, hs) || !bytes.Equal(hr, f.request(t).Bytes()) || !bytes.Equal(h.Select().Device().Bytes(), mdoctest.Hex(t, f.Apple.Device)) {
			t.Error("not the printed bytes")
		}
		if b := must(h.Methods())(t)[0].BLE; !bytes.Equal(b.CentralClientUUID, f.uuid(t)) || b.PeripheralServer {
			t.Errorf("BLE %+v, want the reader's UUID", *b)
		}
		if len(card.responses) != 0 {
			t.Errorf("%d responses left", len(card.responses))
		}
	})
	synctest.Test(t, func(t *testing.T) {
		card := &answers{responses: responses}
		if _, err := (handover.Reader{Request: f.request(t), MaxPolls: 3}).Read(t.Context(), card); !errors.Is(err, handover.ErrNeverReady) {
			t.Errorf("error %v, want ErrNeverReady", err)
		}
		for _, c := range card.commands[len(card.commands)-3:] {
			if !bytes.Equal(c, mdoctest.Hex(t, readLength)) {
				t.Errorf("command %X where the length alone is read", c)
			}
		}
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if _, err := (handover.Reader{Request: f.request(t)}).Read(ctx, &answers{responses: responses}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want that of the context", err)
		}
	})
}

// A request and a select of over 255 bytes go in pieces.
func TestLongMessages(t *testing.T) {
	f := load(t)
	wifi := handover.Carrier{ID: "W", WiFiAware: bytes.Repeat([]byte{1}, 700)}
	req := must(handover.NewRequest(handover.RequestContent{Collision: []byte{1, 2}, Carriers: []handover.Carrier{wifi}}))(t)
	sel := must(handover.NewSelect(f.engagement(t), wifi))(t)
	tag := must(handover.NewTag(handover.TagConfig{Wait: 63, Choose: func(*handover.Request) (*handover.Select, error) { return sel, nil }}))(t)
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		h := must(handover.Reader{Request: req}.Read(t.Context(), tag))(t)
		hs, hr := h.Messages()
		if !bytes.Equal(hs, sel.Bytes()) || !bytes.Equal(hr, req.Bytes()) {
			t.Error("other messages")
		}
		if waited := time.Since(start); waited < 55*time.Second || waited > 56*time.Second {
			t.Errorf("waited %v, want twice 27.55 s", waited)
		}
	})
}

// Engagement over the tag, then a session over its transcript.
func TestEngagementThenSession(t *testing.T) {
	f := load(t)
	for name, negotiated := range map[string]bool{"static": false, "negotiated": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				device := must(session.NewDevice(nil, nil))(t)
				sel := must(handover.NewSelect(device.Engagement(), handover.Carrier{ID: "0", BLE: &handover.BLE{Role: handover.CentralOnly, UUID: f.uuid(t)}}))(t)
				cfg := handover.TagConfig{Static: sel}
				if negotiated {
					looks := 0
					cfg = handover.TagConfig{Wait: 20, Choose: func(*handover.Request) (*handover.Select, error) {
						if looks++; looks < 5 {
							return nil, handover.ErrNotReady
						}
						return sel, nil
					}}
				}
				tag := must(handover.NewTag(cfg))(t)
				got := must(handover.Reader{Request: f.request(t)}.Read(t.Context(), tag))(t)
				<-tag.Done()
				device.UseNFC(tag.Handover().Messages())
				hs, hr := got.Messages()
				reader := must(session.NewReaderNFC(got.Select().Device(), hs, hr, nil))(t)
				message, rs, err := reader.Establish([]byte("request"))
				if err != nil {
					t.Fatal(err)
				}
				request, ds, err := device.Accept(message)
				if err != nil || string(request) != "request" || !ds.Transcript().Equal(reader.Transcript()) {
					t.Fatalf("request %q, %v", request, err)
				}
				answer := must(ds.Encrypt([]byte("response"), true))(t)
				if response, _, err := rs.Decrypt(answer); err != nil || string(response) != "response" {
					t.Errorf("response %q, %v", response, err)
				}
			})
		})
	}
}

// FuzzReader gives a reader hostile answers, each after a length of two bytes.
func FuzzReader(f *testing.F) {
	file := load(f)
	pack := func(responses [][]byte) []byte {
		var all []byte
		for _, r := range responses {
			all = append(append(all, byte(len(r)>>8), byte(len(r))), r...)
		}
		return all
	}
	f.Add(pack(printed(f, file.Static)))
	f.Add(pack(printed(f, file.Negotiated)))
	request := file.request(f)
	f.Fuzz(func(t *testing.T, all []byte) {
		var responses [][]byte
		for rest := all; len(rest) >= 2; {
			n := min(int(rest[0])<<8|int(rest[1]), len(rest)-2)
			responses = append(responses, rest[2:2+n])
			rest = rest[2+n:]
		}
		synctest.Test(t, func(t *testing.T) {
			h, err := handover.Reader{Request: request, MaxPolls: 3}.Read(t.Context(), &answers{responses: responses})
			if (h == nil) == (err == nil) {
				t.Fatalf("handover %v, error %v", h, err)
			}
			if err == nil {
				if _, err := h.Methods(); err != nil {
					t.Error(err)
				}
			}
		})
	})
}

func FuzzParseSelect(f *testing.F) {
	file, d := load(f), mdoctest.LoadAnnexD(f)
	f.Add(d.Bytes(f, "nfc_handover_select_message"))
	for _, s := range []string{file.Apple.Hs, file.Example.Hs, file.Static[5].Response.Data, file.Negotiated[11].Response.Data} {
		f.Add(mdoctest.Hex(f, s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := handover.ParseSelect(raw)
		if err != nil {
			if s != nil {
				t.Error("a failed parse returned something")
			}
			return
		}
		if !bytes.Equal(s.Bytes(), raw) {
			t.Error("bytes were not kept")
		}
		if again := must(handover.NewSelect(s.Device(), s.Carriers()...))(t); len(again.Carriers()) != len(s.Carriers()) {
			t.Error("written with other carriers")
		}
	})
}

func FuzzParseRequest(f *testing.F) {
	file, d := load(f), mdoctest.LoadAnnexD(f)
	f.Add(d.Bytes(f, "nfc_handover_request_message"))
	f.Add(mdoctest.Hex(f, file.Example.Hr))
	f.Add(file.request(f).Bytes())
	f.Fuzz(func(t *testing.T, raw []byte) {
		q, err := handover.ParseRequest(raw)
		if err != nil {
			if q != nil {
				t.Error("a failed parse returned something")
			}
			return
		}
		if !bytes.Equal(q.Bytes(), raw) {
			t.Error("bytes were not kept")
		}
		if again := must(handover.NewRequest(q.Content()))(t); len(again.Content().Carriers) != len(q.Content().Carriers) {
			t.Error("written with other carriers")
		}
	})
}
