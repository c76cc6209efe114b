package pcsc

import (
	"context"
	"fmt"

	"mobileid/mdoc/apdu"
)

// Begin starts a transaction: until End no other program's command reaches the card. It waits for another's transaction to end,
// at most Options.Timeout.
func (k *Card) Begin(ctx context.Context) error {
	return k.simple(ctx, "beginning a transaction", cmdBegin, 2, uint32(0))
}

// End ends the transaction.
func (k *Card) End(ctx context.Context, d Disposition) error {
	return k.simple(ctx, "ending the transaction", cmdEnd, 3, uint32(d), uint32(0))
}

// Status asks whether the card is still there and was not reset: NoCard, RemovedCard, ResetCard otherwise.
func (k *Card) Status(ctx context.Context) error {
	return k.simple(ctx, "asking for the card", cmdStatus, 2, uint32(0))
}

// simple is a call on the card whose answer says nothing but whether it worked.
func (k *Card) simple(ctx context.Context, what string, command uint32, words int, fields ...any) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, err := k.conn.call(ctx, command, words, append([]any{k.handle}, fields...)...); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// Reconnect powers the card down and up again (Unpower), resets it (Reset), or only takes note of another's reset (Leave). After
// ResetCard and RemovedCard it makes the connection usable again, with the card that is there then.
func (k *Card) Reconnect(ctx context.Context, d Disposition) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	answer, err := k.conn.call(ctx, cmdReconnect, 6,
		k.handle, k.options.share(), k.options.protocols(), uint32(d), uint32(0), uint32(0))
	if err == nil {
		err = k.activate(ctx, field(answer, 4*word))
	}
	if err != nil {
		return fmt.Errorf("reconnecting: %w", err)
	}
	return nil
}

// Close disconnects, takes the power off the card so that nothing a PIN opened stays open, and ends the connection. It may be
// called again, and after a failure or the end of Connect's context, and waits at most Options.Timeout.
func (k *Card) Close() error { return k.Disconnect(k.closing, Unpower) }

// Disconnect is Close with a choice of what becomes of the card.
func (k *Card) Disconnect(ctx context.Context, d Disposition) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.conn.gone {
		return nil
	}
	_, err := k.conn.call(ctx, cmdDisconnect, 3, k.handle, uint32(d), uint32(0))
	if err == nil {
		_, err = k.conn.call(ctx, cmdReleaseContext, 2, k.conn.context, uint32(0))
	}
	k.conn.drop()
	if err != nil {
		return fmt.Errorf("disconnecting: %w", err)
	}
	return nil
}

// An Attribute is a property of a reader (PC/SC part 3, attributes).
type Attribute uint32

// Attributes that many drivers of real readers have.
const (
	VendorName   Attribute = 0x00010100
	VendorSerial Attribute = 0x00010103
)

// Attribute asks the driver for a property: at most 264 bytes, unchecked. Drivers lack many of them.
func (k *Card) Attribute(ctx context.Context, a Attribute) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	answer, err := k.conn.call(ctx, cmdGetAttribute, attributeWords,
		k.handle, uint32(a), make([]byte, attributeValue), uint32(attributeValue), uint32(0))
	if err != nil {
		return nil, fmt.Errorf("asking for an attribute: %w", err)
	}
	length := field(answer, 2*word+attributeValue)
	if length > attributeValue {
		k.conn.drop()
		return nil, fmt.Errorf("asking for an attribute: a value of %d bytes: %w", length, ErrAnswer)
	}
	return answer[2*word : 2*word+length : 2*word+length], nil
}

// attributeWords is the size of getset_struct.
const attributeWords = (4*word + attributeValue) / word

// Exclusively runs f inside a transaction on a card shared with others, and ends the transaction whatever f does.
func (k *Card) Exclusively(ctx context.Context, f func(apdu.Transmitter) error) (err error) {
	if err := k.Begin(ctx); err != nil {
		return err
	}
	defer func() {
		if ended := k.End(context.WithoutCancel(ctx), Leave); err == nil {
			err = ended
		}
	}()
	return f(k)
}
