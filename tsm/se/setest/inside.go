package setest

import (
	"crypto/sha256"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/applet/stream"
	"mobileid/tsm/gp"
	"mobileid/tsm/se"
)

// Inside is an applet kind with its last program in view, and what that program can do with the element. The element tells a program of a
// selection, a lock or a deletion more than once; here it is told by the test alone, and gets blocks without a session.
type Inside struct {
	se.Kind
	Program  se.Applet
	Platform *se.Platform
}

// New keeps the program it makes.
func (k *Inside) New(p *se.Platform) se.Applet {
	k.Program, k.Platform = k.Kind.New(p), p
	return k.Program
}

// Store gives a whole sequence of STORE DATA to the program as one block.
func (k *Inside) Store(data []byte) apdu.Response {
	return k.Program.StoreData(gp.Block{Last: true, Answer: true, BERTLV: true, Data: data})
}

// EndsPersonalization checks that what the program received of a job, which is issued anew each time, is gone with the session and with the
// instance, and not before.
func (k *Inside) EndsPersonalization(t *testing.T, issued func(t *testing.T) *Job) {
	t.Helper()
	for _, tc := range []struct {
		name string
		call func()
		sw   apdu.SW
	}{
		{"none", func() {}, apdu.OK},
		{"EndPersonalization", func() { k.Program.EndPersonalization() }, apdu.Conditions},
		{"Delete", func() { k.Program.Delete() }, apdu.Conditions},
	} {
		t.Run(tc.name, func(t *testing.T) {
			j := issued(t)
			k.received(t, j)
			tc.call()
			digest := sha256.Sum256(j.Sealed)
			if sw := k.Store(bytesOf(t, stream.Commit{OrderID: j.Order.ID, SHA256: digest[:]})).SW; sw != tc.sw {
				t.Errorf("commit: %v, expected %v", sw, tc.sw)
			}
			if sw := k.Store(stream.Page(0)).SW; sw != tc.sw {
				t.Errorf("a page of the attestation: %v, expected %v", sw, tc.sw)
			}
		})
	}
}

// received gives the program what it keeps until the session ends: the attestation of a job, and all its sealed bytes.
func (k *Inside) received(t *testing.T, j *Job) {
	t.Helper()
	o, digest := j.Order, sha256.Sum256(j.Sealed)
	for _, data := range [][]byte{
		bytesOf(t, stream.Generate{OrderID: o.ID, Slot: o.Slot, Purpose: uint64(o.Purpose), Challenge: o.Challenge}),
		bytesOf(t, stream.Begin{OrderID: o.ID, Length: uint64(len(j.Sealed)), SHA256: digest[:]}),
		apdu.AppendTLV(nil, stream.TagSealed, j.Sealed),
	} {
		if r := k.Store(data); r.SW != apdu.OK {
			t.Fatalf("receiving: %v", r.SW)
		}
	}
}

func bytesOf(t *testing.T, o interface{ Object() ([]byte, error) }) []byte {
	t.Helper()
	data, err := o.Object()
	if err != nil {
		t.Fatal(err)
	}
	return data
}
