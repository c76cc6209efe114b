package corpus

import (
	"crypto/hmac"
	"crypto/sha256"

	"mobileid/mdoc/transcript"
)

// sessionKey derives a key of the session that is not the one for MACs.
func sessionKey(p *presentation, info string) []byte {
	z := must(transcript.Agree(agreementKey("device ephemeral first"), p.reader.PublicKey()))
	return must(transcript.DeriveKey(z, p.session.Salt(), info))
}

// hmacTag is the tag over a good MAC_structure under any key.
func hmacTag(key []byte, message *node, p *presentation) []byte {
	content := encode(array(text("DeviceAuthentication"), verbatim(p.session.Array()...), text(docType), verbatim(0xd8, 0x18, 0x41, 0xa0)))
	h := hmac.New(sha256.New, key)
	h.Write(structure("MAC0", message.items[0].str, embedBytes(content)))
	return h.Sum(nil)
}

// request of an online presentation, as the handover hashes it.
type onlineRequest struct {
	clientID, nonce, responseURI string
	thumbprint                   *node
}

func (o onlineRequest) session() transcript.Transcript {
	return hashed("OpenID4VPHandover", array(text(o.clientID), text(o.nonce), o.thumbprint, text(o.responseURI)))
}

func hashed(name string, info *node) transcript.Transcript {
	sum := sha256.Sum256(encode(info))
	return must(transcript.Online(encode(array(text(name), bstr(sum[:])))))
}

// sessionMixRows are answers that were made for another session than the one they are shown in (P3, P5).
func sessionMixRows(a *authority) []Case {
	reader := agreementKey("reader ephemeral")
	jwk := bstr(draw("thumbprint", 32))
	good := onlineRequest{"x509_san_dns:verifier.example", "nonce-of-this-request", "https://verifier.example/response", jwk}
	with := func(edit func(*onlineRequest)) transcript.Transcript {
		o := good
		edit(&o)
		return o.session()
	}
	dcapi := func(origin, nonce string, key *node) transcript.Transcript {
		return hashed("OpenID4VPDCAPIHandover", array(text(origin), text(nonce), key))
	}
	annexC := func(info, origin string) transcript.Transcript {
		return hashed("dcapi", array(text(info), text(origin)))
	}
	engagement := encode(engagementNode(agreementKey("device ephemeral first").PublicKey()))
	readerKey := encode(embed(keyNode(reader.PublicKey())))
	hs, hr := draw("handover select", 80), draw("handover request", 60)
	nfc := func(hs, hr []byte) transcript.Transcript {
		return must(transcript.NFC(engagement, readerKey, hs, hr))
	}
	groups := []struct {
		base string
		due  transcript.Transcript
		rows map[string]transcript.Transcript
	}{
		{"base-qr", qrSession("first", reader), map[string]transcript.Transcript{
			"other engagement": qrSession("second", reader),
			"other reader key": qrSession("first", agreementKey("other reader")),
			"NFC static":       nfc(hs, nil),
			"online":           good.session(),
		}},
		{"base-nfc-static", nfc(hs, nil), map[string]transcript.Transcript{
			"QR":                    qrSession("first", reader),
			"other handover select": nfc(draw("other", 80), nil),
			"negotiated":            nfc(hs, hr),
		}},
		{"base-nfc-negotiated", nfc(hs, hr), map[string]transcript.Transcript{
			"static":                 nfc(hs, nil),
			"other handover request": nfc(hs, draw("other", 60)),
			"messages swapped":       nfc(hr, hs),
		}},
		{"base-openid4vp", good.session(), map[string]transcript.Transcript{
			"other nonce":           with(func(o *onlineRequest) { o.nonce = "nonce-of-another" }),
			"client_id prefix":      with(func(o *onlineRequest) { o.clientID = "x509_hash:verifier.example" }),
			"client_id bare":        with(func(o *onlineRequest) { o.clientID = "verifier.example" }),
			"other client_id":       with(func(o *onlineRequest) { o.clientID = "x509_san_dns:attacker.example" }),
			"other response_uri":    with(func(o *onlineRequest) { o.responseURI = "https://attacker.example/response" }),
			"other encryption key":  with(func(o *onlineRequest) { o.thumbprint = bstr(draw("other", 32)) }),
			"no encryption key":     with(func(o *onlineRequest) { o.thumbprint = null() }),
			"DC API":                dcapi("https://verifier.example", good.nonce, jwk),
			"fields in other order": hashed("OpenID4VPHandover", array(text(good.nonce), text(good.clientID), jwk, text(good.responseURI))),
			"proximity":             qrSession("first", reader),
		}},
		{"base-dcapi", dcapi("https://verifier.example", "n", jwk), map[string]transcript.Transcript{
			"other origin":       dcapi("https://attacker.example", "n", jwk),
			"origin with prefix": dcapi("origin:https://verifier.example", "n", jwk),
			"other nonce":        dcapi("https://verifier.example", "m", jwk),
			"unencrypted":        dcapi("https://verifier.example", "n", null()),
			"Annex C":            annexC("n", "https://verifier.example"),
		}},
		{"base-annex-c", annexC("WyJkY2FwaSJd", "https://verifier.example"), map[string]transcript.Transcript{
			"other EncryptionInfo": annexC("WyJkY2FwaSIs", "https://verifier.example"),
			"other origin":         annexC("WyJkY2FwaSJd", "https://attacker.example"),
		}},
	}
	var out []Case
	for _, g := range groups {
		p := newPresentation(a)
		p.session = g.due
		out = append(out, p.responseCase(label{name: g.base, reason: "a good answer in this kind of session"}, ""))
		for _, name := range sortedKeys(g.rows) {
			p := newPresentation(a)
			p.session, p.signed = g.due, g.rows[name]
			out = append(out, p.responseCase(label{g.base[len("base-"):] + "-signed-for-" + words(name), "device_auth.proof", "signed for another session: " + name, "P2 P3 P5 S22"}, g.base))
		}
	}
	return out
}
