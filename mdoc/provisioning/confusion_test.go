package provisioning_test

import (
	"bytes"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/provisioning"
)

// TestNoMessagePassesForAnother gives every parser every message, all signed with one key.
func TestNoMessagePassesForAnother(t *testing.T) {
	w := newWorld(t)
	w.orderKey = w.seKey
	messages := map[string][]byte{
		"order":       w.signedOrder(order()),
		"attestation": w.signedAttestation(w.attestation()),
		"receipt":     w.signedReceipt(receipt()),
		"handover":    w.signedHandover(handover()),
		"phone":       w.signedPhoneAttestation(w.phoneAttestation()),
	}
	parsers := map[string]func(raw []byte) error{
		"order":       func(raw []byte) error { _, err := provisioning.VerifyOrder(raw, w.seKey.Public(), now); return err },
		"attestation": func(raw []byte) error { _, err := provisioning.ParseAttestation(raw); return err },
		"receipt":     func(raw []byte) error { _, err := provisioning.ParseReceipt(raw); return err },
		"handover":    func(raw []byte) error { _, err := provisioning.ParseHandoverReceipt(raw); return err },
		"phone":       func(raw []byte) error { _, err := provisioning.ParsePhoneAttestation(raw); return err },
	}
	for asked, parse := range parsers {
		for given, raw := range messages {
			t.Run(given+" as "+asked, func(t *testing.T) {
				err := parse(raw)
				if (err == nil) != (asked == given) {
					t.Errorf("error %v", err)
				}
				short := len(raw) <= provisioning.MaxReceipt
				if asked != given && (asked != "receipt" || short) && !errors.Is(err, provisioning.ErrType) {
					t.Errorf("error %v, expected ErrType", err)
				}
			})
		}
	}
}

// forge signs any payload under any headers, to reach the checks behind the signature.
func forge(tb testing.TB, key *ecdsa.PrivateKey, h cose.Headers, messageType any, payload []byte) []byte {
	tb.Helper()
	if messageType != nil {
		value, err := cbor.Marshal(messageType)
		if err != nil {
			tb.Fatal(err)
		}
		h.Protected = append(h.Protected, cbor.Entry[int64, cbor.RawMessage]{Key: 16, Value: value})
	}
	m, err := cose.NewSign1(key, h, payload)
	if err != nil {
		tb.Fatal(err)
	}
	return m.Bytes()
}

func TestOrderForgeries(t *testing.T) {
	w := newWorld(t)
	const typ = "application/mobileid-order+cose"
	m, err := cose.ParseSign1(w.signedOrder(order()))
	if err != nil {
		t.Fatal(err)
	}
	good := m.Payload()
	if _, err := provisioning.VerifyOrder(forge(t, w.orderKey, cose.Headers{}, typ, good), w.orderKey.Public(), now); err != nil {
		t.Fatalf("the unchanged forgery is refused: %v", err)
	}
	detached, err := cose.NewSign1Detached(w.orderKey, cose.Headers{Protected: cbor.Map[int64, cbor.RawMessage]{{Key: 16, Value: cbor.AppendText(nil, typ)}}}, good)
	if err != nil {
		t.Fatal(err)
	}
	typeUnprotected := cose.Headers{Unprotected: cbor.Map[int64, cbor.RawMessage]{{Key: 16, Value: cbor.AppendText(nil, typ)}}}
	for name, raw := range map[string][]byte{
		"no type":            forge(t, w.orderKey, cose.Headers{}, nil, good),
		"type unprotected":   forge(t, w.orderKey, typeUnprotected, nil, good),
		"type as number":     forge(t, w.orderKey, cose.Headers{}, uint64(7), good),
		"type in other case": forge(t, w.orderKey, cose.Headers{}, strings.ToUpper(typ), good),
		"type cut short":     forge(t, w.orderKey, cose.Headers{}, typ[:len(typ)-1], good),
		"payload detached":   detached.Bytes(),
		"payload empty":      forge(t, w.orderKey, cose.Headers{}, typ, nil),
		"payload an array":   forge(t, w.orderKey, cose.Headers{}, typ, []byte{0x80}),
		"trailing byte":      forge(t, w.orderKey, cose.Headers{}, typ, append(bytes.Clone(good), 0)),
		"slot 16":            forge(t, w.orderKey, cose.Headers{}, typ, bytes.Replace(good, []byte{4, 1, 5, 1}, []byte{4, 16, 5, 1}, 1)),
		"slot as text":       forge(t, w.orderKey, cose.Headers{}, typ, bytes.Replace(good, []byte{4, 1, 5, 1}, []byte{4, 0x60, 5, 1}, 1)),
		"kind 3":             forge(t, w.orderKey, cose.Headers{}, typ, bytes.Replace(good, []byte{2, 1, 3, 0x4a}, []byte{2, 3, 3, 0x4a}, 1)),
		"doubled key":        forge(t, w.orderKey, cose.Headers{}, typ, bytes.Replace(good, []byte{4, 1, 5, 1}, []byte{4, 1, 4, 1}, 1)),
		"too large":          forge(t, w.orderKey, cose.Headers{}, typ, cbor.AppendBytes(nil, make([]byte, 9000))),
		"tagged":             append([]byte{0xd2}, w.signedOrder(order())...),
	} {
		t.Run(name, func(t *testing.T) {
			if o, err := provisioning.VerifyOrder(raw, w.orderKey.Public(), now); err == nil || o != nil {
				t.Error("accepted")
			}
		})
	}
	// A member that this version does not know is no reason to refuse.
	more := append([]byte{good[0] + 1}, good[1:]...)
	if _, err := provisioning.VerifyOrder(forge(t, w.orderKey, cose.Headers{}, typ, append(more, 0x18, 99, 1)), w.orderKey.Public(), now); err != nil {
		t.Errorf("an unknown member: %v", err)
	}
}

// TestNothingShowsItself prints and logs every message that carries a secure element's id.
func TestNothingShowsItself(t *testing.T) {
	w := newWorld(t)
	signedA, err := provisioning.ParseAttestation(w.signedAttestation(w.attestation()))
	if err != nil {
		t.Fatal(err)
	}
	signedR, err := provisioning.ParseReceipt(w.signedReceipt(receipt()))
	if err != nil {
		t.Fatal(err)
	}
	o, a, r := order(), w.attestation(), receipt()
	var out bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&out, nil))
	for _, v := range []any{o, &o, a, &a, r, &r, signedA, signedR} {
		fmt.Fprintf(&out, "%v %+v %#v %s %x\n", v, v, v, v, v)
		log.Info("message", "value", v)
	}
	for _, secret := range []string{string(seID), fmt.Sprintf("%x", seID), fmt.Sprintf("%d", seID[:3]), "ZWxlbWVudC0wMQ"} {
		if strings.Contains(out.String(), strings.Trim(secret, "[]")) {
			t.Errorf("the output shows the id as %q", secret)
		}
	}
	if got := strings.Count(out.String(), "[redacted]"); got != 8*6 {
		t.Errorf("%d times [redacted], expected %d", got, 8*6)
	}
}
