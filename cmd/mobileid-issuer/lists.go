package main

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"mobileid/cmd/internal/serve"
	"mobileid/issuer"
	"mobileid/issuer/card"
	"mobileid/issuer/revocation"
	"mobileid/mdoc/pki"
)

// Bounds of the files read at the start.
const (
	maxPEM       = 1 << 20
	maxOperators = 1 << 20
	maxDenyList  = 64 << 20 // some 25 000 certificates
)

const (
	beginCertificate = "-----BEGIN CERTIFICATE-----"
	endCertificate   = "-----END CERTIFICATE-----"
)

func cardRoots(signature, municipal string) ([]*x509.Certificate, map[card.KeyID]*rsa.PublicKey, error) {
	text, err := serve.ReadFile(signature, maxPEM)
	if err != nil {
		return nil, nil, fmt.Errorf("opening card signature roots: %w", err)
	}
	ders, err := pki.DecodePEM(text)
	if err != nil {
		return nil, nil, fmt.Errorf("opening card signature roots: %w", err)
	}
	var roots []*x509.Certificate
	for _, der := range ders {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, nil, fmt.Errorf("opening card signature roots: %w", err)
		}
		roots = append(roots, c)
	}
	if text, err = serve.ReadFile(municipal, maxPEM); err != nil {
		return nil, nil, fmt.Errorf("opening card municipal roots: %w", err)
	}
	keys, err := card.ParseMunicipalRoots(text)
	if err != nil {
		return nil, nil, fmt.Errorf("opening card municipal roots: %w", err)
	}
	return roots, keys, nil
}

// denyList reads certificates in PEM. An empty file and an empty path give an empty list; anything but certificates is
// refused, since a list half read lets revoked cards pass.
func denyList(path string) (*issuer.DenyList, error) {
	list := new(issuer.DenyList)
	if path == "" {
		return list, nil
	}
	rest, err := serve.ReadFile(path, maxDenyList)
	if err != nil {
		return nil, fmt.Errorf("opening card deny list: %w", err)
	}
	for n := 1; ; n++ {
		if rest = bytes.TrimSpace(rest); len(rest) == 0 {
			return list, nil
		}
		one, after, _ := bytes.Cut(rest, []byte(endCertificate)) // alone, since pem.Decode passes over a block it cannot read
		block, left := pem.Decode(append(bytes.Clone(one), endCertificate+"\n"...))
		if !bytes.HasPrefix(one, []byte(beginCertificate)) || block == nil || len(left) > 0 {
			return nil, fmt.Errorf("opening card deny list: block %d is not a certificate in PEM", n)
		}
		rest = after
		if err := list.Revoke(block.Bytes); err != nil {
			return nil, fmt.Errorf("opening card deny list: block %d: %w", n, err)
		}
	}
}

// operators reads names and token hashes. An error names the line and holds nothing of it.
func operators(path string) ([]revocation.Operator, error) {
	if path == "" {
		return nil, nil
	}
	text, err := serve.ReadFile(path, maxOperators)
	if err != nil {
		return nil, fmt.Errorf("opening operators: %w", err)
	}
	var list []revocation.Operator
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		name, sum, _ := strings.Cut(line, " ")
		hash, err := hex.DecodeString(strings.TrimSpace(sum))
		if err != nil || len(hash) != 32 {
			return nil, fmt.Errorf("opening operators: line %d: %w", number, errOperator)
		}
		list = append(list, revocation.Operator{Name: name, TokenHash: hash})
	}
	if len(list) == 0 {
		return nil, errors.New("opening operators: the file names nobody; leave the setting out for that")
	}
	return list, nil
}

var errOperator = errors.New("not a name, a space and 64 hex digits")
