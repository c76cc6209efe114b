package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"

	"mobileid/cmd/internal/link"
)

// lineEnd is the issuer's or the TSM's end of the line between them, with its listener.
type lineEnd struct {
	*link.Link
	listener net.Listener
}

func (e lineEnd) url() string { return "https://" + e.listener.Addr().String() }

// serve answers the other end.
func (e lineEnd) serve(ctx context.Context, w *world, doors http.Handler) error {
	return w.serveTLS(ctx, e.listener, e.Server(), e.Guard(doors))
}

// openLine makes throw-away certificates of both ends in the run's folder, and binds both.
func (w *world) openLine(ctx context.Context) error {
	dir := filepath.Join(w.dir, "service")
	if err := link.Certify(dir, w.dir, w.options.Now()); err != nil {
		return err
	}
	for name, end := range map[string]*lineEnd{link.IssuerEnd: &w.issuerLine, link.TSMEnd: &w.tsmLine} {
		var listen net.ListenConfig
		l, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return fmt.Errorf("listening on loopback: %w", err)
		}
		w.closers = append(w.closers, func() error {
			if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
				return err
			}
			return nil
		})
		end.listener = l
		if end.Link, err = link.Open(link.In(dir, name, l.Addr().String()), w.log, w.options.Now); err != nil {
			return err
		}
	}
	return nil
}
