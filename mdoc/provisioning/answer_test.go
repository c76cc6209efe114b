package provisioning_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/elliptic"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/provisioning"
	"mobileid/mdoc/verdict"
)

func failedIDs(v verdict.Verdict) []string {
	var ids []string
	for _, c := range v.Checks {
		if c.Outcome == verdict.Fail {
			ids = append(ids, c.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

func TestAttestation(t *testing.T) {
	w := newWorld(t)
	s, err := provisioning.ParseAttestation(w.signedAttestation(w.attestation()))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(s.ClaimedOrder(), orderID) {
		t.Error("another order id")
	}
	a, key, v, err := s.Verify(w.roots, now)
	if err != nil || !v.OK() {
		t.Fatalf("%v: %s", err, v)
	}
	if !w.seKey.PublicKey.Equal(key) || !a.DeviceKey.Equal(coseKey(t, w.deviceKey)) || !a.SealingKey.Equal(coseKey(t, w.sealKey)) ||
		a.AppletVersion != "1.0" || !a.UserPresence || a.TryLimit != 5 {
		t.Error("another attestation came out")
	}
	o := order()
	if err := a.Answers(&o); err != nil {
		t.Error(err)
	}
}

func TestAttestationRefused(t *testing.T) {
	w := newWorld(t)
	const typ = "application/mobileid-attestation+cose"
	payload := func(change func(a *provisioning.Attestation)) []byte {
		a := w.attestation()
		change(&a)
		raw, err := cbor.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	same := payload(func(*provisioning.Attestation) {})
	chain := func(protected bool, ders ...[]byte) cose.Headers {
		return cose.Headers{X5Chain: ders, X5ChainProtected: protected}
	}
	other := newWorld(t)
	p384 := newKey(t, elliptic.P384())
	offCurve := w.attestation().DeviceKey
	raw := bytes.Clone(offCurve.Bytes())
	raw[len(raw)-1] ^= 1
	if err := cbor.Unmarshal(raw, &offCurve); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		raw  []byte
		want []string
	}{
		{"unchanged", forge(t, w.seKey, chain(true, w.seCert), typ, same), nil},
		{"element of another root", forge(t, other.seKey, chain(true, other.seCert), typ, same), []string{"chain.authority_key_id", "chain.signature"}},
		{"status signer's certificate", forge(t, w.seKey, chain(true, w.statusCert), typ, same), []string{"attestation.se_id", "chain.path", "chain.profile.eku", "chain.profile.se_id"}},
		{"certificate unprotected", forge(t, w.seKey, chain(false, w.seCert), typ, same), []string{"attestation.x5chain"}},
		{"no certificate", forge(t, w.seKey, cose.Headers{}, typ, same), []string{"attestation.x5chain"}},
		{"root beside it", forge(t, w.seKey, chain(true, w.seCert, w.seRoot.Raw), typ, same), []string{"chain.path"}},
		{"certificate is garbage", forge(t, w.seKey, chain(true, []byte{1}), typ, same), []string{"chain.certificate"}},
		{"signed by another key", forge(t, w.deviceKey, chain(true, w.seCert), typ, same), []string{"attestation.signature"}},
		{"id of another element", forge(t, w.seKey, chain(true, w.seCert), typ, payload(func(a *provisioning.Attestation) { a.SEID = []byte("element-02") })), []string{"attestation.se_id"}},
		{"one key for both", forge(t, w.seKey, chain(true, w.seCert), typ, payload(func(a *provisioning.Attestation) { a.SealingKey = a.DeviceKey })), []string{"attestation.keys"}},
		{"attestation key as device key", forge(t, w.seKey, chain(true, w.seCert), typ, payload(func(a *provisioning.Attestation) { a.DeviceKey = coseKey(t, w.seKey) })), []string{"attestation.keys"}},
		{"attestation key as sealing key", forge(t, w.seKey, chain(true, w.seCert), typ, payload(func(a *provisioning.Attestation) { a.SealingKey = coseKey(t, w.seKey) })), []string{"attestation.keys"}},
		{"device key on P-384", forge(t, w.seKey, chain(true, w.seCert), typ, payload(func(a *provisioning.Attestation) { a.DeviceKey = coseKey(t, p384) })), []string{"attestation.keys"}},
		{"device key off its curve", forge(t, w.seKey, chain(true, w.seCert), typ, payload(func(a *provisioning.Attestation) { a.DeviceKey = offCurve })), []string{"attestation.keys"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := provisioning.ParseAttestation(c.raw)
			if err != nil {
				t.Fatal(err)
			}
			a, key, v, err := s.Verify(w.roots, now)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, failedIDs(v)); diff != "" {
				t.Errorf("failed checks (-want +got):\n%s%s", diff, v)
			}
			if ok := c.want == nil; v.OK() != ok || (a != nil) != ok || (key != nil) != ok {
				t.Errorf("OK %v, attestation given %v, key given %v", v.OK(), a != nil, key != nil)
			}
		})
	}
	s, err := provisioning.ParseAttestation(w.signedAttestation(w.attestation()))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, v, _ := s.Verify(w.roots, now.AddDate(2, 0, 0)); !cmp.Equal(failedIDs(v), []string{"chain.validity"}) {
		t.Errorf("two years later: %s", v)
	}
	if _, _, _, err := s.Verify(nil, now); err == nil {
		t.Error("no roots: no error")
	}
}

func TestAttestationMalformed(t *testing.T) {
	w := newWorld(t)
	for name, change := range map[string]func(a *provisioning.Attestation){
		"order id":        func(a *provisioning.Attestation) { a.OrderID = nil },
		"challenge":       func(a *provisioning.Attestation) { a.Challenge = a.Challenge[:8] },
		"element id":      func(a *provisioning.Attestation) { a.SEID = a.SEID[:9] },
		"slot 0":          func(a *provisioning.Attestation) { a.Slot = 0 },
		"slot 16":         func(a *provisioning.Attestation) { a.Slot = 16 },
		"purpose":         func(a *provisioning.Attestation) { a.Purpose = 9 },
		"applet version":  func(a *provisioning.Attestation) { a.AppletVersion = string(make([]byte, 33)) },
		"device key void": func(a *provisioning.Attestation) { a.DeviceKey = cose.Key{} },
	} {
		t.Run(name, func(t *testing.T) {
			a := w.attestation()
			change(&a)
			if raw, err := provisioning.SignAttestation(w.seKey, [][]byte{w.seCert}, a); err == nil || raw != nil {
				t.Error("signed all the same")
			}
			payload, err := cbor.Marshal(a)
			if err != nil {
				return // it cannot even be written
			}
			raw := forge(t, w.seKey, cose.Headers{X5Chain: [][]byte{w.seCert}, X5ChainProtected: true}, "application/mobileid-attestation+cose", payload)
			if _, err := provisioning.ParseAttestation(raw); err == nil {
				t.Error("parsed all the same")
			}
		})
	}
}

func TestAnswers(t *testing.T) {
	w := newWorld(t)
	other := []byte("another-id-16byt")
	for name, change := range map[string]func(o *provisioning.Order){
		"order id":   func(o *provisioning.Order) { o.ID = other },
		"challenge":  func(o *provisioning.Order) { o.Challenge = slices.Concat(other, other) },
		"element id": func(o *provisioning.Order) { o.SEID = []byte("element-02") },
		"slot":       func(o *provisioning.Order) { o.Slot = 2 },
		"purpose":    func(o *provisioning.Order) { o.Purpose = provisioning.PurposeMAC },
		"kind":       func(o *provisioning.Order) { o.Kind = provisioning.OrderWipe },
	} {
		t.Run("attestation of other "+name, func(t *testing.T) {
			o, a := order(), w.attestation()
			change(&o)
			if err := a.Answers(&o); !errors.Is(err, provisioning.ErrMismatch) {
				t.Errorf("error %v, expected ErrMismatch", err)
			}
		})
		if name == "challenge" || name == "purpose" {
			continue // a receipt repeats neither
		}
		t.Run("receipt of other "+name, func(t *testing.T) {
			o, r := order(), receipt()
			change(&o)
			if err := r.Answers(&o); !errors.Is(err, provisioning.ErrMismatch) {
				t.Errorf("error %v, expected ErrMismatch", err)
			}
		})
	}
	o, r := wipe(), receipt()
	r.Kind, r.Digest = provisioning.ReceiptWiped, nil
	for _, r.Application = range []provisioning.Application{0, provisioning.ApplicationCredential, provisioning.ApplicationPhoneCertificates} {
		if err := r.Answers(&o); err != nil {
			t.Errorf("one place wiped does not answer an order for all: %v", err)
		}
	}
	r.Application, r.Slot = 0, 15
	if err := r.Answers(&o); err != nil {
		t.Errorf("another slot wiped does not answer an order for all: %v", err)
	}
	o.Slot = 1
	if err := r.Answers(&o); !errors.Is(err, provisioning.ErrMismatch) {
		t.Errorf("slot 15 wiped answers an order for slot 1: %v", err)
	}
	for _, kind := range []provisioning.OrderKind{provisioning.OrderLock, provisioning.OrderUnlock} {
		o := plain(kind, 1)
		for _, r.Kind = range []provisioning.ReceiptKind{0, provisioning.ReceiptCommitted, provisioning.ReceiptWiped} {
			if err := r.Answers(&o); !errors.Is(err, provisioning.ErrMismatch) {
				t.Errorf("a receipt of kind %d answers an order of kind %d", r.Kind, kind)
			}
		}
	}
}

func TestReceipt(t *testing.T) {
	w := newWorld(t)
	largest := receipt()
	largest.Slot, largest.Counter, largest.KeyUses = 15, math.MaxUint64, math.MaxUint64
	largest.Application = provisioning.ApplicationCredential
	raw := w.signedReceipt(largest)
	if len(raw) != 203 || len(raw) > provisioning.MaxReceipt {
		t.Errorf("the largest receipt has %d bytes; the comment says 203 and the limit is %d", len(raw), provisioning.MaxReceipt)
	}
	s, err := provisioning.ParseReceipt(raw)
	if err != nil {
		t.Fatal(err)
	}
	if c := s.Claimed(); !bytes.Equal(c.OrderID, orderID) {
		t.Error("another order id claimed")
	}
	r, err := s.Verify(w.seKey.Public())
	if err != nil || r.Counter != math.MaxUint64 || r.KeyUses != math.MaxUint64 || !bytes.Equal(r.Digest, digest) {
		t.Errorf("%v", err)
	}
	if r, err := s.Verify(w.orderKey.Public()); !errors.Is(err, cose.ErrSignature) || r != nil {
		t.Errorf("error %v, expected ErrSignature", err)
	}
	for i := range 8 * len(raw) {
		changed := bytes.Clone(raw)
		changed[i/8] ^= 1 << (i % 8)
		if s, err := provisioning.ParseReceipt(changed); err == nil {
			if _, err := s.Verify(w.seKey.Public()); err == nil {
				t.Fatalf("bit %d of byte %d may change", i%8, i/8)
			}
		}
	}
	if _, err := provisioning.SignReceipt(newKey(t, elliptic.P521()), largest); err == nil {
		t.Error("a receipt above the limit was signed")
	}
}

func TestReceiptMalformed(t *testing.T) {
	w := newWorld(t)
	for name, change := range map[string]func(r *provisioning.Receipt){
		"kind":               func(r *provisioning.Receipt) { r.Kind = 3 },
		"order id":           func(r *provisioning.Receipt) { r.OrderID = r.OrderID[:4] },
		"element id":         func(r *provisioning.Receipt) { r.SEID = nil },
		"slot 16":            func(r *provisioning.Receipt) { r.Slot = 16 },
		"committed slot 0":   func(r *provisioning.Receipt) { r.Slot = 0 },
		"committed nothing":  func(r *provisioning.Receipt) { r.Digest = nil },
		"wiped slot 0":       func(r *provisioning.Receipt) { r.Kind, r.Digest, r.Slot = provisioning.ReceiptWiped, nil, 0 },
		"wiped, with digest": func(r *provisioning.Receipt) { r.Kind = provisioning.ReceiptWiped },
	} {
		t.Run(name, func(t *testing.T) {
			r := receipt()
			change(&r)
			if raw, err := provisioning.SignReceipt(w.seKey, r); err == nil || raw != nil {
				t.Error("signed all the same")
			}
			payload, err := cbor.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := provisioning.ParseReceipt(forge(t, w.seKey, cose.Headers{}, "application/mobileid-receipt+cose", payload)); err == nil {
				t.Error("parsed all the same")
			}
		})
	}
}

func TestHandover(t *testing.T) {
	w := newWorld(t)
	s, err := provisioning.ParseHandoverReceipt(w.signedHandover(handover()))
	if err != nil {
		t.Fatal(err)
	}
	r, v, err := s.Verify(w.anchors, now)
	if err != nil || !v.OK() || r.Credentials != 2 || r.Device != "keyed-hash" || len(r.StatusURIs) != 1 {
		t.Fatalf("%v: %s", err, v)
	}
	future := handover()
	future.At = cbor.NewTDate(now.AddDate(0, 0, 1))
	wrongKey := must(t)(provisioning.SignHandoverReceipt(w.orderKey, [][]byte{w.statusCert}, handover()))
	for _, c := range []struct {
		name    string
		raw     []byte
		anchors *pki.Anchors
		want    []string
	}{
		{"of the future", w.signedHandover(future), w.anchors, []string{"handover.at"}},
		{"by another key", wrongKey, w.anchors, []string{"handover.signature"}},
		{"under another root", w.signedHandover(handover()), w.roots, []string{"chain.path"}},
		{"by a secure element", must(t)(provisioning.SignHandoverReceipt(w.seKey, [][]byte{w.seCert}, handover())), w.anchors,
			[]string{"chain.path", "chain.profile.eku"}},
		{"without certificate", must(t)(provisioning.SignHandoverReceipt(w.seKey, nil, handover())), w.anchors, []string{"handover.x5chain"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := provisioning.ParseHandoverReceipt(c.raw)
			if err != nil {
				t.Fatal(err)
			}
			r, v, err := s.Verify(c.anchors, now)
			if err != nil || r != nil {
				t.Errorf("error %v, receipt given %v", err, r != nil)
			}
			if diff := cmp.Diff(c.want, failedIDs(v)); diff != "" {
				t.Errorf("failed checks (-want +got):\n%s%s", diff, v)
			}
		})
	}
	for name, change := range map[string]func(r *provisioning.HandoverReceipt){
		"id":       func(r *provisioning.HandoverReceipt) { r.ID = nil },
		"device":   func(r *provisioning.HandoverReceipt) { r.Device = "" },
		"time":     func(r *provisioning.HandoverReceipt) { r.At = cbor.TDate{} },
		"lists":    func(r *provisioning.HandoverReceipt) { r.StatusURIs = make([]string, 65) },
		"no uri":   func(r *provisioning.HandoverReceipt) { r.StatusURIs = []string{""} },
		"wipe id":  func(r *provisioning.HandoverReceipt) { r.WipeOrderID = []byte{1} },
		"long uri": func(r *provisioning.HandoverReceipt) { r.StatusURIs = []string{string(make([]byte, 257))} },
	} {
		t.Run("malformed "+name, func(t *testing.T) {
			r := handover()
			change(&r)
			if raw, err := provisioning.SignHandoverReceipt(w.seKey, [][]byte{w.statusCert}, r); err == nil || raw != nil {
				t.Error("signed all the same")
			}
		})
	}
}

func ecdhKey(tb testing.TB, w *world) *ecdh.PrivateKey {
	tb.Helper()
	k, err := w.sealKey.ECDH()
	if err != nil {
		tb.Fatal(err)
	}
	return k
}
