package applet_test

import (
	"bytes"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"math/big"
	"slices"
	"testing"

	"mobileid/mdoc"
	"mobileid/mdoc/apdu"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/mdoctest/world"
	"mobileid/mdoc/provisioning"
	"mobileid/mdoc/transcript"
	"mobileid/tsm/se"
)

// macData are the data objects of the command that computes a MAC.
func macData(point, salt, structure []byte) []byte {
	return apdu.AppendTLV(apdu.AppendTLV(apdu.AppendTLV(nil, 0x86, point), 0x87, salt), 0x80, structure)
}

// pso sends one of the two commands that use the device key.
func pso(t *testing.T, s *se.SE, p1p2 uint16, data []byte) apdu.Response {
	t.Helper()
	r, err := apdu.Exchange(t.Context(), s, apdu.Command{INS: 0x2A, P1: byte(p1p2 >> 8), P2: byte(p1p2), Data: data, Le: 256, Extended: true})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// foreign are structures that no device key may sign or MAC, made of a good one's parts.
func foreign(tr transcript.Transcript, context string, header []byte) map[string][]byte {
	payload := mdoc.DeviceAuthenticationBytes(tr, world.DocType, noNameSpaces())
	good := sigStructure(context, header, nil, payload)
	other, otherHeader := "MAC0", []byte{0xA1, 0x01, 0x05}
	if context == other {
		other, otherHeader = "Signature1", []byte{0xA1, 0x01, 0x26}
	}
	with := func(inner []byte) []byte { return sigStructure(context, header, nil, cbor.AppendEmbedded(nil, inner)) }
	authentication := func(context string, members int, transcript []byte) []byte {
		b := append(cbor.AppendText(cbor.AppendArrayHead(nil, members), context), transcript...)
		return append(cbor.AppendText(b, world.DocType), noNameSpaces()...)
	}
	return map[string][]byte{
		"nothing":                       {},
		"a digest":                      bytes.Repeat([]byte{7}, 32),
		"the payload alone":             payload,
		"another context":               sigStructure("CounterSignature", header, nil, payload),
		"the other context":             sigStructure(other, header, nil, payload),
		"the other structure":           sigStructure(other, otherHeader, nil, payload),
		"context Signature":             sigStructure("Signature", header, nil, payload),
		"context in small letters":      sigStructure("signature1", header, nil, payload),
		"another algorithm":             sigStructure(context, []byte{0xA1, 0x01, 0x38, 0x22}, nil, payload),
		"the other algorithm":           sigStructure(context, otherHeader, nil, payload),
		"algorithm as text":             sigStructure(context, []byte{0xA1, 0x01, 0x65, 'E', 'S', '2', '5', '6'}, nil, payload),
		"a header more":                 sigStructure(context, append(append([]byte{0xA2}, header[1:]...), 0x04, 0x41, 0x00), nil, payload),
		"the header twice":              sigStructure(context, append(append([]byte{0xA2}, header[1:]...), header[1:]...), nil, payload),
		"no header":                     sigStructure(context, nil, nil, payload),
		"an empty header":               sigStructure(context, []byte{0xA0}, nil, payload),
		"external data":                 sigStructure(context, header, []byte{1}, payload),
		"another document type":         sigStructure(context, header, nil, mdoc.DeviceAuthenticationBytes(tr, "org.iso.18013.5.1.mDL", noNameSpaces())),
		"no document type":              sigStructure(context, header, nil, mdoc.DeviceAuthenticationBytes(tr, "", noNameSpaces())),
		"payload without tag":           sigStructure(context, header, nil, []byte{0x81, 0x00}),
		"payload tagged twice":          sigStructure(context, header, nil, cbor.AppendEmbedded(nil, payload)),
		"no payload":                    sigStructure(context, header, nil, nil),
		"reader authentication":         with(authentication("ReaderAuthentication", 4, cbor.AppendEmbedded(nil, []byte{0xA0}))),
		"an MSO":                        with([]byte{0xA0}),
		"no transcript":                 with(authentication("DeviceAuthentication", 4, []byte{0xF6})),
		"a transcript of two":           with(authentication("DeviceAuthentication", 4, []byte{0x82, 0xF6, 0xF6})),
		"a transcript of four":          with(authentication("DeviceAuthentication", 4, []byte{0x84, 0xF6, 0xF6, 0xF6, 0xF6})),
		"engagement without its tag":    with(authentication("DeviceAuthentication", 4, []byte{0x83, 0x41, 0xA0, 0xF6, 0xF6})),
		"a member more":                 with(append(authentication("DeviceAuthentication", 5, tr.Bytes()), 0x00)),
		"name spaces without tag 24":    sigStructure(context, header, nil, mdoc.DeviceAuthenticationBytes(tr, world.DocType, []byte{0xA0})),
		"something behind":              append(bytes.Clone(good), 0),
		"the last byte missing":         good[:len(good)-1],
		"an array of indefinite length": append(append([]byte{0x9F}, good[1:]...), 0xFF),
		"a longer array head":           append([]byte{0x98, 0x04}, good[1:]...),
		"a tag before it":               append([]byte{0xD2}, good...),
		"a credential":                  cbor.AppendText(nil, "IssuerSigned"),
		"an attestation":                sigStructure(context, header, nil, []byte{0xA1, 0x01, 0x50}),
	}
}

// The element signs and MACs DeviceAuthentication of its own document and nothing else; a refusal uses no consent up.
func TestForeignPayloads(t *testing.T) {
	t.Parallel()
	refused := 0
	for name, tc := range map[string]struct {
		purpose provisioning.Purpose
		context string
		header  []byte
		p1p2    uint16
		wrong   uint16 // the command of the other purpose
	}{
		"signature": {provisioning.PurposeSign, "Signature1", []byte{0xA1, 0x01, 0x26}, 0x9E9A, 0x8E80},
		"MAC":       {provisioning.PurposeMAC, "MAC0", []byte{0xA1, 0x01, 0x05}, 0x8E80, 0x9E9A},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			s, _, c := provisioned(t, b, tc.purpose)
			tr, reader, err := someTranscript()
			if err != nil {
				t.Fatal(err)
			}
			data := func(structure []byte) []byte {
				if tc.purpose == provisioning.PurposeSign {
					return structure
				}
				return macData(reader.PublicKey().Bytes(), tr.Salt(), structure)
			}
			good := sigStructure(tc.context, tc.header, nil, mdoc.DeviceAuthenticationBytes(tr, world.DocType, noNameSpaces()))
			if err := c.VerifyPIN(t.Context(), testPIN); err != nil {
				t.Fatal(err)
			}
			for name, structure := range foreign(tr, tc.context, tc.header) {
				if r := pso(t, s, tc.p1p2, data(structure)); r.SW != apdu.WrongData || len(r.Data) != 0 {
					t.Errorf("%s: %v", name, r.SW)
				}
				refused++
			}
			for _, p1p2 := range []uint16{tc.wrong, 0x9E9B, 0x8E8A, 0x8084, 0x8086, 0x9080, 0x00A8} { // the other purpose, decipher, encipher, hash, verify
				if r := pso(t, s, p1p2, data(good)); r.SW != apdu.Conditions && r.SW != apdu.WrongParameters {
					t.Errorf("PSO %04X: %v", p1p2, r.SW)
				}
				refused++
			}
			if r := pso(t, s, tc.p1p2, data(good)); r.SW != apdu.OK {
				t.Errorf("the right structure: %v", r.SW)
			}
		})
	}
	t.Logf("device key: %d foreign payloads and commands refused", refused)
}

// The data objects around a MAC_structure: each one once, the salt that of the transcript in it.
func TestTamperMACObjects(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s, _, c := provisioned(t, b, provisioning.PurposeMAC)
	tr, reader, err := someTranscript()
	if err != nil {
		t.Fatal(err)
	}
	other, _, err := someTranscript()
	if err != nil {
		t.Fatal(err)
	}
	structure := sigStructure("MAC0", []byte{0xA1, 0x01, 0x05}, nil, mdoc.DeviceAuthenticationBytes(tr, world.DocType, noNameSpaces()))
	point, salt := reader.PublicKey().Bytes(), tr.Salt()
	variants := map[string][]byte{
		"salt of another transcript": macData(point, other.Salt(), structure),
		"no salt":                    macData(point, nil, structure),
		"a salt cut short":           macData(point, salt[:31], structure),
		"a salt too long":            macData(point, append(bytes.Clone(salt), 0), structure),
		"objects missing":            apdu.AppendTLV(nil, 0x80, structure),
		"an object twice":            append(apdu.AppendTLV(nil, 0x86, point), macData(point, salt, structure)...),
		"the point twice, no salt":   apdu.AppendTLV(apdu.AppendTLV(apdu.AppendTLV(nil, 0x86, point), 0x86, point), 0x80, structure),
		"an object more":             append(macData(point, salt, structure), 0x81, 0x00),
		"cut short":                  macData(point, salt, structure)[:200],
		"no objects":                 structure,
	}
	for name, p := range wrongPoints(point) {
		variants["point: "+name] = macData(p, salt, structure)
	}
	if err := c.VerifyPIN(t.Context(), testPIN); err != nil {
		t.Fatal(err)
	}
	for name, data := range variants {
		if r := pso(t, s, 0x8E80, data); r.SW != apdu.WrongData || len(r.Data) != 0 {
			t.Errorf("%s: %v", name, r.SW)
		}
	}
	t.Logf("device MAC: %d variants of points and objects refused before anything was computed", len(variants))
	if r := pso(t, s, 0x8E80, macData(point, salt, structure)); r.SW != apdu.OK || len(r.Data) != sha256.Size {
		t.Errorf("the right one: %v, %d bytes", r.SW, len(r.Data))
	}
}

// wrongPoints are encodings that are no point of P-256 in the one form taken. The curve has no points of low order; those of other curves
// with the same a, on which the same formulas would work, are refused as not on this one.
func wrongPoints(point []byte) map[string][]byte {
	prime := elliptic.P256().Params().P
	coordinates := func(x, y *big.Int) []byte {
		return slices.Concat([]byte{4}, x.FillBytes(make([]byte, 32)), y.FillBytes(make([]byte, 32)))
	}
	x, y := new(big.Int).SetBytes(point[1:33]), new(big.Int).SetBytes(point[33:])
	off := bytes.Clone(point)
	off[64] ^= 1
	hybrid := bytes.Clone(point)
	hybrid[0] = 6 + point[64]&1
	random := make([]byte, 65)
	_, _ = rand.Read(random)
	random[0] = 4
	p384 := elliptic.P384().Params()
	out := map[string][]byte{
		"off the curve":      off,
		"random":             random,
		"compressed":         append([]byte{2 + point[64]&1}, point[1:33]...),
		"hybrid":             hybrid,
		"infinity":           {0},
		"none":               nil,
		"zero":               make([]byte, 65),
		"zero, uncompressed": coordinates(new(big.Int), new(big.Int)),
		"cut short":          point[:64],
		"too long":           append(bytes.Clone(point), 0),
		"without its form":   point[1:],
		"x and y exchanged":  coordinates(y, x),
		"of P-384":           slices.Concat([]byte{4}, p384.Gx.FillBytes(make([]byte, 48)), p384.Gy.FillBytes(make([]byte, 48))),
		"x is the prime":     coordinates(prime, y),
		"x and y all bits":   append([]byte{4}, bytes.Repeat([]byte{0xFF}, 64)...),
	}
	for i := range int64(8) { // (x, 0) has order 2 on y² = x³ - 3x + b' for some b'
		out[fmt.Sprintf("of order 2 elsewhere, x = %d", i+1)] = coordinates(big.NewInt(i+1), new(big.Int))
	}
	return out
}
