package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"path/filepath"
	"strings"

	"mobileid/cmd/internal/serve"
	"mobileid/cmd/internal/terminal"
	"mobileid/cmd/internal/usage"
	"mobileid/mdoc/pki"
	"mobileid/tsm/applet"
)

const (
	maxSecret    = 4 << 10  // a PIN or a token, with room
	maxCardMaker = 1 << 20  // the saved authority behind modelled cards
	maxRoots     = 64 << 10 // certificates of readers' roots
)

var (
	errNoAuthority = errors.New("no authority to work with")
)

// authority is a folder that "mobileid pki new" made.
type authority string

func (a authority) keys() string        { return filepath.Join(string(a), "keys") }
func (a authority) cardMaker() string   { return filepath.Join(string(a), "card", "authority.secret") }
func (a authority) readerRoots() string { return filepath.Join(a.keys(), "reader-root.pem") }
func (a authority) readerCRL() string   { return filepath.Join(a.keys(), "reader-root.crl") }

// phoneCAs are the CAs of phone certificates, DER; none when the folder is from before there were any.
func (a authority) phoneCAs() ([][]byte, error) {
	var out [][]byte
	for _, name := range []string{"signature.pem", "authentication.pem"} {
		text, err := serve.ReadFile(filepath.Join(string(a), "phone", name), maxRoots)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errNoAuthority, err)
		}
		ders, err := pki.DecodePEM(text)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errNoAuthority, err)
		}
		out = append(out, ders...)
	}
	return out, nil
}

// masterKey names the TSM's key as a URI (RFC 8089), whatever characters the path has.
func (a authority) masterKey() (string, error) {
	path, err := filepath.Abs(filepath.Join(string(a), "tsm", "master.key"))
	if err != nil {
		return "", err
	}
	return (&url.URL{Scheme: "file", Path: path}).String(), nil
}

// line reads one line of standard input, without its end; the last one may lack a newline.
func (w *wallet) line(ctx context.Context) (string, error) {
	return terminal.Wait(ctx, func() (string, error) {
		text, err := w.in.ReadString('\n')
		if err != nil && (!errors.Is(err, io.EOF) || text == "") {
			return "", fmt.Errorf("reading standard input: %w", err)
		}
		return strings.TrimRight(text, "\r\n"), nil
	})
}

// pin reads the PIN from a file, or for "-" the first line of standard input. One that no element would take is refused
// here, before anything is asked of anybody.
func (w *wallet) pin(ctx context.Context, path string) (string, error) {
	text, err := w.secret(ctx, "PIN", path)
	if err != nil {
		return "", err
	}
	if err := checkPIN(text); err != nil {
		return "", fmt.Errorf("reading the PIN: %w", err)
	}
	return text, nil
}

// checkPIN refuses what no element takes.
func checkPIN(text string) error {
	digits := strings.IndexFunc(text, func(r rune) bool { return r < '0' || r > '9' }) < 0
	if !digits || len(text) < applet.MinPIN || len(text) > applet.MaxPIN {
		return fmt.Errorf("it must have %d to %d digits and nothing else", applet.MinPIN, applet.MaxPIN)
	}
	return nil
}

// secret reads one line of a file, or for "-" of standard input.
func (w *wallet) secret(ctx context.Context, name, path string) (string, error) {
	if path == "-" {
		line, err := w.line(ctx)
		if err != nil {
			return "", fmt.Errorf("reading the %s: %w", name, err)
		}
		return line, nil
	}
	data, err := serve.ReadPrivate(path, maxSecret)
	if err != nil {
		return "", fmt.Errorf("reading the %s: %w", name, err)
	}
	return strings.TrimRight(string(data), "\r\n"), nil
}

// checkURL wants the root of a service: http or https, a host, and nothing that belongs to one request.
func checkURL(flag, text string) error {
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return usage.Errorf("--%s is not the http or https address of a service", flag)
	}
	return nil
}
