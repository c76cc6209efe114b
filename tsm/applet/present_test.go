package applet_test

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
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
	"mobileid/tsm/se/nvm"
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
			credential, err := holder.NewCredential(j.credential, c, tc.proof)
			if err != nil {
				t.Fatal(err)
			}
			wallet := b.Holder(t, j.credential, tc.proof)
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
	b := newBench(t)
	s, j, c := provisioned(t, b, provisioning.PurposeSign)
	ctx := t.Context()
	sign := func(structure []byte) apdu.SW {
		_, err := c.SignDevice(ctx, structure)
		return swOf(err)
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
	if got, err := c.Credential(ctx); err != nil || !bytes.Equal(got, j.credential) {
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
	if _, err := c.MACDevice(ctx, reader.PublicKey(), tr.Salt(), good); swOf(err) != apdu.Conditions {
		t.Errorf("MAC with a key for signatures: %v", err)
	}

	payload := mdoc.DeviceAuthenticationBytes(tr, world.DocType, noNameSpaces())
	for name, structure := range map[string][]byte{
		"nothing":                    {},
		"a digest":                   bytes.Repeat([]byte{7}, 32),
		"the payload alone":          payload,
		"another context":            sigStructure("CounterSignature", []byte{0xA1, 0x01, 0x26}, nil, payload),
		"a MAC_structure":            sigStructure("MAC0", []byte{0xA1, 0x01, 0x05}, nil, payload),
		"another algorithm":          sigStructure("Signature1", []byte{0xA1, 0x01, 0x38, 0x22}, nil, payload),
		"a header more":              sigStructure("Signature1", []byte{0xA2, 0x01, 0x26, 0x04, 0x41, 0x00}, nil, payload),
		"no header":                  sigStructure("Signature1", nil, nil, payload),
		"external data":              sigStructure("Signature1", []byte{0xA1, 0x01, 0x26}, []byte{1}, payload),
		"another document type":      sigStructure("Signature1", []byte{0xA1, 0x01, 0x26}, nil, mdoc.DeviceAuthenticationBytes(tr, "org.iso.18013.5.1.mDL", noNameSpaces())),
		"payload without tag":        sigStructure("Signature1", []byte{0xA1, 0x01, 0x26}, nil, []byte{0x81, 0x00}),
		"reader authentication":      sigStructure("Signature1", []byte{0xA1, 0x01, 0x26}, nil, cbor.AppendEmbedded(nil, append(append([]byte{0x84, 0x74}, "ReaderAuthentication"...), 0x80, 0x60, 0xD8, 0x18, 0x41, 0xA0))),
		"an MSO":                     sigStructure("Signature1", []byte{0xA1, 0x01, 0x26}, nil, cbor.AppendEmbedded(nil, []byte{0xA0})),
		"name spaces without tag 24": sigStructure("Signature1", []byte{0xA1, 0x01, 0x26}, nil, mdoc.DeviceAuthenticationBytes(tr, world.DocType, []byte{0xA0})),
		"something behind":           append(bytes.Clone(good), 0),
		"the last byte missing":      good[:len(good)-1],
	} {
		t.Run(name, func(t *testing.T) {
			verify()
			if sw := sign(structure); sw != apdu.WrongData {
				t.Errorf("%v", sw)
			}
			if sw := sign(good); sw != apdu.OK {
				t.Errorf("a refusal used the verification up: %v", sw)
			}
		})
	}
}

// sigStructure writes RFC 9052, 4.4 by hand.
func sigStructure(context string, protected, external, payload []byte) []byte {
	b := cbor.AppendText(cbor.AppendArrayHead(nil, 4), context)
	return cbor.AppendBytes(cbor.AppendBytes(cbor.AppendBytes(b, protected), external), payload)
}

func TestMAC(t *testing.T) {
	b := newBench(t)
	_, _, c := provisioned(t, b, provisioning.PurposeMAC)
	ctx := t.Context()
	tr, reader, err := someTranscript()
	if err != nil {
		t.Fatal(err)
	}
	other, _, err := someTranscript()
	if err != nil {
		t.Fatal(err)
	}
	structure := sigStructure("MAC0", []byte{0xA1, 0x01, 0x05}, nil, mdoc.DeviceAuthenticationBytes(tr, world.DocType, noNameSpaces()))
	for name, tc := range map[string]struct {
		salt, structure []byte
		sw              apdu.SW
	}{
		"right":                      {tr.Salt(), structure, apdu.OK},
		"salt of another transcript": {other.Salt(), structure, apdu.WrongData},
		"no salt":                    {nil, structure, apdu.WrongData},
		"a Sig_structure": {tr.Salt(), sigStructure("Signature1", []byte{0xA1, 0x01, 0x26}, nil,
			mdoc.DeviceAuthenticationBytes(tr, world.DocType, noNameSpaces())), apdu.WrongData},
	} {
		t.Run(name, func(t *testing.T) {
			if err := c.VerifyPIN(ctx, testPIN); err != nil {
				t.Fatal(err)
			}
			if _, err := c.MACDevice(ctx, reader.PublicKey(), tc.salt, tc.structure); swOf(err) != tc.sw {
				t.Errorf("%v, expected %v", err, tc.sw)
			}
		})
	}
	if err := c.VerifyPIN(ctx, testPIN); err != nil {
		t.Fatal(err)
	}
	if _, err := c.SignDevice(ctx, sigStructure("Signature1", []byte{0xA1, 0x01, 0x26}, nil, mdoc.DeviceAuthenticationBytes(tr, world.DocType, noNameSpaces()))); swOf(err) != apdu.Conditions {
		t.Errorf("signature with a key for MACs: %v", err)
	}
}

// A point that is not on the curve is refused before anything is computed with it.
func TestMACPointOffCurve(t *testing.T) {
	b := newBench(t)
	s, _, c := provisioned(t, b, provisioning.PurposeMAC)
	tr, reader, err := someTranscript()
	if err != nil {
		t.Fatal(err)
	}
	structure := sigStructure("MAC0", []byte{0xA1, 0x01, 0x05}, nil, mdoc.DeviceAuthenticationBytes(tr, world.DocType, noNameSpaces()))
	point := reader.PublicKey().Bytes()
	off := bytes.Clone(point)
	off[64] ^= 1
	compressed := append([]byte{0x02 + point[64]&1}, point[1:33]...)
	for name, p := range map[string][]byte{"off the curve": off, "compressed": compressed, "infinity": {0}, "none": nil, "zero": make([]byte, 65)} {
		t.Run(name, func(t *testing.T) {
			if err := c.VerifyPIN(t.Context(), testPIN); err != nil {
				t.Fatal(err)
			}
			data := apdu.AppendTLV(nil, 0x86, p)
			data = apdu.AppendTLV(data, 0x87, tr.Salt())
			data = apdu.AppendTLV(data, 0x80, structure)
			r, err := apdu.Exchange(t.Context(), s, apdu.Command{INS: 0x2A, P1: 0x8E, P2: 0x80, Data: data, Le: 256, Extended: true})
			if err != nil || r.SW != apdu.WrongData {
				t.Errorf("%v, %v", r.SW, err)
			}
		})
	}
}

// A large credential, read in both length forms and to its very end.
func TestReadInPieces(t *testing.T) {
	b := newBench(t)
	b.draft.Elements = append(b.draft.Elements, mdoc.Element{NameSpace: world.NameJP, Identifier: "big",
		Value: world.Encode(t, bytes.Repeat([]byte{0x5A}, 40_000))})
	s, j, c := provisioned(t, b, provisioning.PurposeSign)
	if err := c.VerifyPIN(t.Context(), testPIN); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Credential(t.Context()); err != nil || !bytes.Equal(got, j.credential) {
		t.Fatalf("%d bytes of %d: %v", len(got), len(j.credential), err)
	}
	n := len(j.credential)
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
		if err != nil || len(r.Data) > tc.le || len(part.Value) != tc.want || !bytes.Equal(part.Value, j.credential[tc.offset:tc.offset+tc.want]) {
			t.Errorf("%+v: %d bytes, %v", tc, len(part.Value), err)
		}
	}
}

func TestEmptySlot(t *testing.T) {
	b := newBench(t)
	s := b.open(t)
	c := applet.NewClient(s, 4)
	if _, err := c.Info(t.Context()); !errors.Is(err, applet.ErrEmpty) {
		t.Errorf("no instance: %v", err)
	}
	j := newJob(t, b, 1, provisioning.PurposeSign)
	if err := j.attest(t.Context(), session(t, b, s)); err != nil {
		t.Fatal(err)
	}
	c = applet.NewClient(s, 1)
	if err := c.SetPIN(t.Context(), testPIN); err != nil {
		t.Fatal(err)
	}
	if err := c.VerifyPIN(t.Context(), testPIN); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Credential(t.Context()); swOf(err) != apdu.Conditions {
		t.Errorf("read before commit: %v", err)
	}
	tr, _, err := someTranscript()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.SignDevice(t.Context(), sigStructure("Signature1", []byte{0xA1, 0x01, 0x26}, nil, mdoc.DeviceAuthenticationBytes(tr, world.DocType, noNameSpaces()))); swOf(err) != apdu.Conditions {
		t.Errorf("sign before commit: %v", err)
	}
}

type secret struct {
	name  string
	value []byte
}

// secretsOf reads the private keys and the PIN out of the state file, which the test may do and no command can. The element is closed.
func secretsOf(tb testing.TB, b *bench, s interface{ Close() error }) []secret {
	tb.Helper()
	if err := s.Close(); err != nil {
		tb.Fatal(err)
	}
	m, err := nvm.Open(b.Path, nvm.Config{Rand: rand.Reader})
	if err != nil {
		tb.Fatal(err)
	}
	defer m.Close() //nolint:errcheck // read only
	var out []secret
	for _, key := range m.Keys("object/") {
		for suffix, size := range map[string]int{"live.key": 32, "pending.key": 32, "pending.sealing": 32, "pin": 13} {
			if strings.HasSuffix(key, "/"+suffix) {
				value, _ := m.Load(key)
				if len(value) != size {
					tb.Fatalf("%s has %d bytes", key, len(value))
				}
				out = append(out, secret{suffix, value})
			}
		}
	}
	return out
}

// No answer to anything, on the wire or decrypted, holds a private key; nor do they share one.
func TestPrivateKeysStay(t *testing.T) {
	b := newBench(t)
	s := b.open(t)
	var wire bytes.Buffer
	tap := apdu.Tap{Transmitter: s, Seen: func(_, response []byte, _ error) { wire.Write(response) }}
	ctx := t.Context()

	j := newJob(t, b, 1, provisioning.PurposeSign)
	if err := j.run(ctx, b, tap); err != nil {
		t.Fatal(err)
	}
	c := applet.NewClient(tap, 1)
	if err := errors.Join(c.SetPIN(ctx, testPIN), c.VerifyPIN(ctx, testPIN)); err != nil {
		t.Fatal(err)
	}
	if err := provesItself(ctx, c, j.credential); err != nil {
		t.Fatal(err)
	}
	if err := c.VerifyPIN(ctx, testPIN); err != nil {
		t.Fatal(err)
	}
	// A renewal is under way, so that every kind of key is there; then every command with every P1 and P2 of interest.
	h := session(t, b, tap)
	renewal := newJob(t, b, 1, provisioning.PurposeSign)
	if err := renewal.attest(ctx, h); err != nil {
		t.Fatal(err)
	}
	for p := range 256 {
		for _, c := range []apdu.Command{
			{CLA: 0x80, INS: 0xCA, P1: byte(p), P2: 0x00, Le: 256}, {CLA: 0x80, INS: 0xCA, P1: 0, P2: byte(p), Le: 256},
			{CLA: 0x80, INS: byte(p), P1: 0x10, P2: 0x02, Data: []byte{0x4F, 0}, Le: 256},
			{CLA: 0x80, INS: 0xE2, P1: 0x91, P2: 0, Data: []byte{0xDF, byte(p), 0}, Le: 256},
		} {
			if _, err := h.Send(ctx, c); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := c.VerifyPIN(ctx, testPIN); err != nil {
		t.Fatal(err)
	}
	for ins := range 256 {
		if ins == 0xA4 {
			continue
		}
		for _, p := range []apdu.Command{{P1: 0xDF, P2: 0x30}, {P1: 0x9E, P2: 0x9A}, {P1: 0x8E, P2: 0x80}, {}} {
			p.INS, p.Le, p.Data = byte(ins), 256, []byte{0x54, 3, 0, 0, 0}
			if _, err := apdu.Exchange(ctx, tap, p); err != nil {
				t.Fatal(err)
			}
		}
	}
	seen := wire.Bytes()
	for _, a := range slices.Concat(j.answers, h.Answers) {
		seen = append(seen, a...)
	}
	seen = append(append(append(seen, j.attestation...), renewal.attestation...), j.credential...)
	secrets := secretsOf(t, b, s)
	if len(secrets) != 4 {
		t.Fatalf("found %d secrets, expected three private keys and the PIN", len(secrets))
	}
	attestation, err := b.Factory.AttestationKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	secrets = append(secrets, secret{"attestation key", attestation}, secret{"Key-ENC", b.Factory.Keys.ENC},
		secret{"Key-MAC", b.Factory.Keys.MAC}, secret{"Key-DEK", b.Factory.Keys.DEK})
	for i, x := range secrets {
		if bytes.Contains(seen, x.value) {
			t.Errorf("%s was in an answer", x.name)
		}
		for _, y := range secrets[:i] {
			if bytes.Equal(x.value, y.value) {
				t.Errorf("%s and %s are one key", x.name, y.name)
			}
		}
	}
	// The search finds what is there: the public key of the live credential is in the attestation.
	digest := sha256.Sum256(j.credential)
	if !bytes.Contains(seen, digest[:]) {
		t.Error(fmt.Errorf("the receipt's digest was not found in %d bytes: the search sees nothing", len(seen)))
	}
}
