package provisioning_test

import (
	"bytes"
	"testing"

	"mobileid/mdoc/cose"
	"mobileid/mdoc/provisioning"
)

// seeds gives each target every kind of message, so that it also starts from the wrong ones.
func seeds(f *testing.F, w *world) {
	f.Helper()
	for _, raw := range [][]byte{w.signedOrder(order()), w.signedOrder(wipe()), w.signedAttestation(w.attestation()),
		w.signedReceipt(receipt()), w.signedHandover(handover())} {
		f.Add(raw)
	}
}

// signed reports whether the signed part of raw is that of genuine: an ECDSA signature and unprotected headers may be
// rewritten by anyone, what was signed may not.
func signed(t *testing.T, raw, genuine []byte) bool {
	t.Helper()
	a, err := cose.ParseSign1(raw)
	if err != nil {
		t.Fatal(err)
	}
	b, err := cose.ParseSign1(genuine)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Equal(a.SigStructure(a.Payload()), b.SigStructure(b.Payload()))
}

func FuzzVerifyOrder(f *testing.F) {
	w := newWorld(f)
	genuine, other := w.signedOrder(order()), w.signedOrder(wipe())
	seeds(f, w)
	f.Add(genuine)
	f.Add(other)
	f.Fuzz(func(t *testing.T, raw []byte) {
		o, err := provisioning.VerifyOrder(raw, w.orderKey.Public(), now)
		if (err == nil) != (o != nil) {
			t.Fatal("an error and a result, or neither")
		}
		if err == nil && !signed(t, raw, genuine) && !signed(t, raw, other) {
			t.Error("verified, though nobody signed it")
		}
	})
}

func FuzzParseAttestation(f *testing.F) {
	w := newWorld(f)
	genuine := w.signedAttestation(w.attestation())
	seeds(f, w)
	f.Add(genuine)
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := provisioning.ParseAttestation(raw)
		if (err == nil) != (s != nil) {
			t.Fatal("an error and a result, or neither")
		}
		if err != nil {
			return
		}
		if _, _, v, err := s.Verify(w.roots, now); err == nil && v.OK() && !signed(t, raw, genuine) {
			t.Error("verified, though nobody signed it")
		}
	})
}

func FuzzParseReceipt(f *testing.F) {
	w := newWorld(f)
	genuine := w.signedReceipt(receipt())
	seeds(f, w)
	f.Add(genuine)
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := provisioning.ParseReceipt(raw)
		if (err == nil) != (s != nil) {
			t.Fatal("an error and a result, or neither")
		}
		if err != nil {
			return
		}
		if _, err := s.Verify(w.seKey.Public()); err == nil && !signed(t, raw, genuine) {
			t.Error("verified, though nobody signed it")
		}
	})
}

func FuzzParseHandoverReceipt(f *testing.F) {
	w := newWorld(f)
	genuine := w.signedHandover(handover())
	seeds(f, w)
	f.Add(genuine)
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := provisioning.ParseHandoverReceipt(raw)
		if (err == nil) != (s != nil) {
			t.Fatal("an error and a result, or neither")
		}
		if err != nil {
			return
		}
		if _, v, err := s.Verify(w.anchors, now); err == nil && v.OK() && !signed(t, raw, genuine) {
			t.Error("verified, though nobody signed it")
		}
	})
}

func FuzzOpen(f *testing.F) {
	w := newWorld(f)
	genuine, err := provisioning.Seal(coseKey(f, w.sealKey), orderID, seID, 1, []byte("credential"))
	if err != nil {
		f.Fatal(err)
	}
	priv := ecdhKey(f, w)
	f.Add(genuine)
	f.Add(genuine[:65])
	f.Fuzz(func(t *testing.T, sealed []byte) {
		if _, err := provisioning.Open(priv, orderID, seID, 1, sealed); err == nil && !bytes.Equal(sealed, genuine) {
			t.Error("opened what nobody sealed")
		}
	})
}
