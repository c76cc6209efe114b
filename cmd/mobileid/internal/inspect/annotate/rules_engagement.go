package annotate

// engagementRules are device and reader engagement, ISO/IEC 18013-5:2021, 8.2.1.1, second edition 9.1, ISO/IEC TS 18013-7 Annex A.
func engagementRules() map[string]rule {
	clause, second := iso("8.2.1.1"), ed2("9.1")
	return map[string]rule{
		"DeviceEngagement": {form: formMap, clause: clause, meaning: "how to meet this device", fields: []field{
			n("0", "version", "text", "version of the structure"),
			n("1", "Security", "Security", ""),
			n("2", "DeviceRetrievalMethods", "retrieval methods", "how the device can be reached"),
			n("3", "ServerRetrievalMethods", "", "server retrieval, removed in the second edition"),
			n("4", "ProtocolInfo", "", "never defined"),
			n("5", "OriginInfos", "origin infos", "where the engagement came from").at(second),
			n("6", "Capabilities", "Capabilities", "what the device understands").at(second),
		}},
		"DeviceEngagementBytes": {form: formTag, tag: tagEmbedded, of: "DeviceEngagement", clause: clause},
		"Security": {form: formTuple, clause: clause, fields: []field{
			e("cipher suite", "cipher suite", ""), e("EDeviceKeyBytes", "EDeviceKeyBytes", ""),
		}},
		"cipher suite":      {form: formInt, clause: iso("9.1.5.2"), codes: map[int64]string{1: "ECDH, HKDF-SHA-256, AES-256-GCM"}},
		"retrieval methods": {form: formList, of: "DeviceRetrievalMethod", clause: clause},
		"DeviceRetrievalMethod": {form: formTuple, clause: clause, fields: []field{
			e("type", "method type", ""), e("version", "uint", ""), e("options", "retrieval options", ""),
		}},
		"method type": {form: formInt, clause: clause, codes: map[int64]string{1: "NFC", 2: "BLE", 3: "Wi-Fi Aware", 4: "website (18013-7)"}},
		"retrieval options": {pick: func(v view) string {
			kind, _ := v.number(v.element(v.in, 0))
			if name, ok := map[int64]string{1: "NfcOptions", 2: "BleOptions", 3: "WifiOptions", 4: "WebsiteOptions"}[kind]; ok {
				return name
			}
			return "any"
		}},
		"NfcOptions": {form: formMap, clause: clause, fields: []field{
			n("0", "maximum command data", "uint", "bytes the device takes in one command, 255 to 65535"),
			n("1", "maximum response data", "uint", "bytes it gives in one response, 256 to 65536"),
		}},
		"BleOptions": {form: formMap, clause: clause, fields: []field{
			n("0", "peripheral server mode", "bool", "the device can be the GATT server"),
			n("1", "central client mode", "bool", "the device can be the GATT client"),
			n("10", "peripheral server UUID", "uuid", "the device advertises it"),
			n("11", "central client UUID", "uuid", "the reader advertises it"),
			n("20", "device address", "bytes", "BLE address"),
			n("21", "L2CAP PSM", "uint", "").at(ed2("9.3")),
		}},
		"WifiOptions": {form: formMap, clause: clause, fields: []field{
			n("0", "pass-phrase", "text", ""), n("1", "operating class", "uint", ""), n("2", "channel number", "uint", ""),
			n("3", "supported bands", "bytes", ""),
		}},
		"WebsiteOptions": {form: formMap, clause: part7("Annex A"), fields: []field{n("0", "uri", "text", "where the device posts its engagement")}},
		"origin infos":   {form: formList, of: "OriginInfo", clause: second},
		"OriginInfo": {form: formMap, clause: part7("Annex A"), fields: []field{
			t("cat", "uint", "1: received engagement"), t("type", "origin type", ""), t("details", "", "origin as the wallet knows it"),
		}},
		"origin type": {form: formInt, codes: map[int64]string{0: "other", 1: "domain"}},
		"Capabilities": {form: formMap, clause: second, fields: []field{
			n("0", "MacKeysSupport", "bool", "").at(part7("Annex B")),
			n("1", "MacKeysCurves", "curve list", "").at(part7("Annex B")),
			n("2", "HandoverSessionEstablishment", "bool", "takes SessionEstablishment during negotiated handover"),
			n("3", "ReaderAuthAll", "bool", "takes readerAuthAll"),
			n("4", "ExtendedRequest", "bool", "understands alternatives, issuerIdentifiers and use cases"),
		}},
		"curve list": {form: formList, of: "curve"},
		"ReaderEngagement": {form: formMap, clause: ed2("9.2") + "; " + part7("Annex A"), meaning: "the reader's side of an engagement", fields: []field{
			n("0", "version", "text", "1.0 in an NFC handover request, 1.1 in an mdoc:// link"),
			n("1", "Security", "ReaderSecurity", ""),
			n("2", "RetrievalMethods", "retrieval methods", "how the reader can be reached"),
		}},
		"ReaderSecurity": {form: formTuple, clause: part7("Annex A"), fields: []field{
			e("cipher suite", "cipher suite", ""), e("EReaderKeyBytes", "EReaderKeyBytes", ""),
		}},
		"ReaderEngagementBytes": {form: formTag, tag: tagEmbedded, of: "ReaderEngagement", clause: part7("Annex A")},
		"PostedEngagement": {form: formMap, clause: part7("Annex A"), meaning: "what the device posts to a website", fields: []field{
			t("deviceEngagementBytes", "DeviceEngagementBytes", ""),
		}},
	}
}
