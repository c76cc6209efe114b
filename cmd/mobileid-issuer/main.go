// Command mobileid-issuer is the issuer's service: evidence of a card reading in, signed documents out by way of the
// TSM, status lists, suspension and handover.
//
// It only wires: settings and keys come from the files that -config names (see settings), the work is package issuer's,
// the doors are package httpapi's. -init makes the empty store, once; a service that finds no store does not start,
// since an issuer that starts empty has forgotten every revocation. Keys are made by "mobileid pki new" and never here.
//
//	mobileid-issuer -config issuer.json -check
//	mobileid-issuer -config issuer.json -init
//	mobileid-issuer -config issuer.json
//
// mobileid-issuer counter is the page of a municipal counter PC (package counter), on a loopback address and with a card
// reader beside it. It is a client of the service, opens none of its files and keeps nothing.
//
//	mobileid-issuer counter -issuer https://issuer.example -token-file token
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"time"

	"mobileid/cmd/internal/hsm"
	"mobileid/cmd/internal/link"
	"mobileid/cmd/internal/serve"
	"mobileid/issuer"
	"mobileid/issuer/httpapi"
	"mobileid/issuer/keys"
	"mobileid/issuer/store"
	"mobileid/issuer/tsmclient"
	"mobileid/mdoc/pki"
)

func main() {
	serve.RoomForSyncs()
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == "counter" {
		return runCounter(ctx, args[1:], stdout, stderr)
	}
	s := new(settings)
	return serve.Command{Name: "mobileid-issuer", Settings: s, Run: s.serve, Check: s.check, Init: s.create}.Main(ctx, args, stdout, stderr)
}

// create makes the empty store.
func (s *settings) create(context.Context) error {
	if err := serve.Absent(s.Store); err != nil {
		return fmt.Errorf("making store: %w", err)
	}
	file, err := store.Open(s.Store, true)
	if err != nil {
		return err
	}
	return file.Close()
}

// parts are what the settings name, opened.
type parts struct {
	config issuer.Config // without its store
	line   *link.Link
	keys   hsm.Opener
}

// check opens everything once, a module and its PIN too.
func (s *settings) check(ctx context.Context) error {
	p, err := s.open(ctx, slog.New(slog.DiscardHandler))
	return errors.Join(err, p.keys.Close())
}

func (s *settings) serve(ctx context.Context, log *slog.Logger) (err error) {
	p, err := s.open(ctx, log)
	defer func() { err = errors.Join(err, p.keys.Close()) }()
	if err != nil {
		return err
	}
	file, err := store.Open(s.Store, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	p.config.Store = file
	service, err := issuer.New(ctx, p.config)
	if err != nil {
		return err
	}
	public, err := s.Open(ctx, httpapi.Public(service, log), log)
	if err != nil {
		return err
	}
	manager, err := s.OpenAt(ctx, s.Link.Listen, p.line.Server(), p.line.Guard(httpapi.TSM(service, log)), log)
	if err != nil {
		return errors.Join(err, public.Close())
	}
	return public.Beside(ctx, func(ctx context.Context) error { return manager.Beside(ctx, service.Run) })
}

// open opens everything the settings name but the store. The caller closes keys, after an error too.
func (s *settings) open(ctx context.Context, log *slog.Logger) (p *parts, err error) {
	p = &parts{config: issuer.Config{StatusURI: s.StatusURI, Authority: s.Authority, StatusTTL: time.Duration(s.StatusTTL),
		StatusLife: time.Duration(s.StatusLife), Life: time.Duration(s.DocumentLife), MaxTransactions: s.MaxTransactions,
		MaxHeld: s.MaxHeld, Log: log}}
	c := &p.config
	if p.line, err = link.Open(s.Link, log, nil); err != nil {
		return p, err
	}
	if c.Orders, err = tsmclient.New(tsmclient.Config{BaseURL: s.TSMURL, Transport: p.line.Transport()}); err != nil {
		return p, err
	}
	if err := s.signers(p); err != nil {
		return p, err
	}
	if err := s.cards(c, log); err != nil {
		return p, err
	}
	if c.Phone, err = s.phones(); err != nil {
		return p, err
	}
	if s.IACACRL != "" {
		c.CRL = func() ([]byte, error) { return serve.ReadFile(s.IACACRL, pki.MaxCRL) }
		if _, err := c.CRL(); err != nil {
			return p, fmt.Errorf("opening CRL: %w", err)
		}
	}
	if s.Operators == "" {
		log.WarnContext(ctx, "no operators: nobody can revoke, suspend or hand over")
	}
	if c.Operators, err = operators(s.Operators); err != nil {
		return p, err
	}
	if c.Counters, err = operators(s.Counters); err != nil {
		return p, err
	}
	c.Secret, err = serve.ReadSecret(s.Secret)
	return p, err
}

// cards opens what card readings are checked against.
func (s *settings) cards(c *issuer.Config, log *slog.Logger) (err error) {
	if c.CardSignatureRoots, err = certificates(s.CardSignatureRoots); err != nil {
		return fmt.Errorf("opening card signature roots: %w", err)
	}
	if c.CardAuthenticationRoots, err = certificates(s.CardAuthenticationRoots); err != nil {
		return fmt.Errorf("opening card authentication roots: %w", err)
	}
	if c.CardMunicipalRoots, err = municipalRoots(s.CardMunicipalRoots); err != nil {
		return err
	}
	source, err := s.statusSource(slices.Concat(c.CardSignatureRoots, c.CardAuthenticationRoots), log)
	if err != nil {
		return err
	}
	list, err := denyList(s.CardDenyList)
	if err != nil {
		return err
	}
	c.CardStatus = list.Before(source)
	return nil
}

// signers opens the issuer's keys and the roots they are held against.
func (s *settings) signers(p *parts) (err error) {
	c := &p.config
	if c.Anchors, err = anchors(s.IACA); err != nil {
		return fmt.Errorf("opening IACA: %w", err)
	}
	if c.SERoots, err = anchors(s.SERoots); err != nil {
		return fmt.Errorf("opening secure element roots: %w", err)
	}
	if c.OrderKey, err = p.keys.Signer(s.OrderKey); err != nil {
		return err
	}
	var ring []keys.DocumentSigner
	for _, f := range s.DocumentSigners {
		d, err := f.open(&p.keys)
		if err != nil {
			return err
		}
		ring = append(ring, d)
	}
	if c.Signers, err = keys.NewRing(c.Anchors, ring...); err != nil {
		return err
	}
	status, err := s.StatusSigner.open(&p.keys)
	c.StatusKey, c.StatusChain = status.Key, status.Chain
	return err
}

func (f signerFiles) open(o *hsm.Opener) (keys.DocumentSigner, error) {
	key, err := o.Signer(f.Key)
	if err != nil {
		return keys.DocumentSigner{}, err
	}
	return keys.WithChain(key, f.Chain)
}

func anchors(path string) (*pki.Anchors, error) {
	text, err := serve.ReadFile(path, maxPEM)
	if err != nil {
		return nil, err
	}
	return pki.ParseAnchorsPEM(text)
}
