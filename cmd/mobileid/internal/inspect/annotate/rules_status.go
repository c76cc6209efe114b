package annotate

// statusRules are status list tokens: Token Status List, ISO/IEC 18013-5 second edition, 12.3.6; claims of RFC 8392.
func statusRules() map[string]rule {
	clause, draft := ed2("12.3.6"), "Token Status List"
	list := message(clause, "who signs the list and its claims", "claims payload", "signature")
	return map[string]rule{
		"StatusListToken": {form: formTag, tag: 18, of: "status sign1", clause: clause, meaning: "signed list of revoked documents; tagged, unlike every other message"},
		"status sign1":    list,
		"claims payload":  {form: formBytes, of: "CWTClaims", clause: "RFC 8392, 3.1"},
		"CWTClaims": {form: formMap, clause: "RFC 8392, 3.1", meaning: "claims", fields: []field{
			n("1", "iss", "text", "issuer"),
			n("2", "sub", "text", "the token's own URI, as the documents name it"),
			n("3", "aud", "", "audience"),
			n("4", "exp", "seconds", "expires"),
			n("5", "nbf", "seconds", "not before"),
			n("6", "iat", "seconds", "issued"),
			n("7", "cti", "bytes", "id"),
			n("65530", "identifier_list", "IdentifierList", "identifiers that are revoked").at(clause),
			n("65533", "status_list", "StatusList", "one entry for each document").at(draft + ", status list"),
			n("65534", "ttl", "period", "how long a copy may be kept").at(draft + ", token"),
			n("65535", "status", "Status", "status of this very token").at(draft + ", referenced token"),
		}},
		"StatusList": {form: formMap, clause: draft + ", status list", fields: []field{
			t("bits", "uint", "bits of an entry; 1 for an mdoc"),
			t("lst", "deflated", "zlib; entry i in byte i/(8/bits), least significant bits first"),
			t("aggregation_uri", "text", "where all lists of this issuer are named"),
		}},
		"deflated": {form: formBytes, say: sayDeflated},
		"IdentifierList": {form: formMap, clause: clause, fields: []field{
			t("identifiers", "identifiers", "being named here is being revoked"),
			t("aggregation_uri", "text", ""),
		}},
		"identifiers": {form: formDict, of: "", name: "revoked identifier", clause: clause},
	}
}
