package setest

import (
	"mobileid/mdoc/apdu"
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
