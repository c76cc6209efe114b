package annotate

import "maps"

// scalarRules explain single values.
func scalarRules() map[string]rule {
	return map[string]rule{
		"tdate":         {form: formTag, tag: 0, of: "tdate text"},
		"tdate text":    {form: formText, say: sayTDate},
		"full-date":     {form: formTag, tag: 1004, of: "day text"},
		"day text":      {form: formText, say: sayFullDate},
		"date or time":  {form: formChoice, choices: []string{"full-date", "tdate"}},
		"seconds":       {form: formInt, sayInt: saySeconds},
		"period":        {form: formInt, sayInt: sayPeriod},
		"text":          {form: formText},
		"uint":          {form: formInt},
		"bool":          {form: formBool},
		"bytes":         {form: formBytes},
		"random":        {form: formBytes, say: sayRandom},
		"uuid":          {form: formBytes, say: sayUUID},
		"image":         {form: formBytes, say: sayImage},
		"point":         {form: formBytes, say: sayPoint},
		"text list":     {form: formList, of: "text"},
		"byte list":     {form: formList, of: "bytes"},
		"any":           {},
		"embedded":      {form: formTag, tag: tagEmbedded},
		"certificate":   {form: formBytes, open: certificateNotes, meaning: "X.509 certificate"},
		"certificates":  {form: formList, of: "certificate", meaning: "several certificates, leaf first"},
		"key id":        {form: formBytes},
		"integer bytes": {form: formChoice, choices: []string{"uint", "bytes", "any"}},
	}
}

func algorithms() map[int64]string {
	return map[int64]string{
		-7: "ES256, ECDSA with SHA-256", -35: "ES384, ECDSA with SHA-384", -36: "ES512, ECDSA with SHA-512", -8: "EdDSA",
		5: "HMAC 256/256", 4: "HMAC 256/64, not of an mdoc", 6: "HMAC 384/384, not of an mdoc", 7: "HMAC 512/512, not of an mdoc",
		-9: "ESP256, fully specified (RFC 9864)", -51: "ESP384, fully specified (RFC 9864)", -52: "ESP512, fully specified (RFC 9864)",
		-19: "Ed25519, fully specified (RFC 9864)", -53: "Ed448, fully specified (RFC 9864)", -16: "SHA-256",
		-37: "PS256, not of an mdoc", -257: "RS256, not of an mdoc",
	}
}

func curves() map[int64]string {
	return map[int64]string{
		1: "P-256", 2: "P-384", 3: "P-521", 4: "X25519", 5: "X448", 6: "Ed25519", 7: "Ed448", 8: "secp256k1, not of an mdoc",
		256: "brainpoolP256r1", 257: "brainpoolP320r1", 258: "brainpoolP384r1", 259: "brainpoolP512r1",
	}
}

// message is COSE_Sign1 or COSE_Mac0 with a payload of a certain kind.
func message(clause, meaning, payload, proof string) rule {
	return rule{form: formTuple, clause: clause, meaning: meaning, fields: []field{
		e("protected", "protected headers", "covered by the "+proof),
		e("unprotected", "Headers", "not covered"),
		e("payload", payload, ""),
		e(proof, "bytes", ""),
	}}
}

// coseRules are the structures of RFC 9052 as ISO/IEC 18013-5 uses them.
func coseRules() map[string]rule {
	const detached = "detached payload"
	rules := map[string]rule{
		"protected headers": {form: formBytes, of: "Headers", clause: "RFC 9052, 3"},
		"Headers": {form: formMap, clause: "RFC 9052, 3.1", fields: []field{
			n("1", "alg", "algorithm", ""),
			n("2", "crit", "", "labels that must be understood"),
			n("3", "content type", "", ""),
			n("4", "kid", "bytes", "hint at the key"),
			n("16", "typ", "text", "type of the message").at("RFC 9596, 2"),
			n("33", "x5chain", "x5chain", "the signer's certificate, the root left out").at("RFC 9360, 2"),
			n("34", "x5t", "x5t", "hash of the signer's certificate").at("RFC 9360, 2"),
			n("35", "x5u", "", "where the certificate lies").at("RFC 9360, 2"),
		}},
		"algorithm": {form: formInt, codes: algorithms(), clause: "RFC 9053"},
		"x5chain":   {form: formChoice, choices: []string{"certificate", "certificates"}},
		"x5t":       {form: formTuple, clause: "RFC 9360, 2", fields: []field{e("hash algorithm", "algorithm", ""), e("hash", "bytes", "")}},
		detached:    {clause: "RFC 9052, 4.1", meaning: "null: the payload is detached, both sides build it themselves"},
		"any payload": {pick: func(v view) string {
			if b, ok := v.content(v.at); ok && len(b) > 1 && (view{data: b}).skip(0, 0) == len(b) && b[0]>>5 >= majorArray {
				return "payload of CBOR"
			}
			return "payload as it is"
		}},
		"payload of CBOR":  {form: formBytes, of: "any"},
		"payload as it is": {},
		"COSE_Sign1":       message("RFC 9052, 4.2", "signed message", "any payload", "signature"),
		"TaggedCOSE_Sign1": {form: formTag, tag: 18, of: "COSE_Sign1", clause: "RFC 9052, 4.2",
			meaning: "tagged, as no message of ISO/IEC 18013-5 is but a status list token"},
		"COSE_Mac0":    message("RFC 9052, 6.2", "authenticated message", "any payload", "tag"),
		"CoseKeyBytes": {form: formTag, tag: tagEmbedded, of: "COSE_Key", clause: iso("9.1.1.4"), meaning: "a key as it goes into transcripts"},
		"COSE_Key": {form: formMap, clause: "RFC 9052, 7; " + iso("9.1.1.4"), meaning: "public key", fields: []field{
			n("1", "kty", "key type", "key type"),
			n("2", "kid", "bytes", "key id"),
			n("3", "alg", "algorithm", "algorithm"),
			n("-1", "crv", "curve", "curve"),
			n("-2", "x", "bytes", "x coordinate, or the key itself"),
			n("-3", "y", "y", "y coordinate"),
			n("-4", "d", "secret", "PRIVATE KEY: does not belong in any message, not shown"),
		}},
		"key type":      {form: formInt, codes: map[int64]string{1: "OKP, one coordinate", 2: "EC2, two coordinates", 4: "symmetric, not of an mdoc"}},
		"curve":         {form: formInt, codes: curves(), clause: "RFC 9053, 7.1"},
		"secret":        {hide: true},
		"y":             {form: formChoice, choices: []string{"bytes", "sign of y"}},
		"sign of y":     {form: formBool, meaning: "compressed: only whether y is odd"},
		"Sig_structure": {form: formTuple, clause: "RFC 9052, 4.4", meaning: "what a signature covers", fields: structure()},
		"MAC_structure": {form: formTuple, clause: "RFC 9052, 6.3", meaning: "what a MAC covers", fields: structure()},
	}
	maps.Copy(rules, map[string]rule{
		"IssuerAuth":      message(iso("9.1.2.4"), "the issuer's signature over the MSO", "payload with MSO", "signature"),
		"DeviceSignature": message(iso("9.1.3.6"), "the device's signature over DeviceAuthentication", detached, "signature"),
		"DeviceMac":       message(iso("9.1.3.5"), "the device's MAC over DeviceAuthentication", detached, "tag"),
		"ReaderAuth":      message(iso("9.1.4"), "the reader's signature over ReaderAuthentication", detached, "signature"),
		"ReaderAuthAll":   message(ed2("12.5"), "the reader's signature over all requests", detached, "signature"),
	})
	return rules
}

func structure() []field {
	return []field{e("context", "text", ""), e("body_protected", "protected headers", "as received"), e("external_aad", "bytes", "empty in an mdoc"),
		e("payload", "any payload", "")}
}
