package annotate

// requestRules are the structures of a device request, ISO/IEC 18013-5:2021, 8.3.2.1.2.1 and second edition, 10.2.
func requestRules() map[string]rule {
	clause, second := iso("8.3.2.1.2.1"), ed2("10.2")
	return map[string]rule{
		"DeviceRequest": {form: formMap, clause: clause, meaning: "what the reader asks for", fields: []field{
			t("version", "text", "version of the structure"),
			t("docRequests", "doc requests", "one for each document asked for"),
			t("deviceRequestInfo", "DeviceRequestInfoBytes", "how the requests belong together").at(second),
			t("readerAuthAll", "readerAuthAll list", "signatures over all requests").at(ed2("12.5")),
			t("macKeys", "key list", "the reader's keys for MACs, one for each curve").at(part7("Annex B")),
		}},
		"doc requests": {form: formList, of: "DocRequest", clause: clause},
		"DocRequest": {form: formMap, clause: clause, fields: []field{
			t("itemsRequest", "ItemsRequestBytes", ""),
			t("readerAuth", "ReaderAuth", ""),
		}},
		"readerAuthAll list": {form: formList, of: "ReaderAuthAll", clause: ed2("12.5")},
		"key list":           {form: formList, of: "COSE_Key"},
		"ItemsRequestBytes":  {form: formTag, tag: tagEmbedded, of: "ItemsRequest", clause: clause, meaning: "readerAuth covers these bytes"},
		"ItemsRequest": {form: formMap, clause: clause, fields: []field{
			t("docType", "docType", "type of the document asked for"),
			t("nameSpaces", "NameSpaces", "the elements asked for"),
			t("requestInfo", "DocRequestInfo", "further wishes"),
		}},
		"NameSpaces":   {form: formDict, of: "DataElements", name: "namespace", clause: clause},
		"DataElements": {form: formDict, of: "intent", nameOf: Element, clause: clause},
		"intent":       {form: formBool, clause: clause, meaning: "intentToRetain: will the reader keep it longer than the transaction needs"},
		"DocRequestInfo": {form: formMap, clause: second, fields: []field{
			t("alternativeDataElements", "alternative list", "what may be returned instead"),
			t("issuerIdentifiers", "byte list", "authority key ids of the issuers that are trusted"),
			t("uniqueDocSetRequired", "bool", "one document only"),
			t("maximumResponseSize", "uint", "bytes of the clear DeviceResponse"),
			t("zkRequest", "", "zero-knowledge systems"),
			t("docResponseEncryption", "EncryptionParametersBytes", "the answer is to be sealed to this key").at(ed2("12.6")),
		}},
		"alternative list": {form: formList, of: "AlternativeDataElementsSet", clause: second},
		"AlternativeDataElementsSet": {form: formMap, clause: second, fields: []field{
			t("requestedElement", "element reference", "the element that may be replaced"),
			t("alternativeElementSets", "alternative sets", "one whole set replaces it; in order of preference"),
		}},
		"alternative sets":          {form: formList, of: "alternative set", clause: second},
		"alternative set":           {form: formList, of: "element reference", clause: second},
		"element reference":         {form: formTuple, clause: second, fields: []field{e("namespace", "text", ""), e("element", "element identifier", "")}},
		"EncryptionParametersBytes": {form: formTag, tag: tagEmbedded, of: "EncryptionParameters", clause: ed2("12.6")},
		"EncryptionParameters": {form: formMap, clause: ed2("12.6"), fields: []field{
			t("recipientPublicKey", "COSE_Key", "key the answer is sealed to"),
			t("nonce", "bytes", ""),
			t("recipientCertificate", "certificates", ""),
		}},
		"DeviceRequestInfoBytes": {form: formTag, tag: tagEmbedded, of: "DeviceRequestInfo", clause: second},
		"DeviceRequestInfo": {form: formMap, clause: second, fields: []field{
			t("useCases", "use cases", "every mandatory one, and at least one, must be satisfied"),
		}},
		"use cases": {form: formList, of: "UseCase", clause: second},
		"UseCase": {form: formMap, clause: second, fields: []field{
			t("mandatory", "bool", ""),
			t("documentSets", "document sets", "one of these sets satisfies it"),
			t("purposeHints", "purposes", "what for"),
		}},
		"document sets": {form: formList, of: "document set", clause: second},
		"document set":  {form: formList, of: "request index", clause: second},
		"request index": {form: formInt, meaning: "index of a docRequest, from 0"},
		"purposes":      {form: formDict, of: "purpose", name: "controller", clause: second},
		"purpose": {form: formInt, sayInt: func(v int64) string {
			return map[int64]string{1: "identity", 2: "driving privilege", 3: "age verification"}[v]
		}},
	}
}
