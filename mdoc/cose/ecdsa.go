package cose

import "crypto/ecdsa"

// verifyECDSA checks a signature in the form of RFC 9053, 2.1: r and s side by side, each as long as the order of the curve. The
// check itself is that of crypto/ecdsa, which also proves that the key lies on its curve and that r and s are in range. The way
// through go-cose turns the numbers into big.Int and back and proves the key twice (docs/adr/0011); a test holds both to the
// same answers.
func verifyECDSA(key *ecdsa.PublicKey, digest, signature []byte) bool {
	size := (key.Params().N.BitLen() + 7) / 8
	if len(signature) != 2*size {
		return false
	}
	r, s := minimal(signature[:size]), minimal(signature[size:])
	// SEQUENCE { INTEGER r, INTEGER s }: at most 2 * (2 + 1 + 66) bytes for P-521
	der := make([]byte, 0, 3+2*(2+1+66))
	der = append(der, 0x30)
	body := integerSize(r) + integerSize(s)
	if body > 127 {
		der = append(der, 0x81)
	}
	der = append(der, byte(body)) //nolint:gosec // at most 138
	return ecdsa.VerifyASN1(key, digest, appendInteger(appendInteger(der, r), s))
}

// minimal cuts leading zeros and leaves one byte at least.
func minimal(n []byte) []byte {
	for len(n) > 1 && n[0] == 0 {
		n = n[1:]
	}
	return n
}

// integerSize is the size of a DER INTEGER, with the leading zero that a set top bit needs.
func integerSize(n []byte) int { return 2 + len(n) + int(n[0]>>7) }

func appendInteger(b, n []byte) []byte {
	b = append(b, 0x02, byte(integerSize(n)-2)) //nolint:gosec // at most 67
	if n[0]>>7 == 1 {
		b = append(b, 0)
	}
	return append(b, n...)
}
