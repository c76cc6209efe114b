package main

// unreachable lists the checks that no input can make fail.
func unreachable() []exemption {
	const again = "a failed decode leaves nothing, which is refused beside it"
	return []exemption{
		{"mdoc/cose/header.go", "if err := cbor.Unmarshal(raw, &crit); err != nil || len(crit) == 0 {", "err != nil", again},
		{"mdoc/cose/header.go", "if c.Done() != nil {", "c.Done() != nil", again},
	}
}
