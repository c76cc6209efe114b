package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Front is the part of settings that every service has: where and how it
// answers. It is embedded, so its names stand beside the service's own.
type Front struct {
	// Listen is the address to bind, host:port; port 0 lets the system choose.
	// Required. The service speaks plain HTTP there: loopback, or behind a proxy
	// that ends TLS.
	Listen string `json:"listen"`
	// StopWithin bounds a stop; empty means 10s.
	StopWithin Duration `json:"stop_within,omitempty"`
	// Drain is how long /readyz says no before the listener closes; empty means
	// not at all.
	Drain Duration `json:"drain,omitempty"`
}

// Check says what is wrong with the values.
func (f Front) Check() error {
	if _, _, err := net.SplitHostPort(f.Listen); err != nil {
		return errors.New("listen is not host:port")
	}
	return nil
}

// Open binds the address; see [Listen].
func (f Front) Open(ctx context.Context, handler http.Handler, log *slog.Logger) (*Server, error) {
	return f.OpenAt(ctx, f.Listen, nil, handler, log)
}

// OpenAt binds a second address, with TLS when secure is given. It stops as the
// first does.
func (f Front) OpenAt(ctx context.Context, addr string, secure *tls.Config, handler http.Handler, log *slog.Logger) (*Server, error) {
	return Listen(ctx, Config{Addr: addr, Handler: handler, Log: log, TLS: secure,
		StopWithin: time.Duration(f.StopWithin), Drain: time.Duration(f.Drain)})
}

// Beside serves while work runs in a goroutine of its own, and returns when both
// have ended. ctx ends both; whichever ends first takes the other with it, and
// work that ends before ctx does is a failure.
func (s *Server) Beside(ctx context.Context, work func(ctx context.Context) error) error {
	serving, stop := context.WithCancel(ctx)
	defer stop()
	worked := make(chan error, 1)
	go func() {
		defer stop()
		err := work(serving)
		if err == nil && serving.Err() == nil {
			err = errors.New("ended by itself")
		}
		if serving.Err() != nil && errors.Is(err, serving.Err()) {
			err = nil
		}
		worked <- err
	}()
	err := s.Serve(serving)
	stop()
	if failed := <-worked; failed != nil {
		err = errors.Join(err, fmt.Errorf("background work: %w", failed))
	}
	return err
}

// Required says which of the named values are empty.
func Required(values map[string]string) error {
	var errs []error
	for name, value := range values {
		if value == "" {
			errs = append(errs, fmt.Errorf("%s is missing", name))
		}
	}
	return errors.Join(errs...)
}
