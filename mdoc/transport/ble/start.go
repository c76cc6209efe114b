package ble

import (
	"bytes"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"

	"mobileid/mdoc/transport"
)

// The values of the State characteristic (ISO/IEC 18013-5:2021, 8.3.3.1.1.5, Table 13).
const (
	stateStart byte = 0x01
	stateEnd   byte = 0x02
)

// defaultAttempts is how often a connection is made anew when Config leaves it open.
const defaultAttempts = 4

// ErrIdent is returned by Connect to a mdoc whose reader offers another Ident: it has reached another reader. The mdoc has
// disconnected.
var ErrIdent = errors.New("the reader's Ident is another one")

// Config describes an end of a connection.
type Config struct {
	// Mode is the one chosen; it has no default.
	Mode Mode
	// Ident is the [IdentValue] that the mdoc compares. Connect demands it in mdoc central client mode, and only there.
	Ident []byte
	// MaxMessage bounds one message in bytes, both ways; 0 means [transport.DefaultMaxMessage].
	MaxMessage int
	// Attempts bounds how many connections are made before one has started; 0 means 4. A link that is lost before the
	// start may be made again, after it not.
	Attempts int
}

func (c *Config) complete() error {
	if c.Mode != PeripheralServer && c.Mode != CentralClient {
		return errors.New("no mode is chosen")
	}
	if c.MaxMessage <= 0 {
		c.MaxMessage = transport.DefaultMaxMessage
	}
	if c.Attempts <= 0 {
		c.Attempts = defaultAttempts
	}
	return nil
}

// Connect opens a connection at the GATT client: the reader in mdoc peripheral server mode, the mdoc in mdoc central client
// mode. dial connects to the service and gives the radio; it is called again when the link is lost before the start. In
// mdoc central client mode Ident is read and compared first, and [ErrIdent] ends the attempts.
//
// ctx bounds Connect and not the connection, which lasts until Close.
func Connect(ctx context.Context, cfg Config, dial func(context.Context) (ClientRadio, error)) (*Conn, error) {
	const op = "connecting over BLE"
	if err := cfg.complete(); err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	if mdoc := cfg.Mode == CentralClient; mdoc != (len(cfg.Ident) == IdentSize) || !mdoc && cfg.Ident != nil {
		return nil, fmt.Errorf("%s: %s and an Ident of %d bytes do not fit", op, cfg.Mode, len(cfg.Ident))
	}
	var err error
	for range cfg.Attempts {
		var radio ClientRadio
		if radio, err = dial(ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", op, err)
		}
		var again bool
		if again, err = startClient(ctx, cfg, radio); err == nil {
			return newConn(ctx, cfg, radio, false), nil
		}
		_ = radio.Close() // the first error is the one that counts
		if !again || ctx.Err() != nil {
			break
		}
	}
	return nil, fmt.Errorf("%s: %w", op, failure(ctx, err))
}

// startClient follows the order of ISO/IEC 18013-5:2021, 8.3.3.1.1.5: Ident, subscriptions, start. again tells whether the
// link was lost before the start.
func startClient(ctx context.Context, cfg Config, radio ClientRadio) (again bool, err error) {
	if err := checkMTU(radio); err != nil {
		return false, err
	}
	if cfg.Mode == CentralClient {
		if err := CheckIdent(ctx, radio, cfg.Ident); err != nil {
			return !errors.Is(err, ErrIdent), err
		}
	}
	for _, c := range []Characteristic{State, Server2Client} {
		if err := radio.Subscribe(ctx, c); err != nil {
			return true, err
		}
	}
	return false, radio.Send(ctx, State, []byte{stateStart})
}

// CheckIdent reads the reader's Ident and fails with [ErrIdent] when it is another one. [Connect] does it; a mdoc that is to
// go on over L2CAP calls it before it opens the channel, and disconnects when it fails.
func CheckIdent(ctx context.Context, radio ClientRadio, ident []byte) error {
	offered, err := radio.Read(ctx, Ident)
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(offered, ident) != 1 {
		return ErrIdent
	}
	return nil
}

// Serve opens a connection at the GATT server: the mdoc in mdoc peripheral server mode, the reader in mdoc central client
// mode, where the radio offers the [IdentValue]. accept waits for a client and gives the radio; it is called again when the
// client goes, or breaks the order of the start.
//
// ctx bounds Serve and not the connection, which lasts until Close.
func Serve(ctx context.Context, cfg Config, accept func(context.Context) (Radio, error)) (*Conn, error) {
	const op = "serving over BLE"
	if err := cfg.complete(); err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	if cfg.Ident != nil {
		return nil, fmt.Errorf("%s: the radio offers Ident, nothing here compares it", op)
	}
	var err error
	for range cfg.Attempts {
		var radio Radio
		if radio, err = accept(ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", op, err)
		}
		if err = startServer(ctx, radio); err == nil {
			return newConn(ctx, cfg, radio, true), nil
		}
		_ = radio.Close() // the first error is the one that counts
		if ctx.Err() != nil {
			break
		}
	}
	return nil, fmt.Errorf("%s: %w", op, failure(ctx, err))
}

// startServer waits for both subscriptions, in any order, and then for the start.
func startServer(ctx context.Context, radio Radio) error {
	if err := checkMTU(radio); err != nil {
		return err
	}
	subscribed := map[Characteristic]bool{}
	for {
		e, err := radio.Next(ctx)
		switch {
		case err != nil:
			return err
		case e.Subscription:
			subscribed[e.Characteristic] = len(e.Value) == 2 && e.Value[0]&1 == 1
			if len(subscribed) > len(Service(PeripheralServer)) {
				return fmt.Errorf("subscriptions without end: %w", transport.ErrProtocol)
			}
		case e.Characteristic != State || !bytes.Equal(e.Value, []byte{stateStart}):
			return fmt.Errorf("%s before the start: %w", e.Characteristic, transport.ErrProtocol)
		case !subscribed[State] || !subscribed[Server2Client]:
			return fmt.Errorf("start before the subscriptions: %w", transport.ErrProtocol)
		default:
			return nil
		}
	}
}

func checkMTU(radio Radio) error {
	if mtu := radio.MTU(); mtu < MinMTU {
		return fmt.Errorf("an MTU of %d, at least %d: %w", mtu, MinMTU, transport.ErrProtocol)
	}
	return nil
}

// failure names what went wrong with a radio: ctx's error when ctx has ended, the cause when it is known, else a lost link.
func failure(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, ErrIdent), errors.Is(err, transport.ErrClosed):
		return err
	}
	return fmt.Errorf("%w: %w", transport.ErrLost, err)
}
