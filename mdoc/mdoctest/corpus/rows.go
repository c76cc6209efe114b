package corpus

// Rows are the attacks that the corpus answers, by the name that cases carry in Covers. Some are of a list of tests for mobile
// documents (P, M, R, T), "S22" is what good verifiers got wrong, and the others are faults of other projects in the field.
func Rows() map[string]string {
	return map[string]string{
		"P1":              "tampering: bits, bytes and lengths",
		"P2":              "one check of a document fails",
		"P3":              "replay: messages, counters, whole sessions",
		"P4":              "session keys: off the curve, infinity, compressed, another curve; reflection, role swap",
		"P5":              "relay and session fixation: the answer of another session or request",
		"P6":              "COSE headers: algorithm, critical labels, both buckets, x5chain, MAC for signature",
		"P7":              "certificates: paths, names, profiles, encodings",
		"P8":              "age: other ages, elements that were not asked for",
		"M1":              "malformed CBOR and bombs",
		"M3":              "every decoder keeps the same rules",
		"M8":              "status lists: bombs, indexes, bits, identifiers",
		"R2":              "status lists: who signed, for what, when",
		"T2":              "clocks: one second early or late",
		"S22":             "what good verifiers got wrong",
		"isomdl-132":      "spruceid/isomdl PR 132: digests not compared with the MSO",
		"eudi-140":        "eudi-web-verifier issue 140: tampered, or without a signer's certificate",
		"sunet-383":       "SUNET/vc issue 383: no trust anchor check",
		"sunet-532":       "SUNET/vc PR 532: a status list unsigned, an index cut as a float",
		"ack-135":         "agentcommercekit/ack PR 135: every failed status check meant valid",
		"multipaz-1724":   "multipaz issue 1724: encoded again before the signature was verified",
		"rekor-2026":      "sigstore/rekor CVE-2026-23831: a COSE message without payload",
		"java-2022-21449": "Java CVE-2022-21449: r = s = 0",
	}
}
