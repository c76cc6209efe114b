package annotate

import (
	"mobileid/mdoc/cbor"
)

// Recognise gives the name of the structure that data seems to be, by its outermost members, or "" when nothing fits.
func Recognise(data []byte) string {
	return recognise(view{data: data}, 0, 0)
}

func recognise(v view, off, depth int) string {
	h, err := cbor.HeadAt(v.data, off)
	if err != nil || depth > 4 {
		return ""
	}
	switch h.Major {
	case majorMap:
		return recogniseMap(v, v.keys(off))
	case majorArray:
		return recogniseArray(v, off, h)
	case majorTag:
		switch h.Arg {
		case tagEmbedded:
			return recogniseEmbedded(v, off, depth)
		case 18:
			if payloadKind(v, h.Next) == "CWTClaims" {
				return "StatusListToken"
			}
			return "TaggedCOSE_Sign1"
		}
	}
	return ""
}

// recogniseEmbedded looks inside tag 24; the standard names such an item after its content.
func recogniseEmbedded(v view, off, depth int) string {
	b, ok := v.content(off)
	if !ok {
		// Cut off: look at what is there.
		if h := v.head(v.head(off).Next); h.Major == majorBytes && h.Next <= len(v.data) {
			b = v.data[h.Next:]
		}
	}
	inner := recognise(view{data: b}, 0, depth+1)
	if inner == "COSE_Key" {
		return "CoseKeyBytes"
	}
	if name := inner + "Bytes"; inner != "" && Has(name) {
		return name
	}
	return ""
}

// mapTypes tells maps apart by members that no other structure has, the most telling first.
var mapTypes = []struct {
	key, name string
}{
	{`"docRequests"`, "DeviceRequest"},
	{`"eReaderKey"`, "SessionEstablishment"},
	{`"issuerSigned"`, "Document"},
	{`"issuerAuth"`, "IssuerSigned"},
	{`"deviceAuth"`, "DeviceSigned"},
	{`"deviceSignature"`, "DeviceAuth"},
	{`"deviceMac"`, "DeviceAuth"},
	{`"digestID"`, "IssuerSignedItem"},
	{`"elementIdentifier"`, "IssuerSignedItem"},
	{`"valueDigests"`, "MobileSecurityObject"},
	{`"itemsRequest"`, "DocRequest"},
	{`"vicalProvider"`, "VICALContent"},
	{`"certificateInfos"`, "VICALContent"},
	{`"ski"`, "CertificateInfo"},
	{`"validFrom"`, "ValidityInfo"},
	{`"deviceKey"`, "DeviceKeyInfo"},
	{`"documents"`, "DeviceResponse"},
	{`"documentErrors"`, "DeviceResponse"},
	{`"encryptedDocuments"`, "DeviceResponse"},
	{`"identity"`, "IdentityEnvelope"},
	{`"deviceEngagementBytes"`, "PostedEngagement"},
	{`"useCases"`, "DeviceRequestInfo"},
	{`"recipientPublicKey"`, "EncryptionParameters"},
	{`"status_list"`, "Status"},
	{`"identifier_list"`, "Status"},
	{`"lst"`, "StatusList"},
	{`"identifiers"`, "IdentifierList"},
	{"65533", "CWTClaims"},
	{"65530", "CWTClaims"},
	{"-1", "COSE_Key"},
}

func recogniseMap(v view, keys map[string]int) string {
	for _, m := range mapTypes {
		if _, ok := keys[m.key]; ok {
			return m.name
		}
	}
	has := func(k string) bool { _, ok := keys[k]; return ok }
	switch {
	case has(`"docType"`) && has(`"nameSpaces"`):
		return "ItemsRequest"
	case has(`"version"`):
		return "DeviceResponse" // also when it was cut off before status
	case has(`"algorithm"`) && has(`"params"`):
		return "AppleEnvelope"
	case has(`"status"`), has(`"data"`):
		return "SessionData"
	case has(`"nameSpaces"`):
		return "IssuerSigned"
	case has("0") && has("1"):
		const website = 4 // a retrieval method that only a reader offers
		if at, ok := keys["2"]; ok {
			if kind, _ := v.number(v.element(v.element(at, 0), 0)); kind == website {
				return "ReaderEngagement"
			}
		}
		return "DeviceEngagement"
	case has("0"):
		return "ReaderEngagement"
	}
	return ""
}

func recogniseArray(v view, off int, h cbor.Head) string {
	switch v.text(v.element(off, 0)) {
	case "DeviceAuthentication", "ReaderAuthentication", "ReaderAuthenticationAll":
		return v.text(v.element(off, 0))
	case "Signature1":
		return "Sig_structure"
	case "MAC0":
		return "MAC_structure"
	case "dcapi":
		keys := v.keys(v.element(off, 1))
		if _, ok := keys[`"recipientPublicKey"`]; ok {
			return "EncryptionInfo"
		}
		if _, ok := keys[`"cipherText"`]; ok {
			return "EncryptedResponse"
		}
		return "DCAPIHandover"
	}
	switch {
	case h.Arg == 3 && slot(v, v.element(off, 0)) && slot(v, v.element(off, 1)):
		return "SessionTranscript"
	case h.Arg == 4 && v.head(v.element(off, 0)).Major == majorBytes && v.head(v.element(off, 1)).Major == majorMap:
		return recogniseMessage(v, off)
	}
	return ""
}

// slot reports whether one of the first two elements of a transcript stands here: tag 24 or null.
func slot(v view, off int) bool {
	h := v.head(off)
	return h.Major == majorTag && h.Arg == tagEmbedded || h.Major == majorSimple && h.Info == simpleNull
}

// recogniseMessage tells COSE_Sign1 from COSE_Mac0 by the algorithm, and a known payload by its content.
func recogniseMessage(v view, off int) string {
	if b, ok := v.content(v.element(off, 0)); ok {
		inner := view{data: b}
		if alg, ok := inner.number(inner.keys(0)["1"]); ok && alg >= 4 && alg <= 7 && len(b) > 0 {
			return "COSE_Mac0"
		}
	}
	switch payloadKind(v, off) {
	case "MobileSecurityObjectBytes":
		return "IssuerAuth"
	case "VICALContent":
		return "VICAL"
	}
	return "COSE_Sign1"
}

// payloadKind recognises the payload of the message at off.
func payloadKind(v view, off int) string {
	b, ok := v.content(v.element(off, 2))
	if !ok {
		return ""
	}
	return recognise(view{data: b}, 0, 1)
}

// HoldsPrivateKey reports whether data is a COSE_Key with its private part (label -4), or a symmetric one.
func HoldsPrivateKey(data []byte) bool {
	v := view{data: data}
	if h := v.head(0); h.Major == majorTag {
		b, _ := v.content(0)
		v = view{data: b}
	}
	keys := v.keys(0)
	_, private := keys["-4"]
	kty, _ := v.number(keys["1"])
	const symmetric = 4
	return private || kty == symmetric && len(keys) > 0
}
