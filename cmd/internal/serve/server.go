package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// Bounds used where a [Config] leaves the field zero.
const (
	defaultReadHeader = 5 * time.Second
	defaultRead       = 15 * time.Second
	defaultWrite      = 45 * time.Second // a SERAM long poll lasts up to 30 s
	defaultIdle       = 60 * time.Second
	defaultStop       = 10 * time.Second
	defaultHeader     = 16 << 10
	defaultBody       = 1 << 20
)

// Config says what to serve and within which bounds. Zero bounds mean the
// defaults named at each field; none of them can be switched off.
type Config struct {
	// Addr is where to listen, host:port; port 0 lets the system choose.
	Addr string
	// Handler answers the requests. Required.
	Handler http.Handler
	// Log takes the request events and the server's own messages. Required.
	Log *slog.Logger
	// TLS, when set, is used on the listener and must bring a certificate.
	// Nil serves plain HTTP: loopback, or behind a proxy that ends TLS.
	TLS *tls.Config

	// ReadHeaderTimeout bounds a request's header; zero is 5 s.
	ReadHeaderTimeout time.Duration
	// ReadTimeout bounds a whole request with its body; zero is 15 s.
	ReadTimeout time.Duration
	// WriteTimeout bounds an answer from the end of the header; zero is 45 s.
	WriteTimeout time.Duration
	// IdleTimeout bounds the wait for the next request; zero is 60 s.
	IdleTimeout time.Duration
	// StopWithin bounds how long requests in hand may go on after the stop
	// began; then their contexts end and their connections close. Zero is 10 s.
	StopWithin time.Duration
	// Drain is how long /readyz says no before the listener closes, so that
	// a load balancer moves on first. Zero closes the listener at once.
	Drain time.Duration
	// MaxHeaderBytes bounds a request's header; zero is 16 KiB.
	MaxHeaderBytes int
	// MaxBodyBytes bounds a request's body for every route; zero is 1 MiB. A
	// handler may bound its own routes closer.
	MaxBodyBytes int64

	// Now is the clock of the log's durations; nil is time.Now.
	Now func() time.Time
}

func (c Config) validate() error {
	switch {
	case c.Addr == "":
		return errors.New("serve: no address to listen on")
	case c.Handler == nil:
		return errors.New("serve: no handler")
	case c.Log == nil:
		return errors.New("serve: no logger")
	}
	for name, d := range map[string]time.Duration{
		"read header timeout": c.ReadHeaderTimeout, "read timeout": c.ReadTimeout, "write timeout": c.WriteTimeout,
		"idle timeout": c.IdleTimeout, "stop time": c.StopWithin, "drain time": c.Drain,
	} {
		if d < 0 {
			return fmt.Errorf("serve: %s is negative", name)
		}
	}
	if c.MaxHeaderBytes < 0 || c.MaxBodyBytes < 0 {
		return errors.New("serve: size bound is negative")
	}
	return nil
}

func (c Config) withDefaults() Config {
	c.ReadHeaderTimeout = or(c.ReadHeaderTimeout, defaultReadHeader)
	c.ReadTimeout = or(c.ReadTimeout, defaultRead)
	c.WriteTimeout = or(c.WriteTimeout, defaultWrite)
	c.IdleTimeout = or(c.IdleTimeout, defaultIdle)
	c.StopWithin = or(c.StopWithin, defaultStop)
	c.MaxHeaderBytes = or(c.MaxHeaderBytes, defaultHeader)
	c.MaxBodyBytes = or(c.MaxBodyBytes, defaultBody)
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

func or[N int | int64 | time.Duration](v, otherwise N) N {
	if v == 0 {
		return otherwise
	}
	return v
}

// Server is a bound listener with its handler. It is used once.
type Server struct {
	config   Config
	listener net.Listener
	stopping atomic.Bool
}

// Listen binds cfg.Addr and returns without serving yet, so that the caller
// knows the address before the first request can arrive. The listener belongs
// to the server and is closed by [Server.Serve] or [Server.Close].
func Listen(ctx context.Context, cfg Config) (*Server, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", cfg.Addr)
	if err != nil {
		return nil, fmt.Errorf("serve: listening: %w", err)
	}
	return New(listener, cfg)
}

// New is [Listen] on a listener that is already bound; cfg.Addr is not used.
func New(listener net.Listener, cfg Config) (*Server, error) {
	cfg.Addr = listener.Addr().String()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	return &Server{config: cfg.withDefaults(), listener: listener}, nil
}

// Addr is the address the server is bound to, with the port the system chose.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// URL is the root of the service as a client on the same machine reaches it.
func (s *Server) URL() string {
	if s.config.TLS != nil {
		return "https://" + s.Addr().String()
	}
	return "http://" + s.Addr().String()
}

// Close gives up a server that is not being served.
func (s *Server) Close() error { return s.listener.Close() }

// Serve answers requests until ctx ends, then stops: /readyz says no for the
// drain time, the listener closes, requests in hand finish within StopWithin,
// what is left is cut. It returns nil after a stop in which every request
// finished, and an error that wraps [context.DeadlineExceeded] after one that
// had to cut.
func (s *Server) Serve(ctx context.Context) error {
	c := s.config
	requests, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	server := &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: c.ReadHeaderTimeout,
		ReadTimeout:       c.ReadTimeout,
		WriteTimeout:      c.WriteTimeout,
		IdleTimeout:       c.IdleTimeout,
		MaxHeaderBytes:    c.MaxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(connectionErrors{c.Log.Handler()}, slog.LevelWarn),
		BaseContext:       func(net.Listener) context.Context { return requests },
		TLSConfig:         c.TLS,
	}
	done := make(chan error, 1)
	go func() { done <- s.accept(server) }()
	c.Log.InfoContext(ctx, "serving", "addr", s.Addr().String(), "tls", c.TLS != nil)

	select {
	case err := <-done:
		return fmt.Errorf("serve: accepting: %w", err)
	case <-ctx.Done():
	}
	s.stopping.Store(true)
	c.Log.InfoContext(ctx, "stopping", "drain", c.Drain, "within", c.StopWithin)
	if err := s.stop(requests, server, cut); err != nil {
		return err
	}
	if err := <-done; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: accepting: %w", err)
	}
	c.Log.InfoContext(ctx, "stopped")
	return nil
}

func (s *Server) accept(server *http.Server) error {
	if s.config.TLS != nil {
		return server.ServeTLS(s.listener, "", "")
	}
	return server.Serve(s.listener)
}

// stop runs under the requests' context: the caller's has already ended.
func (s *Server) stop(requests context.Context, server *http.Server, cut context.CancelFunc) error {
	if s.config.Drain > 0 {
		drained := time.NewTimer(s.config.Drain)
		defer drained.Stop()
		<-drained.C
	}
	within, cancel := context.WithTimeout(requests, s.config.StopWithin)
	defer cancel()
	if err := server.Shutdown(within); err != nil {
		cut()
		return errors.Join(fmt.Errorf("serve: stopping: %w", err), server.Close())
	}
	return nil
}
