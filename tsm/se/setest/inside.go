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

// Received gives the program what it is to keep until the session ends: the attestation of a job, and all its sealed bytes. Then it does
// something, and tells how the commit is answered, and how a page of the attestation.
func (k *Inside) Received(tb testing.TB, j *Job, then func()) (commit, page apdu.SW) {
	tb.Helper()
	o, digest := j.Order, sha256.Sum256(j.Sealed)
	object := func(o interface{ Object() ([]byte, error) }) []byte {
		tb.Helper()
		data, err := o.Object()
		if err != nil {
			tb.Fatal(err)
		}
		return data
	}
	for _, data := range [][]byte{
		object(stream.Generate{OrderID: o.ID, Slot: o.Slot, Purpose: uint64(o.Purpose), Challenge: o.Challenge}),
		object(stream.Begin{OrderID: o.ID, Length: uint64(len(j.Sealed)), SHA256: digest[:]}),
		apdu.AppendTLV(nil, stream.TagSealed, j.Sealed),
	} {
		if r := k.Store(data); r.SW != apdu.OK {
			tb.Fatalf("receiving: %v", r.SW)
		}
	}
	then()
	commit = k.Store(object(stream.Commit{OrderID: o.ID, SHA256: digest[:]})).SW
	return commit, k.Store(stream.Page(0)).SW
}
