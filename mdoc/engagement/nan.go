package engagement

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
)

// NANServiceName is the name under which the mdoc publishes its Wi-Fi Aware service: upper-case hex of 16 bytes derived from
// EDeviceKeyBytes, the tag 24 item as it stands in the engagement (ISO/IEC 18013-5:2021, 8.3.3.1.3).
func NANServiceName(eDeviceKeyBytes []byte) (string, error) {
	name, err := hkdf.Key(sha256.New, eDeviceKeyBytes, nil, "NANService", 16)
	if err != nil {
		return "", fmt.Errorf("deriving Wi-Fi Aware service name: %w", err)
	}
	return strings.ToUpper(hex.EncodeToString(name)), nil
}

// NANPassphrase is the pass-phrase where the options give none: base64url of 32 bytes derived likewise. It is as secret as
// the engagement.
func NANPassphrase(eDeviceKeyBytes []byte) (string, error) {
	phrase, err := hkdf.Key(sha256.New, eDeviceKeyBytes, nil, "NANPassphrase", 32)
	if err != nil {
		return "", fmt.Errorf("deriving Wi-Fi Aware pass-phrase: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(phrase), nil
}
