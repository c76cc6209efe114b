package main

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"mobileid/cmd/internal/serve"
	"mobileid/issuer"
	"mobileid/issuer/card"
	"mobileid/issuer/card/jpki"
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

func certificates(path string) ([]*x509.Certificate, error) {
	text, err := serve.ReadFile(path, maxPEM)
	if err != nil {
		return nil, err
	}
	ders, err := pki.DecodePEM(text)
	if err != nil {
		return nil, err
	}
	var out []*x509.Certificate
	for _, der := range ders {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

func municipalRoots(path string) (map[card.KeyID]*rsa.PublicKey, error) {
	text, err := serve.ReadFile(path, maxPEM)
	if err != nil {
		return nil, fmt.Errorf("opening card municipal roots: %w", err)
	}
	keys, err := card.ParseMunicipalRoots(text)
	if err != nil {
		return nil, fmt.Errorf("opening card municipal roots: %w", err)
	}
	return keys, nil
}

// statusSource makes the source of the card certificates' status. A root that nobody can be asked about is an error.
func (s *settings) statusSource(roots []*x509.Certificate, log *slog.Logger) (*jpki.Source, error) {
	c := jpki.Config{Grace: time.Duration(s.CardStatusGrace), Log: log}
	for _, p := range s.CardStatus {
		cas, err := certificates(p.CA)
		if err != nil || len(cas) != 1 {
			return nil, errors.Join(fmt.Errorf("opening card status: %s is not one certificate", p.CA), err)
		}
		c.Authorities = append(c.Authorities, jpki.Authority{CA: cas[0], CRLs: p.CRLs, OCSP: p.OCSP})
	}
	for _, root := range roots {
		if !slices.ContainsFunc(c.Authorities, func(a jpki.Authority) bool { return a.CA.Equal(root) }) {
			return nil, fmt.Errorf("opening card status: nobody can be asked about certificates of the root %q: card_status does not name it",
				root.Subject.String())
		}
	}
	return jpki.New(c)
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
