package applet_test

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"errors"
	"testing"

	"mobileid/mdoc"
	"mobileid/mdoc/apdu"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/holder"
	"mobileid/mdoc/mdoctest/world"
	"mobileid/mdoc/provisioning"
	"mobileid/mdoc/transcript"
	"mobileid/tsm/applet"
	"mobileid/tsm/se/setest"
)

var _ holder.DeviceKey = (*applet.Client)(nil)

// someTranscript is a transcript of QR engagement with a reader key, which is returned too.
func someTranscript() (transcript.Transcript, *ecdh.PrivateKey, error) {
	reader, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return transcript.Transcript{}, nil, err
	}
	key, err := cose.NewKey(reader.PublicKey())
	if err != nil {
		return transcript.Transcript{}, nil, err
	}
	embedded, err := cbor.NewEmbedded(key)
	if err != nil {
		return transcript.Transcript{}, nil, err
	}
	t, err := transcript.QR([]byte{0xA1, 0x00, 0x63, '1', '.', '0'}, embedded.Bytes())
	return t, reader, err
}

// noNameSpaces is #6.24(bstr .cbor {}).
func noNameSpaces() []byte { return cbor.AppendEmbedded(nil, []byte{0xA0}) }

// provesItself has the element sign for the document and checks the signature with the key in its MSO.
func provesItself(ctx context.Context, c *applet.Client, credential []byte) error {
	issued, err := mdoc.ParseIssuerSigned(credential)
	if err != nil {
		return err
	}
	mso, err := issued.MSO()
	if err != nil {
		return err
	}
	t, _, err := someTranscript()
	if err != nil {
		return err
	}
	payload := mdoc.DeviceAuthenticationBytes(t, mso.DocType, noNameSpaces())
	signed, err := cose.NewSign1From(cose.Headers{}, cose.ES256, payload, true, func(b []byte) ([]byte, error) { return c.SignDevice(ctx, b) })
	if err != nil {
		return err
	}
	key, err := mso.DeviceKeyInfo.DeviceKey.Public()
	if err != nil {
		return err
	}
	return signed.VerifyDetached(key, payload)
}

// The whole of a presentation: the element proves the document, and a verifier accepts it.
func TestPresentation(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		purpose provisioning.Purpose
		proof   holder.Proof
	}{
		"signature": {provisioning.PurposeSign, holder.BySignature},
		"MAC":       {provisioning.PurposeMAC, holder.ByMAC},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			_, j, c := provisioned(t, b, tc.purpose)
			credential, err := holder.NewCredential(j.Content, c, tc.proof)
			if err != nil {
				t.Fatal(err)
			}
			wallet := b.Holder(t, j.Content, tc.proof)
			wallet.Credentials = []*holder.Credential{credential}
			m := b.Meet(t)
			items := world.Items(world.NameSpace, "age_over_20")
			if _, err := wallet.Answer(t.Context(), b.Request(t, m.Reader.Transcript(), items).Raw(), m.Reader.Transcript(), m.Reader.EReaderKey().PublicKey()); !errors.Is(err, apdu.ErrSecurityStatus) {
				t.Errorf("presented without a PIN: %v", err)
			}
			if err := c.VerifyPIN(t.Context(), testPIN); err != nil {
				t.Fatal(err)
			}
			result, err := mdoc.Verify(b.Answer(t, wallet, m, items))
			if err != nil || !result.OK() || len(result.Documents) != 1 {
				t.Fatalf("verified: %v, %+v", err, result.Failed())
			}
			info, err := c.Info(t.Context())
			if err != nil || info.KeyUses != 1 {
				t.Errorf("%d uses counted, %v", info.KeyUses, err)
			}
		})
	}
}

// One verification, one use; and every other condition of use.
func TestUseOfTheKey(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s, j, c := provisioned(t, b, provisioning.PurposeSign)
	ctx := t.Context()
	sign := func(structure []byte) apdu.SW {
		_, err := c.SignDevice(ctx, structure)
		return setest.StatusWord(err)
	}
	verify := func() {
		t.Helper()
		if err := c.VerifyPIN(ctx, testPIN); err != nil {
			t.Fatal(err)
		}
	}
	tr, reader, err := someTranscript()
	if err != nil {
		t.Fatal(err)
	}
	good := sigStructure("Signature1", []byte{0xA1, 0x01, 0x26}, nil, mdoc.DeviceAuthenticationBytes(tr, world.DocType, noNameSpaces()))

	if sw := sign(good); sw != apdu.SecurityStatus {
		t.Errorf("without PIN: %v", sw)
	}
	verify()
	if sw := sign(good); sw != apdu.OK {
		t.Errorf("with PIN: %v", sw)
	}
	if sw := sign(good); sw != apdu.SecurityStatus {
		t.Errorf("second signature of one verification: %v", sw)
	}
	if got, err := c.Credential(ctx); err != nil || !bytes.Equal(got, j.Content) {
		t.Errorf("reading after a signature: %v", err)
	}
	verify()
	if _, err := c.Info(ctx); err != nil { // selects
		t.Fatal(err)
	}
	if sw := sign(good); sw != apdu.SecurityStatus {
		t.Errorf("after SELECT: %v", sw)
	}
	verify()
	s.Reset()
	if sw := sign(good); sw == apdu.OK {
		t.Error("after a reset")
	}
	verify()
	if _, err := c.MACDevice(ctx, reader.PublicKey(), tr.Salt(), good); setest.StatusWord(err) != apdu.Conditions {
		t.Errorf("MAC with a key for signatures: %v", err)
	}
}

// sigStructure writes RFC 9052, 4.4 by hand.
func sigStructure(context string, protected, external, payload []byte) []byte {
	b := cbor.AppendText(cbor.AppendArrayHead(nil, 4), context)
	return cbor.AppendBytes(cbor.AppendBytes(cbor.AppendBytes(b, protected), external), payload)
}

// A large credential, read in both length forms and to its very end.
func TestReadInPieces(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.draft.Elements = append(b.draft.Elements, mdoc.Element{NameSpace: world.NameJP, Identifier: "big",
		Value: world.Encode(t, bytes.Repeat([]byte{0x5A}, 40_000))})
	s, j, c := provisioned(t, b, provisioning.PurposeSign)
	if err := c.VerifyPIN(t.Context(), testPIN); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Credential(t.Context()); err != nil || !bytes.Equal(got, j.Content) {
		t.Fatalf("%d bytes of %d: %v", len(got), len(j.Content), err)
	}
	n := len(j.Content)
	for _, tc := range []struct {
		offset, le, want int
		extended         bool
		sw               apdu.SW
	}{
		{0, 256, 253, false, apdu.OK}, {0, 2, 0, false, apdu.OK}, {0, 129, 127, false, apdu.OK}, {0, 130, 127, false, apdu.OK}, {0, 131, 128, false, apdu.OK},
		{n - 10, 256, 10, false, apdu.OK}, {n, 256, 0, false, apdu.OK}, {n + 1, 256, 0, false, apdu.OffsetOutside},
		{0, 65536, n, true, apdu.OK}, {0, 300, 296, true, apdu.OK}, {33_000, 300, 296, true, apdu.OK}, {0, 0, 0, false, apdu.WrongLength},
	} {
		o := []byte{0x54, 3, byte(tc.offset >> 16), byte(tc.offset >> 8), byte(tc.offset)}
		r, err := apdu.Exchange(t.Context(), s, apdu.Command{INS: 0xB1, Data: o, Le: tc.le, Extended: tc.extended})
		if err != nil || r.SW != tc.sw {
			t.Errorf("%+v: %v %v", tc, r.SW, err)
			continue
		}
		if tc.sw != apdu.OK {
			continue
		}
		part, _, err := apdu.ParseTLV(r.Data)
		if err != nil || len(r.Data) > tc.le || len(part.Value) != tc.want || !bytes.Equal(part.Value, j.Content[tc.offset:tc.offset+tc.want]) {
			t.Errorf("%+v: %d bytes, %v", tc, len(part.Value), err)
		}
	}
}

func TestEmptySlot(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.On(t)
	c := applet.NewClient(s, 4)
	if _, err := c.Info(t.Context()); !errors.Is(err, applet.ErrEmpty) {
		t.Errorf("no instance: %v", err)
	}
	j := newJob(t, b, 1, provisioning.PurposeSign)
	if err := j.Attest(t.Context(), session(t, b, s)); err != nil {
		t.Fatal(err)
	}
	c = applet.NewClient(s, 1)
	if err := c.SetPIN(t.Context(), testPIN); err != nil {
		t.Fatal(err)
	}
	if err := c.VerifyPIN(t.Context(), testPIN); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Credential(t.Context()); setest.StatusWord(err) != apdu.Conditions {
		t.Errorf("read before commit: %v", err)
	}
	tr, _, err := someTranscript()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.SignDevice(t.Context(), sigStructure("Signature1", []byte{0xA1, 0x01, 0x26}, nil, mdoc.DeviceAuthenticationBytes(tr, world.DocType, noNameSpaces()))); setest.StatusWord(err) != apdu.Conditions {
		t.Errorf("sign before commit: %v", err)
	}
}
