// Command mobileid-tsm is the trusted service manager: signed orders in, SCP03 to the secure elements out, carried by
// the phones that ask. Phones come to one address, the issuer to another, with its certificate.
//
// It only wires: settings and keys come from the files that -config names (see settings), the work is package tsm's, the
// doors are package httpapi's. -init makes the empty job store, once; a service that finds none does not start. It cannot
// read what it moves: no package it imports knows the document.
//
//	mobileid-tsm -config tsm.json -check
//	mobileid-tsm -config tsm.json -init
//	mobileid-tsm -config tsm.json
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"strconv"
	"time"

	"mobileid/cmd/internal/hsm"
	"mobileid/cmd/internal/link"
	"mobileid/cmd/internal/serve"
	"mobileid/issuer/keys"
	"mobileid/tsm"
	"mobileid/tsm/httpapi"
	"mobileid/tsm/issuerclient"
	"mobileid/tsm/store"
)

// The key versions of SCP03, and the one used unless the settings say otherwise (GlobalPlatform Card Specification
// Amendment D, 7.1).
const (
	firstKeyVersion = 0x30
	lastKeyVersion  = 0x3F
)

// sweepEvery is the time between two rounds of what no phone asks for.
const sweepEvery = time.Minute

func main() {
	serve.RoomForSyncs()
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s := &settings{KeyVersion: firstKeyVersion}
	return serve.Command{Name: "mobileid-tsm", Settings: s, Run: s.serve, Check: s.check, Init: s.create}.Main(ctx, args, stdout, stderr)
}

// settings is the file -config names. Paths are taken from the working directory unless they are absolute. What is not
// said to be optional is required.
type settings struct {
	serve.Front

	// Store is the bbolt file of the jobs, made by -init.
	Store string `json:"store"`
	// MasterKeys name for each version of key sets, "48" to "63" (hex 30 to 3F), the master key from which the sets of
	// every element are derived: file:PATH of the 32 bytes, readable by its owner only, or a pkcs11: URI (package hsm).
	MasterKeys map[string]string `json:"master_keys"`
	// KeyVersion is the version that elements have or are to get, one of MasterKeys; optional, 48.
	KeyVersion int `json:"key_version,omitempty"`
	// OrderKey is the PEM file of the public key that makes an order the issuer's.
	OrderKey string `json:"order_key"`
	// IssuerURL is the root of the issuer's end of the line, https. Link is this end: phones come to Listen, the issuer's
	// orders to Link.Listen.
	IssuerURL string        `json:"issuer_url"`
	Link      link.Settings `json:"link"`
	// Desk is where operators rekey and release elements and look at orders; optional.
	Desk *deskSettings `json:"desk,omitempty"`
	// SessionLife is how long a phone may be silent, Retention how long a closed job is kept, MaxSessions how many phones
	// are served at once. All optional, with the defaults of package tsm.
	SessionLife serve.Duration `json:"session_life,omitempty"`
	Retention   serve.Duration `json:"retention,omitempty"`
	MaxSessions int            `json:"max_sessions,omitempty"`
}

// Validate says all that is wrong with the values.
func (s *settings) Validate() error {
	errs := []error{s.Front.Check(), s.Link.Check(), serve.Required(map[string]string{"store": s.Store, "order_key": s.OrderKey})}
	u, err := url.Parse(s.IssuerURL)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		errs = append(errs, errors.New("issuer_url is not an https address"))
	}
	if len(s.MasterKeys) == 0 {
		errs = append(errs, errors.New("master_keys is empty"))
	}
	for version, uri := range s.MasterKeys {
		n, err := strconv.Atoi(version)
		if err != nil || n < firstKeyVersion || n > lastKeyVersion || strconv.Itoa(n) != version {
			errs = append(errs, fmt.Errorf("master_keys: a version that is not %d to %d", firstKeyVersion, lastKeyVersion))
		} else if hsm.Is(uri) {
			_, err = hsm.ParseURI(uri)
			errs = append(errs, err)
		}
	}
	if s.MasterKeys[strconv.Itoa(s.KeyVersion)] == "" && len(s.MasterKeys) > 0 {
		errs = append(errs, fmt.Errorf("key_version is %d, of which master_keys has none", s.KeyVersion))
	}
	if s.Desk != nil {
		errs = append(errs, s.Desk.validate())
	}
	if s.MaxSessions < 0 {
		errs = append(errs, errors.New("max_sessions is negative"))
	}
	return errors.Join(errs...)
}

// create makes the empty store.
func (s *settings) create(context.Context) error {
	if err := serve.Absent(s.Store); err != nil {
		return fmt.Errorf("making store: %w", err)
	}
	file, err := store.Open(s.Store)
	if err != nil {
		return err
	}
	return file.Close()
}

// parts are what the settings name, opened.
type parts struct {
	config tsm.Config // without its store
	line   *link.Link
	desk   *tls.Config // nil: plain HTTP on loopback, or no desk
	keys   hsm.Opener
}

// open opens all that the settings name but the store. The caller closes keys, after an error too.
func (s *settings) open(ctx context.Context, log *slog.Logger) (p *parts, err error) {
	p = &parts{config: tsm.Config{Log: log, SessionLife: time.Duration(s.SessionLife), Retention: time.Duration(s.Retention), MaxSessions: s.MaxSessions}}
	if p.line, err = link.Open(s.Link, log, nil); err != nil {
		return p, err
	}
	if p.config.OrderKey, err = keys.OpenPublicKey(s.OrderKey); err != nil {
		return p, err
	}
	if p.config.Issuer, err = issuerclient.New(issuerclient.Config{BaseURL: s.IssuerURL, Transport: p.line.Transport()}); err != nil {
		return p, err
	}
	if p.desk, err = s.Desk.secure(); err != nil {
		return p, err
	}
	p.config.Keys, err = s.masters(ctx, &p.keys)
	return p, err
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
	file, err := store.OpenExisting(s.Store)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	p.config.Store = file
	service, err := tsm.New(p.config)
	if err != nil {
		return err
	}
	phones, err := s.Open(ctx, httpapi.Phones(service, log), log)
	if err != nil {
		return err
	}
	orders, err := s.OpenAt(ctx, s.Link.Listen, p.line.Server(), p.line.Guard(httpapi.Orders(service, log)), log)
	if err != nil {
		return errors.Join(err, phones.Close())
	}
	keepHouse := func(ctx context.Context) error {
		service.Run(ctx, sweepEvery)
		return nil
	}
	if s.Desk != nil {
		desk, err := s.openDesk(ctx, service, p.desk, log)
		if err != nil {
			return errors.Join(err, phones.Close(), orders.Close())
		}
		inner := keepHouse
		keepHouse = func(ctx context.Context) error { return desk.Beside(ctx, inner) }
	}
	return phones.Beside(ctx, func(ctx context.Context) error { return orders.Beside(ctx, keepHouse) })
}
