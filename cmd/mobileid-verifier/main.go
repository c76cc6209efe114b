// Command mobileid-verifier is a till's service: a POS device hands it the engagement of a phone and the phone's answer,
// and gets the decision.
//
// It only wires: settings and keys come from the files that -config names (see settings), checks are package verifier's,
// the doors are package httpapi's. Checks use roots and status lists that are there already; lists are fetched between
// checks, from the addresses of the settings and no others. -init makes the folder that keeps them over a restart, once.
//
//	mobileid-verifier -config verifier.json -check
//	mobileid-verifier -config verifier.json -init
//	mobileid-verifier -config verifier.json
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"mobileid/cmd/internal/serve"
	"mobileid/issuer/keys"
	"mobileid/mdoc"
	"mobileid/mdoc/pki"
	"mobileid/verifier"
	"mobileid/verifier/httpapi"
	"mobileid/verifier/policy"
	"mobileid/verifier/trust"
)

func main() { os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s := new(settings)
	return serve.Command{Name: "mobileid-verifier", Settings: s, Run: s.serve, Init: s.create}.Main(ctx, args, stdout, stderr)
}

// settings is the file -config names. Paths are taken from the working directory unless they are absolute. What is not
// said to be optional is required.
type settings struct {
	serve.Front

	// Anchors is the PEM file of the issuers' roots.
	Anchors string `json:"anchors"`
	// ReaderKey is file:PATH of the key that signs requests, of mode 0600; ReaderChain is the PEM file of its chain, leaf
	// first, without the root.
	ReaderKey   string `json:"reader_key"`
	ReaderChain string `json:"reader_chain"`
	// Token is the file of the bearer token that POS devices send, 16 characters or more; a newline at its end does not
	// count.
	Token string `json:"token"`

	// StatusDir is the folder that keeps status lists, made by -init.
	StatusDir string `json:"status_dir"`
	// StatusURIs are fetched always; StatusPrefixes are the addresses, each ending in a slash, under which lists that
	// documents name may be fetched too. One of the two is required; https, or http on loopback.
	StatusURIs     []string `json:"status_uris,omitempty"`
	StatusPrefixes []string `json:"status_prefixes,omitempty"`
	// StatusMaxAge is how old a list may be; optional, 24h.
	StatusMaxAge serve.Duration `json:"status_max_age,omitempty"`
	// CRLURIs are the addresses of the roots' certificate revocation lists, fetched every hour and kept in StatusDir; CRLFiles
	// are such lists in DER, read at the start. One of the two is required; https, or http on loopback.
	CRLURIs  []string `json:"crl_uris,omitempty"`
	CRLFiles []string `json:"crl_files,omitempty"`

	// Profile is what the till asks for.
	Profile profile `json:"profile"`
	// CheckWithin bounds one check, ClockSkew is the tolerance for clocks, MaxOpen bounds the checks that wait for a
	// phone. All optional, with the defaults of package verifier.
	CheckWithin serve.Duration `json:"check_within,omitempty"`
	ClockSkew   serve.Duration `json:"clock_skew,omitempty"`
	MaxOpen     int            `json:"max_open,omitempty"`
}

// profile is the age that must be reached, 1 to 99, and whether staff compare the portrait.
type profile struct {
	Age      int  `json:"age"`
	Portrait bool `json:"portrait,omitempty"`
}

// Validate says all that is wrong with the values.
func (s *settings) Validate() error {
	errs := []error{s.Check(), serve.Required(map[string]string{"anchors": s.Anchors, "reader_key": s.ReaderKey,
		"reader_chain": s.ReaderChain, "token": s.Token, "status_dir": s.StatusDir})}
	if len(s.StatusURIs)+len(s.StatusPrefixes) == 0 {
		errs = append(errs, errors.New("status_uris and status_prefixes are both empty"))
	}
	if len(s.CRLURIs)+len(s.CRLFiles) == 0 {
		errs = append(errs, errors.New("crl_uris and crl_files are both empty"))
	}
	if s.Profile.Age < 1 || s.Profile.Age > 99 {
		errs = append(errs, errors.New("profile.age is not 1 to 99"))
	}
	if time.Duration(s.ClockSkew) > mdoc.MaxSkew {
		errs = append(errs, fmt.Errorf("clock_skew is over %s", mdoc.MaxSkew))
	}
	if s.MaxOpen < 0 {
		errs = append(errs, errors.New("max_open is negative"))
	}
	return errors.Join(errs...)
}

// create makes the folder for status lists.
func (s *settings) create(context.Context) error {
	if err := os.Mkdir(s.StatusDir, 0o700); err != nil {
		return fmt.Errorf("making folder for status lists: %w", err)
	}
	return nil
}

func (s *settings) serve(ctx context.Context, log *slog.Logger) error {
	handler, refreshers, err := s.till(ctx, log)
	if err != nil {
		return err
	}
	server, err := s.Open(ctx, handler, log)
	if err != nil {
		return err
	}
	return server.Beside(ctx, refreshers.run)
}

// refreshers keep what the till knows fresh.
type refreshers struct {
	lists *trust.Refresher
	crls  *trust.CRLRefresher
}

// run ends when ctx does.
func (r refreshers) run(ctx context.Context) error {
	var crls sync.WaitGroup
	crls.Go(func() { _ = r.crls.Run(ctx) }) // its only error is the context's
	err := r.lists.Run(ctx)
	crls.Wait()
	return err
}

// revocation opens the CRLs kept, and those of the settings.
func (s *settings) revocation(ctx context.Context, anchors *pki.Anchors, log *slog.Logger) (*trust.CRLs, *trust.CRLRefresher, error) {
	now := time.Now()
	crls, err := trust.NewCRLs(anchors, s.StatusDir, now)
	if err != nil {
		return nil, nil, err
	}
	for _, unusable := range crls.Unusable() {
		log.WarnContext(ctx, "kept CRL left out", "error", unusable)
	}
	for _, path := range s.CRLFiles {
		if err := crls.LoadFile(path, now); errors.Is(err, pki.ErrCRLOlder) {
			log.WarnContext(ctx, "CRL of the settings left out", "error", err)
		} else if err != nil {
			return nil, nil, err
		}
	}
	refresher, err := trust.NewCRLRefresher(trust.CRLRefresherConfig{CRLs: crls, URIs: s.CRLURIs, Log: log})
	return crls, refresher, err
}

// till joins roots, lists and reader to the doors.
func (s *settings) till(ctx context.Context, log *slog.Logger) (handler http.Handler, r refreshers, err error) {
	anchors, err := trust.LoadAnchors(s.Anchors)
	if err != nil {
		return nil, r, err
	}
	crls, crlRefresher, err := s.revocation(ctx, anchors, log)
	if err != nil {
		return nil, r, err
	}
	r.crls = crlRefresher
	lists, err := trust.NewCache(trust.CacheConfig{Anchors: anchors, Revocation: crls, Dir: s.StatusDir, MaxAge: time.Duration(s.StatusMaxAge)})
	if err != nil {
		return nil, r, err
	}
	for _, unusable := range lists.Unusable() {
		log.WarnContext(ctx, "kept status list left out", "error", unusable)
	}
	r.lists, err = trust.NewRefresher(trust.RefresherConfig{Cache: lists, URIs: s.StatusURIs, Prefixes: s.StatusPrefixes, Log: log})
	if err != nil {
		return nil, r, err
	}
	reader, err := keys.OpenSigner(s.ReaderKey, s.ReaderChain)
	if err != nil {
		return nil, r, err
	}
	till, err := verifier.New(verifier.Config{Anchors: anchors, Lists: lists, CRLs: crls, Profile: policy.AgeTill(s.Profile.Age, s.Profile.Portrait),
		ReaderKey: reader.Key, ReaderChain: reader.Chain, Timeout: time.Duration(s.CheckWithin), Skew: time.Duration(s.ClockSkew)})
	if err != nil {
		return nil, r, err
	}
	token, err := serve.ReadSecret(s.Token)
	if err != nil {
		return nil, r, err
	}
	handler, err = httpapi.New(httpapi.Config{Till: till, Token: string(bytes.TrimRight(token, "\r\n")), MaxOpen: s.MaxOpen, Log: log})
	return handler, r, err
}
