package applet

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/provisioning"
	"mobileid/mdoc/transcript"
	"mobileid/tsm/applet/ledger"
	"mobileid/tsm/se"
)

// Data objects of the command that computes a MAC.
const (
	tagPoint        = 0x86 // EReaderKey, uncompressed, 65 bytes
	tagSalt         = 0x87 // SHA-256 of SessionTranscriptBytes, 32 bytes
	tagMACStructure = 0x80
)

// perform answers PERFORM SECURITY OPERATION, ISO/IEC 7816-8:2021, 7.
func (a *instance) perform(c apdu.Command) apdu.Response {
	switch {
	case c.P1 == 0x9E && c.P2 == 0x9A:
		return a.use(provisioning.PurposeSign, c.Data, a.sign)
	case c.P1 == 0x8E && c.P2 == 0x80:
		return a.use(provisioning.PurposeMAC, c.Data, a.mac)
	default:
		return status(apdu.WrongParameters)
	}
}

// A task is what a device key is about to do once its use is counted.
type task func(key *ecdsa.PrivateKey) ([]byte, error)

// use lets the device key do one thing: for the purpose it was made for, on data that prepare has judged, with a PIN
// verification of its own, and counted before it is done.
func (a *instance) use(purpose provisioning.Purpose, data []byte, prepare func([]byte, live) (task, apdu.SW)) apdu.Response {
	l, key := ledger.Record[live](a.p, objLive), ledger.SigningKey(a.p, objLiveKey)
	switch {
	case l == nil || key == nil || l.Purpose != purpose:
		return status(apdu.Conditions)
	case a.consent.left(a.p.Now()) == 0 || !a.consent.use:
		return status(apdu.SecurityStatus)
	}
	do, sw := prepare(data, *l)
	if sw != apdu.OK {
		return status(sw)
	}
	a.consent.use = false
	tx := a.p.Begin()
	tx.Store(objUses, encodeNumber(uses(a.p)+1))
	if err := tx.Commit(); err != nil {
		return status(se.StatusOf(err))
	}
	out, err := do(key)
	if err != nil {
		return status(apdu.ExecutionError)
	}
	return apdu.Response{Data: out, SW: apdu.OK}
}

// sign makes ready an ES256 signature over a Sig_structure, ISO/IEC 18013-5:2021, 9.1.3.6: the whole structure comes in and
// is hashed here, so that the key cannot be led to sign a digest of something else.
func (a *instance) sign(data []byte, l live) (task, apdu.SW) {
	if _, err := parseDeviceAuthentication(data, "Signature1", int64(cose.ES256), l.DocType); err != nil {
		return nil, apdu.WrongData
	}
	digest := sha256.Sum256(data)
	return func(key *ecdsa.PrivateKey) ([]byte, error) {
		r, s, err := ecdsa.Sign(a.p.Rand(), key, digest[:])
		if err != nil {
			return nil, err
		}
		out := make([]byte, 64)
		r.FillBytes(out[:32])
		s.FillBytes(out[32:])
		return out, nil
	}, apdu.OK
}

// mac makes ready an HMAC over a MAC_structure, ISO/IEC 18013-5:2021, 9.1.3.5: ECDH with the reader's key, HKDF to
// EMacKey and HMAC happen here, and neither the shared secret nor EMacKey leaves. The salt must be the digest of the
// session transcript that stands in the structure.
func (a *instance) mac(data []byte, l live) (task, apdu.SW) {
	tlvs, err := apdu.ParseTLVs(data)
	if err != nil || len(tlvs) != 3 {
		return nil, apdu.WrongData
	}
	point, _ := apdu.Find(tlvs, tagPoint)
	salt, _ := apdu.Find(tlvs, tagSalt)
	structure, _ := apdu.Find(tlvs, tagMACStructure)
	reader, err := ecdh.P256().NewPublicKey(point)
	if err != nil {
		return nil, apdu.WrongData
	}
	t, err := parseDeviceAuthentication(structure, "MAC0", int64(cose.HMAC256), l.DocType)
	if err != nil {
		return nil, apdu.WrongData
	}
	if subtle.ConstantTimeCompare(t.Salt(), salt) != 1 {
		return nil, apdu.WrongData
	}
	return func(key *ecdsa.PrivateKey) ([]byte, error) { return emac(key, reader, salt, structure) }, apdu.OK
}

// emac is ISO/IEC 18013-5:2021, 9.1.3.5: EMacKey from ECDH and HKDF, and the HMAC under it.
func emac(key *ecdsa.PrivateKey, reader *ecdh.PublicKey, salt, structure []byte) ([]byte, error) {
	device, err := key.ECDH()
	if err != nil {
		return nil, err
	}
	macKey, err := transcript.EMacKeyFromSalt(device, reader, salt)
	if err != nil {
		return nil, err
	}
	defer clear(macKey)
	h := hmac.New(sha256.New, macKey)
	h.Write(structure)
	return h.Sum(nil), nil
}
