package annotate

// responseRules are the structures of a device response, ISO/IEC 18013-5:2021, 8.3.2.1.2.2 and second edition, 10.3.
func responseRules() map[string]rule {
	clause := iso("8.3.2.1.2.2")
	return map[string]rule{
		"DeviceResponse": {form: formMap, clause: clause, meaning: "the mdoc's answer to a request", fields: []field{
			t("version", "text", "version of the structure"),
			t("documents", "documents", "the documents returned"),
			t("zkDocuments", "", "zero-knowledge documents").at(ed2("10.3")),
			t("encryptedDocuments", "encrypted documents", "documents sealed to the reader").at(ed2("10.3")),
			t("documentErrors", "document errors", "documents that are not returned, and why"),
			t("status", "response status", "status of the whole answer"),
		}},
		"response status": {form: formInt, clause: iso("8.3.2.1.2.3, Table 8"), codes: map[int64]string{0: "OK", 10: "general error",
			11: "CBOR decoding error", 12: "CBOR validation error"}},
		"documents":       {form: formList, of: "Document", clause: clause},
		"document errors": {form: formList, of: "DocumentError", clause: clause},
		"DocumentError":   {form: formDict, of: "error code", name: "docType that is not returned", clause: clause},
		"error code": {form: formInt, clause: iso("8.3.2.1.2.3, Table 9"), sayInt: func(v int64) string {
			switch {
			case v == 0:
				return "data not returned, no reason given"
			case v < 0:
				return "an application's own code"
			}
			return "reserved"
		}},
		"encrypted documents": {form: formList, of: "EncryptedDocument", clause: ed2("10.3")},
		"EncryptedDocument": {form: formMap, clause: ed2("10.3"), fields: []field{
			t("enc", "point", "the sender's HPKE key").at(ed2("12.6")),
			t("cipherText", "bytes", "sealed documents").at(ed2("12.6")),
			t("docRequestID", "uint", "which docRequest it answers, from 0"),
		}},
		"Document": {form: formMap, clause: clause, meaning: "one document", fields: []field{
			t("docType", "docType", "type of the document"),
			t("issuerSigned", "IssuerSigned", ""),
			t("deviceSigned", "DeviceSigned", ""),
			t("errors", "Errors", "elements that are not returned, and why"),
		}},
		"Errors":     {form: formDict, of: "ErrorItems", name: "namespace", clause: clause},
		"ErrorItems": {form: formDict, of: "error code", name: "element that is not returned", clause: clause},
		"docType": {form: formText, say: func(b []byte) string {
			names := map[string]string{"org.iso.18013.5.1.mDL": "mobile driving licence", "org.iso.23220.1.jp.mnc": "My Number Card",
				"org.iso.23220.photoid.1": "Photo ID", "org.iso.23220.photoID.1": "Photo ID, in the spelling of drafts",
				"eu.europa.ec.eudi.pid.1": "EU person identification data", "eu.europa.ec.av.1": "EU age verification"}
			return names[string(b)]
		}},
		"DeviceSigned": {form: formMap, clause: clause, meaning: "what the device itself signs", fields: []field{
			t("nameSpaces", "DeviceNameSpacesBytes", "elements of the device"),
			t("deviceAuth", "DeviceAuth", "proof that the device took part in this session"),
		}},
		"DeviceNameSpacesBytes": {form: formTag, tag: tagEmbedded, of: "DeviceNameSpaces", clause: clause},
		"DeviceNameSpaces":      {form: formDict, of: "DeviceSignedItems", name: "namespace", clause: clause, meaning: "allowed by keyAuthorizations only"},
		"DeviceSignedItems":     {form: formDict, of: "", name: "element", nameOf: Element, clause: clause},
		"DeviceAuth": {form: formMap, clause: iso("9.1.3"), fields: []field{
			t("deviceSignature", "DeviceSignature", ""),
			t("deviceMac", "DeviceMac", ""),
		}},
		"IdentityEnvelope": {form: formMap, clause: "Apple PassKit, in-app identity", meaning: "plaintext of Apple's envelope", fields: []field{
			t("identity", "DeviceResponse", ""),
		}},
	}
}
