package trust

import (
	"fmt"

	"mobileid/mdoc/pki"
)

// maxAnchorFile is how much of a trust anchor file is read, as much as package pki decodes; the roots of every issuer in the world
// take less than a tenth of it.
const maxAnchorFile = 1 << 20

// LoadAnchors reads the roots of a PEM file.
func LoadAnchors(path string) (*pki.Anchors, error) {
	pem, err := readFile(path, maxAnchorFile)
	if err != nil {
		return nil, fmt.Errorf("loading trust anchors: %w", err)
	}
	anchors, err := pki.ParseAnchorsPEM(pem)
	if err != nil {
		return nil, fmt.Errorf("loading trust anchors: %w", err)
	}
	return anchors, nil
}
