package store

import "time"

// Kind is what a job does to a secure element.
type Kind uint8

// The kinds, with the numbers of the order (provisioning.OrderKind).
const (
	Provision Kind = 1
	Wipe      Kind = 2
)

// State says whether a job is still to be worked on.
type State uint8

// The states. Queued and Parked are open; the others are final.
const (
	Queued    State = iota + 1 // to be run, or settled with receipts to deliver
	Parked                     // not to be run until an operator releases it
	Done                       // carried out; its receipts are with the issuer
	Cancelled                  // overtaken by a wipe
	Expired                    // its order's NotAfter passed
	Refused                    // the issuer or the element said no for good
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
// Ordered, Wiped, Cleared.
const (
	Ordered   Cursor = 0 // nothing is known to have happened on the element
	Attested  Cursor = 1 // Attestation is held; the issuer may have been asked
	Sealed    Cursor = 2 // Sealed is held; the element may have it already
	Committed Cursor = 3 // the element's receipt is held; Sealed was dropped
	Wiped     Cursor = 4 // receipts of every slot are held; instances may remain
	Cleared   Cursor = 5 // the element listed no instance any more
)

var cursorNames = [...]string{"ordered", "attested", "sealed", "committed", "wiped", "cleared"}

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
	Slot      byte      `json:"slot"`      // 1 to 15, 16 for the phone certificates; 0 in a wipe is all of them
	Purpose   uint64    `json:"purpose"`   // of the device key; 0 in a wipe
	Challenge []byte    `json:"challenge"` // the issuer's; empty in a wipe
	NotAfter  time.Time `json:"not_after"` // the order's own limit

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
}

// Settled tells that the element's part is over and only the issuer's remains.
func (j Job) Settled() bool { return j.Cursor == Committed || j.Cursor == Cleared }

// Owes tells that a receipt is held which the issuer is to have and has not
// taken. A wipe owes nothing before every slot has its receipt: the issuer takes
// the first one for the whole element.
func (j Job) Owes() bool {
	if j.Kind == Wipe && j.Cursor == Ordered {
		return false
	}
	for _, r := range j.Receipts {
		if !r.Delivered {
			return true
		}
	}
	return false
}

// covers tells whether a wipe reaches the slot of another job.
func (j Job) covers(o Job) bool {
	return j.Kind == Wipe && o.Kind == Provision && j.SEID == o.SEID && (j.Slot == 0 || j.Slot == o.Slot)
}
