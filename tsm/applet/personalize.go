package applet

import (
	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
)

// program is the instance as its stream sees it.
type program struct{ *instance }

// Refuses tells that the instance is locked.
func (a program) Refuses() bool { return a.p.Locked() }

// StoreData takes a block of the stream; see package stream for how blocks repeat and what a gap does.
func (a *instance) StoreData(b gp.Block) apdu.Response { return a.stream.Block(b) }

// EndPersonalization drops what was received and not committed.
func (a *instance) EndPersonalization() { a.stream.End() }
