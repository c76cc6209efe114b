package store

import (
	"context"
	"errors"
	"time"
)

// The answers callers branch on. Every other error means that the store could not do its work.
var (
	ErrNotFound    = errors.New("no such record")
	ErrExists      = errors.New("record exists already")
	ErrExpired     = errors.New("record has expired")
	ErrRedeemed    = errors.New("challenge was redeemed before")
	ErrState       = errors.New("record is not in a state that allows this")
	ErrRevoked     = errors.New("credential is revoked")
	ErrEpoch       = errors.New("revocation epoch of the device has moved")
	ErrPlaces      = errors.New("device may hold something in a place that the order does not name")
	ErrWipePending = errors.New("device is to be emptied first")
	ErrKeyReused   = errors.New("device key belongs to another order")
	ErrRollback    = errors.New("receipt counter was used before")
	ErrMismatch    = errors.New("receipt does not match the row")
	ErrListFull    = errors.New("every status index is given out")
	ErrClock       = errors.New("clock is behind what was recorded")
	ErrFull        = errors.New("too many open transactions")
	ErrSerial      = errors.New("serial number was given out before")
)

// ClockTolerance is how far the clock may lie behind the latest recorded time before Reserve refuses.
const ClockTolerance = 5 * time.Minute

// Store is the issuer's memory. See the package comment for what every implementation must do. Implementations are
// safe for concurrent use.
type Store interface {
	Transactions
	Credentials
	Devices
	Phones
	Outbox

	// Recover is called once, after opening and before serving: every row still Reserved or Signed belongs to an
	// issuance that died with its process, was never released, and becomes Revoked. It tells how many.
	Recover(ctx context.Context, at time.Time) (burnt int, err error)
	// Purge deletes transactions that expired before at, with orders that never led to a row.
	Purge(ctx context.Context, at time.Time) (deleted int, err error)
	// Ready tells whether the store can write, by writing.
	Ready(ctx context.Context, at time.Time) error
	Close() error
}

// Transactions is the part that remembers a wallet's way to an order.
type Transactions interface {
	// Begin records an open transaction; ErrFull when limit transactions are recorded, 0 meaning no limit.
	Begin(ctx context.Context, t Transaction, limit int) error
	Transaction(ctx context.Context, id string) (Transaction, error)
	// Redeem uses up the challenge of an open transaction, before the evidence over it is judged. ErrRedeemed the
	// second time, ErrExpired at or after its end.
	Redeem(ctx context.Context, id string, at time.Time) (Transaction, error)
	// Fail ends a redeemed transaction whose evidence was refused.
	Fail(ctx context.Context, id string) error
	// Reopen gives a redeemed transaction its challenge back, when nobody could tell whether its evidence holds. It may be redeemed
	// again until its end. ErrState unless it is redeemed.
	Reopen(ctx context.Context, id string) error
	// PlaceOrder records an order for a redeemed transaction and puts the signed order into the outbox. It fills in
	// the device's revocation epoch. ErrWipePending while the device waits to be emptied.
	PlaceOrder(ctx context.Context, o Order, signed []byte) (Order, error)
	Order(ctx context.Context, id string) (Order, error)
}

// Credentials is the part that remembers what is signed.
type Credentials interface {
	// Reserve makes the row and gives it an index: the next value of a durable counter, through r.Index. An earlier
	// row of the same order that was not activated becomes Revoked in the same transaction. ErrEpoch when the device
	// was revoked after the order; ErrKeyReused when the device key was seen under another order; ErrExpired when the
	// order's time is over; ErrState when a row of the order is active or was.
	Reserve(ctx context.Context, r Reservation) (Credential, error)
	// MarkSigned records the digest of the signed bytes: Reserved to Signed. A second time with any digest is
	// ErrState, so that a row never stands for two signatures.
	MarkSigned(ctx context.Context, id string, digest []byte, at time.Time) error
	// Release is the gate: Signed to Delivered if the device's epoch has not moved, else ErrEpoch and the row is
	// Revoked. Repeated on a Delivered row it checks again and changes nothing; ErrRevoked on a revoked one.
	Release(ctx context.Context, id string, at time.Time) error
	// Activate records the SE's receipt: Delivered to Active. Every other row of the same subject, document type and purpose on another device, and
	// every other of the same place on the same device, whatever its subject, becomes Revoked if it is not younger; so the receipt of one that
	// is older than what is active is answered with ErrRevoked. The SE holds something in that place from then on. A repeated receipt is
	// answered as the first.
	Activate(ctx context.Context, a Activation) (c Credential, superseded int, err error)
	Credential(ctx context.Context, id string) (Credential, error)
	// OfOrder returns the youngest row of an order.
	OfOrder(ctx context.Context, orderID string) (Credential, error)
	// Status returns what the published list must show, as of one instant.
	Status(ctx context.Context) (StatusSnapshot, error)
	// StatusVersion is the version Status would carry; it rises with each change of what the list must show.
	StatusVersion(ctx context.Context) (uint64, error)
}

// Devices is the part that remembers secure elements, by keyed hash.
type Devices interface {
	Device(ctx context.Context, device string) (Device, error)
	// BindSE records the public key the SE signs its receipts with, as COSE_Key bytes, from a verified attestation, and
	// that the SE has keys in a place. A device that waits to be emptied waits for no further place: the order that waits is about all.
	BindSE(ctx context.Context, device string, key []byte, p Place) error
	// RevokeDevice revokes every row of the device, moves its epoch and records the handover. If the SE attested or had a row
	// for anything that it did not say is gone, the wipe order goes into the outbox and the device waits to be emptied; otherwise
	// there is nothing in it and the record has no wipe order; ErrPlaces if the order leaves out a place on record, for which no receipt might come. When nothing was ordered for the device since the last handover it changes nothing and returns
	// that one with again true. ErrNotFound for a device that never had an order.
	RevokeDevice(ctx context.Context, h Handover, wipe WipeOrder) (recorded Handover, again bool, err error)
	// AttachReceipt keeps the signed receipt of a handover, so that asking again gives the same bytes.
	AttachReceipt(ctx context.Context, device, handoverID string, receipt []byte) error
	// SuspendDevice moves Active rows to Suspended and the epoch onward; rows not yet active become Revoked. If the desk did not hold all that are
	// suspended then before, the order to lock the SE goes into the outbox.
	SuspendDevice(ctx context.Context, device string, at time.Time, lock Message) (changed int, err error)
	// ResumeDevice ends the desk's hold on Suspended rows; those that nobody else holds are Active again. If there was any, the order to unlock the
	// SE goes into the outbox.
	ResumeDevice(ctx context.Context, device string, at time.Time, unlock Message) (changed int, err error)
	// Wiped records the SE's receipt for the wipe order of the last handover, or for an order to empty the phone certificates; ErrMismatch for
	// another order, or another place than the order's. An SE that is emptied place by place sends several for a handover: all are filed with it,
	// and with the last place on record the SE is empty and the device may be ordered for again. The receipt of an order to empty the phone
	// certificates is recorded with their rows. It empties their place only if no set may have come after (none that the SE committed later, and none
	// without its receipt that was reserved after the order), and none while the device waits for the wipe of its handover, which is to be carried
	// out first and has a receipt of its own for each place.
	Wiped(ctx context.Context, w Wipe) error
}

// A CertificateKind says which of a row's two phone certificates a serial number is of.
type CertificateKind string

// The kinds.
const (
	SignatureCertificate      CertificateKind = "signature"
	AuthenticationCertificate CertificateKind = "authentication"
)

// Phones is the part that remembers the status of phone certificates. Their rows are credentials; Reserve refuses a serial number that was given
// out before with ErrSerial.
type Phones interface {
	// OfSerial returns the row of a certificate; ErrNotFound when the number was never given out.
	OfSerial(ctx context.Context, kind CertificateKind, serial uint64) (Credential, error)
	// PhonesOf returns the rows of phone certificates of a device, oldest first.
	PhonesOf(ctx context.Context, device string) ([]Credential, error)
	// Listed returns the rows that a revocation list must show, as of one instant, and the version of that; it rises with each change.
	Listed(ctx context.Context) (version uint64, rows []Credential, err error)
	// ListedVersion is the version Listed would give.
	ListedVersion(ctx context.Context) (uint64, error)
	// ListNumber gives out the number of a revocation list: each call a greater one, and none under least, also after a restart.
	ListNumber(ctx context.Context, least uint64) (uint64, error)
	// Retire takes rows whose certificates have ended before at out of Listed and Live, and tells how many it found.
	Retire(ctx context.Context, at time.Time) (int, error)
	// Live returns at most limit rows of phone certificates after a sequence number that are neither revoked nor in the making, oldest first.
	Live(ctx context.Context, after uint64, limit int) ([]Credential, error)
	// ChangePhone changes the status of one row of phone certificates and tells whether that changed anything. A hold on a row that is not
	// active yet ends it. A revoked row stays as it is; if the SE may hold its certificates still and nothing was ordered to empty it, a final
	// change's order is queued, and the answer true.
	ChangePhone(ctx context.Context, id string, c PhoneChange) (changed bool, err error)
	// ReleasePhone ends one holder's hold on a row and tells whether that changed anything; then unlock, if it has a body, goes into the outbox.
	ReleasePhone(ctx context.Context, id string, by Hold, at time.Time, unlock Message) (changed bool, err error)
}

// Outbox holds signed orders until the TSM has taken them. Delivery is at least once; the TSM carries out an order at
// most once.
type Outbox interface {
	// Pending returns at most limit messages whose place is after the given one, oldest first.
	Pending(ctx context.Context, after uint64, limit int) ([]Message, error)
	// PendingFor returns at most limit messages about a device, oldest first, from the first that waits.
	PendingFor(ctx context.Context, device string, limit int) ([]Message, error)
	// Delivered removes one; unknown ids are no error.
	Delivered(ctx context.Context, orderID string) error
}
