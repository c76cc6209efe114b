package applet_test

import (
	"bytes"
	"testing"

	"mobileid/mdoc"
	"mobileid/mdoc/apdu"
	"mobileid/mdoc/mdoctest/world"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm/applet"
	"mobileid/tsm/applet/stream"
	"mobileid/tsm/se/setest"
)

// Whatever is sent, plain with the PIN verified or as a block of personalization, is answered; and the live credential is the one
// that was committed or, after a wipe, none.
func FuzzInstance(f *testing.F) {
	b := newBench(f)
	s, j, c := provisioned(f, b, provisioning.PurposeSign)
	tr, _, err := someTranscript()
	if err != nil {
		f.Fatal(err)
	}
	good := sigStructure("Signature1", []byte{0xA1, 0x01, 0x26}, nil, mdoc.DeviceAuthenticationBytes(tr, world.DocType, noNameSpaces()))
	f.Add(byte(0x2A), byte(0x9E), byte(0x9A), good, byte(0x91), byte(0), must(f, stream.Wipe{OrderID: make([]byte, 16)}))
	f.Add(byte(0x2A), byte(0x8E), byte(0x80), apdu.AppendTLV(nil, 0x80, good), byte(0x91), byte(0), stream.Page(0))
	f.Add(byte(0xB1), byte(0), byte(0), []byte{0x54, 3, 0, 0, 0}, byte(0x11), byte(1), must(f, stream.Begin{OrderID: j.Order.ID, Length: 9, SHA256: make([]byte, 32)}))
	f.Add(byte(0x24), byte(1), byte(0x80), []byte("1234"), byte(0x91), byte(0), must(f, stream.Generate{OrderID: make([]byte, 16), Slot: 1, Purpose: 2, Challenge: make([]byte, 32)}))
	f.Add(byte(0xCA), byte(0xDF), byte(0x30), []byte(nil), byte(0x91), byte(0), must(f, stream.Commit{OrderID: j.Order.ID, SHA256: make([]byte, 32)}))
	f.Fuzz(func(t *testing.T, ins, p1, p2 byte, data []byte, blockP1, blockP2 byte, stored []byte) {
		ctx := t.Context()
		data, stored = data[:min(len(data), 2000)], stored[:min(len(stored), 200)]
		if err := c.VerifyPIN(ctx, testPIN); err != nil && setest.StatusWord(err) != apdu.ReferenceNotFound {
			if setest.StatusWord(err) != apdu.Blocked && setest.StatusWord(err)&0xFFF0 != 0x63C0 {
				t.Fatal(err)
			}
		}
		if ins != 0xA4 {
			if _, err := apdu.Exchange(ctx, s, apdu.Command{INS: ins, P1: p1, P2: p2, Data: data, Le: apdu.MaxExtendedLe, Extended: true}); err != nil {
				t.Fatal(err)
			}
		}
		h := session(t, b, s)
		block(t, h, blockP1, blockP2, stored)
		block(t, h, 0x91, 0, stored)
		info, err := applet.NewClient(s, 1).Info(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if info.Committed && info.Length != uint64(len(j.Content)) || !info.Committed && info.Length != 0 {
			t.Fatalf("%+v", info)
		}
		if bytes.Contains(b.Snapshot(t), j.Content[:64]) != info.Committed {
			t.Fatal("the state file and the applet disagree")
		}
	})
}
