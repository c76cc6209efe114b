package corpus

import "strings"

// clauseOf gives the clause that a check comes from, by the longest prefix of its id.
func clauseOf(kind Kind, id string) string {
	if id == "" {
		id = string(kind)
	}
	best, clause := -1, ""
	for _, c := range clauses() {
		if strings.HasPrefix(id, c[0]) && len(c[0]) > best {
			best, clause = len(c[0]), c[1]
		}
	}
	return clause
}

func clauses() [][2]string {
	return [][2]string{
		{"device_response", "ISO/IEC 18013-5:2021, 8.3.2.1.2.2 and 9.1.3"},
		{"age_policy", "ISO/IEC 18013-5:2021, 7.2.5"},
		{"response.", "ISO/IEC 18013-5:2021, 8.3.2.1.2.2"},
		{"issuer_signed", "ISO/IEC 18013-5:2021, 9.1.2.4"},
		{"issuer_auth.", "ISO/IEC 18013-5:2021, 9.1.2.4"},
		{"issuer_auth.signature", "ISO/IEC 18013-5:2021, 9.3.1"},
		{"mso.", "ISO/IEC 18013-5:2021, 9.1.2.4"},
		{"mso.digest", "ISO/IEC 18013-5:2021, 9.3.1"},
		{"mso.digest_id", "ISO/IEC 18013-5:2021, 9.1.2.5"},
		{"mso.random", "ISO/IEC 18013-5:2021, 9.1.2.5"},
		{"mso.element_unique", "ISO/IEC 18013-5 second edition, 10.3"},
		{"mso.doc_type", "ISO/IEC 18013-5:2021, 9.3.1"},
		{"mso.validity.", "ISO/IEC 18013-5:2021, 9.3.1"},
		{"mso.validity.until", "ISO/IEC 18013-5 second edition, 12.3"},
		{"mso.issuing_", "ISO/IEC 18013-5:2021, 9.3.1 and Annex B"},
		{"device_auth.", "ISO/IEC 18013-5:2021, 9.1.3"},
		{"status.", "ISO/IEC 18013-5 second edition, 12.3.6"},
		{"status_token", "ISO/IEC 18013-5 second edition, 12.3.6"},
		{"device_request", "ISO/IEC 18013-5:2021, 8.3.2.1.2.1"},
		{"request.", "ISO/IEC 18013-5:2021, 8.3.2.1.2.1"},
		{"device_request_lint", "ISO/IEC 18013-5 second edition, 10.2"},
		{"request.ages", "ISO/IEC 18013-5:2021, 7.2.5"},
		{"response.age_over", "ISO/IEC 18013-5:2021, 7.2.5"},
		{"reader_auth.", "ISO/IEC 18013-5:2021, 9.1.4"},
		{"certificate_chain", "ISO/IEC 18013-5:2021, 9.3.3; RFC 5280, 6.1"},
		{"anchor.", "ISO/IEC 18013-5:2021, Annex B, Table B.1"},
		{"chain.", "ISO/IEC 18013-5:2021, 9.3.3; RFC 5280, 6.1"},
		{"chain.profile.", "ISO/IEC 18013-5:2021, Annex B"},
		{"crl", "ISO/IEC 18013-5:2021, Annex B, Table B.10; RFC 5280, 5"},
		{"vical", "ISO/IEC 18013-5:2021, Annex C"},
		{"certificate", "ISO/IEC 18013-5:2021, Annex B"},
		{"cert.", "ISO/IEC 18013-5:2021, Annex B"},
		{"session", "ISO/IEC 18013-5:2021, 9.1.1"},
		{"engagement", "ISO/IEC 18013-5:2021, 8.2.1.1"},
		{"engagement.uri", "ISO/IEC 18013-5:2021, 8.2.2.3"},
		{"nfc_handover", "ISO/IEC 18013-5:2021, 8.2.2.1"},
		{"handover.", "ISO/IEC 18013-5:2021, 8.2.2.1"},
		{"transcript", "ISO/IEC 18013-5:2021, 9.1.5.1"},
		{"cbor", "ISO/IEC 18013-5 second edition, 8.3; RFC 8949"},
		{"policy.", "ISO/IEC 18013-5:2021, 7.2.5"},
	}
}
