package annotate

// onlineRules are the structures of ISO/IEC TS 18013-7 Annex C, and what is hashed in the handovers.
func onlineRules() map[string]rule {
	clause := part7("Annex C")
	return map[string]rule{
		"EncryptionInfo": {form: formTuple, clause: clause, meaning: "whom the answer is sealed to", fields: []field{
			e("protocol", "text", ""), e("EncryptionParameters", "dcapi parameters", ""),
		}},
		"dcapi parameters": {form: formMap, clause: clause, fields: []field{
			t("nonce", "random", "at least 16 random bytes"), t("recipientPublicKey", "COSE_Key", "key the answer is sealed to"),
		}},
		"EncryptedResponse": {form: formTuple, clause: clause, meaning: "the DeviceResponse, sealed (HPKE)", fields: []field{
			e("protocol", "text", ""), e("EncryptedResponseData", "sealed data", ""),
		}},
		"AppleEnvelope": {form: formMap, clause: "Apple PassKit, in-app identity", meaning: "an IdentityEnvelope, sealed (HPKE)", fields: []field{
			t("algorithm", "text", ""), t("params", "apple parameters", ""), t("data", "bytes", "enciphered, last 16 bytes the tag"),
		}},
		"apple parameters": {form: formMap, clause: "Apple PassKit, in-app identity", fields: []field{
			t("mode", "uint", "HPKE mode, 0 is base"), t("pkEm", "point", "the sender's HPKE key"), t("pkRHash", "bytes", "SHA-256 of the recipient's key"),
			t("infoHash", "bytes", "SHA-256 of the session transcript"),
		}},
		"sealed data": {form: formMap, clause: clause, fields: []field{
			t("enc", "point", "the sender's HPKE key"), t("cipherText", "bytes", "enciphered, last 16 bytes the tag"),
		}},
	}
}
