package stream

import (
	"bytes"
	"fmt"
)

// MaxSlot is the highest credential slot of a secure element; the lowest is 1.
const MaxSlot = 15

// LoadFileAID names the load file of the credential applet. It is of the proprietary kind (F0…, without a
// registered provider), ISO/IEC 7816-5:2004, 8.2.
func LoadFileAID() []byte { return []byte{0xF0, 'M', 'I', 'D', 'M', 'D', 'O', 'C'} }

// ModuleAID names the one module in the load file.
func ModuleAID() []byte { return append(LoadFileAID(), 0x01) }

// InstanceAID names the applet instance of a credential slot: the load file's AID and the slot number.
func InstanceAID(slot byte) []byte { return append(LoadFileAID(), slot) }

// SlotOf gives the slot of an instance AID, and an error for any AID that is not one of slots 1 to MaxSlot.
func SlotOf(aid []byte) (byte, error) {
	n := len(LoadFileAID())
	if len(aid) != n+1 || !bytes.Equal(aid[:n], LoadFileAID()) || aid[n] < 1 || aid[n] > MaxSlot {
		return 0, fmt.Errorf("reading slot: %X is no instance AID of this applet", aid[:min(len(aid), 16)])
	}
	return aid[n], nil
}
