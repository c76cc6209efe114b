package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"

	"mobileid/cmd/internal/serve"
	"mobileid/tsm"
	"mobileid/tsm/httpapi"
)

// deskSettings are the operators' address and who they are, named with the SHA-256 of their bearer tokens in hex. A token
// never crosses a network in the clear: without a certificate the address is a loopback one, for operators on this machine
// or a proxy there that ends TLS.
type deskSettings struct {
	Listen string `json:"listen"`
	// Certificate is the PEM file of the chain for TLS, leaf first, and Key that of the leaf's key, readable by its owner
	// only; both or none.
	Certificate string            `json:"certificate,omitempty"`
	Key         string            `json:"key,omitempty"`
	Operators   map[string]string `json:"operators"`
}

// maxChain bounds the file of a certificate chain, and that of its key.
const maxChain = 64 << 10

// validate says what is wrong with the values.
func (d *deskSettings) validate() error {
	_, err := d.list()
	host, _, bad := net.SplitHostPort(d.Listen)
	if bad != nil {
		return errors.Join(err, errors.New("desk.listen is not host:port"))
	}
	ip, bad := netip.ParseAddr(host)
	switch loopback := bad == nil && ip.IsLoopback(); {
	case (d.Certificate == "") != (d.Key == ""):
		err = errors.Join(err, errors.New("desk: certificate and key go together"))
	case d.Certificate == "" && !loopback:
		err = errors.Join(err, errors.New("desk.listen is no loopback address, and without certificate and key tokens would be sent in the clear"))
	}
	return err
}

// list gives the operators; an error repeats no value.
func (d *deskSettings) list() (out []httpapi.Operator, err error) {
	for name, text := range d.Operators {
		hash, err := hex.DecodeString(text)
		if err != nil || len(hash) != sha256.Size || name == "" {
			return nil, errors.New("desk.operators: not names with 64 hex digits each")
		}
		out = append(out, httpapi.Operator{Name: name, TokenHash: [sha256.Size]byte(hash)})
	}
	if len(out) == 0 || d.Listen == "" {
		return nil, errors.New("desk: listen and operators are required")
	}
	return out, nil
}

// secure reads the certificate and its key; nil when there are none.
func (d *deskSettings) secure() (*tls.Config, error) {
	if d == nil || d.Certificate == "" {
		return nil, nil //nolint:nilnil // no TLS is no error
	}
	chain, err := serve.ReadFile(d.Certificate, maxChain)
	if err != nil {
		return nil, fmt.Errorf("opening desk: %w", err)
	}
	key, err := serve.ReadPrivate(d.Key, maxChain)
	if err != nil {
		return nil, fmt.Errorf("opening desk: %w", err)
	}
	own, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return nil, errors.New("opening desk: certificate and key are no pair in PEM")
	}
	return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{own}, NextProtos: []string{"http/1.1"}}, nil
}

func (s *settings) openDesk(ctx context.Context, service *tsm.Service, secure *tls.Config, log *slog.Logger) (*serve.Server, error) {
	operators, err := s.Desk.list()
	if err != nil {
		return nil, err
	}
	return s.OpenAt(ctx, s.Desk.Listen, secure, httpapi.Desk(service, operators, log), log)
}
