package cardsim

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha512"
	"fmt"

	"mobileid/issuer/card"
	"mobileid/mdoc/apdu"
	"mobileid/mdoc/jpkiap"
)

// The card of the next generation (次期個人番号カード) is proposed: nothing below the level of the task force's report is public. AIDs
// (of the unregistered category F), files, tags and commands are invented here; what the report says is kept: two applications,
// ECDSA on P-384 with SHA-384, two secrets, a six-digit 照合番号, and a PUK for the PIN.
const (
	nextAuthAID = "\xF0MOBILEID\x01" // 認証AP: all that needs a PIN
	nextFaceAID = "\xF0MOBILEID\x02" // 券面等AP: all that the 照合番号 opens
)

// NextAID is the proposed AID of 認証AP: only a card that NewNext made answers to it.
func NextAID() []byte { return []byte(nextAuthAID) }

// Files of 認証AP, with the numbers that JPKI-AP has for the same things, and of 券面等AP.
const (
	nextSignatureCertificate card.FileID = 0x60001
	nextSignatureCA          card.FileID = 0x60002
	nextAttributes           card.FileID = 0x60003
	nextRecordCertificate    card.FileID = 0x60004
	nextToken                card.FileID = 0x60006
	nextAuthCertificate      card.FileID = 0x6000A
	nextAuthCA               card.FileID = 0x6000B
	nextPIN                  card.FileID = 0x60011
	nextPassword             card.FileID = 0x60012
	nextPUK                  card.FileID = 0x60013
	nextAuthKey              card.FileID = 0x60017
	nextSignatureKey         card.FileID = 0x6001A

	nextNumber          card.FileID = 0x70001
	nextFaceRecord      card.FileID = 0x70002
	nextFaceCertificate card.FileID = 0x70004
	nextShortNumber     card.FileID = 0x70011
	nextFaceKey         card.FileID = 0x7001A
)

// nextKeys are the private keys of a card of the next generation.
var nextKeys = [...]card.FileID{nextAuthKey, nextSignatureKey, nextFaceKey}

// ShortNumber is the six-digit 照合番号 of the next generation: the security code and the year of expiry in two digits, a rule invented here.
func (p Person) ShortNumber() string {
	return p.SecurityCode + fmt.Sprintf("%02d", p.Expiry.Year%100)
}

func nextSecrets(p Person) []secretRule {
	return []secretRule{
		{nextPIN, p.AuthenticationPIN, 3, insChangeReference, jpkiap.IsPIN},
		{nextPassword, p.SignaturePassword, 5, insChangeReference, jpkiap.IsPassword},
		{nextPUK, p.PUK, 10, 0, nil},
		{nextShortNumber, p.ShortNumber(), 10, 0, nil},
	}
}

func nextOpeners(id card.FileID) []card.FileID {
	switch id {
	case nextAuthKey:
		return []card.FileID{nextPIN}
	case nextSignatureCertificate, nextSignatureKey:
		return []card.FileID{nextPassword}
	case nextAttributes:
		return []card.FileID{nextPIN, nextPassword}
	case nextNumber, nextFaceRecord:
		return []card.FileID{nextShortNumber}
	default:
		return nil
	}
}

// signNext is COMPUTE DIGITAL SIGNATURE of the next generation: P1 02 for a digest of 48 bytes, P1 03 for 1 to 255 bytes that the card
// hashes. The answer is an ECDSA-Sig-Value (RFC 3279, 2.2.3).
func signNext(key *ecdsa.PrivateKey, p1 byte, data []byte) ([]byte, apdu.SW) {
	switch {
	case p1 != 0x02 && p1 != 0x03:
		return nil, apdu.WrongParameters
	case p1 == 0x02 && len(data) != sha512.Size384, len(data) > 255:
		return nil, apdu.Conditions
	case p1 == 0x03:
		digest := sha512.Sum384(data)
		data = digest[:]
	}
	signature, err := ecdsa.SignASN1(rand.Reader, key, data)
	if err != nil {
		return nil, apdu.ExecutionError
	}
	return signature, apdu.OK
}

const insResetRetryCounter byte = 0x2C

// pukLength is the length of the PUK, so that a PIN behind it can be told apart.
const pukLength = 8

// resetRetryCounter is RESET RETRY COUNTER (ISO/IEC 7816-4, 11.5.10) with P1 00: the PUK and a new PIN behind it. It unblocks the PIN alone,
// and the PUK has a counter of its own.
func (k *Card) resetRetryCounter(c apdu.Command) apdu.SW {
	if k.current.id != nextAuth {
		return apdu.InsUnsupported
	}
	if c.P1 != 0x00 {
		return apdu.WrongParameters
	}
	f, sw := k.reference(c.P2)
	switch {
	case sw != apdu.OK:
		return sw
	case f.id != nextPIN:
		return apdu.Conditions
	case c.Le != 0 || len(c.Data) <= pukLength || !jpkiap.IsPIN(c.Data[pukLength:]):
		return apdu.WrongLength
	}
	puk := k.files[nextPUK]
	if sw := k.try(puk, c.Data[:pukLength]); sw != apdu.OK {
		return sw
	}
	delete(k.verified, nextPUK)
	delete(k.verified, f.id)
	old := *f.secret
	f.secret.value, f.secret.tries = bytes.Clone(c.Data[pukLength:]), f.secret.limit
	if k.persist() != nil {
		*f.secret = old
		return apdu.MemoryFailure
	}
	return apdu.OK
}

// nextContents personalises: the four attributes and the card face are signed by one record key of the authority.
func nextContents(p Person, a *NextAuthority, o Options) (*contents, error) {
	d := draft(p)
	d.Certificate.NotAfter = card.EndOfDay(p.Expiry)
	if o.Alter != nil {
		o.Alter(&d)
	}
	c := newContents()
	for _, id := range nextKeys {
		key, err := newP384()
		if err != nil {
			return nil, fmt.Errorf("making the key %v: %w", id, err)
		}
		c.keys[id] = key
	}
	c.data[nextToken] = jpkiap.TokenInformation("MOBILEIDNEXTTOKEN1")
	c.data[nextSignatureCA], c.data[nextAuthCA] = a.signature.cert.Raw, a.authentication.cert.Raw
	c.data[nextRecordCertificate], c.data[nextFaceCertificate] = a.records.cert.Raw, a.records.cert.Raw
	c.data[nextNumber] = numberRecord(d.Attributes.Number)
	c.data[card.NewFileID(domain, 0x0066)], c.data[card.NewFileID(domain, atrTag)] = recognitionData(), []byte(contactATR)
	for _, write := range []func(*contents, Person, Draft) error{a.certificates, a.attributes, a.face} {
		if err := write(c, p, d); err != nil {
			return nil, err
		}
	}
	if o.Tamper != nil {
		o.Tamper(c.data)
	}
	return c, nil
}

// attributes is FF20 with the four attributes as 補助AP has them, and DF26: the signature over DF22 to DF25.
func (a *NextAuthority) attributes(c *contents, _ Person, d Draft) error {
	objects := [][]byte{
		object(0xDF22, []byte(d.Attributes.Name)), object(0xDF23, []byte(d.Attributes.Address)),
		object(0xDF24, []byte(d.Attributes.BirthDate)), object(0xDF25, []byte(d.Attributes.Sex)),
	}
	signature, err := a.sign(objects)
	if err != nil {
		return fmt.Errorf("signing the attributes: %w", err)
	}
	c.data[nextAttributes] = withOffsets(0xFF20, 0xDF21, append(objects, object(0xDF26, signature))...)
	return nil
}

// face is FF20 with birth date, sex, key of the application, name, photo and expiry, and DF28: the signature over all of them.
func (a *NextAuthority) face(c *contents, _ Person, d Draft) error {
	key, ok := c.keys[nextFaceKey].Public().(*ecdsa.PublicKey)
	if !ok {
		return fmt.Errorf("the key of the face is no P-384 key")
	}
	point, err := key.Bytes()
	if err != nil {
		return fmt.Errorf("encoding the key of the face: %w", err)
	}
	objects := [][]byte{
		object(0xDF22, []byte(d.Face.BirthDate)), object(0xDF23, []byte(d.Face.Sex)), object(0xDF24, object(0x86, point)),
		object(0xDF25, []byte(d.Face.Name)), object(0xDF27, d.Face.Portrait), object(0xDF29, []byte(d.Face.Expiry)),
	}
	signature, err := a.sign(objects)
	if err != nil {
		return fmt.Errorf("signing the card face: %w", err)
	}
	c.data[nextFaceRecord] = withOffsets(0xFF20, 0xDF21, append(objects, object(0xDF28, signature))...)
	return nil
}

func (a *NextAuthority) sign(objects [][]byte) ([]byte, error) {
	digest := sha512.Sum384(bytes.Join(objects, nil))
	return ecdsa.SignASN1(rand.Reader, a.records.key, digest[:])
}
