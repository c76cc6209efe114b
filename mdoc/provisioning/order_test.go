package provisioning_test

import (
	"bytes"
	"crypto/elliptic"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"mobileid/mdoc/cose"
	"mobileid/mdoc/provisioning"
)

// unhex joins hex lines; what follows a semicolon is a comment.
func unhex(tb testing.TB, lines string) []byte {
	tb.Helper()
	var clean strings.Builder
	for line := range strings.Lines(lines) {
		code, _, _ := strings.Cut(line, ";")
		clean.WriteString(strings.Join(strings.Fields(code), ""))
	}
	b, err := hex.DecodeString(clean.String())
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// TestOrderBytes holds an order against bytes put together by hand from the CDDL.
func TestOrderBytes(t *testing.T) {
	w := newWorld(t)
	protected := unhex(t, `
		a2         ; map of 2
		01 26      ; alg ES256
		10 78 1f   ; type, text of 31
		6170706c69636174696f6e2f6d6f62696c6569642d6f726465722b636f7365 ; application/mobileid-order+cose
	`)
	payload := unhex(t, `
		a7                                       ; map of 7
		01 50 6f726465722d69642d31366279746573   ; id
		02 01                                    ; provision
		03 4a 656c656d656e742d3031               ; secure element id
		04 01                                    ; slot 1
		05 01                                    ; sign
		06 58 20 6368616c6c656e6765206f66207468697274792d74776f2062797465732e2e2e ; challenge
		07 c0 74 323032372d30312d31355430343a30303a30305a ; 2027-01-15T04:00:00Z
	`)
	m, err := cose.ParseSign1(w.signedOrder(order()))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(m.Payload(), payload) {
		t.Errorf("payload\n%x, expected\n%x", m.Payload(), payload)
	}
	structure := m.SigStructure(payload)
	if !bytes.Contains(structure, protected) {
		t.Errorf("protected header is not\n%x in\n%x", protected, structure)
	}
}

// TestWipeBytes holds an order that names places against bytes put together by hand from the CDDL.
func TestWipeBytes(t *testing.T) {
	w := newWorld(t)
	payload := unhex(t, `
		a6                                       ; map of 6
		01 50 6f726465722d69642d31366279746573   ; id
		02 02                                    ; wipe
		03 4a 656c656d656e742d3031               ; secure element id
		04 00                                    ; all slots
		07 c0 74 323032372d30312d31355430343a30303a30305a ; 2027-01-15T04:00:00Z
		09 82 82 01 0f 82 02 01                  ; a receipt of slot 15, and of the phone certificates
	`)
	m, err := cose.ParseSign1(w.signedOrder(wipeOf(credentialIn(15), phonePlace)))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(m.Payload(), payload) {
		t.Errorf("payload\n%x, expected\n%x", m.Payload(), payload)
	}
	if _, err := provisioning.SignOrder(w.orderKey, wipeOf(everyPlace()...)); err != nil {
		t.Errorf("every place there is: %v", err)
	}
}

func TestVerifyOrder(t *testing.T) {
	w := newWorld(t)
	for name, o := range map[string]provisioning.Order{"provision": order(), "wipe": wipe(), "wipe that names places": wipeOf(credentialIn(15), phonePlace),
		"lock of all": plain(provisioning.OrderLock, 0), "unlock of one": plain(provisioning.OrderUnlock, 3)} {
		t.Run(name, func(t *testing.T) {
			got, err := provisioning.VerifyOrder(w.signedOrder(o), w.orderKey.Public(), now)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.ID, o.ID) || got.Kind != o.Kind || !bytes.Equal(got.SEID, o.SEID) || got.Slot != o.Slot ||
				got.Purpose != o.Purpose || !bytes.Equal(got.Challenge, o.Challenge) || got.NotAfter != o.NotAfter || !slices.Equal(got.Places, o.Places) {
				t.Error("another order came out")
			}
		})
	}
	raw := w.signedOrder(order())
	if _, err := provisioning.VerifyOrder(raw, w.orderKey.Public(), now.Add(time.Hour)); err != nil {
		t.Errorf("refused in its last second: %v", err)
	}
	if _, err := provisioning.VerifyOrder(raw, w.orderKey.Public(), now.Add(time.Hour+time.Second)); !errors.Is(err, provisioning.ErrExpired) {
		t.Errorf("error %v, expected ErrExpired", err)
	}
	if _, err := provisioning.VerifyOrder(raw, w.seKey.Public(), now); !errors.Is(err, cose.ErrSignature) {
		t.Errorf("error %v, expected ErrSignature", err)
	}
	if _, err := provisioning.VerifyOrder(raw, newKey(t, elliptic.P384()).Public(), now); err == nil {
		t.Error("verified with a key on another curve")
	}
}

// TestOrderEveryBit flips each bit: none may verify.
func TestOrderEveryBit(t *testing.T) {
	w := newWorld(t)
	raw := w.signedOrder(order())
	for i := range 8 * len(raw) {
		changed := bytes.Clone(raw)
		changed[i/8] ^= 1 << (i % 8)
		if _, err := provisioning.VerifyOrder(changed, w.orderKey.Public(), now); err == nil {
			t.Fatalf("bit %d of byte %d may change", i%8, i/8)
		}
	}
	for n := range raw {
		if _, err := provisioning.VerifyOrder(raw[:n], w.orderKey.Public(), now); err == nil {
			t.Fatalf("cut to %d bytes it still verifies", n)
		}
	}
}

func TestSignOrderRefuses(t *testing.T) {
	w := newWorld(t)
	for name, change := range map[string]func(o *provisioning.Order){
		"id of 15 bytes":        func(o *provisioning.Order) { o.ID = o.ID[:15] },
		"element of 11 bytes":   func(o *provisioning.Order) { o.SEID = make([]byte, 11) },
		"slot 0":                func(o *provisioning.Order) { o.Slot = 0 },
		"slot 16":               func(o *provisioning.Order) { o.Slot = 16 },
		"no purpose":            func(o *provisioning.Order) { o.Purpose = 0 },
		"purpose 3":             func(o *provisioning.Order) { o.Purpose = 3 },
		"challenge of 31 bytes": func(o *provisioning.Order) { o.Challenge = o.Challenge[:31] },
		"no challenge":          func(o *provisioning.Order) { o.Challenge = nil },
		"no kind":               func(o *provisioning.Order) { o.Kind = 0 },
		"kind 5":                func(o *provisioning.Order) { o.Kind = 5 },
		"wipe with challenge":   func(o *provisioning.Order) { o.Kind = provisioning.OrderWipe; o.Purpose = 0 },
		"lock with purpose":     func(o *provisioning.Order) { o.Kind = provisioning.OrderLock; o.Challenge = nil },
		"unlock of slot 16":     func(o *provisioning.Order) { *o = plain(provisioning.OrderUnlock, 16) },
		"provision with places": func(o *provisioning.Order) { o.Places = []provisioning.Place{credentialIn(1)} },
		"lock with places": func(o *provisioning.Order) {
			*o = plain(provisioning.OrderLock, 0)
			o.Places = []provisioning.Place{credentialIn(1)}
		},
		"wipe of one, places": func(o *provisioning.Order) {
			*o = plain(provisioning.OrderWipe, 1)
			o.Places = []provisioning.Place{credentialIn(1)}
		},
		"a place twice":    func(o *provisioning.Order) { *o = wipeOf(credentialIn(2), phonePlace, credentialIn(2)) },
		"place in slot 0":  func(o *provisioning.Order) { *o = wipeOf(credentialIn(0)) },
		"place in slot 16": func(o *provisioning.Order) { *o = wipeOf(credentialIn(16)) },
		"phone in slot 2":  func(o *provisioning.Order) { *o = wipeOf(provisioning.Place{Application: 2, Slot: 2}) },
		"place of nothing": func(o *provisioning.Order) { *o = wipeOf(provisioning.Place{Slot: 1}) },
		"place of 3":       func(o *provisioning.Order) { *o = wipeOf(provisioning.Place{Application: 3, Slot: 1}) },
		"17 places":        func(o *provisioning.Order) { *o = wipeOf(append(everyPlace(), credentialIn(1))...) },
		"no time":          func(o *provisioning.Order) { o.NotAfter = provisioning.Order{}.NotAfter },
	} {
		t.Run(name, func(t *testing.T) {
			o := order()
			change(&o)
			if raw, err := provisioning.SignOrder(w.orderKey, o); err == nil || raw != nil {
				t.Error("signed all the same")
			}
		})
	}
}
