package pcsc

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"

	"mobileid/mdoc/apdu"
)

// A Disposition says what becomes of the card at a disconnect, a reconnect or the end of a transaction.
type Disposition uint32

// Dispositions. A My Number card keeps what a PIN opened through a reset; only Unpower closes it.
const (
	Leave   Disposition = 0
	Reset   Disposition = 1
	Unpower Disposition = 2
)

// A Protocol is a transmission protocol of ISO/IEC 7816-3.
type Protocol uint32

// Protocols.
const (
	T0 Protocol = 1
	T1 Protocol = 2
)

const (
	shareExclusive uint32 = 1
	shareShared    uint32 = 2
)

// ConnectOptions of one card.
type ConnectOptions struct {
	// Shared lets other programs talk to the card between two transactions; without it there is SharingViolation for whoever comes second.
	Shared bool
	// Protocols allowed; 0 is T0 and T1.
	Protocols Protocol
}

func (o ConnectOptions) share() uint32 {
	if o.Shared {
		return shareShared
	}
	return shareExclusive
}

func (o ConnectOptions) protocols() uint32 {
	if o.Protocols != 0 {
		return uint32(o.Protocols)
	}
	return uint32(T0 | T1)
}

// A Card is a connected card, an apdu.Transmitter. It has a connection of its own: when that is dropped after a time-out, nothing
// else is. It is safe for concurrent use, one command at a time.
type Card struct {
	reader  string
	options ConnectOptions
	closing context.Context // Connect's, without its end

	mu       sync.Mutex // guards everything below
	conn     *conn
	handle   uint32
	protocol Protocol
	atr      []byte
}

var _ apdu.Transmitter = (*Card)(nil)

// Connect connects to the card in a reader, powering it up if need be.
func (c *Client) Connect(ctx context.Context, reader string, o ConnectOptions) (*Card, error) {
	n, err := c.options.dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("connecting to the card: %w", err)
	}
	k := &Card{reader: reader, options: o, closing: context.WithoutCancel(ctx), conn: n}
	if err := k.connect(ctx); err != nil {
		n.drop()
		return nil, fmt.Errorf("connecting to the card: %w", err)
	}
	return k, nil
}

func (k *Card) connect(ctx context.Context) error {
	answer, err := k.conn.call(ctx, cmdConnect, connectWords,
		k.conn.context, k.reader, k.options.share(), k.options.protocols(), uint32(0), uint32(0), uint32(0))
	if err != nil {
		return err
	}
	k.handle = field(answer, readerName+3*word)
	return k.activate(ctx, field(answer, readerName+4*word))
}

// connectWords is the size of connect_struct.
const connectWords = (readerName + 6*word) / word

// activate takes note of the protocol and of the ATR, which stands in the reader states.
func (k *Card) activate(ctx context.Context, protocol uint32) error {
	if k.protocol = Protocol(protocol); k.protocol != T0 && k.protocol != T1 {
		return fmt.Errorf("protocol %d is active: %w", protocol, ErrAnswer)
	}
	readers, err := k.conn.readers(ctx)
	if err != nil {
		return err
	}
	for _, r := range readers {
		if r.Name == k.reader {
			k.atr = r.ATR
			return nil
		}
	}
	return ReaderUnavailable
}

// Reader is the name of the card's reader.
func (k *Card) Reader() string { return k.reader }

// ATR is the answer to reset, 0 to 33 bytes as the reader gave them. The caller owns the slice.
func (k *Card) ATR() []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	return bytes.Clone(k.atr)
}

// Protocol is the active transmission protocol.
func (k *Card) Protocol() Protocol {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.protocol
}

// Transmit carries one command, short or extended, of at most apdu.MaxCommand bytes, and brings 1 to apdu.MaxResponse bytes:
// whether they are a response is for apdu.Exchange to say. Through T=0 only short commands go (ErrExtendedT0).
func (k *Card) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	response, err := k.transmit(ctx, command)
	if err != nil {
		return nil, fmt.Errorf("transmitting: %w", err)
	}
	return response, nil
}

func (k *Card) transmit(ctx context.Context, command []byte) ([]byte, error) {
	if len(command) > apdu.MaxCommand {
		return nil, fmt.Errorf("a command of %d bytes: %w", len(command), apdu.ErrLength)
	}
	if k.protocol == T0 {
		short, err := toT0(command)
		if err != nil {
			return nil, err
		}
		command = short
	}
	m, err := message(cmdTransmit, k.handle, uint32(k.protocol), uint32(pciSize), uint32(len(command)), //nolint:gosec // bounded above
		uint32(T0|T1), uint32(pciSize), uint32(apdu.MaxResponse), uint32(0))
	if err != nil {
		return nil, err
	}
	var response []byte
	refused := error(nil)
	err = k.conn.within(ctx, k.conn.timeout, func() error {
		if _, err := k.conn.Write(append(m, command...)); err != nil {
			return err
		}
		response, refused, err = k.conn.response()
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case refused != nil:
		return nil, refused
	case len(response) == 0:
		return nil, ErrNoResponse
	}
	return response, nil
}

// response reads the answer to cmdTransmit: the structure, and the bytes it announces unless it carries an error.
func (c *conn) response() (response []byte, refused, err error) {
	answer := make([]byte, 8*word)
	if _, err := io.ReadFull(c.Conn, answer); err != nil {
		return nil, nil, err
	}
	if err := returned(answer); err != nil {
		return nil, err, nil
	}
	length := field(answer, 6*word)
	if length > apdu.MaxResponse {
		return nil, nil, fmt.Errorf("a response of %d bytes: %w", length, ErrAnswer)
	}
	response = make([]byte, length)
	_, err = io.ReadFull(c.Conn, response)
	return response, nil, err
}
