package provisioning

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"

	"mobileid/mdoc/cose"
)

// MaxReceipt bounds a whole receipt in bytes, so that it fits one short APDU response under secure messaging. The
// largest that can be made has 203 bytes.
const MaxReceipt = 230

// ReceiptKind says what a secure element did.
type ReceiptKind uint64

// The kinds of receipts.
const (
	ReceiptCommitted ReceiptKind = 1
	ReceiptWiped     ReceiptKind = 2
)

// Receipt is the secure element's proof that it carried out an order, docs/provisioning.md, receipt.
//
//	receipt = {
//	  1: 1 / 2,            ; kind: committed, wiped
//	  2: bstr .size 16,    ; order id
//	  3: bstr .size 10,    ; secure element id
//	  4: 1..15,            ; slot; an order about all has a receipt of each place
//	  ? 5: bstr .size 32,  ; committed: SHA-256 of what was sealed: the IssuerSigned bytes, or the certificate set
//	  6: uint,             ; counter, rises with every receipt of the element
//	  ? 7: uint,           ; uses of the device key that was destroyed; absent when it was never used or there was none
//	  ? 8: 1 / 2           ; application: credential (also when absent), phone certificates
//	}
type Receipt struct {
	Kind    ReceiptKind `cbor:"1,keyasint"`
	OrderID []byte      `cbor:"2,keyasint"`
	SEID    []byte      `cbor:"3,keyasint"`
	Slot    uint64      `cbor:"4,keyasint"`
	Digest  []byte      `cbor:"5,keyasint,omitempty"`
	Counter uint64      `cbor:"6,keyasint"`
	KeyUses uint64      `cbor:"7,keyasint,omitempty"`

	Application Application `cbor:"8,keyasint,omitempty"`
}

// SignedReceipt is a well-formed receipt that nobody has verified yet.
type SignedReceipt struct {
	message *cose.Sign1
	claimed Receipt
}

// SignReceipt signs with the secure element's attestation key. It carries no certificate: the issuer kept the key from
// the attestation.
func SignReceipt(signer crypto.Signer, r Receipt) ([]byte, error) {
	raw, err := sign(signer, nil, &r)
	if err != nil {
		return nil, err
	}
	if len(raw) > MaxReceipt {
		return nil, fmt.Errorf("signing receipt: %d bytes, more than %d; the attestation key must be on P-256", len(raw), MaxReceipt)
	}
	return raw, nil
}

// ParseReceipt reads a receipt of at most [MaxReceipt] bytes.
func ParseReceipt(raw []byte) (*SignedReceipt, error) {
	if len(raw) > MaxReceipt {
		return nil, fmt.Errorf("decoding receipt: %d bytes, more than %d", len(raw), MaxReceipt)
	}
	s := &SignedReceipt{}
	m, err := parse(raw, &s.claimed)
	if err != nil {
		return nil, err
	}
	s.message = m
	return s, nil
}

// Claimed gives what the receipt says, unverified: enough to look up the order and with it the key.
func (s *SignedReceipt) Claimed() Receipt { return s.claimed }

// Verify checks the signature with the key that the secure element attested with. Whether the receipt answers the order
// is for [Receipt.Answers], whether its counter rose for the caller.
func (s *SignedReceipt) Verify(seKey crypto.PublicKey) (*Receipt, error) {
	if err := s.message.Verify(seKey); err != nil {
		return nil, fmt.Errorf("verifying receipt: %w", err)
	}
	r := s.claimed
	return &r, nil
}

// Answers compares the receipt with the order it claims to answer; an error wraps [ErrMismatch]. No receipt answers a lock
// or an unlock. A wipe of all is answered by a receipt of each place, and this is one of them. For a committed credential
// the caller also compares Digest with what it sealed.
func (r *Receipt) Answers(o *Order) error {
	want, receipted := map[OrderKind]ReceiptKind{OrderProvision: ReceiptCommitted, OrderWipe: ReceiptWiped}[o.Kind]
	switch {
	case !receipted || r.Kind != want:
		return fmt.Errorf("%w: kind", ErrMismatch)
	case !bytes.Equal(r.OrderID, o.ID):
		return fmt.Errorf("%w: order id", ErrMismatch)
	case !bytes.Equal(r.SEID, o.SEID):
		return fmt.Errorf("%w: secure element id", ErrMismatch)
	case o.Slot != 0 && r.Slot != o.Slot:
		return fmt.Errorf("%w: slot", ErrMismatch)
	case o.Slot != 0 && r.Application.orCredential() != o.Application.orCredential():
		return fmt.Errorf("%w: application", ErrMismatch)
	default:
		return nil
	}
}

func (r *Receipt) kind() (name, messageType string) { return "receipt", typeReceipt }

func (r *Receipt) validate() error {
	if err := checkLengths(length{"order id", r.OrderID, orderIDLength}, length{"secure element id", r.SEID, seIDLength}); err != nil {
		return err
	}
	if r.Slot < 1 || r.Slot > maxSlot {
		return fmt.Errorf("slot %d, expected 1 to %d", r.Slot, maxSlot)
	}
	if err := checkApplication(r.Application, r.Slot); err != nil {
		return err
	}
	switch r.Kind {
	case ReceiptCommitted:
		return checkLengths(length{"digest", r.Digest, digestLength})
	case ReceiptWiped:
		if len(r.Digest) != 0 {
			return errors.New("a digest of what was wiped")
		}
		return nil
	default:
		return fmt.Errorf("kind %d is not known", r.Kind)
	}
}
