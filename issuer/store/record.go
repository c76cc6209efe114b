package store

import "time"

// TransactionState is how far a wallet's transaction has come. After Ordered the credential's row tells the rest.
type TransactionState string

// The states of a transaction.
const (
	Begun    TransactionState = "open"     // challenge given out
	Redeemed TransactionState = "redeemed" // challenge used up, evidence being judged
	Failed   TransactionState = "failed"   // evidence refused
	Ordered  TransactionState = "ordered"  // order placed
)

// Transaction is one wallet's attempt.
type Transaction struct {
	ID        string           `json:"id"`
	TokenHash []byte           `json:"token_hash"` // SHA-256; the token itself is not kept
	Challenge []byte           `json:"challenge"`
	ExpiresAt time.Time        `json:"expires_at"`
	State     TransactionState `json:"state"`
	OrderID   string           `json:"order_id,omitempty"`
}

// Order is what the TSM was asked to do for a device.
type Order struct {
	ID            string    `json:"id"` // hex
	TransactionID string    `json:"transaction_id"`
	Subject       string    `json:"subject"` // keyed hash
	Device        string    `json:"device"`  // keyed hash
	DocType       string    `json:"doc_type"`
	Slot          uint64    `json:"slot"`
	Purpose       uint64    `json:"purpose"`
	Challenge     []byte    `json:"challenge"` // to be found in the attestation
	NotAfter      time.Time `json:"not_after"`
	Epoch         uint64    `json:"epoch"` // the device's, when the order was placed
}

// Place is where the SE makes the keys of the order.
func (o Order) Place() Place { return Place{Phone: o.DocType == PhoneCertificates, Slot: o.Slot} }

// State is the state of a credential. Expiry is not a state; time tells it.
type State string

// The states of a credential, in the order of its life.
const (
	Reserved  State = "reserved"  // row and index exist, no signature known
	Signed    State = "signed"    // signature made, not released
	Delivered State = "delivered" // released to the TSM, sealed
	Active    State = "active"    // the SE said that it holds it
	Suspended State = "suspended" // stopped, may come back
	Revoked   State = "revoked"   // final
)

// Reason says why a row was revoked. It is for the issuer's own use and never published: a cause can be personal data.
type Reason string

// Reasons follow the four of the certificate service (CRLReason names), and one of our own.
const (
	AffiliationChanged   Reason = "affiliationChanged"
	CessationOfOperation Reason = "cessationOfOperation"
	Superseded           Reason = "superseded"
	CertificateHold      Reason = "certificateHold"
	Abandoned            Reason = "abandoned" // never released: the issuance did not end
)

// Credential is the row of one credential.
type Credential struct {
	ID          string    `json:"id"`
	Sequence    uint64    `json:"sequence"` // rises; a younger row has a greater one
	OrderID     string    `json:"order_id"`
	Subject     string    `json:"subject"`
	Device      string    `json:"device"`
	DocType     string    `json:"doc_type"`
	Slot        uint64    `json:"slot"`
	Purpose     uint64    `json:"purpose"`
	Index       uint64    `json:"index"` // in the status list
	Epoch       uint64    `json:"epoch"`
	DeviceKey   []byte    `json:"device_key"` // SHA-256 of the COSE_Key
	State       State     `json:"state"`
	Reason      Reason    `json:"reason,omitempty"`
	Digest      []byte    `json:"digest,omitempty"` // SHA-256 of the IssuerSigned bytes
	Counter     uint64    `json:"counter,omitempty"`
	Signed      time.Time `json:"signed"` // as the MSO says it
	ValidUntil  time.Time `json:"valid_until"`
	Substituted bool      `json:"substituted,omitempty"` // the name holds a substitute character
	ChangedAt   time.Time `json:"changed_at"`
	Hold        Hold      `json:"hold,omitempty"` // who holds a suspended row

	// Phone is set when the row is of phone certificates; such a row has no place in the status list.
	Phone *PhoneSet `json:"phone,omitempty"`
}

// PhoneCertificates is the DocType of orders and rows of phone certificates (スマホ用電子証明書).
const PhoneCertificates = "phone-certificates"

// PhoneSet is what a row of phone certificates has beside the others: the serial numbers of the two certificates, and which certificate of the
// card they rest on.
type PhoneSet struct {
	Signature      uint64 `json:"signature"`
	Authentication uint64 `json:"authentication"`
	// Card names the card's signature certificate, sealed under a key of the issuer's: a serial number follows a person.
	Card []byte `json:"card"`
	// WipeID is the order to empty the application, WipedAt when the element said that it is. WipeUpTo is the youngest row of all when it was
	// ordered: the keys of that row and of those before it were made before, and end with it.
	WipeID   string    `json:"wipe_id,omitempty"`
	WipeUpTo uint64    `json:"wipe_up_to,omitempty"`
	WipedAt  time.Time `json:"wiped_at,omitzero"`
}

// Hold says who holds a suspended row; it comes back when nobody does any more.
type Hold uint8

// The holders, as bits.
const (
	HoldDesk Hold = 1 // an operator's word
	HoldCard Hold = 2 // the card's certificate is on hold
)

// PhoneChange is a change of the status of phone certificates.
type PhoneChange struct {
	// Reason is CertificateHold for a hold, and else final.
	Reason Reason
	By     Hold // of a hold
	At     time.Time
	// Order, if it has a body, goes into the outbox with the change: to lock the application with a hold, to empty it with a final change.
	Order Message
}

// Reservation asks for a row.
type Reservation struct {
	ID          string
	OrderID     string
	DeviceKey   []byte // SHA-256 of the COSE_Key, 32 bytes
	Signed      time.Time
	ValidUntil  time.Time
	Substituted bool
	At          time.Time
	// Index maps the durable counter to a position in the list; it is a bijection on 0..Limit-1.
	Index func(counter uint64) uint64
	Limit uint64
	// Phone is set for phone certificates, which take no index.
	Phone *PhoneSet
}

// Activation is a verified receipt of the SE for a committed credential.
type Activation struct {
	OrderID string
	Device  string
	Slot    uint64
	Digest  []byte
	Counter uint64
	At      time.Time
}

// WipeOrder is an order to empty an SE, and the places that it wants a receipt for.
type WipeOrder struct {
	Body   []byte // as signed
	Places []Place
}

// Wipe is a verified receipt of the SE for a wipe order.
type Wipe struct {
	OrderID string
	Device  string
	Place   Place // what was emptied
	Counter uint64
	At      time.Time
	Receipt []byte // as the SE signed it; filed
}

// Place is where a secure element holds something: a slot of the credential application, or the phone certificates.
type Place struct {
	Phone bool   `json:"phone,omitempty"`
	Slot  uint64 `json:"slot"`
}

// Place is where the SE holds what the row stands for.
func (c Credential) Place() Place { return Place{Phone: c.Phone != nil, Slot: c.Slot} }

// Device is what is known of a secure element.
type Device struct {
	Epoch    uint64    `json:"epoch"`
	SEKey    []byte    `json:"se_key,omitempty"` // COSE_Key the SE signs receipts with
	Ordered  bool      `json:"ordered"`          // something was ordered since the last handover
	WipeID   string    `json:"wipe_id,omitempty"`
	Places   []Place   `json:"places,omitempty"` // that the SE attested keys in since it said that they are empty
	Handover *Handover `json:"handover,omitempty"`
}

// Handover records that a device changed hands.
type Handover struct {
	ID          string    `json:"id"`
	Device      string    `json:"device"`
	At          time.Time `json:"at"`
	Operator    string    `json:"operator"`
	Reason      Reason    `json:"reason"`
	Credentials uint64    `json:"credentials"` // how many rows it revoked that were not revoked before
	WipeOrderID string    `json:"wipe_order_id"`
	WipeUntil   time.Time `json:"wipe_until"` // end of the wipe order
	Receipt     []byte    `json:"receipt,omitempty"`
	// ErasedAt is when the last place of the device had its verified receipt for the wipe order, zero before; Erased are those receipts, one for
	// each place.
	ErasedAt time.Time `json:"erased_at,omitzero"`
	Erased   [][]byte  `json:"erased,omitempty"`
}

// StatusSnapshot lists the positions that must not read as valid.
type StatusSnapshot struct {
	Version uint64
	Set     []uint64
}

// Message is a signed order that waits for the TSM.
type Message struct {
	Sequence uint64    `json:"-"`      // its place in the outbox
	Device   string    `json:"device"` // that it is about; the store fills it in
	OrderID  string    `json:"order_id"`
	Body     []byte    `json:"body"`
	NotAfter time.Time `json:"not_after"` // the order's own; after it there is no use in sending
}
