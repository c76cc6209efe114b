package provisioning_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/provisioning"
)

var rsaKeys = sync.OnceValue(func() [2]*rsa.PrivateKey {
	var out [2]*rsa.PrivateKey
	for i := range out {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		out[i] = key
	}
	return out
})

func phoneOrder() provisioning.Order {
	o := order()
	o.Application = provisioning.ApplicationPhoneCertificates
	return o
}

func (w *world) phoneAttestation() provisioning.PhoneAttestation {
	k := rsaKeys()
	return provisioning.PhoneAttestation{OrderID: orderID, Challenge: chall, SEID: seID,
		AuthenticationKey: x509.MarshalPKCS1PublicKey(&k[0].PublicKey), SignatureKey: x509.MarshalPKCS1PublicKey(&k[1].PublicKey),
		SealingKey: coseKey(w.tb, w.sealKey), AppletVersion: "1.0", PINTries: 3, PasswordTries: 5}
}

func (w *world) signedPhoneAttestation(a provisioning.PhoneAttestation) []byte {
	w.tb.Helper()
	return must(w.tb)(provisioning.SignPhoneAttestation(w.seKey, [][]byte{w.seCert}, a))
}

func TestPhoneAttestation(t *testing.T) {
	w := newWorld(t)
	s, err := provisioning.ParsePhoneAttestation(w.signedPhoneAttestation(w.phoneAttestation()))
	if err != nil {
		t.Fatal(err)
	}
	a, key, v, err := s.Verify(w.roots, now)
	if err != nil || !v.OK() || !w.seKey.PublicKey.Equal(key) || a.PINTries != 3 || a.PasswordTries != 5 {
		t.Fatalf("%v: %s", err, v)
	}
	authentication, signature, err := a.Keys()
	if err != nil || !authentication.Equal(&rsaKeys()[0].PublicKey) || !signature.Equal(&rsaKeys()[1].PublicKey) {
		t.Errorf("other keys: %v", err)
	}
	for name, c := range map[string]struct {
		change func(o *provisioning.Order)
		ok     bool
	}{
		"the order":       {func(*provisioning.Order) {}, true},
		"a wipe":          {func(o *provisioning.Order) { o.Kind = provisioning.OrderWipe }, false},
		"a credential":    {func(o *provisioning.Order) { o.Application = 0 }, false},
		"another order":   {func(o *provisioning.Order) { o.ID = chall[:16] }, false},
		"another element": {func(o *provisioning.Order) { o.SEID = chall[:10] }, false},
		"challenge":       {func(o *provisioning.Order) { o.Challenge = digest }, false},
	} {
		o := phoneOrder()
		c.change(&o)
		if err := a.Answers(&o); (err == nil) != c.ok || !c.ok && !errors.Is(err, provisioning.ErrMismatch) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if text := fmt.Sprint(a, *a, s); strings.Contains(text, "element") {
		t.Errorf("shows itself: %s", text)
	}
}

func TestPhoneAttestationRefused(t *testing.T) {
	w := newWorld(t)
	const typ = "application/mobileid-phone-attestation+cose"
	protected := cose.Headers{X5Chain: [][]byte{w.seCert}, X5ChainProtected: true}
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(a *provisioning.PhoneAttestation)
		check  string
	}{
		"as it should be": {func(*provisioning.PhoneAttestation) {}, ""},
		"another element": {func(a *provisioning.PhoneAttestation) { a.SEID = []byte("element-02") }, "attestation.se_id"},
		"1024 bits":       {func(a *provisioning.PhoneAttestation) { a.SignatureKey = x509.MarshalPKCS1PublicKey(&small.PublicKey) }, "attestation.keys"},
		"no RSA key":      {func(a *provisioning.PhoneAttestation) { a.AuthenticationKey = []byte{1, 2, 3} }, "attestation.keys"},
		"one key twice":   {func(a *provisioning.PhoneAttestation) { a.SignatureKey = a.AuthenticationKey }, "attestation.keys"},
		"sealing key is the attestation key": {func(a *provisioning.PhoneAttestation) { a.SealingKey = coseKey(t, w.seKey) },
			"attestation.keys"},
	} {
		t.Run(name, func(t *testing.T) {
			a := w.phoneAttestation()
			c.change(&a)
			raw, err := cbor.Marshal(a)
			if err != nil {
				t.Fatal(err)
			}
			s, err := provisioning.ParsePhoneAttestation(forge(t, w.seKey, protected, typ, raw))
			if err != nil {
				t.Fatal(err)
			}
			_, _, v, err := s.Verify(w.roots, now)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(failedIDs(v), " "); got != c.check {
				t.Errorf("failed %q, expected %q", got, c.check)
			}
		})
	}
	for name, change := range map[string]func(a *provisioning.PhoneAttestation){
		"order id":  func(a *provisioning.PhoneAttestation) { a.OrderID = nil },
		"challenge": func(a *provisioning.PhoneAttestation) { a.Challenge = nil },
		"no key":    func(a *provisioning.PhoneAttestation) { a.SignatureKey = nil },
		"long key":  func(a *provisioning.PhoneAttestation) { a.AuthenticationKey = make([]byte, 601) },
		"version":   func(a *provisioning.PhoneAttestation) { a.AppletVersion = strings.Repeat("1", 33) },
	} {
		a := w.phoneAttestation()
		change(&a)
		if raw, err := provisioning.SignPhoneAttestation(w.seKey, [][]byte{w.seCert}, a); err == nil || raw != nil {
			t.Errorf("%s: signed", name)
		}
	}
}

// The application of an order is a number of two, phone certificates have one slot, and an absent one is the credential.
func TestApplication(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		change func(o *provisioning.Order)
		ok     bool
	}{
		"absent":           {func(*provisioning.Order) {}, true},
		"credential":       {func(o *provisioning.Order) { o.Application = 1; o.Slot = 15 }, true},
		"phone":            {func(o *provisioning.Order) { o.Application = 2 }, true},
		"phone in slot 2":  {func(o *provisioning.Order) { o.Application, o.Slot = 2, 2 }, false},
		"phone for MACs":   {func(o *provisioning.Order) { o.Application, o.Purpose = 2, provisioning.PurposeMAC }, false},
		"unknown":          {func(o *provisioning.Order) { o.Application = 3 }, false},
		"wipe of phone":    {func(o *provisioning.Order) { *o = wipe(); o.Application, o.Slot = 2, 1 }, true},
		"wipe of phone, 0": {func(o *provisioning.Order) { *o = wipe(); o.Application = 2 }, false},
	} {
		o := order()
		c.change(&o)
		raw, err := provisioning.SignOrder(w.orderKey, o)
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !c.ok {
			continue
		}
		got, err := provisioning.VerifyOrder(raw, w.orderKey.Public(), now)
		if err != nil || got.Application != o.Application {
			t.Errorf("%s: %v", name, err)
		}
	}
	s, err := provisioning.ParseAttestation(w.signedAttestation(w.attestation()))
	if err != nil {
		t.Fatal(err)
	}
	a, _, _, err := s.Verify(w.roots, now)
	if err != nil {
		t.Fatal(err)
	}
	o := phoneOrder()
	if err := a.Answers(&o); !errors.Is(err, provisioning.ErrMismatch) {
		t.Errorf("a credential's attestation answered an order for phone certificates: %v", err)
	}
}

func TestReceiptOfApplication(t *testing.T) {
	w := newWorld(t)
	r := receipt()
	r.Application = provisioning.ApplicationPhoneCertificates
	s, err := provisioning.ParseReceipt(w.signedReceipt(r))
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Verify(w.seKey.Public())
	if err != nil {
		t.Fatal(err)
	}
	credential, phone := order(), phoneOrder()
	if err := got.Answers(&phone); err != nil {
		t.Error(err)
	}
	if err := got.Answers(&credential); !errors.Is(err, provisioning.ErrMismatch) {
		t.Errorf("answered a credential's order: %v", err)
	}
	r.Slot = 2
	if _, err := provisioning.SignReceipt(w.seKey, r); err == nil {
		t.Error("signed for slot 2")
	}
}

func certificateSet() provisioning.CertificateSet {
	return provisioning.CertificateSet{Signature: []byte{1}, SignatureCA: []byte{2}, Authentication: []byte{3}, AuthenticationCA: []byte{4}}
}

func TestCertificateSet(t *testing.T) {
	raw := must(t)(certificateSet().Bytes())
	s, err := provisioning.ParseCertificateSet(raw)
	if err != nil || !bytes.Equal(s.Signature, []byte{1}) || !bytes.Equal(s.SignatureCA, []byte{2}) ||
		!bytes.Equal(s.Authentication, []byte{3}) || !bytes.Equal(s.AuthenticationCA, []byte{4}) {
		t.Errorf("%v", err)
	}
	if fmt.Sprint(*s) != "[redacted]" {
		t.Error("shows itself")
	}
	for _, change := range []func(s *provisioning.CertificateSet){
		func(s *provisioning.CertificateSet) { s.Signature = nil },
		func(s *provisioning.CertificateSet) { s.AuthenticationCA = make([]byte, 4<<10+1) },
	} {
		s := certificateSet()
		change(&s)
		if _, err := s.Bytes(); err == nil {
			t.Error("encoded")
		}
		raw, err := cbor.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := provisioning.ParseCertificateSet(raw); err == nil {
			t.Error("decoded")
		}
	}
}

func FuzzParsePhoneAttestation(f *testing.F) {
	w := newWorld(f)
	genuine := w.signedPhoneAttestation(w.phoneAttestation())
	fuzzSigned(f, w, genuine, provisioning.ParsePhoneAttestation, func(s *provisioning.SignedPhoneAttestation) bool {
		_, _, v, err := s.Verify(w.roots, now)
		return err == nil && v.OK()
	})
}

func FuzzParseCertificateSet(f *testing.F) {
	f.Add(must(f)(certificateSet().Bytes()))
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := provisioning.ParseCertificateSet(raw)
		if (err == nil) != (s != nil) {
			t.Fatal("an error and a result, or neither")
		}
		if err != nil {
			return
		}
		again, err := s.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		back, err := provisioning.ParseCertificateSet(again)
		if err != nil || !bytes.Equal(back.Signature, s.Signature) || !bytes.Equal(back.Authentication, s.Authentication) {
			t.Errorf("another set: %v", err)
		}
	})
}
