package main

// unreachable lists the checks that no input can make fail.
func unreachable() []exemption {
	const again = "a failed decode leaves nothing, which is refused beside it"
	return []exemption{
		{"mdoc/cose/header.go", "if err := cbor.Unmarshal(raw, &crit); err != nil || len(crit) == 0 {", "err != nil", again},
		{"mdoc/engagement/handover/message.go", `if err := cbor.Unmarshal(r.Payload, &e); err != nil || !strings.HasPrefix(e.Version, "1.") || r.ID != idReaderEngagement {`, "err != nil", again},
		{"mdoc/engagement/handover/reader.go", "if err != nil { // never: each command here has the short form", "err != nil", "the data of a command here are at most 255 bytes"},
		{"mdoc/encryption/hpke.go", "if err != nil { // never for a key on P-256", "err != nil", "the curve was asked for just above"},
		{"mdoc/cose/header.go", "if c.Done() != nil {", "c.Done() != nil", again},
		{"mdoc/pki/eku.go", "if rest, err := asn1.Unmarshal(e.Value, &purposes); err != nil || len(rest) != 0 || len(purposes) == 0 {", "err != nil", again},
		{"mdoc/linkability/document.go", "if d.again != nil {", "d.again != nil", "ParseIssuerSigned and MSO have read it by the same rules"},
		{"mdoc/session/device.go", "if in, out, err = channels(key, pub, t); err != nil {", "err != nil", "the curves of the two keys were compared before"},
		{"mdoc/session/reader.go", "if key, err = device.Curve().GenerateKey(source); err != nil {", "err != nil", "the Go library draws keys itself and cannot fail"},
		{"mdoc/session/reader.go", "if public, err = cose.NewKey(key.PublicKey()); err != nil {", "err != nil", "there is a COSE_Key for every curve of crypto/ecdh"},
		{"mdoc/session/reader.go", "if message, err = establish(r.keyBytes, out, request); err != nil {", "err != nil", "a fresh channel has its first counter"},
		{"verifier/reader/reader.go", "if err != nil { // never: ParseURI refuses a key that it could not use", "err != nil", "a parsed engagement has a key on a curve of crypto/ecdh"},
		{"verifier/trust/cache.go", "if err != nil { // never: there are anchors and an address", "err != nil", "NewCache demands the one, the lines above the other"},
		{"verifier/trust/crlrefresher.go", "if err != nil { // never: it is an allowed address", "err != nil", "net/url read it when it was allowed"},
		{"verifier/trust/crls.go", "if err != nil { // never: it was parsed to be put", "err != nil", "RevocationLists.Put has parsed the same bytes"},
		{"verifier/trust/disk.go", "if err != nil { // never: the token verified at that time, with that text as its subject", "err != nil", "text and time are ones that CBOR can hold"},
		{"verifier/trust/refresher.go", "if err != nil { // never: it is an allowed address", "err != nil", "net/url read it when it was allowed"},
		{"verifier/reader/reader.go", "if err != nil { // never: the session is fresh", "err != nil", "it was made just above for keys on one curve, and a request is within its bound"},
	}
}
