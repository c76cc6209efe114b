package ceremony

import "encoding/json"

// Where the services listen, on loopback.
const (
	issuerAddr   = "127.0.0.1:8081"
	tsmAddr      = "127.0.0.1:8082"
	verifierAddr = "127.0.0.1:8083"

	// JPKIAddr is where JPKI-TEST tells which card certificates are revoked.
	JPKIAddr = "127.0.0.1:8084"

	statusPath = "/v1/status-lists/"
	crlPath    = "/v1/trust/iaca.crl"
)

// keyVersion is the first of those SCP03 has (hex 30).
const keyVersion = 0x30

type object map[string]any

// settings writes one file for each service, in the form its own settings struct documents; a test starts the services
// with them.
func (f folder) settings() error {
	key := func(name string) string { return "file:" + f.path("keys/"+name+".key") }
	signer := func(name string) object { return object{"key": key(name), "chain": f.path("keys/" + name + ".pem")} }
	phoneCA := func(name string) object {
		return object{"key": "file:" + f.path("phone/"+name+".key"), "certificate": f.path("phone/" + name + ".pem")}
	}
	lists, jpki := "http://"+issuerAddr+statusPath, "http://"+JPKIAddr

	if err := f.json("issuer.json", object{
		"listen": issuerAddr, "store": f.path("state/issuer.db"), "secret": f.path("issuer/secret"),
		"authority": "TEST市（試験用の発行者）",
		"iaca":      f.path("keys/iaca.pem"), "iaca_crl": f.path("keys/iaca.crl"), "se_roots": f.path("keys/se-root.pem"),
		"document_signers": []object{signer("document-signer")}, "status_signer": signer("status-signer"),
		"order_key": key("order"), "status_uri": lists + "1", "tsm_url": "http://" + tsmAddr,
		"card_signature_roots": f.path("card/signature-roots.pem"), "card_municipal_roots": f.path("card/municipal-roots.pem"),
		"card_authentication_roots": f.path("card/authentication-roots.pem"),
		"card_status": []object{
			{"ca": f.path("card/signature-roots.pem"), "crls": []string{jpki + "/signature.crl"}, "ocsp": jpki + "/signature/ocsp"},
			{"ca": f.path("card/authentication-roots.pem"), "crls": []string{jpki + "/authentication.crl"}, "ocsp": jpki + "/authentication/ocsp"},
		},
		"card_deny_list": f.path("card/deny-list.pem"), "operators": f.path("issuer/operators"),
		"counters": f.path("issuer/counters"), "phone_certificates": object{"signature": phoneCA("signature"),
			"authentication": phoneCA("authentication"), "url": "http://" + issuerAddr},
	}); err != nil {
		return err
	}
	if err := f.json("tsm.json", object{
		"listen": tsmAddr, "store": f.path("state/tsm.db"), "master_key": "file:" + f.path("tsm/master.key"),
		"key_version": keyVersion, "order_key": f.path("keys/order.pub"), "issuer_url": "http://" + issuerAddr,
	}); err != nil {
		return err
	}
	return f.json("verifier.json", object{
		"listen": verifierAddr, "anchors": f.path("keys/iaca.pem"), "reader_key": key("reader"),
		"reader_chain": f.path("keys/reader.pem"), "token": f.path("verifier/token"), "status_dir": f.path("state/status"),
		"status_uris": []string{lists + "1"}, "crl_uris": []string{"http://" + issuerAddr + crlPath}, "profile": object{"age": 20},
	})
}

func (f folder) json(name string, settings object) error {
	text, err := json.MarshalIndent(settings, "", "  ")
	if err != nil {
		return err
	}
	return f.write(name, append(text, '\n'), anyone)
}
