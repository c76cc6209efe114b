package annotate

// sessionRules are the messages of session encryption, ISO/IEC 18013-5:2021, 9.1.1.4.
func sessionRules() map[string]rule {
	clause := iso("9.1.1.4")
	return map[string]rule{
		"SessionEstablishment": {form: formMap, clause: clause, meaning: "the reader's first message", fields: []field{
			t("eReaderKey", "EReaderKeyBytes", ""),
			t("data", "ciphertext", "the DeviceRequest under SKReader, AES-256-GCM, last 16 bytes the tag"),
		}},
		"SessionData": {form: formMap, clause: clause, meaning: "a message of an established session", fields: []field{
			t("data", "ciphertext", "a DeviceRequest or DeviceResponse, AES-256-GCM, last 16 bytes the tag"),
			t("status", "session status", "ends the session").at(iso("9.1.1.4, Table 20")),
		}},
		"ciphertext": {form: formBytes, meaning: "enciphered: only the two ends of the session can open it"},
		"session status": {form: formInt, clause: iso("9.1.1.4, Table 20"), codes: map[int64]string{10: "session encryption error",
			11: "CBOR decoding error", 20: "session termination"}},
		"EReaderKeyBytes": {form: formTag, tag: tagEmbedded, of: "COSE_Key", clause: clause, meaning: "the reader's key of this session"},
		"EDeviceKeyBytes": {form: formTag, tag: tagEmbedded, of: "COSE_Key", clause: iso("8.2.1.1"), meaning: "the device's key of this session"},
	}
}
