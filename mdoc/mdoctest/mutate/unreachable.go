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
	}
}
