package se_test

import (
	"bytes"
	"errors"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
	"mobileid/tsm/scp03"
	"mobileid/tsm/se"
	"mobileid/tsm/se/setest"
)

func version(k scp03.Keys, v byte) scp03.Keys { k.Version = v; return k }

// opens tells how a session with a key set begins.
func opens(t *testing.T, s *se.SE, keys scp03.Keys) error {
	t.Helper()
	_, err := setest.Open(t.Context(), s, keys)
	return err
}

// A key set is added, used, replaced and deleted; the last one stays.
func TestPutKey(t *testing.T) {
	e := newElement(t)
	s := open(t, e, se.Config{})
	first, second, third := e.Factory.Keys, version(setest.Keys(t), 0x31), version(setest.Keys(t), 0x32)
	isd := drive(t, s, first, gp.ISD)
	isd.putSet(0, second, apdu.OK)
	isd.putSet(0, second, apdu.OK)                                // the answer was lost
	isd.putSet(0, version(setest.Keys(t), 0x31), apdu.Conditions) // another one of that version
	isd.putSet(0x35, third, apdu.ReferenceNotFound)
	isd.putSet(0x30, version(third, 0x31), apdu.Conditions) // the new version is taken
	isd.putSet(0, version(third, 0x2F), apdu.WrongData)
	isd.putSet(0, version(third, 0x40), apdu.WrongData)
	for range 3 {
		if err := opens(t, s, second); err != nil {
			t.Fatal(err)
		}
	}
	isd = drive(t, s, second, gp.ISD)
	isd.putSet(0x30, third, apdu.OK)
	if err := opens(t, s, first); !errors.Is(err, apdu.ErrNotFound) {
		t.Errorf("a replaced set: %v", err)
	}
	if err := opens(t, s, third); err != nil {
		t.Error(err)
	}
	counter := func(want byte) {
		t.Helper()
		isd = drive(t, s, second, gp.ISD)
		if got := isd.send(gp.GetData(gp.DataSequenceCounter), apdu.OK); !bytes.Equal(got, []byte{0xC1, 3, 0, 0, want}) {
			t.Errorf("sequence counter %X, expected %d", got, want)
		}
	}
	counter(5)
	isd.putSet(0x31, second, apdu.OK) // the same keys: the counter must not go back
	counter(6)
	replaced := version(setest.Keys(t), 0x31)
	isd.putSet(0x31, replaced, apdu.OK)
	second = replaced
	counter(1)

	isd.do(gp.DeleteKeys{Version: 0x33}, apdu.ReferenceNotFound)
	isd.do(gp.DeleteKeys{Version: 0x32, ID: 1}, apdu.Conditions)
	isd.do(gp.DeleteKeys{Version: 0x31}, apdu.OK) // the set in use
	isd.send(command(t, "80CA00D300"), apdu.OK)
	isd.do(gp.DeleteKeys{Version: 0x32}, apdu.Conditions)
	isd.do(gp.DeleteKeys{Version: 0x32, Last: true}, apdu.Conditions)
	if err := opens(t, s, second); !errors.Is(err, apdu.ErrNotFound) {
		t.Errorf("a deleted set: %v", err)
	}
	for _, k := range []scp03.Keys{first, second} {
		if inFolder(t, pathOf(e), string(k.ENC)) || inFolder(t, pathOf(e), string(k.DEK)) {
			t.Error("a key that is gone is still in the state file")
		}
	}
	if err := opens(t, s, version(third, 0)); err != nil {
		t.Errorf("the default set: %v", err)
	}
}

// Nothing is stored unless all three keys are right.
func TestPutKeyRefuses(t *testing.T) {
	e := newElement(t)
	s := open(t, e, se.Config{})
	isd := drive(t, s, e.Factory.Keys, gp.ISD)
	good := version(setest.Keys(t), 0x31)
	built := func(change func(p *gp.PutKey)) gp.PutKey {
		p, err := gp.PutKeySet(e.Factory.Keys.DEK, 0, 0x31, good.ENC, good.MAC, good.DEK)
		if err != nil {
			t.Fatal(err)
		}
		change(&p)
		return p
	}
	for _, c := range []struct {
		name   string
		change func(p *gp.PutKey)
		want   apdu.SW
	}{
		{"check value of the third", func(p *gp.PutKey) { p.Keys[2].KCV = []byte{1, 2, 3} }, apdu.KeyCheckWrong},
		{"another Key-DEK", func(p *gp.PutKey) { p.Keys[0].Encrypted[0] ^= 1 }, apdu.KeyCheckWrong},
		{"triple DES", func(p *gp.PutKey) { p.Keys[0].Type = gp.KeyDES }, apdu.AlgorithmUnknown},
		{"two keys", func(p *gp.PutKey) { p.Keys = p.Keys[:2] }, apdu.WrongData},
		{"one key", func(p *gp.PutKey) { p.Keys, p.FirstID, p.Multiple = p.Keys[:1], 2, false }, apdu.WrongData},
		{"ids from 2", func(p *gp.PutKey) { p.FirstID = 2 }, apdu.WrongData},
		{"four keys", func(p *gp.PutKey) { p.Keys = append(p.Keys, p.Keys[0]) }, apdu.WrongData},
		{"two alike", func(p *gp.PutKey) { p.Keys[1] = p.Keys[0] }, apdu.WrongData},
		{"a version for nothing", func(p *gp.PutKey) { p.Version = 0x73 }, apdu.WrongData},
	} {
		t.Run(c.name, func(t *testing.T) {
			isd := isd
			isd.tb = t
			isd.do(built(c.change), c.want)
		})
	}
	for name, keys := range map[string]scp03.Keys{
		"published":       version(scp03.TestKeys().Keys(), 0x31),
		"zero":            {ENC: make([]byte, 16), MAC: make([]byte, 16), DEK: make([]byte, 16), Version: 0x31},
		"of unequal size": {ENC: good.ENC, MAC: good.MAC[:16], DEK: good.DEK[:24], Version: 0x31},
	} {
		t.Run(name, func(t *testing.T) {
			isd := isd
			isd.tb = t
			isd.putSet(0, keys, apdu.WrongData)
		})
	}
	isd.send(command(t, "80D8008100"), apdu.WrongData)
	isd.send(command(t, "80D8800100"), apdu.WrongParameters)
	if err := opens(t, s, good); !errors.Is(err, apdu.ErrNotFound) {
		t.Errorf("a set came in: %v", err)
	}
}

// Other sizes and the other form are taken too, and found in the key information.
func TestKeyForms(t *testing.T) {
	e := newElement(t)
	s := open(t, e, se.Config{})
	isd := drive(t, s, e.Factory.Keys, gp.ISD)
	v := byte(0x31)
	for _, size := range []int{16, 24, 32} {
		for _, prefixed := range []bool{false, true} {
			k := setest.Keys(t)
			k = scp03.Keys{ENC: k.ENC[:size], MAC: k.MAC[:size], DEK: k.DEK[:size], Version: v}
			p, err := gp.PutKeySet(e.Factory.Keys.DEK, 0, v, k.ENC, k.MAC, k.DEK)
			if err != nil {
				t.Fatal(err)
			}
			for i := range p.Keys {
				p.Keys[i].Prefixed = prefixed || size == 24
			}
			if got := isd.do(p, apdu.OK); !bytes.Equal(got, p.Confirmation()) {
				t.Errorf("answer %X", got)
			}
			if err := opens(t, s, k); err != nil {
				t.Errorf("%d bytes: %v", size, err)
			}
			isd = drive(t, s, e.Factory.Keys, gp.ISD)
			v++
		}
	}
	for ; v <= 0x3F; v++ {
		isd.putSet(0, version(setest.Keys(t), v), apdu.OK)
	}
	first, err := gp.ParseKeyInformation(isd.send(gp.GetData(gp.DataKeyInformation), apdu.OK))
	if err != nil {
		t.Fatal(err)
	}
	next := isd.send(gp.GetData(gp.DataKeyInformationMore), apdu.OK)
	more, err := gp.ParseKeyInformation(next)
	if err != nil || len(first)+len(more) != 48 || len(more) == 0 {
		t.Fatalf("%d and %d keys, %v", len(first), len(more), err)
	}
	if k := first[3]; k.Version != 0x31 || k.ID != 1 || k.Components[0] != (gp.KeyComponent{Type: gp.KeyAES, Length: 16}) {
		t.Errorf("%+v", k)
	}
}

// Keys by data groups, to the session's own domain and to a new one through the ISD.
func TestKeyGroups(t *testing.T) {
	e := newElement(t)
	s := open(t, e, se.Config{})
	isd := drive(t, s, e.Factory.Keys, gp.ISD)
	group := func(version byte, access gp.KeyAccess, purpose uint16, keys ...[]byte) []apdu.Command {
		t.Helper()
		g, err := gp.NewKeyGroup(e.Factory.Keys.DEK, version, access, purpose, keys...)
		if err != nil {
			t.Fatal(err)
		}
		b, err := g.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		c, err := gp.StoreDGIs(b, 60, true)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	store := func(blocks []apdu.Command, want apdu.SW) {
		t.Helper()
		for _, b := range blocks[:len(blocks)-1] {
			isd.send(b, apdu.OK)
		}
		isd.send(blocks[len(blocks)-1], want)
	}
	k := version(setest.Keys(t), 0x31)
	store(group(0x31, gp.AccessApplications, gp.PurposeSCP03, k.ENC, k.MAC, k.DEK), apdu.WrongData)
	store(group(0x31, gp.AccessAll, gp.PurposeDAP, k.ENC, k.MAC, k.DEK), apdu.WrongData)
	store(group(0x70, gp.AccessAll, gp.PurposeSCP03, k.ENC, k.MAC, k.DEK), apdu.WrongData)
	store(group(0x31, gp.AccessDomain, gp.PurposeSCP03, k.ENC, k.MAC), apdu.WrongData)
	store(group(0x31, gp.AccessDomain, gp.PurposeSCP03, k.ENC, k.MAC, k.DEK), apdu.OK)
	if err := opens(t, s, k); err != nil {
		t.Error(err)
	}
	isd = drive(t, s, e.Factory.Keys, gp.ISD)
	again := version(setest.Keys(t), 0x31)
	store(group(0x31, gp.AccessDomain, gp.PurposeSCP03, again.ENC, again.MAC, again.DEK), apdu.OK)
	if opens(t, s, k) == nil || opens(t, s, again) != nil {
		t.Error("the set was not replaced")
	}
	isd = drive(t, s, e.Factory.Keys, gp.ISD)
	store(group(0x70, gp.AccessDomain, gp.PurposeToken, k.ENC), apdu.OK)
	store(group(0x71, gp.AccessDomain, gp.PurposeReceipt, k.MAC), apdu.OK)

	isd.installDomain(domainA, gp.SecurityDomain, apdu.OK)
	isd.do(gp.Personalize{Instance: domainA}, apdu.OK)
	inside := version(setest.Keys(t), 0x30)
	store(group(0x71, gp.AccessDomain, gp.PurposeReceipt, inside.MAC), apdu.WrongData) // the ISD's alone
	store(group(0x30, gp.AccessDomain, gp.PurposeSCP03, inside.ENC, inside.MAC, inside.DEK), apdu.OK)
	drive(t, s, inside, domainA)
	isd = drive(t, s, e.Factory.Keys, gp.ISD)
	isd.do(gp.Personalize{Instance: domainA}, apdu.Conditions) // it has keys of its own now

	blocks := group(0x32, gp.AccessDomain, gp.PurposeSCP03, k.ENC, k.MAC, k.DEK)
	isd.send(blocks[0], apdu.OK)
	isd.send(blocks[len(blocks)-1], apdu.Conditions) // a gap
	isd.send(blocks[0], apdu.OK)
	isd.send(gp.GetData(gp.DataKeyInformation), apdu.OK) // between blocks: the sequence is dropped
	isd.send(blocks[1], apdu.Conditions)
	isd.send(blocks[0], apdu.OK)
	mixed := blocks[1]
	mixed.P1 = 0x10
	isd.send(mixed, apdu.WrongParameters)
}

// A key that stands alone: tokens and receipts, of the ISD.
func TestSingleKeys(t *testing.T) {
	e, s, keys := withDomain(t, domainA, gp.SecurityDomain, se.Config{})
	drive(t, s, keys, domainA).putSingle(0, 0x71, setest.Keys(t).ENC, apdu.WrongData)
	isd := drive(t, s, e.Factory.Keys, gp.ISD)
	one, two := setest.Keys(t).ENC, setest.Keys(t).ENC[:16]
	isd.send(gp.GetData(gp.DataConfirmationCounter), apdu.ReferenceNotFound)
	isd.putSingle(0x71, 0x71, one, apdu.ReferenceNotFound)
	isd.putSingle(0, 0x71, scp03.TestKeys().Keys().ENC, apdu.WrongData)
	isd.putSingle(0, 0x71, one, apdu.OK)
	isd.putSingle(0, 0x71, one, apdu.OK)
	isd.putSingle(0, 0x71, two, apdu.Conditions)
	isd.putSingle(0x70, 0x71, two, apdu.ReferenceNotFound)
	isd.putSingle(0x71, 0x71, two, apdu.OK)
	if inFolder(t, pathOf(e), string(one)) {
		t.Error("a replaced key is still in the state file")
	}
	if got := isd.send(gp.GetData(gp.DataConfirmationCounter), apdu.OK); !bytes.Equal(got, []byte{0xC2, 2, 0, 0}) {
		t.Errorf("confirmation counter %X", got)
	}
	all, err := gp.ParseKeyInformation(isd.send(gp.GetData(gp.DataKeyInformation), apdu.OK))
	if last := all[len(all)-1]; err != nil || last.Version != 0x71 || last.ID != 1 || last.Components[0].Length != 16 {
		t.Errorf("%+v, %v", last, err)
	}
	isd.do(gp.DeleteKeys{Version: 0x71, ID: 2}, apdu.ReferenceNotFound)
	isd.do(gp.DeleteKeys{Version: 0x71, ID: 1}, apdu.OK)
	isd.do(gp.DeleteKeys{Version: 0x71}, apdu.ReferenceNotFound)
}

// A deleted or replaced version is of no use any more on any channel, begun or open.
func TestDeletedVersionOnAnotherChannel(t *testing.T) {
	for name, change := range map[string]func(d driver){
		"deleted":  func(d driver) { d.do(gp.DeleteKeys{Version: 0x31}, apdu.OK) },
		"replaced": func(d driver) { d.putSet(0x31, version(setest.Keys(d.tb), 0x31), apdu.OK) },
	} {
		t.Run(name, func(t *testing.T) {
			e := newElement(t)
			s := open(t, e, se.Config{})
			isd := drive(t, s, e.Factory.Keys, gp.ISD)
			second := version(setest.Keys(t), 0x31)
			isd.putSet(0, second, apdu.OK)
			running := drive(t, openChannel(t, s), second, gp.ISD)
			line := openChannel(t, s)
			h, err := scp03.NewHost(second, nil)
			if err != nil {
				t.Fatal(err)
			}
			r, err := apdu.Exchange(t.Context(), line, h.InitializeUpdate())
			if err != nil {
				t.Fatal(err)
			}
			external, _, err := h.Authenticate(r, scp03.Full)
			if err != nil {
				t.Fatal(err)
			}
			change(isd)
			if r, err = apdu.Exchange(t.Context(), line, external); err != nil || r.SW != apdu.Conditions {
				t.Errorf("the handshake begun: %v %v", r.SW, err)
			}
			running.send(command(t, "80CA00D300"), apdu.SecurityStatus)
			isd.send(command(t, "80CA00D300"), apdu.OK)
		})
	}
}
