package manager_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/mdoctest"
	"mobileid/tsm/cmac"
	"mobileid/tsm/diversify"
	"mobileid/tsm/gp"
	"mobileid/tsm/gp/manager"
	"mobileid/tsm/scp03"
)

// What a JCOP4 tells, whole, in pieces by 61xx, and inside a session.
func TestLookAtRecordedCard(t *testing.T) {
	answers := recorded(t)
	check := func(t *testing.T, i manager.Info, err error) {
		t.Helper()
		if err != nil || len(i.Unread) != 0 {
			t.Fatal(err, i.Unread)
		}
		if i.FCI.AID != gp.ISD || i.FCI.MaxData != 255 || i.CPLC == nil || fmt.Sprintf("%x", i.CPLC.ICSerial) != "34297620" ||
			i.Recognition == nil || i.Recognition.Version != "2.3" || i.Capabilities == nil || i.Capabilities.Channels[0].SCP != 3 ||
			len(i.Keys) != 3 || i.Counter == nil || *i.Counter != 0x427 || fmt.Sprintf("%x", i.KDD) != kdd ||
			i.Memory == nil || i.Memory.FreeNonVolatile != 0x16DB4 || i.IIN != nil || i.Image != nil || i.URL != "" || i.Applications != nil {
			t.Errorf("%+v", i)
		}
	}
	for _, pieces := range []int{0, 1, 16, 40} {
		t.Run(fmt.Sprintf("pieces of %d", pieces), func(t *testing.T) {
			c := newFieldCard(t, replay(answers))
			c.pieces = pieces
			i, err := manager.Look(t.Context(), c)
			check(t, i, err)
			i, err = c.connect(t).Info(t.Context())
			check(t, i, err)
		})
	}
}

// Objects of a form of their own are named, further pages of keys are taken once.
func TestLookAtOddCard(t *testing.T) {
	key := func(id byte) gp.KeyInformation {
		return gp.KeyInformation{ID: id, Version: 0x30, Components: []gp.KeyComponent{{Type: gp.KeyAES, Length: 16}}}
	}
	c := newFieldCard(t, func(c apdu.Command) apdu.Response {
		switch uint16(c.P1)<<8 | uint16(c.P2) {
		case gp.DataCPLC:
			return apdu.Response{Data: []byte{1, 2, 3}, SW: apdu.OK}
		case gp.DataKeyInformation:
			return apdu.Response{Data: gp.AppendKeyInformation(nil, []gp.KeyInformation{key(1)}), SW: apdu.OK}
		case gp.DataKeyInformationMore:
			return apdu.Response{Data: gp.AppendKeyInformation(nil, []gp.KeyInformation{key(2), key(3)}), SW: apdu.OK}
		case 0x02E0: // as one that does not look at the page
			return apdu.Response{Data: gp.AppendKeyInformation(nil, []gp.KeyInformation{key(1)}), SW: apdu.OK}
		case gp.DataManagerURL:
			return apdu.Response{Data: gp.AppendObject(nil, gp.DataManagerURL, []byte("http://sd")), SW: apdu.OK}
		case gp.DataApplications:
			return apdu.Response{Data: gp.AppendApplications(nil, []gp.AID{gp.ISD}), SW: apdu.OK}
		}
		return apdu.Response{SW: apdu.InsUnsupported}
	})
	i, err := manager.Look(t.Context(), c)
	if err != nil || len(i.Unread) != 1 || i.Unread[gp.DataCPLC] == nil || i.CPLC != nil || i.URL != "http://sd" {
		t.Errorf("%+v, %v", i, err)
	}
	if d := cmp.Diff([]gp.KeyInformation{key(1), key(2), key(3)}, i.Keys); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]gp.AID{gp.ISD}, i.Applications); d != "" {
		t.Error(d)
	}
}

// A registry in pages that are cut anywhere, as the recorded UICC does, and longer than one answer.
func TestListPages(t *testing.T) {
	page := recorded(t)["80f24002024f0000"]
	if page.SW != apdu.MoreAvailable {
		t.Fatalf("the recorded page ends in %v", page.SW)
	}
	rest := mdoctest.Hex(t, "c50180c40ba0000001515350ffffffff"[:len("c50180")])
	whole := append(bytes.Clone(page.Data), rest...)
	whole[bytes.LastIndexByte(whole, 0xE3)+1] = byte(len(whole) - bytes.LastIndexByte(whole, 0xE3) - 2)
	for _, size := range []int{1, 7, 100, 200, 239, 1000} {
		t.Run(fmt.Sprintf("pages of %d", size), func(t *testing.T) {
			left := whole
			c := newFieldCard(t, func(c apdu.Command) apdu.Response {
				if c.INS != 0xF2 || c.P1 != 0x40 || (c.P2 == 2) != (len(left) == len(whole)) {
					return apdu.Response{SW: apdu.ReferenceNotFound}
				}
				n := min(size, len(left))
				out := left[:n]
				left = left[n:]
				if len(left) > 0 {
					return apdu.Response{Data: out, SW: apdu.MoreAvailable}
				}
				return apdu.Response{Data: out, SW: apdu.OK}
			})
			r, err := c.connect(t).List(t.Context())
			if err != nil || r.Domain != nil || len(r.LoadFiles) != 0 || len(r.Applications) != 5 {
				t.Fatalf("%+v, %v", r, err)
			}
			if got := r.Applications[4]; got.AID.String() != "A00000015141434C" && got.AID.String() != "A00000015141434C00" || got.State != 7 || got.Privileges != gp.SecurityDomain {
				t.Errorf("last entry %+v", got)
			}
		})
	}
}

// Cards of the field answer what is not there and what they do not know in several ways.
func TestListOfOddCards(t *testing.T) {
	file := gp.Entry{AID: gp.LoadFile, State: byte(gp.StateLoaded), IsLoadFile: true, Version: []byte{1, 0}}
	domain := gp.Entry{AID: gp.ISD, State: byte(gp.CardSecured), Privileges: 0x9EFE80}
	for name, nothing := range map[string]apdu.SW{"6A88": apdu.ReferenceNotFound, "6A82": apdu.NotFound} {
		t.Run(name, func(t *testing.T) {
			c := newFieldCard(t, func(c apdu.Command) apdu.Response {
				switch c.P1 {
				case 0x80:
					return apdu.Response{Data: domain.AppendTo(nil), SW: apdu.OK}
				case 0x20:
					return apdu.Response{Data: file.AppendTo(nil), SW: apdu.OK}
				case 0x10:
					return apdu.Response{SW: apdu.WrongParameters}
				}
				return apdu.Response{SW: nothing}
			})
			r, err := c.connect(t).List(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(manager.Registry{Domain: &domain, LoadFiles: []gp.Entry{file}}, r, cmp.Comparer(func(a, b []byte) bool { return bytes.Equal(a, b) })); d != "" {
				t.Error(d)
			}
		})
	}
	for name, sw := range map[string]apdu.SW{"security status": apdu.SecurityStatus, "instruction": apdu.InsUnsupported} {
		c := newFieldCard(t, func(apdu.Command) apdu.Response { return apdu.Response{SW: sw} })
		if _, err := c.connect(t).List(t.Context()); err == nil || !strings.Contains(err.Error(), "GET STATUS 80") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, answer := range map[string]apdu.Response{
		"endless pages": {Data: []byte{0xE3}, SW: apdu.MoreAvailable},
		"empty page":    {SW: apdu.MoreAvailable},
		"cut entry":     {Data: []byte{0xE3, 5, 0}, SW: apdu.OK},
	} {
		c := newFieldCard(t, func(apdu.Command) apdu.Response { return answer })
		if _, err := c.connect(t).List(t.Context()); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestConnectRefused(t *testing.T) {
	refusing := func(apdu.Command) apdu.Response { return apdu.Response{SW: apdu.ReferenceNotFound} }
	for _, tc := range []struct {
		name   string
		change func(c *fieldCard)
		keys   func(c *fieldCard) manager.Keys
		want   error
	}{
		{"no domain", func(c *fieldCard) { c.selectAnswer = apdu.Response{SW: apdu.NotFound} }, nil, manager.ErrNoDomain},
		{"wrong keys", nil, func(*fieldCard) manager.Keys { return manager.Static(someKeys(0x30, 32)) }, scp03.ErrCryptogram},
		{"unknown version", nil, func(*fieldCard) manager.Keys { return manager.Static(someKeys(0x31, 16)) }, manager.ErrNoKeySet},
		{"blocked", func(c *fieldCard) { c.state.Failures = scp03.MaxFailures }, nil, manager.ErrBlocked},
		{"no KDD", nil, func(c *fieldCard) manager.Keys { return manager.Diversified(master(c.keys.ENC), 16, 0x30) }, manager.ErrNoKDD},
		{"keys cannot be had", nil, func(*fieldCard) manager.Keys {
			return func(context.Context, func() ([]byte, error)) (scp03.Keys, error) { return scp03.Keys{}, errPulled }
		}, errPulled},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newFieldCard(t, refusing)
			if tc.change != nil {
				tc.change(c)
			}
			keys := manager.Static(c.keys)
			if tc.keys != nil {
				keys = tc.keys(c)
			}
			s, err := manager.Connect(t.Context(), c, keys, manager.Options{})
			if !errors.Is(err, tc.want) || s != nil {
				t.Errorf("%v, want %v", err, tc.want)
			}
		})
	}
	applet := newFieldCard(t, refusing)
	applet.selectAnswer.Data = []byte{0x61, 0}
	if _, err := manager.Connect(t.Context(), applet, manager.Static(applet.keys), manager.Options{}); err == nil {
		t.Error("an applet was taken for a domain")
	}
	// The card proves our keys and refuses our cryptogram: another answer than its own is made of its.
	c := newFieldCard(t, refusing)
	tampered := apdu.Tap{Transmitter: c}
	if _, err := manager.Connect(t.Context(), spoilExternal{tampered}, manager.Static(c.keys), manager.Options{}); !errors.Is(err, manager.ErrHostRefused) {
		t.Error(err)
	}
}

// spoilExternal changes the host cryptogram on its way.
type spoilExternal struct{ apdu.Transmitter }

func (s spoilExternal) Transmit(ctx context.Context, c []byte) ([]byte, error) {
	if c[1] == 0x82 {
		c = bytes.Clone(c)
		c[5] ^= 1
	}
	return s.Transmitter.Transmit(ctx, c)
}

type master []byte

func (m master) CMAC(_ context.Context, message []byte) ([16]byte, error) {
	return cmac.Sum(m, message)
}

func TestConnectDiversified(t *testing.T) {
	m := master(mdoctest.Hex(t, "8c72c72cf908411653018807950d82fbad947562f0828a0b10b8b9606abf3bcd"))
	told := mdoctest.Hex(t, kdd)
	c := newFieldCard(t, func(cmd apdu.Command) apdu.Response {
		if cmd.P2 == 0xCF {
			return apdu.Response{Data: gp.AppendObject(nil, gp.DataDiversification, told), SW: apdu.OK}
		}
		return apdu.Response{SW: apdu.ReferenceNotFound}
	})
	var err error
	if c.keys, err = diversify.KDF3(t.Context(), m, told, 32, 0x30); err != nil {
		t.Fatal(err)
	}
	s, err := manager.Connect(t.Context(), c, manager.Diversified(m, 32, 0x30), manager.Options{Domain: gp.ISD})
	if err != nil || s.Card().Counter != 1 || s.Domain() != gp.ISD || s.CardLocked() {
		t.Fatal(err)
	}
	// A card that says another number later is not tried.
	told[9] ^= 1
	failures := c.state.Failures
	if _, err := manager.Connect(t.Context(), c, manager.Diversified(m, 32, 0x30), manager.Options{}); !errors.Is(err, manager.ErrOtherCard) || c.state.Failures != failures {
		t.Errorf("%v, %d failures", err, c.state.Failures)
	}
}

// Every level a card offers, in both modes; a card of 16-byte challenges is found out by itself.
func TestLevelsAndModes(t *testing.T) {
	file := load597(t)
	for _, tc := range []struct {
		option scp03.Option
		level  scp03.Level
		size   int
		block  int
	}{
		{0x70, 0, 16, 239}, {0x60, 0x33, 24, 239}, {0x71, 0, 32, 223}, {0x70, 0x01, 16, 239}, {0x71, 0x11, 16, 239}, {0x30, 0x13, 32, 239}, {0x00, 0x03, 16, 239}, {0x01, 0x03, 16, 223},
	} {
		t.Run(fmt.Sprintf("%02X %02X %d", byte(tc.option), byte(tc.level), tc.size), func(t *testing.T) {
			c := newFieldCardWith(t, tc.option, tc.size, func(cmd apdu.Command) apdu.Response { return apdu.Response{SW: apdu.OK} })
			s, err := manager.Connect(t.Context(), c, manager.Static(c.keys), manager.Options{Level: tc.level})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if _, _, err := s.Load(t.Context(), file); err != nil || len(c.seen[1].Data) != tc.block {
				t.Errorf("%v, LOAD block of %d bytes", err, len(c.seen[1].Data))
			}
		})
	}
	for name, tc := range map[string]struct {
		option scp03.Option
		o      manager.Options
	}{
		"S16 of a card of S8": {0x70, manager.Options{Mode: scp03.S16}},
		"S8 of a card of S16": {0x71, manager.Options{Mode: scp03.S8}},
		"33 without R-MAC":    {0x10, manager.Options{}},
		"no level":            {0x70, manager.Options{Level: 0x02}},
	} {
		c := newFieldCardWith(t, tc.option, 16, func(apdu.Command) apdu.Response { return apdu.Response{SW: apdu.OK} })
		if _, err := manager.Connect(t.Context(), c, manager.Static(c.keys), tc.o); err == nil {
			t.Errorf("%s: connected", name)
		}
	}
}

// SELECT: no AID refused, the card locked, no 9F65, a small one.
func TestSelectVariants(t *testing.T) {
	file := load597(t)
	for _, tc := range []struct {
		name   string
		change func(*fieldCard)
		locked bool
		block  int
	}{
		{"ordinary", func(*fieldCard) {}, false, 239},
		{"only by name", func(c *fieldCard) { c.onlyNamed = true }, false, 239},
		{"locked", func(c *fieldCard) { c.selectAnswer.SW = apdu.WarnCardLocked }, true, 239},
		{"no 9F65", func(c *fieldCard) { c.selectAnswer.Data = gp.FCI{AID: gp.ISD}.Bytes() }, false, 239},
		{"two bytes of 9F65", func(c *fieldCard) { c.selectAnswer.Data = gp.FCI{AID: gp.ISD, MaxData: 1024}.Bytes() }, false, 239},
		{"small", func(c *fieldCard) { c.selectAnswer.Data = gp.FCI{AID: gp.ISD, MaxData: 0x7F}.Bytes() }, false, 111},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newFieldCard(t, func(cmd apdu.Command) apdu.Response { return apdu.Response{SW: apdu.OK} })
			tc.change(c)
			s := c.connect(t)
			if s.CardLocked() != tc.locked {
				t.Errorf("locked %v", s.CardLocked())
			}
			p, receipt, err := s.Load(t.Context(), file)
			if err != nil || receipt != nil || p.AID != gp.LoadFile {
				t.Fatalf("%+v, %v, %v", p, receipt, err)
			}
			if got := len(c.seen[1].Data); got != tc.block {
				t.Errorf("LOAD block of %d bytes, want %d", got, tc.block)
			}
		})
	}
}

// load597 is the file that the recorded hosts loaded.
func load597(t *testing.T) []byte {
	t.Helper()
	l, err := gp.ParseLoadFileData(mdoctest.HostTraceNamed(t, "gppro-level33").Loaded(t))
	if err != nil || len(l.File) != 597 {
		t.Fatalf("load file of %d bytes: %v", len(l.File), err)
	}
	return l.File
}

// What INSTALL, LOAD and DELETE answer: nothing, 00, a receipt, and what is none of them.
func TestConfirmations(t *testing.T) {
	receipt, err := gp.NewReceipt(make([]byte, 16), 5, []byte{1, 2, 3}, gp.LoadFile)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		answer []byte
		want   *gp.Receipt
		fails  bool
	}{
		"nothing": {nil, nil, false}, "00": {[]byte{0}, nil, false}, "receipt": {receipt.Bytes(), &receipt, false}, "odd": {[]byte{7, 7}, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			c := newFieldCard(t, func(apdu.Command) apdu.Response { return apdu.Response{Data: tc.answer, SW: apdu.OK} })
			s := c.connect(t)
			got, err := s.Delete(t.Context(), gp.Delete{AID: gp.LoadFile, Related: true})
			if (err != nil) != tc.fails || err != nil && !strings.Contains(err.Error(), "was carried out") {
				t.Errorf("%v", err)
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Error(d)
			}
			got, err = s.Install(t.Context(), gp.Install{LoadFile: gp.LoadFile, Module: gp.Module, Instance: gp.Instance(1)})
			if d := cmp.Diff(tc.want, got); d != "" || (err != nil) != tc.fails {
				t.Error(d, err)
			}
		})
	}
}

func TestPutKeys(t *testing.T) {
	var c *fieldCard
	c = newFieldCard(t, func(cmd apdu.Command) apdu.Response {
		p, err := gp.ParsePutKey(cmd)
		if err != nil {
			return apdu.Response{SW: apdu.WrongData}
		}
		var set [][]byte
		for _, k := range p.Keys {
			key, err := k.Unwrap(c.keys.DEK)
			if err != nil {
				return apdu.Response{SW: apdu.KeyCheckWrong}
			}
			set = append(set, key)
		}
		if p.Replace != 0x30 || len(set) != 3 || !bytes.Equal(set[0], someKeys(0, 16).MAC) {
			return apdu.Response{SW: apdu.Conditions}
		}
		return apdu.Response{Data: p.Confirmation(), SW: apdu.OK}
	})
	fresh := someKeys(0x31, 16)
	fresh.ENC, fresh.MAC = fresh.MAC, fresh.ENC
	s := c.connect(t)
	if err := s.PutKeys(t.Context(), 0x30, fresh); err != nil {
		t.Error(err)
	}
	if err := s.PutKeys(t.Context(), 0, fresh); !errors.Is(err, apdu.ErrConditions) {
		t.Error(err)
	}
	c.plain = func(apdu.Command) apdu.Response { return apdu.Response{Data: []byte{0x31}, SW: apdu.OK} }
	if err := s.PutKeys(t.Context(), 0x30, fresh); !errors.Is(err, gp.ErrPutKey) {
		t.Error(err)
	}
	sent := len(c.seen)
	same := someKeys(0x31, 16)
	same.DEK = same.ENC
	rising := mdoctest.Hex(t, "404142434445464748494a4b4c4d4e4f")
	for name, bad := range map[string]scp03.Keys{
		"published": {ENC: rising, MAC: rising, DEK: rising, Version: 0x31}, "zero": {ENC: make([]byte, 16), MAC: make([]byte, 16), DEK: make([]byte, 16), Version: 0x31}, "two alike": same,
	} {
		if err := s.PutKeys(t.Context(), 0, bad); !errors.Is(err, scp03.ErrWeakKeys) || len(c.seen) != sent {
			t.Errorf("%s: %v, %d commands", name, err, len(c.seen)-sent)
		}
	}
	if err := s.PutKeys(t.Context(), 0, scp03.Keys{ENC: same.ENC, Version: 0x31}); !errors.Is(err, scp03.ErrKeys) {
		t.Error(err)
	}
	fresh.Version = 0x80
	if err := s.PutKeys(t.Context(), 0, fresh); err == nil || len(c.seen) != sent {
		t.Errorf("version 80: %v", err)
	}
}

func TestStatusAndStore(t *testing.T) {
	c := newFieldCard(t, func(cmd apdu.Command) apdu.Response { return apdu.Response{Data: []byte{9}, SW: apdu.OK} })
	s := c.connect(t)
	ctx := t.Context()
	for _, err := range []error{s.Lock(ctx, gp.Instance(1)), s.Unlock(ctx, gp.Instance(1)), s.LockCard(ctx), s.UnlockCard(ctx)} {
		if err != nil {
			t.Error(err)
		}
	}
	got := ""
	for _, cmd := range c.seen {
		got += fmt.Sprintf("%02x%02x%02x %x; ", cmd.INS, cmd.P1, cmd.P2, cmd.Data)
	}
	if want := "f04080 f04d49444d444f4301; f04000 f04d49444d444f4301; f0807f ; f0800f ; "; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	c.seen = nil
	answer, err := s.Store(ctx, "", make([]byte, 300), true)
	if err != nil || !bytes.Equal(answer, []byte{9}) || len(c.seen) != 2 {
		t.Errorf("%x, %v, %d commands", answer, err, len(c.seen))
	}
	// The answer to INSTALL is no confirmation here, so the personalization stops.
	c.plain = func(cmd apdu.Command) apdu.Response { return apdu.Response{SW: apdu.ReferenceNotFound} }
	if _, err := s.Store(ctx, gp.Instance(1), []byte{1}, false); !errors.Is(err, apdu.ErrNotFound) {
		t.Error(err)
	}
	for name, err := range map[string]error{
		"empty stream": func() error { _, err := s.Store(ctx, "", nil, false); return err }(),
		"no AID":       s.Lock(ctx, ""),
		"bad delete":   func() error { _, err := s.Delete(ctx, gp.DeleteKeys{}); return err }(),
		"bad install":  func() error { _, err := s.Install(ctx, gp.Personalize{}); return err }(),
		"bad file":     func() error { _, _, err := s.Load(ctx, []byte{1}); return err }(),
	} {
		if err == nil {
			t.Errorf("%s: sent", name)
		}
	}
}

// 6Cxx: the command is protected anew; twice is an answer.
func TestWrongLe(t *testing.T) {
	c := newFieldCard(t, func(cmd apdu.Command) apdu.Response { return apdu.Response{Data: []byte{byte(cmd.Le)}, SW: apdu.OK} })
	c.wrongLe = true
	r, err := c.connect(t).Transmit(t.Context(), gp.GetData(gp.DataCPLC))
	if err != nil || r.SW != apdu.OK || !bytes.Equal(r.Data, []byte{0x10}) {
		t.Errorf("%v, %v", r, err)
	}
	c.plain = func(apdu.Command) apdu.Response { return apdu.Response{SW: 0x6C00} }
	if r, err := c.connect(t).Transmit(t.Context(), gp.GetData(gp.DataCPLC)); err != nil || r.SW != 0x6C00 {
		t.Errorf("%v, %v", r, err)
	}
}

// A card pulled at each command of a listing: a clear error each time, and the session is over.
func TestPulledAtEachCommand(t *testing.T) {
	answer := func(apdu.Command) apdu.Response { return apdu.Response{SW: apdu.ReferenceNotFound} }
	whole := newFieldCard(t, answer)
	if _, err := whole.connect(t).List(t.Context()); err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= whole.commands; n++ {
		c := newFieldCard(t, answer)
		c.cutAt = n
		s, err := manager.Connect(t.Context(), c, manager.Static(c.keys), manager.Options{})
		if err == nil {
			if _, err = s.List(t.Context()); err != nil {
				if _, again := s.Transmit(t.Context(), gp.GetData(gp.DataCPLC)); !errors.Is(again, scp03.ErrClosed) {
					t.Errorf("cut at %d: the session goes on: %v", n, again)
				}
			}
		}
		if !errors.Is(err, errPulled) {
			t.Errorf("cut at %d: %v", n, err)
		}
	}
	t.Logf("card pulled at each of %d commands: each ends with the reader's error and a closed session", whole.commands)
}

// The keys that open a session are erased once it is open or refused, and its Key-DEK when it ends, however it ends.
func TestKeysErased(t *testing.T) {
	zero := make([]byte, 16)
	for name, tc := range map[string]struct {
		wrong bool
		end   func(c *fieldCard, s *manager.Session)
	}{
		"closed":       {end: func(_ *fieldCard, s *manager.Session) { s.Close() }},
		"closed twice": {end: func(_ *fieldCard, s *manager.Session) { s.Close(); s.Close() }},
		"card pulled": {end: func(c *fieldCard, s *manager.Session) {
			c.cutAt = c.commands + 1
			if _, err := s.Transmit(t.Context(), gp.GetData(gp.DataCPLC)); !errors.Is(err, errPulled) {
				t.Error(err)
			}
		}},
		"refused": {wrong: true},
	} {
		t.Run(name, func(t *testing.T) {
			c := newFieldCard(t, func(apdu.Command) apdu.Response { return apdu.Response{SW: apdu.OK} })
			given := c.keys.Clone()
			if tc.wrong {
				given = someKeys(0x30, 32)
			}
			s, err := manager.Connect(t.Context(), c, func(context.Context, func() ([]byte, error)) (scp03.Keys, error) { return given, nil }, manager.Options{})
			if (err != nil) != tc.wrong {
				t.Fatal(err)
			}
			for _, k := range [][]byte{given.ENC, given.MAC, given.DEK} {
				if !bytes.Equal(k, make([]byte, len(k))) {
					t.Error("a static key is still there")
				}
			}
			if tc.wrong {
				return
			}
			dek := s.DEK()
			if !bytes.Equal(dek, c.keys.DEK) {
				t.Error("the session has another Key-DEK")
			}
			tc.end(c, s)
			if !bytes.Equal(dek, zero) {
				t.Error("the Key-DEK is still there")
			}
		})
	}
}

func TestReadCAP(t *testing.T) {
	file := load597(t)
	names := map[byte]string{
		1: "Header", 2: "Directory", 3: "Applet", 4: "Import", 5: "ConstantPool", 6: "Class", 7: "Method", 8: "StaticField", 9: "RefLocation", 10: "Export",
	}
	archive := func(change func(add func(name string, b []byte))) []byte {
		var buffer bytes.Buffer
		z := zip.NewWriter(&buffer)
		add := func(name string, b []byte) {
			w, err := z.Create(name)
			if err == nil {
				_, err = w.Write(b)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		change(add)
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return buffer.Bytes()
	}
	components := func(add func(string, []byte)) {
		for rest := file; len(rest) > 0; {
			n := 3 + int(rest[1])<<8 + int(rest[2])
			add("pkg/javacard/"+names[rest[0]]+".cap", rest[:n])
			rest = rest[n:]
		}
	}
	got, err := manager.ReadCAP(archive(func(add func(string, []byte)) {
		add("META-INF/MANIFEST.MF", []byte("x"))
		add("pkg/javacard/Debug.cap", make([]byte, 100))
		components(add)
	}))
	if err != nil || !bytes.Equal(got, file) {
		t.Errorf("%d bytes of %d, %v", len(got), len(file), err)
	}
	for name, bad := range map[string][]byte{
		"no ZIP":       []byte("x"),
		"no Header":    archive(func(add func(string, []byte)) { add("a/Applet.cap", []byte{3}) }),
		"two packages": archive(func(add func(string, []byte)) { components(add); add("other/Header.cap", []byte{1}) }),
		"too long":     archive(func(add func(string, []byte)) { add("a/Header.cap", make([]byte, 1<<17)) }),
	} {
		if _, err := manager.ReadCAP(bad); err == nil {
			t.Errorf("%s accepted", name)
		}
	}
}

func FuzzReadCAP(f *testing.F) {
	f.Add([]byte("PK"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if file, err := manager.ReadCAP(b); err != nil && file != nil {
			t.Fatal("refused and left something behind")
		}
	})
}
