package annotate

// transcriptRules are the session transcript with every handover, and what is authenticated over it: ISO/IEC 18013-5:2021, 9.1.5.1,
// 9.1.3.4 and 9.1.4.4, ISO/IEC TS 18013-7, OpenID4VP 1.0, B.2.6.
func transcriptRules() map[string]rule {
	clause := iso("9.1.5.1")
	handover := func(clause, meaning string, fields ...field) rule {
		return rule{form: formTuple, clause: clause, meaning: meaning, fields: append([]field{e("type", "text", "")}, fields...)}
	}
	return map[string]rule{
		"SessionTranscript": {form: formTuple, clause: clause, meaning: "binds a presentation to one engagement, reader key and way of meeting", fields: []field{
			e("DeviceEngagementBytes", "DeviceEngagementBytes", ""),
			e("EReaderKeyBytes", "transcript key", ""),
			e("Handover", "handover", ""),
		}},
		"SessionTranscriptBytes": {form: formTag, tag: tagEmbedded, of: "SessionTranscript", clause: clause, meaning: "its SHA-256 is the salt of the session's keys"},
		"transcript key": {pick: func(v view) string {
			if b, ok := v.content(v.at); ok {
				if _, sealed := (view{data: b}).keys(0)[`"recipientPublicKey"`]; sealed {
					return "EncryptionParametersBytes"
				}
			}
			return "EReaderKeyBytes"
		}},
		"handover":   {pick: pickHandover},
		"QRHandover": {clause: clause, meaning: "null: the engagement was a QR code"},
		"NFCHandover": {form: formTuple, clause: clause, meaning: "the engagement was NFC", fields: []field{
			e("Handover Select", "bytes", "NDEF message Hs, as sent"), e("Handover Request", "bytes", "NDEF message Hr; null in static handover"),
		}},
		"WebsiteHandover": {form: formBytes, clause: part7("Annex A"), meaning: "SHA-256 of the reader engagement, tag 24 included"},
		"OpenID4VPHandover": handover(openid("B.2.6.1"), "presentation by redirect",
			e("hash", "bytes", "SHA-256 of [client_id, nonce, key thumbprint or null, response or redirect URI]")),
		"OpenID4VPDCAPIHandover": handover(openid("B.2.6.2"), "presentation by the Digital Credentials API",
			e("hash", "bytes", "SHA-256 of [origin, nonce, key thumbprint or null]")),
		"DCAPIHandover": handover(part7("Annex C"), "presentation by the Digital Credentials API, org-iso-mdoc",
			e("hash", "bytes", "SHA-256 of [EncryptionInfo as base64url text, origin]")),
		"OID4VPHandover": {form: formTuple, clause: part7("Annex B"), meaning: "OpenID4VP draft 18", fields: []field{
			e("client_id hash", "bytes", "SHA-256 of [client_id, mdoc generated nonce]"),
			e("response_uri hash", "bytes", "SHA-256 of [response_uri, mdoc generated nonce]"), e("nonce", "text", ""),
		}},
		"AndroidHandover": handover("pre-standard", "AndroidHandoverv1", e("nonce", "bytes", ""), e("package", "bytes", "name of the app"),
			e("requester", "bytes", "hash of the requester's id")),
		"BrowserHandover": handover("pre-standard", "BrowserHandoverv1", e("nonce", "bytes", ""), e("origin info", "held OriginInfo", ""),
			e("requester", "bytes", "hash of the requester's id")),
		"AppleHandover": handover("pre-standard", "AppleIdentityPresentment_1.0", e("nonce", "bytes", ""), e("merchant", "text", "merchant id"),
			e("team", "text", "team id"), e("requester", "bytes", "hash of the key the answer is sealed to")),
		"held OriginInfo": {form: formBytes, of: "OriginInfo"},
		"DeviceAuthentication": {form: formTuple, clause: iso("9.1.3.4"), meaning: "what the device signs or MACs", fields: []field{
			e("context", "text", ""), e("SessionTranscript", "SessionTranscript", ""), e("DocType", "docType", ""),
			e("DeviceNameSpacesBytes", "DeviceNameSpacesBytes", ""),
		}},
		"DeviceAuthenticationBytes": {form: formTag, tag: tagEmbedded, of: "DeviceAuthentication", clause: iso("9.1.3.4")},
		"ReaderAuthentication": {form: formTuple, clause: iso("9.1.4.4"), meaning: "what the reader signs for one document", fields: []field{
			e("context", "text", ""), e("SessionTranscript", "SessionTranscript", ""), e("ItemsRequestBytes", "ItemsRequestBytes", ""),
		}},
		"ReaderAuthenticationBytes": {form: formTag, tag: tagEmbedded, of: "ReaderAuthentication", clause: iso("9.1.4.4")},
		"ReaderAuthenticationAll": {form: formTuple, clause: ed2("12.5"), meaning: "what the reader signs for all documents", fields: []field{
			e("context", "text", ""), e("SessionTranscript", "SessionTranscript", ""), e("ItemsRequestBytes", "items requests", ""),
			e("DeviceRequestInfoBytes", "DeviceRequestInfoBytes", ""),
		}},
		"ReaderAuthenticationAllBytes": {form: formTag, tag: tagEmbedded, of: "ReaderAuthenticationAll", clause: ed2("12.5")},
		"items requests":               {form: formList, of: "ItemsRequestBytes"},
	}
}

func pickHandover(v view) string {
	h := v.head(v.at)
	switch h.Major {
	case majorBytes:
		return "WebsiteHandover"
	case majorSimple:
		return "QRHandover"
	case majorArray:
	default:
		return "any"
	}
	switch v.text(v.element(v.at, 0)) {
	case "OpenID4VPHandover":
		return "OpenID4VPHandover"
	case "OpenID4VPDCAPIHandover":
		return "OpenID4VPDCAPIHandover"
	case "dcapi":
		return "DCAPIHandover"
	case "AndroidHandoverv1":
		return "AndroidHandover"
	case "BrowserHandoverv1":
		return "BrowserHandover"
	case "AppleIdentityPresentment_1.0":
		return "AppleHandover"
	}
	switch {
	case h.Arg == 2 && v.head(v.element(v.at, 0)).Major == majorBytes:
		return "NFCHandover"
	case h.Arg == 3 && v.head(v.element(v.at, 0)).Major == majorBytes:
		return "OID4VPHandover"
	}
	return "any"
}
