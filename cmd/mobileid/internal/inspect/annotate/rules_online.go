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
		"sealed data": {form: formMap, clause: clause, fields: []field{
			t("enc", "point", "the sender's HPKE key"), t("cipherText", "bytes", "enciphered, last 16 bytes the tag"),
		}},
	}
}
