package provisioning

import (
	"crypto"
	"errors"
	"fmt"
	"slices"
	"time"

	"mobileid/mdoc/cbor"
)

// OrderKind says what a secure element is to do.
type OrderKind uint64

// The kinds of orders.
const (
	OrderProvision OrderKind = 1
	OrderWipe      OrderKind = 2
	OrderLock      OrderKind = 3 // the credential cannot be used until it is unlocked; nothing is lost
	OrderUnlock    OrderKind = 4
)

// Application says which of an element's applications an order, attestation or receipt is about.
type Application uint64

// The applications. An absent one is ApplicationCredential.
const (
	ApplicationCredential        Application = 1 // a document of ISO/IEC 18013-5 in a slot
	ApplicationPhoneCertificates Application = 2 // スマホ用電子証明書, in slot 1 of its own
)

// phoneSlot is the only slot of the phone certificates.
const phoneSlot = 1

// orCredential is the application meant by a member that may be absent.
func (a Application) orCredential() Application {
	if a == 0 {
		return ApplicationCredential
	}
	return a
}

// checkApplication refuses an application that is not known, and phone certificates outside their slot.
func checkApplication(a Application, slot uint64) error {
	switch a.orCredential() {
	case ApplicationCredential:
		return nil
	case ApplicationPhoneCertificates:
		if slot != phoneSlot {
			return fmt.Errorf("phone certificates in slot %d, expected %d", slot, phoneSlot)
		}
		return nil
	default:
		return fmt.Errorf("application %d is not known", a)
	}
}

// Order is the issuer's instruction about one secure element, docs/provisioning.md, order.
//
//	order = {
//	  1: bstr .size 16,    ; id, random, never used twice
//	  2: 1 / 2 / 3 / 4,    ; kind: provision, wipe, lock, unlock
//	  3: bstr .size 10,    ; secure element id
//	  4: 0..15,            ; slot; 0 means all slots of all applications, and never stands in a provision
//	  ? 5: 1 / 2,          ; provision: purpose of the device key: sign, MAC
//	  ? 6: bstr .size 32,  ; provision: challenge, random, to be attested
//	  7: tdate,            ; not to be carried out after
//	  ? 8: 1 / 2,          ; application: credential (also when absent), phone certificates (slot 1, purpose sign)
//	  ? 9: [1*16 place]    ; wipe of slot 0: the places the issuer wants a receipt for, each once, be they found empty
//	}
//	place = [1 / 2, 1..15] ; application, slot
type Order struct {
	ID        []byte     `cbor:"1,keyasint"`
	Kind      OrderKind  `cbor:"2,keyasint"`
	SEID      []byte     `cbor:"3,keyasint"`
	Slot      uint64     `cbor:"4,keyasint"`
	Purpose   Purpose    `cbor:"5,keyasint,omitempty"`
	Challenge []byte     `cbor:"6,keyasint,omitempty"`
	NotAfter  cbor.TDate `cbor:"7,keyasint"`

	Application Application `cbor:"8,keyasint,omitempty"`
	Places      []Place     `cbor:"9,keyasint,omitempty"`
}

// Place is where an element holds a credential or the phone certificates, docs/provisioning.md, place.
type Place struct {
	_           struct{} `cbor:",toarray"`
	Application Application
	Slot        uint64
}

// maxPlaces is every slot, and the phone certificates.
const maxPlaces = maxSlot + 1

// checkPlaces refuses places in an order that is not to empty everything, and what is no place, or one twice.
func (o *Order) checkPlaces() error {
	if len(o.Places) > 0 && (o.Kind != OrderWipe || o.Slot != 0) {
		return errors.New("places in an order that is not a wipe of slot 0")
	}
	if len(o.Places) > maxPlaces {
		return fmt.Errorf("%d places, expected up to %d", len(o.Places), maxPlaces)
	}
	for i, p := range o.Places {
		if p.Application == 0 {
			return errors.New("place without an application")
		}
		if err := checkApplication(p.Application, p.Slot); err != nil {
			return err
		}
		if p.Slot < 1 || p.Slot > maxSlot {
			return fmt.Errorf("place in slot %d, expected 1 to %d", p.Slot, maxSlot)
		}
		if slices.Contains(o.Places[:i], p) {
			return errors.New("a place twice")
		}
	}
	return nil
}

// SignOrder signs an order with the issuer's order key. An order that breaks the CDDL is an error.
func SignOrder(signer crypto.Signer, o Order) ([]byte, error) {
	return sign(signer, nil, &o)
}

// VerifyOrder reads an order and checks its signature with the issuer's order key and its notAfter; past it the error
// is [ErrExpired]. Whether the order was carried out before is the caller's to know, by its ID.
func VerifyOrder(raw []byte, pub crypto.PublicKey, at time.Time) (*Order, error) {
	var o Order
	m, err := parse(raw, &o)
	if err != nil {
		return nil, fmt.Errorf("verifying order: %w", err)
	}
	if err := m.Verify(pub); err != nil {
		return nil, fmt.Errorf("verifying order: %w", err)
	}
	if at.After(o.NotAfter.Time()) {
		return nil, fmt.Errorf("verifying order: %w", ErrExpired)
	}
	return &o, nil
}

func (o *Order) kind() (name, messageType string) { return "order", typeOrder }

func (o *Order) validate() error {
	if err := checkLengths(length{"order id", o.ID, orderIDLength}, length{"secure element id", o.SEID, seIDLength}); err != nil {
		return err
	}
	if o.NotAfter.Time().IsZero() {
		return errors.New("notAfter missing")
	}
	if err := errors.Join(checkApplication(o.Application, o.Slot), o.checkPlaces()); err != nil {
		return err
	}
	switch o.Kind {
	case OrderProvision:
		if o.Slot < 1 || o.Slot > maxSlot {
			return fmt.Errorf("slot %d, expected 1 to %d", o.Slot, maxSlot)
		}
		if !o.Purpose.valid() {
			return fmt.Errorf("purpose %d is not known", o.Purpose)
		}
		if o.Application == ApplicationPhoneCertificates && o.Purpose != PurposeSign {
			return errors.New("phone certificates for another purpose than to sign")
		}
		return checkLengths(length{"challenge", o.Challenge, challengeLength})
	case OrderWipe, OrderLock, OrderUnlock:
		if o.Slot > maxSlot {
			return fmt.Errorf("slot %d, expected 0 to %d", o.Slot, maxSlot)
		}
		if o.Purpose != 0 || len(o.Challenge) != 0 {
			return errors.New("purpose or challenge in an order that makes no key")
		}
		return nil
	default:
		return fmt.Errorf("kind %d is not known", o.Kind)
	}
}
