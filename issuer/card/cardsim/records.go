package cardsim

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/binary"

	"mobileid/mdoc/apdu"
)

// object is one data object with its header.
func object(tag uint32, value []byte) []byte { return apdu.AppendTLV(nil, tag, value) }

// outer puts objects into a constructed one.
func outer(tag uint32, objects ...[]byte) []byte { return object(tag, bytes.Join(objects, nil)) }

// withOffsets puts an offset table before the objects: 16-bit big-endian offsets from the first byte of the file, one for each
// object in order.
func withOffsets(tag, table uint32, objects ...[]byte) []byte {
	offsets := make([]byte, 2*len(objects))
	first := len(object(table, offsets))
	size := first
	for _, o := range objects {
		size += len(o)
	}
	at := len(apdu.AppendTLVHeader(nil, tag, size)) + first
	for i, o := range objects {
		binary.BigEndian.PutUint16(offsets[2*i:], uint16(at)) //nolint:gosec // a card file has less than 64 KiB
		at += len(o)
	}
	return outer(tag, append([][]byte{object(table, offsets)}, objects...)...)
}

// publicKey is 90 03 010001 ‖ 91 820100 modulus.
func publicKey(key *rsa.PublicKey) []byte {
	return append(object(0x90, []byte{1, 0, 1}), object(0x91, key.N.FillBytes(make([]byte, 256)))...)
}

// signSHA256 is RSASSA-PKCS1-v1_5 with SHA-256.
func signSHA256(key *rsa.PrivateKey, parts ...[]byte) ([]byte, error) {
	d := sha256.Sum256(bytes.Join(parts, nil))
	return rsa.SignPKCS1v15(nil, key, crypto.SHA256, d[:])
}

// attributesRecord is 補助AP 0002 and the digest of it that the integrity record states (everything behind the offset table).
func attributesRecord(d AttributesDraft) (file []byte, digest [32]byte) {
	objects := [][]byte{
		object(0xDF22, []byte(d.Name)), object(0xDF23, []byte(d.Address)),
		object(0xDF24, []byte(d.BirthDate)), object(0xDF25, []byte(d.Sex)),
	}
	return withOffsets(0xFF20, 0xDF21, objects...), sha256.Sum256(bytes.Join(objects, nil))
}

// numberRecord is 補助AP 0001: 17 bytes, filler included.
func numberRecord(number string) []byte {
	return append(object(0xFF10, []byte(number)), 0xFF, 0xFF)
}

// integrityRecord is 補助AP 0003, signed by the municipality.
func integrityRecord(s *cvSigner, number []byte, attributes [32]byte) ([]byte, error) {
	n := sha256.Sum256(number)
	first, second := object(0xDF31, n[:]), object(0xDF32, attributes[:])
	signature, err := signSHA256(s.key, first, second)
	if err != nil {
		return nil, err
	}
	return outer(0xFF30, first, second, object(0xDF33, signature)), nil
}

// keyRecord is 補助AP 0007, signed by the municipality.
func keyRecord(s *cvSigner, key *rsa.PublicKey) ([]byte, error) {
	k := object(0xDF51, publicKey(key))
	signature, err := signSHA256(s.key, k)
	if err != nil {
		return nil, err
	}
	return outer(0xFF50, k, object(0xDF52, signature)), nil
}

// ageRecord is 券面AP 0001, signed by the municipality.
func ageRecord(s *cvSigner, birth string, key *rsa.PublicKey) ([]byte, error) {
	b, k := object(0xDF11, []byte(birth)), object(0xDF12, publicKey(key))
	signature, err := signSHA256(s.key, b, k)
	if err != nil {
		return nil, err
	}
	return outer(0xFF10, b, k, object(0xDF13, signature)), nil
}

// faceRecord is 券面AP 0002. Its signature is a PKCS#1 v1.5 block whose DigestInfo names SHA-256 but holds three digests: of the text
// objects, of the two text images, of the photo.
func faceRecord(s *cvSigner, d FaceDraft, key *rsa.PublicKey) ([]byte, error) {
	text := [][]byte{object(0xDF22, []byte(d.BirthDate)), object(0xDF23, []byte(d.Sex)), object(0xDF24, publicKey(key))}
	images := [][]byte{object(0xDF25, textImage(d.Name)), object(0xDF26, textImage(d.Address))}
	photo := object(0xDF27, d.Portrait)
	info := []byte("\x30\x71\x30\x0D\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x60")
	for _, part := range [][]byte{bytes.Join(text, nil), bytes.Join(images, nil), photo} {
		digest := sha256.Sum256(part)
		info = append(info, digest[:]...)
	}
	signature, err := rsa.SignPKCS1v15(nil, s.key, crypto.Hash(0), info)
	if err != nil {
		return nil, err
	}
	return withOffsets(0xFF20, 0xDF21, text[0], text[1], text[2], images[0], images[1], photo, object(0xDF28, signature),
		object(0xDF29, []byte(d.Expiry)), object(0xDF2A, digitImage(d.SecurityCode))), nil
}

// numberImageRecord is 券面AP 0005, signed by the municipality.
func numberImageRecord(s *cvSigner, number string, key *rsa.PublicKey) ([]byte, error) {
	img, k := object(0xDF41, digitImage(number)), object(0xDF42, publicKey(key))
	signature, err := signSHA256(s.key, img, k)
	if err != nil {
		return nil, err
	}
	return outer(0xFF40, img, k, object(0xDF43, signature)), nil
}

// basicRecord is 券面AP 0003. encrypted is the 照合番号 for the issuer's eyes.
func basicRecord(s *cvSigner, municipality string, encrypted []byte) []byte {
	return outer(0xFF30, object(0xDF31, []byte{0x06, 0x03, 0x0E, 0x01}), object(0xDF32, s.id[:]), object(0xDF33, []byte{1}),
		object(0xDF34, []byte(municipality)), object(0xDF35, append(append([]byte(nil), s.id[:]...), encrypted...)))
}

// attributesBasicRecord is 補助AP 0005. DF42 names a key that is on no card, and what DF43 holds is not known: 32 bytes, here empty of
// meaning, and filler.
func attributesBasicRecord() []byte {
	id := caKeyID("9000034")
	return outer(0xFF40, object(0xDF41, []byte{0x01, 0x03, 0x0E, 0x01}), object(0xDF42, id[:]),
		object(0xDF43, append(make([]byte, 32), bytes.Repeat([]byte{0xFF}, 96)...)))
}

// emptyFile is what 補助AP 0008 and 券面AP 0006 hold.
func emptyFile() []byte { return bytes.Repeat([]byte{0xFF}, 16) }

// simpleRecord is a simple-TLV record with tag 01 (ISO/IEC 7816-4, 6.2).
func simpleRecord(value []byte) []byte { return append([]byte{0x01, byte(len(value))}, value...) }

// recognitionData is the card recognition data of GlobalPlatform, its OID alone.
func recognitionData() []byte {
	return outer(0x66, outer(0x73, object(0x06, []byte{0x2A, 0x86, 0x48, 0x86, 0xFC, 0x6B, 0x01})))
}
