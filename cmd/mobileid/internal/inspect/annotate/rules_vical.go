package annotate

// vicalRules are the list of trusted issuing authorities, ISO/IEC 18013-5:2021, Annex C.
func vicalRules() map[string]rule {
	clause := iso("C.1.7.1")
	return map[string]rule{
		"VICAL":              message(iso("C.1.7"), "signed list of issuing authorities' certificates", "payload with VICAL", "signature"),
		"payload with VICAL": {form: formBytes, of: "VICALContent", clause: clause},
		"VICALContent": {form: formMap, clause: clause, fields: []field{
			t("version", "text", "version of the structure"),
			t("vicalProvider", "text", "who vouches for the list"),
			t("vicalIssueID", "uint", "increases with each issue"),
			t("date", "tdate", "when it was made"),
			t("nextUpdate", "tdate", "when the next one is due"),
			t("notAfter", "tdate", "not to be used after").at(ed2("Annex C")),
			t("certificateInfos", "certificate infos", "the certificates"),
			t("vicalURL", "text", "where the newest list lies").at(ed2("Annex C")),
			t("extensions", "", "").at(ed2("Annex C")),
		}},
		"certificate infos": {form: formList, of: "CertificateInfo", clause: clause},
		"CertificateInfo": {form: formMap, clause: clause, fields: []field{
			t("certificate", "certificate", "an IACA root, or another certificate that is trusted"),
			t("serialNumber", "integer bytes", "serial number of the certificate"),
			t("ski", "bytes", "subject key id"),
			t("docType", "text list", "document types it is trusted for"),
			t("certificateProfile", "text list", "URNs of its profile"),
			t("issuingAuthority", "text", ""),
			t("issuingCountry", "text", ""),
			t("stateOrProvinceName", "text", ""),
			t("issuer", "bytes", "issuer's name in DER"),
			t("subject", "bytes", "subject's name in DER"),
			t("notBefore", "tdate", ""),
			t("notAfter", "tdate", ""),
			t("extensions", "", ""),
		}},
	}
}
