package trust

import (
	"fmt"
	"io"
	"os"

	"mobileid/mdoc/pki"
)

// maxAnchorFile bounds a trust anchor file; the roots of every issuer in the world take less than a tenth of it.
const maxAnchorFile = 1 << 20

// LoadAnchors reads the roots of a PEM file.
func LoadAnchors(path string) (*pki.Anchors, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("loading trust anchors: %w", err)
	}
	defer f.Close()
	pem, err := io.ReadAll(io.LimitReader(f, maxAnchorFile+1))
	if err != nil {
		return nil, fmt.Errorf("loading trust anchors: %w", err)
	}
	if len(pem) > maxAnchorFile {
		return nil, fmt.Errorf("loading trust anchors: file is over %d bytes", maxAnchorFile)
	}
	anchors, err := pki.ParseAnchorsPEM(pem)
	if err != nil {
		return nil, fmt.Errorf("loading trust anchors: %w", err)
	}
	return anchors, nil
}
