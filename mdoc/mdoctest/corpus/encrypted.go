package corpus

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"

	"mobileid/mdoc/transcript"
)

// hpkeLabels are the labelled functions of RFC 9180, 4 for one suite id, over HKDF-SHA256.
type hpkeLabels string

func (s hpkeLabels) extract(salt []byte, label string, ikm []byte) []byte {
	return must(hkdf.Extract(sha256.New, append([]byte("HPKE-v1"+string(s)+label), ikm...), salt))
}

func (s hpkeLabels) expand(key []byte, label string, info []byte, n int) []byte {
	labelled := binary.BigEndian.AppendUint16(nil, uint16(n))
	labelled = append(append(labelled, "HPKE-v1"+string(s)+label...), info...)
	return must(hkdf.Expand(sha256.New, key, string(labelled), n))
}

// sealHPKE is one message of RFC 9180 in base mode, DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-128-GCM, with the ephemeral key
// given: the same bytes each time.
func sealHPKE(ephemeral *ecdh.PrivateKey, recipient *ecdh.PublicKey, info, plaintext []byte) (enc, cipherText []byte) {
	const kem, suite = hpkeLabels("KEM\x00\x10"), hpkeLabels("HPKE\x00\x10\x00\x01\x00\x01")
	enc = ephemeral.PublicKey().Bytes()
	context := append(append([]byte{}, enc...), recipient.Bytes()...)
	shared := kem.expand(kem.extract(nil, "eae_prk", must(ephemeral.ECDH(recipient))), "shared_secret", context, 32)
	schedule := append([]byte{0}, suite.extract(nil, "psk_id_hash", nil)...)
	schedule = append(schedule, suite.extract(nil, "info_hash", info)...)
	secret := suite.extract(shared, "secret", nil)
	gcm := must(cipher.NewGCM(must(aes.NewCipher(suite.expand(secret, "key", schedule, 16)))))
	return enc, gcm.Seal(nil, suite.expand(secret, "base_nonce", schedule, gcm.NonceSize()), plaintext, nil)
}

// envelope is an answer whose document is encrypted for its request (ISO/IEC 18013-5 second edition, 12.6), in parts.
type envelope struct {
	*presentation
	recipient  *ecdh.PrivateKey // as the verifier has it
	parameters *node            // EncryptionParametersBytes
	to         *ecdh.PublicKey
	session    transcript.Transcript // that is sealed over
	plain      *node
	onPlain    func([]byte) []byte
	onSealed   func(sealed *node)
}

// envelopeRow is a case of it: before is applied before the document is signed, after to what is sealed then.
type envelopeRow struct {
	label
	before, after func(*envelope)
}

func (r envelopeRow) build(a *authority) Case {
	e := &envelope{presentation: newPresentation(a), recipient: agreementKey("recipient")}
	e.to = e.recipient.PublicKey()
	e.parameters = embed(mapOf("recipientPublicKey", keyNode(e.to)))
	e.signed = must(e.presentation.session.ForDocumentEncryption(encode(e.parameters)))
	e.session = e.signed
	if r.before != nil {
		r.before(e)
	}
	requestInfo("docResponseEncryption", e.parameters)(e.presentation)
	e.plain = mapOf("documents", array(e.document()))
	if r.after != nil {
		r.after(e)
	}
	raw := encode(e.plain)
	if e.onPlain != nil {
		raw = e.onPlain(raw)
	}
	enc, cipherText := sealHPKE(agreementKey("seal"), e.to, e.session.Array(), raw)
	sealed := mapOf("enc", bstr(enc), "cipherText", bstr(cipherText), "docRequestID", uinteger(0))
	call(e.onSealed, sealed)
	e.onResponse = func(n *node) {
		n.remove("documents")
		n.set("encryptedDocuments", array(sealed))
	}
	c := e.responseCase(r.label, "base-encrypted")
	c.add("recipient_key", e.recipient.Bytes())
	return c
}

func encryptedCases(a *authority) []Case {
	const id = "response.encrypted_documents"
	row := func(name, fails, reason string, before, after func(*envelope)) envelopeRow {
		return envelopeRow{label{"encrypted-" + name, fails, reason, "P2 P5"}, before, after}
	}
	sealed := func(name, reason string, edit func(*node)) envelopeRow {
		return row(name, id, reason, nil, func(e *envelope) { e.onSealed = edit })
	}
	plain := func(name, reason string, edit func(*envelope)) envelopeRow { return row(name, id, reason, nil, edit) }
	parameters := func(name, reason string, edit func(*node)) envelopeRow {
		return row("parameters-"+name, id, reason, func(e *envelope) { e.parameters.within(edit) }, nil)
	}
	other := agreementKey("another recipient")
	rows := []envelopeRow{
		{label{name: "base-encrypted", reason: "an encrypted document"}, nil, nil},
		sealed("bit", "a bit of the ciphertext", flip(7, "cipherText")),
		sealed("tag", "a bit of the tag", flip(-1, "cipherText")),
		sealed("cut", "the ciphertext is cut", func(n *node) { n.get("cipherText").str = n.get("cipherText").str[1:] }),
		sealed("tag-alone", "a tag and no ciphertext", set(bstr(make([]byte, 16)), "cipherText")),
		sealed("enc-other", "another ephemeral key", set(bstr(agreementKey("stranger").PublicKey().Bytes()), "enc")),
		sealed("enc-off-curve", "an ephemeral key off its curve", flip(7, "enc")),
		sealed("enc-compressed", "a compressed ephemeral key", func(n *node) { n.get("enc").str = append([]byte{2}, n.get("enc").str[1:33]...) }),
		sealed("enc-hybrid", "an ephemeral key in the hybrid form", func(n *node) { n.get("enc").str = append([]byte{6}, n.get("enc").str[1:]...) }),
		plain("to-other", "sealed to another key", func(e *envelope) { e.to = other.PublicKey() }),
		plain("of-channel", "sealed over the transcript of the channel", func(e *envelope) { e.session = e.presentation.session }),
		plain("of-other-session", "sealed in another session", func(e *envelope) {
			e.session = must(qrSession("second", e.reader).ForDocumentEncryption(encode(e.parameters)))
		}),
		plain("no-documents", "no documents inside", func(e *envelope) { e.plain.remove("documents") }),
		plain("empty-list", "an empty list inside", func(e *envelope) { e.plain.set("documents", array()) }),
		plain("empty-proofs", "an empty list of zero-knowledge documents inside", func(e *envelope) { e.plain.set("zkDocuments", array()) }),
		plain("trailing", "a byte after what is inside", func(e *envelope) { e.onPlain = func(b []byte) []byte { return append(b, 0) } }),
		plain("array", "an array inside", func(e *envelope) { e.plain = array() }),
		plain("document-shape", "a document inside that is none", func(e *envelope) {
			list := e.plain.get("documents")
			list.items = append(list.items, mapOf())
		}),
		plain("documents-many", "more documents inside than any request asks for", func(e *envelope) {
			list := e.plain.get("documents")
			for range 32 {
				list.items = append(list.items, list.items[0])
			}
		}),
		parameters("off-curve", "a recipient's key off its curve", func(n *node) { flip(7, -2)(n.get("recipientPublicKey")) }),
		parameters("p384", "a recipient's key on P-384", set(keyNode(must(ecdh.P384().NewPrivateKey(draw("recipient", 48))).PublicKey()), "recipientPublicKey")),
		parameters("nonce-long", "a nonce of more than 256 bytes", set(bstr(make([]byte, 257)), "nonce")),
		parameters("chain-empty", "an empty chain for the recipient's key", set(array(), "recipientCertificate")),
		parameters("chain-seven", "a chain of seven certificates", set(array(bstr(a.ds), bstr(a.ds), bstr(a.ds), bstr(a.ds), bstr(a.ds), bstr(a.ds), bstr(a.ds)), "recipientCertificate")),
		parameters("chain-other", "a certificate for another key", set(array(bstr(a.ds)), "recipientCertificate")),
		parameters("certificate-empty", "an empty certificate", set(array(bstr(nil)), "recipientCertificate")),
		parameters("certificate-long", "a certificate of more than 16 KiB", set(array(bstr(make([]byte, 16<<10+1))), "recipientCertificate")),
		parameters("certificate-malformed", "a certificate that is none", set(array(bstr([]byte{0x30, 0})), "recipientCertificate")),
		row("tampered", "mso.digest", "a value inside that was changed", func(e *envelope) {
			tampered("family_name", set(text("偽"), "elementValue"))(e.presentation)
		}, nil),
		row("signed-for-channel", "device_auth.proof", "a document inside that is signed for the channel", func(e *envelope) { e.signed = e.presentation.session }, nil),
		row("signed-elsewhere", "device_auth.proof", "a document inside that is signed for another session", func(e *envelope) {
			e.signed = must(qrSession("second", e.reader).ForDocumentEncryption(encode(e.parameters)))
		}, nil),
		row("without-key", "?"+id, "the verifier has another key", func(e *envelope) { e.recipient = other }, nil),
	}
	var out []Case
	for _, r := range rows {
		out = append(out, r.build(a))
	}
	return out
}
