package store

import (
	"slices"
	"time"
)

// Kind is what a job does to a secure element.
type Kind uint8

// The kinds, with the numbers of the order (provisioning.OrderKind); the last is
// the manager's own.
const (
	Provision Kind = 1
	Wipe      Kind = 2
	Lock      Kind = 3
	Unlock    Kind = 4
	Rekey     Kind = 128 // bring the element to another key set
)

var kindNames = map[Kind]string{Provision: "provision", Wipe: "wipe", Lock: "lock", Unlock: "unlock", Rekey: "rekey"}

// String is a bounded word, fit for a log attribute and a metric label.
func (k Kind) String() string {
	if name, ok := kindNames[k]; ok {
		return name
	}
	return "unknown"
}

// Urgent kinds take something away from whoever holds the phone, or give it back:
// they run before the others.
func (k Kind) Urgent() bool { return k == Wipe || k.switches() }

// switches tells that the kind sets a state, so that the latest order counts.
func (k Kind) switches() bool { return k == Lock || k == Unlock }

// State says whether a job is still to be worked on.
type State uint8

// The states. Queued and Parked are open; the others are final, but for a wipe whose refused receipts a release offers again.
const (
	Queued    State = iota + 1 // to be run, or settled with receipts to deliver
	Parked                     // not to be run until an operator releases it
	Done                       // carried out; its receipts are with the issuer
	Cancelled                  // overtaken by a wipe, or by a later lock or unlock
	Expired                    // its order's NotAfter passed
	Refused                    // the issuer or the element said no for good; of a wipe, to a receipt
)

// Open tells that the job may still change.
func (s State) Open() bool { return s == Queued || s == Parked }

var stateNames = [...]string{Queued: "queued", Parked: "parked", Done: "done", Cancelled: "cancelled", Expired: "expired", Refused: "refused"}

// String is a bounded word, fit for a log attribute and a metric label.
func (s State) String() string {
	if int(s) < len(stateNames) && stateNames[s] != "" {
		return stateNames[s]
	}
	return "unknown"
}

// Cursor says how far the script of a job got. It only ever rises.
type Cursor uint8

// A provisioning goes Ordered, Attested, Sealed, Committed; a wipe goes
// Ordered, Wiped, Cleared; a lock or unlock Ordered, Applied; a rekey Ordered,
// KeySent, KeyOpened, Rekeyed.
const (
	Ordered   Cursor = 0 // nothing is known to have happened on the element
	Attested  Cursor = 1 // Attestation is held; the issuer may have been asked
	Sealed    Cursor = 2 // Sealed is held; the element may have it already
	Committed Cursor = 3 // the element's receipt is held; Sealed was dropped
	Wiped     Cursor = 4 // receipts of every slot are held; instances may remain
	Cleared   Cursor = 5 // the element listed no instance any more
	Applied   Cursor = 6 // the element listed every instance in the state ordered
	KeySent   Cursor = 7 // the element may hold the new key set already
	KeyOpened Cursor = 8 // a session stood under the new set; the former may remain
	Rekeyed   Cursor = 9 // the element listed no key set but the new one
)

var cursorNames = [...]string{
	"ordered", "attested", "sealed", "committed", "wiped", "cleared", "applied", "key_sent", "key_opened", "rekeyed",
}

// String is a bounded word, fit for a log attribute.
func (c Cursor) String() string {
	if int(c) < len(cursorNames) {
		return cursorNames[c]
	}
	return "unknown"
}

// Job is an order and how far it got.
type Job struct {
	OrderID   string    `json:"order_id"`  // hex of the 16 bytes
	Digest    string    `json:"digest"`    // hex of SHA-256 over the signed order as received
	Kind      Kind      `json:"kind"`      //
	SEID      string    `json:"se_id"`     // hex of the 10 bytes, lower case
	Slot      byte      `json:"slot"`      // 1 to 15, 16 for the phone certificates; 0 is all of them, but not in a provisioning
	Places    []byte    `json:"places"`    // of a wipe of all: those that the issuer wants a receipt for, numbered as Slot
	Purpose   uint64    `json:"purpose"`   // of the device key; 0 but in a provisioning
	Challenge []byte    `json:"challenge"` // the issuer's; empty but in a provisioning
	NotAfter  time.Time `json:"not_after"` // the order's own limit

	KeyVersion byte `json:"key_version,omitempty"` // of the key set a rekey brings; 0 in other kinds

	State    State  `json:"state"`
	Cursor   Cursor `json:"cursor"`
	Reason   string `json:"reason,omitempty"`   // why it was parked or refused: a bounded word
	Attempts int    `json:"attempts,omitempty"` // runs the element or the issuer ended

	Attestation []byte    `json:"attestation,omitempty"` // as the element gave it
	Sealed      []byte    `json:"sealed,omitempty"`      // cipher text for the element, kept until its receipt is in
	Receipts    []Receipt `json:"receipts,omitempty"`

	Position uint64 `json:"position"` // place in the queue, set by the store
	Revision uint64 `json:"revision"` // set by the store, rises with each write
}

// Receipt is a receipt the element signed, and whether the issuer has it.
type Receipt struct {
	Slot      byte   `json:"slot"`
	Signed    []byte `json:"signed"`
	Delivered bool   `json:"delivered"`
	Refused   string `json:"refused,omitempty"` // the issuer's word for why it will not have it; empty when it was not refused
}

// Settled tells that the element's part is over and only the issuer's remains.
func (j Job) Settled() bool {
	switch j.Cursor {
	case Committed, Cleared, Applied, Rekeyed:
		return true
	default:
		return false
	}
}

// Owes tells that a receipt is held which the issuer is to have and has neither
// taken nor refused. A wipe owes nothing before every place listed has its receipt: they are
// handed over together.
func (j Job) Owes() bool {
	if j.Kind == Wipe && j.Cursor == Ordered {
		return false
	}
	for _, r := range j.Receipts {
		if !r.Delivered && r.Refused == "" {
			return true
		}
	}
	return false
}

// Contested tells that the issuer refused a receipt of a wipe. For want of it the
// issuer goes on taking the element for full, and the element cannot sign another: such
// a receipt is kept until it is taken, which is after a release if at all.
func (j Job) Contested() bool {
	if j.Kind != Wipe {
		return false
	}
	return slices.ContainsFunc(j.Receipts, func(r Receipt) bool { return r.Refused != "" })
}

// released is the job after an operator looked into what stopped it: it goes on, with no
// attempts counted, and what was refused of a wipe is owed again.
func (j Job) released() Job {
	if j.Contested() {
		j.Receipts = slices.Clone(j.Receipts)
		for i := range j.Receipts {
			j.Receipts[i].Refused = ""
		}
		if j.State == Refused {
			j.State = Queued
		}
	}
	if j.State == Parked {
		j.State = Queued
	}
	j.Reason, j.Attempts = "", 0
	return j
}

// overtakes tells whether this job, just ordered, makes an earlier one void: a
// wipe what would fill, lock or unlock a slot it empties, a lock or unlock the
// locks and unlocks before it, a rekey the rekeys before it.
func (j Job) overtakes(o Job) bool {
	switch {
	case j.SEID != o.SEID || j.Slot != 0 && j.Slot != o.Slot || o.Settled():
		return false
	case j.Kind == Wipe:
		return o.Kind == Provision || o.Kind.switches()
	case j.Kind == Rekey:
		return o.Kind == Rekey
	default:
		return j.Kind.switches() && o.Kind.switches()
	}
}
