package annotate

// issuerRules are issuer-signed data and the mobile security object, ISO/IEC 18013-5:2021, 8.3.2.1.2.2 and 9.1.2.4.
func issuerRules() map[string]rule {
	items, mso := iso("8.3.2.1.2.2"), iso("9.1.2.4")
	return map[string]rule{
		"IssuerSigned": {form: formMap, clause: items, meaning: "what the issuer vouches for", fields: []field{
			t("nameSpaces", "IssuerNameSpaces", "the elements returned, by namespace"),
			t("issuerAuth", "IssuerAuth", ""),
		}},
		"IssuerNameSpaces":      {form: formDict, of: "issuer-signed items", name: "namespace", clause: items},
		"issuer-signed items":   {form: formList, of: "IssuerSignedItemBytes", clause: items},
		"IssuerSignedItemBytes": {form: formTag, tag: tagEmbedded, of: "IssuerSignedItem", clause: items, meaning: "a digest of the MSO covers it"},
		"IssuerSignedItem": {form: formMap, clause: items, fields: []field{
			t("digestID", "uint", "which digest of the MSO covers this item"),
			t("random", "random", "salt, so that a digest does not betray the value").at(iso("9.1.2.5")),
			t("elementIdentifier", "element identifier", "name of the element"),
			t("elementValue", "element value", "its value"),
		}},
		"payload with MSO":          {form: formBytes, of: "MobileSecurityObjectBytes", clause: mso},
		"MobileSecurityObjectBytes": {form: formTag, tag: tagEmbedded, of: "MobileSecurityObject", clause: mso},
		"MobileSecurityObject": {form: formMap, clause: mso, meaning: "MSO: what the issuer signs", fields: []field{
			t("version", "text", "version of the structure"),
			t("digestAlgorithm", "text", "hash of all digests").at(iso("9.1.2.5, Table 21")),
			t("valueDigests", "ValueDigests", "a digest for every element that was issued, returned or not"),
			t("deviceKeyInfo", "DeviceKeyInfo", ""),
			t("docType", "docType", "must be the document's"),
			t("validityInfo", "ValidityInfo", ""),
			t("status", "Status", "where to ask whether it is revoked").at(ed2("12.3.6")),
		}},
		"ValueDigests": {form: formDict, of: "DigestIDs", name: "namespace", clause: mso},
		"DigestIDs":    {form: formDict, of: "bytes", name: "digest of the item with this digestID", clause: mso},
		"DeviceKeyInfo": {form: formMap, clause: mso, fields: []field{
			t("deviceKey", "COSE_Key", "the key that proves the device"),
			t("keyAuthorizations", "KeyAuthorizations", "which elements that key may sign"),
			t("keyInfo", "", "further facts about the key"),
		}},
		"KeyAuthorizations": {form: formMap, clause: mso, fields: []field{
			t("nameSpaces", "text list", "all elements of these namespaces"),
			t("dataElements", "authorized elements", "single elements"),
		}},
		"authorized elements": {form: formDict, of: "text list", name: "namespace", clause: mso},
		"ValidityInfo": {form: formMap, clause: mso, fields: []field{
			t("signed", "tdate", "when the MSO was signed"),
			t("validFrom", "tdate", "not to be accepted before"),
			t("validUntil", "tdate", "not to be accepted after"),
			t("expectedUpdate", "tdate", "when the issuer means to sign anew"),
		}},
		"Status": {form: formMap, clause: ed2("12.3.6"), fields: []field{
			t("status_list", "StatusListInfo", "one entry of a status list"),
			t("identifier_list", "IdentifierListInfo", "an identifier that a list names once revoked"),
		}},
		"StatusListInfo": {form: formMap, clause: ed2("12.3.6"), fields: []field{
			t("idx", "uint", "index of this document's entry"),
			t("uri", "text", "where the list's token is fetched"),
			t("certificate", "certificate", "trust point of the list's signer"),
		}},
		"IdentifierListInfo": {form: formMap, clause: ed2("12.3.6"), fields: []field{
			t("id", "bytes", "this document's identifier"),
			t("uri", "text", "where the list's token is fetched"),
			t("certificate", "certificate", "trust point of the list's signer"),
		}},
	}
}
