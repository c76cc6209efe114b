package serve

import (
	"context"
	"log/slog"
	"strings"
)

// connectionErrors takes what net/http itself has to say. Its texts can repeat
// what a client sent (a name, a header, an address), so of each only the kind
// is kept.
type connectionErrors struct{ next slog.Handler }

func (h connectionErrors) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

func (h connectionErrors) Handle(ctx context.Context, r slog.Record) error {
	kind := kindOf(r.Message)
	clean := slog.NewRecord(r.Time, r.Level, "connection error", r.PC)
	clean.AddAttrs(slog.String("kind", kind))
	return h.next.Handle(ctx, clean)
}

func (h connectionErrors) WithAttrs(attrs []slog.Attr) slog.Handler {
	return connectionErrors{h.next.WithAttrs(attrs)}
}

func (h connectionErrors) WithGroup(name string) slog.Handler {
	return connectionErrors{h.next.WithGroup(name)}
}

// kindOf names one of net/http's messages by how it begins.
func kindOf(message string) string {
	switch {
	case strings.HasPrefix(message, "http: TLS handshake error"):
		return "tls_handshake"
	case strings.HasPrefix(message, "http: Accept error"):
		return "accept"
	case strings.HasPrefix(message, "http: superfluous response.WriteHeader"):
		return "second_status"
	case strings.HasPrefix(message, "http: panic serving"):
		return "panic"
	case strings.HasPrefix(message, "http2:"):
		return "http2"
	default:
		return "other"
	}
}
