package se

import (
	"encoding/binary"
	"errors"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
	"mobileid/tsm/se/nvm"
)

// A Tx collects changes that hold together or not at all.
type Tx struct {
	p       *Platform
	changes []nvm.Change
	after   []func()
}

// Store puts an object in place; the former one of that name is forgotten, and not destroyed.
func (t *Tx) Store(name string, value []byte) {
	t.change(name, append([]byte{}, value...), false)
}

// Replace is Store that destroys the former object.
func (t *Tx) Replace(name string, value []byte) {
	t.change(name, append([]byte{}, value...), true)
}

// Erase destroys an object. An absent one is no error.
func (t *Tx) Erase(name string) { t.change(name, nil, true) }

func (t *Tx) change(name string, value []byte, scrub bool) {
	t.changes = append(t.changes, nvm.Change{Key: objectKey(t.p.aid, name), Value: value, Scrub: scrub})
}

// RaiseReceiptCounter gives the element-wide number for the next receipt and stores it with this transaction. It is called
// once in a transaction.
func (t *Tx) RaiseReceiptCounter() uint64 {
	next := t.p.se.receiptCounter() + 1
	t.changes = append(t.changes, nvm.Change{Key: keyReceipts, Value: binary.BigEndian.AppendUint64(nil, next)})
	return next
}

// SetLifeCycle changes the instance's own state (SELECTABLE, PERSONALIZED). It neither locks nor unlocks.
func (t *Tx) SetLifeCycle(state gp.State) {
	e, ok := t.p.se.entry(t.p.aid)
	if !ok {
		return
	}
	e.state = state &^ gp.StateLocked
	t.changes = append(t.changes, nvm.Change{Key: registryKey(t.p.aid), Value: e.encode()})
	t.after = append(t.after, func() { t.p.se.registry[e.aid] = e })
}

// SetCardState locks or terminates the card, which takes the privilege for it (Card Lock, Card Terminate); false changes
// nothing. An application cannot unlock: nothing of it runs on a locked card.
func (t *Tx) SetCardState(next gp.CardState) bool {
	needed := gp.CardLock
	if next == gp.CardTerminated {
		needed = gp.CardTerminate
	}
	s := t.p.se
	e, _ := s.entry(t.p.aid)
	if next != gp.CardLocked && next != gp.CardTerminated || !e.privileges.Has(needed) || !s.cardState.CanBecome(next) {
		return false
	}
	t.changes = append(t.changes, nvm.Change{Key: keyCardState, Value: []byte{byte(next)}})
	t.after = append(t.after, func() { s.enter(next) })
	return true
}

// Commit carries the transaction out. After an error other than a full memory the element is dead.
func (t *Tx) Commit() error {
	if err := t.p.se.mem.Commit(t.changes...); err != nil {
		return err
	}
	for _, do := range t.after {
		do()
	}
	return nil
}

// StatusOf is the status word for the outcome of Commit: 9000, 6A84 for a full memory, 6581 otherwise.
func StatusOf(err error) apdu.SW {
	switch {
	case err == nil:
		return apdu.OK
	case errors.Is(err, nvm.ErrFull):
		return apdu.NoSpace
	default:
		return apdu.MemoryFailure
	}
}
