package applet

import (
	"errors"

	"mobileid/tsm/applet/ledger"
	"mobileid/tsm/applet/stream"
	"mobileid/tsm/scp03"
	"mobileid/tsm/se"
)

// Version is the version of the applet as the attestation names it.
const Version = "1.1"

// Kind returns the applet program for se.Config.Applets.
func Kind() se.Kind { return kind{} }

type kind struct{}

func (kind) LoadFile() []byte { return stream.LoadFileAID() }
func (kind) Module() []byte   { return stream.ModuleAID() }
func (kind) Version() [2]byte { return [2]byte{1, 1} }

// Level is 33: personal data come no other way.
func (kind) Level() scp03.Level { return scp03.Full }

// Accept takes the AIDs of slots 1 to 15 and no parameters.
func (kind) Accept(instance, parameters []byte) error {
	if len(parameters) != 0 {
		return errors.New("installing instance: parameters where none are due")
	}
	_, err := stream.SlotOf(instance)
	return err
}

func (kind) New(p *se.Platform) se.Applet {
	slot, err := stream.SlotOf(p.Instance())
	if err != nil {
		slot = 0 // cannot be: Accept saw the AID. Slot 0 is in no order, so the instance takes none.
	}
	a := &instance{p: p, slot: slot, Ledger: ledger.Ledger{Platform: p}}
	a.receiver.Program = a
	return a
}
