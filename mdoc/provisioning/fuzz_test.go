package provisioning_test

import (
	"bytes"
	"slices"
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

// fuzzSigned fuzzes a message's parser: an error or a result, and nothing that nobody signed is verified.
func fuzzSigned[S any](f *testing.F, w *world, genuine []byte, parse func([]byte) (*S, error), verified func(*S) bool) {
	f.Helper()
	seeds(f, w)
	f.Add(genuine)
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := parse(raw)
		if (err == nil) != (s != nil) {
			t.Fatal("an error and a result, or neither")
		}
		if err == nil && verified(s) && !signed(t, raw, genuine) {
			t.Error("verified, though nobody signed it")
		}
	})
}

func FuzzVerifyOrder(f *testing.F) {
	w := newWorld(f)
	genuine := [][]byte{w.signedOrder(order()), w.signedOrder(wipe()), w.signedOrder(wipeOf(everyPlace()...))}
	seeds(f, w)
	for _, g := range genuine {
		f.Add(g)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		o, err := provisioning.VerifyOrder(raw, w.orderKey.Public(), now)
		if (err == nil) != (o != nil) {
			t.Fatal("an error and a result, or neither")
		}
		if err == nil && !slices.ContainsFunc(genuine, func(g []byte) bool { return signed(t, raw, g) }) {
			t.Error("verified, though nobody signed it")
		}
	})
}

func FuzzParseAttestation(f *testing.F) {
	w := newWorld(f)
	fuzzSigned(f, w, w.signedAttestation(w.attestation()), provisioning.ParseAttestation, func(s *provisioning.SignedAttestation) bool {
		_, _, v, err := s.Verify(w.roots, now)
		return err == nil && v.OK()
	})
}

func FuzzParseReceipt(f *testing.F) {
	w := newWorld(f)
	fuzzSigned(f, w, w.signedReceipt(receipt()), provisioning.ParseReceipt, func(s *provisioning.SignedReceipt) bool {
		_, err := s.Verify(w.seKey.Public())
		return err == nil
	})
}

func FuzzParseHandoverReceipt(f *testing.F) {
	w := newWorld(f)
	fuzzSigned(f, w, w.signedHandover(handover()), provisioning.ParseHandoverReceipt, func(s *provisioning.SignedHandoverReceipt) bool {
		_, v, err := s.Verify(w.anchors, now)
		return err == nil && v.OK()
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
