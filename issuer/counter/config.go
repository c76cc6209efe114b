package counter

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"time"

	"mobileid/mdoc/apdu"
)

// Times a Config leaves zero.
const (
	// DefaultIdle is how long a visit lasts without anybody doing anything.
	DefaultIdle = 5 * time.Minute
	// DefaultReadWithin bounds one reading of a card.
	DefaultReadWithin = 35 * time.Second
)

// Reader is a card reader. Wait blocks until a card is in the field or ctx ends, and gives the way to it and a function that
// lets go of it. A Counter asks for one card at a time.
type Reader interface {
	Wait(ctx context.Context) (apdu.Transmitter, func(), error)
}

// DecodePortrait turns a JPEG 2000 portrait into a picture a browser shows (PNG or JPEG) and its media type.
type DecodePortrait func(ctx context.Context, jp2 []byte) (picture []byte, mediaType string, err error)

// Config is what a Counter works with.
type Config struct {
	// Reader is where cards are tapped. Required.
	Reader Reader
	// Issuer is where sessions are opened and evidence goes. Required.
	Issuer Issuer
	// QR draws the text of an invitation as a PNG. Required.
	QR func(text string) ([]byte, error)
	// Origin is the address of the page, http://127.0.0.1:PORT: requests for another host are refused. Required.
	Origin string
	// Portrait is optional: without it the page says that the portrait cannot be shown.
	Portrait DecodePortrait
	// Idle ends a visit that nobody goes on with; zero is DefaultIdle.
	Idle time.Duration
	// ReadWithin bounds one reading; zero is DefaultReadWithin.
	ReadWithin time.Duration
	// Extended reads with extended-length commands.
	Extended bool
	Now      func() time.Time // nil is the clock
	Rand     io.Reader        // nil is crypto/rand
	Log      *slog.Logger     // nil logs nothing
}

func (c Config) complete() (Config, error) {
	if c.Reader == nil || c.Issuer == nil || c.QR == nil {
		return c, errors.New("a required field is missing")
	}
	u, err := url.Parse(c.Origin)
	if err != nil || u.Scheme != "http" || u.Path != "" || u.RawQuery != "" || u.User != nil {
		return c, errors.New("origin is not http://ADDRESS:PORT")
	}
	if err := Loopback(u.Host); err != nil {
		return c, err
	}
	if c.Idle < 0 || c.ReadWithin < 0 {
		return c, errors.New("negative time")
	}
	if c.Idle == 0 {
		c.Idle = DefaultIdle
	}
	if c.ReadWithin == 0 {
		c.ReadWithin = DefaultReadWithin
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

// Loopback refuses an address to listen on that is not one of this machine alone. A name is refused too: it may be another's
// tomorrow.
func Loopback(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return errors.New("address is not host:port")
	}
	if !isLoopback(host) {
		return fmt.Errorf("%q is not a loopback address: PINs are typed here", host)
	}
	return nil
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
