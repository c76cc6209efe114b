// Command mobileid-tsm is the trusted service manager: signed orders in, SCP03 to the secure elements out, carried by
// the phones that ask.
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
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"time"

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

func main() { os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s := &settings{KeyVersion: firstKeyVersion}
	return serve.Command{Name: "mobileid-tsm", Settings: s, Run: s.serve, Init: s.create}.Main(ctx, args, stdout, stderr)
}

// settings is the file -config names. Paths are taken from the working directory unless they are absolute. What is not
// said to be optional is required.
type settings struct {
	serve.Front

	// Store is the bbolt file of the jobs, made by -init.
	Store string `json:"store"`
	// MasterKey is file:PATH of the 32 bytes from which the key set of every element is derived; readable by its owner
	// only.
	MasterKey string `json:"master_key"`
	// KeyVersion is the version of the elements' key sets, 48 to 63 (hex 30 to 3F); optional, 48.
	KeyVersion int `json:"key_version,omitempty"`
	// OrderKey is the PEM file of the public key that makes an order the issuer's.
	OrderKey string `json:"order_key"`
	// IssuerURL is the root of the issuer.
	IssuerURL string `json:"issuer_url"`
	// SessionLife is how long a phone may be silent, Retention how long a closed job is kept, MaxSessions how many phones
	// are served at once. All optional, with the defaults of package tsm.
	SessionLife serve.Duration `json:"session_life,omitempty"`
	Retention   serve.Duration `json:"retention,omitempty"`
	MaxSessions int            `json:"max_sessions,omitempty"`
}

// Validate says all that is wrong with the values.
func (s *settings) Validate() error {
	errs := []error{s.Check(), serve.Required(map[string]string{"store": s.Store, "master_key": s.MasterKey, "order_key": s.OrderKey})}
	u, err := url.Parse(s.IssuerURL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		errs = append(errs, errors.New("issuer_url is not an http or https address"))
	}
	if s.KeyVersion < firstKeyVersion || s.KeyVersion > lastKeyVersion {
		errs = append(errs, fmt.Errorf("key_version is %d, want %d to %d", s.KeyVersion, firstKeyVersion, lastKeyVersion))
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

func (s *settings) serve(ctx context.Context, log *slog.Logger) (err error) {
	config := tsm.Config{Log: log, SessionLife: time.Duration(s.SessionLife), Retention: time.Duration(s.Retention), MaxSessions: s.MaxSessions}
	if config.Keys, err = tsm.OpenMasterKey(s.MasterKey, byte(s.KeyVersion)); err != nil {
		return err
	}
	if config.OrderKey, err = keys.OpenPublicKey(s.OrderKey); err != nil {
		return err
	}
	if config.Issuer, err = issuerclient.New(issuerclient.Config{BaseURL: s.IssuerURL}); err != nil {
		return err
	}
	file, err := store.OpenExisting(s.Store)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	config.Store = file
	service, err := tsm.New(config)
	if err != nil {
		return err
	}
	server, err := s.Open(ctx, httpapi.New(service, log), log)
	if err != nil {
		return err
	}
	return server.Beside(ctx, func(ctx context.Context) error {
		service.Run(ctx, sweepEvery)
		return nil
	})
}
